//! The options of a command, parsed as its table entry says: what the table names is accepted, and nothing else.
//!
//! Unknown, repeated and conflicting options, missing values and numbers out of range are refused, each
//! with a sentence that names the offending word and what is accepted.

use super::table::{Argument, Command, Kind};
use crate::core::refusal::{Refusal, quoted};

/// The options that a client gave.
#[derive(Debug)]
pub struct Options<'a> {
    given: Vec<Given<'a>>,
}

#[derive(Debug)]
struct Given<'a> {
    group: usize,
    argument: &'static Argument,
    values: &'a [&'a [u8]],
    /// The first value, where the table says it is a number.
    number: u64,
}

impl<'a> Options<'a> {
    /// Reads the words after a command's required arguments.
    pub fn parse(command: &'static Command, words: &'a [&'a [u8]]) -> Result<Self, Refusal> {
        Self::parse_until(command, words, &[]).map(|(options, _)| options)
    }

    /// The same up to one of the words `stops`; returns what remains, that word first.
    pub fn parse_until(
        command: &'static Command,
        words: &'a [&'a [u8]],
        stops: &[&str],
    ) -> Result<(Self, &'a [&'a [u8]]), Refusal> {
        let mut options = Options { given: Vec::new() };
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            if stops.iter().any(|stop| stop.as_bytes().eq_ignore_ascii_case(word)) {
                break;
            }
            let (group, argument) = command
                .options()
                .find(|(_, option)| {
                    option.token.is_some_and(|token| token.as_bytes().eq_ignore_ascii_case(word))
                })
                .ok_or_else(|| unknown(command, word))?;
            options.check_free(group, argument)?;
            let (given, after) = Given::read(group, argument, after)?;
            options.given.push(given);
            rest = after;
        }
        Ok((options, rest))
    }

    fn check_free(&self, group: usize, argument: &Argument) -> Result<(), Refusal> {
        let token = argument.token.unwrap_or_default();
        match self.given.iter().find(|given| given.group == group) {
            None => Ok(()),
            Some(_) if matches!(argument.kind, Kind::Repeated(_)) => Ok(()),
            Some(given) if given.argument.token == argument.token => {
                Err(Refusal::syntax(format!("option {token} is given twice: once is accepted")))
            }
            Some(given) => {
                let earlier = given.argument.token.unwrap_or_default();
                Err(Refusal::syntax(format!(
                    "options {earlier} and {token} conflict: at most one of them is accepted"
                )))
            }
        }
    }

    fn find(&self, token: &str) -> Option<&Given<'a>> {
        self.given.iter().find(|given| given.argument.token == Some(token))
    }

    /// Whether the flag was given.
    pub fn flag(&self, token: &str) -> bool {
        self.find(token).is_some()
    }

    /// The option's number, within the bounds of the table.
    pub fn number(&self, token: &str) -> Option<u64> {
        self.find(token).map(|given| given.number)
    }

    /// The option's one word.
    pub fn word(&self, token: &str) -> Option<&'a [u8]> {
        self.find(token).and_then(|given| given.values.first().copied())
    }

    /// The words of each time that the option was given, in order.
    pub fn each(&self, token: &str) -> impl Iterator<Item = &'a [&'a [u8]]> {
        self.given.iter().filter(move |given| given.argument.token == Some(token)).map(|given| given.values)
    }

    /// The words that followed the option's count.
    pub fn counted(&self, token: &str) -> Option<&'a [&'a [u8]]> {
        self.find(token).map(|given| given.values)
    }
}

impl<'a> Given<'a> {
    /// Takes the values of `argument` from the front of `words`; returns what remains.
    fn read(
        group: usize,
        argument: &'static Argument,
        words: &'a [&'a [u8]],
    ) -> Result<(Self, &'a [&'a [u8]]), Refusal> {
        let token = argument.token.unwrap_or_default();
        let missing =
            || Refusal::syntax(format!("option {token} lacks its value: {} is accepted", argument.usage()));
        let no_values: &'a [&'a [u8]] = &[];
        match argument.kind {
            Kind::Flag => Ok((Given { group, argument, values: no_values, number: 0 }, words)),
            Kind::Integer { min, max, unit } => {
                let (value, after) = words.split_first().ok_or_else(missing)?;
                let number = integer(token, value, min, max, unit)?;
                Ok((Given { group, argument, values: no_values, number }, after))
            }
            Kind::Counted { word } => {
                let (count, after) = words.split_first().ok_or_else(missing)?;
                let number = integer(token, count, 1, u64::from(u32::MAX), &format!("{word}s"))?;
                let (values, after) = usize::try_from(number)
                    .ok()
                    .and_then(|n| after.split_at_checked(n))
                    .ok_or_else(|| {
                        let left = after.len();
                        Refusal::syntax(format!(
                            "{token} {number} is followed by {left} words: {number} are needed"
                        ))
                    })?;
                Ok((Given { group, argument, values, number }, after))
            }
            Kind::Repeated(names) => {
                let (values, after) = words.split_at_checked(names.len()).ok_or_else(missing)?;
                Ok((Given { group, argument, values, number: 0 }, after))
            }
            Kind::Namespace | Kind::Bytes | Kind::Text | Kind::Many | Kind::OneOf(_) => {
                let (values, after) = words.split_at_checked(1).ok_or_else(missing)?;
                Ok((Given { group, argument, values, number: 0 }, after))
            }
        }
    }
}

