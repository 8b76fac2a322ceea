//! What the server tells about the commands, and that it agrees with what they do.

use crate::harness::{Server, Value};
use crate::{args, cache, call};

/// Name, arity (negative: at least), flags, and one valid call.
const SUBCOMMANDS: [(&str, i64, &[&str], &[&str]); 7] = [
    ("get", -5, &["readonly", "fast"], &["ns", "op", "{}"]),
    ("set", -6, &["write", "denyoom"], &["ns", "op", "{}", "r"]),
    ("merge", -6, &["write", "denyoom"], &["ns", "op", "{}", "{}"]),
    ("invalidate", -5, &["write", "fast"], &["ns", "op", "{}"]),
    ("exists", 5, &["readonly", "fast"], &["ns", "op", "{}"]),
    ("info", 5, &["readonly"], &["ns", "op", "{}"]),
    ("key", 5, &["readonly", "fast"], &["ns", "op", "{}"]),
];

#[test]
fn the_module_is_listed() {
    let mut server = Server::start();
    let mut client = server.client();
    let modules = call!(client, "MODULE", "LIST");
    let names: Vec<String> = modules.array().iter().map(|module| module.field("name").text()).collect();
    // Newer servers list parts of their own as modules.
    assert!(names.contains(&"cache".to_owned()), "{names:?}");
    // It cannot go while its types may be in use, and an attempt does no harm.
    assert!(call!(client, "MODULE", "UNLOAD", "cache").is_error());
    server.assert_alive();
}

#[test]
fn flags_arity_and_keys_are_those_of_the_contract() {
    let server = Server::start();
    let mut client = server.client();
    for (name, arity, flags, _) in SUBCOMMANDS {
        let told = call!(client, "COMMAND", "INFO", format!("cache.result|{name}"));
        let told = told.array()[0].array();
        assert_eq!(told[0].text(), format!("cache.result|{name}"));
        assert_eq!(told[1].int(), arity, "arity of {name}");
        let has: Vec<String> = told[2].array().iter().map(Value::text).collect();
        for flag in ["readonly", "write", "fast", "denyoom"] {
            assert_eq!(has.iter().any(|has| has == flag), flags.contains(&flag), "{flag} of {name}: {has:?}");
        }
        let positions: Vec<i64> = told[3..6].iter().map(Value::int).collect();
        assert_eq!(positions, [2, 2, 1], "key of {name}");
    }
    let help = call!(client, "COMMAND", "INFO", "cache.result|help");
    assert_eq!(help.array()[0].array()[3].int(), 0, "HELP has no key");
}

#[test]
fn the_key_is_the_namespace_and_nothing_else() {
    let server = Server::start();
    let mut client = server.client();
    for (name, _, flags, arguments) in SUBCOMMANDS {
        let mut command = args!["COMMAND", "GETKEYS", "CACHE.RESULT", name];
        command.extend(arguments.iter().map(|argument| argument.as_bytes().to_vec()));
        assert_eq!(client.call(&command).array(), ["ns".into()], "{name}");
        command[1] = b"GETKEYSANDFLAGS".to_vec();
        let told = client.call(&command);
        let access: Vec<String> = told.array()[0].array()[1].array().iter().map(Value::text).collect();
        if name != "key" {
            let writes = access.iter().any(|flag| flag == "RW" || flag == "OW");
            assert_eq!(writes, flags.contains(&"write"), "{name}: {access:?}");
            assert_eq!(
                access.iter().any(|flag| flag == "RO"),
                flags.contains(&"readonly"),
                "{name}: {access:?}"
            );
        }
    }
}

#[test]
fn every_command_is_documented() {
    let server = Server::start();
    for mut client in [server.client(), server.client().resp3()] {
        let docs = call!(client, "COMMAND", "DOCS", "cache.result");
        let container = docs.field("cache.result");
        assert!(!container.field("summary").text().is_empty());
        assert_eq!(container.field("group").text(), "module");
        let subcommands = container.field("subcommands");
        for (name, _, _, _) in SUBCOMMANDS {
            let told = subcommands.field(&format!("cache.result|{name}"));
            for field in ["summary", "since", "complexity"] {
                assert!(!told.field(field).text().is_empty(), "{field} of {name}");
            }
            let arguments: Vec<String> = told
                .field("arguments")
                .array()
                .iter()
                .map(|argument| argument.field("name").text())
                .collect();
            assert_eq!(arguments[..3], ["ns", "operation", "params"], "{name}");
        }
        let words = format!("{:?}", subcommands.field("cache.result|set").field("arguments"));
        for word in [
            "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "PERSIST", "GRACE", "TAGS", "TOOK", "WEIGHT", "NX", "XX",
            "SINCE",
        ] {
            assert!(words.contains(&format!("\"{word}\"")), "SET's {word} is not documented: {words}");
        }
    }
}

#[test]
fn help_names_every_subcommand() {
    let server = Server::start();
    for mut client in [server.client(), server.client().resp3()] {
        let help = cache!(client, "HELP");
        let lines: Vec<String> = help.array().iter().map(Value::text).collect();
        assert!(lines[0].starts_with("CACHE.RESULT <subcommand>"), "{}", lines[0]);
        for name in ["GET", "SET", "MERGE", "INVALIDATE", "EXISTS", "INFO", "KEY", "HELP"] {
            let described = lines.iter().any(|line| line.split_whitespace().next() == Some(name));
            assert!(described, "{name} is missing in {lines:#?}");
        }
    }
}

#[test]
fn an_unknown_subcommand_is_named() {
    let server = Server::start();
    let mut client = server.client();
    let reply = call!(client, "CACHE.RESULT", "FROBNICATE", "ns");
    assert_eq!(reply.error_word(), "ERR");
    assert!(reply.error().contains("FROBNICATE") && reply.error().contains("HELP"), "{reply:?}");
    assert!(call!(client, "CACHE.RESULT").is_error());
}

#[test]
fn all_commands_belong_to_the_module() {
    let server = Server::start();
    let mut client = server.client();
    let listed = call!(client, "COMMAND", "LIST", "FILTERBY", "MODULE", "cache");
    let mut listed: Vec<String> = listed.array().iter().map(Value::text).collect();
    listed.retain(|name| !name.contains('|'));
    listed.sort();
    assert_eq!(
        listed,
        [
            "cache.apply",
            "cache.clock",
            "cache.invalidate",
            "cache.invalidate.plan",
            "cache.plan",
            "cache.policy",
            "cache.resetstats",
            "cache.result",
            "cache.stats",
            "cache.warm"
        ]
    );
}

#[test]
fn commands_are_counted_by_subcommand() {
    let server = Server::start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "{}", "r");
    cache!(client, "GET", "ns", "op", "{}");
    cache!(client, "GET", "ns", "op", "{");
    let told = client.info("commandstats", "cmdstat_cache.result|get").expect("GET is counted");
    assert!(told.contains("calls=2") && told.contains("failed_calls=1"), "{told}");
    let errors = client.info("errorstats", "errorstat_BADPARAMS").expect("errors are counted by their word");
    assert!(errors.contains("count=1"), "{errors}");
}
