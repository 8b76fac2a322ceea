//! Names: namespaces, operations, and the keys made of them.

use super::fingerprint::Fingerprint;
use super::refusal::{Code, Refusal, quoted};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// What every entry key begins with; no namespace may, so that the two never meet.
pub const ENTRY_KEY_PREFIX: &str = "result:";

/// The name of a namespace: a Redis key that every keyed command declares.
///
/// 1-128 bytes of `[A-Za-z0-9_.:/@+-]`, with at most one non-empty `{hash tag}` that is not the whole
/// name, not beginning with `result:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceName<'a>(&'a str);

/// The name of an operation, the kind of work: 1-128 bytes of `[A-Za-z0-9_.:/@+-]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationName<'a>(&'a str);

impl<'a> NamespaceName<'a> {
    /// Reads a namespace argument; `BADNAME` where it is none.
    #[inline]
    pub fn parse(argument: &'a [u8]) -> Result<Self, Refusal> {
        Self::checked(argument).ok_or_else(|| no_namespace(argument))
    }

    /// Of what was read before.
    pub(super) fn known(name: &'a str) -> Self {
        NamespaceName(name)
    }

    fn checked(argument: &'a [u8]) -> Option<Self> {
        let name = of_length(argument)?;
        let well_formed = match HashTag::of(name) {
            HashTag::None => is_plain(name),
            HashTag::One { before, tag, after } => {
                let is_whole_name = before.is_empty() && after.is_empty();
                !tag.is_empty() && !is_whole_name && [before, tag, after].into_iter().all(is_plain)
            }
        };
        (well_formed && !name.starts_with(ENTRY_KEY_PREFIX.as_bytes())).then_some(NamespaceName(text(name)?))
    }

    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// A key of the namespace's slot at which nothing is ever stored: those who wait block on it, since a key that is
    /// written would have the server look at each of them.
    pub fn waiting_key(self) -> String {
        let (open, close) = self.braces();
        format!("{ENTRY_KEY_PREFIX}{open}{}{close}waiting", self.0)
    }

    /// What stands before and after it in the keys of its entries: braces, unless it brings a hash tag of its own,
    /// which then also routes them.
    fn braces(self) -> (&'static str, &'static str) {
        match HashTag::of(self.0.as_bytes()) {
            HashTag::One { .. } => ("", ":"),
            HashTag::None => ("{", "}:"),
        }
    }
}

impl<'a> OperationName<'a> {
    /// Of what was read before.
    pub(super) fn known(name: &'a str) -> Self {
        OperationName(name)
    }

    /// Reads an operation argument; `BADNAME` where it is none.
    #[inline]
    pub fn parse(argument: &'a [u8]) -> Result<Self, Refusal> {
        let name = of_length(argument).filter(|name| is_plain(name)).and_then(text);
        name.map(OperationName).ok_or_else(|| no_operation(argument))
    }

    pub fn as_str(self) -> &'a str {
        self.0
    }
}

#[cold]
fn no_namespace(argument: &[u8]) -> Refusal {
    Refusal::new(
        Code::BadName,
        format!(
            "namespace {} is not 1-{MAX_NAME_BYTES} bytes of [A-Za-z0-9_.:/@+-] with at most one non-empty \
             {{hash tag}} that is not the whole name, not beginning with 'result:'",
            quoted(argument)
        ),
    )
}

#[cold]
fn no_operation(argument: &[u8]) -> Refusal {
    let shown = quoted(argument);
    let accepted = format!("1-{MAX_NAME_BYTES} bytes of [A-Za-z0-9_.:/@+-]");
    Refusal::new(Code::BadName, format!("operation {shown} is not {accepted}"))
}

/// The longest entry key: prefix, braces and colons, two names, a fingerprint.
const MAX_KEY_BYTES: usize = ENTRY_KEY_PREFIX.len() + 4 + 2 * MAX_NAME_BYTES + Fingerprint::HEX_BYTES;

