//! Tokens over restarts and failovers: they still fill, unless what concerns them was invalidated.

use crate::harness::{
    AofBase, Client, Entry, Launch, Server, Waiter, assert_same_digests, digests, fenced, nil, ok,
    wait_for_replica_in_sync, wait_until,
};
use crate::{args, cache, call, policy};

const ENTRY: Entry = Entry { ns: "ns", operation: "op", params: "{}" };

/// How a server comes back with its data.
#[derive(Debug, Clone, Copy)]
enum Restart {
    Snapshot,
    Appended(AofBase),
}

impl Restart {
    const ALL: [Restart; 3] =
        [Restart::Snapshot, Restart::Appended(AofBase::Rdb), Restart::Appended(AofBase::Commands)];

    #[track_caller]
    fn start(self) -> Server {
        match self {
            Restart::Snapshot => Launch::new().start(),
            Restart::Appended(base) => Launch::new().append_only(base).start(),
        }
    }

    #[track_caller]
    fn restart(self, server: &mut Server) -> Client {
        match self {
            Restart::Snapshot => server.shutdown_save_and_restart(),
            Restart::Appended(_) => server.kill_and_restart(),
        }
        server.client()
    }
}

/// The entry of this number, and its lease.
#[track_caller]
fn lease(client: &mut Client, number: &str) -> String {
    Entry::of("ns", number).lease(client, "LEASE 60000")
}

/// Everything that must hold of tokens that another process granted, of a namespace that it had: the tokens of
/// entries `1` (untouched), `2` (invalidated), `3` (set), `4` (untouched), `5`, `6` and `7` (untouched).
#[track_caller]
fn tokens_are_judged_by_the_namespace(client: &mut Client, tokens: &[String]) {
    let fill = |client: &mut Client, nth: usize| cache!(client, "FILL", "ns", &tokens[nth - 1], "r");
    assert_eq!(fill(client, 1), ok(), "nothing concerned it");
    assert_eq!(fill(client, 1), fenced(), "now something did");
    assert_eq!(cache!(client, "GET", "ns", "op", "1"), "r".into());
    assert_eq!(fill(client, 2), fenced(), "it was invalidated");
    assert_eq!(cache!(client, "RENEW", "ns", &tokens[1]), fenced());
    assert_eq!(fill(client, 3), fenced(), "it was set");
    assert_eq!(cache!(client, "GET", "ns", "op", "3"), "newer".into());

    let fourth = Entry::of("ns", "4");
    let newer = fourth.lease(client, "");
    assert_eq!(fill(client, 4), fenced(), "a lease of this server overtook it");
    assert_eq!(cache!(client, "RENEW", "ns", &tokens[3]), fenced());
    assert_eq!(cache!(client, "FILL", "ns", newer, "r"), ok());

    let fifth = Entry::of("ns", "5");
    assert_eq!(fifth.info(client, "deadline_ms"), nil(), "leases end with their server");
    assert_eq!(cache!(client, "RENEW", "ns", &tokens[4], "LEASE", 60_000, "PROGRESS", "1"), ok());
    assert_eq!(fifth.fetch(client, "").told(), "BUSY 1", "the lease was taken again");
    assert_eq!(fill(client, 5), ok());

    assert_eq!(cache!(client, "RELEASE", "ns", &tokens[5]), ok());
    assert_eq!(fill(client, 6), fenced(), "RELEASE ends a token");
    assert_eq!(cache!(client, "FAIL", "ns", &tokens[6], "m", "PX", 60_000), ok());
    assert_eq!(fill(client, 7), fenced(), "FAIL ends a token");
    assert_eq!(Entry::of("ns", "7").fetch(client, "").told(), "FAILED m");
}

/// Grants the tokens that [`tokens_are_judged_by_the_namespace`] asks for.
#[track_caller]
fn grant(client: &mut Client) -> Vec<String> {
    cache!(client, "SET", "ns", "op", "\"another\"", "r");
    let tokens = (1..=7).map(|number| lease(client, &number.to_string())).collect();
    cache!(client, "INVALIDATE", "ns", "op", "2");
    cache!(client, "SET", "ns", "op", "3", "newer");
    tokens
}

