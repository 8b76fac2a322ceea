//! The seeds of the fuzz targets: what their corpora begin with. This writes them where it is told, and its tests run each
//! target's body on each of its seeds, on any toolchain; so the bodies cannot fall behind what they call.
//!
//! `make fuzz` runs it before the fuzzer.

mod arguments;
#[path = "../bodies/mod.rs"]
mod bodies;
mod canonical;
mod records;

use std::error::Error;
use std::fs;
use std::path::Path;

type Run = fn(&[u8]);

/// The targets: what each is called, its body, its seeds.
fn targets() -> [(&'static str, Run, Vec<Vec<u8>>); 3] {
    [
        ("canonical", bodies::canonical::run, canonical::seeds()),
        ("records", bodies::records::run, records::seeds()),
        ("arguments", bodies::arguments::run, arguments::seeds()),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("the folder to write the seeds into is needed")?;
    for (target, _, seeds) in targets() {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From what is refused the fuzzer would hardly find its way in.
    #[test]
    fn seeds_are_accepted() {
        let records = records::seeds().into_iter().filter(|seed| !bodies::records::is_read(seed));
        let calls = arguments::seeds().into_iter().filter(|seed| !bodies::arguments::is_accepted(seed));
        let refused: Vec<String> =
            records.chain(calls).map(|seed| String::from_utf8_lossy(&seed).replace('\n', " ")).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }

    #[test]
    fn every_body_takes_its_seeds_and_what_is_left_of_them() {
        for (target, run, seeds) in targets() {
            assert!(!seeds.is_empty(), "{target}");
            for seed in seeds {
                run(&seed);
                for end in 0..seed.len().min(512) {
                    run(&seed[..end]);
                }
            }
        }
    }
}
