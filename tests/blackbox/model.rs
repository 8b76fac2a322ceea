//! Long random histories against a model that a reader can check by eye.

use std::collections::BTreeMap;

use crate::harness::{
    AofBase, Client, Entry, Launch, Random, Server, Value, assert_same_digests, digests, nil, now_ms, ok,
    wait_for_replica_in_sync,
};
use crate::{args, cache, call};

/// What the model knows of an entry. All times are long, so that an entry is stale by SOFT only.
#[derive(Debug, Clone)]
struct Known {
    result: String,
    stale: bool,
    grace_ms: i64,
    version: i64,
    /// The end of freshness in Unix milliseconds, as read back; none where it never ends.
    end: Option<i64>,
}

type Name = (&'static str, &'static str, &'static str);

/// The cache as it should be.
#[derive(Default)]
struct Model {
    entries: BTreeMap<Name, Known>,
    /// For each namespace in its present life, the version from which the next one must be counted.
    least: BTreeMap<&'static str, i64>,
}

const NAMESPACES: [&str; 2] = ["ns", "x{ns}"];
const OPERATIONS: [&str; 2] = ["op", "op:2"];
/// A value and two spellings of it.
const PARAMS: [[&str; 3]; 3] = [
    [r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#" { "a" : 1.0, "\u0062" : 2e0 } "#],
    ["1", "1.0", "10e-1"],
    ["[]", " []", "[ ]"],
];

const GRACE: i64 = 100_000_000;

impl Model {
    fn fresh(&self, name: &Name) -> Option<&Known> {
        self.entries.get(name).filter(|known| !known.stale)
    }

    /// One random command, and what must come of it.
    #[track_caller]
    fn step(&mut self, server: &mut Server, client: &mut Client, random: &mut Random) {
        let spellings = random.pick(&PARAMS);
        let name = (*random.pick(&NAMESPACES), *random.pick(&OPERATIONS), spellings[0]);
        let spelling = *random.pick(spellings);
        match random.below(40) {
            0..16 => self.set(client, random, name, spelling),
            16..24 => self.invalidate(client, random, name, spelling),
            24 => {
                client.must(&["DEL", name.0]);
                self.entries.retain(|(ns, ..), _| *ns != name.0);
                self.least.remove(name.0);
            }
            25 => {
                let key = cache!(client, "KEY", name.0, name.1, spelling).text();
                // Where there is no such key this is an error, and the entry is absent either way.
                call!(client, "RENAME", key, "aside");
                self.entries.remove(&name);
            }
            26 if random.once_in(4) => {
                client.must(&["DEBUG", "RELOAD"]);
                self.loaded();
            }
            27 if random.once_in(8) => {
                server.kill_and_restart();
                *client = server.client();
                self.loaded();
            }
            28 if random.once_in(8) => {
                client.must(&["FLUSHALL"]);
                *self = Model::default();
            }
            _ => self.check(client, name, spelling),
        }
        self.check(client, name, spelling);
    }

    #[track_caller]
    fn set(&mut self, client: &mut Client, random: &mut Random, name: Name, spelling: &str) {
        let result = format!("result {}", random.next());
        let condition = *random.pick(&["", "", "", "NX", "XX"]);
        let grace_ms = *random.pick(&[0, GRACE]);
        let expiry = random.below(6);
        let past = expiry == 5;
        let mut options = match expiry {
            0 => args!["EX", 100_000],
            1 => args!["PXAT", 1_900_000_000_000_i64],
            2 => args!["PERSIST"],
            3 => args!["KEEPTTL"],
            4 => args![],
            _ => args!["PXAT", now_ms() - 1],
        };
        let keeps = options.first().is_some_and(|option| option == b"KEEPTTL");
        if grace_ms > 0 || keeps {
            // What KEEPTTL does about a grace that is not given is not this model's question.
            options.extend(args!["GRACE", grace_ms]);
        }
        if !condition.is_empty() {
            options.insert(0, condition.into());
        }
        let reply = Entry { ns: name.0, operation: name.1, params: spelling }.call(
            client,
            "SET",
            &[args![result], options].concat(),
        );
        let fresh = self.fresh(&name).cloned();
        if (condition == "NX" && fresh.is_some()) || (condition == "XX" && fresh.is_none()) {
            assert_eq!(reply, nil());
            return;
        }
        assert_eq!(reply, ok());
        self.entries.remove(&name);
        if past {
            return;
        }
        let entry = Entry { ns: name.0, operation: name.1, params: name.2 };
        let expiry = entry.expiry(client);
        let end = (expiry != -1).then_some(expiry - grace_ms);
        if let (true, Some(before)) = (keeps, fresh) {
            assert_eq!(end, before.end, "KEEPTTL did not keep the end");
        }
        let version = self.newer(name.0, entry.version(client));
        self.entries.insert(name, Known { result, stale: false, grace_ms, version, end });
    }

    #[track_caller]
    fn invalidate(&mut self, client: &mut Client, random: &mut Random, name: Name, spelling: &str) {
        let soft = random.once_in(2);
        let version = self.entries.get(&name).map_or(0, |known| known.version);
        let asked = *random.pick(&[None, None, Some(version), Some(version + 1), Some(0)]);
        let mut options = if soft { args!["SOFT"] } else { args![] };
        if let Some(asked) = asked {
            options.extend(args!["IFVERSION", asked]);
        }
        let reply =
            Entry { ns: name.0, operation: name.1, params: spelling }.call(client, "INVALIDATE", &options);
        if asked.is_some_and(|asked| asked != version) {
            assert_eq!(reply, 0.into());
            return;
        }
        assert_eq!(reply, i64::from(self.entries.contains_key(&name)).into());
        match self.entries.remove(&name) {
            Some(known) if soft && known.grace_ms > 0 => {
                let version = self
                    .newer(name.0, Entry { ns: name.0, operation: name.1, params: name.2 }.version(client));
                self.entries.insert(name, Known { stale: true, version, ..known });
            }
            _ => {}
        }
    }

    /// A version that was just written: newer than all before in its namespace.
    #[track_caller]
    fn newer(&mut self, ns: &'static str, version: i64) -> i64 {
        let least = self.least.entry(ns).or_default();
        assert!(version > *least, "{ns}: {version} came after {least}");
        *least = version;
        version
    }

    /// After a load the next mutation of each namespace jumps; a second load before it adds no second jump.
    fn loaded(&mut self) {
        for (ns, least) in &mut self.least {
            let written =
                self.entries.iter().filter(|((of, ..), _)| of == ns).map(|(_, known)| known.version).max();
            *least = (*least).max(written.unwrap_or(0) + (1 << 32) - 1);
        }
    }

    /// What every reading subcommand says of an entry.
    #[track_caller]
    fn check(&self, client: &mut Client, name: Name, spelling: &str) {
        let (ns, operation, _) = name;
        let known = self.entries.get(&name);
        let fresh = self.fresh(&name);
        let result = |known: Option<&Known>| known.map_or(nil(), |known| Value::from(known.result.as_str()));
        assert_eq!(cache!(client, "GET", ns, operation, spelling), result(fresh), "GET of {known:?}");
        assert_eq!(
            cache!(client, "GET", ns, operation, spelling, "STALE"),
            result(known),
            "GET STALE of {known:?}"
        );
        assert_eq!(cache!(client, "EXISTS", ns, operation, spelling), i64::from(fresh.is_some()).into());
        let info = cache!(client, "INFO", ns, operation, spelling);
        let state = match known {
            None => "absent",
            Some(known) if known.stale => "stale",
            Some(_) => "fresh",
        };
        assert_eq!(info.field("state").text(), state, "{known:?}");
        if let Some(known) = known {
            assert_eq!(info.field("version").int(), known.version);
            assert_eq!(info.field("bytes").int(), known.result.len() as i64);
        }
    }
}

/// One history: against the model at every step, and at the end against a replica.
fn history(seed: u64, steps: usize) {
    let mut server = Launch::new().append_only(AofBase::BOTH[seed as usize % 2]).start();
    let mut client = server.client();
    let mut random = Random::seeded(seed);
    let mut model = Model::default();
    let replica = Launch::new().replica_of(&server).start();
    wait_for_replica_in_sync(&server, &replica);
    for _ in 0..steps {
        model.step(&mut server, &mut client, &mut random);
    }
    wait_for_replica_in_sync(&server, &replica);
    assert_same_digests("the replica", &digests(&server), &digests(&replica));
    let mut there = replica.client();
    for ns in NAMESPACES {
        for operation in OPERATIONS {
            for spellings in PARAMS {
                model.check(&mut there, (ns, operation, spellings[0]), spellings[2]);
            }
        }
    }
}

#[test]
fn histories_agree_with_the_model() {
    for seed in 0..3 {
        history(seed, 700);
    }
}

#[test]
fn more_histories_agree_with_the_model() {
    for seed in 3..6 {
        history(seed, 700);
    }
}
