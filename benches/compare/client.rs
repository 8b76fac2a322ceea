//! A client that costs little: requests are encoded before the clock starts, and replies are compared with what they
//! must be, byte for byte, instead of being parsed.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::reply::Reply;

/// After this long without a byte the server counts as lost.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Requests that are sent together, and all that the server shall answer.
pub struct Batch {
    pub operations: u64,
    requests: Vec<u8>,
    replies: Vec<u8>,
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What has arrived and is no part of a reply that was received.
    arrived: Vec<u8>,
}

/// What INFO says.
pub struct Info(String);

/// Room to read into: for replies of any length, and for those of one small value where there are thousands of clients.
const ROOM_BYTES: usize = 256 * 1024;
const SMALL_ROOM_BYTES: usize = 1024;

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch { operations: 0, requests: Vec::new(), replies: Vec::new() }
    }

    /// Adds a command and the bytes of its reply.
    pub fn push(&mut self, command: &[&[u8]], reply: &[u8]) {
        self.operations += 1;
        self.requests.extend(format!("*{}\r\n", command.len()).bytes());
        for argument in command {
            self.requests.extend(bulk(argument));
        }
        self.replies.extend(reply);
    }
}

impl Client {
    /// Connects to the server at `port` of this machine.
    pub fn connect(port: u16) -> Result<Client, Box<dyn Error>> {
        Client::with_room(port, ROOM_BYTES)
    }

    /// The same, of little memory.
    pub fn connect_small(port: u16) -> Result<Client, Box<dyn Error>> {
        Client::with_room(port, SMALL_ROOM_BYTES)
    }

    fn with_room(port: u16, bytes: usize) -> Result<Client, Box<dyn Error>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        Ok(Client { stream, buffer: vec![0; bytes], arrived: Vec::new() })
    }

    /// Sends a batch and waits for all its replies; an error at the first byte that is not what it must be.
    pub fn exchange(&mut self, batch: &Batch) -> Result<(), Box<dyn Error>> {
        self.stream.write_all(&batch.requests)?;
        let mut expected = batch.replies.as_slice();
        while !expected.is_empty() {
            let length = self.stream.read(&mut self.buffer)?;
            let arrived = &self.buffer[..length];
            expected = match expected.strip_prefix(arrived) {
                Some(rest) if length > 0 => rest,
                _ => return Err(unexpected(arrived, expected).into()),
            };
        }
        Ok(())
    }

    /// Sends one command and checks its reply.
    pub fn command(&mut self, command: &[&[u8]], reply: &[u8]) -> Result<(), Box<dyn Error>> {
        let mut batch = Batch::new();
        batch.push(command, reply);
        self.exchange(&batch)
    }

    /// Sends one command. Its reply is for [`Client::receive`] to wait for.
    pub fn send(&mut self, command: &[&str]) -> Result<(), Box<dyn Error>> {
        let mut batch = Batch::new();
        batch.push(&command.iter().map(|argument| argument.as_bytes()).collect::<Vec<_>>(), b"");
        self.send_all(&batch)
    }

    /// Sends the commands of a batch.
    pub fn send_all(&mut self, batch: &Batch) -> Result<(), Box<dyn Error>> {
        Ok(self.stream.write_all(&batch.requests)?)
    }

    /// Waits for the next reply.
    pub fn receive(&mut self) -> Result<Reply, Box<dyn Error>> {
        loop {
            let mut rest = self.arrived.as_slice();
            if let Some(reply) = Reply::take(&mut rest) {
                self.arrived.drain(..self.arrived.len() - rest.len());
                return Ok(reply);
            }
            match self.stream.read(&mut self.buffer)? {
                0 => return Err("the server hung up".into()),
                length => self.arrived.extend(&self.buffer[..length]),
            }
        }
    }

    /// Sends one command and waits for its reply, whatever it is.
    pub fn ask(&mut self, command: &[&str]) -> Result<Reply, Box<dyn Error>> {
        self.send(command)?;
        self.receive()
    }

    /// A section of INFO.
    pub fn info(&mut self, section: &str) -> Result<Info, Box<dyn Error>> {
        match self.ask(&["INFO", section])? {
            Reply::Bulk(Some(text)) => Ok(Info(String::from_utf8(text)?)),
            other => Err(format!("INFO {section} answered {other:?}").into()),
        }
    }

    /// Waits until so many clients wait for something.
    pub fn until_blocked(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        while self.info("clients")?.figure("blocked_clients")? < count as f64 {
            if started.elapsed() > SILENCE_LIMIT {
                return Err(format!("there are never {count} blocked clients").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The processor time that the server's main thread has used so far.
    pub fn server_cpu(&mut self) -> Result<Duration, Box<dyn Error>> {
        let info = self.info("cpu")?;
        let seconds = info.figure("used_cpu_user_main_thread")? + info.figure("used_cpu_sys_main_thread")?;
        Ok(Duration::from_secs_f64(seconds))
    }
}

impl Info {
    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Result<f64, Box<dyn Error>> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.ok_or_else(|| format!("INFO has no {name}"))?.parse()?)
    }

    /// The microseconds that all calls of a command took together, of the section `commandstats`.
    pub fn usec(&self, command: &str) -> Result<f64, Box<dyn Error>> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:")));
        let usec = line.and_then(|line| line.split(',').find_map(|pair| pair.strip_prefix("usec=")));
        Ok(usec.ok_or_else(|| format!("INFO commandstats has no {command}"))?.parse()?)
    }
}

/// A bulk string as it goes over the wire, in either direction.
pub fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// An error sentence: what came, and what should have come, as far as a line can show.
fn unexpected(arrived: &[u8], expected: &[u8]) -> String {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
    format!("the server answered {:?}..., expected {:?}...", shown(arrived), shown(expected))
}
