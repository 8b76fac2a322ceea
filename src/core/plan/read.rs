//! Reading the text of a plan.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::canonical::BadJson;
use super::super::json::Reader;
use super::graph::{Dependency, Graph};
use super::{Id, Job, Plan, Span, bad_plan, of_job};
use crate::core::limits::{Limits, maxima};
use crate::core::name::OperationName;
use crate::core::refusal::{Code, Refusal};

/// What was read so far. Numbers fit 32 bits: a plan is no longer than [`maxima::PLAN_BYTES`](crate::core::limits::maxima).
#[derive(Default)]
pub(super) struct Draft<'a> {
    jobs: Vec<Job>,
    operations: Vec<Operation<'a>>,
    /// Where each operation stands among them, once there are two.
    places: HashMap<Cow<'a, str>, u32>,
    /// The ids, with the jobs that they are of.
    ids: Vec<(Id<'a>, u32)>,
    /// Which job depends on which id.
    dependencies: Vec<(u32, Id<'a>)>,
}

struct Operation<'a> {
    name: Cow<'a, str>,
    /// The first job of it.
    first: usize,
}

/// The members of a job, as far as they were met.
#[derive(Default)]
struct Members {
    operation: Option<u32>,
    params: Option<Span>,
    id: Option<Option<Span>>,
    has_dependencies: bool,
}

/// Why a text is no plan.
pub(super) enum Fault {
    Json(BadJson),
    Shape(&'static str),
    /// More dependencies than a plan may have.
    TooManyDependencies,
}

impl From<BadJson> for Fault {
    fn from(fault: BadJson) -> Self {
        Fault::Json(fault)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Json(fault) => bad_plan(&format!("is not one: {fault}")),
            Fault::Shape(why) => bad_plan(&format!("is not one: {why}")),
            Fault::TooManyDependencies => {
                let max = maxima::PLAN_DEPENDENCIES;
                let sentence = format!("the plan has too many dependencies: at most {max} are accepted");
                Refusal::new(Code::TooBig, sentence)
            }
        }
    }
}

impl<'a> Draft<'a> {
    /// Reads a whole text.
    pub fn read(&mut self, text: &'a [u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(text)?;
        match reader.peek() {
            Some(b'[') => self.read_jobs(&mut reader)?,
            Some(b'{') => self.read_root(&mut reader)?,
            _ => return Err(reader.unexpected("an array or object").into()),
        }
        Ok(reader.end()?)
    }

    fn read_root(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let mut members = reader.begin_object()?;
        let mut has_jobs = false;
        while let Some(name) = reader.next_member(&mut members)? {
            if name != "jobs" {
                reader.skip()?;
                continue;
            }
            once(std::mem::replace(&mut has_jobs, true), "duplicate member jobs")?;
            self.read_jobs(reader)?;
        }
        if has_jobs { Ok(()) } else { Err(Fault::Shape("missing member jobs")) }
    }

    fn read_jobs(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let mut elements = reader.begin_array()?;
        while reader.next_element(&mut elements)? {
            self.read_job(reader)?;
        }
        Ok(())
    }

    fn read_job(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let index = self.jobs.len();
        let mut members = reader.begin_object()?;
        let mut job = Members::default();
        while let Some(name) = reader.next_member(&mut members)? {
            match &*name {
                "operation" => {
                    once(job.operation.is_some(), "duplicate member operation")?;
                    let name = reader.string()?;
                    job.operation = Some(self.operation(name, index));
                }
                "params" => {
                    once(job.params.is_some(), "duplicate member params")?;
                    // Whoever makes them canonical reads every byte of them.
                    let params = reader.skim()?;
                    job.params = Some(Span::behind(params, reader.at()));
                }
                "id" => {
                    once(job.id.is_some(), "duplicate member id")?;
                    job.id = Some(self.read_id(reader, index)?);
                }
                "dependsOn" => {
                    once(std::mem::replace(&mut job.has_dependencies, true), "duplicate member dependsOn")?;
                    self.read_dependencies(reader, index)?;
                }
                _ => {
                    reader.skip()?;
                }
            }
        }
        let operation = job.operation.ok_or(Fault::Shape("missing member operation"))?;
        let params = job.params.ok_or(Fault::Shape("missing member params"))?;
        self.jobs.push(Job { operation, params, id: job.id.flatten() });
        Ok(())
    }

    fn read_id(&mut self, reader: &mut Reader<'a>, index: usize) -> Result<Option<Span>, Fault> {
        if reader.null()? {
            return Ok(None);
        }
        let mut measuring = reader.clone();
        let span = Span::behind(measuring.skip()?, measuring.at());
        self.ids.push((Id::read(reader)?, index as u32));
        Ok(Some(span))
    }

    fn read_dependencies(&mut self, reader: &mut Reader<'a>, index: usize) -> Result<(), Fault> {
        let mut elements = reader.begin_array()?;
        while reader.next_element(&mut elements)? {
            if self.dependencies.len() >= maxima::PLAN_DEPENDENCIES {
                return Err(Fault::TooManyDependencies);
            }
            self.dependencies.push((index as u32, Id::read(reader)?));
        }
        Ok(())
    }

    /// The place of an operation among those of the plan. Mostly it is the one that was named last.
    fn operation(&mut self, name: Cow<'a, str>, job: usize) -> u32 {
        if let [only] = &*self.operations
            && only.name == name
        {
            return 0;
        }
        let next = self.operations.len() as u32;
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.operations.push(Operation { name, first: job });
        }
        place
    }

    /// The plan, where all that it names is there.
    pub fn finish(self, limits: &Limits) -> Result<Plan, Refusal> {
        limits.check_jobs(self.jobs.len())?;
        for job in &self.jobs {
            limits.check_params_bytes(job.params.bytes())?;
        }
        for Operation { name, first } in &self.operations {
            OperationName::parse(name.as_bytes()).map_err(|refusal| of_job(*first, &refusal))?;
        }
        let graph = self.graph()?;
        let operations = self.operations.into_iter().map(|operation| operation.name.into()).collect();
        Ok(Plan { jobs: self.jobs, operations, graph })
    }

    fn graph(&self) -> Result<Graph, Refusal> {
        // Ids mostly count upwards, so that this costs little; a table would.
        let mut ids: Vec<(&Id<'a>, u32)> = self.ids.iter().map(|(id, job)| (id, *job)).collect();
        ids.sort();
        let twice = ids.windows(2).filter_map(|pair| match pair {
            [(a, earlier), (b, later)] if a == b => Some((*later, *earlier)),
            _ => None,
        });
        if let Some((later, earlier)) = twice.min() {
            return Err(bad_plan(&format!("has the same id twice: of jobs {earlier} and {later}")));
        }
        let dependency = |(job, on): &(u32, Id<'a>)| {
            let place = ids.binary_search_by(|(id, _)| (*id).cmp(on)).ok();
            let on = place.and_then(|place| ids.get(place)).map(|(_, on)| *on);
            let unknown = || bad_plan(&format!("has a job {job} that depends on an id which no job has"));
            Ok(Dependency { job: *job, on: on.ok_or_else(unknown)? })
        };
        let dependencies = self.dependencies.iter().map(dependency).collect::<Result<Vec<_>, Refusal>>()?;
        Graph::of(self.jobs.len(), &dependencies)
            .map_err(|index| bad_plan(&format!("goes in a circle: job {index} depends on itself")))
    }
}

fn once(is_there: bool, fault: &'static str) -> Result<(), Fault> {
    if is_there { Err(Fault::Shape(fault)) } else { Ok(()) }
}
