//! The files in monitoring/: Debian's exporter and Prometheus, started on loopback, collect what the server counts.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::harness::{Launch, Server, free_port, wait_until};
use crate::{cache, call};

/// How long both programs may take until the first figure is there: Prometheus looks for what to collect every five seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

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

    #[track_caller]
    fn assert_runs(&mut self) {
        let ended = self.0.try_wait().expect("a process of ours");
        assert!(ended.is_none(), "it has ended with {ended:?}; by hand it may say why");
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

/// What Debian's service of the exporter is started with, but for this server and this port.
fn exporter_words(server: &Server, listen: &str) -> Vec<String> {
    let settings = fs::read_to_string(monitoring("prometheus-redis-exporter.default")).expect("settings");
    let words = settings.lines().find_map(|line| line.strip_prefix("ARGS=\"")?.strip_suffix('"'));
    let words = words.expect("a line of ARGS").split(' ').map(|word| match word {
        "redis://127.0.0.1:6379" => format!("redis://127.0.0.1:{}", server.port()),
        "/etc/prometheus/stats.lua" => monitoring("stats.lua").display().to_string(),
        "127.0.0.1:9121" => listen.to_owned(),
        option => {
            assert!(option.starts_with('-'), "{option} is of another machine");
            option.to_owned()
        }
    });
    words.collect()
}

/// What a dashboard asks for, with the variables that Grafana would put in.
fn expressions(dashboard: &Json) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .map(|target| target["expr"].as_str().expect("an expression").to_owned())
        .collect()
}

/// What Grafana puts in for "All" of a variable.
fn all_of<'a>(dashboard: &'a Json, variable: &str) -> &'a str {
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let found = variables.iter().find(|candidate| candidate["name"] == variable).expect("the variable");
    assert_eq!(found["includeAll"], true, "an empty label cannot be chosen in any other way");
    found["allValue"].as_str().expect("a pattern")
}

#[test]
fn prometheus_collects_what_the_server_counts() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "demo", "encode", "1", "r", "TOOK", 5000);
    (0..7).for_each(|_| drop(cache!(client, "GET", "demo", "encode", "1")));
    let token = cache!(client, "FETCH", "demo", "encode", "2").array()[2].text();
    let waiting = thread::spawn({
        let mut waiter = server.client();
        move || waiter.call(&["CACHE.RESULT", "FETCH", "demo", "encode", "2", "BLOCK", "0"])
    });
    wait_until("somebody waits", || call!(client, "CACHE.STATS").field("waiters").int() == 1);
    cache!(client, "FILL", "demo", token, "r");
    waiting.join().expect("an answer");

    let [exporter_port, prometheus_port] = [free_port(), free_port()];
    let listen = format!("127.0.0.1:{exporter_port}");
    let words = exporter_words(&server, &listen);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut exporter = Program::start("prometheus-redis-exporter", &words);
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
    let mut prometheus = Program::start("prometheus", &words.iter().map(String::as_str).collect::<Vec<_>>());

    let query = |query: &str| -> Option<String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = get(prometheus_port, &format!("/api/v1/query?query={encoded}"))?;
        let reply: Json = serde_json::from_str(&body).ok()?;
        Some(reply["data"]["result"].get(0)?["value"][1].as_str()?.to_owned())
    };
    let started = Instant::now();
    while query("redis_cache_lookups").is_none() {
        assert!(started.elapsed() < START_LIMIT, "nothing is collected within {START_LIMIT:?}");
        exporter.assert_runs();
        prometheus.assert_runs();
        thread::sleep(Duration::from_millis(50));
    }
    for (figure, labels, expected) in [
        ("hits", r#"namespace="demo",operation="encode""#, "7"),
        ("lookups", r#"namespace="demo",operation="""#, "9"),
        ("time_saved_ms", r#"namespace="",operation="""#, "35000"),
        ("healthy", r#"namespace="demo",operation="encode""#, "0"),
    ] {
        let expression = format!("redis_cache_{figure}{{{labels}}}");
        wait_until(&expression, || query(&expression).as_deref() == Some(expected));
    }
    assert_eq!(query(r#"{__name__=~"redis_cache_.*",key!=""}"#), None, "the names are taken apart");
    assert_eq!(query("redis_script_values"), None, "all of them are");

    let dashboard = fs::read_to_string(monitoring("grafana-dashboard.json")).expect("a dashboard");
    let dashboard: Json = serde_json::from_str(&dashboard).expect("JSON");
    let (all_namespaces, all_operations) = (all_of(&dashboard, "namespace"), all_of(&dashboard, "operation"));
    let shown = expressions(&dashboard);
    assert!(shown.len() > 30, "{shown:?}");
    for (namespace, operation) in [
        ("demo", "encode"),
        ("demo", "(encode|other)"),
        ("demo", all_operations),
        (all_namespaces, all_operations),
    ] {
        for expression in &shown {
            let expression = expression
                .replace("$namespace", namespace)
                .replace("$operation", operation)
                .replace("$__rate_interval", "1m");
            assert!(!expression.contains('$'), "{expression}");
            // A rate is of two scrapes.
            wait_until(&expression, || query(&expression).is_some());
        }
    }
    let lookups = |labels: &str| query(&format!("count(redis_cache_lookups{{{labels}}})"));
    let of_all = format!(r#"namespace=~"{all_namespaces}",operation=~"{all_operations}""#);
    assert_eq!(lookups(&of_all).as_deref(), Some("1"), "the server's, and no others");
}

#[test]
fn a_node_of_a_cluster_tells_of_its_own_namespaces() {
    let server = Launch::new().cluster().line("cluster-require-full-coverage no").start();
    let mut client = server.client();
    call!(client, "CLUSTER", "ADDSLOTSRANGE", 0, 8191);
    wait_until("the node serves its slots", || !call!(client, "CACHE.STATS", "demo").is_error());
    assert!(call!(client, "CACHE.STATS", "other").is_error(), "another node's");
    let script = fs::read_to_string(monitoring("stats.lua")).expect("a script");
    let script = script.replace("{ 'demo' }", "{ 'other', 'demo' }");
    assert!(script.contains("'other'"), "{script}");
    let figures = client.must(&["EVAL", &script, "0"]).pairs();
    let has = |name: &str| figures.iter().any(|(figure, _)| figure == name);
    assert!(has("hits||") && has("hits|demo|") && !has("hits|other|"), "{figures:?}");
}