#[test]
fn tokens_outlive_a_restart() {
    for how in Restart::ALL {
        let mut server = how.start();
        let tokens = grant(&mut server.client());
        let mut client = how.restart(&mut server);
        tokens_are_judged_by_the_namespace(&mut client, &tokens);
    }
}

#[test]
fn tokens_outlive_a_failover() {
    let mut primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let tokens = grant(&mut primary.client());
    wait_for_replica_in_sync(&primary, &replica);
    primary.stop();
    let mut client = replica.client();
    assert_eq!(call!(client, "REPLICAOF", "NO", "ONE"), ok());
    tokens_are_judged_by_the_namespace(&mut client, &tokens);
}

#[test]
fn a_token_outlives_what_its_server_does_not() {
    for how in Restart::ALL {
        let mut server = how.start();
        let mut client = server.client();
        let before_it = ENTRY.lease(&mut client, "");
        cache!(client, "SET", "ns", "op", "1", "r");
        let elsewhere = Entry::of("other", "{}").lease(&mut client, "");
        let lost = lease(&mut client, "2");
        let mut client = how.restart(&mut server);
        let digest = digests(&server);
        for (ns, token) in [("ns", &before_it), ("other", &elsewhere)] {
            assert_eq!(cache!(client, "RENEW", ns, token), fenced(), "no namespace stood for {token}");
            assert_eq!(cache!(client, "FILL", ns, token, "late"), fenced());
            assert_eq!(cache!(client, "FAIL", ns, token, "m", "PX", 1000), fenced());
        }
        assert_same_digests("fenced", &digest, &digests(&server));
        // Two restarts are as good as one.
        let mut client = how.restart(&mut server);
        assert_eq!(cache!(client, "FILL", "ns", &lost, "r"), ok());
        assert_eq!(cache!(client, "GET", "ns", "op", "2"), "r".into());
        assert_eq!(cache!(client, "FILL", "other", &lost, "r").error_word(), "BADTOKEN");
    }
}

#[test]
fn invalidations_after_the_restart_fence_too() {
    let mut server = Restart::Snapshot.start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "\"another\"", "r");
    let tokens: Vec<String> = (1..=4).map(|number| lease(&mut client, &number.to_string())).collect();
    let mut client = Restart::Snapshot.restart(&mut server);
    cache!(client, "INVALIDATE", "ns", "op", "1");
    cache!(client, "SET", "ns", "op", "2", "newer");
    cache!(client, "INVALIDATE", "ns", "op", "\"another\"");
    for (nth, answer) in [(1, fenced()), (2, fenced()), (3, ok())] {
        assert_eq!(cache!(client, "FILL", "ns", &tokens[nth - 1], "r"), answer, "entry {nth}");
    }
    call!(client, "DEL", "ns");
    assert_eq!(cache!(client, "FILL", "ns", &tokens[3], "r"), fenced());
    cache!(client, "SET", "ns", "op", "\"another\"", "r");
    assert_eq!(cache!(client, "FILL", "ns", &tokens[3], "r"), fenced(), "an earlier life");
}

#[test]
fn a_token_that_another_server_granted_wakes_waiters() {
    let mut server = Restart::Snapshot.start();
    let mut client = server.client();
    cache!(client, "SET", "ns", "op", "\"another\"", "r");
    let token = ENTRY.lease(&mut client, "");
    let mut client = Restart::Snapshot.restart(&mut server);
    assert_eq!(cache!(client, "RENEW", "ns", &token, "LEASE", 60_000), ok());
    let mut waiters = Waiter::several(2, &server, &ENTRY, "BLOCK 0");
    assert_eq!(cache!(client, "FILL", "ns", &token, "r"), ok());
    for waiter in &mut waiters {
        assert_eq!(waiter.told(), "HIT r");
    }
}

