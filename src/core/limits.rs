//! Limits on what a command may bring.
//!
//! The configured limits bind client commands only. What was stored once must load again, however much
//! the limits were lowered meanwhile, so loading and applying check the compiled-in [`maxima`].

use super::instant::Instant;
use super::refusal::{Code, Refusal, quoted};

/// What the contract promises of every number: it survives a JSON reader that knows only doubles.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Bounds that no configuration can exceed.
pub mod maxima {
    /// Bytes of one JSON params argument.
    pub const PARAMS_BYTES: usize = 64 << 20;
    /// Bytes of one result; also core's own bound on a string.
    pub const RESULT_BYTES: usize = 512 << 20;
    /// Bytes of a result that is stored compressed: to open a larger one would hold the server for over a millisecond.
    pub const COMPRESSED_BYTES: usize = 1 << 20;
    /// Bytes of a dictionary.
    pub const DICTIONARY_BYTES: usize = 64 << 10;
    /// Dictionaries of one operation, and of a namespace.
    pub const OPERATION_DICTIONARIES: usize = 4;
    pub const NAMESPACE_DICTIONARIES: usize = 256;
    /// Tags of one entry.
    pub const TAGS: usize = 1024;
    /// Bytes of one tag.
    pub const TAG_BYTES: usize = 4096;
    /// Bytes of the progress of a lease, and of the message of a failure.
    pub const PROGRESS_BYTES: usize = 1 << 20;
    /// Bytes of the name that a lease's holder gives itself.
    pub const HOLDER_BYTES: usize = 256;
    /// Clients that wait for one entry.
    pub const WAITERS: usize = 1_000_000;
    /// Bytes of a plan.
    pub const PLAN_BYTES: usize = 64 << 20;
    /// Dependencies of all jobs of a plan.
    pub const PLAN_DEPENDENCIES: usize = 1_000_000;
    /// Jobs of a plan.
    pub const PLAN_JOBS: usize = 1_000_000;
    /// Operations of namespaces with statistics of their own.
    pub const STATS_ROWS: usize = 1_000_000;
    /// Leases of a process.
    pub const LEASES: usize = 100_000_000;
    /// Entries that one NEXT follows.
    pub const FOLLOWED: usize = 1000;
    /// Seconds of a TTL or of a grace: 100 years.
    pub const TTL_SECONDS: u64 = 3_153_600_000;
    /// Epochs of tags and operations that a namespace keeps.
    pub const EPOCHS: usize = 65_536;
    /// Epochs of patterns of operations that a namespace keeps: each lookup of an entry that is older looks at them.
    pub const PATTERNS: usize = 64;
    /// Single invalidations that a namespace remembers by name.
    pub const RECENT_INVALIDATIONS: usize = 128;
}

/// The limits in force for client commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub params_max_bytes: usize,
    pub result_max_bytes: usize,
    pub tags_max: usize,
    pub tag_max_bytes: usize,
    pub progress_max_bytes: usize,
    /// Clients that wait for one entry.
    pub waiters_max: usize,
    /// Entries that are leased, or remembered to have been.
    pub leases_max: usize,
    /// Jobs of a plan.
    pub plan_max_jobs: usize,
    /// Bytes that a plan's reply brings: results, messages, progress, tags in tokens.
    pub plan_reply_max_bytes: usize,
    /// Operations of namespaces with statistics of their own.
    pub stats_rows_max: usize,
    /// Bounds the TTL and the grace, each.
    pub ttl_max_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            params_max_bytes: 1 << 20,
            result_max_bytes: 64 << 20,
            tags_max: 64,
            tag_max_bytes: 256,
            progress_max_bytes: 64 << 10,
            waiters_max: 10_000,
            leases_max: 1_000_000,
            plan_max_jobs: 10_000,
            plan_reply_max_bytes: 64 << 20,
            stats_rows_max: 10_000,
            ttl_max_ms: 315_360_000_000,
        }
    }
}

impl Limits {
    /// Whether params of this many bytes may be parsed.
    pub fn check_params(&self, params: &[u8]) -> Result<(), Refusal> {
        self.check_params_bytes(params.len())
    }

    /// The same, by their length.
    pub fn check_params_bytes(&self, bytes: usize) -> Result<(), Refusal> {
        check_bytes("params", bytes, self.params_max_bytes, "cache.params-max-bytes")
    }

