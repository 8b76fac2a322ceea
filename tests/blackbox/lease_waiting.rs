//! Waiters of FETCH BLOCK: who is woken by what, in which order, and with which answer.

use std::time::{Duration, Instant};

use crate::harness::{Client, Entry, Fetched, Server, Waiter, fenced, nil, now_ms, ok, wait_until};
use crate::{args, cache, call};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// A lease of the entry, and that many clients that wait for it.
#[track_caller]
fn leased_with_waiters(server: &Server, client: &mut Client, count: usize) -> (String, Vec<Waiter>) {
    let token = ENTRY.lease(client, "LEASE 60000");
    (token, Waiter::several(count, server, &ENTRY, "BLOCK 0 LEASE 60000"))
}

/// The first of the waiters gets a lease that nobody had before, and the others none.
#[track_caller]
fn first_is_promoted(server: &Server, waiters: &mut [Waiter]) -> String {
    let (first, rest) = waiters.split_first_mut().expect("somebody waits");
    let fetched = first.fetched();
    assert_eq!((fetched.status.as_str(), fetched.version), ("LEASE", 0));
    for waiter in rest {
        assert!(waiter.still_waits(server), "exactly one is promoted");
    }
    fetched.token()
}

#[test]
fn a_fill_wakes_all_with_the_value() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    let mut waiters = Waiter::several(3, &server, &ENTRY, "BLOCK 0");
    waiters.push(Waiter::of(&server, server.client().resp3(), &ENTRY.fetching("BLOCK 60000 NOSTALE")));
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
    let version = ENTRY.version(&mut client);
    for mut waiter in waiters {
        let hit = Fetched { status: "HIT".into(), value: "r".into(), token: None, version };
        assert_eq!(waiter.fetched(), hit);
        assert_eq!(ENTRY.fetch(waiter.client(), ""), hit, "the connection goes on");
    }
}

#[test]
fn whoever_writes_the_entry_wakes_all_with_the_value() {
    let server = Server::start();
    let mut client = server.client();
    for words in [
        &["SET", r#"{"a":1}"#][..],
        &["SET", r#"{"a":1}"#, "NX"],
        &["MERGE", r#"{"a":1}"#, "UPSERT"],
        &["MERGE", r#"{"a":1}"#, "UPSERT", "IFVERSION", "0"],
    ] {
        let (token, waiters) = leased_with_waiters(&server, &mut client, 2);
        let reply = ENTRY.call(&mut client, words[0], &words[1..]);
        assert!(!reply.is_error() && reply != nil(), "{words:?}: {reply:?}");
        for mut waiter in waiters {
            assert_eq!(waiter.told(), r#"HIT {"a":1}"#, "{words:?}");
        }
        assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced(), "{words:?}");
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn a_write_that_is_not_made_wakes_nobody() {
    let server = Server::start();
    let mut client = server.client();
    let since = call!(client, "CACHE.CLOCK", "ns").text();
    ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    let (token, mut waiters) = leased_with_waiters(&server, &mut client, 2);
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "XX"]), nil());
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "SINCE", &since]), fenced());
    assert_eq!(ENTRY.call(&mut client, "MERGE", &["{}"]), nil());
    assert_eq!(ENTRY.call(&mut client, "MERGE", &["{}", "UPSERT", "IFVERSION", "7"]), nil());
    assert_eq!(ENTRY.call(&mut client, "INVALIDATE", &["IFVERSION", "7"]), 0.into());
    assert!(ENTRY.call(&mut client, "SET", &["r", "EX", "0"]).is_error());
    assert_eq!(cache!(client, "SET", "ns", "op", "1", "another entry"), ok());
    assert_eq!(cache!(client, "FILL", "ns", "t1-", "r").error_word(), "BADTOKEN");
    for waiter in &mut waiters {
        assert!(waiter.still_waits(&server));
    }
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok(), "and overtakes no lease");
    for mut waiter in waiters {
        assert_eq!(waiter.told(), "HIT r");
    }
}

