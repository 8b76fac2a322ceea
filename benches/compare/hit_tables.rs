//! Hits, as the page shows them: one table for each question.

use crate::hits::{Findings, MANY, PIPELINES, SIZES, Scene};
use crate::measure::{Sample, Series};
use crate::report::{Report, Table};
use crate::spread;
use crate::table::length;
use crate::workloads::{Setting, Way};

/// How params are found in these tables, and the way that it is.
const SPELLINGS: [(&str, Way); 3] = [
    ("memo", Way::CACHE_GET),
    ("memo off", Way::CACHE_GET_MEMO_OFF),
    ("memo off, sorted", Way::CACHE_GET_SORTED),
];

/// Where a table names no other depth.
const PIPELINE: usize = 16;

/// One line of a table that sets two ways against each other.
struct Pair {
    /// What the first columns say.
    what: Vec<String>,
    scene: Scene,
    pipeline: usize,
    way: Way,
    of: Way,
}

/// Reports all of them.
pub fn report(findings: &Findings, report: &mut Report) {
    report.table(&costs(findings));
    report.table(&of_get("hits-by-ops", findings, Sample::rate));
    report.table(&of_get("hits-by-cpu", findings, Sample::rate_by_cpu));
    report.table(&of_lua(findings));
    report.table(&receiving(findings));
    report.table(&hot(findings));
    report.table(&many(findings));
    report.table(&misses(findings));
    report.table(&writes(findings));
    report.table(&fetch(findings));
    report.table(&rules(findings));
}

/// What does one operation take of the server's processor?
fn costs(findings: &Findings) -> Table {
    let ways = [
        ("GET", Way::PlainGet),
        ("CACHE.RESULT GET", Way::CACHE_GET),
        ("memo off", Way::CACHE_GET_MEMO_OFF),
        ("memo off, sorted", Way::CACHE_GET_SORTED),
        ("Lua function", Way::LuaGet),
        ("EXISTS as long", Way::Receive),
        ("SETEX", Way::PlainSet),
        ("CACHE.RESULT SET", Way::CacheSet),
    ];
    let head: Vec<&str> = ["params"].into_iter().chain(ways.map(|(name, _)| name)).collect();
    let mut table = Table::new("hits", &head);
    for bytes in SIZES {
        let cell = |(_, way)| cpu_us(findings.series(Scene::Sized(bytes), PIPELINE, way));
        table.row([length(bytes)].into_iter().chain(ways.map(cell)).collect());
    }
    table
}

/// How near does a hit come to a plain GET, at each depth?
fn of_get(name: &'static str, findings: &Findings, figure: fn(&Sample) -> f64) -> Table {
    let heads = PIPELINES.map(|pipeline| format!("pipeline {pipeline}"));
    let head: Vec<&str> = ["params", ""].into_iter().chain(heads.iter().map(String::as_str)).collect();
    let mut table = Table::new(name, &head);
    for bytes in SIZES {
        for (spelling, way) in SPELLINGS {
            let cell = |pipeline| {
                let ratio = findings.ratio(Scene::Sized(bytes), pipeline, [way, Way::PlainGet], figure);
                ratio.map_or_else(String::new, spread::ratio)
            };
            table.row([length(bytes), spelling.to_owned()].into_iter().chain(PIPELINES.map(cell)).collect());
        }
    }
    table
}

/// How many times as fast is it as the least that does the same?
fn of_lua(findings: &Findings) -> Table {
    let pairs = SIZES.into_iter().flat_map(|bytes| {
        SPELLINGS.map(|(spelling, way)| Pair {
            what: vec![length(bytes), spelling.to_owned()],
            scene: Scene::Sized(bytes),
            pipeline: PIPELINE,
            way,
            of: Way::LuaGet,
        })
    });
    against("hits-lua", ["params", ""], ["Lua function", "CACHE.RESULT GET"], findings, pairs)
}

/// How much of a hit is receiving its params?
fn receiving(findings: &Findings) -> Table {
    let pairs = SIZES.map(|bytes| Pair {
        what: vec![length(bytes)],
        scene: Scene::Sized(bytes),
        pipeline: PIPELINE,
        way: Way::CACHE_GET,
        of: Way::Receive,
    });
    against("receiving", ["params"], ["EXISTS", "CACHE.RESULT GET"], findings, pairs)
}

/// What if all ask for the same?
fn hot(findings: &Findings) -> Table {
    let pairs = by_depth(Scene::Hot, &SPELLINGS, |_| Way::PlainGet);
    against("hot", ["pipeline", ""], ["GET", "CACHE.RESULT GET"], findings, pairs)
}

