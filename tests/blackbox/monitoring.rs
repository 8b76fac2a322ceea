//! The files in monitoring/: Debian's exporter and Prometheus, started on loopback, collect what the server counts.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

use crate::harness::{Server, free_port, wait_until};
use crate::{cache, call};

/// A program that is stopped by its process id.
struct Program(Child);

impl Program {
    #[track_caller]
    fn start(name: &str, words: &[&str]) -> Program {
        let mut command = Command::new("setpriv");
        // The kernel ends it with us, should we be killed ourselves.
        command.args(["--pdeathsig", "KILL", name]).args(words);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Program(child.unwrap_or_else(|e| panic!("{name} does not start: {e}")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What an HTTP server answers to a GET; none where there is none yet.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200").map(|_| body.to_owned())
}

fn monitoring(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring").join(name)
}

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The metrics that the expressions of a dashboard name.
fn metrics(dashboard: &Json) -> BTreeSet<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let expressions = targets.map(|target| target["expr"].as_str().expect("an expression"));
    let words = expressions.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(|word| word.starts_with("redis_")).map(str::to_owned).collect()
}

#[test]
fn prometheus_collects_what_the_server_counts() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "demo", "encode", "1", "r", "TOOK", 5000);
    (0..7).for_each(|_| drop(cache!(client, "GET", "demo", "encode", "1")));
    let token = cache!(client, "FETCH", "demo", "encode", "2").array()[2].text();
    let waiting = std::thread::spawn({
        let mut waiter = server.client();
        move || waiter.call(&["CACHE.RESULT", "FETCH", "demo", "encode", "2", "BLOCK", "0"])
    });
    wait_until("somebody waits", || call!(client, "CACHE.STATS").field("waiters").int() == 1);
    cache!(client, "FILL", "demo", token, "r");
    waiting.join().expect("an answer");

    let [exporter_port, prometheus_port] = [free_port(), free_port()];
    let address = format!("redis://127.0.0.1:{}", server.port());
    let listen = format!("127.0.0.1:{exporter_port}");
    let script = monitoring("stats.lua");
    let script = script.to_str().expect("text");
    let words = ["-redis.addr", &address, "-script", script, "-web.listen-address", &listen];
    let _exporter = Program::start("prometheus-redis-exporter", &words);
    let folder = Folder(std::env::temp_dir().join(format!("result-cache-prometheus-{prometheus_port}")));
    fs::create_dir_all(&folder.0).expect("a folder");
    let settings = fs::read_to_string(monitoring("prometheus.yml")).expect("settings");
    let settings =
        settings.replace("127.0.0.1:9121", &listen).replace("scrape_interval: 15s", "scrape_interval: 1s");
    let file = folder.0.join("prometheus.yml");
    fs::write(&file, settings).expect("written");
    let words = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", folder.0.join("data").display()),
        format!("--web.listen-address=127.0.0.1:{prometheus_port}"),
    ];
    let _prometheus = Program::start("prometheus", &words.iter().map(String::as_str).collect::<Vec<_>>());

    let query = |query: &str| -> Option<String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = get(prometheus_port, &format!("/api/v1/query?query={encoded}"))?;
        let reply: Json = serde_json::from_str(&body).ok()?;
        Some(reply["data"]["result"].get(0)?["value"][1].as_str()?.to_owned())
    };
    for (figure, labels, expected) in [
        ("hits", r#"namespace="demo",operation="encode""#, "7"),
        ("lookups", r#"namespace="demo",operation="""#, "9"),
        ("time_saved_ms", r#"namespace="",operation="""#, "35000"),
        ("healthy", r#"namespace="demo",operation="encode""#, "0"),
    ] {
        let expression = format!("redis_cache_{figure}{{{labels}}}");
        wait_until(&expression, || query(&expression).as_deref() == Some(expected));
    }
    let dashboard = fs::read_to_string(monitoring("grafana-dashboard.json")).expect("a dashboard");
    let wanted = metrics(&serde_json::from_str(&dashboard).expect("JSON"));
    assert!(wanted.len() > 30, "{wanted:?}");
    let known = get(prometheus_port, "/api/v1/label/__name__/values").expect("an answer");
    let known: Json = serde_json::from_str(&known).expect("JSON");
    let known: BTreeSet<String> = known["data"]
        .as_array()
        .expect("names")
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let missing: Vec<_> = wanted.difference(&known).collect();
    assert!(missing.is_empty(), "the dashboard shows what is not collected: {missing:?}");
}
