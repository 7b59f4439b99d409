//! Contract §7 over the wire: each code with its status and blame, and what counts as a try.

use crate::platform_kit::{ACCOUNT, ADULT, BINARY, JSON, Served, World};
use crate::testkit::Trapdoor;
use serde_json::json;
use std::time::Duration;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::presentation::Presentation;
use veilpass_server::http::now;
use veilpass_verifier::{Origin, Policy};

const R: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

#[test]
fn malformed() {
    let mut world = World::new(320);
    let served = world.serve();
    let first = served.ask(ADULT);
    let good = world.present(&first.request, 3, 1);
    let text = good.to_json();
    let change = |from: &str, to: &str| {
        assert!(text.contains(from));
        text.replacen(from, to, 1).into_bytes()
    };
    let u = to_hex(&good.pseudonym);
    let mut newer = good.to_binary();
    newer[0] = 2;
    let mut above_r = good.to_binary();
    above_r[41..73].fill(0xff);
    let off_curve = Presentation { proof: [0xff; 128], ..good.clone() };
    let infinity = {
        let mut proof = good.proof;
        proof[..32].fill(0);
        proof[31] = 0x40;
        Presentation { proof, ..good.clone() }
    };
    let nested = format!(r#"{{"v":1,"circuit":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (JSON, b"".to_vec(), "presentation_syntax"),
        (JSON, b"null".to_vec(), "presentation_syntax"),
        (JSON, b"{}".to_vec(), "presentation_syntax"),
        (JSON, nested.into_bytes(), "presentation_syntax"),
        (JSON, text.as_bytes()[..300].to_vec(), "presentation_syntax"),
        (JSON, format!("{text}{text}").into_bytes(), "presentation_syntax"),
        (JSON, change("{", "{\"note\":\"hello\","), "presentation_syntax"),
        (JSON, change("{", "{\"epoch\":3,"), "presentation_syntax"),
        (JSON, change("\"epoch\":3,", ""), "presentation_syntax"),
        (JSON, change("\"epoch\":3", "\"epoch\":-3"), "presentation_syntax"),
        (JSON, change("\"epoch\":3", "\"epoch\":9007199254740992"), "presentation_syntax"),
        (
            JSON,
            change("\"epoch\":3", &format!("\"epoch\":3,\"x\":\"{}\"", "x".repeat(5000))),
            "presentation_syntax",
        ),
        (JSON, good.to_binary(), "presentation_syntax"),
        (BINARY, text.clone().into_bytes(), "presentation_syntax"),
        (BINARY, br#"{"v":1,"declined":true}"#.to_vec(), "presentation_syntax"),
        (BINARY, b"".to_vec(), "presentation_syntax"),
        (BINARY, good.to_binary()[..200].to_vec(), "presentation_syntax"),
        (BINARY, [good.to_binary(), vec![0]].concat(), "presentation_syntax"),
        ("text/plain", text.clone().into_bytes(), "presentation_syntax"),
        ("", text.clone().into_bytes(), "presentation_syntax"),
        (JSON, change("\"v\":1", "\"v\":2"), "version_unsupported"),
        (BINARY, newer, "version_unsupported"),
        (JSON, change(&u, R), "not_canonical"),
        (JSON, change(&u, &u[1..]), "not_canonical"),
        (JSON, change("\"proof\":\"", "\"proof\":\"A"), "not_canonical"),
        (JSON, change(&good.circuit.to_string(), &good.circuit.to_string().to_uppercase()), "not_canonical"),
        (BINARY, above_r, "not_canonical"),
        (JSON, off_curve.to_json().into_bytes(), "proof_point"),
        (BINARY, off_curve.to_binary(), "proof_point"),
        (JSON, infinity.to_json().into_bytes(), "proof_point"),
    ];
    for (media_type, body, code) in cases {
        // Each try on a request of its own; the circuit and epoch are the same.
        let asked = served.ask(ADULT);
        let answer = served.answer(&asked, media_type, &body);
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(answer.said(), format!("400 {code} malformed"), "{media_type} {shown}");
        // Nothing that was sent comes back.
        assert!(!answer.body.contains(&u) && !answer.body.contains("hello"), "{answer:?}");
        assert_eq!(served.result(&asked), json!({"state": "pending"}));
    }
    assert_eq!(world.query("SELECT min(tries) FROM request WHERE state = 'pending' AND code IS NOT NULL"), 1);
    assert!(served.send(&first, &good).is_received());
    served.stop();
}

#[test]
fn unacceptable_and_invalid() {
    let mut world = World::new(321);
    let mut settings = world.settings();
    settings.policy = Policy::default().with_grace(1800).unwrap();
    let served = Served::start(settings, &world.token);
    let asked = served.ask(ADULT);
    let good = world.present(&asked.request, 3, 1);
    let other_circuit = Presentation { circuit: CircuitId([9; 32]), ..good.clone() };
    assert_eq!(served.send(&asked, &other_circuit).said(), "403 circuit_unknown unacceptable");
    let unknown = Presentation { epoch: 4, ..good.clone() };
    assert_eq!(served.send(&asked, &unknown).said(), "403 epoch_unknown unacceptable");
    // Epoch 1 was replaced an hour ago, epoch 2 ten minutes ago.
    let replaced = world.present(&asked.request, 1, 1);
    assert_eq!(served.send(&asked, &replaced).said(), "403 epoch_replaced unacceptable");
    let in_grace = world.present(&asked.request, 2, 1);
    assert!(served.send(&asked, &in_grace).is_received());

    // For another nonce, another pseudonym, another root.
    let next = served.ask(ADULT);
    assert_eq!(served.send(&next, &good).said(), "403 proof_invalid invalid_proof");
    let good = world.present(&next.request, 3, 2);
    let other_name = Presentation { pseudonym: Fr::from(3u64), ..good.clone() };
    assert_eq!(served.send(&next, &other_name).said(), "403 proof_invalid invalid_proof");
    let other_root = Presentation { epoch: 2, ..good.clone() };
    assert_eq!(served.send(&next, &other_root).said(), "403 proof_invalid invalid_proof");
    assert!(served.send(&next, &good).is_received());
    // The order of contract §6: what is no presentation is told before that the request is answered.
    assert_eq!(served.answer(&next, JSON, b"{}").said(), "400 presentation_syntax malformed");
    assert_eq!(served.result(&next)["state"], "accepted");
    served.stop();
}

#[test]
fn expiry() {
    let mut world = World::new(322);
    let mut settings = world.settings();
    settings.ttl = 2;
    let served = Served::start(settings, &world.token);
    let (asked, answered) = (served.ask(ADULT), served.ask(ADULT));
    let [late, on_time] = [&asked, &answered].map(|a| world.present(&a.request, 3, 1));
    assert!(served.send(&answered, &on_time).is_received());
    std::thread::sleep(Duration::from_millis(2100));
    let expired = "410 request_expired unacceptable";
    for _ in 0..6 {
        assert_eq!(served.send(&asked, &late).said(), expired);
    }
    assert_eq!(served.send(&answered, &on_time).said(), expired);
    assert_eq!(served.answer(&asked, JSON, br#"{"v":1,"declined":true}"#).said(), expired);
    assert_eq!(served.get(&format!("/v1/requests/{}", asked.id), None).said(), expired);
    assert_eq!(served.result(&asked), json!({"state": "expired"}));
    assert_eq!(served.result(&answered)["state"], "accepted");
    assert_eq!(world.query("SELECT sum(tries) FROM request"), 0);
    served.stop();
}

#[test]
fn five_refused_tries_use_a_request_up() {
    let mut world = World::new(323);
    let served = world.serve();
    let (asked, other) = (served.ask(ADULT), served.ask(ADULT));
    let good = world.present(&asked.request, 3, 1);
    let wrong = world.present(&other.request, 3, 1);
    for n in 1..=5 {
        assert_eq!(served.result(&asked), json!({"state": "pending"}));
        let answer = if n < 5 { served.answer(&asked, JSON, b"x") } else { served.send(&asked, &wrong) };
        assert!(matches!(answer.status, 400 | 403));
    }
    assert_eq!(served.result(&asked), json!({"state": "refused", "code": "proof_invalid"}));
    assert_eq!(served.send(&asked, &good).said(), "409 request_replayed unacceptable");
    assert_eq!(served.result(&asked), json!({"state": "refused", "code": "proof_invalid"}));
    assert_eq!(world.query("SELECT count(*) FROM pseudonym"), 0);
    served.stop();
}

#[test]
fn once_and_again() {
    let mut world = World::new(324);
    let served = world.serve();
    let spent = "403 pseudonym_spent unacceptable";
    let once = ACCOUNT.replace(r#""account""#, r#""account","once":true"#);
    // An account returns.
    for _ in 0..3 {
        let asked = served.ask(ACCOUNT);
        let presentation = world.present(&asked.request, 3, 10);
        assert!(served.send(&asked, &presentation).is_received());
        assert_eq!(served.result(&asked)["pseudonym"], crate::platform_kit::hex(10));
    }
    // Where it may come once, it has been there already; somebody else has not.
    let asked = served.ask(&once);
    let again = world.present(&asked.request, 3, 10);
    for _ in 0..4 {
        assert_eq!(served.send(&asked, &again).said(), spent);
    }
    let new = world.present(&asked.request, 3, 11);
    assert!(served.send(&asked, &new).is_received());
    let asked = served.ask(&once);
    let again = world.present(&asked.request, 3, 11);
    for _ in 0..5 {
        assert_eq!(served.send(&asked, &again).said(), spent);
    }
    assert_eq!(served.result(&asked), json!({"state": "refused", "code": "pseudonym_spent"}));
    // Another context is another scope.
    let elsewhere = once.replace(r#""link""#, r#""context":"poll","link""#);
    let asked = served.ask(&elsewhere);
    let elsewhere = world.present(&asked.request, 3, 11);
    assert!(served.send(&asked, &elsewhere).is_received());
    // `tokens` and `none` imply it, whatever `once` says.
    for body in [
        r#"{"predicates":{"valid":true},"link":"tokens","slots":3,"period":7,"once":false}"#,
        r#"{"predicates":{"valid":true},"once":false}"#,
    ] {
        let [one, two] = [served.ask(body), served.ask(body)];
        let [first, second] = [&one, &two].map(|asked| world.present(&asked.request, 3, 12));
        assert!(served.send(&one, &first).is_received());
        assert_eq!(served.send(&two, &second).said(), spent);
    }
    served.stop();
}

/// Nothing can be judged, so nobody is to blame but the platform, and no try is counted.
fn refuses_all(served: &Served, world: &mut World, code: &str) {
    let asked = served.ask(ADULT);
    let presentation = world.statements.last().is_some().then(|| world.present(&asked.request, 1, 1));
    let said = format!("503 {code} misconfigured");
    for _ in 0..6 {
        let answer = match &presentation {
            Some(presentation) => served.send(&asked, presentation),
            None => served.answer(&asked, JSON, b"{}"),
        };
        assert_eq!(answer.said(), said);
        assert_eq!(served.answer(&asked, "text/plain", b"junk").said(), said);
    }
    assert_eq!(served.result(&asked), json!({"state": "pending"}));
    let ready = served.get("/readyz", None);
    assert_eq!(
        (ready.status, &ready.json()["code"], &ready.json()["ready"]),
        (503, &json!(code), &json!(false))
    );
    // A decline needs no epoch.
    assert!(served.answer(&asked, JSON, br#"{"v":1,"declined":true}"#).is_received());
}

#[test]
fn epochs_that_nobody_can_be_judged_by() {
    type Seal = fn(&mut World);
    let stranger = |world: &mut World| {
        let statement = world.draft(now().minus(60), 2000);
        let other = AuthoritySigner::generate(&mut world.rng, crate::people::ORIGIN).unwrap();
        world.publish(1, &statement.sign(&other).unwrap());
    };
    let cases: [(&str, Seal); 8] = [
        ("epochs_stale", |_| ()),
        ("epochs_stale", |w| drop(w.seal(now().minus(48 * 3600 + 5), 2000))),
        ("epochs_from_future", |w| drop(w.seal(now().plus(600), 2000))),
        ("epoch_below_floor", |w| drop(w.seal(now().minus(60), 999))),
        ("epochs_syntax", |w| w.publish(1, "hello\n")),
        ("epoch_signature", |w| {
            let note = w.seal(now().minus(60), 2000);
            w.publish(1, &note.replace("live 2000", "live 2001"));
        }),
        ("epoch_signature", stranger),
        ("epochs_conflict", |w| {
            w.seal(now().minus(60), 2000);
            let mut statement = w.draft(now().minus(30), 0);
            statement.window[0].replaced_at = now().minus(10);
            w.publish(2, &statement.sign(&w.signer).unwrap());
        }),
    ];
    for (seed, (code, seal)) in (330..).zip(cases) {
        println!("{code}");
        let mut world = World::empty(seed);
        seal(&mut world);
        let served = world.serve();
        refuses_all(&served, &mut world, code);
        served.stop();
    }
}

#[test]
fn a_request_of_an_earlier_key() {
    let mut world = World::new(340);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 3, 1);
    served.stop();
    let mut settings = world.settings();
    settings.verifying_key = Trapdoor::from_seed(9).key(Origin::Ceremony).to_bytes();
    let served = Served::start(settings, &world.token);
    assert_eq!(served.send(&asked, &presentation).said(), "503 key_mismatch misconfigured");
    served.stop();
    let served = world.serve();
    assert!(served.send(&asked, &presentation).is_received());
    served.stop();
}

/// A request whose day is over, as a wrong clock would leave it.
#[test]
fn a_request_for_another_day() {
    use veilpass_server::platform::RequestOptions;
    let mut world = World::new(341);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let mut options = RequestOptions::new(
        "forum.localhost".parse().unwrap(),
        world.key.circuit_id(),
        asked.request.predicates.clone(),
    );
    options.ttl = 4 * 86_400;
    let made = options.make(Some(&world.keys), now().minus(3 * 86_400), &mut world.rng).unwrap();
    let presentation = world.present(&made.request, 3, 1);
    world.execute(&format!(
        "INSERT INTO request (id, nonce, token_hash, signed, once, expires_at)
         SELECT '{}', '{}', token_hash, '{}', 0, {} FROM request",
        "f".repeat(32),
        made.request.nonce,
        made.text(),
        made.request.expires_at.seconds()
    ));
    let mut old = asked.clone();
    old.id = "f".repeat(32);
    assert_eq!(served.send(&old, &presentation).said(), "503 request_date misconfigured");
    assert_eq!(served.result(&old), json!({"state": "pending"}));
    served.stop();
}
