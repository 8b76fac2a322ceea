//! The command table: one machine-readable description of every command.
//!
//! Everything that names a command or an option is drawn from it: the registration with the server,
//! `COMMAND DOCS`, HELP, the pages under `docs/commands/`, and the option parser ([`super::options`]).

use serde::Serialize;

/// One command, or one subcommand of a container.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Command {
    /// The container that it belongs to (`CACHE.RESULT`), none for a command of its own.
    pub container: Option<&'static str>,
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it costs, in the words of `COMMAND DOCS`.
    pub complexity: &'static str,
    /// The version of this product that brought it.
    pub since: &'static str,
    pub flags: &'static [Flag],
    /// Hints for clients and proxies, in core's words (`request_policy:all_shards`).
    pub tips: &'static [&'static str],
    /// What it does with the namespace key, its first argument; none for a command without a key.
    pub key: Option<KeyUse>,
    pub arguments: &'static [Argument],
    /// The reply, for people.
    pub reply: &'static str,
    /// Details, for people: Markdown paragraphs.
    pub details: &'static [&'static str],
    /// Command lines that work one after the other, each with the reply that redis-cli shows.
    pub examples: &'static [(&'static str, &'static str)],
}

/// Command flags, in core's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    Readonly,
    Write,
    Fast,
    DenyOom,
    Admin,
    /// Not for scripts: it only makes sense on the primary's link and while a file is loaded.
    NoScript,
    /// It may wait.
    Blocking,
    AllowLoading,
    AllowStale,
}

impl Flag {
    /// As `RedisModule_CreateCommand` takes it.
    pub fn word(self) -> &'static str {
        match self {
            Flag::Readonly => "readonly",
            Flag::Write => "write",
            Flag::Fast => "fast",
            Flag::DenyOom => "deny-oom",
            Flag::Admin => "admin",
            Flag::NoScript => "deny-script",
            Flag::Blocking => "blocking",
            Flag::AllowLoading => "allow-loading",
            Flag::AllowStale => "allow-stale",
        }
    }
}

/// What a command does with its key, in the terms of core's key specs (and so of ACL read and write).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Reads data.
    Access,
    /// Writes data, and shows nothing of what was there.
    Update,
    /// Writes data, and what was there shows in the outcome.
    AccessUpdate,
}

/// One argument.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Argument {
    pub name: &'static str,
    pub kind: Kind,
    /// The word that introduces it, or that it consists of.
    pub token: Option<&'static str>,
    pub optional: bool,
    /// One line for people.
    pub summary: &'static str,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The namespace: a key.
    Namespace,
    /// Any bytes.
    Bytes,
    /// A name, or a text in a format of its own.
    Text,
    /// A whole number within bounds, both included.
    Integer { min: u64, max: u64, unit: &'static str },
    /// A number of words, then that many.
    Counted { word: &'static str },
    /// These words any number of times; where it is optional each time after its token, else after one.
    Repeated(&'static [&'static str]),
    /// One word or more, the last of a command.
    Many,
    /// Just its token.
    Flag,
    /// At most one of these.
    OneOf(&'static [Argument]),
}

impl Command {
    /// `CACHE.RESULT GET`, or the name alone.
    pub fn full_name(&self) -> String {
        match self.container {
            Some(container) => format!("{container} {}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Its ACL categories, where the server has them for modules.
    pub fn categories(&self) -> Vec<&'static str> {
        let of = |flag: Flag| self.flags.contains(&flag);
        let categories = [
            (of(Flag::Readonly), "read"),
            (of(Flag::Write), "write"),
            (of(Flag::Fast), "fast"),
            (!of(Flag::Fast), "slow"),
            (of(Flag::Blocking), "blocking"),
            (of(Flag::Admin), "admin"),
            (of(Flag::Admin), "dangerous"),
        ];
        categories.into_iter().filter_map(|(applies, category)| applies.then_some(category)).collect()
    }

    /// How many words its name is.
    pub fn name_words(&self) -> usize {
        if self.container.is_some() { 2 } else { 1 }
    }

    /// Core's arity: the number of words with the name, negative where there may be more.
    pub fn arity(&self) -> i32 {
        let required: usize =
            self.arguments.iter().filter(|argument| !argument.optional).map(Argument::least_words).sum();
        let words = i32::try_from(self.name_words().saturating_add(required)).unwrap_or(i32::MAX);
        let open = self
            .arguments
            .iter()
            .any(|argument| argument.optional || matches!(argument.kind, Kind::Many | Kind::Repeated(_)));
        if open { words.saturating_neg() } else { words }
    }

    /// The words after its name, as its documentation shows them: `ns operation params [STALE]`.
    pub fn usage(&self) -> String {
        let words: Vec<String> = self.arguments.iter().map(Argument::usage).collect();
        words.join(" ")
    }

    /// The options: what is optional and introduced by a token, alternatives taken apart, each with the
    /// place of its group.
    pub fn options(&self) -> impl Iterator<Item = (usize, &'static Argument)> {
        self.arguments.iter().enumerate().filter(|(_, argument)| argument.optional).flat_map(
            |(group, argument)| {
                let alternatives = match argument.kind {
                    Kind::OneOf(alternatives) => alternatives,
                    _ => std::slice::from_ref(argument),
                };
                let named = alternatives.iter().filter(|alternative| alternative.token.is_some());
                named.map(move |alternative| (group, alternative))
            },
        )
    }
}

impl Argument {
    /// How many words it is at least, where it is given.
    fn least_words(&self) -> usize {
        let values = match self.kind {
            Kind::Flag => 0,
            Kind::Repeated(names) => names.len(),
            Kind::Counted { .. } => 2,
            Kind::OneOf(alternatives) => alternatives.iter().map(Argument::least_words).min().unwrap_or(0),
            _ => 1,
        };
        values.saturating_add(usize::from(self.token.is_some()))
    }

    /// As documentation shows it: `[GRACE ms]`.
    pub fn usage(&self) -> String {
        let words = self.words();
        match self.kind {
            Kind::Repeated(_) if self.optional => format!("[{words}] ..."),
            _ if self.optional => format!("[{words}]"),
            _ => words,
        }
    }

    /// The words that it is where it is given: `GRACE ms`.
    pub fn words(&self) -> String {
        let value = match self.kind {
            Kind::Flag => String::new(),
            Kind::Repeated(names) if self.optional => names.join(" "),
            Kind::Repeated(names) => format!("{0} [{0} ...]", names.join(" ")),
            Kind::Many => format!("{0} [{0} ...]", self.name),
            Kind::Counted { word } => format!("n {word} [{word} ...]"),
            Kind::OneOf(alternatives) => {
                alternatives.iter().map(Argument::usage).collect::<Vec<_>>().join(" | ")
            }
            _ => self.name.to_owned(),
        };
        let words: Vec<&str> =
            [self.token.unwrap_or_default(), &value].into_iter().filter(|w| !w.is_empty()).collect();
        words.join(" ")
    }
}
