//! The table that the demo prints.

use std::time::Duration;

/// One line of the table.
pub struct Step {
    pub attempt: u32,
    pub what: String,
    /// `hit`, `miss`, or nothing for a step that the cache has no part in.
    pub cache: &'static str,
    pub took: Duration,
    /// What the cache spared this step.
    pub saved: Duration,
    pub outcome: String,
}

/// Prints the head of the table.
pub fn print_head() {
    println!("{:<8} {:<14} {:<6} {:>8} {:>8}  outcome", "attempt", "step", "cache", "seconds", "saved");
}

/// Prints one step, as soon as it is over.
pub fn print(step: &Step) {
    let saved = if step.saved.is_zero() { String::new() } else { format!("{:.2}", step.saved.as_secs_f64()) };
    println!(
        "{:<8} {:<14} {:<6} {:>8.2} {:>8}  {}",
        step.attempt,
        step.what,
        step.cache,
        step.took.as_secs_f64(),
        saved,
        step.outcome
    );
}
