//! Tokens: the exclusive right to compute one entry, as a text that its holder gives back.
//!
//! A token says all that is needed to judge and store a result, so that it is good after a restart or a failover,
//! and still finds its entry after a rule changed the hashing:
//!
//! ```text
//! t1-namespace-incarnation-clock-server-number-fingerprint-operation[tags]
//! ```
//!
//! The first five are numbers of 16 hexadecimal digits: a hash of the namespace's name, a point of its clock, and
//! what tells grants apart. The tags are JSON: what the rules drew from the params at the grant, in clear.

use std::fmt;

use super::fingerprint::Fingerprint;
use super::name::{NamespaceName, OperationName};
use super::origin::Incarnation;
use super::policy::templates::{self, Template};
use super::refusal::{Code, Refusal, quoted};
use super::stamp::{Stamp, take_dashed};
use super::state::Address;

/// Tells grants apart: none is ever made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId {
    /// Random bits of the process that granted it.
    pub server: u64,
    /// Which of its grants it is, counted from 1; later ones are larger.
    pub number: u64,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Lease,
    /// Granted where the cache is bypassed: what it fills is dropped.
    Bypass,
}

impl Kind {
    /// What the text begins with; the digit is the version of its form.
    fn prefix(self) -> &'static str {
        match self {
            Kind::Lease => "t1-",
            Kind::Bypass => "b1-",
        }
    }
}

/// The longest token, in bytes. What would come to more is not granted.
const MAX_BYTES: usize = 64 << 10;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    /// The clock at the grant; see [`before_namespace`](Self::before_namespace).
    pub since: Stamp,
    pub id: GrantId,
    pub fingerprint: Fingerprint,
    operation: Box<str>,
    /// What the rules drew from the params.
    pub tags: Box<[Template]>,
}

impl Token {
    /// The token of a grant for the entry at `address`.
    pub fn new(kind: Kind, address: &Address<'_>, since: Stamp, id: GrantId, tags: Box<[Template]>) -> Self {
        let operation = address.operation.as_str().into();
        Token { kind, since, id, fingerprint: address.fingerprint, operation, tags }
    }

    /// How many bytes of a token these tags take.
    pub fn tag_bytes(tags: &[Template]) -> usize {
        if tags.is_empty() { 0 } else { templates::to_json(tags).len() }
    }

    /// Whether what the rules draw from params fits into a token.
    ///
    /// # Errors
    ///
    /// `TOOBIG` where it does not.
    pub fn check_tags(tags: &[Template]) -> Result<(), Refusal> {
        // All but the tags is shorter than this.
        const ELSE: usize = 512;
        let bytes = Self::tag_bytes(tags);
        let max = MAX_BYTES.saturating_sub(ELSE);
        if bytes <= max {
            return Ok(());
        }
        let message = format!(
            "the tags that rules draw from these params take {bytes} bytes of a token: at most {max} are accepted"
        );
        Err(Refusal::new(Code::TooBig, message))
    }

    /// The point of the clock where no namespace exists yet.
    pub fn before_namespace(namespace: NamespaceName<'_>) -> Stamp {
        Stamp::new(namespace, Incarnation(0), 0)
    }

    /// Whether it was granted where no namespace existed. A clock is never 0.
    pub fn is_before_namespace(&self) -> bool {
        self.since.clock == 0
    }

    /// The entry that it is good for, in its namespace.
    pub fn address<'a>(&'a self, namespace: NamespaceName<'a>) -> Result<Address<'a>, Refusal> {
        let operation = OperationName::parse(self.operation.as_bytes())?;
        Ok(Address { namespace, operation, fingerprint: self.fingerprint })
    }

    /// Reads a token of this namespace.
    ///
    /// # Errors
    ///
    /// `BADTOKEN` for what is no token, or another namespace's.
    pub fn parse(text: &[u8], namespace: NamespaceName<'_>) -> Result<Self, Refusal> {
        let refusal = |why: &str| {
            let message = format!("{} {why}: what FETCH answered as token is accepted", quoted(text));
            Refusal::new(Code::BadToken, message)
        };
        let token = Self::read(text).ok_or_else(|| refusal("is no token"))?;
        if token.since.is_of(namespace) { Ok(token) } else { Err(refusal("is another namespace's token")) }
    }

