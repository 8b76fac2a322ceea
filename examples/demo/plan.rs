//! What is to be encoded: the params of an encoding, and a plan of many.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The operation that every encoding is stored under.
pub const OPERATION: &str = "encodeVideo";

/// What a rendition shall be like. All that changes the outcome stands here, for it becomes part of the params.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Profile<'a> {
    pub name: &'a str,
    pub height: u32,
    pub codec: &'a str,
    /// Constant rate factor: 0 is lossless, 51 the worst.
    pub crf: u32,
    pub preset: &'a str,
    /// How many threads encode; 0 for as many as suit the machine.
    pub threads: u32,
}

/// The params of an encoding: all that its outcome depends on, and nothing else.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Encoding<'a> {
    /// The digest of the source.
    pub source: &'a str,
    #[serde(borrow)]
    pub profile: Profile<'a>,
}

/// One encoding of a plan.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Job<'a> {
    pub operation: &'a str,
    #[serde(borrow)]
    pub params: Encoding<'a>,
}

/// Everything that is to be encoded of one source.
#[derive(Serialize, Deserialize)]
pub struct Plan<'a> {
    #[serde(borrow)]
    pub jobs: Vec<Job<'a>>,
}

/// The three renditions that a video is delivered in.
pub const DELIVERED: [Profile; 3] = [
    profile("720p", 720, 20, "slow", 0),
    profile("480p", 480, 22, "slow", 0),
    profile("240p", 240, 24, "slow", 0),
];

/// The eight renditions that a crew encodes. Each keeps one thread busy, so that they take about as long on any machine,
/// and the one that takes longest comes last.
const STREAMED: [Profile; 8] = [
    profile("240p-low", 240, 28, "medium", 1),
    profile("240p-high", 240, 20, "medium", 1),
    profile("288p-low", 288, 28, "medium", 1),
    profile("288p-high", 288, 20, "medium", 1),
    profile("360p-low", 360, 28, "medium", 1),
    profile("360p-high", 360, 20, "medium", 1),
    profile("480p-low", 480, 28, "medium", 1),
    profile("480p-high", 480, 20, "medium", 1),
];

const fn profile<'a>(name: &'a str, height: u32, crf: u32, preset: &'a str, threads: u32) -> Profile<'a> {
    Profile { name, height, codec: "libx264", crf, preset, threads }
}

impl<'a> Plan<'a> {
    /// The plan of a crew for the source with this digest.
    pub fn of(source: &'a str) -> Plan<'a> {
        let job = |profile| Job { operation: OPERATION, params: Encoding { source, profile } };
        Plan { jobs: STREAMED.into_iter().map(job).collect() }
    }

    /// Where the plan lies for all who work on it.
    pub fn path_in(folder: &Path) -> PathBuf {
        folder.join("plan.json")
    }
}

impl<'a> Job<'a> {
    /// What people call it.
    pub fn name(&self) -> &'a str {
        self.params.profile.name
    }
}
