//! Statistics of this process, and why entries went that are not there any more.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::api::context::Context;
use super::api::string::OwnedString;
use super::{runtime, sweep};
use crate::core::entry::{Entry, Mark};
use crate::core::instant::Instant;
use crate::core::name::NamespaceName;
use crate::core::origin::Origin;
use crate::core::state::{Address, State, Why};
use crate::core::stats::departed::{Cause, Departed};
use crate::core::stats::figures::{Beside, Figures};
use crate::core::stats::table::Subject;
use crate::core::stats::{Counter, Health, Row, Statistics};

/// Used by the main thread only; no borrow is held across a call into the server.
struct Counting {
    statistics: RefCell<Statistics>,
    departed: RefCell<Departed>,
    /// What lost its key last. The server tells why right after that, if at all.
    unlinked: RefCell<Option<Unlinked>>,
}

thread_local! {
    static COUNTING: Counting = Counting {
        statistics: RefCell::new(Statistics::new(Context::time_of_day())),
        departed: RefCell::default(),
        unlinked: RefCell::default(),
    };
}

/// Something of ours that lost its key.
enum Unlinked {
    Entry { origin: Arc<Origin>, head: Head },
    Namespace(Box<[u8]>),
}

/// What is to be known of an entry that is gone.
struct Head {
    mark: Mark,
    stored_bytes: u64,
    weight: Option<u64>,
    ends_at: Option<Instant>,
}

/// How many rows' health is looked at in a tick of the server: a fraction of a millisecond.
const ROWS_A_TICK: usize = 1000;

/// Runs `body` with the statistics.
pub fn with<T>(body: impl FnOnce(&mut Statistics) -> T) -> T {
    COUNTING.with(|counting| body(&mut counting.statistics.borrow_mut()))
}

/// Runs `body` with what was counted of a subject, and what is said beside it.
pub fn beside<T>(
    context: Context<'_>,
    subject: Subject<'_>,
    body: impl FnOnce(&Statistics, &Figures, &Beside<'_>) -> T,
) -> T {
    let database = context.database();
    let sweep_pending = (subject == Subject::All).then(|| sweep::pending(context));
    context.select(database);
    let (load, now) = (runtime::with(|runtime| runtime.load_of(subject)), Context::time_of_day());
    with(|statistics| {
        let (figures, level) = statistics.figures(subject, now);
        let (since, started) = (statistics.since(), statistics.started());
        let beside = Beside { level, load, sweep_pending, since, started, now };
        body(statistics, &figures, &beside)
    })
}

/// Begins to count: at load.
pub fn start() {
    with(|_| ());
}

/// The row of an operation.
pub fn row(namespace: &str, operation: &str) -> Rc<Row> {
    with(|statistics| match statistics.find(namespace, operation) {
        Some(row) => Rc::clone(row),
        None => statistics.row(namespace, operation, max_rows(), Context::time_of_day()),
    })
}

/// The row of what concerns a namespace, and no single operation.
pub fn whole(namespace: &str) -> Rc<Row> {
    with(|statistics| statistics.whole(namespace, max_rows(), Context::time_of_day()))
}

fn max_rows() -> usize {
    runtime::with(|runtime| runtime.limits.get().stats_rows_max)
}

/// A command was refused; these are its words.
pub fn refused(words: &[&[u8]]) {
    let name = |index: usize| words.get(index).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("");
    with(|statistics| statistics.nearest(name(0), name(1)).count(Counter::Errors));
}

/// The same state, of what is absent with the reason why where that is remembered.
pub fn explained<'s>(context: Context<'_>, address: &Address<'_>, state: State<'s>) -> State<'s> {
    let cause = |key: &[u8]| cause(context.database(), key);
    let known = match state {
        State::Absent(Why::Unknown) => cause(address.key().as_bytes()),
        State::Absent(Why::NamespaceDeleted) => cause(address.namespace.as_str().as_bytes()),
        _ => None,
    };
    known.map_or(state, |cause| State::Absent(cause.into()))
}

