//! What a command meets: a namespace and an entry, looked up for reading.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use super::super::api::context::{Context, random_u64};
use super::super::api::key::Mode;
use super::super::api::string::{BorrowedString, OwnedString};
use super::super::compression::{self, Fresh};
use super::super::runtime::{self, Account};
use super::super::stored_entry::StoredEntry;
use super::super::{budget, counting, near};
use super::keys::{FoundEntry, FoundNamespace, NamespaceKey};
use crate::core::compression::Frame;
use crate::core::entry::Entry;
use crate::core::fence::Ground;
use crate::core::fingerprint::Fingerprint;
use crate::core::instant::Instant;
use crate::core::namespace::Namespace;
use crate::core::origin::{Incarnation, Origin};
use crate::core::refusal::Refusal;
use crate::core::set::Decision;
use crate::core::stamp::Stamp;
use crate::core::state::{Address, OpenState, State, Stored, Verdict, Why};
use crate::core::stats::{Lookup, Reason, Row};
use crate::core::token::Token;
use crate::protocol::apply::{Cause, Effect, Placed};
use crate::protocol::reply::Reply;

/// What a command meets at an address.
pub struct Found<'a> {
    pub address: Address<'a>,
    pub policy: Rc<Account>,
    /// Whether the cache is switched off here, by its policy or altogether.
    pub bypassed: bool,
    context: Context<'a>,
    namespace: Shared<'a>,
    entry: FoundEntry<'a>,
    now: Instant,
    /// Whether it was found without opening its key.
    is_near: bool,
    /// Its result, where that is stored compressed and was opened; none where that failed.
    opened: OnceCell<Option<Vec<u8>>>,
}

/// A namespace, looked up once for one or many of its entries.
#[derive(Clone, Copy)]
pub struct Shared<'a>(FoundNamespace<'a>);

impl<'a> Shared<'a> {
    /// Looks it up; `WRONGTYPE` where something else stands at its key.
    pub fn open(context: Context<'a>, name: BorrowedString<'_>) -> Result<Self, Refusal> {
        let found = FoundNamespace::look(context, name, Mode::ReadUncounted)?;
        if runtime::with(|runtime| runtime.eviction_by_use.get())
            && let Some(stored) = found.stored()
        {
            stored.meet(context.database(), name.bytes());
        }
        Ok(Shared(found))
    }

    pub fn get(&self) -> Option<&Namespace> {
        self.0.get()
    }

    /// What the next mutation would get.
    pub fn next(self, context: Context<'_>) -> Result<Next, Refusal> {
        Next::after(self.0.get(), context)
    }

    /// What it is that stands at an address.
    #[inline]
    pub fn state<'s>(
        &'s self,
        address: &Address<'_>,
        entry: Option<&'s StoredEntry>,
        now: Instant,
    ) -> State<'s> {
        State::of(address, self.0.get(), entry.and_then(StoredEntry::stored), now)
    }
}

/// Why a write has no effect.
#[derive(Debug, Clone, Copy)]
pub enum Declined {
    /// By NX or XX.
    Forbidden,
    /// By SINCE.
    Fenced,
}

impl Declined {
    pub fn reply(self) -> Reply<'static> {
        match self {
            Declined::Forbidden => Reply::Nil,
            Declined::Fenced => Reply::FENCED,
        }
    }
}

/// The number that the next mutation of a namespace gets, and the life it is of.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    pub incarnation: Incarnation,
    pub version: u64,
}

impl Next {
    fn after(namespace: Option<&Namespace>, context: Context<'_>) -> Result<Self, Refusal> {
        match namespace {
            Some(namespace) => Ok(Next {
                incarnation: namespace.incarnation(),
                version: namespace.next_version(runtime::with(|runtime| runtime.era()), random_u64)?,
            }),
            None => Ok(Next::of_new_namespace(context)),
        }
    }

    /// What the mutation gets that makes a namespace.
    fn of_new_namespace(context: Context<'_>) -> Self {
        Next { incarnation: Incarnation(random_u64()), version: Namespace::first_version(context.unix_us()) }
    }
}

