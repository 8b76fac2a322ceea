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
    pub fn parse(argument: &'a [u8]) -> Result<Self, Refusal> {
        Self::checked(argument).ok_or_else(|| {
            Refusal::new(
                Code::BadName,
                format!(
                    "namespace {} is not 1-{MAX_NAME_BYTES} bytes of [A-Za-z0-9_.:/@+-] with at most one \
                     non-empty {{hash tag}} that is not the whole name, not beginning with 'result:'",
                    quoted(argument)
                ),
            )
        })
    }

    fn checked(argument: &'a [u8]) -> Option<Self> {
        let name = within_length(argument)?;
        let well_formed = match HashTag::of(name) {
            HashTag::None => name.bytes().all(is_name_byte),
            HashTag::One { before, tag, after } => {
                let is_whole_name = before.is_empty() && after.is_empty();
                let parts_ok = [before, tag, after].iter().all(|part| part.bytes().all(is_name_byte));
                !tag.is_empty() && !is_whole_name && parts_ok
            }
        };
        (well_formed && !name.starts_with(ENTRY_KEY_PREFIX)).then_some(NamespaceName(name))
    }

    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether the name brings a hash tag of its own, which then also routes its entries.
    fn has_hash_tag(self) -> bool {
        matches!(HashTag::of(self.0), HashTag::One { .. })
    }
}

impl<'a> OperationName<'a> {
    /// Reads an operation argument; `BADNAME` where it is none.
    pub fn parse(argument: &'a [u8]) -> Result<Self, Refusal> {
        within_length(argument).filter(|name| name.bytes().all(is_name_byte)).map(OperationName).ok_or_else(
            || {
                Refusal::new(
                    Code::BadName,
                    format!(
                        "operation {} is not 1-{MAX_NAME_BYTES} bytes of [A-Za-z0-9_.:/@+-]",
                        quoted(argument)
                    ),
                )
            },
        )
    }

    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Appends the key of an entry: `result:{ns}:operation:fingerprint`, or `result:ns:operation:fingerprint`
/// where the namespace has a hash tag of its own. Either way a cluster puts it into the namespace's slot.
pub fn append_entry_key(
    namespace: NamespaceName<'_>,
    operation: OperationName<'_>,
    fingerprint: &Fingerprint,
    key: &mut Vec<u8>,
) {
    let (open, close): (&[u8], &[u8]) = if namespace.has_hash_tag() { (b"", b":") } else { (b"{", b"}:") };
    for part in [
        ENTRY_KEY_PREFIX.as_bytes(),
        open,
        namespace.as_str().as_bytes(),
        close,
        operation.as_str().as_bytes(),
        b":",
        &fingerprint.to_hex(),
    ] {
        key.extend_from_slice(part);
    }
}

fn within_length(argument: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(argument).ok()?;
    (1..=MAX_NAME_BYTES).contains(&name.len()).then_some(name)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:/@+-".contains(&byte)
}

/// Where a name carries braces: cut at its first `{` and the first `}` after it, as a cluster does.
enum HashTag<'a> {
    None,
    One { before: &'a str, tag: &'a str, after: &'a str },
}

impl<'a> HashTag<'a> {
    fn of(name: &'a str) -> Self {
        name.split_once('{')
            .and_then(|(before, rest)| {
                let (tag, after) = rest.split_once('}')?;
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
    fn entry_keys_lie_in_the_slot_of_their_namespace() {
        let key = |namespace: &str| {
            let namespace = NamespaceName::parse(namespace.as_bytes()).expect("a namespace");
            let operation = OperationName::parse(b"add").expect("an operation");
            let fingerprint = Fingerprint::from_hex("ab".repeat(32).as_bytes()).expect("64 digits");
            let mut key = Vec::new();
            append_entry_key(namespace, operation, &fingerprint, &mut key);
            String::from_utf8(key).expect("ASCII")
        };
        assert_eq!(key("demo"), format!("result:{{demo}}:add:{}", "ab".repeat(32)));
        assert_eq!(key("a{b}c"), format!("result:a{{b}}c:add:{}", "ab".repeat(32)));
    }
}
