//! What is shown: a table for each size of params and depth of pipeline, and the bars.

use crate::jobs::Job;
use crate::measure::{Sample, Series, Spread};
use crate::workloads::Way;

/// A ratio of operations that a release has to reach.
struct Bar {
    way: Way,
    least: f64,
    of: Way,
}

/// The bars, for params of 150 bytes at pipeline 16.
const BARS: [Bar; 5] = [
    Bar { way: Way::CACHE_GET, least: 0.45, of: Way::PlainGet },
    Bar { way: Way::CACHE_GET, least: 6.0, of: Way::LuaGet },
    Bar { way: Way::CACHE_GET_MEMO_OFF, least: 0.45, of: Way::PlainGet },
    Bar { way: Way::CACHE_GET_MEMO_OFF, least: 6.0, of: Way::LuaGet },
    // At most 1.1 times its cost.
    Bar { way: Way::CACHE_FETCH, least: 1.0 / 1.1, of: Way::CACHE_GET },
];

/// The ways that each table compares with another than its baseline, and that other.
const COMPARED: [(Way, Way); 4] = [
    (Way::CACHE_GET, Way::LuaGet),
    (Way::CACHE_GET_MEMO_OFF, Way::LuaGet),
    (Way::CACHE_FETCH, Way::CACHE_GET),
    (Way::CACHE_FETCH_MEMO_OFF, Way::CACHE_GET_MEMO_OFF),
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
pub fn print(jobs: &[Job], pipeline: usize, series: &[Series]) {
    let params_bytes = jobs.first().map_or(0, |job| job.params.len());
    println!("\nparams of {params_bytes} bytes, {} jobs, pipeline {pipeline}", jobs.len());
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
            ratio(one.ratio(baseline, Sample::rate)),
            ratio(one.ratio(baseline, Sample::rate_by_cpu)),
        );
    }
    for (way, of) in COMPARED {
        let Some((one, other)) = find(series, way).zip(find(series, of)) else { continue };
        println!(
            "  {}, of {}: by ops {}, by CPU {}",
            way.name(),
            of.name(),
            ratio(one.ratio(other, Sample::rate)),
            ratio(one.ratio(other, Sample::rate_by_cpu))
        );
    }
}

/// The bars beside what was measured, each by the first of the tables that has both ways.
pub fn print_bars(tables: &[Vec<Series>]) {
    println!("\nbars: hits, params of 150 bytes, pipeline 16");
    for bar in BARS {
        let both = tables.iter().find_map(|series| find(series, bar.way).zip(find(series, bar.of)));
        let Some((one, other)) = both else { continue };
        println!(
            "  {:<28} at least {:.2} of {:<18} by ops {:<33} by CPU {}",
            bar.way.name(),
            bar.least,
            bar.of.name(),
            at_least(bar.least, one.ratio(other, Sample::rate)),
            at_least(bar.least, one.ratio(other, Sample::rate_by_cpu))
        );
    }
}

/// A ratio, and whether it is high enough.
fn at_least(bar: f64, spread: Spread) -> String {
    verdict(ratio(spread), spread.median >= bar)
}

/// A figure, and whether it is what a release has to reach.
pub fn verdict(figure: String, reached: bool) -> String {
    format!("{figure} {}", if reached { "reached" } else { "NOT REACHED" })
}

/// The series of one way, if it was measured.
fn find(series: &[Series], way: Way) -> Option<&Series> {
    series.iter().find(|one| one.way == way)
}

/// A figure with its spread.
pub fn figure(spread: Spread) -> String {
    format!("{:.2} ({:.2}..{:.2})", spread.median, spread.min, spread.max)
}

/// A ratio with its spread.
pub fn ratio(spread: Spread) -> String {
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
