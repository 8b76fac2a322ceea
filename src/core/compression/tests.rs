use proptest::prelude::*;

use super::*;

/// A result as JSON APIs give them: `n` tells one from the next.
fn result(n: u64, members: u64) -> Vec<u8> {
    let member = |m: u64| {
        let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(m as u32 % 64) ^ m;
        format!(r#"{{"id":"{id:016x}","status":"completed","progress":100,"durationMs":{}}}"#, id % 100_000)
    };
    let list: Vec<String> = (0..members).map(member).collect();
    format!(r#"{{"videos":[{}],"page":{n}}}"#, list.join(",")).into_bytes()
}

fn forged(bytes: &[u8], length: u32) -> Option<Vec<u8>> {
    let length = NonZeroU32::new(length).expect("not zero");
    Press::default().open(&Body::compressed(bytes, Compression { dictionary: 0, length }), None)
}

#[test]
fn what_pays_is_compressed_and_the_rest_is_not() {
    let mut press = Press::default();
    let frame = press.compress(&result(1, 100), None).expect("a frame");
    assert!(frame.body().stored().len() * 3 < frame.body().length());
    assert_eq!(frame.body().as_raw(), None);
    let mut state = 1u64;
    let noise: Vec<u8> = (0..4000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    for incompressible in [&noise[..], b"", b"x", b"0123456789"] {
        assert_eq!(press.compress(incompressible, None), None);
    }
}

#[test]
fn what_is_wanted() {
    assert!(!is_wanted(1000, None));
    assert_eq!([99, 100, 1 << 20].map(|length| is_wanted(length, Some(100))), [false, true, true]);
    assert!(!is_wanted((1 << 20) + 1, Some(100)), "it would take too long to open");
}

#[test]
fn damage_and_lies_are_noticed() {
    let frame = Press::default().compress(&result(1, 20), None).expect("a frame");
    let (stored, length) = (frame.body().stored(), frame.body().length() as u32);
    assert_eq!(forged(stored, length), Some(result(1, 20)));
    assert_eq!([forged(stored, length - 1), forged(stored, length + 1)], [None, None]);
    assert_eq!(forged(&stored[..stored.len() - 1], length), None);
    assert_eq!(forged(b"", 1), None);
    let numbered = Compression { dictionary: 1, length: NonZeroU32::new(length).expect("not zero") };
    assert_eq!(Press::default().open(&Body::compressed(stored, numbered), None), None, "no such dictionary");
}

proptest! {
    #[test]
    fn a_result_comes_back(n in any::<u64>(), members in 0..200u64, noise in any::<Vec<u8>>()) {
        let result = [&result(n, members)[..], &noise].concat();
        let mut press = Press::default();
        if let Some(frame) = press.compress(&result, None) {
            prop_assert!(frame.body().stored().len() < result.len());
            prop_assert_eq!(press.open(&frame.body(), None), Some(result));
        }
    }

    #[test]
    fn hostile_frames_give_what_was_stated_or_nothing(
        n in any::<u64>(), at in any::<usize>(), byte in any::<u8>(), length in 1..100_000u32, noise in any::<Vec<u8>>(),
    ) {
        let frame = Press::default().compress(&result(n, 30), None).expect("a frame");
        let mut bytes = frame.body().stored().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        for bytes in [&bytes[..], &noise] {
            for length in [length, frame.body().length() as u32] {
                if let Some(result) = forged(bytes, length) {
                    prop_assert_eq!(result.len(), length as usize);
                    prop_assert!(result.capacity() <= length as usize);
                }
            }
        }
    }
}
