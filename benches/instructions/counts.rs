//! The stored counts: one line for each case, with how much more is accepted.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::callgrind::Counted;

/// How many percent more are accepted, where the file does not say otherwise.
const BOUND_PERCENT: u64 = 5;

/// Why nothing is compared.
pub const ELSEWHERE: &str = "the stored counts are those of an x86-64 processor with AVX2, which this is not";

/// How to store other counts.
const HOW_TO_RENEW: &str = "Where that is meant, `make renew-instructions` stores what is counted now: commit counts.txt \
                            with the change, and say in its message why.";

const HEAD: &str = "\
# Instructions of one call, counted by callgrind: written by `make renew-instructions`, compared by `make instructions`.
# Each line: the case, its count, how much more is accepted. The bounds may be edited; they stay when counts are renewed.
# Another compiler gives other counts: renew them together with it.
";

const TOOLS: &str = "# tools: ";

/// What is stored.
#[derive(Default)]
pub struct Counts {
    /// What it was counted with.
    pub tools: String,
    cases: Vec<Stored>,
}

struct Stored {
    name: String,
    instructions: u64,
    bound_percent: u64,
}

impl Stored {
    fn most(&self) -> u64 {
        self.instructions + self.instructions * self.bound_percent / 100
    }

    fn least(&self) -> u64 {
        self.instructions - self.instructions * self.bound_percent.min(100) / 100
    }
}

impl Counts {
    /// Reads the file.
    pub fn read(file: &Path) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut counts = Counts::default();
        for line in text.lines() {
            if let Some(tools) = line.strip_prefix(TOOLS) {
                counts.tools = tools.to_owned();
            } else if !line.starts_with('#') && !line.trim().is_empty() {
                let stored = read_line(line);
                counts.cases.push(stored.ok_or_else(|| format!("{}: what is {line:?}?", file.display()))?);
            }
        }
        Ok(counts)
    }

    /// What is to be stored now, with the bounds of before.
    pub fn renewed(&self, counted: &[Counted]) -> Self {
        let bound = |name: &str| self.get(name).map_or(BOUND_PERCENT, |stored| stored.bound_percent);
        let cases = counted.iter().map(|Counted { name, instructions }| Stored {
            name: name.clone(),
            instructions: *instructions,
            bound_percent: bound(name),
        });
        Counts { tools: tools(), cases: cases.collect() }
    }

    /// Writes the file.
    pub fn write(&self, file: &Path) -> Result<(), Box<dyn Error>> {
        let mut text = format!("{HEAD}{TOOLS}{}\n", self.tools);
        for Stored { name, instructions, bound_percent } in &self.cases {
            writeln!(text, "{name:<32} {instructions:>10} +{bound_percent}%")?;
        }
        Ok(fs::write(file, text)?)
    }

    /// Shows what was counted beside what is stored; an error where a count is above its bound.
    pub fn compare(&self, counted: &[Counted], is_comparable: bool) -> Result<(), Box<dyn Error>> {
        let mut faults = Vec::new();
        let mut fewer = Vec::new();
        println!("{:<32} {:>10} {:>10}", "instructions", "counted", "stored");
        for Counted { name, instructions } in counted {
            let Some(stored) = self.get(name) else {
                println!("{name:<32} {instructions:>10} {:>10}", "-");
                faults.push(format!("{name}: {instructions} were counted, and nothing is stored"));
                continue;
            };
            let change = (*instructions as f64 / stored.instructions.max(1) as f64 - 1.0) * 100.0;
            println!("{name:<32} {instructions:>10} {:>10} {change:>+7.1} %", stored.instructions);
            let most = stored.most();
            if *instructions > most {
                let (before, percent) = (stored.instructions, stored.bound_percent);
                faults.push(format!(
                    "{name}: {instructions} instructions were counted, at most {most} are accepted ({before} +{percent}%)"
                ));
            } else if *instructions < stored.least() {
                fewer.push(name.as_str());
            }
        }
        let is_counted = |stored: &Stored| counted.iter().any(|counted| counted.name == stored.name);
        let gone = self.cases.iter().filter(|stored| !is_counted(stored));
        faults.extend(gone.map(|stored| format!("{}: is stored, and no case is called so", stored.name)));
        if !is_comparable {
            println!("Nothing of this is compared: {ELSEWHERE}.");
            return Ok(());
        }
        if !fewer.is_empty() {
            println!("Far fewer than stored: {}. `make renew-instructions` keeps it so.", fewer.join(", "));
        }
        if faults.is_empty() { Ok(()) } else { Err(format!("{}\n{HOW_TO_RENEW}", faults.join("\n")).into()) }
    }

    fn get(&self, name: &str) -> Option<&Stored> {
        self.cases.iter().find(|stored| stored.name == name)
    }
}

fn read_line(line: &str) -> Option<Stored> {
    let mut words = line.split_whitespace();
    let (name, instructions, bound) = (words.next()?, words.next()?, words.next()?);
    let stored = Stored {
        name: name.to_owned(),
        instructions: instructions.parse().ok()?,
        bound_percent: bound.strip_prefix('+')?.strip_suffix('%')?.parse().ok()?,
    };
    words.next().is_none().then_some(stored)
}

/// Compiler and valgrind, as they call themselves.
pub fn tools() -> String {
    let say = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    [rustc.as_str(), "valgrind"]
        .map(|program| say(program).unwrap_or_else(|| format!("{program}?")))
        .join(", ")
}
