//! Counting by callgrind: this program runs itself under it, and reads the totals that it leaves.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use crate::AS_COUNTED;
use crate::cases::{self, Body, Case};

/// What was counted of a case.
pub struct Counted {
    pub name: String,
    pub instructions: u64,
}

/// Whether the stored counts are of a processor as this one is shown by valgrind.
pub fn is_comparable() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// What is counted: callgrind collects while this runs, and writes a total each time it returns. It stays a function with
/// a name, and no tail call, or there would be nothing for it to see.
#[inline(never)]
fn counted(body: &mut Body) {
    body();
    std::hint::black_box(());
}

/// Runs a case as the one that is counted: warm, so that neither buffers grow nor anything is done for the first time.
pub fn run(case: &mut Case) {
    for body in [Some(&mut case.body), case.without.as_mut()].into_iter().flatten() {
        body();
        body();
        counted(body);
    }
}

/// Counts all cases.
pub fn count() -> Result<Vec<Counted>, Box<dyn Error>> {
    let folder = Folder::new()?;
    let totals = folder.0.join("totals");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .args([
            "--toggle-collect=instructions::callgrind::counted",
            "--dump-after=instructions::callgrind::counted",
        ])
        .arg(format!("--callgrind-out-file={}", totals.display()))
        .arg(env::current_exe()?)
        .arg(AS_COUNTED)
        // What stands in the environment moves the stack about.
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .map_err(|e| format!("valgrind does not start: {e}"))?;
    if !output.status.success() {
        return Err(
            format!("valgrind: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    let mut number = 0;
    let mut next = || {
        number += 1;
        total(&totals.with_extension(number.to_string()))
    };
    let mut all = Vec::new();
    for Case { name, without, .. } in cases::all() {
        let whole = next()?;
        let left_out = if without.is_some() { next()? } else { 0 };
        let instructions = whole
            .checked_sub(left_out)
            .ok_or_else(|| format!("{name}: {left_out} instructions are to be left out of {whole}"))?;
        all.push(Counted { name, instructions });
    }
    Ok(all)
}

/// The total in one of the files that callgrind writes.
fn total(file: &Path) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(file).map_err(|e| format!("callgrind wrote no {}: {e}", file.display()))?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ")).and_then(|total| total.parse().ok());
    // Nothing at all is what it counts where it does not find the function by its name.
    total.filter(|&total| total > 0).ok_or_else(|| format!("no total stands in {}", file.display()).into())
}

/// A folder for what callgrind writes, gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Box<dyn Error>> {
        let path = env::temp_dir().join(format!("instructions-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays there harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