#[test]
fn a_failure_is_told_to_all() {
    let server = Server::start();
    let mut client = server.client();
    let (token, waiters) = leased_with_waiters(&server, &mut client, 3);
    assert_eq!(cache!(client, "FAIL", "ns", token, "no disk"), ok());
    for mut waiter in waiters {
        let failed = Fetched { status: "FAILED".into(), value: "no disk".into(), token: None, version: 0 };
        assert_eq!(waiter.fetched(), failed, "a failure that is not remembered has no version");
    }
    let (token, waiters) = leased_with_waiters(&server, &mut client, 2);
    assert_eq!(cache!(client, "FAIL", "ns", token, "no disk", "PX", 60_000), ok());
    let version = ENTRY.version(&mut client);
    for mut waiter in waiters {
        let failed = waiter.fetched();
        assert_eq!((failed.told(), failed.version), ("FAILED no disk".to_owned(), version));
    }
}

#[test]
fn a_release_promotes_one_after_the_other() {
    let server = Server::start();
    let mut client = server.client();
    let (mut token, mut waiters) = leased_with_waiters(&server, &mut client, 4);
    while !waiters.is_empty() {
        assert_eq!(cache!(client, "RELEASE", "ns", &token), ok());
        let next = first_is_promoted(&server, &mut waiters);
        assert_ne!(next, token);
        assert_eq!(cache!(client, "FILL", "ns", &token, "late"), fenced());
        token = next;
        waiters.remove(0);
    }
    assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
}

#[test]
fn an_invalidation_revokes_the_lease_and_promotes_one() {
    let server = Server::start();
    let mut client = server.client();
    for more in [&[][..], &["SOFT"], &["IFVERSION", "0"]] {
        let (token, mut waiters) = leased_with_waiters(&server, &mut client, 3);
        assert_eq!(ENTRY.call(&mut client, "INVALIDATE", more), 0.into());
        let next = first_is_promoted(&server, &mut waiters);
        assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced(), "{more:?}");
        assert_eq!(cache!(client, "FILL", "ns", next, "r"), ok(), "{more:?}");
        for waiter in &mut waiters[1..] {
            assert_eq!(waiter.told(), "HIT r", "{more:?}");
        }
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn a_lapse_promotes_one() {
    let server = Server::start();
    let mut client = server.client();
    let (token, mut waiters) = leased_with_waiters(&server, &mut client, 3);
    let start = now_ms();
    assert_eq!(cache!(client, "RENEW", "ns", &token, "LEASE", 60), ok());
    let next = first_is_promoted(&server, &mut waiters);
    let passed = now_ms() - start;
    assert!((60..5000).contains(&passed), "promoted after {passed} ms");
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced(), "it was overtaken");
    assert_eq!(cache!(client, "RENEW", "ns", next, "LEASE", 30), ok());
    waiters.remove(0);
    first_is_promoted(&server, &mut waiters);
}

#[test]
fn a_promoted_waiter_holds_what_it_asked_for() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    let mut waiter = Waiter::on(&server, &ENTRY, "BLOCK 0 LEASE 45000 HOLDER second");
    let before = now_ms();
    cache!(client, "RELEASE", "ns", token);
    let token = waiter.fetched().token();
    let deadline = ENTRY.info(&mut client, "deadline_ms").int();
    assert!((before + 45_000..=now_ms() + 45_000).contains(&deadline), "its lease begins when it is granted");
    assert_eq!(ENTRY.info(&mut client, "holder"), "second".into());
    assert_eq!(ENTRY.lease(&mut client, "HOLDER second"), token);
}

