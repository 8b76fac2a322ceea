//! The same lookups by real clients: ioredis on Node and redis-py. Either they make params canonical and hash them, and send a
//! plain GET, or they send the params with `CACHE.RESULT GET`. The programs are those of the recipes' folders, as is the code that
//! hashes; each runs in a process of its own, gets its orders by its standard input, a line of JSON each, and reports a line
//! of numbers.

use std::error::Error;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::jobs::{Job, OPERATION};
use crate::measure::Effort;
use crate::reply::Reply;
use crate::report::{Report, Table};
use crate::spread::{self, Spread};
use crate::table::length;
use crate::workloads::{self, NAMESPACE, STAY_S};

/// Where the plain strings are, under the names that the module would give entries of this namespace.
const HASHED: &str = "hashed";

/// Lengths of params in bytes, and how many jobs there are of each.
const SIZES: [(usize, usize); 3] = [(150, 1024), (600, 1024), (8 * 1024, 256)];

const PIPELINES: [usize; 2] = [1, 16];

/// How long a program may run before anything counts: its compiler has then seen what there is to compile.
const WARM_UP: Duration = Duration::from_millis(300);

/// A client library, and the program that uses it.
struct Program {
    name: &'static str,
    /// What is installed where it is missing.
    packages: &'static [&'static str],
    /// The folder of the recipes, which have a script `prepare`.
    folder: &'static str,
    /// What is started there.
    command: &'static [&'static str],
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "ioredis",
        packages: &["nodejs", "npm"],
        folder: "examples/typescript",
        command: &["node", "build/benchmark/lookups.js"],
    },
    Program {
        name: "redis-py",
        packages: &["python3-venv"],
        folder: "examples/python",
        command: &[".venv/bin/python", "-m", "benchmark.lookups"],
    },
];

/// What the client does for a lookup.
const WAYS: [&str; 2] = ["hash", "cache"];

/// A program that runs.
struct Running {
    process: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

/// What one way did in one round.
struct Sample {
    operations: f64,
    wall_us: f64,
    client_us: f64,
    server_us: f64,
}

/// Measures, and prints what came of it.
pub fn run(
    port: u16,
    client: &mut Client,
    effort: Effort,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    println!("\nreal clients, that hash or send params; {} rounds", effort.rounds);
    let head = [
        "",
        "params",
        "pipeline",
        "hashing, ops/s",
        "CACHE.RESULT GET, ops/s",
        "of hashing, by ops",
        "client CPU, µs, hashing",
        "CACHE.RESULT GET",
        "of hashing, by client CPU",
        "server CPU, µs, hashing",
        "CACHE.RESULT GET",
    ];
    let mut table = Table::new("clients", &head);
    for program in &PROGRAMS {
        let mut running = match program.prepare().and_then(|()| program.start(port)) {
            Ok(running) => running,
            Err(e) => {
                println!("{}: left out, since {e}", program.name);
                continue;
            }
        };
        for (bytes, count) in SIZES {
            let jobs: Vec<Job> = (0..count).map(|number| Job::new(number, bytes)).collect();
            prepare(client, &jobs)?;
            running.order(&orders_of(&jobs)?)?;
            for pipeline in PIPELINES {
                let samples = running.compare(client, pipeline, effort)?;
                let mut row = vec![program.name.to_owned(), length(bytes), pipeline.to_string()];
                row.extend(figures(&samples));
                table.row(row);
            }
        }
    }
    report.table(&table);
    Ok(())
}

/// Stores all results as entries, and as strings at the keys that clients hash.
fn prepare(client: &mut Client, jobs: &[Job]) -> Result<(), Box<dyn Error>> {
    workloads::prepare(client, jobs)?;
    for job in jobs {
        let key = match client.ask(&["CACHE.RESULT", "KEY", HASHED, OPERATION, &job.params])? {
            Reply::Bulk(Some(key)) => String::from_utf8(key)?,
            other => return Err(format!("KEY answered {other:?}").into()),
        };
        client.ask(&["SETEX", &key, STAY_S, &job.result])?.must_be("OK")?;
    }
    Ok(())
}

/// What tells a program what to ask for.
fn orders_of(jobs: &[Job]) -> Result<Value, Box<dyn Error>> {
    let job = |job: &Job| -> serde_json::Result<Value> { Ok(json!([job.params, job.result])) };
    Ok(json!({
        "hashed": HASHED,
        "namespace": NAMESPACE,
        "operation": OPERATION,
        "jobs": jobs.iter().map(job).collect::<Result<Vec<_>, _>>()?,
    }))
}

/// The figures of a row: both ways by the clock, by the client's processor, and by the server's.
fn figures([hash, cache]: &[Vec<Sample>; 2]) -> Vec<String> {
    let each = |samples: &[Sample], figure: fn(&Sample) -> f64| {
        spread::rounded(Spread::of(samples.iter().map(figure).collect()).median)
    };
    // More is better: how many operations there are where hashing does one.
    let ratio = |rate: fn(&Sample) -> f64| {
        let rounds = cache.iter().zip(hash);
        spread::ratio(Spread::of(rounds.map(|(cache, hash)| rate(cache) / rate(hash)).collect()))
    };
    vec![
        each(hash, Sample::rate),
        each(cache, Sample::rate),
        ratio(Sample::rate),
        each(hash, Sample::client_cpu),
        each(cache, Sample::client_cpu),
        ratio(|sample| 1.0 / sample.client_cpu()),
        each(hash, Sample::server_cpu),
        each(cache, Sample::server_cpu),
    ]
}

impl Sample {
    /// Operations per second.
    fn rate(&self) -> f64 {
        self.operations / self.wall_us * 1e6
    }

