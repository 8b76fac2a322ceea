//! Random schedules against a model: what must hold whatever happens in whatever order.
//!
//! The world here does what the server does around the table: it looks, decides, stores, and tells those who wait. The
//! model beside it keeps a plain history of what happened, and knows nothing of leases.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proptest::prelude::*;

use super::super::body::Body;
use super::super::entry::{Entry, Mark, Tags};
use super::super::fence::Ground;
use super::super::fetch::{Ask, Fetched, Offer, Status};
use super::super::fingerprint::Fingerprint;
use super::super::instant::Instant;
use super::super::name::{NamespaceName, OperationName};
use super::super::namespace::{Era, Namespace};
use super::super::origin::{Incarnation, Origin};
use super::super::policy::Policy;
use super::super::stamp::Stamp;
use super::super::state::{Address, OpenState, State, Stored};
use super::super::token::Token;
use super::flight::{Grant, Waiter};
use super::settle::Scene;
use super::table::{Desk, Leases, Renewal, Standing};
use super::{Place, Ticket};

const BEGINNING: Instant = Instant::from_unix_ms(1_790_000_000_000);

/// What clients and the world do. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Fetch {
        entry: usize,
        wait: bool,
        nostale: bool,
        reject: bool,
        holder: Option<u8>,
        length_ms: u64,
    },
    Fill {
        token: usize,
        ttl_ms: u64,
        grace_ms: u64,
    },
    Renew {
        token: usize,
        length_ms: u64,
    },
    Release {
        token: usize,
    },
    Fail {
        token: usize,
        remember_ms: u64,
    },
    Set {
        entry: usize,
        ttl_ms: u64,
    },
    Invalidate {
        entry: usize,
    },
    DropNamespace,
    /// The entry expires or is evicted: nobody is told.
    Lose {
        entry: usize,
    },
    Vanish {
        waiter: usize,
    },
    Pass {
        ms: u64,
    },
    TurnBack {
        ms: u64,
    },
    /// A new process takes over with all that was stored.
    Failover,
}

fn steps() -> impl Strategy<Value = Step> {
    let (entry, token) = (0..2usize, 0..8usize);
    let length_ms = prop_oneof![1..50u64, Just(1000)];
    prop_oneof![
        8 => (entry.clone(), any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2),
              proptest::option::weighted(0.3, 0..2u8), length_ms.clone())
            .prop_map(|(entry, wait, nostale, reject, holder, length_ms)|
                Step::Fetch { entry, wait, nostale, reject, holder, length_ms }),
        4 => (token.clone(), 1..60u64, 0..60u64)
            .prop_map(|(token, ttl_ms, grace_ms)| Step::Fill { token, ttl_ms, grace_ms }),
        2 => (token.clone(), length_ms).prop_map(|(token, length_ms)| Step::Renew { token, length_ms }),
        2 => token.clone().prop_map(|token| Step::Release { token }),
        2 => (token, prop_oneof![Just(0), 1..50u64])
            .prop_map(|(token, remember_ms)| Step::Fail { token, remember_ms }),
        1 => (entry.clone(), 1..60u64).prop_map(|(entry, ttl_ms)| Step::Set { entry, ttl_ms }),
        2 => entry.clone().prop_map(|entry| Step::Invalidate { entry }),
        1 => Just(Step::DropNamespace),
        1 => entry.prop_map(|entry| Step::Lose { entry }),
        2 => (0..8usize).prop_map(|waiter| Step::Vanish { waiter }),
        4 => (1..80u64).prop_map(|ms| Step::Pass { ms }),
        1 => (1..100_000u64).prop_map(|ms| Step::TurnBack { ms }),
        1 => Just(Step::Failover),
    ]
}

/// An entry as it is stored.
#[derive(Debug, Clone)]
struct Kept {
    origin: Rc<Origin>,
    version: u64,
    created: Instant,
    ttl_ms: u64,
    grace_ms: u64,
    negative: bool,
}

/// What the model knows of a grant.
#[derive(Debug, Clone)]
struct Granted {
    token: Rc<str>,
    entry: usize,
    at: u64,
    /// Which process granted it.
    process: u64,
}

#[derive(Debug)]
struct World {
    leases: Leases,
    namespace: Option<Namespace>,
    entries: [Option<Kept>; 2],
    now: Instant,
    process: u64,
    lives: u64,
    // The model: when what happened, in steps.
    step: u64,
    grants: Vec<Granted>,
    tokens: BTreeSet<Rc<str>>,
    invalidated: [u64; 2],
    written: [u64; 2],
    /// Who waits, and for what; removed when answered or gone.
    waiting: BTreeMap<Ticket, usize>,
    last_ticket: u64,
}

