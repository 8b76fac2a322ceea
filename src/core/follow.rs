//! NEXT: clients that wait until one of several entries changes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use super::fetch::signed;
use super::fingerprint::Fingerprint;
use super::instant::Instant;
use super::lease::Ticket;
use super::lease::flight::Progress;
use super::state::OpenState;

/// What a client who follows an entry sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight<'a> {
    Hit(&'a [u8]),
    Stale(&'a [u8]),
    /// The message of a remembered failure.
    Failed(&'a [u8]),
    /// A lease in flight, and how far it has come.
    Busy(Rc<[u8]>),
    Gone,
}

/// What there is to see of an entry, and its version: that of the newest progress, else the entry's; 0 is nothing.
pub fn sight<'a>(state: &OpenState<'a>, progress: Option<Progress>) -> (Sight<'a>, i64) {
    if let Some(Progress { version, text }) = progress {
        return (Sight::Busy(text), version);
    }
    let sight = match state {
        OpenState::Fresh(stored) => Sight::Hit(stored.result),
        OpenState::Stale(stored) => Sight::Stale(stored.result),
        OpenState::Negative(stored) => Sight::Failed(stored.result),
        OpenState::Absent(_) => Sight::Gone,
    };
    (sight, signed(state.version()))
}

/// One entry that a client follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub operation: Box<str>,
    pub fingerprint: Fingerprint,
    /// Its Redis key.
    pub key: Box<[u8]>,
    /// What the client has seen of it.
    pub version: i64,
}

/// A client that waits for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    pub database: i32,
    pub namespace: Box<str>,
    pub follows: Rc<[Followed]>,
}

#[derive(Debug)]
struct Row {
    follower: Follower,
    /// When the first of its entries is gone, if nothing else happens.
    gone_at: Option<Instant>,
    touched: bool,
}

type Tickets = BTreeSet<Ticket>;

/// All clients that wait for a change.
#[derive(Debug, Default)]
pub struct Followers {
    rows: HashMap<Ticket, Row>,
    by_key: HashMap<i32, HashMap<Box<[u8]>, Tickets>>,
    by_namespace: HashMap<i32, HashMap<Box<str>, Tickets>>,
    ends: BTreeSet<(Instant, Ticket)>,
    /// Those whose entries may have changed.
    touched: VecDeque<Ticket>,
}

impl Followers {
    /// Lets a client wait; `gone_at` is when the first of its entries is gone if nothing else happens.
    pub fn add(&mut self, ticket: Ticket, follower: Follower, gone_at: Option<Instant>) {
        let by_key = self.by_key.entry(follower.database).or_default();
        for followed in follower.follows.iter() {
            by_key.entry(followed.key.clone()).or_default().insert(ticket);
        }
        let by_namespace = self.by_namespace.entry(follower.database).or_default();
        by_namespace.entry(follower.namespace.clone()).or_default().insert(ticket);
        self.rows.insert(ticket, Row { follower, gone_at: None, touched: false });
        self.expect(ticket, gone_at);
    }

    /// Looks at a client again when the first of its entries is gone.
    pub fn expect(&mut self, ticket: Ticket, gone_at: Option<Instant>) {
        let Some(row) = self.rows.get_mut(&ticket) else { return };
        if let Some(before) = std::mem::replace(&mut row.gone_at, gone_at) {
            self.ends.remove(&(before, ticket));
        }
        self.ends.extend(gone_at.map(|gone_at| (gone_at, ticket)));
    }

    /// A client waits no longer.
    pub fn remove(&mut self, ticket: Ticket) {
        self.expect(ticket, None);
        let Some(Row { follower, .. }) = self.rows.remove(&ticket) else { return };
        for followed in follower.follows.iter() {
            leave(&mut self.by_key, follower.database, &followed.key, ticket);
        }
        leave(&mut self.by_namespace, follower.database, &follower.namespace, ticket);
    }

