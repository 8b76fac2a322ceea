//! Namespaces and entries in the keyspace: opened to be judged, changed by effects.
//!
//! Whatever a command decides becomes one [`Effect`], which this server carries out and sends to its replicas;
//! they carry out the same. So what one function here does is all that ever happens to the keyspace.

use std::borrow::Cow;
use std::ptr::NonNull;
use std::rc::Rc;

use libc::c_void;

use super::api::context::{Context, Source, random_u64};
use super::api::io::Io;
use super::api::key::{Content, Key, Mode, ValueType};
use super::api::string::{BorrowedString, OwnedString};
use super::entry_type::{ENTRY_TYPE, StoredEntry};
use super::namespace_type::{NAMESPACE_TYPE, StoredNamespace};
use super::runtime::{self, Resolved};
use crate::core::entry::{Entry, Mark, Tags};
use crate::core::instant::Instant;
use crate::core::namespace::{Era, Namespace};
use crate::core::origin::{Incarnation, Origin};
use crate::core::policy::Policy;
use crate::core::refusal::{Code, Refusal, quoted};
use crate::core::set::Decision;
use crate::core::stamp::Stamp;
use crate::core::state::{Address, State, Stored, Why};
use crate::protocol::apply::{Effect, Placed};
use crate::protocol::reply::Reply;

/// A key that holds a value of one of our types, or nothing.
struct TypedKey<'a> {
    key: Key<'a>,
    value: Option<NonNull<c_void>>,
}

impl<'a> TypedKey<'a> {
    #[inline]
    fn open(
        context: Context<'a>,
        name: BorrowedString<'_>,
        mode: Mode,
        value_type: &ValueType,
        what: &str,
    ) -> Result<Self, Refusal> {
        let key = Key::open(context, name, mode);
        let value = match key.content(value_type) {
            Content::Nothing => None,
            Content::Value(value) => Some(value),
            Content::Other => return Err(wrong_type(name, what)),
        };
        Ok(TypedKey { key, value })
    }
}

#[cold]
fn wrong_type(name: BorrowedString<'_>, what: &str) -> Refusal {
    let name = quoted(name.bytes());
    let message = format!("key {name} holds another kind of value: {what} or nothing is accepted");
    Refusal::new(Code::WrongType, message)
}

/// The key of a namespace.
struct NamespaceKey<'a>(TypedKey<'a>);

impl<'a> NamespaceKey<'a> {
    fn open(context: Context<'a>, name: BorrowedString<'_>, mode: Mode) -> Result<Self, Refusal> {
        TypedKey::open(context, name, mode, &NAMESPACE_TYPE, "a namespace").map(NamespaceKey)
    }

    fn stored(&self) -> Option<&StoredNamespace> {
        // SAFETY: a live value of the namespace type. Whoever changes it does so through `change`, and holds
        // the key exclusively meanwhile.
        self.0.value.as_ref().map(|value| unsafe { StoredNamespace::from_value(value) })
    }

    fn get(&self) -> Option<&Namespace> {
        self.stored().map(|stored| &stored.namespace)
    }

    /// Changes the namespace, which is made anew where it is absent or of another life.
    fn change(&mut self, incarnation: Incarnation, version: u64, change: impl FnOnce(&mut Namespace)) {
        match self.0.value {
            Some(value) if self.get().is_some_and(|namespace| namespace.incarnation() == incarnation) => {
                // SAFETY: as in `stored`; `change` is pure and calls nobody.
                change(unsafe { &mut (*value.cast::<StoredNamespace>().as_ptr()).namespace });
            }
            _ => {
                let mut namespace = Namespace::starting_at(incarnation, version);
                change(&mut namespace);
                self.replace(namespace);
            }
        }
    }

    fn replace(&mut self, namespace: Namespace) {
        let value = StoredNamespace::new(namespace).into_value();
        // SAFETY: a value of that type, given away.
        unsafe { self.0.key.set_value(&NAMESPACE_TYPE, value) };
        self.0.value = Some(value);
    }
}

