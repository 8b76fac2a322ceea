//! `make top`: what a server's cache does, live, over plain Redis commands: `CACHE.STATS`, and `SCAN` for the namespaces.
//!
//! * [`options`] is what it was called with, [`source`] asks the server, [`search`] finds its namespaces, [`figures`] reads
//!   what it says;
//! * [`watch`] makes rates of that, by comparing it with what was said before;
//! * [`frame`] draws both, in as many [`columns`] as fit, with [`words`] for numbers; [`screen`] puts it on a terminal.
//!
//! `make top ARGS="--once 5"` looks for five seconds and prints one frame as text.

mod columns;
mod figures;
mod frame;
mod options;
mod screen;
mod search;
mod source;
mod watch;
mod words;

use std::env;
use std::error::Error;
use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use options::Options;
use source::Source;
use watch::Watch;

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match Options::read(&words).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("top: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut source = Source::of(options);
    match options.once {
        None if stdout().is_terminal() => screen::run(&mut source),
        once => print_once(&mut source, once.unwrap_or(2)),
    }
}

/// Looks for so many seconds, then prints what a terminal would show.
fn print_once(source: &mut Source, seconds: u64) -> Result<(), Box<dyn Error>> {
    let mut watch = Watch::default();
    let begun = Instant::now();
    watch.note(source.read()?, begun);
    for second in 1..=seconds {
        let next = EVERY.saturating_mul(u32::try_from(second).unwrap_or(u32::MAX));
        thread::sleep(next.saturating_sub(begun.elapsed()));
        watch.note(source.read()?, Instant::now());
    }
    // Whoever reads it may have seen enough and gone.
    stdout().write_all(frame::as_text(&watch, source.name())?.as_bytes())?;
    Ok(())
}