#[test]
fn a_fill_that_stores_nothing_promotes_one() {
    let server = Server::start();
    let mut client = server.client();
    let (token, mut waiters) = leased_with_waiters(&server, &mut client, 2);
    assert_eq!(cache!(client, "FILL", "ns", token, "r", "PXAT", now_ms() - 1), ok());
    let token = first_is_promoted(&server, &mut waiters);
    assert_eq!(cache!(client, "GET", "ns", "op", "{}", "STALE"), nil());
    assert_eq!(ENTRY.call(&mut client, "SET", &["r", "PXAT", "1"]), ok(), "as an invalidation");
    first_is_promoted(&server, &mut waiters[1..]);
    assert_eq!(cache!(client, "FILL", "ns", token, "late"), fenced());
}

#[test]
fn a_time_out_answers_busy_with_the_progress() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    let start = Instant::now();
    let busy = ENTRY.fetch(&mut client, "BLOCK 60");
    assert_eq!(busy, Fetched { status: "BUSY".into(), value: nil(), token: None, version: 0 });
    assert!(start.elapsed().as_millis() >= 60, "{:?}", start.elapsed());
    let mut waiter = Waiter::on(&server, &ENTRY, "BLOCK 400");
    assert_eq!(cache!(client, "RENEW", "ns", &token, "PROGRESS", r#"{"frames":12}"#), ok());
    let busy = waiter.fetched();
    assert_eq!(busy.told(), r#"BUSY {"frames":12}"#, "progress as it is at the time-out");
    assert!(busy.version < 0);
    assert_eq!(ENTRY.fetch(&mut client, "").version, busy.version);
    // Who timed out waits no more.
    let mut second = Waiter::on(&server, &ENTRY, "BLOCK 0");
    cache!(client, "RELEASE", "ns", token);
    assert_eq!(second.fetched().status, "LEASE");
    assert_eq!(waiter.answered(), None);
}

#[test]
fn a_waiter_that_is_killed_leaves_the_others_untouched() {
    let server = Server::start();
    let mut client = server.client();
    let (token, mut waiters) = leased_with_waiters(&server, &mut client, 3);
    assert_eq!(call!(client, "CLIENT", "KILL", "ID", waiters[0].id()), 1.into());
    waiters.remove(0).assert_disconnected();
    // Another goes by itself.
    let id = waiters.remove(1).id();
    wait_until("it has gone", || call!(client, "CLIENT", "LIST", "ID", id).text().is_empty());
    assert!(waiters[0].still_waits(&server));
    assert_eq!(ENTRY.fetch(&mut client, "").status, "BUSY");
    cache!(client, "RELEASE", "ns", token);
    first_is_promoted(&server, &mut waiters);
}

#[test]
fn a_holder_is_its_token_and_no_connection() {
    let server = Server::start();
    let mut client = server.client();
    let mut holder = server.client();
    let id = call!(holder, "CLIENT", "ID");
    let token = ENTRY.lease(&mut holder, "LEASE 60000");
    let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0");
    assert_eq!(call!(client, "CLIENT", "KILL", "ID", id.int()), 1.into());
    wait_until("it has gone", || call!(client, "CLIENT", "LIST", "ID", id.int()).text().is_empty());
    assert!(waiters.iter_mut().all(|waiter| waiter.still_waits(&server)));
    assert_eq!(ENTRY.fetch(&mut client, "").status, "BUSY");
    // Until its deadline.
    assert_eq!(cache!(client, "RENEW", "ns", token, "LEASE", 30), ok());
    first_is_promoted(&server, &mut waiters);
}

#[test]
fn client_unblock_ends_a_wait() {
    let server = Server::start();
    let mut client = server.client();
    let (token, mut waiters) = leased_with_waiters(&server, &mut client, 4);
    cache!(client, "RENEW", "ns", &token, "PROGRESS", "50");
    assert_eq!(call!(client, "CLIENT", "UNBLOCK", waiters[0].id()), 1.into());
    assert_eq!(waiters.remove(0).told(), "BUSY 50", "as a time-out");
    assert_eq!(call!(client, "CLIENT", "UNBLOCK", waiters[0].id(), "TIMEOUT"), 1.into());
    assert_eq!(waiters.remove(0).told(), "BUSY 50");
    assert_eq!(call!(client, "CLIENT", "UNBLOCK", waiters[0].id(), "ERROR"), 1.into());
    assert_eq!(waiters.remove(0).answer().error_word(), "UNBLOCKED");
    assert!(waiters[0].still_waits(&server));
    cache!(client, "RELEASE", "ns", token);
    first_is_promoted(&server, &mut waiters);
}

/// The replies to the commands of one transaction.
#[track_caller]
fn transaction(client: &mut Client, commands: &[Vec<Vec<u8>>]) -> Vec<crate::harness::Value> {
    client.must(&["MULTI"]);
    for command in commands {
        client.must(command);
    }
    client.must(&["EXEC"]).array().to_vec()
}

#[test]
fn who_vanishes_before_being_served_passes_the_lease_on() {
    let server = Server::start();
    let mut client = server.client();
    for released_first in [true, false] {
        let (token, mut waiters) = leased_with_waiters(&server, &mut client, 4);
        let release = args!["CACHE.RESULT", "RELEASE", "ns", token];
        let kill = |nth: usize| args!["CLIENT", "KILL", "ID", waiters[nth].id()];
        let mut commands = vec![kill(0), kill(1)];
        commands.insert(if released_first { 0 } else { 2 }, release);
        let replies = transaction(&mut client, &commands);
        assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
        waiters.drain(..2).for_each(|mut killed| killed.assert_disconnected());
        let token = first_is_promoted(&server, &mut waiters);
        assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok());
        assert_eq!(waiters[1].told(), "HIT r");
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn who_is_unblocked_before_being_served_takes_no_lease_along() {
    let server = Server::start();
    let mut client = server.client();
    for how in ["TIMEOUT", "ERROR"] {
        let (token, mut waiters) = leased_with_waiters(&server, &mut client, 2);
        let release = args!["CACHE.RESULT", "RELEASE", "ns", token];
        let unblock = args!["CLIENT", "UNBLOCK", waiters[0].id(), how];
        transaction(&mut client, &[release, unblock]);
        let first = waiters[0].answer();
        // The one or the other came first; there is one lease in any case, and somebody has it.
        let holder = if first.is_error() || Fetched::of(&first).status == "BUSY" { 1 } else { 0 };
        let token = if holder == 1 { waiters[1].fetched().token() } else { Fetched::of(&first).token() };
        assert_eq!(ENTRY.fetch(&mut client, "").status, "BUSY");
        assert_eq!(cache!(client, "FILL", "ns", token, "r"), ok(), "{how}: {first:?}");
        if holder == 0 {
            assert_eq!(waiters[1].told(), "HIT r");
        }
        ENTRY.call(&mut client, "INVALIDATE", &[""; 0]);
    }
}

#[test]
fn nobody_overtakes_those_who_wait() {
    let server = Server::start();
    let mut client = server.client();
    let fetch = ENTRY.fetching("");
    for end in ["RELEASE", "INVALIDATE"] {
        let (token, mut waiters) = leased_with_waiters(&server, &mut client, 2);
        let end = match end {
            "RELEASE" => args!["CACHE.RESULT", "RELEASE", "ns", token],
            _ => args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"],
        };
        let replies = transaction(&mut client, &[end, fetch.clone()]);
        assert_eq!(Fetched::of(&replies[1]).status, "BUSY", "who comes now is not served first");
        let mut late = Waiter::on(&server, &ENTRY, "BLOCK 0");
        let token = first_is_promoted(&server, &mut waiters);
        cache!(client, "RELEASE", "ns", token);
        waiters.remove(0);
        let token = first_is_promoted(&server, &mut waiters);
        assert!(late.still_waits(&server));
        cache!(client, "RELEASE", "ns", token);
        let token = late.fetched().token();
        cache!(client, "RELEASE", "ns", token);
    }
}

#[test]
fn waiters_get_the_very_value_that_woke_them() {
    let server = Server::start();
    let mut client = server.client();
    let invalidate = args!["CACHE.RESULT", "INVALIDATE", "ns", "op", "{}"];
    let (token, waiters) = leased_with_waiters(&server, &mut client, 5);
    transaction(&mut client, &[args!["CACHE.RESULT", "FILL", "ns", token, "r"], invalidate.clone()]);
    for mut waiter in waiters {
        assert_eq!(waiter.told(), "HIT r", "as if it had been served at once");
    }
    let (token, waiters) = leased_with_waiters(&server, &mut client, 5);
    transaction(&mut client, &[args!["CACHE.RESULT", "FAIL", "ns", token, "m", "PX", 60_000], invalidate]);
    for mut waiter in waiters {
        assert_eq!(waiter.told(), "FAILED m");
    }
    assert_eq!(ENTRY.fetch(&mut client, "").status, "LEASE", "for who comes later it is invalidated");
}

#[test]
fn nothing_blocks_in_a_transaction_or_a_script() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    let replies = transaction(&mut client, &[ENTRY.fetching("BLOCK 0"), ENTRY.fetching("BLOCK 5000")]);
    for reply in &replies {
        assert_eq!(Fetched::of(reply).told(), "BUSY");
    }
    let script = "return redis.call('CACHE.RESULT', 'FETCH', 'ns', 'op', '{}', 'BLOCK', '0')";
    for eval in ["EVAL", "EVAL_RO"] {
        assert_eq!(Fetched::of(&call!(client, eval, script, 0)).told(), "BUSY");
    }
    cache!(client, "RELEASE", "ns", token);
    let replies = transaction(&mut client, &[ENTRY.fetching("BLOCK 0"), ENTRY.fetching("BLOCK 0")]);
    let leased = Fetched::of(&replies[0]);
    assert_eq!((leased.status.as_str(), Fetched::of(&replies[1]).told().as_str()), ("LEASE", "BUSY"));
    // A fill inside of either wakes those outside.
    let mut waiter = Waiter::on(&server, &ENTRY, "BLOCK 0");
    let fill = "return redis.call('CACHE.RESULT', 'FILL', 'ns', ARGV[1], 'r')";
    assert_eq!(call!(client, "EVAL", fill, 0, leased.token()), ok());
    assert_eq!(waiter.told(), "HIT r");
    assert_eq!(Fetched::of(&call!(client, "EVAL", script, 0)).told(), "HIT r");
}

#[test]
fn more_waiters_than_allowed_are_told_busy() {
    let server = Server::start();
    let mut client = server.client();
    let other = Entry::of("ns", "1");
    call!(client, "CONFIG", "SET", "cache.waiters-max", 2);
    let token = ENTRY.lease(&mut client, "");
    let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0");
    assert_eq!(ENTRY.fetch(&mut client, "BLOCK 0").told(), "BUSY");
    other.lease(&mut client, "");
    Waiter::on(&server, &other, "BLOCK 0");
    // A place that is given up can be taken.
    let id = waiters.remove(0).id();
    wait_until("it has gone", || call!(client, "CLIENT", "LIST", "ID", id).text().is_empty());
    waiters.push(Waiter::on(&server, &ENTRY, "BLOCK 0"));
    call!(client, "CONFIG", "SET", "cache.waiters-max", 0);
    assert_eq!(ENTRY.fetch(&mut client, "BLOCK 0").told(), "BUSY");
    cache!(client, "FILL", "ns", token, "r");
    for mut waiter in waiters {
        assert_eq!(waiter.told(), "HIT r", "who was let in is served");
    }
}

#[test]
fn many_ask_and_one_computes() {
    const CLIENTS: usize = 300;
    let mut server = Server::start();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(&ENTRY.fetching("BLOCK 0")).unwrap();
    }
    let mut control = server.client();
    let mut blocked = || control.info("clients", "blocked_clients").unwrap().parse::<usize>().unwrap();
    wait_until("all but one wait", || blocked() == CLIENTS - 1);
    let mut loaders = Vec::new();
    wait_until("one is told to compute", || {
        for (nth, client) in clients.iter_mut().enumerate() {
            let reply = client.receive_within(Duration::ZERO).unwrap();
            loaders.extend(reply.map(|reply| (nth, Fetched::of(&reply))));
        }
        !loaders.is_empty()
    });
    let [(loader, lease)] = loaders.as_slice() else { panic!("{} loaders", loaders.len()) };
    assert_eq!(cache!(clients[*loader], "FILL", "ns", lease.token(), "r"), ok());
    for (nth, client) in clients.iter_mut().enumerate() {
        if nth != *loader {
            assert_eq!(Fetched::of(&client.receive().unwrap()).told(), "HIT r");
        }
    }
    wait_until("nobody waits", || blocked() == 0);
    server.assert_alive();
}

#[test]
fn what_a_client_sent_behind_its_wait_is_done_after_it() {
    let server = Server::start();
    let mut client = server.client();
    let token = ENTRY.lease(&mut client, "");
    let mut waiter = Waiter::on(&server, &ENTRY, "BLOCK 0");
    waiter.client().send(&ENTRY.fetching("BLOCK 0 NOSTALE")).unwrap();
    waiter.client().send(&args!["CACHE.RESULT", "SET", "ns", "op", "1", "r"]).unwrap();
    waiter.client().send(&ENTRY.fetching("BLOCK 30")).unwrap();
    assert!(waiter.still_waits(&server));
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), nil());
    cache!(client, "RELEASE", "ns", token);
    let token = waiter.fetched().token();
    assert!(waiter.still_waits(&server), "now for the lease that it got itself");
    cache!(client, "FILL", "ns", token, "r");
    assert_eq!(waiter.told(), "HIT r");
    assert_eq!(waiter.answer(), ok());
    assert_eq!(waiter.told(), "HIT r");
}

