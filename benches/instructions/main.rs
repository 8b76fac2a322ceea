//! How many instructions the hot functions of the pure layers take, counted by callgrind and held against what is stored
//! in `counts.txt`. Counts hardly depend on the machine and not at all on who else uses it, so CI can refuse a change that
//! makes one of them larger than its bound.
//!
//! * [`cases`] is what is counted;
//! * [`callgrind`] counts it: this program runs itself under valgrind, once for all cases;
//! * [`counts`] is the stored file, and what is said where a count differs.
//!
//! A harness of our own, since it is these few lines. gungraun does the same and more, but wants a runner of its very version
//! installed with cargo, which takes CI longer than all that is done here, and starts valgrind anew for each case.
//!
//! It is built by the release profile, as the module is (link-time optimisation, one codegen unit), but links the pure layers
//! alone and the system's allocator. Valgrind shows every processor with AVX2 as one and the same, which has no instructions
//! for SHA: what SHA-256 takes is therefore counted apart and left out (see [`cases::Case::without`]).
//!
//! Run it with `make instructions`, and after a change that is meant to cost more or less with `make renew-instructions`.

mod callgrind;
mod cases;
mod counts;
#[path = "../compare/jobs.rs"]
#[expect(dead_code, reason = "the keys and versions in it are for those who ask a server")]
mod jobs;

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use counts::Counts;

/// The word that makes this program the one that is counted.
const AS_COUNTED: &str = "--as-counted";

/// The word that has the stored counts written anew.
const RENEW: &str = "--renew";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        [AS_COUNTED] => {
            cases::all().iter_mut().for_each(callgrind::run);
            Ok(())
        }
        [] => compare(),
        [RENEW] => renew(),
        _ => Err(format!("{words:?} is not accepted: nothing, or {RENEW}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("\ninstructions: {e}");
            ExitCode::FAILURE
        }
    }
}

fn stored() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/counts.txt"))
}

/// Counts, and compares with what is stored.
fn compare() -> Result<(), Box<dyn Error>> {
    let counted = callgrind::count()?;
    let stored = Counts::read(stored())?;
    let here = counts::tools();
    if stored.tools != here {
        println!("stored with {}\nhere it is   {here}", stored.tools);
    }
    stored.compare(&counted, callgrind::is_comparable())
}

/// Counts, and stores that.
fn renew() -> Result<(), Box<dyn Error>> {
    if !callgrind::is_comparable() {
        return Err(counts::ELSEWHERE.into());
    }
    let counted = callgrind::count()?;
    // Each keeps its bound.
    let before = Counts::read(stored()).unwrap_or_default();
    before.renewed(&counted).write(stored())?;
    println!("{} cases are stored in {}", counted.len(), stored().display());
    Ok(())
}
