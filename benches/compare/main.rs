//! The benchmark: what the module costs beside what would be done without it, in one run with a server of its own.
//!
//! * [`hits`] compares single commands with plain `GET` and `SETEX` and with a function in Lua: [`jobs`] is what is asked
//!   for, [`workloads`] the ways of asking for it, [`measure`] takes the figures, [`table`] shows them, [`hit_tables`] and
//!   [`hit_bars`] say what they tell;
//! * [`clients`] does the same with real client libraries that hash or do not, [`canonical`] compares what the hashing takes
//!   without a server;
//! * [`flight`] has many clients ask for one value that one of them computes, [`wake`] has very many wait for one, both
//!   with clients in [`processes`] of their own and by the ways of a [`load`]; [`leases`] has many open at once;
//! * [`invalidation`] takes single entries back, [`tags`] a million at once, [`plans`] looks up and invalidates a whole plan, [`warm`] stores very many
//!   entries in one step; all but the tags are [`contest`]s with what core would do;
//! * [`counting`] says what statistics cost, [`budget`] what a budget does, [`sampling`] how well it chooses who goes;
//! * [`memory`] weighs entries, [`kinds`] of them as they are really stored;
//! * all of them tell a [`report`], whose tables have places on a [`page`], with figures as [`spread`] writes them;
//! * [`client`] sends all that, [`reply`] reads what cannot be known beforehand;
//! * [`placement`] keeps the figures of one run comparable with those of the next.
//!
//! Run it with `make bench`, or `make bench ARGS=--quick` for a first look.

mod budget;
mod canonical;
mod client;
mod clients;
mod contest;
mod counting;
mod flight;
#[path = "../../examples/demo/folder.rs"]
mod folder;
mod hit_bars;
mod hit_tables;
mod hits;
mod invalidation;
mod jobs;
mod kinds;
mod leases;
mod load;
mod measure;
mod memory;
mod options;
mod page;
mod pings;
mod placement;
mod plans;
mod processes;
mod reply;
mod report;
mod sampling;
#[path = "../../examples/demo/server.rs"]
mod server;
mod spread;
mod table;
mod tags;
mod wake;
mod warm;
mod workloads;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use client::Client;
use options::{Options, Part};
use placement::Placement;
use report::Report;
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

/// Measures all parts, one after the other, and then shows what a release has to reach.
fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut report = Report::default();
    for part in &options.parts {
        let started = Instant::now();
        match part {
            Part::Counting => counting::run(options.hits, options.placement, &mut report)?,
            Part::Canonical => {
                placement::pin_alone()?;
                canonical::run(options.hits, &mut report)?;
            }
            Part::Memory => memory::run(options.weighed, &mut report)?,
            Part::Sampling => sampling::run(options.trace, &mut report)?,
            _ => run_with_server(*part, &options, &mut report)?,
        }
        println!("\n({} took {} s)", part.name(), started.elapsed().as_secs());
    }
    report.finish();
    if options.write { report.write(options.whole()) } else { Ok(()) }
}

/// Measures a part that has one server, of its own.
fn run_with_server(part: Part, options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
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
        Part::Hits => hits::run(&mut client, options.hits, placement.words(), report),
        Part::Clients => clients::run(server.port(), &mut client, options.hits, report),
        Part::Invalidate => invalidation::run(&mut client, options.contests, report),
        Part::Flight => flight::run(server.port(), &mut client, options.flight, report),
        Part::Wake => wake::run(server.port(), &mut client, options.wakes, report),
        Part::Leases => leases::run(&mut client, options.lapses, report),
        Part::Tags => tags::run(server.port(), &mut client, options.tags, report),
        Part::Plans => plans::run(&mut client, options.contests, report),
        Part::Warm => warm::run(&mut client, options.contests, report),
        Part::Budget => budget::run(&mut client, options.contests, report),
        Part::Canonical | Part::Counting | Part::Memory | Part::Sampling => Ok(()),
    }
}
