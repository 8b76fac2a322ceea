//! Reading: one pass over the input, onto the tape, with a stack of open containers and no recursion.

use std::cmp::Ordering;

use super::MAX_DEPTH;
use super::fault::{BadJson, Fault, unexpected};
use super::members::{self, Member};
use super::numbers;
use super::strings;
use super::tape::{Kind, Span, Tape, Texts};

/// A container that is still being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    kind: Kind,
    /// Its token.
    token: u32,
    /// The offset of its bracket.
    offset: u32,
    /// How many deviations had been met before it.
    deviations: u32,
    /// Of an object: where its members begin among all members of open objects.
    members: u32,
    /// Of an object: whether all its members so far came in order.
    in_order: bool,
    /// Of an object: how many deviations had been met before the member that is being read.
    member_deviations: u32,
}

/// Reads one text.
pub(super) struct Scanner<'a> {
    /// The text, in UTF-8.
    pub input: &'a [u8],
    /// The offset of the next byte.
    pub at: usize,
    /// How often the input deviated from its canonical form so far: by white space, by the spelling of
    /// a string or number, by members out of order. What was read without a new deviation is canonical.
    pub deviations: u32,
    pub tape: &'a mut Tape,
    /// Canonical spellings of what the input spells otherwise, and decoded member names.
    pub respelled: &'a mut Vec<u8>,
    /// The members of all open objects, the innermost object's last.
    pub members: &'a mut Vec<Member>,
    /// The open containers, the innermost last.
    pub open: &'a mut Vec<Open>,
}

