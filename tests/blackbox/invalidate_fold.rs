//! Where more is invalidated than a namespace keeps in mind: results are lost for nothing then, and never found in error.

use crate::harness::{
    AofBase, Client, Launch, Value, assert_same_digests, digests, fenced, nil, ok, wait_for_replica_in_sync,
};
use crate::{args, cache, call};

/// How many tags and exact names of operations a namespace keeps, and how many patterns.
const NAMES: usize = 65_536;
const PATTERNS: usize = 64;

/// An entry of the operation `op` with these tags.
#[track_caller]
fn set(client: &mut Client, params: &str, tags: &[&str]) {
    let mut command = args!["CACHE.RESULT", "SET", "ns", "op", params, "r", "PERSIST"];
    if !tags.is_empty() {
        command.extend(args!["TAGS", tags.len()]);
        command.extend(tags.iter().map(|tag| tag.as_bytes().to_vec()));
    }
    assert_eq!(client.call(&command), ok());
}

#[track_caller]
fn is_there(client: &mut Client, operation: &str, params: &str) -> bool {
    cache!(client, "GET", "ns", operation, params) == "r".into()
}

/// Invalidates names `{prefix}from` to `{prefix}to`, one command each.
#[track_caller]
fn invalidate(client: &mut Client, what: &str, prefix: &str, names: std::ops::Range<usize>) {
    let commands: Vec<_> =
        names.map(|n| args!["CACHE.INVALIDATE", what, "ns", format!("{prefix}{n}")]).collect();
    let replies = client.pipeline(&commands);
    assert!(replies.iter().all(|reply| matches!(reply, Value::Integer(_))));
}

#[test]
fn more_tags_than_are_kept() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    let before = call!(client, "CACHE.CLOCK", "ns").text();
    set(&mut client, "\"untagged\"", &[]);
    set(&mut client, "\"other\"", &["other"]);
    set(&mut client, "\"first\"", &["t0"]);
    set(&mut client, "\"last\"", &["t65535"]);
    invalidate(&mut client, "TAG", "t", 0..NAMES);
    // So many are known exactly.
    assert!(is_there(&mut client, "op", "\"untagged\"") && is_there(&mut client, "op", "\"other\""));
    assert!(!is_there(&mut client, "op", "\"first\"") && !is_there(&mut client, "op", "\"last\""));
    let middle = call!(client, "CACHE.CLOCK", "ns").text();
    set(&mut client, "\"late\"", &["other", "t7"]);
    let full = call!(client, "MEMORY", "USAGE", "ns").int();

    invalidate(&mut client, "TAG", "t", NAMES..NAMES + 1);
    assert!(call!(client, "MEMORY", "USAGE", "ns").int() < full * 2 / 3, "half of them are folded");
    assert!(full < 12 << 20, "a full namespace takes {full} bytes");
    // What is dead stays dead; what came after the older half, or bears no tag, lives.
    assert!(!is_there(&mut client, "op", "\"first\"") && !is_there(&mut client, "op", "\"last\""));
    assert!(is_there(&mut client, "op", "\"untagged\"") && is_there(&mut client, "op", "\"late\""));
    set(&mut client, "\"new\"", &["t0", "t65535", "other"]);
    assert!(is_there(&mut client, "op", "\"new\""));
    // The newer half is known exactly still, and new ones are as ever.
    invalidate(&mut client, "TAG", "t", 7..8);
    assert!(!is_there(&mut client, "op", "\"late\"") && is_there(&mut client, "op", "\"new\""));
    invalidate(&mut client, "TAG", "t", 0..1);
    assert!(!is_there(&mut client, "op", "\"new\""));

    // A write that began before any of them is refused, whichever half it was in.
    for tag in ["t0", "t1", "t7", "t30000", "t40000", "t65535", "t65536"] {
        let reply = cache!(client, "SET", "ns", "op", "1", "late", "TAGS", 1, tag, "SINCE", &before);
        assert_eq!(reply, fenced(), "{tag}");
    }
    assert_eq!(
        cache!(client, "SET", "ns", "op", "2", "r", "SINCE", &before),
        ok(),
        "without a tag none concerns it"
    );
    assert_eq!(cache!(client, "SET", "ns", "op", "3", "r", "TAGS", 1, "other", "SINCE", &middle), ok());
}

#[test]
fn more_tags_than_are_kept_in_few_commands_on_every_copy() {
    let mut server = Launch::new().line("cache.sweep no").append_only(AofBase::Rdb).start();
    let replica = Launch::new().line("cache.sweep no").replica_of(&server).start();
    let mut client = server.client();
    set(&mut client, "\"untagged\"", &[]);
    for n in 0..100 {
        set(&mut client, &n.to_string(), &[&format!("t{}", n * 1000)]);
    }
    for chunk in 0..70 {
        let mut command = args!["CACHE.INVALIDATE", "TAG", "ns"];
        command.extend((0..1000).map(|n| format!("t{}", chunk * 1000 + n).into_bytes()));
        client.must(&command);
    }
    let check = |client: &mut Client| {
        assert!((0..70).all(|n| !is_there(client, "op", &n.to_string())), "what was invalidated is dead");
        assert!(is_there(client, "op", "\"untagged\""));
    };
    check(&mut client);
    set(&mut client, "\"new\"", &["t0", "t69999"]);
    wait_for_replica_in_sync(&server, &replica);
    let data = digests(&server);
    assert_same_digests("the replica", &data, &digests(&replica));
    check(&mut replica.client());
    server.kill_and_restart();
    let mut client = server.client();
    assert_same_digests("the file", &data, &digests(&server));
    check(&mut client);
    client.must(&["DEBUG", "RELOAD"]);
    assert_same_digests("a snapshot", &data, &digests(&server));
    check(&mut client);
    assert!(is_there(&mut client, "op", "\"new\""));
}

