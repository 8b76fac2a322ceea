//! A running redis-server with the module, stopped and cleaned up with the value that stands for it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Client, Launch, launch, ports, wait_until};

/// A server that does not answer by then counts as broken.
const READY_WITHIN: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// How many ports to try before giving up.
const PORTS: usize = 20;

/// A redis-server of a test's own: its process, port and directory.
///
/// Dropping it kills the process (by its handle, never by name) and removes the directory, also when a test
/// panics: then the directory stays and its path is printed. A server that has died by itself fails the test.
pub struct Server {
    process: Child,
    port: u16,
    dir: PathBuf,
}

/// What came of an attempt to start.
enum Attempt {
    Ready(Child),
    PortTaken,
}

impl Server {
    /// A server with the module, in memory only.
    #[track_caller]
    pub fn start() -> Server {
        Launch::new().start()
    }

    /// The first start in `dir`, on whatever port is free.
    #[track_caller]
    pub(super) fn launched_in(dir: PathBuf) -> Server {
        for _ in 0..PORTS {
            let port = ports::next();
            if let Attempt::Ready(process) = attempt(&dir, port) {
                return Server { process, port, dir };
            }
        }
        panic!("{PORTS} ports were all taken");
    }

    /// The port it listens on, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its directory: configuration, log, snapshot, append-only file.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new connection that speaks RESP2.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port)
            .unwrap_or_else(|error| panic!("cannot connect: {error}\n{}", log_tail(&self.dir)))
    }

    /// Fails unless the very process that was started answers.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        if let Ok(Some(status)) = self.process.try_wait() {
            panic!("the server has died: {status}\n{}", log_tail(&self.dir));
        }
        assert!(answers(self.port, self.process.id()), "the server does not answer\n{}", log_tail(&self.dir));
    }

    /// What the server has written to its log.
    pub fn log(&self) -> String {
        fs::read(log_file(&self.dir))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Adds a line to the configuration, for the next start.
    pub fn configure(&self, line: &str) {
        let file = launch::config_file(&self.dir);
        let lines = fs::read_to_string(&file).expect("the configuration is there");
        fs::write(file, format!("{lines}{line}\n")).expect("the configuration is written");
    }

    /// `kill -9`, then a start in the same directory and on the same port.
    #[track_caller]
    pub fn kill_and_restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// `SHUTDOWN SAVE`, then a start from the snapshot that it wrote.
    #[track_caller]
    pub fn shutdown_save_and_restart(&mut self) {
        // There is no reply: the connection ends with the server.
        self.client().send(&["SHUTDOWN", "SAVE"]).expect("the server reads");
        let process = &mut self.process;
        wait_until("the server has shut down", || matches!(process.try_wait(), Ok(Some(_))));
        self.start_again();
    }

    /// `kill -9`, and nothing more: for what others do without this server.
    pub fn stop(&mut self) {
        // Errors mean that it has ended already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts the stopped server again, with the configuration as it is now.
    #[track_caller]
    pub fn start_again(&mut self) {
        let start = Instant::now();
        // Somebody's outgoing connection can hold the port for a moment.
        while start.elapsed() < READY_WITHIN {
            if let Attempt::Ready(process) = attempt(&self.dir, self.port) {
                self.process = process;
                return;
            }
        }
        panic!("port {} is not free again\n{}", self.port, log_tail(&self.dir));
    }

    /// The base of the append-only file, where there is one.
    pub fn aof_base(&self) -> Option<PathBuf> {
        self.aof_file("b")
    }

    /// The newest part of the append-only file, to which commands are appended.
    pub fn aof_increment(&self) -> Option<PathBuf> {
        self.aof_file("i")
    }

    /// The last file of a type in the manifest: lines of `file NAME seq N type T`.
    fn aof_file(&self, kind: &str) -> Option<PathBuf> {
        let folder = self.dir.join("appendonlydir");
        let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).ok()?;
        let mut of_kind = manifest.lines().filter(|line| line.split_whitespace().nth(5) == Some(kind));
        Some(folder.join(of_kind.next_back()?.split_whitespace().nth(1)?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let killed_by_test = |status: std::process::ExitStatus| {
            use std::os::unix::process::ExitStatusExt;
            status.signal() == Some(9)
        };
        let died = self.process.try_wait().ok().flatten().filter(|status| !killed_by_test(*status));
        self.stop();
        if thread::panicking() {
            eprintln!("the server's directory is kept: {}\n{}", self.dir.display(), log_tail(&self.dir));
        } else if let Some(status) = died {
            panic!("the server died during the test: {status}\n{}", log_tail(&self.dir));
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Starts a server and waits until it answers.
#[track_caller]
fn attempt(dir: &Path, port: u16) -> Attempt {
    let log_starts_at = log_file(dir).metadata().map_or(0, |log| log.len());
    let mut process = spawn(dir, port).unwrap_or_else(|error| {
        panic!("cannot run redis-server ({error}): install it, or name it in REDIS_SERVER")
    });
    let start = Instant::now();
    loop {
        if let Ok(Some(status)) = process.try_wait() {
            let log = fs::read(log_file(dir)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log[log.len().min(log_starts_at as usize)..]).into_owned();
            if log.contains("Address already in use") {
                return Attempt::PortTaken;
            }
            panic!("the server in {} did not start: {status}\n{log}", dir.display());
        }
        if answers(port, process.id()) {
            return Attempt::Ready(process);
        }
        if start.elapsed() > READY_WITHIN {
            let _ = process.kill();
            let _ = process.wait();
            panic!("the server did not answer within {READY_WITHIN:?}\n{}", log_tail(dir));
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

fn spawn(dir: &Path, port: u16) -> io::Result<Child> {
    let log: File = OpenOptions::new().create(true).append(true).open(log_file(dir))?;
    let (program, first) = launch::program();
    Command::new(program)
        .args(first)
        .arg(launch::config_file(dir))
        .args(["--port", &port.to_string()])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// Whether the process itself answers on the port, has loaded its data, and is not another server.
fn answers(port: u16, process: u32) -> bool {
    let Ok(mut client) = Client::connect(port) else { return false };
    if client.send(&["PING"]).and_then(|()| client.receive()).ok()
        != Some(super::Value::Simple("PONG".into()))
    {
        return false;
    }
    client.info("server", "process_id") == Some(process.to_string())
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("redis.log")
}

/// The end of the log, for the message of a failed test.
fn log_tail(dir: &Path) -> String {
    const LINES: usize = 60;
    let log = fs::read(log_file(dir)).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let lines: Vec<&str> = log.lines().collect();
    format!("--- log of the server ---\n{}", lines[lines.len().saturating_sub(LINES)..].join("\n"))
}