fn name() -> NamespaceName<'static> {
    NamespaceName::parse(b"n").expect("a namespace")
}

fn address(entry: usize) -> Address<'static> {
    let operation = OperationName::parse(b"o").expect("an operation");
    let fingerprint = Fingerprint::from_bytes([u8::try_from(entry).expect("few"); 32]);
    Address { namespace: name(), operation, fingerprint }
}

fn place(entry: usize) -> Place<'static> {
    Place { database: 0, address: address(entry) }
}

impl World {
    fn new() -> Self {
        World {
            leases: Leases::new(1, 0),
            namespace: None,
            entries: [None, None],
            now: BEGINNING,
            process: 1,
            lives: 0,
            step: 0,
            grants: Vec::new(),
            tokens: BTreeSet::new(),
            invalidated: [0; 2],
            written: [0; 2],
            waiting: BTreeMap::new(),
            last_ticket: 0,
        }
    }

    fn entry_of(kept: &Kept, entry: usize) -> Entry<'_> {
        Entry {
            mark: Mark::from(&address(entry).fingerprint),
            version: kept.version,
            created: kept.created,
            ttl_ms: Some(kept.ttl_ms),
            grace_ms: kept.grace_ms,
            took_ms: None,
            weight: None,
            tags: Tags::NONE,
            negative: kept.negative,
            failure: None,
            body: Body::raw(b"r"),
        }
    }

    /// Runs `body` with the leases and what stands at an entry.
    fn look<T>(
        &mut self,
        entry: usize,
        body: impl FnOnce(&mut Leases, &OpenState<'_>, &Ground<'_>, Instant) -> T,
    ) -> T {
        let World { leases, namespace, entries, now, .. } = self;
        let stored = entries[entry].as_ref().map(|kept| Stored {
            origin: &kept.origin,
            entry: Self::entry_of(kept, entry),
            hits: 0,
            corrupt: false,
        });
        let state = State::of(&address(entry), namespace.as_ref(), stored, *now);
        let state = state.open(|stored| stored.entry.body.as_raw());
        let ground = Ground { address: address(entry), namespace: namespace.as_ref(), stored };
        body(leases, &state, &ground, *now)
    }

    fn since(&self) -> Stamp {
        self.namespace.as_ref().map_or_else(
            || Token::before_namespace(name()),
            |namespace| Stamp::new(name(), namespace.incarnation(), namespace.clock()),
        )
    }

    fn granted(&mut self, entry: usize, token: &Rc<str>) {
        assert!(self.tokens.insert(Rc::clone(token)), "a grant without a fresh token");
        self.grants.push(Granted { token: Rc::clone(token), entry, at: self.step, process: self.process });
    }

    fn fetch(&mut self, entry: usize, wait: bool, ask: Ask, holder: Option<u8>, length_ms: u64) {
        let holder: Option<Box<[u8]>> = holder.map(|byte| Box::from([byte]));
        let offer = self.look(entry, |_, state, _, now| match ask.offer(state, &Policy::default(), now) {
            Offer::Hit { .. } => Some(false),
            Offer::Stale { due, .. } => Some(due),
            Offer::Failed { .. } => Some(false),
            Offer::Nothing => None,
        });
        if offer == Some(false) {
            return;
        }
        match self.leases.desk(&place(entry), holder.as_deref(), self.now) {
            Desk::Free => {
                let waits =
                    |(ticket, at): (&Ticket, &usize)| *at == entry && self.leases.waits_at(*ticket).is_some();
                assert!(!self.waiting.iter().any(waits), "those who wait go first");
                let grant = Grant { since: self.since(), tags: Box::default(), holder, length_ms };
                let token = self.leases.grant(&place(entry), grant, self.now).expect("a token");
                self.granted(entry, &token);
            }
            Desk::Mine(token) => assert!(self.tokens.contains(&token), "the holder's own token"),
            Desk::Busy if wait && offer.is_none() => {
                self.last_ticket += 1;
                let ticket = Ticket(self.last_ticket);
                let waiter = Waiter { ask, holder, length_ms: Some(length_ms), tags: Box::default() };
                if self.leases.wait(&place(entry), ticket, waiter, 5) {
                    self.waiting.insert(ticket, entry);
                }
            }
            Desk::Busy => {}
        }
    }

    /// A token that was granted some time, and how it stands.
    fn token(&mut self, choice: usize) -> Option<(Granted, Token, Standing, bool)> {
        let recent = self.grants.len().saturating_sub(8);
        let grants = &self.grants[recent..];
        let granted = grants.get(choice % grants.len().max(1))?.clone();
        let token = Token::parse(granted.token.as_bytes(), name()).expect("a token");
        let standing = self.leases.standing(&place(granted.entry), &token, self.now);
        let fenced = self
            .look(granted.entry, |_, _, ground, _| ground.has_overtaken_token(&token, standing, Tags::NONE));
        if !fenced {
            self.check_accepted(&granted);
        }
        Some((granted, token, standing, fenced))
    }

    /// What is accepted was granted after all that concerns it.
    fn check_accepted(&self, granted: &Granted) {
        let Granted { entry, at, process, .. } = *granted;
        assert!(self.invalidated[entry] <= at, "accepted though invalidated since");
        let overtaken = self
            .grants
            .iter()
            .any(|other| other.entry == entry && other.process == self.process && other.at > at);
        // Of what another process granted, a write is known only while it stands.
        assert!(!overtaken || self.written[entry] > at, "accepted though another was granted since");
        if process == self.process {
            assert!(self.written[entry] <= at, "accepted though written since");
            let last = self.grants.iter().rfind(|other| other.entry == entry && other.process == process);
            assert_eq!(
                last.map(|last| &last.token),
                Some(&granted.token),
                "accepted though another was granted since"
            );
        }
    }

    fn end_if_held(&mut self, entry: usize, token: &Token, standing: Standing) {
        if matches!(standing, Standing::Held | Standing::Lapsed) {
            self.leases.end(&place(entry), token, self.now);
        }
    }

    /// The number of the next mutation; the namespace is made where there is none.
    fn mutate(&mut self) -> (Incarnation, u64) {
        let era = Era(self.process);
        let namespace = self.namespace.get_or_insert_with(|| {
            self.lives += 1;
            Namespace::starting_at(Incarnation(self.lives), 1_000_000 * self.lives).made(Some(era))
        });
        let version = namespace.next_version(era, || 0).expect("a version");
        (namespace.incarnation(), version)
    }

    fn store(&mut self, entry: usize, ttl_ms: u64, grace_ms: u64, negative: bool) {
        let (incarnation, version) = self.mutate();
        let origin = Rc::new(Origin::new(name(), incarnation, address(entry).operation));
        self.entries[entry] = Some(Kept { origin, version, created: self.now, ttl_ms, grace_ms, negative });
        let era = Some(Era(self.process));
        self.namespace.as_mut().expect("made").wrote(Mark::from(&address(entry).fingerprint), version, era);
        self.written[entry] = self.step;
        self.leases.answer_all(&place(entry), || Fetched {
            status: if negative { Status::Failed } else { Status::Hit },
            value: Some(Rc::from(&b"r"[..])),
            ..Fetched::nothing(Status::Hit, 1)
        });
    }

    fn run(&mut self, step: Step) {
        self.step += 1;
        match step {
            Step::Fetch { entry, wait, nostale, reject, holder, length_ms } => {
                let version = self.look(entry, |_, state, _, _| state.version());
                let ask = Ask { nostale, reject: reject.then_some(version) };
                self.fetch(entry, wait, ask, holder, length_ms);
            }
            Step::Fill { token, ttl_ms, grace_ms } => {
                let Some((granted, token, standing, fenced)) = self.token(token) else { return };
                if fenced {
                    self.end_if_held(granted.entry, &token, standing);
                } else {
                    self.store(granted.entry, ttl_ms, grace_ms, false);
                }
            }
            Step::Renew { token, length_ms } => {
                let Some((granted, token, standing, fenced)) = self.token(token) else { return };
                if fenced {
                    self.end_if_held(granted.entry, &token, standing);
                } else {
                    let renewal =
                        Renewal { length_ms: Some(length_ms), default_ms: 1, progress: None, weight: None };
                    self.leases.renew(&place(granted.entry), &token, renewal, self.now);
                }
            }
            Step::Release { token } => {
                let Some((granted, token, standing, fenced)) = self.token(token) else { return };
                if fenced {
                    self.end_if_held(granted.entry, &token, standing);
                } else {
                    self.leases.end(&place(granted.entry), &token, self.now);
                }
            }
            Step::Fail { token, remember_ms } => {
                let Some((granted, token, standing, fenced)) = self.token(token) else { return };
                if fenced {
                    self.end_if_held(granted.entry, &token, standing);
                } else if remember_ms > 0 {
                    self.store(granted.entry, remember_ms, 0, true);
                } else {
                    self.leases.answer_all(&place(granted.entry), || Fetched::failed(b"no", 0));
                    self.leases.end(&place(granted.entry), &token, self.now);
                }
            }
            Step::Set { entry, ttl_ms } => self.store(entry, ttl_ms, 0, false),
            Step::Invalidate { entry } => {
                let (_, version) = self.mutate();
                let (mark, era) = (Mark::from(&address(entry).fingerprint), Some(Era(self.process)));
                self.namespace.as_mut().expect("made").invalidated(mark, version, era);
                self.entries[entry] = None;
                self.invalidated[entry] = self.step;
                self.leases.revoke(&place(entry));
            }
            Step::DropNamespace => {
                self.namespace = None;
                self.invalidated = [self.step; 2];
                self.leases.drop_namespace(0, "n");
            }
            Step::Lose { entry } => self.entries[entry] = None,
            Step::Vanish { waiter } => {
                let ticket = self.waiting.keys().nth(waiter % self.waiting.len().max(1)).copied();
                if let Some(ticket) = ticket {
                    self.waiting.remove(&ticket);
                    self.leases.leave(ticket);
                }
            }
            Step::Pass { ms } => self.now = self.now.plus(ms),
            Step::TurnBack { ms } => self.now = Instant::from_unix_ms(self.now.unix_ms() - ms),
            Step::Failover => {
                // Core tells those who wait.
                self.process += 1;
                self.leases = Leases::new(self.process, 0);
                self.waiting.clear();
            }
        }
    }

    /// What the timer does, until there is nothing to do: `deaf` of those who are told vanish before they hear it.
    fn tend(&mut self, deaf: &mut impl FnMut() -> bool) {
        loop {
            if self.leases.take_apart(1) || self.leases.lapse(self.now).is_some() {
                continue;
            }
            if let Some((id, at)) = self.leases.next_called() {
                let entry = usize::from(at.fingerprint.as_bytes()[0]);
                let since = self.since();
                self.look(entry, |leases, state, _, now| {
                    let scene = Scene { state, policy: &Policy::default(), bypassed: false, since };
                    leases.settle(id, &scene, now);
                });
                continue;
            }
            let Some((ticket, _)) = self.leases.next_answered() else { return };
            let entry = self.waiting.remove(&ticket).expect("only who waits is told, and once");
            if deaf() {
                // The grant was made, though nobody heard of it.
                self.leases.leave(ticket);
                continue;
            }
            let fetched = self.leases.take_answer(ticket).expect("who is told has an answer");
            assert!(self.leases.take_answer(ticket).is_none(), "and takes it once");
            self.leases.leave(ticket);
            if let Some(token) = fetched.token.as_ref().filter(|token| !self.tokens.contains(*token)) {
                self.granted(entry, token);
            }
        }
    }

    fn check(&mut self) {
        for entry in 0..2 {
            let tokens: Vec<Token> = self
                .grants
                .iter()
                .filter(|granted| granted.entry == entry)
                .map(|granted| Token::parse(granted.token.as_bytes(), name()).expect("a token"))
                .collect();
            let held = tokens
                .iter()
                .filter(|token| self.leases.standing(&place(entry), token, self.now) == Standing::Held)
                .count();
            assert!(held <= 1, "{held} hold entry {entry}");
            // Nobody hangs: whoever waits does so for somebody who computes, until a deadline.
            if self.waiting.values().any(|&at| at == entry) {
                assert!(self.leases.held(&place(entry), self.now).is_some(), "some wait for nobody");
            }
        }
        for ticket in self.waiting.keys() {
            assert!(self.leases.waits_at(*ticket).is_some(), "{ticket:?} was forgotten");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(
        steps in proptest::collection::vec(steps(), 1..120),
        deaf in proptest::collection::vec(prop::bool::weighted(0.1), 64),
        late in any::<u64>(),
    ) {
        let mut world = World::new();
        let mut deaf = deaf.into_iter().cycle();
        for (number, step) in steps.into_iter().enumerate() {
            world.run(step);
            // The timer may come late: what is not told yet is told with what happens next.
            if late >> (number % 64) & 1 == 0 {
                world.tend(&mut || deaf.next().unwrap_or(false));
                world.check();
            }
        }
        // In the end all deadlines pass, and nobody is left.
        for _ in 0..=world.waiting.len() {
            world.now = world.now.plus(2000);
            world.tend(&mut || false);
            world.check();
        }
        prop_assert!(world.waiting.is_empty(), "{:?} hang", world.waiting);
    }
}
