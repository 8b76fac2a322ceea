//! Leases, and clients that wait, as this process has them.
//!
//! What commands decide changes the tables of the core at once; the clients concerned are told by [`wake`], from a
//! timer, so that nobody is called back while a command runs, and many are told in slices.

pub mod clients;
pub mod wake;

use std::cell::{Cell, RefCell};

use super::api::context::random_u64;
use super::api::timer::Timer;
use crate::core::epochs::Scope;
use crate::core::follow::Followers;
use crate::core::instant::Instant;
use crate::core::lease::table::Leases;
use crate::core::lease::{Place, Ticket};
use crate::core::token::Token;
use clients::Clients;

/// All of it. Used by the main thread only, as [`Runtime`](super::runtime::Runtime); no borrow is held across a call
/// into the server.
struct Waiting {
    leases: RefCell<Leases>,
    followers: RefCell<Followers>,
    clients: RefCell<Clients>,
    last_ticket: Cell<u64>,
    /// The timer that is set, and for when.
    timer: Cell<Option<(Timer, Instant)>>,
}

thread_local! {
    static WAITING: Waiting = Waiting {
        leases: RefCell::new(Leases::new(random_u64(), random_u64())),
        followers: RefCell::default(),
        clients: RefCell::default(),
        last_ticket: Cell::new(0),
        timer: Cell::new(None),
    };
}

/// Runs `body` with the leases.
pub fn with_leases<T>(body: impl FnOnce(&mut Leases) -> T) -> T {
    WAITING.with(|waiting| body(&mut waiting.leases.borrow_mut()))
}

/// Runs `body` with those who wait for a change.
pub fn with_followers<T>(body: impl FnOnce(&mut Followers) -> T) -> T {
    WAITING.with(|waiting| body(&mut waiting.followers.borrow_mut()))
}

fn with_clients<T>(body: impl FnOnce(&mut Clients) -> T) -> T {
    WAITING.with(|waiting| body(&mut waiting.clients.borrow_mut()))
}

/// A ticket for a client that is about to wait; never 0.
pub fn next_ticket() -> Ticket {
    WAITING.with(|waiting| {
        waiting.last_ticket.set(waiting.last_ticket.get().saturating_add(1));
        Ticket(waiting.last_ticket.get())
    })
}

/// Whether nothing is leased, and nobody waits for anything.
pub fn is_idle() -> bool {
    with_leases(|leases| leases.is_empty()) && with_followers(|followers| followers.is_empty())
}

/// What can be seen of an entry has changed.
pub fn changed(place: &Place<'_>) {
    if with_followers(|followers| followers.is_empty()) {
        wake::arm();
    } else {
        changed_key(place.database, place.address.key().as_bytes());
    }
}

/// What is at a key has changed.
pub fn changed_key(database: i32, key: &[u8]) {
    with_followers(|followers| {
        if !followers.is_empty() {
            followers.touch_key(database, key);
        }
    });
    wake::arm();
}

/// Anything in a namespace has changed.
pub fn changed_namespace(database: i32, name: &[u8]) {
    with_followers(|followers| {
        if !followers.is_empty() {
            followers.touch_namespace(database, name);
        }
    });
    wake::arm();
}

/// A token ends, and whoever waits is next.
pub fn end(place: &Place<'_>, token: &Token, now: Instant) {
    with_leases(|leases| leases.end(place, token, now));
    changed(place);
}

/// A namespace went.
pub fn drop_namespace(database: i32, name: &[u8]) {
    if let Ok(namespace) = std::str::from_utf8(name) {
        with_leases(|leases| leases.drop_namespace(database, namespace));
    }
    with_followers(|followers| followers.touch_namespace(database, name));
    wake::arm();
}

/// So much of a namespace was invalidated at once.
pub fn revoke(database: i32, name: &[u8], scope: &Scope<'_>) {
    if let Ok(namespace) = std::str::from_utf8(name) {
        with_leases(|leases| leases.revoke_scope(database, namespace, scope));
    }
    with_followers(|followers| followers.touch_namespace(database, name));
    wake::arm();
}

/// A database was emptied, or exchanged for another; none is all of them.
pub fn drop_database(database: Option<i32>) {
    with_leases(|leases| leases.drop_database(database));
    with_followers(Followers::touch_all);
    wake::arm();
}

/// The role of this server changed. Core tells those who wait.
pub fn forget_leases() {
    with_leases(Leases::clear);
    with_followers(Followers::touch_all);
    wake::arm();
}

/// What holds for entries has changed.
pub fn reconsider() {
    with_leases(Leases::call_all);
    with_followers(Followers::touch_all);
    wake::arm();
}