/// The Redis key of an entry: `result:{ns}:operation:fingerprint`, or `result:ns:operation:fingerprint` where the
/// namespace has a hash tag of its own. Either way a cluster puts it into the namespace's slot.
///
/// It lives on the stack, since every lookup makes one.
#[derive(Debug, Clone, Copy)]
pub struct EntryKey {
    bytes: [u8; MAX_KEY_BYTES],
    length: usize,
}

impl EntryKey {
    pub fn new(
        namespace: NamespaceName<'_>,
        operation: OperationName<'_>,
        fingerprint: &Fingerprint,
    ) -> Self {
        let mut key = EntryKey { bytes: [0; MAX_KEY_BYTES], length: 0 };
        let (open, close) = namespace.braces();
        for part in [ENTRY_KEY_PREFIX, open, namespace.as_str(), close, operation.as_str(), ":"] {
            key.push(part.as_bytes());
        }
        key.push(&fingerprint.to_hex());
        key
    }

    /// Operation and fingerprint of the entry of a namespace that has this key; none where it is no entry's.
    pub fn split<'k>(
        namespace: NamespaceName<'_>,
        key: &'k [u8],
    ) -> Option<(OperationName<'k>, Fingerprint)> {
        let (open, close) = namespace.braces();
        let mut rest = key;
        for part in [ENTRY_KEY_PREFIX, open, namespace.as_str(), close] {
            rest = rest.strip_prefix(part.as_bytes())?;
        }
        let (operation, hex) = rest.split_at_checked(rest.len().checked_sub(Fingerprint::HEX_BYTES)?)?;
        let operation = OperationName::parse(operation.strip_suffix(b":")?).ok()?;
        Some((operation, Fingerprint::from_hex(hex)?))
    }

    /// The fingerprint in the key of an entry, which is known to be one.
    pub fn fingerprint(key: &[u8]) -> Option<Fingerprint> {
        Fingerprint::from_hex(key.get(key.len().checked_sub(Fingerprint::HEX_BYTES)?..)?)
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.length.saturating_add(part.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(part);
            self.length = end;
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The Redis key of the stream that records what is removed from a namespace: `result:{ns}:removals`, or
/// `result:ns:removals` where the namespace has a hash tag of its own. No entry's: those end in a fingerprint.
pub fn removals_key(namespace: NamespaceName<'_>) -> String {
    let (open, close) = namespace.braces();
    [ENTRY_KEY_PREFIX, open, namespace.as_str(), close, "removals"].concat()
}

fn of_length(argument: &[u8]) -> Option<&[u8]> {
    (1..=MAX_NAME_BYTES).contains(&argument.len()).then_some(argument)
}

fn text(name: &[u8]) -> Option<&str> {
    std::str::from_utf8(name).ok()
}

/// Which bytes a name is made of: `[A-Za-z0-9_.:/@+-]`.
const NAME_BYTES: [bool; 256] = {
    let mut accepted = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        accepted[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"_.:/@+-";
    let mut at = 0;
    while at < others.len() {
        accepted[others[at] as usize] = true;
        at += 1;
    }
    accepted
};

/// Whether names are made of this byte, braces excepted.
pub(super) fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[usize::from(byte)]
}

fn is_plain(part: &[u8]) -> bool {
    part.iter().all(|&byte| is_name_byte(byte))
}

/// Where a name carries braces: cut at its first `{` and the first `}` after it, as a cluster does.
enum HashTag<'a> {
    None,
    One { before: &'a [u8], tag: &'a [u8], after: &'a [u8] },
}

impl<'a> HashTag<'a> {
    fn of(name: &'a [u8]) -> Self {
        let cut = |bytes: &'a [u8], at: u8| {
            let place = bytes.iter().position(|&byte| byte == at)?;
            let (before, after) = bytes.split_at_checked(place)?;
            Some((before, after.get(1..)?))
        };
        cut(name, b'{')
            .and_then(|(before, rest)| {
                let (tag, after) = cut(rest, b'}')?;
                Some(HashTag::One { before, tag, after })
            })
            .unwrap_or(HashTag::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces() {
        let longest = "n".repeat(128);
        for good in ["a", "project-1", "A.b:c/d@e+f-g_h", "x{tag}", "{tag}x", "a{b}c", "results", &longest] {
            assert_eq!(NamespaceName::parse(good.as_bytes()).map(NamespaceName::as_str), Ok(good));
        }
        let too_long = "n".repeat(129);
        for bad in [
            "", " ", "a b", "{x}", "{}", "{}x", "x{}", "a{b}{c}", "a{b", "a}b", "a}b{c}", "a{b{c}}",
            "result:x", "result:", "é", "a\n", "a*", &too_long,
        ] {
            let refusal = NamespaceName::parse(bad.as_bytes()).expect_err(bad);
            assert_eq!(refusal.code, Code::BadName, "{bad}");
            assert!(refusal.message.contains("namespace '"), "{refusal}");
        }
        assert!(NamespaceName::parse(b"\xff").is_err());
    }

    #[test]
    fn operations() {
        let longest = "o".repeat(128);
        for good in ["generateVideo", "video:stats", "build@v2", "a.b/c+d-e_f", &longest] {
            assert_eq!(OperationName::parse(good.as_bytes()).map(OperationName::as_str), Ok(good));
        }
        let too_long = "o".repeat(129);
        for bad in ["", "a b", "{x}", "a{b}", "ü", "a\"b", &too_long] {
            assert_eq!(OperationName::parse(bad.as_bytes()).expect_err(bad).code, Code::BadName);
        }
    }

    #[test]
    fn the_longest_entry_key_fits() {
        let name = "n".repeat(128);
        let namespace = NamespaceName::parse(name.as_bytes()).expect("a namespace");
        let operation = OperationName::parse(name.as_bytes()).expect("an operation");
        let key = EntryKey::new(namespace, operation, &Fingerprint::from_bytes([0; 32]));
        assert_eq!(key.as_bytes().len(), MAX_KEY_BYTES);
    }

    #[test]
    fn entry_keys_lie_in_the_slot_of_their_namespace() {
        let key = |namespace: &str| {
            let namespace = NamespaceName::parse(namespace.as_bytes()).expect("a namespace");
            let operation = OperationName::parse(b"add").expect("an operation");
            let fingerprint = Fingerprint::from_hex("ab".repeat(32).as_bytes()).expect("64 digits");
            let key = EntryKey::new(namespace, operation, &fingerprint);
            String::from_utf8(key.as_bytes().to_vec()).expect("ASCII")
        };
        assert_eq!(key("demo"), format!("result:{{demo}}:add:{}", "ab".repeat(32)));
        for namespace in ["demo", "a{b}c"] {
            let name = NamespaceName::parse(namespace.as_bytes()).expect("a namespace");
            let key = key(namespace);
            let (operation, fingerprint) = EntryKey::split(name, key.as_bytes()).expect("an entry's key");
            assert_eq!((operation.as_str(), fingerprint.to_string()), ("add", "ab".repeat(32)));
            assert!(EntryKey::split(name, removals_key(name).as_bytes()).is_none());
            assert!(EntryKey::split(name, &key.as_bytes()[1..]).is_none());
            assert!(EntryKey::split(name, &key.as_bytes()[..key.len() - 1]).is_none());
        }
        assert_eq!(key("a{b}c"), format!("result:a{{b}}c:add:{}", "ab".repeat(32)));
        let removals = |name: &str| removals_key(NamespaceName::parse(name.as_bytes()).expect("a namespace"));
        assert_eq!(
            [removals("demo"), removals("a{b}c")],
            ["result:{demo}:removals", "result:a{b}c:removals"]
        );
    }
}
