//! Calls as clients make them, and what rules and plans say.

use redis_result_cache::core::fingerprint::Fingerprint;
use redis_result_cache::core::name::{NamespaceName, OperationName};
use redis_result_cache::core::origin::Incarnation;
use redis_result_cache::core::policy::templates;
use redis_result_cache::core::stamp::Stamp;
use redis_result_cache::core::state::Address;
use redis_result_cache::core::token::{GrantId, Kind, Token};

const CALLS: &[&[&str]] = &[
    &["GET", "demo", "add", r#"{"b":2,"a":1}"#, "STALE"],
    &["GET", "demo", "add", "fp:6de211be72f6fa03f3aef0fef18bf7d51fbcbffe39b8e2ff465417fba2154ff0"],
    &["GET", "a{slot}b", "video:list/1@+-", "[1.0]"],
    &[
        "FETCH", "demo", "add", "{}", "BLOCK", "1000", "LEASE", "30000", "HOLDER", "w1", "NOSTALE", "REJECT",
        "7",
    ],
    &["NEXT", "demo", "BLOCK", "60000", "AFTER", "job", r#"{"id":7}"#, "0", "job", "{}", "1795231545717193"],
    &["INVALIDATE", "demo", "add", "{}", "SOFT", "IFVERSION", "7"],
    &["TAG", "demo", "video:7", "user:12"],
    &["OPERATION", "demo", "thumb*", "[a-c]?"],
    &["NAMESPACE", "demo"],
    &["RESETSTATS", "demo"],
    &["CLOCK", "demo"],
    &["STATS", "demo", "add"],
    &["SET", "demo", "add", "{}", "3", "EX", "600", "GRACE", "60000", "TOOK", "1500", "WEIGHT", "7", "NX"],
    &["SET", "demo", "add", "{}", "3", "PXAT", "1800000060000", "TAGS", "2", "video:7", "user:12", "XX"],
    &["SET", "demo", "add", "{}", "3", "PERSIST"],
    &["MERGE", "demo", "up", "{}", r#"{"status":"running","a":{"b":null}}"#, "UPSERT", "INCR", "/tries", "1"],
    &[
        "MERGE",
        "demo",
        "up",
        "{}",
        r#"{"l":[1,2],"n":1.5}"#,
        "UPSERT",
        "APPEND",
        "/l",
        "{}",
        "INCR",
        "/n",
        "-0.25",
    ],
    &["WARM", "demo", "EX", "600", "ENTRIES", "cut", r#"{"scene":1}"#, "a.mp4", "join", "[]", "b.mp4"],
    &[
        "WARM",
        "demo",
        "JSON",
        r#"[{"operation":"cut","params":{"scene":1},"result":"a","ttl_ms":5,"tags":["t"]}]"#,
    ],
    &[
        "PLAN",
        "demo",
        r#"[{"id":"a","operation":"cut","params":{"scene":1}},{"operation":"join","params":[],"dependsOn":["a"]}]"#,
        "a",
    ],
    &[
        "PLAN",
        "demo",
        r#"{"jobs":[{"id":1,"operation":"cut","params":1},{"id":2,"operation":"c\u0075t","params":"x","dependsOn":[1]}],"v":2}"#,
        "1",
    ],
    &[
        "POLICY",
        "demo",
        "video:list",
        "TTL",
        "60s",
        "GRACE",
        "1d",
        "JITTER",
        "10",
        "LEASE",
        "5m",
        "RETRY",
        "250ms",
    ],
    &["POLICY", "demo*", "job:*", "TTLFROM", "/status in_progress=30s completed=7d failed=1m"],
    &["POLICY", "*", "url?", "EXPIRESFROM", "/urls/0/expires_at 5m", "REFRESH", "20", "NEGATIVE", "30s"],
    &[
        "POLICY",
        "[a-d]*",
        "*",
        "TAGS",
        "video:{params/seed} scene:{result/a~1b} plain",
        "IGNORE",
        "/b /a/2/x",
    ],
    &["POLICY", "{s}", "*", "MAXBYTES", "500mb", "MAXWEIGHT", "50gb", "EVICT", "largest", "REMOVALS", "1000"],
    &["POLICY", "d", "o", "HASH", "blake3", "COMPRESS", "1kb", "TARGET", "90", "BYPASS", "yes"],
    &["GLOB", "a*b*c?[^x-z]\\*", "aXbYc1w*"],
    &["GLOB", "********a", "aaaaaaaaaaaaaaaaaaaab"],
    &[
        "TAGS",
        "v:{params/a} r:{result/b/0} {params/c}-{result/d}",
        r#"{"a":1.0,"c":"x\n"}"#,
        r#"{"b":[true],"d":12345678901234567890}"#,
    ],
    &["POINTER", "", "/a", "/a/b", "/a~1b/0", "/c/-", r#"{"a":{"b":[1,"x"]},"a/b":[null,2.50],"c":[true]}"#],
    &["POINTER", "/a", "/a/b", r#"{"a":{"b":1},"a":2,"a":{"c":3}}"#],
    &["FAIL", "demo", TOKEN, "no more credit", "PX", "1000"],
    &["FILL", "demo", TOKEN, "/videos/7.mp4", "EX", "60", "TAGS", "1", "video:7"],
    &["RENEW", "demo", TOKEN, "LEASE", "30000", "PROGRESS", r#"{"percent":7}"#, "WEIGHT", "7"],
    &["RELEASE", "demo", TOKEN],
    &["TOKEN", "demo", TOKEN],
    &["TOKEN", "demo", BOUND],
    &["TOKEN", "demo", STAMP],
];

/// Words that stand for what cannot be spelled here.
const TOKEN: &str = "<token>";
const BOUND: &str = "<token with tags>";
const STAMP: &str = "<stamp>";

pub fn seeds() -> Vec<Vec<u8>> {
    let word = |word: &str| match word {
        TOKEN => token("[]"),
        BOUND => token(r#"["video:7",["scene:",{"result":"/id"}]]"#),
        STAMP => stamp().to_string(),
        plain => plain.to_owned(),
    };
    CALLS
        .iter()
        .map(|call| call.iter().copied().map(word).collect::<Vec<_>>().join("\n").into_bytes())
        .collect()
}

fn namespace() -> NamespaceName<'static> {
    NamespaceName::parse(b"demo").expect("a name")
}

fn stamp() -> Stamp {
    Stamp::new(namespace(), Incarnation(5), 1_795_231_545_717_192)
}

/// A token that bears these tags, as JSON.
fn token(tags: &str) -> String {
    let operation = OperationName::parse(b"render").expect("a name");
    let address =
        Address { namespace: namespace(), operation, fingerprint: Fingerprint::from_bytes([7; 32]) };
    let tags = templates::from_json(tags).unwrap_or_default();
    Token::new(Kind::Lease, &address, stamp(), GrantId { server: 3, number: 7 }, tags.into()).to_string()
}
