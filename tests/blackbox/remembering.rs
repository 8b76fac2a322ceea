//! A model of the cache that remembers all that was ever said, and works out what is there when it is asked.

use std::collections::BTreeMap;

use crate::args;
use crate::harness::{Client, Fetched, Random, Value, nil};

/// An entry: its namespace, its operation, and which of [`PARAMS`].
pub type Name = (&'static str, &'static str, usize);

pub const NAMESPACES: [&str; 2] = ["ns", "x{ns}"];
pub const OPERATIONS: [&str; 4] = ["op", "op:a", "op:b", "v"];
/// Two spellings of each.
pub const PARAMS: [[&str; 2]; 3] =
    [[r#"{"a":1,"b":2}"#, r#"{ "b" : 2.0, "a":1 }"#], ["1", "1.0"], ["[]", " [ ] "]];
pub const TAGS: [&str; 4] = ["t", "u", "tt", DRAWN];
/// What a rule draws from the first params, in the second namespace, for operations that begin with `op:`.
pub const DRAWN: &str = "p:1";

/// Patterns, and which operations each matches.
pub const PATTERNS: [(&str, &[&str]); 7] = [
    ("op", &["op"]),
    ("op:b", &["op:b"]),
    ("op:*", &["op:a", "op:b"]),
    ("?", &["v"]),
    ("*a", &["op:a"]),
    ("none*", &[]),
    ("[^v]*", &["op", "op:a", "op:b"]),
];

pub const GRACE_MS: i64 = 100_000_000;

pub fn names() -> Vec<Name> {
    let operations = |ns| OPERATIONS.into_iter().map(move |operation| (ns, operation));
    let pairs = NAMESPACES.into_iter().flat_map(operations);
    pairs.flat_map(|(ns, operation)| (0..PARAMS.len()).map(move |params| (ns, operation, params))).collect()
}

/// The tags that a rule gives an entry, from its params alone.
pub fn drawn(name: Name) -> Vec<String> {
    let is_drawn = name.0 == NAMESPACES[1] && name.1.starts_with("op:") && name.2 == 0;
    if is_drawn { vec![DRAWN.to_owned()] } else { vec![] }
}

/// Something that was said of entries that were there before.
#[derive(Debug, Clone)]
pub enum Said {
    Gone(Name),
    Stale(Name),
    Tag(&'static str, String),
    Operation(&'static str, &'static [&'static str]),
    Namespace(&'static str),
    /// The namespace was deleted: another life begins.
    Deleted(&'static str),
}

impl Said {
    pub fn namespace(&self) -> &'static str {
        match self {
            Said::Gone(of) | Said::Stale(of) => of.0,
            Said::Tag(ns, _) | Said::Operation(ns, _) | Said::Namespace(ns) | Said::Deleted(ns) => ns,
        }
    }

    pub fn concerns(&self, name: Name, tags: &[String]) -> bool {
        match self {
            Said::Gone(of) | Said::Stale(of) => *of == name,
            Said::Tag(ns, tag) => *ns == name.0 && tags.contains(tag),
            Said::Operation(ns, operations) => *ns == name.0 && operations.contains(&name.1),
            Said::Namespace(ns) | Said::Deleted(ns) => *ns == name.0,
        }
    }
}

#[derive(Debug)]
pub struct Written {
    pub at: usize,
    pub result: String,
    pub tags: Vec<String>,
    pub has_grace: bool,
}

#[derive(Debug)]
pub struct Granted {
    pub name: Name,
    pub at: usize,
    pub token: String,
    pub ended: bool,
}

#[derive(Debug)]
pub struct Stamp {
    pub ns: &'static str,
    pub at: usize,
    pub text: String,
}

/// What is there of an entry.
#[derive(Debug, PartialEq)]
pub enum Seen<'a> {
    Fresh(&'a str),
    Stale(&'a str),
    Absent,
}

/// All that was ever said, in order: nothing is forgotten, nothing is worked out before it is asked.
#[derive(Debug, Default)]
pub struct Model {
    pub now: usize,
    pub said: Vec<(usize, Said)>,
    pub written: BTreeMap<Name, Written>,
    pub granted: Vec<Granted>,
    pub stamps: Vec<Stamp>,
}

impl Model {
    pub fn say(&mut self, said: Said) {
        self.now += 1;
        self.said.push((self.now, said));
    }

    pub fn write(&mut self, name: Name, result: String, tags: Vec<String>, has_grace: bool) {
        self.now += 1;
        self.written.insert(name, Written { at: self.now, result, tags, has_grace });
    }

    pub fn since(&self, at: usize) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(move |(when, _)| *when > at).map(|(_, said)| said)
    }

    pub fn see(&self, name: Name) -> Seen<'_> {
        let Some(written) = self.written.get(&name) else { return Seen::Absent };
        let mut seen = Seen::Fresh(&written.result);
        for said in self.since(written.at).filter(|said| said.concerns(name, &written.tags)) {
            match said {
                Said::Stale(_) if written.has_grace => seen = Seen::Stale(&written.result),
                _ => return Seen::Absent,
            }
        }
        seen
    }

    pub fn is_there(&self, name: Name) -> bool {
        self.see(name) != Seen::Absent
    }

    /// Whether a result with these tags, asked for at `at`, was overtaken meanwhile.
    pub fn is_overtaken(&self, name: Name, tags: &[String], at: usize) -> bool {
        self.written.get(&name).is_some_and(|written| written.at > at)
            || self.since(at).any(|said| said.concerns(name, tags))
    }

    /// Which grant is the entry's lease at present.
    pub fn in_flight(&self, name: Name) -> Option<usize> {
        let last = self.granted.iter().rposition(|granted| granted.name == name)?;
        let granted = &self.granted[last];
        (!granted.ended && !self.is_overtaken(name, &drawn(name), granted.at)).then_some(last)
    }

    /// Of so many single invalidations a namespace may forget which they were; then a refusal proves nothing.
    pub fn may_be_forgotten(&self, ns: &str, at: usize) -> bool {
        let singles =
            self.since(at).filter(|said| matches!(said, Said::Gone(of) | Said::Stale(of) if of.0 == ns));
        singles.count() > 100
    }

    pub fn all_leases_are_lost(&mut self) {
        self.granted.clear();
    }

    /// What FETCH, or a job of a plan, was answered.
    #[track_caller]
    pub fn fetched(&mut self, name: Name, answer: &Fetched) {
        let leased = self.in_flight(name).is_some();
        let (told, has_token) = match (self.see(name), leased) {
            (Seen::Fresh(result), _) => (format!("HIT {result}"), false),
            (Seen::Stale(result), leased) => (format!("STALE {result}"), !leased),
            (Seen::Absent, true) => ("BUSY".to_owned(), false),
            (Seen::Absent, false) => ("LEASE".to_owned(), true),
        };
        assert_eq!((answer.told(), answer.token.is_some()), (told, has_token), "{name:?}");
        if let Some(token) = &answer.token {
            self.now += 1;
            self.granted.push(Granted { name, at: self.now, token: token.clone(), ended: false });
        }
    }

    /// Everything that can be asked without changing anything.
    #[track_caller]
    pub fn check(&self, client: &mut Client, random: &mut Random) {
        let names = names();
        let mut questions = Vec::new();
        for (ns, operation, params) in &names {
            let params = random.pick(&PARAMS[*params]);
            questions.push(args!["CACHE.RESULT", "GET", ns, operation, params]);
            questions.push(args!["CACHE.RESULT", "GET", ns, operation, params, "STALE"]);
            questions.push(args!["CACHE.RESULT", "EXISTS", ns, operation, params]);
        }
        let answers = client.pipeline(&questions);
        for (name, answers) in names.iter().zip(answers.chunks(3)) {
            let (fresh, any) = match self.see(*name) {
                Seen::Fresh(result) => (Value::from(result), Value::from(result)),
                Seen::Stale(result) => (nil(), Value::from(result)),
                Seen::Absent => (nil(), nil()),
            };
            let exists = i64::from(fresh != nil()).into();
            assert_eq!(answers, [fresh, any, exists], "{name:?}, {:?}", self.written.get(name));
        }
    }
}