/// The key of an entry.
struct EntryKey<'a>(TypedKey<'a>);

impl<'a> EntryKey<'a> {
    fn open(context: Context<'a>, name: BorrowedString<'_>, mode: Mode) -> Result<Self, Refusal> {
        TypedKey::open(context, name, mode, &ENTRY_TYPE, "an entry").map(EntryKey)
    }

    fn get(&self) -> Option<&StoredEntry> {
        // SAFETY: a live value of the entry type, which is never changed but for its count of hits.
        self.0.value.as_ref().map(|value| unsafe { StoredEntry::from_value(value) })
    }

    fn put(&mut self, placed: &Placed<'_>) {
        let origin = runtime::with(|runtime| runtime.share(&placed.origin));
        let Some(entry) = StoredEntry::new(origin, &placed.record) else { return };
        let value = entry.into_value();
        // SAFETY: a value of that type, given away.
        unsafe { self.0.key.set_value(&ENTRY_TYPE, value) };
        self.0.value = Some(value);
    }

    fn remove(&mut self) {
        self.0.key.delete();
        self.0.value = None;
    }
}

/// What a command meets at an address, opened for reading.
pub struct Found<'a> {
    pub address: Address<'a>,
    pub policy: Rc<Policy>,
    /// Whether the cache is switched off here, by its policy or altogether.
    pub bypassed: bool,
    namespace: NamespaceKey<'a>,
    entry: EntryKey<'a>,
    now: Instant,
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
    /// What the mutation gets that makes a namespace.
    fn of_new_namespace(context: Context<'_>) -> Self {
        Next { incarnation: Incarnation(random_u64()), version: Namespace::first_version(context.unix_us()) }
    }
}

impl<'a> Found<'a> {
    /// Opens namespace and entry; `WRONGTYPE` where something else stands at either key.
    pub fn look(
        context: Context<'a>,
        namespace: BorrowedString<'_>,
        (address, Resolved { key, policy, .. }): (Address<'a>, Resolved),
        now: Instant,
    ) -> Result<Self, Refusal> {
        let (disabled, keep_from_eviction) =
            runtime::with(|runtime| (runtime.disabled.get(), runtime.eviction_by_use.get()));
        let name = namespace;
        let namespace = NamespaceKey::open(context, name, Mode::ReadUncounted)?;
        if keep_from_eviction && let Some(stored) = namespace.stored() {
            stored.meet(context.database(), name.bytes());
        }
        let entry = EntryKey::open(context, key.borrow(), Mode::Read)?;
        let bypassed = policy.bypass || disabled;
        Ok(Found { address, policy, bypassed, namespace, entry, now })
    }

    /// What is there, whatever the policy says of it: for INFO and INVALIDATE.
    pub fn state(&self) -> State<'_> {
        let stored = self.entry.get().and_then(StoredEntry::stored);
        State::of(&self.address, self.namespace.get(), stored, self.now)
    }

