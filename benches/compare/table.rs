//! What is shown: a table for each size of params and depth of pipeline, and the bars.

use crate::measure::{Sample, Series, Spread};
use crate::workloads::Way;

/// A ratio that a release has to reach.
struct Bar {
    what: &'static str,
    against: Way,
    least: f64,
}

/// The bars, for params of 150 bytes at pipeline 16.
const BARS: [Bar; 2] = [
    Bar { what: "of plain GET", against: Way::PlainGet, least: 0.45 },
    Bar { what: "of the Lua function", against: Way::LuaGet, least: 6.0 },
];

/// The ways that the bars apply to: params that come again as they are spelled, and params that do not.
const BOUND: [Way; 2] = [Way::CACHE_GET, Way::CACHE_GET_MEMO_OFF];

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
        "  {:<38} {:>24} {:>10}   {:<21} {:<21}",
        "", "ops/s", "CPU us/op", "by ops, of GET/SETEX", "by CPU, of GET/SETEX"
    );
    for one in series {
        let rate = one.spread(Sample::rate);
        let cpu_us = one.spread(|sample| 1e6 / sample.rate_by_cpu());
        let baseline = find(series, one.way.baseline());
        println!(
            "  {:<38} {:>24} {:>10.2}   {:<21} {:<21}",
            one.way.name(),
            format!("{:.0} ({:.0}..{:.0})", rate.median, rate.min, rate.max),
            cpu_us.median,
            ratio(one.ratio(baseline, Sample::rate)),
            ratio(one.ratio(baseline, Sample::rate_by_cpu)),
        );
    }
    let Some(lua) = series.iter().find(|one| one.way == Way::LuaGet) else { return };
    for cache in BOUND.map(|way| find(series, way)) {
        println!(
            "  {}, of the Lua function: by ops {}, by CPU {}",
            cache.way.name(),
            ratio(cache.ratio(lua, Sample::rate)),
            ratio(cache.ratio(lua, Sample::rate_by_cpu))
        );
    }
}

/// The bars beside what was measured.
pub fn print_bars(series: &[Series]) {
    println!("\nbars: CACHE.RESULT GET of a hit, params of 150 bytes, pipeline 16");
    for (one, bar) in BOUND.into_iter().flat_map(|way| BARS.iter().map(move |bar| (find(series, way), bar))) {
        let other = find(series, bar.against);
        println!(
            "  {:<28} at least {:.2} {:<20} by ops {:<33} by CPU {}",
            one.way.name(),
            bar.least,
            bar.what,
            verdict(one.ratio(other, Sample::rate), bar.least),
            verdict(one.ratio(other, Sample::rate_by_cpu), bar.least)
        );
    }
}

/// A ratio, and whether it is high enough.
fn verdict(spread: Spread, least: f64) -> String {
    let reached = if spread.median >= least { "reached" } else { "NOT REACHED" };
    format!("{} {reached}", ratio(spread))
}

/// The series of one way that was measured.
fn find(series: &[Series], way: Way) -> &Series {
    series.iter().find(|one| one.way == way).expect("it is measured")
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
