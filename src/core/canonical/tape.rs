//! The tape: what was read, flat, in the order of the input; and how it is written out.

use super::give_back;
use super::members::Member;

/// What a text was read into: a tree without pointers.
///
/// What is canonical as it stands in the input is one token, however much it holds. So a text that
/// is canonical altogether ends as a single token, and writing it out is one copy.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub tokens: Vec<Token>,
    /// Canonical spellings of what the input spells otherwise, and decoded member names.
    pub respelled: Vec<u8>,
    /// The containers that are being written.
    parents: Vec<u32>,
}

/// A value; or the name of a member, which the token of its value follows; or a name and value in one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    /// Where the text of the token begins in the input or among the respelled; for a container, the
    /// token of its first child.
    pub start: u32,
    /// The end of that; for a container, the token behind the last that is in it.
    pub end: u32,
    /// Of a value: the token of the sibling that is written next. The last one of a container has
    /// the container's `end` here.
    pub next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value, or a whole member, that is canonical as it stands in the input.
    Verbatim,
    /// A value that was spelled anew.
    Respelled,
    /// A member's name and its colon, canonical as they stand in the input.
    VerbatimName,
    /// A member's name and its colon, spelled anew.
    RespelledName,
    Array,
    Object,
}

impl Kind {
    /// The brackets around a container.
    fn brackets(self) -> (u8, u8) {
        if self == Kind::Array { (b'[', b']') } else { (b'{', b'}') }
    }
}

impl Tape {
    /// Makes room for another text.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.respelled.clear();
    }

    /// Keeps no more memory than is sensible from one text to the next.
    pub fn give_back(&mut self) {
        give_back(&mut self.tokens);
        give_back(&mut self.respelled);
    }

    /// The number of the token that is pushed next.
    pub fn end(&self) -> u32 {
        self.tokens.len() as u32
    }

    /// Appends a token; until told otherwise, the one behind it is written next.
    pub fn push(&mut self, kind: Kind, start: u32, end: u32) {
        let next = self.end() + 1;
        self.tokens.push(Token { kind, start, end, next });
    }

    /// Replaces all from `token` on by one token: what they hold is canonical as `input[start..end]`.
    pub fn collapse(&mut self, token: u32, start: u32, end: u32) {
        self.tokens.truncate(token as usize);
        self.push(Kind::Verbatim, start, end);
    }

    /// Completes the container at `token`, to which all behind it belong. `order` gives the members of
    /// an object in the order in which they are to be written; without it, children keep theirs.
    pub fn close(&mut self, token: u32, order: Option<&[Member]>) {
        let end = self.end();
        let mut first = token + 1;
        if let Some(members) = order {
            let followers = members.iter().skip(1).map(|member| member.token).chain([end]);
            for (member, follower) in members.iter().zip(followers) {
                let value = self.value_of(member.token);
                self.tokens[value as usize].next = follower;
            }
            first = members.first().map_or(first, |member| member.token);
        }
        let container = &mut self.tokens[token as usize];
        (container.start, container.end, container.next) = (first, end, end);
    }

    /// The token of a member's value: the one behind its name, unless both are one.
    fn value_of(&self, member: u32) -> u32 {
        match self.tokens[member as usize].kind {
            Kind::VerbatimName | Kind::RespelledName => member + 1,
            _ => member,
        }
    }

    /// Appends the canonical form of what was read to `out`.
    pub fn emit(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.parents.clear();
        let mut at = 0;
        loop {
            let token = self.tokens[at as usize];
            let text = token.start as usize..token.end as usize;
            match token.kind {
                Kind::Verbatim | Kind::VerbatimName => out.extend_from_slice(&input[text]),
                Kind::Respelled | Kind::RespelledName => out.extend_from_slice(&self.respelled[text]),
                Kind::Array | Kind::Object => {
                    out.push(token.kind.brackets().0);
                    self.parents.push(at);
                }
            }
            at = match token.kind {
                Kind::VerbatimName | Kind::RespelledName => at + 1,
                Kind::Array | Kind::Object if token.start < token.end => token.start,
                Kind::Array | Kind::Object => match self.close_and_separate(token.end, out) {
                    Some(next) => next,
                    None => return,
                },
                Kind::Verbatim | Kind::Respelled => match self.close_and_separate(token.next, out) {
                    Some(next) => next,
                    None => return,
                },
            }
        }
    }

    /// Writes what stands between a value and the token `next` that follows it: the brackets of the
    /// containers that end there, and a comma. `None` if the whole text ends there.
    fn close_and_separate(&mut self, mut next: u32, out: &mut Vec<u8>) -> Option<u32> {
        while let Some(&parent) = self.parents.last() {
            let parent = self.tokens[parent as usize];
            if next != parent.end {
                out.push(b',');
                return Some(next);
            }
            out.push(parent.kind.brackets().1);
            self.parents.pop();
            next = parent.next;
        }
        None
    }
}
