//! Clients that sent a command which blocks.

use std::time::Duration;

use super::{Argument, Client, Entry, Fetched, Server, Value, wait_until};
use crate::call;

/// No answer that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection whose command is blocked in the server. Dropping it disconnects.
pub struct Waiter {
    client: Client,
    id: i64,
}

impl Waiter {
    /// Sends the command, and comes back when the server has it waiting: waiters that are started one after
    /// another wait in that order.
    #[track_caller]
    pub fn start(server: &Server, command: &[impl Argument]) -> Waiter {
        Waiter::of(server, server.client(), command)
    }

    /// The same on a connection that is there already.
    #[track_caller]
    pub fn of(server: &Server, mut client: Client, command: &[impl Argument]) -> Waiter {
        let id = call!(client, "CLIENT", "ID").int();
        client.send(command).expect("the server reads");
        let mut waiter = Waiter { client, id };
        let mut observer = server.client();
        wait_until("the client waits", || {
            if let Some(reply) = waiter.answered() {
                panic!("expected a client that waits, was answered {reply:?}");
            }
            is_blocked(&mut observer, id)
        });
        waiter
    }

    /// A FETCH with these options, `"BLOCK 0"` among them.
    #[track_caller]
    pub fn on(server: &Server, entry: &Entry, options: &str) -> Waiter {
        Waiter::start(server, &entry.fetching(options))
    }

    /// Some that wait alike, in the order of the list.
    #[track_caller]
    pub fn several(count: usize, server: &Server, entry: &Entry, options: &str) -> Vec<Waiter> {
        (0..count).map(|_| Waiter::on(server, entry, options)).collect()
    }

    /// The id of its connection.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Whether the server still has it blocked, without an answer.
    #[track_caller]
    pub fn still_waits(&mut self, server: &Server) -> bool {
        is_blocked(&mut server.client(), self.id) && self.answered().is_none()
    }

    /// The answer, if it has come by now.
    #[track_caller]
    pub fn answered(&mut self) -> Option<Value> {
        match self.client.receive_within(Duration::ZERO) {
            Ok(reply) => reply,
            Err(error) => panic!("the waiter lost its connection: {error}"),
        }
    }

    /// The answer, waited for.
    #[track_caller]
    pub fn answer(&mut self) -> Value {
        match self.client.receive_within(PATIENCE) {
            Ok(Some(reply)) => reply,
            Ok(None) => panic!("the waiter was not answered within {PATIENCE:?}"),
            Err(error) => panic!("the waiter lost its connection: {error}"),
        }
    }

    /// The answer of FETCH, waited for.
    #[track_caller]
    pub fn fetched(&mut self) -> Fetched {
        Fetched::of(&self.answer())
    }

    /// The same as [`Fetched::told`].
    #[track_caller]
    pub fn told(&mut self) -> String {
        self.fetched().told()
    }

    /// The connection, for more commands after the answer.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Waits until the server has closed the connection, without an answer.
    #[track_caller]
    pub fn assert_disconnected(&mut self) {
        match self.client.receive_within(PATIENCE) {
            Err(_) => {}
            Ok(reply) => panic!("expected a closed connection, was answered {reply:?}"),
        }
    }
}

/// Whether the client of this id is blocked: `b` among the flags that CLIENT LIST shows.
#[track_caller]
fn is_blocked(observer: &mut Client, id: i64) -> bool {
    let line = call!(observer, "CLIENT", "LIST", "ID", id).text();
    line.split(' ').any(|word| word.strip_prefix("flags=").is_some_and(|flags| flags.contains('b')))
}
