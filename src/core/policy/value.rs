//! Values of fields: read once, shown in one spelling.

use std::fmt;
use std::rc::Rc;

use super::expires_from::ExpiresFrom;
use super::field::Field;
use super::parts;
use super::templates::{self, Template};
use super::ttl_from::TtlFrom;
use super::units::{self, Duration, Size};
use crate::core::budget::Evict;
use crate::core::fingerprint::HashKind;
use crate::core::limits::MAX_INTEGER;
use crate::core::pointer::Pointer;
use crate::core::refusal::{Code, Refusal, quoted};

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// The value of a field; what is large in it is shared by all that hold it. `Display` gives its one spelling, from which [`Value::parse`] makes the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// TTL, GRACE, NEGATIVE, LEASE, RETRY: milliseconds.
    Duration(u64),
    /// JITTER, REFRESH, TARGET: 0 to 100.
    Percent(u8),
    TtlFrom(Rc<TtlFrom>),
    ExpiresFrom(Rc<ExpiresFrom>),
    Tags(Rc<[Template]>),
    Ignore(Rc<[Pointer]>),
    Hash(HashKind),
    /// COMPRESS: results of this many bytes or more; none is `off`.
    Compress(Option<u64>),
    /// MAXBYTES, MAXWEIGHT: bytes.
    Budget(u64),
    Evict(Evict),
    /// REMOVALS: this many records; none is `off`.
    Removals(Option<u64>),
    Bypass(bool),
}

impl Value {
    /// Reads a value of `field`.
    ///
    /// # Errors
    ///
    /// `BADPOLICY`, naming the field, the value, and what is accepted.
    pub fn parse(field: Field, text: &[u8]) -> Result<Value, Refusal> {
        let refused = |why: &str| {
            let (name, shown, accepted) = (field.name(), quoted(text), field.accepted());
            let since = if why.is_empty() { "" } else { ", since " };
            let message = format!("{name} {shown} is not accepted{since}{why}: it takes {accepted}");
            Refusal::new(Code::BadPolicy, message)
        };
        if text.len() > MAX_VALUE_BYTES {
            return Err(refused(&format!("it has {} bytes, more than {MAX_VALUE_BYTES}", text.len())));
        }
        let text = std::str::from_utf8(text).map_err(|_| refused("it is not UTF-8"))?;
        Self::read(field, text).map_err(|why| refused(&why))
    }

    /// The same; the error says what is wrong where that is not plain to see.
    fn read(field: Field, text: &str) -> Result<Value, String> {
        let bytes = text.as_bytes();
        let word = text.to_ascii_lowercase();
        let simple = match field {
            Field::Ttl | Field::Lease | Field::Retry => {
                units::duration_ms(bytes).filter(|&ms| ms > 0).map(Value::Duration)
            }
            Field::Grace | Field::Negative => units::duration_ms(bytes).map(Value::Duration),
            Field::Jitter | Field::Refresh | Field::Target => percent(bytes).map(Value::Percent),
            Field::TtlFrom => return TtlFrom::parse(text).map(|from| Value::TtlFrom(from.into())),
            Field::ExpiresFrom => {
                return ExpiresFrom::parse(text).map(|from| Value::ExpiresFrom(from.into()));
            }
            Field::Tags => return templates::parse(text).map(|tags| Value::Tags(tags.into())),
            Field::Ignore => {
                return parts::list(text, parts::pointer).map(|ignore| Value::Ignore(ignore.into()));
            }
            Field::Hash => hash(&word).map(Value::Hash),
            Field::Compress if word == OFF => Some(Value::Compress(None)),
            Field::Compress => {
                units::size(bytes).filter(|&size| size > 0).map(|size| Value::Compress(Some(size)))
            }
            Field::MaxBytes | Field::MaxWeight => {
                units::size(bytes).filter(|&size| size > 0).map(Value::Budget)
            }
            Field::Evict => evict(&word).map(Value::Evict),
            Field::Removals if word == OFF => Some(Value::Removals(None)),
            Field::Removals => units::whole(bytes)
                .filter(|records| (1..=MAX_INTEGER).contains(records))
                .map(|records| Value::Removals(Some(records))),
            Field::Bypass => bypass(&word).map(Value::Bypass),
        };
        simple.ok_or_else(String::new)
    }
}