#[test]
fn more_patterns_than_are_kept() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    let before = call!(client, "CACHE.CLOCK", "ns").text();
    let set_all = |client: &mut Client, params: &str| {
        for n in 0..PATTERNS + 1 {
            let reply = cache!(client, "SET", "ns", format!("a{n}:x"), params, "r", "PERSIST");
            assert_eq!(reply, ok());
        }
        set(client, params, &[]);
    };
    set_all(&mut client, "1");
    let glob = |client: &mut Client, n: usize| {
        client.must(&args!["CACHE.INVALIDATE", "OPERATION", "ns", format!("a{n}:*")]);
    };
    (0..PATTERNS).for_each(|n| glob(&mut client, n));
    // The same again takes no other place.
    (0..PATTERNS).for_each(|n| glob(&mut client, n));
    assert!(is_there(&mut client, "op", "1"), "so many are known exactly");
    assert!(is_there(&mut client, "a64:x", "1"));
    set_all(&mut client, "2");
    glob(&mut client, PATTERNS);
    for n in 0..=PATTERNS {
        let operation = format!("a{n}:x");
        assert!(!is_there(&mut client, &operation, "1"), "{n}");
        assert_eq!(is_there(&mut client, &operation, "2"), n < PATTERNS, "{n}: what came later lives");
    }
    assert!(is_there(&mut client, "op", "2"));
    for n in 0..=PATTERNS {
        let reply = cache!(client, "SET", "ns", format!("a{n}:x"), "9", "late", "SINCE", &before);
        assert_eq!(reply, fenced(), "{n}");
    }
    set_all(&mut client, "3");
    assert!((0..=PATTERNS).all(|n| is_there(&mut client, &format!("a{n}:x"), "3")));
    glob(&mut client, 3);
    assert!(!is_there(&mut client, "a3:x", "3") && is_there(&mut client, "a4:x", "3"));
}

#[test]
fn more_operations_than_are_kept() {
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    for operation in ["op0", "op65535", "op65536"] {
        assert_eq!(cache!(client, "SET", "ns", operation, "1", "r"), ok());
    }
    // Half of what is kept are tags: all count together.
    invalidate(&mut client, "TAG", "t", 0..NAMES / 4);
    invalidate(&mut client, "OPERATION", "op", 0..NAMES * 3 / 4);
    let middle = cache!(client, "SET", "ns", "op0", "2", "r", "TAGS", 1, "t0");
    assert_eq!(middle, ok());
    assert!(is_there(&mut client, "op65535", "1"), "so many are known exactly");
    invalidate(&mut client, "OPERATION", "op", NAMES * 3 / 4..NAMES);
    for operation in ["op0", "op65535"] {
        assert_eq!(cache!(client, "GET", "ns", operation, "1"), nil(), "{operation}");
    }
    assert!(is_there(&mut client, "op0", "2"), "what came after all that was folded lives");
    assert_eq!(cache!(client, "SET", "ns", "op65535", "2", "r"), ok());
    assert!(is_there(&mut client, "op65535", "2"));
    assert!(call!(client, "MEMORY", "USAGE", "ns").int() < 12 << 20);
}

/// What one call names is compared with what is kept and with what is leased, not each with each.
#[test]
fn a_call_with_very_many_names_takes_no_longer_than_they_do() {
    const LEASES: usize = 10_000;
    let server = Launch::new().line("cache.sweep no").start();
    let mut client = server.client();
    call!(client, "CACHE.POLICY", "SET", "ns", "*", "TAGS", "t:{params}");
    let jobs: Vec<String> = (0..LEASES).map(|n| format!(r#"{{"operation":"op{n}","params":{n}}}"#)).collect();
    let plan = format!("[{}]", jobs.join(","));
    for (what, suffix, revoked) in [("TAG", "", 0), ("OPERATION", "", 0), ("OPERATION", "*", LEASES)] {
        let mut command = args!["CACHE.INVALIDATE", what, "ns"];
        command.extend((0..50_000).map(|n| format!("none{n}{suffix}").into_bytes()));
        call!(client, "CACHE.PLAN", "ns", &plan);
        let begun = std::time::Instant::now();
        client.must(&command);
        let took = begun.elapsed();
        assert!(took.as_secs() < 4, "{what} ...{suffix} took {took:?}");
        let again = call!(client, "CACHE.PLAN", "ns", &plan);
        let leased = again.array().iter().filter(|job| job.array()[0].text() == "LEASE").count();
        assert_eq!(leased, revoked, "{what} ...{suffix}");
    }
}
