//! A client that costs little: requests are encoded before the clock starts, and replies are compared with what they
//! must be, byte for byte, instead of being parsed.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

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
}

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
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_LIMIT))?;
        Ok(Client { stream, buffer: vec![0; 256 * 1024] })
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

    /// The text of a section of INFO.
    pub fn info(&mut self, section: &str) -> Result<String, Box<dyn Error>> {
        let mut request = Batch::new();
        request.push(&[b"INFO", section.as_bytes()], b"");
        self.stream.write_all(&request.requests)?;
        let mut reply = Vec::new();
        while !is_whole_bulk(&reply) {
            match self.stream.read(&mut self.buffer)? {
                0 => return Err("the server hung up".into()),
                length => reply.extend(&self.buffer[..length]),
            }
        }
        Ok(String::from_utf8(reply)?)
    }
}

/// A bulk string as it goes over the wire, in either direction.
pub fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Whether the reply, a bulk string, has arrived to its last byte.
fn is_whole_bulk(reply: &[u8]) -> bool {
    let Some(line) = reply.iter().position(|byte| *byte == b'\n') else { return false };
    let length = std::str::from_utf8(&reply[1..line]).ok().and_then(|text| text.trim().parse::<usize>().ok());
    length.is_some_and(|length| reply.len() >= line + 1 + length + 2)
}

/// An error sentence: what came, and what should have come, as far as a line can show.
fn unexpected(arrived: &[u8], expected: &[u8]) -> String {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
    format!("the server answered {:?}..., expected {:?}...", shown(arrived), shown(expected))
}
