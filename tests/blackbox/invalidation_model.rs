//! Long random histories of writes, leases, invalidations of every kind and sweeps, against a model that remembers all
//! that was ever said: nothing dead is ever served, nothing live is ever lost.

use std::collections::BTreeSet;

use crate::harness::{
    AofBase, Client, Entry, Fetched, Launch, Random, Server, Value, assert_same_digests, digests, fenced,
    nil, ok, wait_for_replica_in_sync, wait_until,
};
use crate::remembering::{
    GRACE_MS, Model, NAMESPACES, Name, OPERATIONS, PARAMS, PATTERNS, Said, Seen, Stamp, TAGS, drawn, names,
};
use crate::{args, call, policy};

fn shown(command: &[Vec<u8>]) -> String {
    command.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

/// A history in the making.
struct History {
    server: Server,
    client: Client,
    random: Random,
    model: Model,
}

impl History {
    fn name(&mut self) -> Name {
        (*self.random.pick(&NAMESPACES), *self.random.pick(&OPERATIONS), self.random.below(PARAMS.len()))
    }

    fn spelling(&mut self, name: Name) -> &'static str {
        self.random.pick::<&str>(&PARAMS[name.2])
    }

    fn result(&mut self) -> String {
        format!("{{\"n\":{}}}", self.random.below(1_000_000_000))
    }

    /// Some tags, and the options that give them.
    fn tags(&mut self) -> (Vec<String>, Vec<Vec<u8>>) {
        let random = &mut self.random;
        let tags: Vec<String> = TAGS.into_iter().filter(|_| random.once_in(4)).map(str::to_owned).collect();
        let mut options = if tags.is_empty() { args![] } else { args!["TAGS", tags.len()] };
        options.extend(tags.iter().map(|tag| tag.as_bytes().to_vec()));
        (tags, options)
    }

    fn grace(&mut self) -> (bool, Vec<Vec<u8>>) {
        let has_grace = self.random.once_in(2);
        (has_grace, args!["GRACE", if has_grace { GRACE_MS } else { 0 }])
    }

    /// A stamp of the namespace that was taken not too long ago, if there is one: an index of the model's.
    fn stamp(&mut self, ns: &str) -> Option<usize> {
        let asked = self.random.once_in(2);
        let found = self.model.stamps.iter().rposition(|stamp| stamp.ns == ns);
        found.filter(|found| asked && !self.model.may_be_forgotten(ns, self.model.stamps[*found].at))
    }

    /// Whether SINCE may say the one or the other: a write that came after the stamp and was lost again (not taken back
    /// by name) leaves no trace once it is swept.
    fn is_unclear(&self, stamp: Option<usize>, name: Name) -> bool {
        let at = stamp.map_or(usize::MAX, |stamp| self.model.stamps[stamp].at);
        let since = self.model.written.get(&name).is_some_and(|written| written.at > at);
        since && !self.model.is_there(name)
    }

    /// Whether SINCE forbids a write.
    fn is_forbidden(&self, stamp: Option<usize>, name: Name, tags: &[String]) -> bool {
        stamp.is_some_and(|stamp| self.model.is_overtaken(name, tags, self.model.stamps[stamp].at))
    }

    fn since(&self, stamp: Option<usize>) -> Vec<Vec<u8>> {
        stamp.map_or(args![], |stamp| args!["SINCE", self.model.stamps[stamp].text])
    }

    #[track_caller]
    fn step(&mut self) {
        match self.random.below(64) {
            0..14 => self.set(),
            14..18 => self.merge(),
            18..26 => self.warm(),
            26..30 => self.fetch(),
            30..33 => self.plan(),
            33..40 => self.fill(),
            40..44 => self.invalidate(),
            44..47 => self.invalidate_plan(),
            47..51 => self.invalidate_tags(),
            51..54 => self.invalidate_operations(),
            54 => {
                let ns = *self.random.pick(&NAMESPACES);
                assert!(call!(self.client, "CACHE.INVALIDATE", "NAMESPACE", ns).int() > 0);
                self.model.say(Said::Namespace(ns));
            }
            55 => {
                let ns = *self.random.pick(&NAMESPACES);
                let command = *self.random.pick(&["DEL", "UNLINK"]);
                if call!(self.client, command, ns) == 1.into() {
                    self.model.say(Said::Deleted(ns));
                }
            }
            56..59 => {
                let ns = *self.random.pick(&NAMESPACES);
                let text = call!(self.client, "CACHE.CLOCK", ns).text();
                self.model.stamps.push(Stamp { ns, at: self.model.now, text });
            }
            59..61 => {
                let sweep = *self.random.pick(&["yes", "no"]);
                assert_eq!(call!(self.client, "CONFIG", "SET", "cache.sweep", sweep), ok());
            }
            61 => drop(call!(self.client, "DEBUG", "SLEEP", "0.002")),
            62 if self.random.once_in(4) => {
                self.client.must(&["DEBUG", "RELOAD"]);
                self.model.all_leases_are_lost();
            }
            63 if self.random.once_in(6) => {
                self.server.kill_and_restart();
                self.client = self.server.client();
                self.model.all_leases_are_lost();
            }
            _ => {}
        }
    }

    #[track_caller]
    fn set(&mut self) {
        let name = self.name();
        let (result, spelling) = (self.result(), self.spelling(name));
        let stamp = self.stamp(name.0).filter(|stamp| !self.is_unclear(Some(*stamp), name));
        let ((mut tags, tag_options), (has_grace, grace_options)) = (self.tags(), self.grace());
        let condition = *self.random.pick(&["", "", "NX", "XX"]);
        let condition_options = if condition.is_empty() { args![] } else { args![condition] };
        tags.extend(drawn(name));
        let options =
            [args![result], self.since(stamp), condition_options, tag_options, grace_options].concat();
        let entry = Entry { ns: name.0, operation: name.1, params: spelling };
        let reply = entry.call(&mut self.client, "SET", &options);
        let is_fresh = matches!(self.model.see(name), Seen::Fresh(_));
        let is_unwanted = (condition == "NX" && is_fresh) || (condition == "XX" && !is_fresh);
        let is_forbidden = self.is_forbidden(stamp, name, &tags);
        if reply == ok() {
            assert!(!is_unwanted && !is_forbidden, "{name:?} was stored");
            self.model.write(name, result, tags, has_grace);
        } else {
            assert!(
                reply == nil() && is_unwanted || reply == fenced() && is_forbidden,
                "{name:?}: {reply:?}"
            );
        }
    }

    #[track_caller]
    fn merge(&mut self) {
        let name = self.name();
        let (result, spelling) = (self.result(), self.spelling(name));
        let (has_grace, grace_options) = self.grace();
        let upsert = self.random.once_in(2);
        let options = [args![result], grace_options, if upsert { args!["UPSERT"] } else { args![] }].concat();
        let entry = Entry { ns: name.0, operation: name.1, params: spelling };
        let reply = entry.call(&mut self.client, "MERGE", &options);
        let is_fresh = matches!(self.model.see(name), Seen::Fresh(_));
        if !is_fresh && !upsert {
            assert_eq!(reply, nil(), "{name:?}");
            return;
        }
        assert!(reply.int() > 0, "{name:?}");
        // It keeps the tags of what it changes.
        let tags = if is_fresh { self.model.written[&name].tags.clone() } else { drawn(name) };
        self.model.write(name, result, tags, has_grace);
    }

    #[track_caller]
    fn warm(&mut self) {
        let ns = *self.random.pick(&NAMESPACES);
        let (nx, as_json, stamp) = (self.random.once_in(3), self.random.once_in(2), self.stamp(ns));
        let ((tags, tag_options), (has_grace, grace_options)) = (self.tags(), self.grace());
        let nx_options = if nx { args!["NX"] } else { args![] };
        let mut command =
            [args!["CACHE.WARM", ns], nx_options, self.since(stamp), tag_options, grace_options].concat();
        let mut rows: Vec<(Name, String, Vec<String>)> = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            let name = self.name();
            let name = (ns, name.1, name.2);
            // What SINCE says of the same entry twice is another question.
            let is_twice = rows.iter().any(|row| row.0 == name);
            if stamp.is_none() || !(is_twice || self.is_unclear(stamp, name)) {
                let own = if as_json { self.tags().0 } else { vec![] };
                rows.push((name, self.result(), own));
            }
        }
        if rows.is_empty() {
            return;
        }
        let mut json = Vec::new();
        if !as_json {
            command.extend(args!["ENTRIES"]);
        }
        for (name, result, own) in &rows {
            let spelling = self.random.pick::<&str>(&PARAMS[name.2]);
            if as_json {
                let operation = name.1;
                json.push(format!(
                    r#"{{"operation":"{operation}","params":{spelling},"result":{result},"tags":{own:?}}}"#
                ));
            } else {
                command.extend(args![name.1, spelling, result]);
            }
        }
        if as_json {
            command.extend(args!["JSON", format!("[{}]", json.join(","))]);
        }
        let reply = self.client.must(&command);
        let mut skipped = 0;
        let count = rows.len() as i64;
        for (name, result, own) in rows {
            let tags = [tags.clone(), own, drawn(name)].concat();
            let is_fresh = matches!(self.model.see(name), Seen::Fresh(_));
            if (nx && is_fresh) || self.is_forbidden(stamp, name, &tags) {
                skipped += 1;
            } else {
                self.model.write(name, result, tags, has_grace);
            }
        }
        let expected: [Value; 2] = [(count - skipped).into(), skipped.into()];
        assert_eq!(reply.array(), expected, "{command:?}", command = shown(&command));
    }

    #[track_caller]
    fn fetch(&mut self) {
        let name = self.name();
        let entry = Entry { ns: name.0, operation: name.1, params: self.spelling(name) };
        let answer = entry.fetch(&mut self.client, "LEASE 10000000");
        self.model.fetched(name, &answer);
    }

    /// Some jobs of one namespace, each depending on the one before; as JSON, too.
    fn jobs(&mut self) -> (&'static str, Vec<Name>, String) {
        let ns = *self.random.pick(&NAMESPACES);
        let jobs: Vec<Name> = (0..1 + self.random.below(8))
            .map(|_| {
                let name = self.name();
                (ns, name.1, name.2)
            })
            .collect();
        let mut text = Vec::new();
        for (id, name) in jobs.iter().enumerate() {
            let (operation, spelling) = (name.1, self.spelling(*name));
            let on = if id > 0 { (id - 1).to_string() } else { String::new() };
            text.push(format!(
                r#"{{"id":{id},"dependsOn":[{on}],"operation":"{operation}","params":{spelling}}}"#
            ));
        }
        (ns, jobs, format!("[{}]", text.join(",")))
    }

    #[track_caller]
    fn plan(&mut self) {
        let (ns, jobs, text) = self.jobs();
        let reply = call!(self.client, "CACHE.PLAN", ns, text, "LEASE", 10_000_000);
        assert_eq!(reply.array().len(), jobs.len());
        for (name, answer) in jobs.into_iter().zip(reply.array()) {
            self.model.fetched(name, &Fetched::of(answer));
        }
    }

    #[track_caller]
    fn fill(&mut self) {
        if self.model.granted.is_empty() {
            return;
        }
        // Mostly a new one.
        let newest = self.model.granted.len();
        let nth = newest - 1 - self.random.below(newest.min(12));
        let (name, at) = (self.model.granted[nth].name, self.model.granted[nth].at);
        let (result, (mut tags, tag_options), (has_grace, grace_options)) =
            (self.result(), self.tags(), self.grace());
        tags.extend(drawn(name));
        let token = self.model.granted[nth].token.clone();
        let command = args!["CACHE.RESULT", "FILL", name.0, token, result];
        let reply = self.client.call(&[command, tag_options, grace_options].concat());
        let granted = &self.model.granted[nth];
        let is_newest = self.model.granted[nth + 1..].iter().all(|later| later.name != name);
        let is_good = !granted.ended && is_newest && !self.model.is_overtaken(name, &tags, at);
        if self.model.may_be_forgotten(name.0, at) && reply == fenced() {
            self.model.granted[nth].ended = true;
            return;
        }
        let since: Vec<&Said> = self.model.since(at).filter(|said| said.namespace() == name.0).collect();
        assert_eq!(
            reply,
            if is_good { ok() } else { fenced() },
            "{granted:?} {tags:?} since then: {since:?}"
        );
        self.model.granted[nth].ended = true;
        if is_good {
            self.model.write(name, result, tags, has_grace);
        }
    }

    #[track_caller]
    fn invalidate(&mut self) {
        let (name, soft) = (self.name(), self.random.once_in(2));
        let entry = Entry { ns: name.0, operation: name.1, params: self.spelling(name) };
        let reply = entry.call(&mut self.client, "INVALIDATE", &["SOFT"][..usize::from(soft)]);
        assert_eq!(reply, i64::from(self.model.is_there(name)).into(), "{name:?}");
        self.model.say(if soft { Said::Stale(name) } else { Said::Gone(name) });
    }

    #[track_caller]
    fn invalidate_plan(&mut self) {
        let (ns, jobs, text) = self.jobs();
        let (soft, from) = (self.random.once_in(2), self.random.below(2 * jobs.len()));
        let mut command = match self.random.once_in(2) {
            true => args!["CACHE.INVALIDATE.PLAN", ns, text],
            false => args!["CACHE.INVALIDATE", "PLAN", ns, text],
        };
        // Each depends on the one before: these are all from there on.
        let concerned = if from < jobs.len() { &jobs[from..] } else { &jobs };
        if from < jobs.len() {
            command.extend(args!["FROM", from]);
        }
        if soft {
            command.extend(args!["SOFT"]);
        }
        let distinct: BTreeSet<Name> = concerned.iter().copied().collect();
        let there = distinct.iter().filter(|name| self.model.is_there(**name)).count() as i64;
        assert_eq!(self.client.must(&command), there.into(), "{distinct:?}");
        for name in distinct {
            self.model.say(if soft { Said::Stale(name) } else { Said::Gone(name) });
        }
    }

    #[track_caller]
    fn invalidate_tags(&mut self) {
        let ns = *self.random.pick(&NAMESPACES);
        let tags: Vec<&str> = (0..1 + self.random.below(2)).map(|_| *self.random.pick(&TAGS)).collect();
        let mut command = args!["CACHE.INVALIDATE", "TAG", ns, "none"];
        command.extend(tags.iter().map(|tag| tag.as_bytes().to_vec()));
        assert!(self.client.must(&command).int() > 0);
        tags.into_iter().for_each(|tag| self.model.say(Said::Tag(ns, tag.to_owned())));
    }

    #[track_caller]
    fn invalidate_operations(&mut self) {
        let ns = *self.random.pick(&NAMESPACES);
        let (pattern, operations) = *self.random.pick(&PATTERNS);
        assert!(call!(self.client, "CACHE.INVALIDATE", "OPERATION", ns, pattern).int() > 0);
        self.model.say(Said::Operation(ns, operations));
    }

    /// Asks for everything as those do who would compute it.
    #[track_caller]
    fn fetch_all(&mut self) {
        for name in names() {
            let entry = Entry { ns: name.0, operation: name.1, params: self.spelling(name) };
            let answer = entry.fetch(&mut self.client, "LEASE 10000000");
            self.model.fetched(name, &answer);
        }
    }
}

