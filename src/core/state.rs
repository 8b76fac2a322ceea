//! What a command meets: where an entry is addressed, and what state it is found in.

use std::ops::Deref;

use super::body::Compression;
use super::entry::{Entry, Freshness, Mark};
use super::fingerprint::Fingerprint;
use super::instant::Instant;
use super::name::{EntryKey, NamespaceName, OperationName};
use super::namespace::Namespace;
use super::origin::Origin;

/// The address of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address<'a> {
    pub namespace: NamespaceName<'a>,
    pub operation: OperationName<'a>,
    pub fingerprint: Fingerprint,
}

impl<'a> Address<'a> {
    /// The address whose key that is, in a namespace; none where it is no entry's.
    pub fn of_key(namespace: NamespaceName<'a>, key: &'a [u8]) -> Option<Self> {
        let (operation, fingerprint) = EntryKey::split(namespace, key)?;
        Some(Address { namespace, operation, fingerprint })
    }
}

impl Address<'_> {
    /// The Redis key of the entry.
    pub fn key(&self) -> EntryKey {
        EntryKey::new(self.namespace, self.operation, &self.fingerprint)
    }

    pub fn mark(&self) -> Mark {
        Mark::from(&self.fingerprint)
    }
}

/// What stands at an entry's key, before it is asked whether it may.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub origin: &'a Origin,
    pub entry: Entry<'a>,
    /// How often GET served it, on this server.
    pub hits: u64,
    /// Whether its result was found damaged.
    pub corrupt: bool,
}

impl<'a> AsRef<Stored<'a>> for Stored<'a> {
    fn as_ref(&self) -> &Stored<'a> {
        self
    }
}

/// The same with its result, for those who read that.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    stored: Stored<'a>,
    /// As it was given. Of a failure the message.
    pub result: &'a [u8],
}

impl<'a> AsRef<Stored<'a>> for Opened<'a> {
    fn as_ref(&self) -> &Stored<'a> {
        &self.stored
    }
}

impl<'a> Deref for Opened<'a> {
    type Target = Stored<'a>;

    fn deref(&self) -> &Stored<'a> {
        &self.stored
    }
}

/// An entry as every command sees it: as a [`State`] or an [`OpenState`].
#[derive(Debug, Clone, Copy)]
pub enum Judged<S> {
    Fresh(S),
    /// Servable to those who ask for stale values.
    Stale(S),
    /// A failure that is remembered: no result.
    Negative(S),
    Absent(Why),
}

/// An entry as those see it who do not read its result.
pub type State<'a> = Judged<Stored<'a>>;

/// An entry as those see it who do.
pub type OpenState<'a> = Judged<Opened<'a>>;

/// Why an entry is absent, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing is at its key.
    Unknown,
    /// Its TTL and grace are over.
    Expired,
    /// It, or all of its kind, was invalidated.
    Invalidated,
    /// Memory was short.
    Evicted,
    /// The namespace's key was deleted since.
    NamespaceDeleted,
    /// Its key holds the entry of another name (RENAME, COPY, RESTORE).
    Misplaced,
    /// Its result was found damaged.
    Corrupt,
    /// The cache is switched off here.
    Disabled,
}

impl Why {
    /// As INFO shows it; nothing where nothing is known.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Why::Unknown => None,
            Why::Expired => Some("expired"),
            Why::Invalidated => Some("invalidated"),
            Why::Evicted => Some("evicted"),
            Why::NamespaceDeleted => Some("namespace deleted"),
            Why::Misplaced => Some("renamed, copied or restored from another name"),
            Why::Corrupt => Some("corrupt"),
            Why::Disabled => Some("disabled"),
        }
    }
}

/// What is to be said of an entry that stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fresh,
    Stale,
    Negative,
    Absent(Why),
}

impl Verdict {
    /// Judges what stands at the key of `address`.
    #[inline]
    pub fn on(
        address: &Address<'_>,
        namespace: Option<&Namespace>,
        Stored { origin, entry, corrupt, .. }: &Stored<'_>,
        now: Instant,
    ) -> Self {
        if origin.namespace() != address.namespace.as_str()
            || origin.operation() != address.operation.as_str()
            || entry.mark != address.mark()
        {
            return Verdict::Absent(Why::Misplaced);
        }
        match namespace {
            Some(namespace) if namespace.incarnation() == origin.incarnation() => {
                if !namespace.is_alive(origin, entry) {
                    return Verdict::Absent(Why::Invalidated);
                }
            }
            _ => return Verdict::Absent(Why::NamespaceDeleted),
        }
        match entry.freshness(now) {
            Freshness::Gone if entry.failure.is_some_and(|failure| now < failure.remembered_until) => {
                Verdict::Negative
            }
            Freshness::Gone => Verdict::Absent(Why::Expired),
            _ if *corrupt || lacks_dictionary(namespace, entry) => Verdict::Absent(Why::Corrupt),
            _ if entry.negative => Verdict::Negative,
            Freshness::Fresh => Verdict::Fresh,
            Freshness::Stale => Verdict::Stale,
        }
    }
}

impl<'a> State<'a> {
    /// Judges what was found at the key of `address`.
    pub fn of(
        address: &Address<'_>,
        namespace: Option<&Namespace>,
        stored: Option<Stored<'a>>,
        now: Instant,
    ) -> Self {
        let Some(stored) = stored else {
            let invalidated =
                namespace.is_some_and(|namespace| namespace.recently_invalidated(address.mark()));
            return State::Absent(if invalidated { Why::Invalidated } else { Why::Unknown });
        };
        match Verdict::on(address, namespace, &stored, now) {
            Verdict::Fresh => State::Fresh(stored),
            Verdict::Stale => State::Stale(stored),
            Verdict::Negative => State::Negative(stored),
            Verdict::Absent(why) => State::Absent(why),
        }
    }

