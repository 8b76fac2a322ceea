//! The benchmark: what the module costs beside what would be done without it, in one run with a server of its own.
//!
//! * [`hits`] compares single commands with plain `GET` and `SETEX` and with a function in Lua: [`jobs`] is what is asked
//!   for, [`workloads`] the ways of asking for it, [`measure`] takes the figures, [`table`] shows them;
//! * [`flight`] has many clients ask for one value that one of them computes, [`wake`] has very many wait for one, both
//!   with clients in [`processes`] of their own and by the ways of a [`load`]; [`leases`] has many open at once;
//! * [`tags`] invalidates a million entries at once, [`plans`] looks up and invalidates a whole plan, [`warm`] stores very many
//!   entries in one step; the latter two are [`contest`]s with what core would do;
//! * [`counting`] says what statistics cost, [`budget`] what a budget does, [`sampling`] how well it chooses who goes;
//! * [`memory`] weighs entries, [`kinds`] of them as they are really stored;
//! * [`client`] sends all that, [`reply`] reads what cannot be known beforehand;
//! * [`placement`] keeps the figures of one run comparable with those of the next.
//!
//! Run it with `make bench`, or `make bench ARGS=--quick` for a first look.

mod budget;
mod client;
mod contest;
mod counting;
mod flight;
#[path = "../../examples/demo/folder.rs"]
mod folder;
mod hits;
mod jobs;
mod kinds;
mod leases;
mod load;
mod measure;
mod memory;
mod options;
mod pings;
mod placement;
mod plans;
mod processes;
mod reply;
mod sampling;
#[path = "../../examples/demo/server.rs"]
mod server;
mod table;
mod tags;
mod wake;
mod warm;
mod workloads;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use client::Client;
use options::{Options, Part};
use placement::Placement;
use server::Server;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [processes::AS_CLIENTS, role, port, clients] => serve(role, port, clients),
        _ => Options::read(&words).and_then(run),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("compare: {e}");
            ExitCode::FAILURE
        }
    }
}

/// As a process of clients, until the process that started it wants no more.
fn serve(role: &str, port: &str, clients: &str) -> Result<(), Box<dyn Error>> {
    let (port, clients) = (port.parse()?, clients.parse()?);
    match role {
        flight::ROLE => flight::clients::serve(port, clients),
        wake::ROLE => wake::waiters::serve(port, clients),
        other => Err(format!("there is no role {other:?}").into()),
    }
}

/// Measures all parts, one after the other.
fn run(options: Options) -> Result<(), Box<dyn Error>> {
    for part in &options.parts {
        match part {
            Part::Counting => counting::run(options.hits, options.placement)?,
            Part::Memory => memory::run(options.weighed)?,
            Part::Sampling => sampling::run(options.trace)?,
            _ => run_with_server(*part, &options)?,
        }
    }
    Ok(())
}

/// Measures a part that has one server, of its own.
fn run_with_server(part: Part, options: &Options) -> Result<(), Box<dyn Error>> {
    if matches!(part, Part::Wake)
        && let Err(e) = placement::allow_files(wake::FILES)
    {
        println!("\nwaking: left out, since {e}");
        return Ok(());
    }
    let server = Server::start()?;
    let mut client = Client::connect(server.port())?;
    let placement = match part {
        // What the clients do is no part of what the server does for them.
        Part::Flight | Part::Wake | Part::Tags | Part::Warm => Placement::Apart,
        _ => options.placement,
    };
    placement.apply(server.pid())?;
    match part {
        Part::Hits => hits::run(&mut client, options.hits, placement.words()),
        Part::Flight => flight::run(server.port(), &mut client, options.flight),
        Part::Wake => wake::run(server.port(), &mut client, options.wakes),
        Part::Leases => leases::run(&mut client, options.lapses),
        Part::Tags => tags::run(server.port(), &mut client, options.tags),
        Part::Plans => plans::run(&mut client, options.contests),
        Part::Warm => warm::run(&mut client, options.contests),
        Part::Budget => budget::run(&mut client, options.contests),
        Part::Counting | Part::Memory | Part::Sampling => Ok(()),
    }
}
