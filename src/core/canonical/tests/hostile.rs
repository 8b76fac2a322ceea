//! Texts of 1 MiB made to be expensive. Where a step were quadratic, these would not end.

use super::super::{Canonicalizer, Fault, RETAINED_BYTES};
use super::canonical;

const MIB: usize = 1 << 20;

#[test]
fn a_million_brackets() {
    let fault = canonical(vec![b'['; 1_000_000]).unwrap_err();
    assert_eq!((fault.offset, fault.what), (128, Fault::TooDeep));
    let fault = canonical("{\"\":".repeat(250_000)).unwrap_err();
    assert_eq!((fault.offset, fault.what), (128 * 4, Fault::TooDeep));
}

#[test]
fn a_hundred_thousand_members() {
    let object = |names: &mut dyn Iterator<Item = usize>| {
        let members: Vec<_> = names.map(|name| format!("\"{name:06}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let in_order = object(&mut (0..100_000));
    assert_eq!(canonical(&in_order).as_ref(), Ok(&in_order));
    assert_eq!(canonical(object(&mut (0..100_000).rev())).as_ref(), Ok(&in_order));
    let shuffled = object(&mut (0..100_000).map(|name| name * 7_919 % 100_000));
    assert_eq!(canonical(shuffled).as_ref(), Ok(&in_order));
    // The last member repeats the first.
    let fault = canonical(object(&mut (0..100_000).rev().chain([99_999]))).unwrap_err();
    assert_eq!((fault.offset, fault.what), (1 + 100_000 * 11, Fault::DuplicateName((*b"099999").into())));
}

#[test]
fn names_that_differ_only_at_their_end() {
    let name = |i: usize| format!("\"{}{i:04}\":1", "x".repeat(1000));
    let members = |names: &mut dyn Iterator<Item = usize>| names.map(name).collect::<Vec<_>>().join(",");
    let reversed = format!("{{{}}}", members(&mut (0..1000).rev()));
    assert_eq!(canonical(reversed), Ok(format!("{{{}}}", members(&mut (0..1000)))));
}

#[test]
fn long_literals_and_strings() {
    let integer = "7".repeat(MIB);
    assert_eq!(canonical(&integer).as_ref(), Ok(&integer));
    assert_eq!(canonical(format!("0.{}", "3".repeat(MIB))).as_deref(), Ok("0.3333333333333333"));
    assert_eq!(canonical(format!("1e{}", "0".repeat(MIB))).as_deref(), Ok("1"));
    assert!(canonical(format!("1e{}", "9".repeat(MIB))).is_err());
    let escapes = format!("\"{}\"", "\\u0041".repeat(MIB / 6));
    assert_eq!(canonical(escapes), Ok(format!("\"{}\"", "A".repeat(MIB / 6))));
}

#[test]
fn many_members_deep_down() {
    let levels = 128;
    let many = |from: usize| (from..from + 1000).map(|i| format!("\"m{i}\":1")).collect::<Vec<_>>().join(",");
    let (opening, closing) = (
        "{\"z\":".repeat(levels - 1) + "{",
        "}".to_owned() + &format!(",{}}}", many(1000)).repeat(levels - 1),
    );
    let out_of_order = format!("{opening}{}{closing}", many(1000));
    assert!(out_of_order.len() > MIB);
    let out = canonical(&out_of_order).unwrap();
    assert_eq!(out.len(), out_of_order.len());
    assert_eq!(canonical(&out).as_ref(), Ok(&out));
}

#[test]
fn a_canonical_form_stays_within_the_bound() {
    let text = format!("[{}1e20]", "1e20,".repeat(MIB / 5));
    assert!(canonical(&text).unwrap().len() <= 6 * text.len());
}

#[test]
fn a_huge_text_leaves_no_huge_buffers() {
    let mut canonicalizer = Canonicalizer::new();
    let texts = [
        format!("[{}1 ]", "1,".repeat(MIB)),
        format!("[{}1]", "1.0,".repeat(MIB)),
        format!("{{{}\"\":1}}", (0..MIB / 8).rev().map(|i| format!("\"{i}\":1,")).collect::<String>()),
        "[".repeat(MIB),
    ];
    for text in texts {
        let _ = canonicalizer.append(text.as_bytes(), &mut Vec::new());
        assert!(canonicalizer.tape.retained_bytes() <= RETAINED_BYTES);
        assert!(canonicalizer.respelled.capacity() <= RETAINED_BYTES);
        assert!(canonicalizer.members.capacity() * size_of::<super::super::Member>() <= RETAINED_BYTES);
    }
}
