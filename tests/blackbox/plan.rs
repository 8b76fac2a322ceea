//! CACHE.PLAN: all jobs of a plan looked up, and leased where they are missing, in one step.

use crate::harness::{
    Client, Entry, Fetched, Launch, ReplicationStream, Server, Waiter, fenced, nil, now_ms, ok,
    wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const fn op(params: &str) -> Entry<'_> {
    Entry { ns: "ns", operation: "op", params }
}

/// A plan of jobs of the operation `op`, as the bare array.
fn jobs(params: &[&str]) -> String {
    let jobs: Vec<String> =
        params.iter().map(|params| format!(r#"{{"operation":"op","params":{params}}}"#)).collect();
    format!("[{}]", jobs.join(","))
}

/// CACHE.PLAN with options as they are typed; each part of the reply is one of FETCH.
#[track_caller]
fn plan(client: &mut Client, plan: &str, options: &str) -> Vec<Fetched> {
    let mut command = args!["CACHE.PLAN", "ns", plan];
    command.extend(options.split_whitespace().map(|word| word.as_bytes().to_vec()));
    client.must(&command).array().iter().map(Fetched::of).collect()
}

fn told(fetched: &[Fetched]) -> Vec<String> {
    fetched.iter().map(Fetched::told).collect()
}

/// Brings the entries 1 to 5 into a state each: fresh, stale, absent, leased with progress, failed.
#[track_caller]
fn prepare(client: &mut Client) {
    cache!(client, "SET", "ns", "op", "1", "fresh");
    cache!(client, "SET", "ns", "op", "2", "stale", "GRACE", 60_000);
    cache!(client, "INVALIDATE", "ns", "op", "2", "SOFT");
    let token = op("4").lease(client, "LEASE 60000");
    assert_eq!(cache!(client, "RENEW", "ns", token, "PROGRESS", "0.5"), ok());
    let token = op("5").lease(client, "");
    assert_eq!(cache!(client, "FAIL", "ns", token, "no GPU", "PX", 60_000), ok());
}

#[test]
fn each_job_is_answered_as_by_fetch_in_order() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    prepare(&mut client);
    other.must(&args!["SELECT", 1]);
    prepare(&mut other);
    let order = ["5", "1", "3", "4", "2"];
    let answers = plan(&mut client, &jobs(&order), "");
    assert_eq!(told(&answers), ["FAILED no GPU", "HIT fresh", "LEASE", "BUSY 0.5", "STALE stale"]);
    for (params, answer) in order.iter().zip(&answers) {
        let alone = op(params).fetch(&mut other, "");
        assert_eq!(answer.told(), alone.told());
        assert_eq!(answer.token.is_some(), alone.token.is_some(), "{params}: {answer:?}, {alone:?}");
        assert_eq!(answer.version.signum(), alone.version.signum(), "{params}: {answer:?}, {alone:?}");
    }
    for params in ["1", "2"] {
        let answer = &answers[order.iter().position(|job| *job == params).unwrap()];
        assert_eq!(answer.version, op(params).version(&mut client));
    }
    // The one caller with the token is asked to compute what is stale; the second time all are told to use it.
    let again = plan(&mut client, &jobs(&order), "");
    assert_eq!(told(&again), ["FAILED no GPU", "HIT fresh", "BUSY", "BUSY 0.5", "STALE stale"]);
    assert!(again.iter().all(|answer| answer.token.is_none()), "{again:?}");
}

#[test]
fn each_token_completes_its_job() {
    let server = Server::start();
    let mut client = server.client();
    let leased = plan(&mut client, &jobs(&["1", "2", r#"{"b":1,"a":2}"#]), "");
    assert_eq!(told(&leased), ["LEASE"; 3]);
    for (n, answer) in leased.iter().enumerate() {
        assert_eq!(answer.version, 0);
        assert_eq!(cache!(client, "FILL", "ns", answer.token(), format!("r{n}")), ok());
    }
    // In other spellings they are the same.
    let found = plan(&mut client, &jobs(&["1.0", " 2 ", r#"{ "a":2.0, "\u0062" : 1 }"#]), "");
    assert_eq!(told(&found), ["HIT r0", "HIT r1", "HIT r2"]);
    assert_eq!(op(r#"{"a":2,"b":1}"#).fetch(&mut client, "").told(), "HIT r2");
}

#[test]
fn both_shapes_of_a_plan_and_members_that_say_nothing_here() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "1", "r");
    for text in [
        r#"[{"operation":"op","params":1}]"#,
        r#"{"jobs":[{"operation":"op","params":1}]}"#,
        r#"{"version":3,"jobs":[{"operation":"op","params":1}],"meta":{"jobs":[7]}}"#,
        r#"[{"name":"a","operation":"op","cost":[1,{}],"params":1.0,"id":"a","dependsOn":[]}]"#,
        r#"[{"params":1,"operation":"op","id":7,"retries":null}]"#,
        "\n\t {\"jobs\" : [ {\"operation\" : \"\\u006fp\",\r\n \"params\" : 1e0} ] } ",
    ] {
        assert_eq!(told(&plan(&mut client, text, "")), ["HIT r"], "{text}");
    }
    for empty in ["[]", r#"{"jobs":[]}"#, " [ ] "] {
        assert_eq!(plan(&mut client, empty, ""), [], "{empty}");
    }
    // The graph orders nothing: the reply goes by the jobs' order.
    let graph =
        r#"[{"id":1,"dependsOn":[2],"operation":"op","params":2},{"id":2,"operation":"op","params":1}]"#;
    assert_eq!(told(&plan(&mut client, graph, "")), ["LEASE", "HIT r"]);
}

#[test]
fn what_looks_like_a_fingerprint_in_a_plan_is_a_string() {
    let server = Server::start();
    let mut client = server.client();
    let fingerprint = op("1").info(&mut client, "fingerprint").text();
    cache!(client, "SET", "ns", "op", "1", "of the number");
    cache!(client, "SET", "ns", "op", format!("\"fp:{fingerprint}\""), "of the string");
    let found = plan(&mut client, &jobs(&[&format!("\"fp:{fingerprint}\"")]), "");
    assert_eq!(told(&found), ["HIT of the string"]);
}

#[test]
fn a_job_that_is_there_twice_is_leased_once() {
    let server = Server::start();
    let mut client = server.client();
    let twice = jobs(&["1", "2", "1.0", "1e0"]);
    assert_eq!(told(&plan(&mut client, &twice, "")), ["LEASE", "LEASE", "BUSY", "BUSY"]);
    assert_eq!(told(&plan(&mut client, &twice, "")), ["BUSY"; 4]);

    let twice = jobs(&["3", "4", "3"]);
    let mine = plan(&mut client, &twice, "HOLDER me");
    assert_eq!(told(&mine), ["LEASE"; 3]);
    assert_eq!(mine[0], mine[2]);
    assert_ne!(mine[0].token, mine[1].token);
    assert_eq!(plan(&mut client, &twice, "HOLDER me"), mine, "a retry gets the same tokens");
    assert_eq!(told(&plan(&mut client, &twice, "HOLDER you")), ["BUSY"; 3]);
    assert_eq!(told(&plan(&mut client, &twice, "")), ["BUSY"; 3]);
    assert_eq!(op("3").lease(&mut client, "HOLDER me"), mine[0].token());
    assert_eq!(op("3").info(&mut client, "holder"), "me".into());
}

#[test]
fn leases_last_as_long_as_asked_or_as_rules_say() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "short", "LEASE", "2s");
    let before = now_ms();
    let both = r#"[{"operation":"op","params":1},{"operation":"short","params":1}]"#;
    plan(&mut client, both, "");
    let mut lasts = |operation| {
        let entry = Entry { ns: "ns", operation, params: "1" };
        entry.info(&mut client, "deadline_ms").int() - before
    };
    let (long, short) = (lasts("op"), lasts("short"));
    assert!((29_990..40_000).contains(&long) && (1990..12_000).contains(&short), "{long} {short}");
    call!(client, "FLUSHALL");
    let before = now_ms();
    plan(&mut client, both, "LEASE 500000");
    let mut lasts = |operation| {
        let entry = Entry { ns: "ns", operation, params: "1" };
        entry.info(&mut client, "deadline_ms").int() - before
    };
    let (long, short) = (lasts("op"), lasts("short"));
    assert!((499_990..510_000).contains(&long) && (499_990..510_000).contains(&short), "{long} {short}");
    // One that lapses is anybody's.
    assert_eq!(told(&plan(&mut client, &jobs(&["7"]), "LEASE 1")), ["LEASE"]);
    wait_until("the lease has lapsed", || {
        told(&plan(&mut client, &jobs(&["7"]), "LEASE 60000")) == ["LEASE"]
    });
}

#[test]
fn those_who_wait_for_a_job_of_a_plan_get_its_value() {
    let server = Server::start();
    let mut client = server.client();
    let leased = plan(&mut client, &jobs(&["1", "2", "3"]), "LEASE 60000");
    let mut waiters: Vec<Waiter> =
        ["1", "2", "3"].map(|params| Waiter::on(&server, &op(params), "BLOCK 0")).into();
    assert_eq!(cache!(client, "FILL", "ns", leased[0].token(), "r"), ok());
    assert_eq!(waiters[0].told(), "HIT r");
    assert_eq!(cache!(client, "FAIL", "ns", leased[1].token(), "broken"), ok());
    assert_eq!(waiters[1].told(), "FAILED broken");
    assert_eq!(cache!(client, "RELEASE", "ns", leased[2].token()), ok());
    assert_eq!(waiters[2].told(), "LEASE");
    // A plan does not overtake who waits.
    let mut waiter = Waiter::on(&server, &op("3"), "BLOCK 0");
    assert_eq!(told(&plan(&mut client, &jobs(&["3"]), "")), ["BUSY"]);
    assert!(waiter.still_waits(&server));
}

#[test]
fn a_stale_job_keeps_its_token_and_a_refresh_is_given_early() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "REFRESH", 99);
    cache!(client, "SET", "ns", "op", "1", "r", "PX", 60_000);
    wait_until("the refresh is due", || {
        let found = plan(&mut client, &jobs(&["1", "1"]), "");
        assert_eq!(told(&found), ["HIT r", "HIT r"]);
        assert_eq!(found[1].token, None, "two refresh tokens in one plan");
        found[0].token.is_some()
    });
}

#[test]
fn nothing_is_replicated_and_no_watcher_is_disturbed() {
    let server = Server::start();
    let (mut client, mut watcher) = (server.client(), server.client());
    prepare(&mut client);
    let mut stream = ReplicationStream::attach(&server);
    let dirty = client.info("persistence", "rdb_changes_since_last_save");
    watcher.must(&["WATCH", "ns"]);
    plan(&mut client, &jobs(&["1", "2", "3", "4", "5"]), "HOLDER me");
    assert_eq!(stream.names(), [""; 0]);
    assert_eq!(client.info("persistence", "rdb_changes_since_last_save"), dirty);
    let replies = watcher.pipeline(&[args!["MULTI"], args!["PING"], args!["EXEC"]]);
    assert_ne!(replies[2], nil());
}

#[test]
fn plans_in_transactions_and_scripts() {
    let server = Server::start();
    let mut client = server.client();
    let text = jobs(&["1", "2"]);
    let replies = client.pipeline(&[
        args!["MULTI"],
        args!["CACHE.PLAN", "ns", text],
        args!["CACHE.PLAN", "ns", text],
        args!["EXEC"],
    ]);
    let both: Vec<Vec<Fetched>> =
        replies[3].array().iter().map(|reply| reply.array().iter().map(Fetched::of).collect()).collect();
    assert_eq!(told(&both[0]), ["LEASE", "LEASE"]);
    assert_eq!(told(&both[1]), ["BUSY", "BUSY"]);
    for (n, answer) in both[0].iter().enumerate() {
        assert_eq!(cache!(client, "FILL", "ns", answer.token(), n), ok());
    }
    let script = "return redis.call('CACHE.PLAN', KEYS[1], ARGV[1])[2][2]";
    assert_eq!(call!(client, "EVAL", script, 1, "ns", text), "1".into());
    assert_eq!(call!(client, "EVAL_RO", script, 1, "ns", text), "1".into());
}

#[test]
fn a_replica_answers_what_all_is_there() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    prepare(&mut primary.client());
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = replica.client();
    let found = plan(&mut client, &jobs(&["1", "2", "1.0"]), "LEASE 1000 HOLDER me");
    assert_eq!(told(&found), ["HIT fresh", "STALE stale", "HIT fresh"]);
    assert!(found.iter().all(|answer| answer.token.is_none()));
    for missing in ["3", "4", "5"] {
        for text in [jobs(&[missing]), jobs(&["1", missing, "2"])] {
            assert_eq!(call!(client, "CACHE.PLAN", "ns", &text).error_word(), "READONLY", "{text}");
        }
    }
    // Of an absent namespace all is absent.
    assert_eq!(call!(client, "CACHE.PLAN", "none", jobs(&["1"])).error_word(), "READONLY");
    // What is no plan is none here either.
    assert_eq!(call!(client, "CACHE.PLAN", "ns", "[").error_word(), "BADPLAN");
}

#[test]
fn under_bypass_every_job_is_leased_and_nothing_is_kept() {
    let server = Server::start();
    let mut client = server.client();
    prepare(&mut client);
    cache!(client, "SET", "ns", "other", "1", "kept");
    let mixed =
        r#"[{"operation":"op","params":1},{"operation":"other","params":1},{"operation":"op","params":1}]"#;
    for by_rule in [true, false] {
        match by_rule {
            true => policy!(client, "SET", "ns", "op", "BYPASS", "yes"),
            false => call!(client, "CONFIG", "SET", "cache.enabled", "no"),
        };
        let answers = plan(&mut client, mixed, "");
        let other = if by_rule { "HIT kept" } else { "LEASE" };
        assert_eq!(told(&answers), ["LEASE", other, "LEASE"]);
        for answer in [&answers[0], &answers[2]] {
            assert_eq!(cache!(client, "FILL", "ns", answer.token(), "dropped"), ok());
        }
        policy!(client, "DEL", "ns", "op");
        call!(client, "CONFIG", "SET", "cache.enabled", "yes");
        assert_eq!(told(&plan(&mut client, mixed, "")), ["HIT fresh", "HIT kept", "HIT fresh"]);
    }
}

#[test]
fn tags_drawn_from_params_revoke_the_jobs_leases() {
    let server = Server::start();
    let mut client = server.client();
    policy!(client, "SET", "ns", "op", "TAGS", "video:{params/id}");
    let leased = plan(&mut client, &jobs(&[r#"{"id":7}"#, r#"{"id":8}"#]), "LEASE 60000");
    let mut waiter = Waiter::on(&server, &op(r#"{"id":7}"#), "BLOCK 0");
    call!(client, "CACHE.INVALIDATE", "TAG", "ns", "video:7");
    assert_eq!(waiter.told(), "LEASE", "the lease was revoked at once");
    assert_eq!(cache!(client, "FILL", "ns", leased[0].token(), "r"), fenced());
    assert_eq!(cache!(client, "FILL", "ns", leased[1].token(), "r"), ok());
}

#[test]
fn a_plan_of_ten_thousand_jobs() {
    let server = Server::start();
    let mut client = server.client();
    let params: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let text = jobs(&params);
    let leased = plan(&mut client, &text, "LEASE 10000");
    assert!(leased.len() == 10_000 && leased.iter().all(|answer| answer.status == "LEASE"));
    // However long it took to grant them all, the first has not come to its end by that.
    assert!(plan(&mut client, &text, "").iter().all(|answer| answer.status == "BUSY"));
    let fills: Vec<_> = leased
        .iter()
        .enumerate()
        .map(|(n, answer)| args!["CACHE.RESULT", "FILL", "ns", answer.token(), format!("result {n}")])
        .collect();
    assert!(client.pipeline(&fills).iter().all(|reply| *reply == ok()));
    let found = plan(&mut client, &text, "");
    for (n, answer) in found.iter().enumerate() {
        assert_eq!(answer.told(), format!("HIT result {n}"));
    }
    assert_eq!(call!(client, "CACHE.INVALIDATE.PLAN", "ns", text), 10_000.into());
    assert_eq!(call!(client, "DBSIZE"), 1.into());
}
