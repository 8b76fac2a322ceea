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
    /// Whether all members of an object so far came in order.
    in_order: bool,
    /// Its token.
    token: u32,
    /// The offset of its bracket.
    offset: u32,
    /// How many deviations had been met before it.
    deviations: u32,
    /// Of an object: where its members begin among all members of open objects.
    members: u32,
    /// Of an object: how many deviations had been met before the member that is being read.
    member_deviations: u32,
}

impl Open {
    /// What the outermost value is read in. Nothing closes it.
    pub const TEXT: Open = Open {
        kind: Kind::Text,
        in_order: true,
        token: 0,
        offset: 0,
        deviations: 0,
        members: 0,
        member_deviations: 0,
    };
}

/// Reads one text.
///
/// Most of most texts is plain: strings without escapes, numbers in their shortest form, no white space. What is
/// plain takes a short way through the functions here, and only what is not goes where spellings and faults are told
/// apart.
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
    /// The innermost open container.
    pub inner: Open,
    /// What is open around it, the outermost first: as many as values are open.
    pub outer: &'a mut Vec<Open>,
}

impl Scanner<'_> {
    /// Reads the whole text. Fails at the first fault in reading order, but for duplicate names, which
    /// may be noticed only where their object ends.
    pub fn scan(&mut self) -> Result<(), BadJson> {
        loop {
            if self.inner.kind == Kind::Object {
                self.name()?;
            }
            let mut complete = self.begin_value()?;
            while complete {
                if self.outer.is_empty() {
                    return self.end_of_text();
                }
                complete = self.end_value()?;
            }
        }
    }

    /// Reads a value, if it is not a container, and says `true`: it is complete. Of a container it
    /// reads the bracket, and says `false`; an empty one is complete.
    #[inline]
    fn begin_value(&mut self) -> Result<bool, BadJson> {
        let next = self.peek();
        let start = self.at;
        let plain = match next {
            Some(b'"') => strings::scan_plain(self.input, start),
            Some(b'-' | b'0'..=b'9') => numbers::scan_plain(self.input, start),
            Some(b'{') => return self.open(Kind::Object),
            Some(b'[') => return self.open(Kind::Array),
            _ => self.word(),
        };
        match plain {
            Some(end) => {
                self.at = end;
                self.verbatim_value(self.tape.end(), start);
            }
            None => self.unusual_value()?,
        }
        Ok(true)
    }

    /// The offset behind `null`, `true` or `false`.
    #[inline]
    fn word(&self) -> Option<usize> {
        let rest = self.input.get(self.at..)?;
        let word = [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word))?;
        Some(self.at + word.len())
    }

    /// Reads a string or number that may have to be spelled anew.
    fn unusual_value(&mut self) -> Result<(), BadJson> {
        let start = self.at;
        let respelled = self.respelled.len();
        self.at = match self.input.get(start) {
            Some(b'"') => strings::scan(self.input, start, self.respelled)?,
            Some(b'-' | b'0'..=b'9') => numbers::scan(self.input, start, self.respelled)?,
            _ => return Err(unexpected(self.input, start, "a value")),
        };
        if self.respelled.len() == respelled {
            self.verbatim_value(self.tape.end(), start);
        } else {
            self.deviations += 1;
            self.tape.push(Kind::Text, self.respelled(respelled));
        }
        Ok(())
    }

    /// Makes one token of the value that was read since the offset `start`, onto the tape from `token` on, and that is
    /// canonical as it stands; and of the name before it, too, if that is.
    #[inline]
    fn verbatim_value(&mut self, token: u32, start: usize) {
        if self.inner.kind == Kind::Object && self.deviations == self.inner.member_deviations {
            self.tape.join_name(token, position(self.at));
        } else {
            self.tape.collapse(token, self.verbatim(start));
        }
    }

    /// Steps over an opening bracket, and over the closing one if that follows: the container is complete.
    fn open(&mut self, kind: Kind) -> Result<bool, BadJson> {
        if self.outer.len() == MAX_DEPTH {
            return Err(Fault::TooDeep.at(self.at));
        }
        self.outer.push(self.inner);
        self.inner = Open {
            kind,
            in_order: true,
            token: self.tape.end(),
            offset: position(self.at),
            deviations: self.deviations,
            members: position(self.members.len()),
            member_deviations: self.deviations,
        };
        self.tape.open(kind);
        self.at += 1;
        if self.peek() != Some(kind.brackets().1) {
            return Ok(false);
        }
        self.close().map(|()| true)
    }

    /// Reads what follows a value in a container: a comma (`false`: more is to come), or the closing
    /// bracket (`true`: the container is complete).
    #[inline]
    fn end_value(&mut self) -> Result<bool, BadJson> {
        match (self.peek(), self.inner.kind) {
            (Some(b','), _) => {
                self.at += 1;
                Ok(false)
            }
            (Some(b'}'), Kind::Object) | (Some(b']'), Kind::Array) => self.close().map(|()| true),
            (_, Kind::Object) => Err(unexpected(self.input, self.at, "',' or '}'")),
            (_, _) => Err(unexpected(self.input, self.at, "',' or ']'")),
        }
    }

    /// Steps over a closing bracket.
    fn close(&mut self) -> Result<(), BadJson> {
        self.at += 1;
        let closed = std::mem::replace(&mut self.inner, self.outer.pop().unwrap_or(Open::TEXT));
        if self.deviations == closed.deviations {
            self.verbatim_value(closed.token, closed.offset as usize);
        } else if closed.in_order {
            self.tape.close(closed.token, None);
        } else {
            let texts = Texts { input: self.input, respelled: self.respelled };
            let members = &mut self.members[closed.members as usize..];
            members::sort(members, texts)?;
            self.tape.close(closed.token, Some(members));
        }
        self.members.truncate(closed.members as usize);
        Ok(())
    }

    /// Reads a member's name and the colon behind it.
    #[inline]
    fn name(&mut self) -> Result<(), BadJson> {
        if self.input.get(self.at) != Some(&b'"') && self.peek() != Some(b'"') {
            return Err(self.no_name());
        }
        let start = self.at;
        let deviations = self.deviations;
        match strings::scan_plain_name(self.input, start) {
            Some((end, beginning)) => {
                self.at = end;
                let token = self.tape.end();
                self.tape.push(Kind::Name, self.verbatim(start));
                let characters = Span { start: position(start + 1), end: position(end - 2) };
                self.note(Member::new(beginning, characters, token, position(start)), deviations)
            }
            None => self.unusual_name(start, deviations),
        }
    }

    /// The refusal of what stands in the place of a name.
    #[cold]
    fn no_name(&self) -> BadJson {
        let is_first = self.members.len() == self.inner.members as usize;
        unexpected(self.input, self.at, if is_first { "a member name or '}'" } else { "a member name" })
    }

    /// Reads a name with escapes in it, with white space between it and the colon, or that nearly ends the text.
    #[inline(never)]
    fn unusual_name(&mut self, start: usize, deviations: u32) -> Result<(), BadJson> {
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
        let token = self.tape.end() - 1;
        let decoded = self.respelled.len();
        strings::decode(self.input, start, end, self.respelled)?;
        let beginning = self.respelled[decoded..].iter().take(8).rev();
        let beginning = beginning.fold(0, |word, &byte| word << 8 | u64::from(byte));
        self.note(Member::new(beginning, self.respelled(decoded), token, position(start)), deviations)
    }

    /// Notes a member of the innermost object, before which so many deviations had been met, and whether it comes in order.
    #[inline]
    fn note(&mut self, member: Member, deviations: u32) -> Result<(), BadJson> {
        self.inner.member_deviations = deviations;
        let is_first = self.members.len() == self.inner.members as usize;
        // The beginnings of two names mostly say already which comes first.
        let in_order = is_first || self.members.last().is_none_or(|last| last.is_surely_before(&member));
        self.members.push(member);
        if in_order || !self.inner.in_order { Ok(()) } else { self.look_at_order() }
    }

    /// Looks, at whole names, whether the last two members of the innermost object are in order.
    #[inline(never)]
    fn look_at_order(&mut self) -> Result<(), BadJson> {
        let texts = Texts { input: self.input, respelled: self.respelled };
        let [.., previous, member] = &self.members[..] else { return Ok(()) };
        match previous.order(member, texts) {
            Ordering::Less => {}
            Ordering::Equal => return Err(member.duplicate(texts)),
            Ordering::Greater => {
                // This is the object's deviation, not the member's.
                self.inner.in_order = false;
                self.inner.member_deviations += 1;
                self.deviations += 1;
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
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.input.get(self.at) {
            Some(..=b' ') => self.skip_space(),
            next => next.copied(),
        }
    }

    #[inline(never)]
    fn skip_space(&mut self) -> Option<u8> {
        let rest = &self.input[self.at..];
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.deviations += u32::from(spaces > 0);
        self.at += spaces;
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