impl<'a> Found<'a> {
    /// Looks up namespace and entry; `WRONGTYPE` where something else stands at either key.
    pub fn look(
        context: Context<'a>,
        namespace: BorrowedString<'_>,
        (address, policy): (Address<'a>, Rc<Account>),
        now: Instant,
    ) -> Result<Self, Refusal> {
        let shared = Shared::open(context, namespace)?;
        let key = OwnedString::new(address.key().as_bytes());
        Self::look_at(context, shared, (address, key.borrow()), policy, now)
    }

    /// The same without opening a key, where both are [near] and nothing is left to core. Whoever cannot
    /// use what is there looks again.
    #[inline(always)] // To move it costs more than to make it.
    pub fn near(
        context: Context<'a>,
        [namespace, operation]: [&[u8]; 2],
        (fingerprint, policy): (&Fingerprint, &Rc<Account>),
        now: Instant,
    ) -> Option<Self> {
        let whereabouts = policy.whereabouts(context.database(), namespace);
        let (shared, entry) = near::find(whereabouts, fingerprint, now)?;
        let address = entry.origin()?.address(*fingerprint);
        if address.namespace.as_str().as_bytes() != namespace
            || address.operation.as_str().as_bytes() != operation
        {
            return None;
        }
        let (policy, bypassed) = (Rc::clone(policy), is_bypassed(policy));
        let (namespace, opened) = (Shared(shared), OnceCell::new());
        Some(Found { address, policy, bypassed, context, namespace, entry, now, is_near: true, opened })
    }

    /// The same where the namespace was looked up already, by the key of the entry.
    #[inline]
    pub fn look_at(
        context: Context<'a>,
        namespace: Shared<'a>,
        (address, key): (Address<'a>, BorrowedString<'_>),
        policy: Rc<Account>,
        now: Instant,
    ) -> Result<Self, Refusal> {
        let entry = FoundEntry::look(context, key)?;
        let bypassed = is_bypassed(&policy);
        let (is_near, opened) = (false, OnceCell::new());
        Ok(Found { address, policy, bypassed, context, namespace, entry, now, is_near, opened })
    }

    /// What is there, whatever the policy says of it: for INFO and INVALIDATE.
    #[inline]
    pub fn state(&self) -> State<'_> {
        self.namespace.state(&self.address, self.entry.get(), self.now)
    }

    /// What invalidated the entry that is still kept here, as far as that is known.
    pub fn why_invalidated(&self) -> Option<String> {
        let Stored { origin, entry, .. } = self.entry.get().and_then(StoredEntry::stored)?;
        self.namespace.0.get()?.epochs().why(origin.operation(), &entry)
    }

    /// What is there for those who look for a result: nothing where the cache is bypassed.
    #[inline]
    pub fn visible(&self) -> State<'_> {
        if self.bypassed { State::Absent(Why::Disabled) } else { self.state() }
    }

    /// The same with its result, for those who read that.
    #[inline]
    pub fn open(&self) -> OpenState<'_> {
        self.visible().open(|stored| self.result(stored))
    }

    /// Lets `body` have what GET serves, with its result: a fresh entry, or with `stale` also one in its grace. None where there
    /// is none.
    ///
    /// The entry is read where it is judged and never moved, since that would take longer than all the rest.
    #[inline]
    pub fn served<T>(&self, stale: bool, body: impl FnOnce(&Stored<'_>, &[u8], Verdict) -> T) -> Option<T> {
        let stored = self.entry.get().and_then(StoredEntry::stored)?;
        let verdict = Verdict::on(&self.address, self.namespace.get(), &stored, self.now);
        let is_served = verdict == Verdict::Fresh || (stale && verdict == Verdict::Stale);
        if self.bypassed || !is_served {
            return None;
        }
        let result = self.result(&stored)?;
        Some(body(&stored, result, verdict))
    }

    /// What is there, whatever the policy says of it, with its result.
    #[inline]
    fn result<'s>(&'s self, stored: &Stored<'s>) -> Option<&'s [u8]> {
        match stored.entry.body.as_raw() {
            Some(result) => Some(result),
            None => self.opened.get_or_init(|| self.decompress(stored)).as_deref(),
        }
    }

    /// None where it is damaged, which is remembered.
    #[cold]
    fn decompress(&self, stored: &Stored<'_>) -> Option<Vec<u8>> {
        let result = compression::open(&stored.entry.body, self.namespace.0.get());
        if result.is_none() {
            self.entry.get()?.mark_corrupt();
        }
        result
    }

    /// A lookup of it was answered.
    #[inline]
    pub fn answered(&self, lookup: Lookup) {
        if let (Lookup::Hit(_) | Lookup::Stale(_), Some(entry)) = (lookup, self.entry.get()) {
            entry.count_hit(self.now);
            if !self.is_near {
                let whereabouts = self
                    .policy
                    .whereabouts(self.context.database(), self.address.namespace.as_str().as_bytes());
                near::served(self.context, whereabouts, &self.address, &self.namespace.0, entry);
            }
        }
        self.policy.row.answered(lookup, self.now);
    }

    /// Where it is counted.
    pub fn row(&self) -> &Rc<Row> {
        &self.policy.row
    }

    /// Why a caller cannot use what is there.
    pub fn reason(&self, context: Context<'_>, reject: Option<u64>) -> Reason {
        Reason::of(&counting::explained(context, &self.address, self.visible()), reject)
    }

    /// What the next mutation would get.
    pub fn next(&self, context: Context<'_>) -> Result<Next, Refusal> {
        self.namespace.next(context)
    }

    fn key(&self) -> Cow<'static, [u8]> {
        self.address.key().as_bytes().to_vec().into()
    }

    /// The clock of the namespace, for a token.
    pub fn since(&self) -> Stamp {
        let name = self.address.namespace;
        self.namespace.0.get().map_or_else(
            || Token::before_namespace(name),
            |namespace| Stamp::new(name, namespace.incarnation(), namespace.clock()),
        )
    }

    /// Where a write would go.
    pub fn ground(&self) -> Ground<'_> {
        let stored = self.entry.get().and_then(StoredEntry::stored);
        Ground { address: self.address, namespace: self.namespace.0.get(), stored }
    }

    /// The stored form of an entry at this address, for an effect.
    pub fn place(&self, incarnation: Incarnation, entry: &Entry<'_>) -> Placed<'static> {
        let mut record = Vec::with_capacity(entry.encoded_len());
        entry.encode(&mut record);
        let origin = runtime::with(|runtime| runtime.origin(&self.address, incarnation));
        let kept = budget::keeps(self.address.namespace, entry);
        Placed { key: self.key(), origin, record: record.into(), kept }
    }

    /// What becomes of a write that was decided here: its effect, or why it has none.
    pub fn effect_of(
        &self,
        decision: &Decision<'_>,
        cause: Cause,
        since: Option<&Stamp>,
        next: Next,
    ) -> Result<Effect<'static>, Declined> {
        Ok(match self.admitted(decision, since)? {
            Some(entry) => {
                let frame = self.compressed(entry, next.incarnation);
                let body = frame.as_ref().map_or(entry.body, Frame::body);
                Effect::Set(cause, self.place(next.incarnation, &Entry { body, ..*entry }))
            }
            None => self.invalidation(next, None),
        })
    }

    /// The result of an entry that is about to be stored here, where it is to be compressed.
    pub fn compressed(&self, entry: &Entry<'_>, incarnation: Incarnation) -> Option<Frame> {
        self.policy.compress_from?;
        let Found { address, policy, context, .. } = self;
        let namespace = self.namespace.0.get();
        Fresh { context: *context, address, policy, incarnation, namespace, entry }.compressed()
    }

    /// The entry that a write which was decided here stores, none where it removes what is here; or why it has no effect.
    pub fn admitted<'d, 'e>(
        &self,
        decision: &'d Decision<'e>,
        since: Option<&Stamp>,
    ) -> Result<Option<&'d Entry<'e>>, Declined> {
        let is_overtaken = || since.is_some_and(|since| self.ground().has_overtaken(since, decision.tags()));
        match decision {
            Decision::Forbidden => Err(Declined::Forbidden),
            _ if is_overtaken() => Err(Declined::Fenced),
            Decision::Store(entry) => Ok(Some(entry)),
            Decision::Remove => Ok(None),
        }
    }

    /// The effect of invalidating what is at this address.
    pub fn invalidation(&self, next: Next, left: Option<Placed<'static>>) -> Effect<'static> {
        Effect::Invalidate {
            key: self.key(),
            incarnation: next.incarnation,
            version: next.version,
            mark: self.address.mark(),
            left,
        }
    }
}