#[test]
fn tags_and_hashing_are_those_of_the_grant() {
    for how in Restart::ALL {
        let mut server = how.start();
        let mut client = server.client();
        cache!(client, "SET", "ns", "op", "\"another\"", "r");
        policy!(
            client,
            "SET",
            "ns",
            "op",
            "TAGS",
            "video:{params/id} {params/id}:{result/x}",
            "HASH",
            "blake3"
        );
        let entry = Entry::of("ns", r#"{"id":"\u00e4 \"[1]\""}"#);
        let token = entry.lease(&mut client, "");
        let key = entry.key(&mut client);
        let mut client = how.restart(&mut server);
        assert_eq!(cache!(client, "FILL", "ns", token, r#"{"x":"y"}"#), ok());
        let mut tags = entry.tags(&mut client);
        tags.sort();
        assert_eq!(tags, ["video:ä \"[1]\"", "ä \"[1]\":y"]);
        assert_eq!(call!(client, "EXISTS", key), 1.into());
    }
}

#[test]
fn a_failover_takes_tokens_along_and_frees_waiters() {
    let primary = Server::start();
    let replica = Launch::new().replica_of(&primary).start();
    wait_for_replica_in_sync(&primary, &replica);
    let mut client = primary.client();
    cache!(client, "SET", "ns", "op", "1", "r");
    let token = ENTRY.lease(&mut client, "LEASE 60000");
    let mut waiters = Waiter::several(2, &primary, &ENTRY, "BLOCK 0");
    // Another lapses while writes are paused.
    let other = Entry::of("ns", "2");
    let lapsing = other.lease(&mut client, "LEASE 60000");
    let mut others = Waiter::several(2, &primary, &other, "BLOCK 0");
    assert_eq!(cache!(client, "RENEW", "ns", &lapsing, "LEASE", 1), ok());
    client.must(&args!["FAILOVER"]);
    wait_until("the roles have changed", || {
        replica.client().info("replication", "role").as_deref() == Some("master")
            && primary.client().info("replication", "role").as_deref() == Some("slave")
    });
    for waiter in &mut waiters {
        assert_eq!(waiter.answer().error_word(), "UNBLOCKED");
    }
    // The first of these may have been promoted before the roles changed.
    let answers: Vec<_> = others.iter_mut().map(Waiter::answer).collect();
    assert!(answers[1].is_error(), "{answers:?}");
    let mut promoted = replica.client();
    assert_eq!(cache!(promoted, "FILL", "ns", token, "r"), ok());
    assert_eq!(ENTRY.fetch(&mut promoted, "").told(), "HIT r");
    wait_for_replica_in_sync(&replica, &primary);
    assert_eq!(ENTRY.fetch(&mut client, "").told(), "HIT r", "served by the new replica");
}

#[test]
fn of_two_that_another_server_granted_one_holds() {
    for newer_first in [true, false] {
        let mut server = Restart::Snapshot.start();
        let mut client = server.client();
        cache!(client, "SET", "ns", "op", "\"another\"", "r");
        let older = ENTRY.lease(&mut client, "");
        ENTRY.lapse(&mut client, &older);
        let newer = ENTRY.lease(&mut client, "");
        let mut client = Restart::Snapshot.restart(&mut server);
        let (first, second) = if newer_first { (&newer, &older) } else { (&older, &newer) };
        // Which of them overtook the other this server cannot know; that there is one holder it does.
        assert_eq!(cache!(client, "RENEW", "ns", first, "LEASE", 60_000, "PROGRESS", "1"), ok());
        for subcommand in ["RENEW", "RELEASE"] {
            assert_eq!(cache!(client, subcommand, "ns", second), fenced(), "{subcommand}, {newer_first}");
        }
        assert_eq!(cache!(client, "FILL", "ns", second, "late"), fenced());
        assert_eq!(ENTRY.fetch(&mut client, "").told(), "BUSY 1");
        assert_eq!(cache!(client, "FILL", "ns", first, "r"), ok());
    }
}
