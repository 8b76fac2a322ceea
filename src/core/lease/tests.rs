//! Single situations, of which the random schedules see the rules but not the point.

use std::rc::Rc;

use super::super::epochs::Scope;
use super::super::fetch::{Ask, Fetched, Status};
use super::super::fingerprint::Fingerprint;
use super::super::instant::Instant;
use super::super::name::{NamespaceName, OperationName};
use super::super::origin::Incarnation;
use super::super::policy::Policy;
use super::super::policy::templates::Template;
use super::super::stamp::Stamp;
use super::super::state::{Address, OpenState, Why};
use super::super::token::{GrantId, Token};
use super::flight::{Grant, Waiter};
use super::settle::Scene;
use super::table::{Desk, Leases, Renewal, Standing};
use super::{Place, Ticket};

const NOW: Instant = Instant::from_unix_ms(1_790_000_000_000);

fn name() -> NamespaceName<'static> {
    NamespaceName::parse(b"n").expect("a namespace")
}

fn place(entry: u32) -> Place<'static> {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&entry.to_le_bytes());
    let operation = OperationName::parse(b"o").expect("an operation");
    let address = Address { namespace: name(), operation, fingerprint: Fingerprint::from_bytes(bytes) };
    Place { database: 0, address }
}

fn since() -> Stamp {
    Stamp::new(name(), Incarnation(1), 7)
}

fn granted(leases: &mut Leases, entry: u32, holder: Option<&[u8]>, length_ms: u64) -> Token {
    let grant = Grant { since: since(), tags: Box::default(), holder: holder.map(Box::from), length_ms };
    let token = leases.grant(&place(entry), grant, NOW).expect("a token");
    Token::parse(token.as_bytes(), name()).expect("a token")
}

fn waits(leases: &mut Leases, ticket: u64, holder: Option<&[u8]>) -> bool {
    let waiter = Waiter {
        ask: Ask::default(),
        holder: holder.map(Box::from),
        length_ms: Some(100),
        tags: Box::default(),
    };
    leases.wait(&place(1), Ticket(ticket), waiter, 3)
}

/// Looks at all who are to be looked at, as things stand where there is no entry.
fn settle(leases: &mut Leases) {
    while let Some((id, _)) = leases.next_called() {
        let state = OpenState::Absent(Why::Unknown);
        let scene = Scene { state: &state, policy: &Policy::default(), bypassed: false, since: since() };
        leases.settle(id, &scene, NOW);
    }
}

/// Who is told, and takes it.
fn told(leases: &mut Leases) -> Vec<(u64, Rc<Fetched>)> {
    let mut told = Vec::new();
    while let Some((ticket, _)) = leases.next_answered() {
        told.push((ticket.0, leases.take_answer(ticket).expect("an answer")));
        leases.leave(ticket);
    }
    told
}

#[test]
fn a_vanished_waiter_passes_its_lease_on() {
    let mut leases = Leases::new(1, 0);
    let token = granted(&mut leases, 1, None, 100);
    assert!((1..=3).all(|ticket| waits(&mut leases, ticket, None)));
    leases.end(&place(1), &token, NOW);
    settle(&mut leases);
    assert_eq!(leases.next_answered().map(|(ticket, _)| ticket), Some(Ticket(1)));
    leases.leave(Ticket(1));
    settle(&mut leases);
    let told = told(&mut leases);
    assert_eq!(
        told.iter().map(|(ticket, fetched)| (*ticket, fetched.status)).collect::<Vec<_>>(),
        [(2, Status::Lease)]
    );
    assert!(leases.waits_at(Ticket(3)).is_some());
}

#[test]
fn the_holder_gets_its_own_lease_again() {
    let mut leases = Leases::new(1, 0);
    let token = granted(&mut leases, 1, Some(b"h"), 100).to_string();
    let desk = |leases: &mut Leases, holder, ms| leases.desk(&place(1), holder, NOW.plus(ms));
    assert!(matches!(desk(&mut leases, Some(b"h"), 50), Desk::Mine(own) if *own == *token));
    assert!(matches!(desk(&mut leases, Some(b"x"), 50), Desk::Busy));
    assert!(matches!(desk(&mut leases, None, 50), Desk::Busy));
    assert!(matches!(desk(&mut leases, Some(b"h"), 100), Desk::Free), "no later than its deadline");
}

