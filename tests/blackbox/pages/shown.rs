//! Whether what was told is what a page shows.

/// Whatever else there is.
const REST: &str = "...";

/// Whether the lines told are those shown, in their order.
pub(super) fn is_told(shown: &[String], told: &[String]) -> bool {
    match shown.split_first() {
        None => told.is_empty(),
        Some((rest, after)) if rest.trim() == REST => {
            (0..=told.len()).any(|skipped| is_told(after, &told[skipped..]))
        }
        Some((line, after)) => told
            .split_first()
            .is_some_and(|(first, others)| line_is_told(line, first) && is_told(after, others)),
    }
}

/// Whether every line shown was told, in whatever order.
pub(super) fn is_told_somewhere(shown: &[String], told: &[String]) -> bool {
    let lines = shown.iter().filter(|line| line.trim() != REST);
    lines.into_iter().all(|line| told.iter().any(|told| line_is_told(line, told)))
}

fn line_is_told(shown: &str, told: &str) -> bool {
    let (shown, told) = (unversioned(shown.trim_end()), unversioned(told.trim_end()));
    let Some((begin, rest)) = shown.split_once(REST) else { return shown == told };
    let Some(mut told) = told.strip_prefix(begin) else { return false };
    let mut parts: Vec<&str> = rest.split(REST).collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = told.split_once(part) else { return false };
        told = after;
    }
    told.ends_with(end)
}

/// The line with each number that can only be a version, of 16 digits, made the same.
fn unversioned(line: &str) -> String {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut result, mut rest) = (String::new(), line);
    while let Some(first) = rest.chars().next() {
        let taken = match digits(rest) {
            0 => first.len_utf8(),
            count => count,
        };
        result.push_str(if taken == 16 { "<version>" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    result
}

#[test]
fn three_dots_are_whatever_else_there_is() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (shown, told, same) in [
        ("OK", "OK", true),
        ("OK", "OK\nOK", false),
        ("", "OK", false),
        ("a\n...\nd", "a\nb\nc\nd", true),
        ("a\n...\nd", "a\nd", true),
        ("a\n...\nc", "a\nb\nc\nd", false),
        ("...\nb\n...", "a\nb\nc", true),
        ("c\n...\nb", "a\nb\nc", false),
        ("\"1...9\"", "\"1abc9\"", true),
        ("\"1...9\"", "\"1abc\"", false),
        ("ab...bc", "abc", false),
        ("a...c...e", "abcde", true),
        ("(integer) 1795231545717192", "(integer) 1795231545717999", true),
        ("(integer) 7", "(integer) 8", false),
    ] {
        assert_eq!(is_told(&lines(shown), &lines(told)), same, "{shown:?} {told:?}");
    }
    assert!(is_told_somewhere(&lines("b\n...\na"), &lines("a\nx\nb")));
    assert!(!is_told_somewhere(&lines("b\nc"), &lines("a\nb")));
}