    /// Microseconds of the client's processor for each.
    fn client_cpu(&self) -> f64 {
        self.client_us / self.operations
    }

    /// Microseconds of the server's processor for each.
    fn server_cpu(&self) -> f64 {
        self.server_us / self.operations
    }
}

impl Program {
    /// Installs what is missing, and compiles.
    fn prepare(&self) -> Result<(), Box<dyn Error>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join(self.folder);
        for mut script in [install(root, self.packages), Command::new(folder.join("prepare"))] {
            let status = script.stdout(Stdio::null()).status()?;
            if !status.success() {
                return Err(format!("{}: {status}", script.get_program().display()).into());
            }
        }
        Ok(())
    }

    /// Starts it, on the processor that this process is pinned to.
    fn start(&self, port: u16) -> Result<Running, Box<dyn Error>> {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder);
        let [program, arguments @ ..] = self.command else { return Err("there is no command".into()) };
        // A path with folders in it would be looked up from where we are.
        let program = if program.contains('/') { folder.join(program) } else { PathBuf::from(program) };
        let mut process = Command::new(program)
            .args(arguments)
            .arg(port.to_string())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("no standard input")?;
        let reports = BufReader::new(process.stdout.take().ok_or("no standard output")?).lines();
        Ok(Running { process, orders, reports })
    }
}

/// What installs packages of Debian's.
fn install(root: &Path, packages: &[&str]) -> Command {
    let mut command = Command::new(root.join("scripts/install-missing"));
    command.args(packages);
    command
}

impl Running {
    /// Gives an order, and waits for the numbers that are reported when it is carried out.
    fn order(&mut self, order: &Value) -> Result<Vec<f64>, Box<dyn Error>> {
        writeln!(self.orders, "{order}")?;
        let line = self.reports.next().ok_or("the client ended early")??;
        Ok(line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// Both ways, in rounds.
    fn compare(
        &mut self,
        client: &mut Client,
        pipeline: usize,
        effort: Effort,
    ) -> Result<[Vec<Sample>; 2], Box<dyn Error>> {
        let mut samples: [Vec<Sample>; 2] = [const { Vec::new() }; 2];
        for way in WAYS {
            self.sample(client, way, pipeline, WARM_UP)?;
        }
        for round in 0..effort.rounds {
            for turn in 0..WAYS.len() {
                let at = (round + turn) % WAYS.len();
                samples[at].push(self.sample(client, WAYS[at], pipeline, effort.sample)?);
            }
        }
        Ok(samples)
    }

    fn sample(
        &mut self,
        client: &mut Client,
        way: &str,
        pipeline: usize,
        time: Duration,
    ) -> Result<Sample, Box<dyn Error>> {
        let before = client.server_cpu()?;
        let order = json!({ "way": way, "pipeline": pipeline, "ms": time.as_millis() as u64 });
        let report = self.order(&order)?;
        let server = client.server_cpu()?.saturating_sub(before);
        let [operations, wall_us, client_us] = report[..] else {
            return Err(format!("the client reported {report:?}").into());
        };
        Ok(Sample { operations, wall_us, client_us, server_us: server.as_secs_f64() * 1e6 })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // By the handle that we hold; it keeps nothing that would be lost.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
