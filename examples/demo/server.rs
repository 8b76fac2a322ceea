//! A redis-server of our own with the module loaded: on a free port, stopped when dropped.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::folder::Folder;

/// How long a server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running server. Dropping it stops the process and removes its folder.
pub struct Server {
    process: Child,
    port: u16,
    folder: Folder,
}

impl Server {
    /// Starts a server on a free port of this machine, without persistence.
    ///
    /// The port is found free an instant before the server binds it. Should another process be faster, the server
    /// exits at once and the next port is tried.
    pub fn start() -> Result<Server, Box<dyn Error>> {
        Server::start_with(&module()?)
    }

    /// The same with this very module.
    pub fn start_with(module: &Path) -> Result<Server, Box<dyn Error>> {
        let mut last = String::new();
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let folder = Folder::new("result-cache-server")?;
            // setpriv makes way for the server, which the kernel then kills with us, should we be killed ourselves.
            let process = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "redis-server"])
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--logfile", "log"])
                .arg("--dir")
                .arg(folder.path())
                .arg("--loadmodule")
                .arg(module)
                .stdout(Stdio::null())
                .spawn()
                .map_err(|e| format!("setpriv cannot be started ({e}): is util-linux installed?"))?;
            let mut server = Server { process, port, folder };
            if server.accepts_connections()? {
                return Ok(server);
            }
            last = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        }
        Err(format!("redis-server does not start with {}:\n{last}", module.display()).into())
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the server accepts connections; false if it exited instead.
    fn accepts_connections(&mut self) -> Result<bool, Box<dyn Error>> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if self.process.try_wait()?.is_some() {
                return Ok(false);
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(format!("redis-server accepts no connection within {START_LIMIT:?}").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // By its process id, through the handle that we hold. It keeps nothing on disk, so there is nothing to wait for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The module's library: `RESULT_CACHE_MODULE`, else where `make build` puts it.
fn module() -> Result<PathBuf, Box<dyn Error>> {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/libredis_result_cache.so");
    let module = env::var_os("RESULT_CACHE_MODULE").map_or_else(|| built.into(), PathBuf::from);
    module
        .canonicalize()
        .map_err(|e| format!("no module at {} ({e}): `make build` first", module.display()).into())
}