    /// Whether a result of this many bytes may be stored.
    pub fn check_result(&self, result: &[u8]) -> Result<(), Refusal> {
        check_bytes("result", result.len(), self.result_max_bytes, "cache.result-max-bytes")
    }

    /// Whether a lease may bear this progress, or a failure this message; `what` is which.
    pub fn check_progress(&self, what: &str, text: &[u8]) -> Result<(), Refusal> {
        check_bytes(what, text.len(), self.progress_max_bytes, "cache.progress-max-bytes")
    }

    /// Whether a plan of this many bytes is read.
    pub fn check_plan(&self, text: &[u8]) -> Result<(), Refusal> {
        if text.len() <= maxima::PLAN_BYTES {
            return Ok(());
        }
        let (bytes, max) = (text.len(), maxima::PLAN_BYTES);
        Err(Refusal::new(Code::TooBig, format!("the plan has {bytes} bytes: at most {max} are accepted")))
    }

    /// Whether a plan may have so many jobs.
    pub fn check_jobs(&self, jobs: usize) -> Result<(), Refusal> {
        let max = self.plan_max_jobs;
        if jobs <= max {
            return Ok(());
        }
        let message = format!("the plan has {jobs} jobs: at most {max} are accepted (cache.plan-max-jobs)");
        Err(Refusal::new(Code::TooBig, message))
    }

    /// Whether a plan's reply may bring so many bytes.
    pub fn check_plan_reply(&self, bytes: usize) -> Result<(), Refusal> {
        check_bytes("the plan's reply", bytes, self.plan_reply_max_bytes, "cache.plan-reply-max-bytes")
    }

    /// Whether an entry may bear these tags.
    pub fn check_tags(&self, tags: &[&[u8]]) -> Result<(), Refusal> {
        if tags.len() > self.tags_max {
            let (given, max) = (tags.len(), self.tags_max);
            return Err(Refusal::new(
                Code::TooBig,
                format!("{given} tags are too many: at most {max} are accepted (cache.tags-max)"),
            ));
        }
        self.check_each_tag(tags)
    }

    /// The same for tags of which some may be there more than once.
    pub fn check_tags_once(&self, tags: &[Vec<u8>]) -> Result<(), Refusal> {
        let mut once: Vec<&[u8]> = tags.iter().map(Vec::as_slice).collect();
        once.sort_unstable();
        once.dedup();
        self.check_tags(&once)
    }

    /// Whether each of these may be a tag.
    pub fn check_each_tag(&self, tags: &[&[u8]]) -> Result<(), Refusal> {
        for tag in tags {
            if tag.is_empty() {
                return Err(Refusal::syntax("a tag '' is empty: tags of at least one byte are accepted"));
            }
            let what = format!("tag {}", quoted(tag));
            check_bytes(&what, tag.len(), self.tag_max_bytes, "cache.tag-max-bytes")?;
        }
        Ok(())
    }

    /// Whether a TTL or a grace may be this long; `option` is the words that asked for it.
    pub fn check_duration(&self, option: &str, duration_ms: u64) -> Result<(), Refusal> {
        if duration_ms <= self.ttl_max_ms {
            return Ok(());
        }
        let seconds = self.ttl_max_ms / 1000;
        Err(Refusal::syntax(format!(
            "{option} is too long: at most {seconds} seconds are accepted (cache.ttl-max-seconds)"
        )))
    }

    /// How long until `instant`, in milliseconds, where that is no longer than a TTL may be.
    pub fn check_instant(&self, instant: Instant, now: Instant) -> Result<u64, Refusal> {
        let ttl_ms = instant.since(now);
        if ttl_ms <= self.ttl_max_ms {
            return Ok(ttl_ms);
        }
        let seconds = self.ttl_max_ms / 1000;
        Err(Refusal::syntax(format!(
            "the instant {} (Unix milliseconds) is too far ahead: at most {seconds} seconds from now are accepted \
             (cache.ttl-max-seconds)",
            instant.unix_ms()
        )))
    }
}

fn check_bytes(what: &str, bytes: usize, max: usize, config: &str) -> Result<(), Refusal> {
    if bytes <= max {
        return Ok(());
    }
    Err(Refusal::new(
        Code::TooBig,
        format!("{what} has {bytes} bytes: at most {max} are accepted ({config})"),
    ))
}