fn unknown(command: &'static Command, word: &[u8]) -> Refusal {
    let accepted: Vec<&str> = command.options().filter_map(|(_, option)| option.token).collect();
    let accepted = if accepted.is_empty() {
        "no options are".to_owned()
    } else {
        format!("{} are", accepted.join(", "))
    };
    Refusal::syntax(format!(
        "unknown option {} for {}: {accepted} accepted",
        quoted(word),
        command.full_name()
    ))
}

/// A whole decimal number as core reads one: digits only, no sign, no leading zeros, no spaces.
fn integer(token: &str, word: &[u8], min: u64, max: u64, unit: &str) -> Result<u64, Refusal> {
    let canonical = word == b"0" || word.first().is_some_and(|&first| first != b'0');
    std::str::from_utf8(word)
        .ok()
        .filter(|text| canonical && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| {
            Refusal::syntax(format!(
                "{token} {} is not accepted: a whole number of {unit} from {min} to {max} is",
                quoted(word)
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::super::commands::COMMANDS;
    use super::*;

    fn set() -> &'static Command {
        COMMANDS.iter().find(|command| command.name == "SET").expect("SET is in the table")
    }

    fn error(words: &[&[u8]]) -> String {
        Options::parse(set(), words).expect_err("a refusal").to_string()
    }

    #[test]
    fn options_come_in_any_order_and_case() {
        let words: [&[u8]; 8] = [b"tags", b"2", b"a", b"nx", b"px", b"250", b"Nx", b"grace"];
        let options = Options::parse(set(), &words[..6]).expect("good options");
        assert_eq!(options.counted("TAGS"), Some(&[&b"a"[..], b"nx"][..]), "a tag may look like an option");
        assert_eq!(options.number("PX"), Some(250));
        assert!(!options.flag("NX"));
        assert!(error(&words).contains("GRACE"), "its value is missing");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(error(&[b"NX", b"nx"]), "ERR option NX is given twice: once is accepted");
        assert_eq!(
            error(&[b"EX", b"1", b"PX", b"1"]),
            "ERR options EX and PX conflict: at most one of them is accepted"
        );
        assert!(error(&[b"FOO"]).starts_with("ERR unknown option 'FOO' for CACHE.RESULT SET: EX, PX, "));
        assert!(error(&[b"PX"]).starts_with("ERR option PX lacks its value"));
        assert_eq!(error(&[b"TAGS", b"3", b"a"]), "ERR TAGS 3 is followed by 1 words: 3 are needed");
    }

    #[test]
    fn numbers_are_plain_and_within_bounds() {
        for bad in [
            "",
            "0",
            "-1",
            "+1",
            "01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x1",
            "18446744073709551616",
            "9007199254740992",
        ] {
            let message = error(&[b"PX", bad.as_bytes()]);
            assert!(message.starts_with(&format!("ERR PX '{bad}' is not accepted")), "{message}");
        }
        let one: [&[u8]; 2] = [b"PX", b"1"];
        assert_eq!(Options::parse(set(), &one).expect("in bounds").number("PX"), Some(1));
    }

    #[test]
    fn every_option_of_the_table_is_accepted_once_and_conflicts_with_its_alternatives() {
        for command in COMMANDS.iter() {
            for (group, option) in command.options() {
                let words = words_for(option);
                let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
                Options::parse(command, &words).expect("what the table names is accepted");
                for (other_group, other) in command.options() {
                    let both: Vec<String> = words_for(option).into_iter().chain(words_for(other)).collect();
                    let both: Vec<&[u8]> = both.iter().map(String::as_bytes).collect();
                    let conflict = group == other_group && !matches!(option.kind, Kind::Repeated(_));
                    assert_eq!(Options::parse(command, &both).is_err(), conflict, "{option:?} {other:?}");
                }
            }
        }
    }

    fn words_for(option: &Argument) -> Vec<String> {
        let values = match option.kind {
            Kind::Integer { min, .. } => vec![min.to_string()],
            Kind::Counted { .. } => vec!["1".to_owned(), "x".to_owned()],
            Kind::Flag => vec![],
            Kind::Repeated(names) => vec!["x".to_owned(); names.len()],
            _ => vec!["x".to_owned()],
        };
        option.token.map(str::to_owned).into_iter().chain(values).collect()
    }
}
