//! Plans: many jobs in one JSON text, and which of them depends on which.

mod graph;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits::Limits;
use super::name::OperationName;
use super::object::Object;
use super::refusal::{Code, Refusal, quoted};
use graph::Graph;

/// A plan: `{"jobs":[{"operation":"...","params":...}, ...]}`, or the bare array. Other members are ignored.
#[derive(Debug)]
pub struct Plan<'a> {
    pub jobs: Vec<Job<'a>>,
    graph: Graph,
}

/// One job of a plan.
#[derive(Debug, Deserialize)]
pub struct Job<'a> {
    #[serde(borrow)]
    operation: Cow<'a, str>,
    /// One JSON text.
    #[serde(borrow)]
    params: &'a RawValue,
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow, default, rename = "dependsOn")]
    depends_on: Vec<Id<'a>>,
}

/// What a job is called in its plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    Number(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    jobs: Vec<Object<Job<'a>>>,
}

impl<'a> Plan<'a> {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// `BADPLAN` for what is no plan: not JSON, without operation or params, with an id that is there twice or unknown, or
    /// with jobs that depend on themselves. `TOOBIG` for more jobs, or more bytes, than the limits allow.
    pub fn parse(text: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        limits.check_plan(text)?;
        let text = std::str::from_utf8(text).map_err(|_| bad_plan("is not UTF-8"))?;
        let is_bare = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('[');
        let jobs: Result<Vec<Object<Job<'a>>>, _> = match is_bare {
            true => serde_json::from_str(text),
            false => serde_json::from_str(text).map(|Root { jobs }| jobs),
        };
        let jobs = jobs.map_err(|fault| bad_plan(&format!("is not one: {fault}")))?;
        let jobs: Vec<Job<'a>> = jobs.into_iter().map(|Object(job)| job).collect();
        limits.check_jobs(jobs.len())?;
        for (index, job) in jobs.iter().enumerate() {
            limits.check_params(job.params().as_bytes())?;
            job.operation().map_err(|refusal| of_job(index, &refusal))?;
        }
        let graph = Graph::of(&dependencies(&jobs)?)
            .map_err(|index| bad_plan(&format!("goes in a circle: job {index} depends on itself")))?;
        Ok(Plan { jobs, graph })
    }

    /// The indexes of the job with this id and of all that depend on it, in the order of the plan.
    ///
    /// # Errors
    ///
    /// `BADPLAN` where no job is called so.
    pub fn from(&self, id: &[u8]) -> Result<Vec<usize>, Refusal> {
        let is_called_so = |job: &Job<'_>| match &job.id {
            Some(Id::Text(text)) => text.as_bytes() == id,
            Some(Id::Number(number)) => number.to_string().as_bytes() == id,
            None => false,
        };
        let first = self.jobs.iter().position(is_called_so);
        let first = first.ok_or_else(|| bad_plan(&format!("has no job with the id {}", quoted(id))))?;
        Ok(self.graph.reached_from(first))
    }
}

impl Job<'_> {
    pub fn params(&self) -> &str {
        self.params.get()
    }

    /// The operation; refused where it is no name of one.
    pub fn operation(&self) -> Result<OperationName<'_>, Refusal> {
        OperationName::parse(self.operation.as_bytes())
    }
}