/// Whether the cache is switched off, by a policy or altogether.
fn is_bypassed(policy: &Account) -> bool {
    policy.bypass || runtime::with(|runtime| runtime.disabled.get())
}

/// Whether an entry of this origin is alive as far as its namespace goes; none where that is gone, or another of its
/// name has begun.
pub fn is_alive(context: Context<'_>, origin: &Origin, entry: &Entry<'_>) -> Option<bool> {
    let name = OwnedString::new(origin.namespace().as_bytes());
    let key = NamespaceKey::open(context, name.borrow(), Mode::ReadUncounted).ok()?;
    let namespace = key.get().filter(|namespace| namespace.incarnation() == origin.incarnation())?;
    Some(namespace.is_alive(origin, entry))
}

/// The clock of a namespace, for a stamp.
pub struct Clock {
    pub incarnation: Incarnation,
    pub clock: u64,
    /// The namespace that is to be made first, where there is none.
    pub made: Option<Namespace>,
}

impl Clock {
    /// What the next mutation of a namespace would get.
    pub fn next(context: Context<'_>, name: BorrowedString<'_>) -> Result<Next, Refusal> {
        Next::after(NamespaceKey::open(context, name, Mode::Read)?.get(), context)
    }

    /// Reads it; where there is no namespace, the one that a new one would begin with.
    pub fn read(context: Context<'_>, name: BorrowedString<'_>) -> Result<Self, Refusal> {
        let key = NamespaceKey::open(context, name, Mode::Read)?;
        if let Some(namespace) = key.get() {
            let (incarnation, clock) = (namespace.incarnation(), namespace.clock());
            return Ok(Clock { incarnation, clock, made: None });
        }
        let Next { incarnation, version: clock } = Next::of_new_namespace(context);
        Ok(Clock { incarnation, clock, made: Some(Namespace::starting_at(incarnation, clock)) })
    }
}