    /// What is there for those who look for a result: nothing where the cache is bypassed.
    pub fn visible(&self) -> State<'_> {
        if self.bypassed { State::Absent(Why::Disabled) } else { self.state() }
    }

    /// GET served what is there.
    pub fn count_hit(&self) {
        if let Some(entry) = self.entry.get() {
            entry.count_hit();
        }
    }

    /// Whether a write that began at `since`, and brings these tags, may be stale by now.
    fn has_overtaken(&self, since: &Stamp, tags: Tags<'_>) -> bool {
        let (mark, operation) = (self.address.mark(), self.address.operation.as_str());
        let written = self
            .entry
            .get()
            .and_then(StoredEntry::stored)
            .is_some_and(|Stored { entry, .. }| entry.mark == mark && entry.version > since.clock);
        written
            || self
                .namespace
                .get()
                .is_none_or(|namespace| namespace.has_overtaken(since, mark, operation, tags))
    }

    /// What the next mutation would get.
    pub fn next(&self, context: Context<'_>) -> Result<Next, Refusal> {
        match self.namespace.get() {
            Some(namespace) => Ok(Next {
                incarnation: namespace.incarnation(),
                version: namespace.next_version(runtime::with(|runtime| runtime.era()), random_u64)?,
            }),
            None => Ok(Next::of_new_namespace(context)),
        }
    }

    fn key(&self) -> Cow<'static, [u8]> {
        self.address.key().as_bytes().to_vec().into()
    }

    /// The stored form of an entry at this address, for an effect.
    pub fn place(&self, incarnation: Incarnation, entry: &Entry<'_>) -> Placed<'static> {
        let mut record = Vec::with_capacity(entry.encoded_len());
        entry.encode(&mut record);
        let origin = Origin::new(self.address.namespace, incarnation, self.address.operation);
        Placed { key: self.key(), origin: Cow::Owned(origin), record: record.into() }
    }

    /// What becomes of a write that was decided here: its effect, or why it has none.
    pub fn effect_of(
        &self,
        decision: &Decision<'_>,
        since: Option<&Stamp>,
        next: Next,
    ) -> Result<Effect<'static>, Declined> {
        let is_overtaken = since.is_some_and(|since| self.has_overtaken(since, decision.tags()));
        match decision {
            Decision::Forbidden => Err(Declined::Forbidden),
            _ if is_overtaken => Err(Declined::Fenced),
            Decision::Store(entry) => Ok(Effect::Set(self.place(next.incarnation, entry))),
            Decision::Remove => Ok(self.invalidation(next, None)),
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

/// The clock of a namespace, for a stamp.
pub struct Clock {
    pub incarnation: Incarnation,
    pub clock: u64,
    /// The namespace that is to be made first, where there is none.
    pub made: Option<Namespace>,
}

impl Clock {
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

/// Carries out an effect that was decided here, and tells the replicas and the append-only file.
pub fn mutate(
    context: Context<'_>,
    namespace: BorrowedString<'_>,
    effect: &Effect<'_>,
) -> Result<(), Refusal> {
    carry_out(context, namespace, effect, Some(runtime::with(|runtime| runtime.era())))?;
    let words = effect.words();
    let words: Vec<&[u8]> =
        std::iter::once(namespace.bytes()).chain(words.iter().map(|word| &word[..])).collect();
    context.replicate(c"CACHE.APPLY", &words);
    Ok(())
}

/// Writes an effect to an append-only file that is being rewritten.
pub fn emit(io: Io, namespace: &[u8], effect: &Effect<'_>) {
    let words = effect.words();
    let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
    io.emit(c"CACHE.APPLY", namespace, &words);
}

/// Carries out an effect: first everything that can be refused, then everything that changes. `era` is none
/// where the effect is another server's.
pub fn carry_out(
    context: Context<'_>,
    name: BorrowedString<'_>,
    effect: &Effect<'_>,
    era: Option<Era>,
) -> Result<(), Refusal> {
    let mut namespace = match effect {
        Effect::Entry(_) => None,
        _ => Some(NamespaceKey::open(context, name, Mode::Write)?),
    };
    match (effect, &mut namespace) {
        (Effect::Namespace(state), Some(namespace)) => namespace.replace(state.clone().made(era)),
        (Effect::Entry(placed), _) => put(context, name, placed, Expiry::Later)?,
        (Effect::Set(placed), Some(namespace)) => {
            let (version, mark) = placed.entry().map_or((0, Mark(0)), |entry| (entry.version, entry.mark));
            check_order(namespace, placed.origin.incarnation(), version)?;
            check_apart(name, &placed.key)?;
            put(context, name, placed, Expiry::Now)?;
            namespace.change(placed.origin.incarnation(), version, |namespace| {
                namespace.wrote(mark, version, era);
            });
        }
        (Effect::Invalidate { key, incarnation, version, mark, left }, Some(namespace)) => {
            check_order(namespace, *incarnation, *version)?;
            check_apart(name, key)?;
            match left {
                Some(left) => put(context, name, left, Expiry::Now)?,
                None => remove(context, name, key)?,
            }
            namespace.change(*incarnation, *version, |namespace| namespace.invalidated(*mark, *version, era));
        }
        (_, None) => {}
    }
    if let Some(namespace) = namespace {
        if let Some(stored) = namespace.stored() {
            stored.meet(context.database(), name.bytes());
        }
        context.signal_modified(name);
    }
    Ok(())
}

/// Within one life of a namespace its clock only ever moves forward.
fn check_order(namespace: &NamespaceKey<'_>, incarnation: Incarnation, version: u64) -> Result<(), Refusal> {
    match namespace.get() {
        Some(namespace) if namespace.incarnation() == incarnation && !namespace.admits(version) => {
            let clock = namespace.clock();
            Err(Refusal::syntax(format!(
                "version {version} is not after {clock}, the clock of its namespace"
            )))
        }
        _ => Ok(()),
    }
}

/// While a namespace is open its key is nobody else's. Only an ordinary client's effect can fail this; a stored
/// entry may well be at its namespace's key, where RENAME has put it, and a file brings it back there.
fn check_apart(namespace: BorrowedString<'_>, key: &[u8]) -> Result<(), Refusal> {
    if key == namespace.bytes() { Err(no_place(namespace, key)) } else { Ok(()) }
}

fn no_place(namespace: BorrowedString<'_>, key: &[u8]) -> Refusal {
    let (key, namespace) = (quoted(key), quoted(namespace.bytes()));
    Refusal::syntax(format!("key {key} is no place for an entry of namespace {namespace}"))
}

/// Who sets the expiry of a key.
#[derive(PartialEq, Eq)]
enum Expiry {
    Now,
    /// The file that is being loaded does so next.
    Later,
}

fn put(
    context: Context<'_>,
    namespace: BorrowedString<'_>,
    placed: &Placed<'_>,
    expiry: Expiry,
) -> Result<(), Refusal> {
    check_place(context, namespace, placed.origin.namespace().as_bytes(), &placed.key)?;
    let name = OwnedString::new(&placed.key);
    let mut key = EntryKey::open(context, name.borrow(), Mode::Write)?;
    key.put(placed);
    if expiry == Expiry::Now
        && let Some(gone_at) = placed.entry().and_then(|entry| entry.gone_at())
    {
        key.0.key.set_expiry(gone_at);
    }
    context.signal_modified(name.borrow());
    Ok(())
}

fn remove(context: Context<'_>, namespace: BorrowedString<'_>, key: &[u8]) -> Result<(), Refusal> {
    check_place(context, namespace, namespace.bytes(), key)?;
    let name = OwnedString::new(key);
    let mut key = EntryKey::open(context, name.borrow(), Mode::Write)?;
    if key.get().is_some() {
        key.remove();
        context.signal_modified(name.borrow());
    }
    Ok(())
}

/// Whether an entry of `owner` may be changed at `key` by an effect on `namespace`. Only what an ordinary client
/// sends (an append-only file that is piped in) can fail this.
fn check_place(
    context: Context<'_>,
    namespace: BorrowedString<'_>,
    owner: &[u8],
    key: &[u8],
) -> Result<(), Refusal> {
    if owner != namespace.bytes() {
        return Err(no_place(namespace, key));
    }
    if context.is_cluster()
        && context.source() == Source::Client
        && context.slot_of(namespace) != context.slot_of(OwnedString::new(key).borrow())
    {
        let (key, namespace) = (quoted(key), quoted(namespace.bytes()));
        return Err(Refusal::syntax(format!("key {key} is not in the slot of namespace {namespace}")));
    }
    Ok(())
}