    fn read(text: &[u8]) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= MAX_BYTES)?;
        let text = std::str::from_utf8(text).ok()?;
        let (kind, mut text) = [Kind::Lease, Kind::Bypass]
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))?;
        let since = Stamp::take(&mut text)?;
        let id = GrantId { server: take_dashed(&mut text)?, number: take_dashed(&mut text)? };
        let (fingerprint, rest) = text.strip_prefix('-')?.split_at_checked(Fingerprint::HEX_BYTES)?;
        let fingerprint = Fingerprint::from_hex(fingerprint.as_bytes())?;
        let rest = rest.strip_prefix('-')?;
        let (operation, tags) = rest.split_at_checked(rest.find('[').unwrap_or(rest.len()))?;
        OperationName::parse(operation.as_bytes()).ok()?;
        let tags = match tags {
            "" => Vec::new(),
            json => templates::from_json(json).filter(|tags| !tags.is_empty())?,
        };
        Some(Token { kind, since, id, fingerprint, operation: operation.into(), tags: tags.into() })
    }
}

/// As clients get it and give it back.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GrantId { server, number } = self.id;
        let (prefix, since) = (self.kind.prefix(), self.since.digits());
        write!(f, "{prefix}{since}-{server:016x}-{number:016x}-{}-{}", self.fingerprint, self.operation)?;
        if self.tags.is_empty() { Ok(()) } else { f.write_str(&templates::to_json(&self.tags)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn namespace(name: &str) -> NamespaceName<'_> {
        NamespaceName::parse(name.as_bytes()).expect("a namespace")
    }

    fn token(numbers: [u64; 4], kind: Kind, operation: &str, tags: &str) -> Token {
        let [incarnation, clock, server, number] = numbers;
        let address = Address {
            namespace: namespace("n"),
            operation: OperationName::parse(operation.as_bytes()).expect("an operation"),
            fingerprint: Fingerprint::from_bytes([0xab; 32]),
        };
        let since = Stamp::new(namespace("n"), Incarnation(incarnation), clock);
        let bound =
            templates::bind(&templates::parse(tags).expect(tags), r#"{"a":"[x] - \"é\"\n"}"#.as_bytes());
        Token::new(kind, &address, since, GrantId { server, number }, bound.into())
    }

    proptest! {
        #[test]
        fn a_token_comes_back_to_its_own_namespace_only(
            numbers in any::<[u64; 4]>(), operation in "[A-Za-z0-9_.:/@+-]{1,128}", bypass in any::<bool>(), tagged in any::<bool>(),
        ) {
            let kind = if bypass { Kind::Bypass } else { Kind::Lease };
            let tags = if tagged { "t:{params/a} {params/a}:{result/b}" } else { "" };
            let token = token(numbers, kind, &operation, if tagged { tags } else { "x" });
            let text = token.to_string();
            prop_assert_eq!(Token::parse(text.as_bytes(), namespace("n")), Ok(token));
            let refused = Token::parse(text.as_bytes(), namespace("m")).expect_err("another namespace");
            prop_assert_eq!(refused.code, Code::BadToken);
            for cut in 0..text.len() {
                if text.is_char_boundary(cut)
                    && let Ok(shorter) = Token::parse(&text.as_bytes()[..cut], namespace("n"))
                {
                    prop_assert_eq!(shorter.to_string(), &text[..cut], "only a shorter operation is left");
                }
            }
        }

        #[test]
        fn no_bytes_make_parsing_panic(text in "(t1-)?[0-9a-f-]{0,300}[\\[\\]\"a-z]{0,9}") {
            if let Ok(token) = Token::parse(text.as_bytes(), namespace("n")) {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_no_token_is_named() {
        for text in ["", "t1-", "s1-0000000000000000-0000000000000000-0000000000000000", "nil"] {
            let refused = Token::parse(text.as_bytes(), namespace("n")).expect_err(text);
            assert!(refused.to_string().starts_with(&format!("BADTOKEN '{text}' is no token")), "{refused}");
        }
    }
}
