//! What holds for any document, in any spelling.

use proptest::prelude::*;

use super::super::Fault;
use super::canonical;
use super::document::{Document, Speller};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Another implementation is given the document as a value, ours as a text in some spelling. This
    /// is blindness to spelling and order, too: the expected text knows nothing of either.
    #[test]
    fn any_spelling_becomes_what_the_oracle_writes(document in Document::any(), choices in Speller::choices()) {
        let text = Speller::spell(&document, choices);
        let expected = serde_json_canonicalizer::to_string(&document.to_value()).unwrap();
        prop_assert_eq!(canonical(&text), Ok(expected), "of {}", text);
    }

    /// Nothing is left to change in a canonical text.
    #[test]
    fn a_canonical_text_is_its_own_canonical_form(document in Document::any(), choices in Speller::choices()) {
        let once = canonical(Speller::spell(&document, choices)).unwrap();
        prop_assert_eq!(canonical(&once), Ok(once));
    }

    /// Two different documents are never one.
    #[test]
    fn different_documents_stay_different(
        a in Document::tiny(), b in Document::tiny(), choices in [Speller::choices(), Speller::choices()],
    ) {
        let [first, second] = choices;
        let same = canonical(Speller::spell(&a, first)) == canonical(Speller::spell(&b, second));
        prop_assert_eq!(same, a == b);
    }

    /// Names that begin alike or not, of which one may come twice.
    #[test]
    fn members_are_ordered_and_the_first_repeated_one_is_told(
        names in prop::collection::vec("(alike, alike )?[a-c\u{e000}\u{10000}]{0,3}", 0..40),
    ) {
        let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":[]")).collect();
        let text = format!("{{{}}}", members.join(","));
        let offset = |index: usize| 1 + members[..index].iter().map(|member| member.len() + 1).sum::<usize>();
        match (0..names.len()).find(|&index| names[..index].contains(&names[index])) {
            Some(index) => prop_assert_eq!(canonical(text), Err(Fault::DuplicateName(names[index].as_bytes().into()).at(offset(index)))),
            None => {
                let mut sorted: Vec<_> = names.iter().zip(&members).collect();
                sorted.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
                let sorted: Vec<_> = sorted.into_iter().map(|(_, member)| &member[..]).collect();
                prop_assert_eq!(canonical(text), Ok(format!("{{{}}}", sorted.join(","))));
            }
        }
    }

    /// Integers of any length keep their digits, between members that come in any order.
    #[test]
    fn integers_keep_their_digits(a in "-?[1-9][0-9]{0,40}", b in "-?[1-9][0-9]{0,40}") {
        let text = format!("{{\"b\": {b}, \"a\": {a}}}");
        prop_assert_eq!(canonical(text), Ok(format!("{{\"a\":{a},\"b\":{b}}}")));
    }

    /// However a decimal is written, it is spelled as the double that it stands for.
    #[test]
    fn decimals_are_spelled_as_doubles(text in "-?(0|[1-9][0-9]{0,17})\\.[0-9]{1,18}") {
        let value: f64 = text.parse().unwrap();
        let expected = serde_json_canonicalizer::to_string(&value).unwrap();
        prop_assert_eq!(canonical(text), Ok(expected));
    }

    /// So many digits that the literal is rewritten before it is parsed.
    #[test]
    fn long_decimals_are_the_same_doubles(digits in "[0-9]{1100,1300}", point in 1..1100usize, power in -1500..400i32) {
        let integer = digits[..point].trim_start_matches('0');
        let integer = if integer.is_empty() { "0" } else { integer };
        let text = format!("-{integer}.{}{}e{power}", &digits[point..], "7".repeat(1025));
        let value: f64 = text.parse().unwrap();
        match canonical(&text).map_err(|fault| fault.what) {
            Err(Fault::Underflow) => prop_assert_eq!(value, 0.0),
            Err(fault) => prop_assert!(fault == Fault::Overflow && value.is_infinite()),
            Ok(spelled) => prop_assert_eq!(spelled, serde_json_canonicalizer::to_string(&value).unwrap()),
        }
    }

    /// A text with a few bytes changed is accepted exactly if another parser accepts it, apart from
    /// what is refused on purpose, and the integers that no double holds.
    #[test]
    fn damaged_texts_are_judged_as_by_another_parser(
        document in Document::any(),
        choices in Speller::choices(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any_byte(), 0..3), 1..4),
    ) {
        let mut text = Speller::spell(&document, choices).into_bytes();
        for (place, byte, damage) in damages {
            let place = place.index(text.len() + 1);
            match damage {
                0 => text.insert(place, byte),
                1 if place < text.len() => text[place] = byte,
                _ => text.truncate(text.len().min(place + 1)),
            }
        }
        let accepted = serde_json::from_slice::<serde_json::Value>(&text);
        match (canonical(&text), accepted) {
            (Ok(_), Ok(_)) => {}
            (Ok(_), Err(fault)) => prop_assert!(fault.to_string().contains("number out of range"), "{}", fault),
            (Err(fault), Err(_)) => prop_assert!(fault.offset <= text.len()),
            (Err(fault), Ok(_)) => {
                prop_assert!(matches!(fault.what, Fault::DuplicateName(_) | Fault::Underflow), "{}", fault);
            }
        }
    }

    /// Bytes that mean nothing are refused, and harm nobody.
    #[test]
    fn any_bytes_are_accepted_or_refused(bytes in prop::collection::vec(any_byte(), 0..60)) {
        if let Err(fault) = canonical(&bytes) {
            prop_assert!(fault.offset <= bytes.len());
        }
    }
}

/// Any byte, but mostly those that mean something in JSON.
fn any_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        prop::sample::select(b"[]{},:\"\\0123456789eE+-. \tnulltruefalse\xc3\xa4\x00".to_vec()),
        any::<u8>()
    ]
}