    /// The same with its result, which `open` gives; none of it is there where that finds it damaged.
    #[inline]
    pub fn open(self, open: impl FnOnce(&Stored<'a>) -> Option<&'a [u8]>) -> OpenState<'a> {
        let opened = |stored: Stored<'a>| open(&stored).map(|result| Opened { stored, result });
        let judged = match self {
            State::Fresh(stored) => opened(stored).map(Judged::Fresh),
            State::Stale(stored) => opened(stored).map(Judged::Stale),
            State::Negative(stored) => {
                Some(Judged::Negative(Opened { stored, result: stored.entry.message() }))
            }
            State::Absent(why) => Some(Judged::Absent(why)),
        };
        judged.unwrap_or(Judged::Absent(Why::Corrupt))
    }
}

/// Whether a result cannot be opened, since its dictionary is gone: it was stored before that and restored since.
fn lacks_dictionary(namespace: Option<&Namespace>, entry: &Entry<'_>) -> bool {
    let Some(Compression { dictionary: number @ 1.., .. }) = entry.body.compression() else { return false };
    namespace.is_none_or(|namespace| namespace.dictionaries().get(number).is_none())
}

impl<'a> OpenState<'a> {
    /// The same for those who do not read its result.
    pub fn closed(&self) -> State<'a> {
        match self {
            Judged::Fresh(opened) => State::Fresh(**opened),
            Judged::Stale(opened) => State::Stale(**opened),
            Judged::Negative(opened) => State::Negative(**opened),
            Judged::Absent(why) => State::Absent(*why),
        }
    }
}

impl<S> Judged<S> {
    /// What GET serves: a fresh entry, or with `stale` also one in its grace.
    #[inline]
    pub fn served(&self, stale: bool) -> Option<&S> {
        match self {
            Judged::Fresh(stored) => Some(stored),
            Judged::Stale(stored) if stale => Some(stored),
            _ => None,
        }
    }

    /// What is there at all: fresh, stale or negative.
    pub fn present(&self) -> Option<&S> {
        match self {
            Judged::Fresh(stored) | Judged::Stale(stored) | Judged::Negative(stored) => Some(stored),
            Judged::Absent(_) => None,
        }
    }

    /// The version of what is there; an absent entry has version 0.
    pub fn version<'a>(&self) -> u64
    where
        S: AsRef<Stored<'a>>,
    {
        self.present().map_or(0, |stored| stored.as_ref().entry.version)
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::super::entry::{Failure, Tags};
    use super::super::origin::Incarnation;
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn address(namespace: &'static str, operation: &'static str, byte: &str) -> Address<'static> {
        Address {
            namespace: NamespaceName::parse(namespace.as_bytes()).expect("a namespace"),
            operation: OperationName::parse(operation.as_bytes()).expect("an operation"),
            fingerprint: Fingerprint::from_hex(byte.repeat(32).as_bytes()).expect("64 digits"),
        }
    }

    fn why(state: State<'_>) -> Why {
        match state {
            State::Absent(why) => why,
            present => panic!("{present:?}"),
        }
    }

    #[test]
    fn an_entry_is_seen_only_where_it_belongs() {
        let here = address("n", "o", "ab");
        let namespace = Namespace::starting_at(Incarnation(1), 7);
        let origin = Origin::new(here.namespace, Incarnation(1), here.operation);
        let entry = Entry {
            mark: here.mark(),
            version: namespace.clock(),
            created: NOW,
            ttl_ms: Some(100),
            grace_ms: 100,
            took_ms: None,
            weight: None,
            tags: Tags::NONE,
            negative: false,
            failure: None,
            body: Body::raw(b"r"),
        };
        let found = Stored { origin: &origin, entry, hits: 0, corrupt: false };
        let stored = Some(found);
        let see = |address: Address<'_>, at| State::of(&address, Some(&namespace), stored, at);

        assert!(matches!(see(here, NOW), State::Fresh(_)));
        assert!(matches!(see(here, NOW.plus(100)), State::Stale(_)));
        let failure = Some(Failure { until: NOW.plus(900), remembered_until: NOW.plus(300), message: b"no" });
        let beside = Some(Stored { entry: Entry { failure, ..entry }, ..found });
        let at = |ms| State::of(&here, Some(&namespace), beside, NOW.plus(ms));
        assert!(matches!(at(199), State::Stale(_)));
        assert!(matches!(at(200), State::Negative(stored) if stored.entry.message() == b"no"));
        assert_eq!(why(at(300)), Why::Expired);
        let failed = Some(Stored { entry: Entry { negative: true, ..entry }, ..found });
        let negative = State::of(&here, Some(&namespace), failed, NOW);
        assert!(matches!(negative, State::Negative(_)) && negative.served(true).is_none());
        assert_eq!(why(see(here, NOW.plus(200))), Why::Expired);
        for elsewhere in [address("m", "o", "ab"), address("n", "p", "ab"), address("n", "o", "cd")] {
            assert_eq!(why(see(elsewhere, NOW)), Why::Misplaced);
        }
        assert_eq!(why(State::of(&here, None, stored, NOW)), Why::NamespaceDeleted);
        let remade = Namespace::starting_at(Incarnation(2), 7);
        assert_eq!(why(State::of(&here, Some(&remade), stored, NOW)), Why::NamespaceDeleted);
        assert_eq!(why(State::of(&here, Some(&namespace), None, NOW)), Why::Unknown);
        let mut invalidated = namespace.clone();
        invalidated.invalidated(here.mark(), 8, None);
        assert_eq!(why(State::of(&here, Some(&invalidated), None, NOW)), Why::Invalidated);
    }
}
