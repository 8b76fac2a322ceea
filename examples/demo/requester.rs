//! A requester: a process that wants results and cannot make them. It follows them all with one command at a time.

use std::error::Error;
use std::time::Duration;

use crate::cache::Cache;
use crate::cache::news::{Followed, News};
use crate::media::Rendition;
use crate::plan::{Job, Plan};
use crate::report::{Event, Heard, Progress, tell};

/// How long it waits for any news at all. A worker shows its progress far more often.
const PATIENCE: Duration = Duration::from_secs(30);

/// Follows the plan until it has each result.
pub fn run(name: &str, mut cache: Cache, plan: &Plan) -> Result<(), Box<dyn Error>> {
    let follow = |job: &Job| Followed::new(job.operation, &job.params);
    let mut followed: Vec<Followed> = plan.jobs.iter().map(follow).collect::<Result<_, _>>()?;
    let mut digests: Vec<Option<String>> = vec![None; plan.jobs.len()];
    let (mut commands, mut news) = (0, 0);
    while digests.iter().any(Option::is_none) {
        let heard = cache.news(&mut followed, PATIENCE)?;
        commands += 1;
        if heard.is_empty() {
            return Err(format!("there was no news within {PATIENCE:?}").into());
        }
        news += heard.len();
        for (index, what) in heard {
            let job = plan.jobs[index].name();
            digests[index] = hear(name, job, what)?;
        }
    }
    tell(name, Event::Served { digests: digests.into_iter().flatten().collect(), commands, news })?;
    Ok(())
}

/// Passes the news on; the rendition's digest where there is one now.
fn hear(name: &str, job: &str, news: News<Rendition, Progress>) -> Result<Option<String>, Box<dyn Error>> {
    let (news, digest) = match news {
        News::Progress(progress) => (Heard::Progress(progress), None),
        News::Gone => (Heard::Gone, None),
        News::Ready(rendition) => (Heard::Ready { bytes: rendition.bytes }, Some(rendition.digest)),
        News::Failed(message) => return Err(format!("{job} failed: {message}").into()),
    };
    tell(name, Event::Hears { job: job.into(), news })?;
    Ok(digest)
}
