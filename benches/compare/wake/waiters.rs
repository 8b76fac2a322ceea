//! A crowd: thousands of connections that ask first and listen afterwards.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};

use crate::client::Client;
use crate::load::Load;
use crate::processes::{Orders, now_ns};

/// The role of such a process: for every load that is ordered it has all clients ask, reports that, takes all replies,
/// and reports when it had the last.
///
/// It listens to one connection after another, in a random order: in whatever order they are answered, it falls asleep a
/// few times only, and the server does not pay for waking it thousands of times.
pub fn serve(port: u16, count: usize) -> Result<(), Box<dyn Error>> {
    let mut clients = (0..count).map(|_| Client::connect_small(port)).collect::<Result<Vec<_>, _>>()?;
    let mut orders = Orders::new()?;
    while let Some(order) = orders.next()? {
        let load = Load::from_order(&order)?;
        clients.iter_mut().try_for_each(|client| load.ask(client))?;
        clients.sort_by_cached_key(|_| RandomState::new().hash_one(0));
        orders.report([])?;
        clients.iter_mut().try_for_each(|client| load.take(client))?;
        orders.report([now_ns()])?;
    }
    Ok(())
}