#[test]
fn each_entry_and_each_database_has_its_own_queue() {
    let server = Server::start();
    let mut client = server.client();
    let other = Entry { ns: "ns", operation: "op2", params: "{}" };
    let tokens = [ENTRY.lease(&mut client, ""), other.lease(&mut client, "")];
    let mut elsewhere = server.client();
    elsewhere.must(&args!["SELECT", 1]);
    let there = ENTRY.lease(&mut elsewhere, "");
    let mut waiters = [Waiter::on(&server, &ENTRY, "BLOCK 0"), Waiter::on(&server, &other, "BLOCK 0")];
    let mut far = Waiter::of(&server, elsewhere, &ENTRY.fetching("BLOCK 0"));
    cache!(client, "FILL", "ns", &tokens[0], "r");
    assert_eq!(waiters[0].told(), "HIT r");
    assert!(waiters[1].still_waits(&server) && far.still_waits(&server));
    assert_eq!(cache!(client, "FILL", "ns", there, "r"), fenced(), "a token is good in its database");
    cache!(client, "RELEASE", "ns", &tokens[1]);
    assert_eq!(waiters[1].fetched().status, "LEASE");
    assert!(far.still_waits(&server));
}

#[test]
fn who_rejects_a_version_waits_for_any_other() {
    let server = Server::start();
    let mut client = server.client();
    ENTRY.call(&mut client, "SET", &["broken"]);
    let reject = format!("REJECT {}", ENTRY.version(&mut client));
    let token = ENTRY.lease(&mut client, &reject);
    let mut waiter = Waiter::on(&server, &ENTRY, &format!("BLOCK 0 {reject}"));
    assert_eq!(ENTRY.fetch(&mut client, "BLOCK 0").told(), "HIT broken", "nobody else waits for it");
    cache!(client, "FILL", "ns", token, "whole");
    assert_eq!(waiter.told(), "HIT whole");

    let reject = format!("REJECT {}", ENTRY.version(&mut client));
    ENTRY.lease(&mut client, &reject);
    let mut waiter = Waiter::on(&server, &ENTRY, &format!("BLOCK 0 {reject}"));
    ENTRY.call(&mut client, "SET", &["mended"]);
    assert_eq!(waiter.told(), "HIT mended");
}
