//! What a primary sends to its replicas, command by command.

use std::io::{BufRead, Read};

use super::{Client, Server, Value, wait_until};
use crate::args;

/// A connection that the primary takes for a replica: it asked for the stream and reads it.
pub struct ReplicationStream {
    link: Client,
    control: Client,
    markers: usize,
}

/// Commands that say nothing about the data: heartbeats and the choice of a database.
const HOUSEKEEPING: [&[u8]; 3] = [b"PING", b"SELECT", b"REPLCONF"];

impl ReplicationStream {
    /// Asks for a full synchronisation and reads past the snapshot. A primary that cannot make one at once closes the
    /// link, and expects the replica to come again.
    #[track_caller]
    pub fn attach(primary: &Server) -> ReplicationStream {
        let mut attached = None;
        wait_until("the primary sends a snapshot", || {
            let mut link = primary.client();
            let answer = link.call(&["PSYNC", "?", "-1"]).text();
            assert!(answer.starts_with("FULLRESYNC"), "PSYNC was answered by {answer}");
            attached = skip_snapshot(&mut link).then_some(link);
            attached.is_some()
        });
        let link = attached.expect("the wait is over");
        ReplicationStream { link, control: primary.client(), markers: 0 }
    }

    /// The commands since the last call, but for housekeeping. Whatever ran before this call is in it.
    #[track_caller]
    pub fn commands(&mut self) -> Vec<Vec<Vec<u8>>> {
        self.markers += 1;
        // Published messages are replicated and leave no key behind.
        let marker = args!["PUBLISH", "end-of-commands", self.markers];
        self.control.must(&marker);
        let mut commands = Vec::new();
        loop {
            let command = self.next();
            if command == marker {
                return commands;
            }
            if !HOUSEKEEPING.iter().any(|word| command[0].eq_ignore_ascii_case(word)) {
                commands.push(command);
            }
        }
    }

    /// The first words of [`ReplicationStream::commands`], in upper case.
    #[track_caller]
    pub fn names(&mut self) -> Vec<String> {
        let commands = self.commands();
        commands.iter().map(|command| String::from_utf8_lossy(&command[0]).to_uppercase()).collect()
    }

    #[track_caller]
    fn next(&mut self) -> Vec<Vec<u8>> {
        let command = self.link.receive().expect("the stream goes on");
        command.array().iter().map(|argument: &Value| argument.bulk().to_vec()).collect()
    }
}

/// `\n` as long as the snapshot is being made, then `$length\r\n` and that many bytes without a CRLF. False where
/// the primary closed the link instead.
#[track_caller]
fn skip_snapshot(link: &mut Client) -> bool {
    let reader = link.reader();
    let mut line = String::new();
    while line.trim().is_empty() {
        line.clear();
        if reader.read_line(&mut line).expect("the primary announces a snapshot") == 0 {
            return false;
        }
    }
    let length = line.trim().strip_prefix('$').and_then(|length| length.parse().ok());
    let mut snapshot = vec![0; length.unwrap_or_else(|| panic!("a snapshot was announced by {line:?}"))];
    reader.read_exact(&mut snapshot).expect("the snapshot arrives whole");
    true
}
