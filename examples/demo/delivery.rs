//! The first act: a video is encoded, its upload fails, and the second attempt finds every rendition again.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::Stage;
use crate::cache::{Cache, Facts, Found};
use crate::media::Rendition;
use crate::plan::{DELIVERED, Encoding, OPERATION, Profile};
use crate::steps::{self, Step};
use crate::upload::Destination;

/// Two attempts at the same delivery, with a destination that is down during the first.
pub fn run(stage: &Stage) -> Result<(), Box<dyn Error>> {
    let mut cache = stage.cache()?;
    let mut delivery = Delivery { stage, destination: Destination::that_is_down()?, steps: Vec::new() };
    println!("An upload fails, and is attempted again:\n");
    steps::print_head();
    if delivery.attempt(1, &mut cache).is_ok() {
        return Err("the first upload should have failed: its destination was down".into());
    }
    delivery.destination.come_up()?;
    delivery.attempt(2, &mut cache)?;
    summarise(&delivery.steps)
}

/// One video on its way to one destination.
struct Delivery<'a> {
    stage: &'a Stage,
    destination: Destination,
    steps: Vec<Step>,
}

impl Delivery<'_> {
    /// Encodes every rendition, then uploads them. Knows nothing of earlier attempts: the cache does.
    fn attempt(&mut self, attempt: u32, cache: &mut Cache) -> Result<(), Box<dyn Error>> {
        let mut renditions = Vec::new();
        for profile in &DELIVERED {
            renditions.push(self.encode(attempt, profile, cache)?);
        }
        let started = Instant::now();
        let uploaded = renditions.iter().try_for_each(|rendition| self.destination.upload(rendition));
        self.record(Step {
            attempt,
            what: "upload".into(),
            cache: "",
            took: started.elapsed(),
            saved: Duration::ZERO,
            outcome: match &uploaded {
                Ok(()) => format!("{} files arrived", renditions.len()),
                Err(e) => format!("FAILED: {e}"),
            },
        });
        Ok(uploaded?)
    }

    /// The rendition by this profile: found, or encoded and then remembered.
    fn encode(
        &mut self,
        attempt: u32,
        profile: &Profile,
        cache: &mut Cache,
    ) -> Result<Rendition, Box<dyn Error>> {
        let started = Instant::now();
        let (source, folder) = (&self.stage.source, self.stage.folder.path());
        let params = Encoding { source: &source.digest, profile: *profile };
        let outcome = cache.result_of(OPERATION, &params, Rendition::is_intact, || {
            let path = folder.join(format!("{}.mp4", profile.name));
            let rendition = Rendition::encode(source, profile, &path)?;
            let facts = Facts { weight: rendition.bytes, tag: format!("source:{}", source.digest) };
            Ok((rendition, facts))
        })?;
        let (found, saved) = match outcome.found {
            Found::Hit { saved } => ("hit", saved),
            Found::Miss => ("miss", Duration::ZERO),
        };
        self.record(Step {
            attempt,
            what: format!("encode {}", profile.name),
            cache: found,
            took: started.elapsed(),
            saved,
            outcome: format!("{} bytes, plays {:.1} s", outcome.result.bytes, outcome.result.duration_s),
        });
        Ok(outcome.result)
    }

    fn record(&mut self, step: Step) {
        steps::print(&step);
        self.steps.push(step);
    }
}

/// Says what the cache saved; an error if the second attempt encoded anything.
fn summarise(steps: &[Step]) -> Result<(), Box<dyn Error>> {
    let hits = steps.iter().filter(|step| step.cache == "hit").count();
    let saved: Duration = steps.iter().map(|step| step.saved).sum();
    println!("\n{hits} hits saved {:.2} seconds of encoding.", saved.as_secs_f64());
    match steps.iter().filter(|step| step.attempt == 2 && step.cache == "miss").count() {
        0 => Ok(()),
        encoded => {
            Err(format!("the second attempt encoded {encoded} renditions, and should have found them").into())
        }
    }
}
