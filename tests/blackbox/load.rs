//! A mixed load whose outcome every copy of the data must agree on.

use std::collections::BTreeMap;

use crate::harness::{Client, Launch, Random, Server, now_ms, wait_until};
use crate::{args, cache, call};

/// The databases, namespaces, operations and params that the load touches.
const DATABASES: [i32; 2] = [0, 3];
const NAMESPACES: [&str; 3] = ["project:7", "tenant{a}", "{a}other"];
const OPERATIONS: [&str; 2] = ["render", "video:stats"];
const PARAMS: [&str; 6] = ["{}", r#"{"a":1}"#, "[1,2]", "null", "7", "\"x\""];

/// So far away that nothing ends while tests compare.
const FAR: i64 = 1_900_000_000_000;

/// A server that keeps what is dead, of which the load leaves some: copies must agree on that too.
pub fn launch() -> Launch {
    Launch::new().line("cache.sweep no")
}

/// Some hundreds of writes and invalidations of every kind, alone, in transactions and in scripts, in several
/// databases, then every odd state that core's commands can bring entries and namespaces into. When it
/// returns, what was to expire soon has expired.
#[track_caller]
pub fn run(server: &Server, seed: u64) {
    let mut random = Random::seeded(seed);
    let mut client = server.client();
    for database in DATABASES {
        client.must(&args!["SELECT", database]);
        for _ in 0..30 {
            let commands: Vec<_> = (0..1 + random.below(4)).map(|_| mutation(&mut random)).collect();
            match random.below(3) {
                0 => commands.iter().for_each(|command| drop(client.must(command))),
                1 => in_a_transaction(&mut client, &commands),
                _ => in_a_script(&mut client, &commands),
            }
        }
    }
    for database in DATABASES {
        client.must(&args!["SELECT", database]);
        odd_states(&mut client);
    }
    let end = now_ms() + SOON;
    wait_until("what ends soon has ended", || now_ms() > end + 1);
}

/// The longest time in milliseconds that entries of the load live, where they do not live for long.
const SOON: i64 = 40;

/// One write or invalidation with random options.
fn mutation(random: &mut Random) -> Vec<Vec<u8>> {
    let (ns, operation, params) = (random.pick(&NAMESPACES), random.pick(&OPERATIONS), random.pick(&PARAMS));
    if random.once_in(4) {
        let mut command = args!["CACHE.RESULT", "INVALIDATE", ns, operation, params];
        if random.once_in(2) {
            command.push(b"SOFT".to_vec());
        }
        return command;
    }
    let size = *random.pick(&[0, 1, 20, 300, 5000]);
    let mut command = args!["CACHE.RESULT", "SET", ns, operation, params, random.bytes(size)];
    command.extend(match random.below(8) {
        0 => args!["EX", 1000 + random.below(1000)],
        1 => args!["PX", 10_000_000 + random.below(1000)],
        2 => args!["EXAT", FAR / 1000],
        3 => args!["PXAT", FAR + random.below(1000) as i64],
        4 => args!["KEEPTTL"],
        5 => args!["PERSIST"],
        6 => args!["PX", 1 + random.below(SOON as usize)],
        _ => args![],
    });
    // What ends soon must not linger as stale, or copies are compared while it goes.
    let short = command.contains(&b"PX".to_vec()) && command.last().is_some_and(|time| time.len() < 4);
    if random.once_in(2) && !short {
        command.extend(args!["GRACE", 1_000_000 + random.below(1000)]);
    }
    if random.once_in(3) {
        command.extend(args!["TAGS", 2, format!("t{}", random.below(9)), random.bytes(9)]);
    }
    if random.once_in(3) {
        command.extend(args!["TOOK", random.below(100_000), "WEIGHT", random.below(1_000_000)]);
    }
    if random.once_in(8) {
        command.push(random.pick(&["NX", "XX"]).as_bytes().to_vec());
    }
    command
}

#[track_caller]
fn in_a_transaction(client: &mut Client, commands: &[Vec<Vec<u8>>]) {
    client.must(&["MULTI"]);
    commands.iter().for_each(|command| drop(client.must(command)));
    let replies = client.must(&["EXEC"]);
    assert!(replies.array().iter().all(|reply| !reply.is_error()), "{replies:?}");
}

/// Each command as one call of a script, between calls that read.
#[track_caller]
fn in_a_script(client: &mut Client, commands: &[Vec<Vec<u8>>]) {
    const SCRIPT: &str = "
        local at = 1
        for n = 1, tonumber(ARGV[1]) do
            local count = tonumber(ARGV[at + 1])
            redis.call(unpack(ARGV, at + 2, at + 1 + count))
            redis.call('CACHE.RESULT', 'GET', ARGV[at + 4], ARGV[at + 5], ARGV[at + 6])
            at = at + 1 + count
        end
        return 'done'";
    let mut script = args!["EVAL", SCRIPT, 0, commands.len()];
    for command in commands {
        script.extend(args![command.len()]);
        script.extend(command.clone());
    }
    client.must(&script);
}

/// What core's commands make of entries and namespaces: renamed, copied, moved, restored, orphaned.
#[track_caller]
fn odd_states(client: &mut Client) {
    // What an earlier run put in the way of this one.
    let swapped = cache!(client, "KEY", "swapped", "odd", "1").bulk().to_vec();
    client.must(&args!["DEL", "shadowed", "usurped", swapped]);
    let mut key = |ns: &str, params: &str| {
        let result = format!("odd {params}");
        let options = args!["PXAT", FAR, "GRACE", 1_000_000, "TAGS", 1, "t"];
        client.must(&[args!["CACHE.RESULT", "SET", ns, "odd", params, result], options].concat());
        cache!(client, "KEY", ns, "odd", params).bulk().to_vec()
    };
    let keys: Vec<Vec<u8>> = (0..9).map(|n| key("odd", &n.to_string())).collect();
    let (orphan, moved) = (key("orphaned", "1"), key("renamed", "1"));
    let shadowed = key("shadowed", "1");
    let copied = key("copied", "1");
    let remade = key("remade", "1");
    let (usurper, usurped) = (key("usurped", "1"), key("usurped", "2"));
    let swapped = key("swapped", "1");
    let dump = call!(client, "DUMP", keys[4]).bulk().to_vec();
    let namespace = call!(client, "DUMP", "odd").bulk().to_vec();
    for command in [
        args!["RENAME", keys[0], "renamed-away"],
        args!["RENAME", keys[1], keys[2]],
        args!["COPY", keys[3], "copied-away"],
        args!["COPY", keys[3], keys[3], "DB", 5, "REPLACE"],
        args!["RESTORE", "restored", 0, dump, "REPLACE"],
        args!["RESTORE", "restored{with}:time", FAR, dump, "ABSTTL", "REPLACE"],
        args!["PERSIST", keys[5]],
        args!["PEXPIREAT", keys[6], FAR + 77],
        args!["CACHE.RESULT", "INVALIDATE", "odd", "odd", "7", "SOFT"],
        args!["CACHE.RESULT", "SET", "odd", "odd", "8", "persisted", "PERSIST", "GRACE", 5],
        args!["DEL", "orphaned"],
        args!["RENAME", "renamed", "renamed-to"],
        args!["COPY", "copied", "copied-to", "REPLACE"],
        args!["COPY", "copied", "copied-to{again}", "REPLACE"],
        args!["COPY", "copied", "copied", "DB", 5, "REPLACE"],
        args!["COPY", copied, "a-copied-entry", "REPLACE"],
        args!["SET", "shadowed", "a string where the namespace was"],
        args!["RESTORE", "restored-namespace", 0, namespace, "REPLACE"],
        args!["PEXPIREAT", "copied-to", FAR],
        // An entry where its own namespace was, a namespace where its entry was, and names that are none.
        args!["RENAME", usurper, "usurped"],
        args!["RENAME", "swapped", swapped],
        args!["COPY", "odd", "not a name {\0\r\n", "REPLACE"],
        args!["COPY", "odd", "result:x", "REPLACE"],
        args!["COPY", "odd", "", "REPLACE"],
        args!["COPY", keys[3], "no name\n either", "REPLACE"],
        args!["COPY", keys[3], "odd-copy", "REPLACE"],
        args!["DEL", "remade"],
        args!["CACHE.RESULT", "SET", "remade", "odd", "2", "new"],
        // Copies go on as namespaces of their own.
        args!["CACHE.RESULT", "SET", "copied-to", "odd", "1", "of the copy"],
        args!["CACHE.RESULT", "SET", "renamed-to", "odd", "1", "of the renamed"],
    ] {
        client.must(&command);
    }
    for odd in [&orphan, &moved, &shadowed, &remade, &usurped, &swapped] {
        assert_eq!(
            call!(client, "EXISTS", odd),
            1.into(),
            "this state is not odd any more: {}",
            odd.escape_ascii()
        );
    }
}

/// What every entry of the load looks like to a client: its state, result, version, tags and times, by name.
#[track_caller]
pub fn answers(server: &Server) -> BTreeMap<String, String> {
    let odd =
        ["odd", "orphaned", "renamed", "renamed-to", "copied", "copied-to", "copied-to{again}", "remade"];
    let odd = odd.into_iter().flat_map(|ns| (0..9).map(move |n| (ns, "odd", n.to_string())));
    let load = NAMESPACES.into_iter().flat_map(|ns| {
        OPERATIONS
            .into_iter()
            .flat_map(move |operation| PARAMS.map(|params| (ns, operation, params.to_owned())))
    });
    let names: Vec<(&str, &str, String)> = odd.chain(load).collect();
    let mut client = server.client();
    let mut told = BTreeMap::new();
    for database in DATABASES {
        client.must(&args!["SELECT", database]);
        for (ns, operation, params) in &names {
            let info = cache!(client, "INFO", ns, operation, params);
            let fields = [
                "state",
                "version",
                "created_ms",
                "bytes",
                "stored_bytes",
                "encoding",
                "tags",
                "took_ms",
                "weight",
            ];
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{field}={:?}", info.field(field))).collect();
            let result = cache!(client, "GET", ns, operation, params, "STALE");
            let exists = cache!(client, "EXISTS", ns, operation, params);
            told.insert(
                format!("{database} {ns} {operation} {params}"),
                format!("{fields:?} {exists:?} {result:?}"),
            );
        }
    }
    told
}