/// And if hardly two ask for the same? As the module comes, it finds no spelling in its memo.
fn many(findings: &Findings) -> Table {
    println!("\n{MANY} jobs in random order, as the module comes and without its memo:");
    let ways = [("as it comes", Way::CACHE_GET), ("memo off", Way::CACHE_GET_MEMO_OFF)];
    let pairs = by_depth(Scene::Many, &ways, |_| Way::PlainGet);
    against("many", ["pipeline", ""], ["GET", "CACHE.RESULT GET"], findings, pairs)
}

/// What does it take to learn that nothing is there?
fn misses(findings: &Findings) -> Table {
    let ways = [("memo", Way::CacheMiss(Setting::DEFAULT)), ("memo off", Way::CacheMiss(Setting::MEMO_OFF))];
    let pairs = by_depth(Scene::Missing, &ways, |_| Way::PlainMiss);
    against("misses", ["pipeline", ""], ["GET", "CACHE.RESULT GET"], findings, pairs)
}

/// What does storing cost?
fn writes(findings: &Findings) -> Table {
    let pairs = SIZES.into_iter().flat_map(|bytes| {
        PIPELINES.map(|pipeline| Pair {
            what: vec![length(bytes), pipeline.to_string()],
            scene: Scene::Sized(bytes),
            pipeline,
            way: Way::CacheSet,
            of: Way::PlainSet,
        })
    });
    against("writes", ["params", "pipeline"], ["SETEX", "CACHE.RESULT SET"], findings, pairs)
}

/// What does FETCH cost more than GET?
fn fetch(findings: &Findings) -> Table {
    let ways = [("memo", Way::CACHE_FETCH), ("memo off", Way::CACHE_FETCH_MEMO_OFF)];
    let pairs = by_depth(Scene::Fetched, &ways, |way| Way::CacheGet(way.setting()));
    against("fetch", ["pipeline", ""], ["CACHE.RESULT GET", "CACHE.RESULT FETCH"], findings, pairs)
}

/// Does it matter how many rules there are?
fn rules(findings: &Findings) -> Table {
    let mut table = Table::new("rules", &["", "no rule", "1 rule", "1,000 rules"]);
    for (name, memo) in [("memo", true), ("memo off", false)] {
        let cell =
            |rules| cpu_us(findings.series(Scene::Ruled, PIPELINE, Way::CacheGet(Setting { memo, rules })));
        table.row([name.to_owned()].into_iter().chain([0, 1, 1000].map(cell)).collect());
    }
    table
}

/// A line for each depth and each of some ways.
fn by_depth(scene: Scene, ways: &[(&str, Way)], of: fn(Way) -> Way) -> Vec<Pair> {
    let pair = |pipeline: usize, (name, way): (&str, Way)| Pair {
        what: vec![pipeline.to_string(), name.to_owned()],
        scene,
        pipeline,
        way,
        of: of(way),
    };
    PIPELINES.into_iter().flat_map(|pipeline| ways.iter().map(move |way| pair(pipeline, *way))).collect()
}

/// A table of two ways beside each other: what either takes, and the second as a ratio to the first.
fn against<const N: usize>(
    name: &'static str,
    first: [&str; N],
    [of, way]: [&str; 2],
    findings: &Findings,
    pairs: impl IntoIterator<Item = Pair>,
) -> Table {
    let ways = [format!("{of}, µs"), format!("{way}, µs")];
    let head: Vec<&str> =
        first.into_iter().chain(ways.iter().map(String::as_str)).chain(["by ops", "by CPU"]).collect();
    let mut table = Table::new(name, &head);
    for Pair { mut what, scene, pipeline, way, of } in pairs {
        let ratio = |figure| findings.ratio(scene, pipeline, [way, of], figure).map(spread::ratio);
        let Some((ops, cpu)) = ratio(Sample::rate).zip(ratio(Sample::rate_by_cpu)) else { continue };
        let [of, way] = [of, way].map(|way| cpu_us(findings.series(scene, pipeline, way)));
        what.extend([of, way, ops, cpu]);
        table.row(what);
    }
    table
}

/// Microseconds of the server's processor for each operation.
fn cpu_us(series: Option<&Series>) -> String {
    series.map_or_else(String::new, |series| {
        match series.spread(|sample| 1e6 / sample.rate_by_cpu()).median {
            large if large >= 100.0 => format!("{large:.0}"),
            middle if middle >= 10.0 => format!("{middle:.1}"),
            small => format!("{small:.2}"),
        }
    })
}
