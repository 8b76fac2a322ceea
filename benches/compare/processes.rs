//! Clients in processes of their own: this program, started anew with a role. The first process gives orders, a line
//! each, by their standard input; when an order is carried out, each reports a line of numbers by its standard output.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Lines, Stdout, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::SystemTime;

/// The argument that makes this program such a process; the role, the port and the number of clients follow it.
pub const AS_CLIENTS: &str = "--as-clients";

/// What one process tells when it has carried out an order.
pub type Report<const N: usize> = [u64; N];

/// When client processes get their processor.
#[derive(Clone, Copy)]
pub enum Priority {
    /// As any process does.
    Usual,
    /// When no other process wants it, so that what another client is told does not wait for them.
    Idle,
}

impl Priority {
    /// As `chrt` calls it.
    fn option(self) -> &'static str {
        match self {
            Priority::Usual => "--other",
            Priority::Idle => "--idle",
        }
    }
}

/// Client processes that all have one role. They end when this is dropped.
pub struct Processes(Vec<Process>);

struct Process {
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

/// The other end of it: where a client process gets its orders from.
pub struct Orders {
    lines: Lines<io::StdinLock<'static>>,
    reports: Stdout,
}

impl Processes {
    /// Starts `processes` of them with `clients` clients each, on the processor that this one is pinned to.
    pub fn start(
        role: &str,
        port: u16,
        processes: usize,
        clients: usize,
        priority: Priority,
    ) -> Result<Processes, Box<dyn Error>> {
        let program = env::current_exe()?;
        let start = || -> Result<Process, Box<dyn Error>> {
            let mut child = Command::new("chrt")
                .args([priority.option(), "0"])
                .arg(&program)
                .args([AS_CLIENTS, role, &port.to_string(), &clients.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|e| format!("chrt cannot be started ({e}): is util-linux installed?"))?;
            let orders = child.stdin.take().ok_or("no standard input")?;
            let reports = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
            Ok(Process { child, orders, reports })
        };
        let mut all = Processes((0..processes).map(|_| start()).collect::<Result<_, _>>()?);
        all.reports::<0>()?;
        Ok(all)
    }

    /// Gives all of them an order.
    pub fn order(&mut self, order: &str) -> io::Result<()> {
        self.0.iter_mut().try_for_each(|process| writeln!(process.orders, "{order}"))
    }

    /// Waits for a report of `N` numbers from each.
    pub fn reports<const N: usize>(&mut self) -> Result<Vec<Report<N>>, Box<dyn Error>> {
        self.0.iter_mut().map(Process::report).collect()
    }
}

impl Process {
    fn report<const N: usize>(&mut self) -> Result<Report<N>, Box<dyn Error>> {
        let line = self.reports.next().ok_or("a client process ended early")??;
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Report::try_from(numbers).map_err(|numbers| format!("a report of {} numbers", numbers.len()).into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // By the handle that we hold; it keeps nothing that would be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Orders {
    /// Of this process. The first report, of nothing, says that it is ready.
    pub fn new() -> io::Result<Orders> {
        let mut orders = Orders { lines: io::stdin().lines(), reports: io::stdout() };
        orders.report([])?;
        Ok(orders)
    }

    /// Waits for the next order; none when there will be no more.
    pub fn next(&mut self) -> io::Result<Option<String>> {
        self.lines.next().transpose()
    }

    /// Reports to the process that gives the orders.
    pub fn report<const N: usize>(&mut self, report: Report<N>) -> io::Result<()> {
        writeln!(self.reports, "{}", report.map(|number| number.to_string()).join(" "))
    }
}

/// Nanoseconds of the machine's clock, which all processes share.
pub fn now_ns() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}