/// On which jobs each depends, by their indexes.
fn dependencies(jobs: &[Job<'_>]) -> Result<Vec<Vec<usize>>, Refusal> {
    let mut places: HashMap<&Id<'_>, usize> = HashMap::new();
    for (index, job) in jobs.iter().enumerate() {
        if let Some(id) = &job.id
            && let Some(earlier) = places.insert(id, index)
        {
            return Err(bad_plan(&format!("has the same id twice: of jobs {earlier} and {index}")));
        }
    }
    let mut dependencies = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.iter().enumerate() {
        let on: Option<Vec<usize>> = job.depends_on.iter().map(|id| places.get(id).copied()).collect();
        let unknown = || bad_plan(&format!("has a job {index} that depends on an id which no job has"));
        dependencies.push(on.ok_or_else(unknown)?);
    }
    Ok(dependencies)
}

fn bad_plan(why: &str) -> Refusal {
    let accepted = "{\"jobs\":[{\"operation\":...,\"params\":...}, ...]} or the bare array is accepted, with id and dependsOn";
    Refusal::new(Code::BadPlan, format!("the plan {why}: {accepted}"))
}

/// What is wrong with one job of a plan.
pub fn of_job(index: usize, refusal: &Refusal) -> Refusal {
    Refusal::new(Code::BadPlan, format!("job {index}: {}", refusal.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Plan<'_>, String> {
        Plan::parse(text.as_bytes(), &Limits::default()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn jobs_are_read_as_they_are_spelled() {
        let jobs = r#"[{"operation":"a","params":{"x": 1.0}},{"params":null,"operation":"\u0062","x":[{}]}]"#;
        for text in [jobs.to_owned(), format!(r#" {{"version":2,"jobs":{jobs},"more":{{"jobs":1}}}} "#)] {
            let plan = parsed(&text).expect("a plan");
            let read: Vec<(&str, &str)> = plan
                .jobs
                .iter()
                .map(|job| (job.operation().expect("a name").as_str(), job.params()))
                .collect();
            assert_eq!(read, [("a", r#"{"x": 1.0}"#), ("b", "null")]);
        }
        assert_eq!(parsed("[]").map(|plan| plan.jobs.len()), Ok(0));
    }

    #[test]
    fn what_depends_on_a_job_is_found() {
        let text = r#"[
            {"id":"a","operation":"o","params":1},
            {"id":2,"operation":"o","params":2,"dependsOn":["a"]},
            {"id":"c","operation":"o","params":3,"dependsOn":[2, "a"]},
            {"id":"d","operation":"o","params":4},
            {"operation":"o","params":5,"dependsOn":["d", "c"]}]"#;
        let plan = parsed(text).expect("a plan");
        for (id, expected) in [("a", &[0, 1, 2, 4][..]), ("2", &[1, 2, 4]), ("d", &[3, 4])] {
            assert_eq!(plan.from(id.as_bytes()).as_deref(), Ok(expected), "{id}");
        }
        assert_eq!(plan.from(b"x").map_err(|refusal| refusal.code), Err(Code::BadPlan));
    }

    #[test]
    fn what_is_no_plan_is_refused_with_its_reason() {
        for (text, why) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("7", "invalid type"),
            ("{}", "missing field `jobs`"),
            (r#"{"jobs":[],"jobs":[]}"#, "duplicate field"),
            (r#"[{"operation":"o"}]"#, "missing field `params`"),
            (r#"[{"params":1}]"#, "missing field `operation`"),
            (r#"[{"operation":7,"params":1}]"#, "invalid type"),
            (r#"[{"operation":"o","params":1},{"operation":"a b","params":1}]"#, "job 1: operation 'a b'"),
            (r#"[{"operation":"o","params":1,"id":[]}]"#, "did not match"),
            (r#"[{"operation":"o","params":1,"id":1},{"operation":"o","params":1,"id":1}]"#, "jobs 0 and 1"),
            (r#"[{"operation":"o","params":1,"dependsOn":["x"]}]"#, "job 0"),
            (r#"[{"operation":"o","params":1,"id":"a","dependsOn":["a"]}]"#, "circle"),
            (
                r#"[{"operation":"o","params":1,"id":"a","dependsOn":["b"]},{"operation":"o","params":1,"id":"b","dependsOn":["a"]}]"#,
                "circle",
            ),
            ("[]x", "trailing"),
        ] {
            let refused = parsed(text).expect_err(text);
            assert!(refused.starts_with("BADPLAN ") && refused.contains(why), "{text}: {refused}");
        }
        let limits = Limits { plan_max_jobs: 1, ..Limits::default() };
        let refused = Plan::parse(br#"[{"operation":"o","params":1},{"operation":"o","params":1}]"#, &limits);
        assert_eq!(refused.map_err(|refusal| refusal.code).err(), Some(Code::TooBig));
        let deep =
            format!(r#"[{{"operation":"o","params":1,"x":{}{}}}]"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(parsed(&deep).is_ok(), "what is ignored may be of any depth");
        assert!(parsed(&deep.replace('x', "id")).is_err());
    }
}