impl Scanner<'_> {
    /// Reads the whole text. Fails at the first fault in reading order, but for duplicate names, which
    /// may be noticed only where their object ends.
    pub fn scan(&mut self) -> Result<(), BadJson> {
        loop {
            let mut complete = self.begin_value()?;
            while complete {
                let Some(&open) = self.open.last() else { return self.end_of_text() };
                complete = self.end_value(open)?;
            }
        }
    }

    /// Reads a value, if it is not a container, and says `true`: it is complete. Of a container it
    /// reads what precedes the first value in it, and says `false`; an empty one is complete.
    fn begin_value(&mut self) -> Result<bool, BadJson> {
        let next = self.peek();
        let start = self.at;
        let respelled = self.respelled.len();
        match next {
            Some(b'"') => self.at = self.string(start)?,
            Some(b'-' | b'0'..=b'9') => self.at = numbers::scan(self.input, start, self.respelled)?,
            Some(b'{') => return self.begin_object(),
            Some(b'[') => return self.begin_array(),
            _ => self.word()?,
        }
        let span = if self.respelled.len() == respelled {
            self.verbatim(start)
        } else {
            self.deviations += 1;
            self.respelled(respelled)
        };
        self.tape.push(Kind::Text, span);
        Ok(true)
    }

    /// Reads the string that begins at `start`; returns the offset behind it.
    #[inline]
    fn string(&mut self, start: usize) -> Result<usize, BadJson> {
        match strings::scan_plain(self.input, start) {
            Some(end) => Ok(end),
            None => strings::scan(self.input, start, self.respelled),
        }
    }

    /// Reads `null`, `true` or `false`.
    fn word(&mut self) -> Result<(), BadJson> {
        let rest = &self.input[self.at..];
        let word = [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word));
        self.at += word.ok_or_else(|| unexpected(self.input, self.at, "a value"))?.len();
        Ok(())
    }

    fn begin_array(&mut self) -> Result<bool, BadJson> {
        self.open(Kind::Array)?;
        if self.peek() != Some(b']') {
            return Ok(false);
        }
        self.close()?;
        Ok(true)
    }

    fn begin_object(&mut self) -> Result<bool, BadJson> {
        self.open(Kind::Object)?;
        if self.peek() != Some(b'}') {
            self.name("a member name or '}'")?;
            return Ok(false);
        }
        self.close()?;
        Ok(true)
    }

    /// Steps over an opening bracket.
    fn open(&mut self, kind: Kind) -> Result<(), BadJson> {
        if self.open.len() == MAX_DEPTH {
            return Err(Fault::TooDeep.at(self.at));
        }
        self.open.push(Open {
            kind,
            token: self.tape.end(),
            offset: position(self.at),
            deviations: self.deviations,
            members: position(self.members.len()),
            in_order: true,
            member_deviations: self.deviations,
        });
        self.tape.open(kind);
        self.at += 1;
        Ok(())
    }

    /// Reads what follows a value in a container: a comma and, in an object, the next name (`false`: a
    /// value comes next); or the closing bracket (`true`: the container is complete).
    fn end_value(&mut self, open: Open) -> Result<bool, BadJson> {
        if open.kind == Kind::Object {
            self.end_member(open);
        }
        match (self.peek(), open.kind) {
            (Some(b','), Kind::Object) => {
                self.at += 1;
                self.peek();
                self.name("a member name").map(|()| false)
            }
            (Some(b','), _) => {
                self.at += 1;
                Ok(false)
            }
            (Some(b'}'), Kind::Object) | (Some(b']'), Kind::Array) => self.close().map(|()| true),
            (_, Kind::Object) => Err(unexpected(self.input, self.at, "',' or '}'")),
            (_, _) => Err(unexpected(self.input, self.at, "',' or ']'")),
        }
    }

    /// Makes one token of a member that is canonical as it stands.
    fn end_member(&mut self, open: Open) {
        if let Some(&member) = self.members.last()
            && self.deviations == open.member_deviations
        {
            self.tape.collapse(member.token, self.verbatim(member.offset as usize));
        }
    }

    /// Steps over a closing bracket.
    fn close(&mut self) -> Result<(), BadJson> {
        self.at += 1;
        let Some(open) = self.open.pop() else { return Ok(()) };
        if self.deviations == open.deviations {
            self.tape.collapse(open.token, self.verbatim(open.offset as usize));
        } else if open.in_order {
            self.tape.close(open.token, None);
        } else {
            let texts = Texts { input: self.input, respelled: self.respelled };
            let members = &mut self.members[open.members as usize..];
            members::sort(members, texts)?;
            self.tape.close(open.token, Some(members));
        }
        self.members.truncate(open.members as usize);
        Ok(())
    }

    /// Reads a member's name and the colon behind it.
    fn name(&mut self, expected: &'static str) -> Result<(), BadJson> {
        let start = self.at;
        if self.input.get(start) != Some(&b'"') {
            return Err(unexpected(self.input, start, expected));
        }
        let deviations = self.deviations;
        let token = self.tape.end();
        let characters = match strings::scan_plain(self.input, start) {
            Some(end) if self.input.get(end) == Some(&b':') => {
                self.at = end + 1;
                self.tape.push(Kind::Name, self.verbatim(start));
                Span { start: position(start + 1), end: position(end - 1) }
            }
            _ => self.unusual_name(start)?,
        };
        self.begin_member(characters, start, token, deviations)
    }

    /// Reads a name with escapes in it, or with white space between it and the colon. Returns where its
    /// characters stand.
    fn unusual_name(&mut self, start: usize) -> Result<Span, BadJson> {
        let respelled = self.respelled.len();
        let end = strings::scan(self.input, start, self.respelled)?;
        self.at = end;
        if self.peek() != Some(b':') {
            return Err(unexpected(self.input, self.at, "':'"));
        }
        self.at += 1;
        if self.respelled.len() > respelled || self.at > end + 1 {
            self.deviations += 1;
            if self.respelled.len() == respelled {
                self.respelled.extend_from_slice(&self.input[start..end]);
            }
            self.respelled.push(b':');
            self.tape.push(Kind::Name, self.respelled(respelled));
        } else {
            self.tape.push(Kind::Name, self.verbatim(start));
        }
        let decoded = self.respelled.len();
        strings::decode(self.input, start, end, self.respelled)?;
        Ok(self.respelled(decoded))
    }

    /// Notes a member of the innermost object, and whether it comes in order.
    fn begin_member(&mut self, name: Span, start: usize, token: u32, deviations: u32) -> Result<(), BadJson> {
        let texts = Texts { input: self.input, respelled: self.respelled };
        self.members.push(Member::new(name, token, position(start), texts));
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.member_deviations = deviations;
        if open.in_order
            && let [.., previous, member] = &self.members[open.members as usize..]
        {
            match previous.order(member, texts) {
                Ordering::Less => {}
                Ordering::Equal => return Err(member.duplicate(texts)),
                Ordering::Greater => {
                    // This is the object's deviation, not the member's.
                    open.in_order = false;
                    open.member_deviations += 1;
                    self.deviations += 1;
                }
            }
        }
        Ok(())
    }

    /// Only white space may follow the outermost value.
    fn end_of_text(&mut self) -> Result<(), BadJson> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(unexpected(self.input, self.at, "the end of the text")),
        }
    }

    /// Steps over white space (RFC 8259, 2) to the next byte, which is returned but not stepped over.
    fn peek(&mut self) -> Option<u8> {
        match self.input.get(self.at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => {}
            next => return next.copied(),
        }
        self.deviations += 1;
        let rest = &self.input[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.input.get(self.at).copied()
    }

    /// What was read since the offset `start`.
    fn verbatim(&self, start: usize) -> Span {
        Span { start: position(start), end: position(self.at) }
    }

    /// What was spelled anew since `respelled` held `start` bytes.
    fn respelled(&self, start: usize) -> Span {
        let behind = self.input.len();
        Span { start: position(behind + start), end: position(behind + self.respelled.len()) }
    }
}

/// An offset as it is kept in a [`Span`]. Nothing is lost: the input is at most
/// [`super::MAX_BYTES`] long, and what is spelled anew at most six times as long.
fn position(offset: usize) -> u32 {
    offset as u32
}
