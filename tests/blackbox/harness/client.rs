//! A raw RESP client: every byte that a test sends is the test's own.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{Argument, Value};

/// No reply takes longer; a test that waits for one fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// Commands in flight at once in [`Client::pipeline`]: few enough that neither side's socket fills up.
const IN_FLIGHT: usize = 200;

/// One connection.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    pushes: VecDeque<Value>,
}

impl Client {
    /// Connects to a server on this machine.
    ///
    /// # Errors
    /// Where nothing listens on `port`.
    pub fn connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Client { stream, reader, pushes: VecDeque::new() })
    }

    /// The same connection, speaking RESP3.
    #[track_caller]
    pub fn resp3(mut self) -> Client {
        let greeting = self.call(&["HELLO", "3"]);
        assert_eq!(greeting.field("proto"), 3.into());
        self
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends one command without waiting for its reply.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn send(&mut self, command: &[impl Argument]) -> io::Result<()> {
        self.send_raw(&encode(command))
    }

    /// The next reply; pushes that come before it are set aside for [`Client::push`].
    ///
    /// # Errors
    /// Those of the connection, the time-out among them.
    pub fn receive(&mut self) -> io::Result<Value> {
        loop {
            match Value::read(&mut self.reader)? {
                push @ Value::Push(_) => self.pushes.push_back(push),
                reply => return Ok(reply),
            }
        }
    }

    /// The next reply if it begins to come within `patience`, else `None`.
    ///
    /// # Errors
    /// Those of the connection, its end among them.
    pub fn receive_within(&mut self, patience: Duration) -> io::Result<Option<Value>> {
        // The kernel takes no time-out of zero, and rounds a short one up to its own tick.
        let only_looks = patience.is_zero();
        self.stream.set_nonblocking(only_looks)?;
        self.stream.set_read_timeout(Some(if only_looks { PATIENCE } else { patience }))?;
        let looked = self.reader.fill_buf().map(|_| ());
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(PATIENCE))?;
        match looked {
            Ok(()) => self.receive().map(Some),
            Err(late) if matches!(late.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The next push message of RESP3, waited for.
    #[track_caller]
    pub fn push(&mut self) -> Value {
        if let Some(push) = self.pushes.pop_front() {
            return push;
        }
        match Value::read(&mut self.reader) {
            Ok(push @ Value::Push(_)) => push,
            other => panic!("expected a push, got {other:?}"),
        }
    }

    /// Sends one command and returns its reply; panics where none comes.
    #[track_caller]
    pub fn call(&mut self, command: &[impl Argument]) -> Value {
        match self.send(command).and_then(|()| self.receive()) {
            Ok(reply) => reply,
            Err(error) => panic!("no reply to {}: {error}", shown(command)),
        }
    }

    /// Sends one command whose reply must not be an error.
    #[track_caller]
    pub fn must(&mut self, command: &[impl Argument]) -> Value {
        let reply = self.call(command);
        assert!(!reply.is_error(), "{} was refused: {reply:?}", shown(command));
        reply
    }

    /// Sends many commands without waiting for each, and returns their replies in order.
    #[track_caller]
    pub fn pipeline(&mut self, commands: &[Vec<impl Argument>]) -> Vec<Value> {
        let mut replies = Vec::with_capacity(commands.len());
        for some in commands.chunks(IN_FLIGHT) {
            let bytes: Vec<u8> = some.iter().flat_map(|command| encode(command)).collect();
            if let Err(error) = self.send_raw(&bytes) {
                panic!(
                    "the connection broke at one of {} commands from {}: {error}",
                    some.len(),
                    shown(&some[0])
                );
            }
            for command in some {
                match self.receive() {
                    Ok(reply) => replies.push(reply),
                    Err(error) => panic!("no reply to {}: {error}", shown(command)),
                }
            }
        }
        replies
    }

    /// One section of INFO, or one field of it.
    #[track_caller]
    pub fn info(&mut self, section: &str, field: &str) -> Option<String> {
        let text = self.must(&["INFO", section]).text();
        text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned))
    }

    /// The reader, for what follows a reply outside of RESP (a snapshot sent to a replica).
    pub fn reader(&mut self) -> &mut BufReader<TcpStream> {
        &mut self.reader
    }
}

/// A command as it goes over the wire.
fn encode(command: &[impl Argument]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for argument in command {
        let argument = argument.wire_bytes();
        bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
        bytes.extend(argument);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// A command for a message, long arguments cut.
fn shown(command: &[impl Argument]) -> String {
    let mut text = String::new();
    for argument in command.iter().take(20) {
        let bytes = argument.wire_bytes();
        text += &bytes[..bytes.len().min(80)].escape_ascii().to_string();
        text += if bytes.len() > 80 { "... " } else { " " };
    }
    text
}
