//! Reading: one pass over the input, onto the tape, with a stack of open containers and no recursion.

use std::cmp::Ordering;

use super::MAX_DEPTH;
use super::fault::{BadJson, Fault, unexpected};
use super::members::{Member, Name, Names};
use super::tape::{Kind, Tape};
use super::{numbers, strings};

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
                if self.open.is_empty() {
                    return self.end_of_text();
                }
                complete = self.end_value()?;
            }
        }
    }

    /// Reads a value, if it is not a container, and says `true`: it is complete. Of a container it
    /// reads what precedes the first value in it, and says `false`; an empty one is complete.
    fn begin_value(&mut self) -> Result<bool, BadJson> {
        let next = self.peek();
        let start = self.at;
        let respelled = self.tape.respelled.len();
        match next {
            Some(b'"') => self.at = strings::scan(self.input, start, &mut self.tape.respelled)?.end,
            Some(b'-' | b'0'..=b'9') => self.at = numbers::scan(self.input, start, &mut self.tape.respelled)?,
            Some(b'{') => return self.begin_object(),
            Some(b'[') => return self.begin_array(),
            _ => self.word()?,
        }
        if self.tape.respelled.len() == respelled {
            self.tape.push(Kind::Verbatim, position(start), position(self.at));
        } else {
            self.deviations += 1;
            let end = position(self.tape.respelled.len());
            self.tape.push(Kind::Respelled, position(respelled), end);
        }
        Ok(true)
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
        // Where its children are is known when it is closed.
        self.tape.push(kind, 0, 0);
        self.at += 1;
        Ok(())
    }

    /// Reads what follows a value in a container: a comma and, in an object, the next name (`false`: a
    /// value comes next); or the closing bracket (`true`: the container is complete).
    fn end_value(&mut self) -> Result<bool, BadJson> {
        let Some(open) = self.open.last().copied() else { return Ok(true) };
        if open.kind == Kind::Object {
            self.end_member(open);
        }
        match (self.peek(), open.kind) {
            (Some(b','), kind) => {
                self.at += 1;
                if kind == Kind::Object {
                    self.peek();
                    self.name("a member name")?;
                }
                Ok(false)
            }
            (Some(b']'), Kind::Array) | (Some(b'}'), Kind::Object) => self.close().map(|()| true),
            (_, Kind::Array) => Err(unexpected(self.input, self.at, "',' or ']'")),
            (_, _) => Err(unexpected(self.input, self.at, "',' or '}'")),
        }
    }

    /// Makes one token of a member that is canonical as it stands.
    fn end_member(&mut self, open: Open) {
        if let Some(member) = self.members.last()
            && self.deviations == open.member_deviations
        {
            self.tape.collapse(member.token, member.offset, position(self.at));
        }
    }

    /// Steps over a closing bracket.
    fn close(&mut self) -> Result<(), BadJson> {
        self.at += 1;
        let Some(open) = self.open.pop() else { return Ok(()) };
        if self.deviations == open.deviations {
            self.tape.collapse(open.token, open.offset, position(self.at));
        } else {
            let members = &mut self.members[open.members as usize..];
            if !open.in_order {
                Names { input: self.input, decoded: &self.tape.respelled }.sort(members)?;
            }
            let order = (!open.in_order).then_some(&*members);
            self.tape.close(open.token, order);
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
        let respelled = self.tape.respelled.len();
        let string = strings::scan(self.input, start, &mut self.tape.respelled)?;
        self.at = string.end;
        if self.peek() != Some(b':') {
            return Err(unexpected(self.input, self.at, "':'"));
        }
        if self.tape.respelled.len() > respelled {
            self.deviations += 1;
        } else if self.at > string.end {
            self.tape.respelled.extend_from_slice(&self.input[start..string.end]);
        }
        self.at += 1;
        if self.deviations == deviations {
            self.tape.push(Kind::VerbatimName, position(start), position(self.at));
        } else {
            self.tape.respelled.push(b':');
            let end = position(self.tape.respelled.len());
            self.tape.push(Kind::RespelledName, position(respelled), end);
        }
        let name = self.decoded_name(start, &string)?;
        self.begin_member(name, start, token, deviations)
    }

    /// Where the characters of a name stand that was read as `string` from `start` on.
    fn decoded_name(&mut self, start: usize, string: &strings::ScannedString) -> Result<Name, BadJson> {
        if !string.escaped {
            return Ok(Name::Plain { start: position(start + 1), end: position(string.end - 1) });
        }
        let decoded = position(self.tape.respelled.len());
        strings::decode(self.input, start, string.end, &mut self.tape.respelled)?;
        Ok(Name::Decoded { start: decoded, end: position(self.tape.respelled.len()) })
    }

    /// Notes a member of the innermost object, and whether it comes in order.
    fn begin_member(&mut self, name: Name, start: usize, token: u32, deviations: u32) -> Result<(), BadJson> {
        let names = Names { input: self.input, decoded: &self.tape.respelled };
        let member = names.member(name, position(start), token);
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.member_deviations = deviations;
        if open.in_order
            && let Some(previous) = self.members[open.members as usize..].last()
        {
            match names.order(previous, &member) {
                Ordering::Less => {}
                Ordering::Equal => return Err(names.duplicate(&member)),
                Ordering::Greater => {
                    // This is the object's deviation, not the member's.
                    open.in_order = false;
                    open.member_deviations += 1;
                    self.deviations += 1;
                }
            }
        }
        self.members.push(member);
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
        let start = self.at;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.input.get(self.at) {
            self.at += 1;
        }
        self.deviations += u32::from(self.at > start);
        self.input.get(self.at).copied()
    }
}

/// An offset as it is kept on the tape. Nothing is lost: the input is at most [`super::MAX_BYTES`] long,
/// and no spelling and decoding together make eight times as much of it.
fn position(offset: usize) -> u32 {
    offset as u32
}
