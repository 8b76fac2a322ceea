//! What a release has to reach with hits.

use crate::hits::{Findings, SMALL, Scene};
use crate::measure::Sample;
use crate::report::{Bar, Report};
use crate::workloads::Way;

/// A ratio that has to be reached, by the clock and by the processor.
struct Asked {
    what: &'static str,
    scene: Scene,
    pipeline: usize,
    way: Way,
    least: f64,
    of: Way,
}

const GET: Way = Way::PlainGet;
const MEMO: Way = Way::CACHE_GET;
const NO_MEMO: Way = Way::CACHE_GET_MEMO_OFF;

/// The bars. Where none says otherwise, params are of 150 bytes and their members in no order.
const ASKED: [Asked; 18] = [
    asked("hot key", Scene::Hot, 16, MEMO, 0.75, GET),
    asked("hot key, memo off", Scene::Hot, 16, NO_MEMO, 0.55, GET),
    asked("hot key, one at a time", Scene::Hot, 1, MEMO, 0.97, GET),
    asked("200,000 random keys", Scene::Many, 16, MEMO, 0.90, GET),
    asked("params of 150 B", Scene::Sized(SMALL), 16, MEMO, 8.0, Way::LuaGet),
    asked("params of 600 B", Scene::Sized(600), 16, MEMO, 16.0, Way::LuaGet),
    asked("params of 8 KiB", Scene::Sized(8 * 1024), 16, MEMO, 20.0, Way::LuaGet),
    asked("params of 256 KiB", Scene::Sized(256 * 1024), 16, MEMO, 40.0, Way::LuaGet),
    asked("params of 150 B, memo off", Scene::Sized(SMALL), 16, NO_MEMO, 8.0, Way::LuaGet),
    asked("params of 600 B, memo off", Scene::Sized(600), 16, NO_MEMO, 16.0, Way::LuaGet),
    asked("params of 8 KiB, memo off", Scene::Sized(8 * 1024), 16, NO_MEMO, 20.0, Way::LuaGet),
    asked("params of 256 KiB, memo off", Scene::Sized(256 * 1024), 16, NO_MEMO, 40.0, Way::LuaGet),
    asked("params of 8 KiB, received", Scene::Sized(8 * 1024), 16, MEMO, 0.8, Way::Receive),
    asked("params of 256 KiB, received", Scene::Sized(256 * 1024), 16, MEMO, 0.9, Way::Receive),
    asked("FETCH of a hit", Scene::Fetched, 16, Way::CACHE_FETCH, FETCH, MEMO),
    asked("FETCH of a hit, memo off", Scene::Fetched, 16, Way::CACHE_FETCH_MEMO_OFF, FETCH, NO_MEMO),
    asked("FETCH of a hit, one at a time", Scene::Fetched, 1, Way::CACHE_FETCH, FETCH, MEMO),
    asked(
        "FETCH of a hit, one at a time, memo off",
        Scene::Fetched,
        1,
        Way::CACHE_FETCH_MEMO_OFF,
        FETCH,
        NO_MEMO,
    ),
];

/// At most 1.1 times its cost.
const FETCH: f64 = 1.0 / 1.1;

const fn asked(what: &'static str, scene: Scene, pipeline: usize, way: Way, least: f64, of: Way) -> Asked {
    Asked { what, scene, pipeline, way, least, of }
}

/// Reports each beside what was measured.
pub fn report(findings: &Findings, report: &mut Report) {
    println!();
    for Asked { what, scene, pipeline, way, least, of } in ASKED {
        let ratio = |figure| findings.ratio(scene, pipeline, [way, of], figure);
        let Some((ops, cpu)) = ratio(Sample::rate).zip(ratio(Sample::rate_by_cpu)) else { continue };
        report.bar(
            Bar::new(what, format!("at least {least:.2} of {}", of.name()))
                .at_least(least, ops, "by ops")
                .at_least(least, cpu, "by CPU"),
        );
    }
}