/// Why a key is not there, where that is remembered.
pub fn cause(database: i32, key: &[u8]) -> Option<Cause> {
    COUNTING.with(|counting| counting.departed.borrow().cause(database, key))
}

/// A key was removed here, for that reason.
pub fn departed(database: i32, key: &[u8], cause: Cause) {
    COUNTING.with(|counting| counting.departed.borrow_mut().remember(database, key, Some(cause)));
}

/// Everything is gone, or elsewhere.
pub fn forget_departed() {
    COUNTING.with(|counting| counting.departed.borrow_mut().clear());
}

/// An entry loses its key.
pub fn entry_unlinked(origin: Arc<Origin>, entry: &Entry<'_>, stored_bytes: usize) {
    let Entry { mark, weight, .. } = *entry;
    let head = Head { mark, stored_bytes: stored_bytes as u64, weight, ends_at: entry.ends_at() };
    set_unlinked(Some(Unlinked::Entry { origin, head }));
}

/// A namespace loses its key.
pub fn namespace_unlinked(name: &[u8]) {
    set_unlinked(Some(Unlinked::Namespace(name.into())));
}

fn set_unlinked(unlinked: Option<Unlinked>) {
    let last = COUNTING.with(|counting| counting.unlinked.replace(unlinked));
    drop(last);
}

/// The server tells why a key was removed.
pub fn removed(context: Context<'_>, event: &[u8], key: &[u8]) {
    let Some(unlinked) = COUNTING.with(|counting| counting.unlinked.take()) else { return };
    let cause = match (event, &unlinked) {
        (b"evicted", _) => Some(Cause::Evicted),
        (b"expired", _) => Some(Cause::Expired),
        // A replica is told to delete what has expired.
        (b"del", Unlinked::Entry { head, .. }) if context.is_replica() => {
            let is_over = head.ends_at.is_some_and(|ends_at| ends_at <= context.now());
            is_over.then_some(Cause::Expired)
        }
        // By hand. What became of an earlier one of that name is nobody's concern any more.
        (b"del" | b"rename_from" | b"move_from", _) => None,
        _ => return,
    };
    if !unlinked.is_of(key) {
        return;
    }
    let database = context.database();
    COUNTING.with(|counting| counting.departed.borrow_mut().remember(database, key, cause));
    if let (Some(Cause::Evicted), Unlinked::Entry { origin, head }) = (cause, unlinked) {
        let row = row(origin.namespace(), origin.operation());
        row.count(Counter::Evictions);
        row.add(Counter::EvictedBytes, head.stored_bytes);
        row.add(Counter::EvictedWeight, head.weight.unwrap_or(0));
    }
}

impl Unlinked {
    /// Whether that was its key.
    fn is_of(&self, key: &[u8]) -> bool {
        match self {
            Unlinked::Namespace(name) => **name == *key,
            Unlinked::Entry { origin, head } => {
                let namespace = NamespaceName::parse(origin.namespace().as_bytes());
                let address = namespace.ok().and_then(|namespace| Address::of_key(namespace, key));
                address.is_some_and(|address| address.mark() == head.mark)
            }
        }
    }
}

/// Whether an operation has a row of its own.
pub fn is_told_apart(namespace: &str, operation: &str) -> bool {
    with(|statistics| statistics.find(namespace, operation).is_some())
}

/// The server's own tick: tells those who subscribed to it that the health of a namespace has changed.
pub fn on_tick(context: Context<'_>) {
    let changes = with(|statistics| statistics.changes_of_health(ROWS_A_TICK, Context::time_of_day()));
    for (name, health) in changes {
        let event = match health {
            Health::Healthy => c"cache:healthy",
            Health::Degraded => c"cache:degraded",
            Health::Idle => c"cache:idle",
        };
        let name = name.as_bytes();
        let databases = runtime::with(|runtime| runtime.roster.borrow().databases_of(name));
        // Where nothing was stored yet, there is no namespace in any.
        let databases = if databases.is_empty() { vec![0] } else { databases };
        for database in databases {
            context.select(database);
            context.notify(event, OwnedString::new(name).borrow());
        }
    }
}
