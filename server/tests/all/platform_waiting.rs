//! Waiting for the outcome of a request: `GET /v1/requests/{id}/result?wait=30`.

use crate::platform_kit::{ADULT, Answer, Asked, JSON, Served, World, call, hex};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use veilpass_protocol::presentation::DECLINE;

fn result(address: SocketAddr, asked: &Asked, query: &str) -> Answer {
    let bearer = [("Authorization", format!("Bearer {}", asked.result_token))];
    call(address, "GET", &format!("/v1/requests/{}/result{query}", asked.id), &bearer, b"")
}

/// Waits on a thread; gives the answer and how long it took.
fn waiting(served: &Served, asked: &Asked, seconds: u64) -> JoinHandle<(Value, Duration)> {
    let (address, asked) = (served.address, asked.clone());
    let waiting = std::thread::spawn(move || {
        let begun = Instant::now();
        let answer = result(address, &asked, &format!("?wait={seconds}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.json(), begun.elapsed())
    });
    std::thread::sleep(Duration::from_millis(300));
    waiting
}

#[test]
fn the_answer_comes_when_the_state_changes() {
    let mut world = World::new(390);
    let mut settings = world.settings();
    // Whoever waits may do so for longer than any other request takes.
    settings.http.request_timeout = Duration::from_secs(2);
    let served = Served::start(settings, &world.token);
    let soon = |(told, took): (Value, Duration), expected: Value| {
        assert_eq!(told, expected);
        assert!(took < Duration::from_secs(8), "{took:?}");
    };
    let asked = served.ask(ADULT);
    let waits = waiting(&served, &asked, 30);
    std::thread::sleep(Duration::from_secs(3));
    let presentation = world.present(&asked.request, 3, 77);
    assert!(served.send(&asked, &presentation).is_received());
    soon(waits.join().unwrap(), json!({"state": "accepted", "pseudonym": hex(77)}));

    let asked = served.ask(ADULT);
    let waits = waiting(&served, &asked, 30);
    assert!(served.answer(&asked, JSON, DECLINE.as_bytes()).is_received());
    soon(waits.join().unwrap(), json!({"state": "declined"}));

    let asked = served.ask(ADULT);
    let waits = waiting(&served, &asked, 30);
    for _ in 0..5 {
        assert_eq!(served.answer(&asked, JSON, b"{}").status, 400);
    }
    soon(waits.join().unwrap(), json!({"state": "refused", "code": "presentation_syntax"}));

    // Nothing changes: the answer comes when the time is over, and one that stands already at once.
    let asked = served.ask(ADULT);
    let (told, took) = waiting(&served, &asked, 3).join().unwrap();
    assert_eq!(told, json!({"state": "pending"}));
    assert!((2900..6000).contains(&took.as_millis()), "{took:?}");
    assert!(served.answer(&asked, JSON, DECLINE.as_bytes()).is_received());
    let (told, took) = waiting(&served, &asked, 30).join().unwrap();
    assert_eq!(told, json!({"state": "declined"}));
    assert!(took < Duration::from_secs(2), "{took:?}");
    served.stop();
}

#[test]
fn who_waits_learns_that_the_request_has_expired() {
    let world = World::new(391);
    let mut settings = world.settings();
    settings.ttl = 2;
    let served = Served::start(settings, &world.token);
    let asked = served.ask(ADULT);
    let (told, took) = waiting(&served, &asked, 30).join().unwrap();
    assert_eq!(told, json!({"state": "expired"}));
    assert!(took < Duration::from_secs(6), "{took:?}");
    served.stop();
}

#[test]
fn waiting_has_its_limits() {
    let world = World::new(392);
    let mut settings = world.settings();
    // A quarter of the connections may wait: two.
    settings.http.max_connections = 8;
    let served = Served::start(settings, &world.token);
    let (one, two) = (served.ask(ADULT), served.ask(ADULT));
    let begun = Instant::now();
    let waits = [waiting(&served, &one, 4), waiting(&served, &two, 4)];
    let third = result(served.address, &one, "?wait=30");
    assert_eq!(third.said(), "429 rate_limited");
    assert!(third.has_header("retry-after: 5"), "{third:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "the refusal waited");
    // Whoever does not wait is answered, and other routes go on.
    assert_eq!(result(served.address, &one, "").json(), json!({"state": "pending"}));
    assert_eq!(served.get("/healthz", None).status, 200);
    served.ask(ADULT);
    for wait in waits {
        assert_eq!(wait.join().unwrap().0, json!({"state": "pending"}));
    }
    // Places are given back, also by clients that hang up.
    for _ in 0..6 {
        let mut gone = TcpStream::connect(served.address).unwrap();
        let head = format!(
            "GET /v1/requests/{}/result?wait=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
            one.id, one.result_token
        );
        gone.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        drop(gone);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(result(served.address, &one, "?wait=1").json(), json!({"state": "pending"}));
    // Only who has the token of a request waits for it.
    let stranger = Asked { result_token: two.result_token.clone(), ..one.clone() };
    let begun = Instant::now();
    assert_eq!(result(served.address, &stranger, "?wait=30").said(), "401 unauthorised");
    assert!(begun.elapsed() < Duration::from_secs(2));
    for query in [
        "?wait=31",
        "?wait=-1",
        "?wait=",
        "?wait=x",
        "?wait=1.5",
        "?wait=1&wait=2",
        "?wiat=3",
        "?wait=99999999999999999999",
    ] {
        let answer = result(served.address, &one, query);
        assert_eq!(answer.said(), "400 request_syntax", "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("from 0 to 30"), "{answer:?}");
    }
    assert_eq!(result(served.address, &one, "?wait=0").status, 200);
    served.stop();
}

#[test]
fn a_stop_answers_who_waits() {
    let world = World::new(393);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let waits = waiting(&served, &asked, 30);
    let begun = Instant::now();
    served.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(waits.join().unwrap().0, json!({"state": "pending"}));
}

/// A token that was lost is replaced while the platform serves.
#[test]
fn a_new_token_counts_at_once_and_the_one_before_no_more() {
    let mut world = World::new(394);
    let served = world.serve();
    served.ask(ADULT);
    let new = world.keys.new_token(&mut world.rng);
    let token = new.token.clone();
    let with = |token: &str| served.post("/v1/requests", Some(token), JSON, ADULT.as_bytes()).status;
    // Shown, but not kept: it does not count yet.
    assert_eq!((with(&world.token), with(&token)), (201, 401));
    new.keep().unwrap();
    assert_eq!((with(&world.token), with(&token)), (401, 201));
    served.stop();
    // Also after a restart.
    let served = Served::start(world.settings(), &token);
    served.ask(ADULT);
    served.stop();
}
