//! The ready sets of rules in docs/policies.md, typed as they stand there, and what becomes of real results under them.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::cache;
use crate::harness::{Client, Entry, Server, now_ms, ok};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The first fenced block below a heading of the page.
#[track_caller]
fn block(heading: &str) -> &'static str {
    let page = include_str!("../../docs/policies.md");
    let section = page.split("\n### ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("no heading {heading:?}"));
    section.split("```\n").nth(1).unwrap_or_else(|| panic!("no block below {heading:?}"))
}

/// A server under the rules of a section, typed into redis-cli.
#[track_caller]
fn under(heading: &str) -> Server {
    let server = Server::start();
    let mut cli = Command::new("redis-cli")
        .args(["-p", &server.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli comes with redis-server");
    let lines = block(heading);
    cli.stdin.take().expect("stdin is piped").write_all(lines.as_bytes()).expect("redis-cli reads");
    let output = cli.wait_with_output().expect("redis-cli ends");
    let replies = String::from_utf8(output.stdout).expect("replies are text");
    assert!(replies.lines().all(|reply| reply == "OK"), "{replies}");
    assert_eq!(replies.lines().count(), lines.lines().count());
    server
}

/// Stores a result without any option; the entry's TTL and grace in milliseconds.
#[track_caller]
fn stored(client: &mut Client, entry: &Entry, result: &str) -> (i64, i64) {
    assert_eq!(entry.call(client, "SET", &[result]), ok());
    assert_eq!(entry.call(client, "GET", &[""; 0]), result.into());
    entry.life(client)
}

#[test]
fn results_of_video_generation() {
    let server = under("Results of video generation");
    let mut client = server.client();
    let of = |params| Entry { ns: "studio:7", operation: "generateVideo", params };
    let first = of(r#"{"planId":"p-1","requestId":"r-9","model":"cat-2","prompt":"a cat","seconds":4}"#);
    let result = r#"{"url":"s3://videos/1.mp4","sha256":"9f8e","bytes":31337}"#;
    assert_eq!(stored(&mut client, &first, result), (7 * DAY, DAY));
    assert_eq!(first.tags(&mut client), ["plan:p-1", "model:cat-2"]);
    // Another plan's request for the same video finds it.
    let second = of(r#"{"seconds":4.0,"prompt":"a cat","model":"cat-2","planId":"p-2","requestId":"r-10"}"#);
    assert_eq!(second.call(&mut client, "GET", &[""; 0]), result.into());
    let other = of(r#"{"planId":"p-1","requestId":"r-9","model":"cat-2","prompt":"a dog","seconds":4}"#);
    assert_eq!(other.call(&mut client, "EXISTS", &[""; 0]), 0.into());
    // Another operation of the studio is not meant.
    let review = Entry { operation: "review", ..of("{}") };
    assert_eq!(stored(&mut client, &review, "{}"), (HOUR, 0));
}

#[test]
fn lists_statistics_and_presigned_urls() {
    let server = under("Lists, statistics and presigned URLs");
    let mut client = server.client();
    let of = |operation, params| Entry { ns: "site:main", operation, params };
    let list = of("video:list", r#"{"page":1,"sort":"new"}"#);
    assert_eq!(stored(&mut client, &list, r#"[{"id":7},{"id":8}]"#), (MINUTE, 5 * MINUTE));
    assert!(list.tags(&mut client).is_empty());
    let stats = of("video:stats", r#"{"id":7}"#);
    assert_eq!(stored(&mut client, &stats, r#"{"views":12}"#), (30 * SECOND, 2 * MINUTE));
    assert_eq!(stats.tags(&mut client), ["video:7"]);
    let url = of("video:url", r#"{"id":7}"#);
    // A signature that outlives the hour does not matter.
    let late = now_ms() / 1000 + 2 * 3600;
    assert_eq!(
        stored(&mut client, &url, &format!(r#"{{"url":"https://cdn/7","expires":{late}}}"#)),
        (HOUR, 0)
    );
    assert_eq!(url.tags(&mut client), ["video:7"]);
    // One that ends earlier does, to the millisecond, however the writer asks for more.
    let end = now_ms() / 1000 + 900;
    for options in [&[][..], &["EX", "3600"], &["PERSIST"], &["KEEPTTL"], &["EX", "600", "GRACE", "3600000"]]
    {
        let result = format!(r#"{{"url":"https://cdn/7","expires":{end}}}"#);
        assert_eq!(url.call(&mut client, "SET", &[&[result.as_str()], options].concat()), ok());
        assert_eq!(url.expiry(&mut client), (end - 60) * 1000, "{options:?}");
    }
}

#[test]
fn scenes_decisions_and_builds_of_an_editor() {
    let server = under("Scenes, decisions and builds of an editor");
    let mut client = server.client();
    let of = |operation, params| Entry { ns: "editor:42", operation, params };
    let scene = of("scene:render", r#"{"sceneId":"s1","size":[640,480]}"#);
    assert_eq!(stored(&mut client, &scene, "<svg/>"), (10 * MINUTE, 0));
    assert_eq!(scene.tags(&mut client), ["scene:s1"]);
    let decision = of("ai:decide", r#"{"sceneId":"s1","requestId":"r-9","ask":"cut"}"#);
    assert_eq!(stored(&mut client, &decision, r#"{"targetSceneId":"s2","action":"cut"}"#), (30 * MINUTE, 0));
    assert_eq!(decision.tags(&mut client), ["scene:s1", "scene:s2"]);
    let again = of("ai:decide", r#"{"ask":"cut","requestId":"r-10","sceneId":"s1"}"#);
    assert_eq!(again.call(&mut client, "EXISTS", &[""; 0]), 1.into());
    // One scene twice is one tag; prose has no target.
    stored(&mut client, &decision, r#"{"targetSceneId":"s1"}"#);
    assert_eq!(decision.tags(&mut client), ["scene:s1"]);
    stored(&mut client, &decision, "cut the scene in two");
    assert_eq!(decision.tags(&mut client), ["scene:s1"]);
    let build =
        of("component:build", r#"{"sceneId":"s2","component":"Timeline","source":"export default 1"}"#);
    assert_eq!(stored(&mut client, &build, "!function(){}()"), (DAY, 0));
    assert_eq!(build.tags(&mut client), ["scene:s2"]);
    let canonical = r#"{"component":"Timeline","sceneId":"s2","source":"export default 1"}"#;
    let fingerprint = crate::harness::blake3_fingerprint_of("component:build", canonical);
    assert!(build.key(&mut client).ends_with(&fingerprint));
}

#[test]
fn progress_of_jobs_that_browsers_poll() {
    let server = under("Progress of jobs that browsers poll");
    let mut client = server.client();
    let job = Entry { ns: "jobs:7", operation: "progress", params: r#"{"job":"j-1"}"# };
    for (result, ttl) in [
        (r#"{"status":"in_progress","percent":10}"#, 30 * SECOND),
        (r#"{"percent":100,"status":"completed","url":"/v/1"}"#, 7 * DAY),
        (r#"{"status":"failed","error":"no such scene"}"#, MINUTE),
        (r#"{"status":"queued"}"#, 30 * SECOND),
        ("starting", 30 * SECOND),
    ] {
        assert_eq!(stored(&mut client, &job, result), (ttl, 0), "{result}");
    }
}

#[test]
fn sources_profiles_and_uploads_of_an_encoder() {
    let server = under("Sources, profiles and uploads of an encoder");
    let mut client = server.client();
    let of = |operation, params| Entry { ns: "encoder:node1", operation, params };
    let probe = of("source:probe", r#"{"sha256":"9f8e","path":"/in/a.mov","mtime":1700000000}"#);
    assert_eq!(stored(&mut client, &probe, r#"{"seconds":61.5,"codec":"prores"}"#), (30 * DAY, 0));
    assert_eq!(probe.tags(&mut client), ["source:9f8e"]);
    let moved = of("source:probe", r#"{"mtime":1800000000,"path":"/archive/a.mov","sha256":"9f8e"}"#);
    assert_eq!(moved.call(&mut client, "EXISTS", &[""; 0]), 1.into());
    let rendition = of("encode", r#"{"source":"9f8e","profile":{"name":"720p","crf":23}}"#);
    assert_eq!(stored(&mut client, &rendition, r#"{"path":"/out/720.mp4"}"#), (30 * DAY, 0));
    assert_eq!(rendition.tags(&mut client), ["source:9f8e", "profile:720p"]);
    let profile = of("profile", r#"{"name":"720p"}"#);
    assert_eq!(stored(&mut client, &profile, r#"{"crf":23}"#), (DAY, 0));
    assert_eq!(profile.tags(&mut client), ["profile:720p"]);
    let upload = of("upload", r#"{"source":"9f8e"}"#);
    for (result, ttl) in [
        (r#"{"state":"uploading","sent":5}"#, 30 * SECOND),
        (r#"{"state":"done","url":"s3://b/1"}"#, 30 * DAY),
        (r#"{"state":"failed"}"#, MINUTE),
        (r#"{"state":"waiting"}"#, MINUTE),
        // No session is no end.
        (r#"{"state":"done","session":{"expires":null}}"#, 30 * DAY),
    ] {
        assert_eq!(stored(&mut client, &upload, result), (ttl, 0), "{result}");
        assert_eq!(upload.tags(&mut client), ["source:9f8e"]);
    }
    // The state is not believed beyond the session, less its margin.
    let end = now_ms() / 1000 + 3600;
    let result = format!(r#"{{"state":"done","session":{{"expires":{end}}}}}"#);
    assert_eq!(cache!(client, "SET", upload.ns, upload.operation, upload.params, result), ok());
    assert_eq!(upload.expiry(&mut client), (end - 300) * 1000);
}
