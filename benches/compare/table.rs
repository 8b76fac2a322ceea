//! What is shown while hits are measured: all figures of one scene at one depth.

use crate::measure::{Sample, Series};
use crate::spread;
use crate::workloads::Way;

/// Says how to read what follows.
pub fn print_legend(rounds: usize, placement: &str) {
    println!(
        "Medians of {rounds} rounds (min..max), every workload once a round; ratios are taken within a round."
    );
    println!(
        "By ops: operations a second. By CPU: operations for the same time of the server's processor, the figure to"
    );
    println!("go by where this client is the slower side. More is better in both.");
    println!("Placement: {placement}.");
}

/// All ways of asking for the same jobs.
pub fn print(scene: &str, pipeline: usize, series: &[Series]) {
    println!("\n{scene}, pipeline {pipeline}");
    println!(
        "  {:<38} {:>24} {:>10}   {:<21} {:<21}",
        "", "ops/s", "CPU us/op", "by ops, of GET/SETEX", "by CPU, of GET/SETEX"
    );
    for one in series {
        let rate = one.spread(Sample::rate);
        let cpu_us = one.spread(|sample| 1e6 / sample.rate_by_cpu());
        let Some(baseline) = find(series, one.way.baseline()) else { continue };
        println!(
            "  {:<38} {:>24} {:>10.2}   {:<21} {:<21}",
            one.way.name(),
            format!("{:.0} ({:.0}..{:.0})", rate.median, rate.min, rate.max),
            cpu_us.median,
            spread::ratio(one.ratio(baseline, Sample::rate)),
            spread::ratio(one.ratio(baseline, Sample::rate_by_cpu)),
        );
    }
}

/// The series of one way, if it was measured.
fn find(series: &[Series], way: Way) -> Option<&Series> {
    series.iter().find(|one| one.way == way)
}

/// How long params are, as tables say it.
pub fn length(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024) }
}
