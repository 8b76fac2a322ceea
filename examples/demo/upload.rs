//! What follows the expensive work, and fails: an upload.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::digest::digest;
use crate::media::Rendition;

/// A place that takes files over TCP, one for each connection, and answers with the digest of what arrived.
pub struct Destination {
    address: SocketAddr,
}

impl Destination {
    /// A destination that is down: its address is known, and connections to it are refused.
    pub fn that_is_down() -> io::Result<Destination> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Ok(Destination { address })
    }

    /// Brings the destination up, until the program ends.
    pub fn come_up(&self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if let Err(e) = receive(connection) {
                    eprintln!("destination: {e}");
                }
            }
        });
        Ok(())
    }

    /// Sends the file, and makes sure that it arrived as it is.
    pub fn upload(&self, rendition: &Rendition) -> io::Result<()> {
        let mut connection = TcpStream::connect(self.address)?;
        io::copy(&mut File::open(&rendition.path)?, &mut connection)?;
        connection.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        BufReader::new(connection).read_line(&mut answer)?;
        if answer.trim_end() != rendition.digest {
            return Err(io::Error::other(format!("{} arrived as {answer:?}", rendition.path.display())));
        }
        Ok(())
    }
}

/// The destination's side of one upload: reads to the end and answers with the digest.
fn receive(mut connection: TcpStream) -> io::Result<()> {
    let digest = digest(&mut connection)?;
    writeln!(connection, "{digest}")
}
