//! What is shown: a table for each size of params and depth of pipeline, and the bars.

use crate::measure::{Sample, Series, Spread};
use crate::workloads::Way;

/// A ratio that a release has to reach.
struct Bar {
    what: &'static str,
    way: Way,
    against: Way,
    least: f64,
}

/// The bars, for params of 150 bytes at pipeline 16.
const BARS: [Bar; 2] = [
    Bar { what: "of plain GET", way: Way::CacheGet, against: Way::PlainGet, least: 0.45 },
    Bar { what: "of the Lua function", way: Way::CacheGet, against: Way::LuaGet, least: 6.0 },
];

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

/// One table: all ways of asking for the same jobs.
pub fn print(params_bytes: usize, jobs: usize, pipeline: usize, series: &[Series]) {
    println!("\nparams of {params_bytes} bytes, {jobs} jobs, pipeline {pipeline}");
    println!(
        "  {:<17} {:>24} {:>10}   {:<21} {:<21}",
        "", "ops/s", "CPU us/op", "by ops, of GET/SETEX", "by CPU, of GET/SETEX"
    );
    for one in series {
        let rate = one.spread(Sample::rate);
        let cpu_us = one.spread(|sample| 1e6 / sample.rate_by_cpu());
        let baseline = find(series, one.way.baseline());
        println!(
            "  {:<17} {:>24} {:>10.2}   {:<21} {:<21}",
            one.way.name(),
            format!("{:.0} ({:.0}..{:.0})", rate.median, rate.min, rate.max),
            cpu_us.median,
            ratio(one.ratio(baseline, Sample::rate)),
            ratio(one.ratio(baseline, Sample::rate_by_cpu)),
        );
    }
    let (cache, lua) = (find(series, Way::CacheGet), find(series, Way::LuaGet));
    println!(
        "  CACHE.RESULT GET, of the Lua function: by ops {}, by CPU {}",
        ratio(cache.ratio(lua, Sample::rate)),
        ratio(cache.ratio(lua, Sample::rate_by_cpu))
    );
}

/// The bars beside what was measured.
pub fn print_bars(series: &[Series]) {
    println!("\nbars: CACHE.RESULT GET of a hit, params of 150 bytes, pipeline 16");
    for bar in &BARS {
        let (one, other) = (find(series, bar.way), find(series, bar.against));
        let by_ops = one.ratio(other, Sample::rate);
        let by_cpu = one.ratio(other, Sample::rate_by_cpu);
        let verdict = if by_ops.median.min(by_cpu.median) >= bar.least { "reached" } else { "NOT REACHED" };
        println!(
            "  at least {:.2} {:<20} by ops {:<21} by CPU {:<21} {verdict}",
            bar.least,
            bar.what,
            ratio(by_ops),
            ratio(by_cpu)
        );
    }
}

/// The series of one way; every table has all of them.
fn find(series: &[Series], way: Way) -> &Series {
    series.iter().find(|one| one.way == way).expect("all ways are measured")
}

/// A ratio with its spread.
fn ratio(spread: Spread) -> String {
    format!("{} ({}..{})", short(spread.median), short(spread.min), short(spread.max))
}

/// A number to a length that suits its size, a small one as its inverse.
fn short(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        small if small < 0.1 => format!("1/{:.0}", small.recip()),
        _ => format!("{value:.2}"),
    }
}