#[test]
fn a_retry_that_waits_is_told_with_its_first_try() {
    let mut leases = Leases::new(1, 0);
    let token = granted(&mut leases, 1, None, 100);
    for (ticket, holder) in [(1, Some(&b"h"[..])), (2, None), (3, Some(b"h"))] {
        assert!(waits(&mut leases, ticket, holder));
    }
    assert!(!waits(&mut leases, 4, None), "three are enough");
    leases.end(&place(1), &token, NOW);
    settle(&mut leases);
    let told = told(&mut leases);
    let [(1, one), (3, other)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(one.token, other.token);
}

#[test]
fn all_are_answered_with_one_value() {
    let mut leases = Leases::new(1, 0);
    granted(&mut leases, 1, None, 100);
    assert!((1..=3).all(|ticket| waits(&mut leases, ticket, None)));
    leases.answer_all(&place(1), || Fetched::failed(b"no", 0));
    leases.leave(Ticket(2));
    // What happens then is another matter.
    granted(&mut leases, 1, None, 100);
    assert!(waits(&mut leases, 4, None));
    let told = told(&mut leases);
    assert_eq!(told.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [1, 3]);
    assert!(leases.waits_at(Ticket(4)).is_some());
}

#[test]
fn a_lapse_is_taken_up_again_and_progress_is_not_shown_meanwhile() {
    let mut leases = Leases::new(1, 0);
    let token = granted(&mut leases, 1, None, 100);
    let renewal = |text: &[u8]| Renewal {
        length_ms: None,
        default_ms: 1,
        progress: Some(text.into()),
        weight: Some(5),
    };
    leases.renew(&place(1), &token, renewal(b"1"), NOW.plus(50));
    let first = leases.progress(&place(1), NOW.plus(149)).expect("progress");
    assert!(leases.progress(&place(1), NOW.plus(150)).is_none());
    assert!(leases.lapse(NOW.plus(150)).is_some_and(|lapse| lapse.had_progress));
    assert_eq!(leases.standing(&place(1), &token, NOW.plus(150)), Standing::Lapsed);
    leases.renew(&place(1), &token, renewal(b"2"), NOW.plus(200));
    assert_eq!(leases.standing(&place(1), &token, NOW.plus(299)), Standing::Held);
    let second = leases.progress(&place(1), NOW.plus(299)).expect("progress");
    assert!(second.version < first.version && first.version < 0);
    assert_eq!(leases.spent(&place(1), token.id, NOW.plus(299)), Some((299, Some(5))));
}

#[test]
fn what_is_remembered_is_bounded_and_what_is_forgotten_is_a_strangers() {
    let mut leases = Leases::new(1, 0);
    let tokens: Vec<Token> = (0..20_000).map(|entry| granted(&mut leases, entry, None, 1)).collect();
    while leases.lapse(NOW.plus(1)).is_some() {}
    assert_eq!(leases.flights.len(), 16_384);
    let standing = |leases: &mut Leases, entry: u32| {
        leases.standing(&place(entry), &tokens[entry as usize], NOW.plus(1))
    };
    assert_eq!(standing(&mut leases, 0), Standing::Unknown);
    assert_eq!(standing(&mut leases, 19_999), Standing::Lapsed);
    leases.revoke(&place(19_999));
    assert_eq!(standing(&mut leases, 19_999), Standing::Overtaken);
    leases.clear();
    assert_eq!(standing(&mut leases, 19_998), Standing::Unknown, "after a change of role");
    let mut stranger = tokens[5].clone();
    stranger.id = GrantId { server: 2, number: 1 };
    assert_eq!(leases.standing(&place(5), &stranger, NOW), Standing::Unknown);
    granted(&mut leases, 5, None, 1);
    assert_eq!(leases.standing(&place(5), &stranger, NOW), Standing::Overtaken);
}

#[test]
fn a_clock_that_steps_back_makes_no_lease_longer() {
    let mut leases = Leases::new(1, 0);
    let token = granted(&mut leases, 1, None, 100);
    let back = |ms: u64| Instant::from_unix_ms(NOW.unix_ms() - 3_600_000 + ms);
    assert_eq!(leases.standing(&place(1), &token, back(0)), Standing::Held);
    assert_eq!(leases.due_in_ms(back(99)), Some(1));
    assert_eq!(leases.standing(&place(1), &token, back(100)), Standing::Lapsed);
}

/// Against a plain look at every lease.
#[test]
fn an_invalidated_tag_revokes_the_leases_that_bear_it_and_no_others() {
    let mut leases = Leases::new(1, 1);
    // Entry n bears the tags 2n and 3n below 40.
    let tags = |entry: u32| -> Vec<String> {
        [2 * entry, 3 * entry].into_iter().filter(|tag| *tag < 40).map(|tag| tag.to_string()).collect()
    };
    let grant = |leases: &mut Leases, entry: u32, length_ms: u64| {
        let tags = tags(entry).iter().map(|tag| Template::parse(tag).expect("a tag")).collect();
        let grant = Grant { since: since(), tags, holder: None, length_ms };
        leases.grant(&place(entry), grant, NOW).expect("a token");
    };
    (1..40).for_each(|entry| grant(&mut leases, entry, if entry % 5 == 0 { 10 } else { 60_000 }));
    while leases.lapse(NOW.plus(10)).is_some() {}
    let held = |leases: &mut Leases| -> Vec<u32> {
        (1..40).filter(|&entry| leases.held(&place(entry), NOW.plus(10)).is_some()).collect()
    };
    let mut expected: Vec<u32> = (1..40).filter(|entry| entry % 5 != 0).collect();
    assert_eq!(held(&mut leases), expected);
    for tag in ["12", "13", "36", "99"] {
        let scope = Scope::Tags(vec![tag.as_bytes(), b"none"]);
        leases.revoke_scope(1, "n", &scope);
        leases.revoke_scope(0, "other", &scope);
        assert_eq!(held(&mut leases), expected, "of another database, another namespace");
        leases.revoke_scope(0, "n", &scope);
        expected.retain(|&entry| !tags(entry).iter().any(|of| of == tag));
        assert_eq!(held(&mut leases), expected, "{tag}");
    }
    leases.drop_namespace(0, "n");
    leases.revoke_scope(0, "n", &Scope::Tags(vec![b"2"]));
    while leases.take_apart(100) {}
    assert_eq!(leases.bearing.len(), 0, "nothing is left behind");
}