    pub fn get(&self, ticket: Ticket) -> Option<&Follower> {
        self.rows.get(&ticket).map(|row| &row.follower)
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn touch(&mut self, tickets: Vec<Ticket>) {
        for ticket in tickets {
            if let Some(row) = self.rows.get_mut(&ticket)
                && !std::mem::replace(&mut row.touched, true)
            {
                self.touched.push_back(ticket);
            }
        }
    }

    /// What is at a key may have changed.
    pub fn touch_key(&mut self, database: i32, key: &[u8]) {
        let tickets = self.by_key.get(&database).and_then(|keys| keys.get(key));
        self.touch(tickets.into_iter().flatten().copied().collect());
    }

    /// Anything in a namespace may have changed.
    pub fn touch_namespace(&mut self, database: i32, namespace: &[u8]) {
        let tickets = std::str::from_utf8(namespace)
            .ok()
            .and_then(|namespace| self.by_namespace.get(&database)?.get(namespace));
        self.touch(tickets.into_iter().flatten().copied().collect());
    }

    /// Anything may have changed.
    pub fn touch_all(&mut self) {
        self.touch(self.rows.keys().copied().collect());
    }

    /// The next client of whose entries one is gone by now, or may have changed.
    pub fn next_touched(&mut self, now: Instant) -> Option<Ticket> {
        while let Some(&(gone_at, ticket)) = self.ends.first().filter(|(gone_at, _)| *gone_at <= now) {
            self.ends.remove(&(gone_at, ticket));
            if let Some(row) = self.rows.get_mut(&ticket) {
                row.gone_at = None;
            }
            self.touch(vec![ticket]);
        }
        loop {
            let ticket = self.touched.pop_front()?;
            if let Some(row) = self.rows.get_mut(&ticket) {
                row.touched = false;
                return Some(ticket);
            }
        }
    }

    /// Whether there is nothing to do, now or when an entry is gone.
    pub fn is_idle(&self) -> bool {
        self.is_quiet() && self.ends.is_empty()
    }

    /// Whether nobody's entries have changed.
    pub fn is_quiet(&self) -> bool {
        self.touched.is_empty()
    }

    /// How long until an entry that somebody follows is gone, in milliseconds.
    pub fn due_in_ms(&self, now: Instant) -> Option<u64> {
        self.ends.first().map(|(gone_at, _)| gone_at.since(now))
    }
}

fn leave<K>(levels: &mut HashMap<i32, HashMap<Box<K>, Tickets>>, database: i32, name: &K, ticket: Ticket)
where
    K: ?Sized + Eq + std::hash::Hash,
{
    let Some(names) = levels.get_mut(&database) else { return };
    let Some(tickets) = names.get_mut(name) else { return };
    tickets.remove(&ticket);
    if tickets.is_empty() {
        names.remove(name);
    }
    if names.is_empty() {
        levels.remove(&database);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

    fn follower(namespace: &str, keys: &[&str]) -> Follower {
        let followed = |key: &&str| Followed {
            operation: "o".into(),
            fingerprint: Fingerprint::from_bytes([0; 32]),
            key: key.as_bytes().into(),
            version: 0,
        };
        Follower { database: 0, namespace: namespace.into(), follows: keys.iter().map(followed).collect() }
    }

    fn touched(followers: &mut Followers, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| followers.next_touched(now)).map(|ticket| ticket.0).collect()
    }

    #[test]
    fn who_is_concerned_is_touched_once() {
        let mut followers = Followers::default();
        followers.add(Ticket(1), follower("n", &["a", "b"]), None);
        followers.add(Ticket(2), follower("n", &["b"]), None);
        followers.add(Ticket(3), follower("m", &["c"]), None);
        followers.touch_key(0, b"b");
        followers.touch_key(0, b"a");
        followers.touch_key(1, b"c");
        assert_eq!(touched(&mut followers, NOW), [1, 2]);
        followers.touch_namespace(0, b"n");
        followers.remove(Ticket(1));
        assert_eq!(touched(&mut followers, NOW), [2]);
        followers.touch_all();
        assert_eq!(touched(&mut followers, NOW).len(), 2);
        [2, 3].into_iter().for_each(|ticket| followers.remove(Ticket(ticket)));
        assert!(followers.is_empty() && followers.by_key.is_empty() && followers.by_namespace.is_empty());
    }

    #[test]
    fn whoever_follows_what_ends_is_touched_then() {
        let mut followers = Followers::default();
        followers.add(Ticket(1), follower("n", &["a"]), Some(NOW.plus(10)));
        followers.add(Ticket(2), follower("n", &["b"]), Some(NOW.plus(20)));
        assert_eq!(followers.due_in_ms(NOW), Some(10));
        assert!(touched(&mut followers, NOW.plus(9)).is_empty());
        assert_eq!(touched(&mut followers, NOW.plus(10)), [1]);
        followers.expect(Ticket(1), Some(NOW.plus(15)));
        followers.expect(Ticket(2), None);
        assert_eq!(touched(&mut followers, NOW.plus(30)), [1]);
        assert_eq!(followers.due_in_ms(NOW), None);
    }
}