fn history(seed: u64, steps: usize) {
    eprintln!("the history of seed {seed}");
    let launch = Launch::new().append_only(AofBase::BOTH[seed as usize % 2]);
    let server = launch.start();
    let replica = Launch::new().replica_of(&server).start();
    let mut client = server.client();
    policy!(client, "SET", "x*", "op:*", "TAGS", "p:{params/a}");
    let mut history = History { server, client, random: Random::seeded(seed), model: Model::default() };
    for step in 0..steps {
        history.step();
        if step % 3 == 0 {
            history.model.check(&mut history.client, &mut history.random);
        }
        if step % 40 == 0 {
            history.fetch_all();
        }
    }
    let History { server, mut client, mut random, model } = history;
    // In the end only what lives takes memory, here and there.
    call!(client, "CONFIG", "SET", "cache.sweep", "yes");
    let live = names().into_iter().filter(|name| model.is_there(*name)).count() as i64;
    let spaces = call!(client, "EXISTS", NAMESPACES[0], NAMESPACES[1]).int();
    wait_until("all that is dead is freed", || call!(client, "DBSIZE") == (live + spaces).into());
    wait_until("the sweep rests", || client.info("cache", "cache_sweep_pending").as_deref() == Some("0"));
    model.check(&mut client, &mut random);
    wait_for_replica_in_sync(&server, &replica);
    model.check(&mut replica.client(), &mut random);
    assert_same_digests("the replica", &digests(&server), &digests(&replica));
}

#[test]
fn histories_agree_with_the_model() {
    (0..4).for_each(|seed| history(seed, 800));
}

#[test]
fn more_histories_agree_with_the_model() {
    (4..8).for_each(|seed| history(seed, 800));
}
