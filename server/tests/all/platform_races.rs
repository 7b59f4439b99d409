//! Many at once: of all answers to one request exactly one is accepted, whatever they look like.

use crate::platform_kit::{ACCOUNT, ADULT, Asked, Served, World};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Barrier;
use veilpass_protocol::presentation::Presentation;

const THREADS: usize = 64;

fn rounds() -> usize {
    if std::env::var_os("VEILPASS_LONG").is_some() { 200 } else { 20 }
}

/// Sends each of them from a thread of its own at one moment; how often each answer came.
fn race(served: &Served, answers: &[(&Asked, Presentation)]) -> BTreeMap<String, usize> {
    let barrier = Barrier::new(answers.len());
    let said: Vec<String> = std::thread::scope(|scope| {
        let send = |(asked, presentation): &(&Asked, Presentation)| {
            barrier.wait();
            let answer = served.send(asked, presentation);
            if answer.is_received() { "received".to_owned() } else { answer.said() }
        };
        let threads: Vec<_> = answers.iter().map(|a| scope.spawn(move || send(a))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut counts = BTreeMap::new();
    for text in said {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

fn one_of(n: usize, refusal: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([("received".to_owned(), 1), (refusal.to_owned(), n - 1)])
}

#[test]
fn one_nonce_is_accepted_once() {
    let mut world = World::new(350);
    let served = world.serve();
    for round in 0..rounds() {
        let asked = served.ask(ADULT);
        let presentation = world.present(&asked.request, 3, round as u64);
        let answers: Vec<_> = (0..THREADS).map(|_| (&asked, presentation.clone())).collect();
        let counts = race(&served, &answers);
        assert_eq!(counts, one_of(THREADS, "409 request_replayed unacceptable"), "round {round}");
    }
    assert_eq!(world.query("SELECT count(*) FROM pseudonym"), rounds() as i64);
    served.stop();
}

#[test]
fn copies_of_one_proof_are_accepted_once() {
    let mut world = World::new(351);
    let served = world.serve();
    for round in 0..rounds() {
        let asked = served.ask(ACCOUNT);
        let presentation = world.present(&asked.request, 3, 1);
        let answers: Vec<_> = (0..THREADS).map(|_| (&asked, world.copy(&presentation))).collect();
        let counts = race(&served, &answers);
        assert_eq!(counts, one_of(THREADS, "409 request_replayed unacceptable"), "round {round}");
    }
    assert_eq!(world.query("SELECT count(*) FROM request WHERE state = 'accepted'"), rounds() as i64);
    served.stop();
}

/// Many requests, one pseudonym that counts once: one vote.
#[test]
fn one_pseudonym_is_spent_once() {
    let mut world = World::new(352);
    let served = world.serve();
    let body = r#"{"predicates":{"valid":true},"link":"account","once":true}"#;
    for round in 0..rounds() / 10 {
        let asked: Vec<_> = (0..16).map(|_| served.ask(body)).collect();
        let answers: Vec<_> =
            asked.iter().map(|asked| (asked, world.present(&asked.request, 3, round as u64))).collect();
        let counts = race(&served, &answers);
        assert_eq!(counts, one_of(16, "403 pseudonym_spent unacceptable"), "round {round}");
    }
    served.stop();
}

/// Bad tries at one moment are counted one by one: five use the request up, and no sixth gets in.
#[test]
fn five_parallel_tries_are_five() {
    let mut world = World::new(353);
    let served = world.serve();
    for parallel in [5, 16, 64] {
        let (asked, other) = (served.ask(ADULT), served.ask(ADULT));
        let wrong = world.present(&other.request, 3, 1);
        let answers: Vec<_> = (0..parallel).map(|_| (&asked, wrong.clone())).collect();
        let counts = race(&served, &answers);
        let refused = counts.get("403 proof_invalid invalid_proof").copied().unwrap_or_default();
        let replayed = counts.get("409 request_replayed unacceptable").copied().unwrap_or_default();
        assert!(refused >= 5 && refused + replayed == parallel, "{counts:?}");
        let good = world.present(&asked.request, 3, 2);
        assert_eq!(served.send(&asked, &good).said(), "409 request_replayed unacceptable");
        assert_eq!(served.result(&asked), json!({"state": "refused", "code": "proof_invalid"}));
    }
    assert_eq!(world.query("SELECT max(tries) FROM request"), 5);
    assert_eq!(world.query("SELECT count(*) FROM pseudonym"), 0);
    served.stop();
}

/// An acceptance and a decline at one moment: one of the two.
#[test]
fn accepted_or_declined_but_not_both() {
    let mut world = World::new(354);
    let served = world.serve();
    for round in 0..rounds() {
        let asked = served.ask(ADULT);
        let presentation = world.present(&asked.request, 3, 1000 + round as u64);
        let barrier = Barrier::new(2);
        let (sent, declined) = std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                barrier.wait();
                served.send(&asked, &presentation)
            });
            barrier.wait();
            // The proof takes a while; so does whoever declines in every other round.
            std::thread::sleep(std::time::Duration::from_millis(2 * (round as u64 % 4)));
            let declined = served.answer(&asked, crate::platform_kit::JSON, br#"{"v":1,"declined":true}"#);
            (sent.join().unwrap(), declined)
        });
        assert!(sent.is_received() != declined.is_received(), "{sent:?} {declined:?}");
        let state = if sent.is_received() { "accepted" } else { "declined" };
        assert_eq!(served.result(&asked)["state"], state);
    }
    served.stop();
}

/// Answers to one request are judged one after the other: five tries are five checks, however many come at once.
#[test]
fn five_tries_are_five() {
    let mut world = World::new(358);
    let served = world.serve();
    for round in 0..rounds().min(5) {
        let asked = served.ask(ACCOUNT);
        let mut bad = world.present(&asked.request, 3, round as u64);
        bad.pseudonym += veilpass_protocol::field::Fr::from(1u64);
        let answers: Vec<_> = (0..THREADS).map(|_| (&asked, bad.clone())).collect();
        let expected = BTreeMap::from([
            ("403 proof_invalid invalid_proof".to_owned(), 5),
            ("409 request_replayed unacceptable".to_owned(), THREADS - 5),
        ]);
        assert_eq!(race(&served, &answers), expected, "round {round}");
        assert_eq!(served.result(&asked), json!({"state": "refused", "code": "proof_invalid"}));
    }
    served.stop();
}

/// Under load proofs are checked together: a bad one spoils no other.
#[test]
fn everybody_has_their_own_outcome() {
    let mut world = World::new(359);
    let served = world.serve();
    for _ in 0..rounds().min(5) {
        let asked: Vec<Asked> = (0..THREADS).map(|_| served.ask(ACCOUNT)).collect();
        let answers = asked.iter().enumerate().map(|(n, asked)| {
            let mut answer = world.present(&asked.request, 3, n as u64);
            if n % 5 == 0 {
                answer.pseudonym += veilpass_protocol::field::Fr::from(1000u64);
            }
            (asked, answer)
        });
        let answers: Vec<_> = answers.collect();
        let bad = THREADS.div_ceil(5);
        let expected = BTreeMap::from([
            ("received".to_owned(), THREADS - bad),
            ("403 proof_invalid invalid_proof".to_owned(), bad),
        ]);
        assert_eq!(race(&served, &answers), expected);
        for (n, asked) in asked.iter().enumerate() {
            let state = if n % 5 == 0 { "pending" } else { "accepted" };
            assert_eq!(served.result(asked)["state"], state, "{n}");
        }
    }
    served.stop();
}
