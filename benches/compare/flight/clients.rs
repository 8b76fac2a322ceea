//! The clients: each a thread that asks as a program would, and sleeps while it waits.

use std::error::Error;
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::load::{Load, Way};
use crate::processes::{Orders, Report, now_ns};
use crate::reply::Reply;

/// How long a client that polls sleeps between two looks.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// What one client, or several, did until they had their value.
#[derive(Clone, Copy, Default)]
pub struct Turn {
    /// How often the loader ran.
    pub loads: u64,
    /// Commands that were sent, by all of them and by the one that sent most.
    pub commands: u64,
    pub most_commands: u64,
    /// When the loader sent the value, and when the last of those that waited had it.
    pub published_ns: u64,
    pub served_ns: u64,
}

/// The role of such a process: every load that is ordered, it asks for with all its clients at once.
pub fn serve(port: u16, count: usize) -> Result<(), Box<dyn Error>> {
    let mut clients = (0..count).map(|_| Client::connect_small(port)).collect::<Result<Vec<_>, _>>()?;
    let mut orders = Orders::new()?;
    while let Some(order) = orders.next()? {
        let load = &Load::from_order(&order)?;
        let turns: Result<Vec<Turn>, String> = thread::scope(|scope| {
            let begin = |(index, client)| {
                // Independent clients look at independent times.
                let phase = POLL_EVERY.mul_f64(index as f64 / count as f64);
                scope.spawn(move || take_turn(client, load, phase).map_err(|e| e.to_string()))
            };
            let threads: Vec<_> = clients.iter_mut().enumerate().map(begin).collect();
            threads.into_iter().map(|one| one.join().map_err(|_| "a client panicked")?).collect()
        });
        orders.report(Turn::of_all(turns?).to_report())?;
    }
    Ok(())
}

/// Asks in the way of the load until the value is there.
fn take_turn(client: &mut Client, load: &Load, phase: Duration) -> Result<Turn, Box<dyn Error>> {
    match load.way {
        Way::Fetch => fetch(client, load),
        Way::Stream => read_stream(client, load),
        Way::Poll => lock_and_poll(client, load, phase),
    }
}

/// With the module: two commands for whoever gets the lease, one for everyone else.
fn fetch(client: &mut Client, load: &Load) -> Result<Turn, Box<dyn Error>> {
    load.ask(client)?;
    let fetched = client.receive()?.fetched()?;
    if fetched.status != "LEASE" {
        let served_ns = now_ns();
        fetched.must_hit(&load.job.result)?;
        return Ok(Turn::waited(1, served_ns));
    }
    thread::sleep(load.takes);
    let published_ns = load.publish(client, &fetched.lease()?)?;
    load.confirm(client)?;
    Ok(Turn::computed(2, published_ns))
}

/// Core's own way of waking many clients at once. Which of them is to compute, it does not tell.
fn read_stream(client: &mut Client, load: &Load) -> Result<Turn, Box<dyn Error>> {
    load.ask(client)?;
    load.take(client)?;
    Ok(Turn::waited(1, now_ns()))
}

/// What is written by hand where there is no module: one takes a lock and computes, the others look again and again.
fn lock_and_poll(client: &mut Client, load: &Load, phase: Duration) -> Result<Turn, Box<dyn Error>> {
    let lock = format!("{}:lock", load.job.plain_key);
    let mut commands = 1;
    if look(client, load)? {
        return Ok(Turn::waited(commands, now_ns()));
    }
    commands += 1;
    if client.ask(&["SET", &lock, "taken", "NX", "PX", "30000"])?.is("OK") {
        thread::sleep(load.takes);
        let published_ns = load.publish(client, "")?;
        load.confirm(client)?;
        client.ask(&["DEL", &lock])?;
        return Ok(Turn::computed(commands + 2, published_ns));
    }
    thread::sleep(phase);
    loop {
        commands += 1;
        if look(client, load)? {
            return Ok(Turn::waited(commands, now_ns()));
        }
        thread::sleep(POLL_EVERY);
    }
}

/// Whether the value is there by now.
fn look(client: &mut Client, load: &Load) -> Result<bool, Box<dyn Error>> {
    load.ask(client)?;
    Ok(client.receive()? != Reply::Bulk(None))
}

impl Turn {
    /// Of a client that was served what another computed.
    fn waited(commands: u64, served_ns: u64) -> Turn {
        Turn { loads: 0, commands, most_commands: commands, published_ns: 0, served_ns }
    }

    /// Of the client that computed.
    fn computed(commands: u64, published_ns: u64) -> Turn {
        Turn { loads: 1, commands, most_commands: commands, published_ns, served_ns: 0 }
    }

    /// Of several clients: the sums, and the last instants.
    pub fn of_all(turns: impl IntoIterator<Item = Turn>) -> Turn {
        turns.into_iter().fold(Turn::default(), |all, one| Turn {
            loads: all.loads + one.loads,
            commands: all.commands + one.commands,
            most_commands: all.most_commands.max(one.most_commands),
            published_ns: all.published_ns.max(one.published_ns),
            served_ns: all.served_ns.max(one.served_ns),
        })
    }

    /// How long after the loader had the value the last of the others had it.
    pub fn lateness_ms(&self) -> f64 {
        self.served_ns.saturating_sub(self.published_ns) as f64 / 1e6
    }

    /// As one process tells another.
    pub fn to_report(self) -> Report<5> {
        [self.loads, self.commands, self.most_commands, self.published_ns, self.served_ns]
    }

    /// As [`Turn::to_report`] wrote it.
    pub fn from_report([loads, commands, most_commands, published_ns, served_ns]: Report<5>) -> Turn {
        Turn { loads, commands, most_commands, published_ns, served_ns }
    }
}
