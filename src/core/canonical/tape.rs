//! The tape: what was read, flat, in the order of the input; and how it is written out.

use super::give_back;
use super::members::Member;

/// A piece of text: `start..end` of the input followed by what was spelled anew, see [`Texts`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn len(self) -> u32 {
        self.end - self.start
    }
}

/// What a [`Span`] refers to.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub input: &'a [u8],
    pub respelled: &'a [u8],
}

impl<'a> Texts<'a> {
    /// The bytes of a span.
    pub fn get(self, span: Span) -> &'a [u8] {
        &self.from(span.start)[..span.len() as usize]
    }

    /// Appends the bytes of a span to `out`.
    #[inline]
    pub fn append(self, span: Span, out: &mut Vec<u8>) {
        // Most are short. To copy always as many, and to take back what was too much, is less work than to copy the
        // right number.
        const SHORT: usize = 32;
        match self.from(span.start).first_chunk::<SHORT>() {
            Some(bytes) if span.len() as usize <= SHORT => {
                let end = out.len() + span.len() as usize;
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            _ => out.extend_from_slice(self.get(span)),
        }
    }

    /// All bytes from `start` on, to the end of the input if `start` is in that.
    pub fn from(self, start: u32) -> &'a [u8] {
        let start = start as usize;
        match start.checked_sub(self.input.len()) {
            None => &self.input[start..],
            Some(start) => &self.respelled[start..],
        }
    }
}

/// What a text was read into: a tree without pointers.
///
/// What is canonical as it stands in the input is one token, however much it holds. So a text that
/// is canonical altogether ends as a single token, and writing it out is one copy.
#[derive(Debug, Default)]
pub(super) struct Tape {
    tokens: Vec<Token>,
    /// The containers that are being written.
    parents: Vec<u32>,
}

/// A value; or the name of a member, which the token of its value follows; or a name and value in one.
#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    /// The canonical text of the token; for a container, its children: the token of the one that is
    /// written first, and the token behind the last that is in it.
    span: Span,
    /// Of a value: the token of the sibling that is written next. The last one of a container has
    /// the end of the container here.
    next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value, or a whole member.
    Text,
    /// A member's name and its colon.
    Name,
    Array,
    Object,
}

impl Kind {
    /// The brackets around a container.
    pub fn brackets(self) -> (u8, u8) {
        if self == Kind::Array { (b'[', b']') } else { (b'{', b'}') }
    }
}

impl Tape {
    /// Forgets what was read.
    pub fn clear(&mut self) {
        self.tokens.clear();
    }

    /// Keeps no more memory than is sensible from one text to the next.
    pub fn give_back(&mut self) {
        give_back(&mut self.tokens);
    }

    /// The bytes of memory that the tokens take, used or not.
    #[cfg(test)]
    pub fn retained_bytes(&self) -> usize {
        self.tokens.capacity() * size_of::<Token>()
    }

    /// The number of the token that is pushed next.
    pub fn end(&self) -> u32 {
        self.tokens.len() as u32
    }

    /// Appends a token; until told otherwise, the one behind it is written next.
    pub fn push(&mut self, kind: Kind, span: Span) {
        let next = self.end() + 1;
        self.tokens.push(Token { kind, span, next });
    }

    /// Appends a container, which the tokens of its children are to follow.
    pub fn open(&mut self, kind: Kind) {
        let first = self.end() + 1;
        self.push(kind, Span { start: first, end: first });
    }

    /// Completes the container at `token`, to which all behind it belong. `order` gives the members of
    /// an object in the order in which they are to be written; without it, children keep theirs.
    pub fn close(&mut self, token: u32, order: Option<&[Member]>) {
        let end = self.end();
        let mut first = token + 1;
        if let Some(members) = order {
            // From the last to the first, each told of the one behind it.
            first = members.iter().rev().fold(end, |follower, member| {
                let value = self.value_of(member.token);
                self.tokens[value as usize].next = follower;
                member.token
            });
        }
        let container = &mut self.tokens[token as usize];
        container.span = Span { start: first, end };
        container.next = end;
    }

    /// The token of a member's value: the one behind its name, unless both are one.
    fn value_of(&self, member: u32) -> u32 {
        member + u32::from(self.tokens[member as usize].kind == Kind::Name)
    }

    /// Replaces all from `token` on by one token, the text of all that they hold.
    pub fn collapse(&mut self, token: u32, span: Span) {
        self.tokens.truncate(token as usize);
        self.push(Kind::Text, span);
    }

    /// Replaces all from `token` on by making the name before it the text of the whole member, up to the offset `end`.
    #[inline]
    pub fn join_name(&mut self, token: u32, end: u32) {
        self.tokens.truncate(token as usize);
        if let Some(member) = self.tokens.last_mut() {
            member.kind = Kind::Text;
            member.span.end = end;
        }
    }

    /// Appends the canonical form of what was read to `out`.
    pub fn emit(&mut self, texts: Texts, out: &mut Vec<u8>) {
        self.parents.clear();
        let mut at = 0;
        // The token behind the container that is being written; behind the whole text, at first.
        let mut end = self.end();
        loop {
            let token = self.tokens[at as usize];
            let mut next = token.next;
            match token.kind {
                Kind::Text | Kind::Name => {
                    texts.append(token.span, out);
                    if token.kind == Kind::Name {
                        at += 1;
                        continue;
                    }
                }
                Kind::Array | Kind::Object => {
                    out.push(token.kind.brackets().0);
                    self.parents.push(at);
                    end = token.span.end;
                    if token.span.start < end {
                        at = token.span.start;
                        continue;
                    }
                    next = end;
                }
            }
            // Closes all containers that end here.
            while next == end {
                let Some(parent) = self.parents.pop() else { return };
                let parent = self.tokens[parent as usize];
                out.push(parent.kind.brackets().1);
                next = parent.next;
                end = self.parents.last().map_or(self.end(), |&parent| self.tokens[parent as usize].span.end);
            }
            out.push(b',');
            at = next;
        }
    }
}