const OFF: &str = "off";

fn percent(text: &[u8]) -> Option<u8> {
    units::whole(text).and_then(|percent| percent.try_into().ok()).filter(|percent| *percent <= 100)
}

fn hash(word: &str) -> Option<HashKind> {
    [HashKind::Sha256, HashKind::Blake3].into_iter().find(|kind| hash_name(*kind) == word)
}

fn hash_name(kind: HashKind) -> &'static str {
    match kind {
        HashKind::Sha256 => "sha256",
        HashKind::Blake3 => "blake3",
    }
}

fn evict(word: &str) -> Option<Evict> {
    [Evict::Lru, Evict::Fifo, Evict::Largest].into_iter().find(|evict| evict_name(*evict) == word)
}

fn evict_name(evict: Evict) -> &'static str {
    match evict {
        Evict::Lru => "lru",
        Evict::Fifo => "fifo",
        Evict::Largest => "largest",
    }
}

fn bypass(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Duration(ms) => Duration(*ms).fmt(f),
            Value::Percent(percent) => percent.fmt(f),
            Value::TtlFrom(ttl_from) => ttl_from.fmt(f),
            Value::ExpiresFrom(expires_from) => expires_from.fmt(f),
            Value::Tags(templates) => parts::write_list(f, templates),
            Value::Ignore(pointers) => parts::write_list(f, pointers),
            Value::Hash(kind) => f.write_str(hash_name(*kind)),
            Value::Compress(None) | Value::Removals(None) => f.write_str(OFF),
            Value::Compress(Some(size)) | Value::Budget(size) => Size(*size).fmt(f),
            Value::Evict(evict) => f.write_str(evict_name(*evict)),
            Value::Removals(Some(records)) => records.fmt(f),
            Value::Bypass(true) => f.write_str("yes"),
            Value::Bypass(false) => f.write_str("no"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Policy;
    use super::*;
    use proptest::prelude::*;

    fn shown(field: Field, text: &str) -> String {
        Value::parse(field, text.as_bytes()).expect(text).to_string()
    }

    fn error(field: Field, text: &[u8]) -> String {
        Value::parse(field, text).expect_err("a refusal").to_string()
    }

    #[test]
    fn a_value_has_one_spelling() {
        for (field, given, expected) in [
            (Field::Ttl, "60s", "1m"),
            (Field::Ttl, "90s", "90s"),
            (Field::Lease, "3600S", "1h"),
            (Field::Grace, "0ms", "0"),
            (Field::Negative, "0", "0"),
            (Field::Jitter, "100", "100"),
            (Field::TtlFrom, " /s  a=60s\tb=c=1h ", "/s a=1m b=c=1h"),
            (Field::ExpiresFrom, "/a/b  0s", "/a/b 0"),
            (Field::Tags, " a  {params}{result/x} ", "a {params}{result/x}"),
            (Field::Ignore, "/a\n/b~1c", "/a /b~1c"),
            (Field::Hash, "BLAKE3", "blake3"),
            (Field::Compress, "OFF", "off"),
            (Field::Compress, "4096", "4kb"),
            (Field::MaxBytes, "1024mb", "1gb"),
            (Field::MaxWeight, "1k", "1000"),
            (Field::Evict, "Lru", "lru"),
            (Field::Removals, "Off", "off"),
            (Field::Removals, "10000", "10000"),
            (Field::Target, "0", "0"),
            (Field::Bypass, "YES", "yes"),
        ] {
            assert_eq!(shown(field, given), expected, "{field:?} {given}");
            assert_eq!(shown(field, expected), expected, "{field:?} {expected}");
        }
    }

    #[test]
    fn what_a_field_does_not_take_is_refused() {
        for (field, bad) in [
            (Field::Ttl, &["", "0", "0ms", "60", "36501d", "-1s", "1.5h", "1 h", "1w"][..]),
            (Field::Lease, &["0"]),
            (Field::Retry, &["0s"]),
            (Field::Grace, &["", "1", "-1s"]),
            (Field::Jitter, &["", "101", "-1", "20%", "1.5", "256", "05"]),
            (
                Field::TtlFrom,
                &["", "/s", "s a=1s", "/s a", "/s a=", "/s =1s", "/s a=0", "/s a=1s a=2s", "/~ a=1s"],
            ),
            (Field::ExpiresFrom, &["", "/e", "e 60s", "/e 60", "/e 60s x", "/e -1s", "60s /e"]),
            (
                Field::Tags,
                &[
                    "",
                    " ",
                    "{",
                    "}",
                    "a{b",
                    "a}b",
                    "{x}",
                    "{params",
                    "{paramsx}",
                    "{params/~}",
                    "{{params}}",
                    "{result/{}",
                ],
            ),
            (Field::Ignore, &["", "a", "/a b", "/~2", "/a,/b/~"]),
            (Field::Hash, &["", "md5", "sha256 "]),
            (Field::Compress, &["", "on", "-1", "1.5kb"]),
            (Field::MaxBytes, &["", "0", "off", "lots", "9007199254740992"]),
            (Field::MaxWeight, &["0kb"]),
            (Field::Evict, &["", "lfu"]),
            (Field::Removals, &["", "0", "1k", "on", "9007199254740992"]),
            (Field::Target, &["101"]),
            (Field::Bypass, &["", "true", "1"]),
        ] {
            for text in bad {
                let message = error(field, text.as_bytes());
                let beginning =
                    format!("BADPOLICY {} {} is not accepted", field.name(), quoted(text.as_bytes()));
                assert!(message.starts_with(&beginning), "{message}");
                assert!(message.ends_with(&format!(": it takes {}", field.accepted())), "{message}");
            }
        }
        for field in Field::ALL {
            assert!(error(field, b"\xff").contains("since it is not UTF-8"));
            assert!(error(field, &[b'x'; 4097]).contains("since it has 4097 bytes, more than 4096"));
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong_with_a_long_value() {
        for (field, text, why) in [
            (Field::TtlFrom, "/s a=1s b=2x", "'b=2x' has no duration from 1ms to 36500d behind its ="),
            (Field::TtlFrom, "/s a=1s a=2s", "it has two pairs for value 'a'"),
            (Field::ExpiresFrom, "/e 60", "its margin '60' is no duration"),
            (Field::Ignore, "/a b", "the pointer 'b' does not begin with a slash"),
            (Field::Tags, "a{b", "the template 'a{b' has a brace without its other"),
            (Field::Tags, "{x/y}", "the place 'x/y' begins with neither params nor result"),
            (
                Field::Tags,
                "{params/~}",
                "the place 'params/~' is none, since its pointer has a ~ that neither 0 nor 1 follows",
            ),
        ] {
            let message = error(field, text.as_bytes());
            assert!(message.contains(&format!(", since {why}: it takes ")), "{message}");
        }
        assert_eq!(
            error(Field::Ttl, b"5x"),
            "BADPOLICY TTL '5x' is not accepted: it takes a duration such as 250ms, 30s, 5m, 2h or 7d, from 1ms to \
             36500d"
        );
    }

    #[test]
    fn parts_are_counted() {
        let many = |part: &str, number| vec![part; number].join(" ");
        for (field, head, part) in [(Field::Tags, "", "t"), (Field::Ignore, "", "/a")] {
            assert!(Value::parse(field, format!("{head}{}", many(part, 64)).as_bytes()).is_ok());
            assert!(error(field, many(part, 65).as_bytes()).contains("it has 65 parts, more than 64"));
        }
        let pairs = |number| (0..number).map(|n| format!(" v{n}=1s")).collect::<String>();
        assert!(Value::parse(Field::TtlFrom, format!("/s{}", pairs(64)).as_bytes()).is_ok());
        assert!(
            error(Field::TtlFrom, format!("/s{}", pairs(65)).as_bytes()).contains("65 pairs, more than 64")
        );
    }

    #[test]
    fn defaults_are_values_and_what_a_policy_holds() {
        let mut policy =
            Policy { ttl_ms: 1, grace_ms: 1, jitter_percent: 1, bypass: true, ..Policy::default() };
        policy.hash = HashKind::Blake3;
        for (field, text) in Field::ALL.into_iter().filter_map(|field| Some((field, field.default_text()?))) {
            assert_eq!(shown(field, text), text, "{field:?}");
            policy.take(field, &Value::parse(field, text.as_bytes()).expect(text));
        }
        assert_eq!(policy, Policy::default());
    }

    fn value(field: Field) -> BoxedStrategy<String> {
        let duration = || {
            (1..=1000u64, proptest::sample::select(vec!["ms", "s", "m", "h", "d"]))
                .prop_map(|(number, unit)| format!("{number}{unit}"))
        };
        let size = || {
            (1..=5000u64, proptest::sample::select(vec!["", "b", "k", "kb", "m", "MB", "g", "gb", "t"]))
                .prop_map(|(number, unit)| format!("{number}{unit}"))
        };
        let pointer = || "(/([a-z0-9é=]|~0|~1){0,4}){1,3}";
        let space = || "[ \t\n]{1,2}";
        match field {
            Field::Ttl | Field::Grace | Field::Negative | Field::Lease | Field::Retry => duration().boxed(),
            Field::Jitter | Field::Refresh | Field::Target => (0..=100u8).prop_map(|n| n.to_string()).boxed(),
            Field::TtlFrom => {
                (pointer(), proptest::collection::btree_map("[a-z0-9=é]{1,5}", duration(), 1..5))
                    .prop_map(|(pointer, cases)| {
                        let pairs = cases.into_iter().map(|(value, ttl)| format!(" {value}={ttl}"));
                        pointer + &pairs.collect::<String>()
                    })
                    .boxed()
            }
            Field::ExpiresFrom => (pointer(), space(), duration()).prop_map(|(a, b, c)| a + &b + &c).boxed(),
            Field::Tags => {
                let part = prop_oneof![
                    "[a-z:é]{1,4}",
                    pointer().prop_map(|pointer| format!("{{params{pointer}}}")),
                    Just("{result}".to_owned())
                ];
                let template = proptest::collection::vec(part, 1..4).prop_map(|parts| parts.concat());
                proptest::collection::vec(template, 1..6).prop_map(|words| words.join("  ")).boxed()
            }
            Field::Ignore => {
                proptest::collection::vec(pointer(), 1..6).prop_map(|words| words.join("\n ")).boxed()
            }
            Field::Hash => "(SHA|sha)256|[Bb]lake3".boxed(),
            Field::Compress => prop_oneof![Just("off".to_owned()), size()].boxed(),
            Field::MaxBytes | Field::MaxWeight => size().boxed(),
            Field::Evict => "lru|FIFO|largest".boxed(),
            Field::Removals => {
                prop_oneof![Just("OFF".to_owned()), (1..=MAX_INTEGER).prop_map(|n| n.to_string())].boxed()
            }
            Field::Bypass => "yes|no|Yes".boxed(),
        }
    }

    /// A field and a text that it takes.
    pub(in crate::core::policy) fn settings() -> impl Strategy<Value = (Field, String)> {
        proptest::sample::select(Field::ALL.to_vec()).prop_flat_map(|field| (Just(field), value(field)))
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again((field, text) in settings()) {
            let value = Value::parse(field, text.as_bytes()).expect("a good value");
            let shown = value.to_string();
            if matches!(field, Field::TtlFrom | Field::ExpiresFrom | Field::Tags | Field::Ignore) {
                prop_assert!(shown.len() <= text.len(), "what was accepted must not be too long when shown");
            }
            prop_assert_eq!(Value::parse(field, shown.as_bytes()), Ok(value));
        }

        #[test]
        fn no_bytes_make_reading_panic(field in proptest::sample::select(Field::ALL.to_vec()), text in ".{0,40}") {
            if let Ok(value) = Value::parse(field, text.as_bytes()) {
                prop_assert_eq!(Value::parse(field, value.to_string().as_bytes()), Ok(value));
            }
        }
    }
}
