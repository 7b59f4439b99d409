//! Each route of a platform with no, wrong and right credentials and with bodies of every kind.

use crate::platform_kit::{ACCOUNT, ADULT, BINARY, JSON, World, call, hex};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use veilpass_protocol::presentation::DECLINE;
use veilpass_protocol::request::SignedRequest;
use veilpass_protocol::scope::LinkKind;

#[test]
fn from_a_question_to_its_answer() {
    let mut world = World::new(300);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let (id, port) = (&asked.id, served.address.port());
    assert_eq!(asked.request_uri, format!("http://forum.localhost:{port}/v1/requests/{id}"));
    assert_eq!(asked.request.response_uri, format!("{}/presentation", asked.request_uri));
    assert_eq!((asked.request.link, asked.request.slots), (LinkKind::None, 65536));
    assert_eq!(id.len(), 32);

    let fetched = served.get(&format!("/v1/requests/{id}"), None);
    assert!(fetched.status == 200 && fetched.has_header("content-type: application/oauth-authz-req+jwt"));
    assert!(fetched.has_header("cache-control: no-store"));
    let signed = SignedRequest::decode(&fetched.body).unwrap();
    assert_eq!(signed.verify(&world.keys.key()).unwrap(), &asked.request);

    assert_eq!(served.result(&asked), json!({"state": "pending"}));
    let presentation = world.present(&asked.request, 3, 77);
    assert!(served.send(&asked, &presentation).is_received());
    assert_eq!(served.result(&asked), json!({"state": "accepted", "pseudonym": hex(77)}));
    assert_eq!(served.send(&asked, &presentation).said(), "409 request_replayed unacceptable");
    let copy = world.copy(&presentation);
    assert_eq!(served.send(&asked, &copy).said(), "409 request_replayed unacceptable");
    assert_eq!(served.answer(&asked, JSON, DECLINE.as_bytes()).said(), "409 request_replayed unacceptable");
    assert_eq!(served.result(&asked)["state"], "accepted");
    served.stop();
}

#[test]
fn the_binary_form_and_epochs_of_the_window() {
    let mut world = World::new(301);
    let served = world.serve();
    for epoch in 1..=3 {
        let asked = served.ask(ADULT);
        let presentation = world.present(&asked.request, epoch, epoch);
        assert!(served.answer(&asked, BINARY, &presentation.to_binary()).is_received());
    }
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 3, 9);
    let with_parameter = format!("{JSON}; charset=utf-8");
    assert!(served.answer(&asked, &with_parameter, presentation.to_json().as_bytes()).is_received());
    served.stop();
}

#[test]
fn a_decline_is_the_end_of_it() {
    let mut world = World::new(302);
    let served = world.serve();
    let asked = served.ask(ADULT);
    for wrong in [
        r#"{"v":1,"declined":false}"#,
        r#"{"v":2,"declined":true}"#,
        r#"{"v":1,"declined":true,"why":"none of yours"}"#,
        r#"{"v":1,"declined":true,"declined":true}"#,
    ] {
        assert_eq!(served.answer(&asked, JSON, wrong.as_bytes()).status, 400, "{wrong}");
    }
    // Four refused tries are not five.
    assert_eq!(served.result(&asked), json!({"state": "pending"}));
    assert!(served.answer(&asked, JSON, DECLINE.as_bytes()).is_received());
    assert_eq!(served.result(&asked), json!({"state": "declined"}));
    let presentation = world.present(&asked.request, 3, 1);
    assert_eq!(served.send(&asked, &presentation).said(), "409 request_replayed unacceptable");
    assert_eq!(served.answer(&asked, JSON, DECLINE.as_bytes()).said(), "409 request_replayed unacceptable");
    assert_eq!(served.result(&asked), json!({"state": "declined"}));
    assert_eq!(world.query("SELECT count(*) FROM pseudonym"), 0);
    served.stop();
}

#[test]
fn credentials() {
    let mut world = World::new(303);
    let served = world.serve();
    let (asked, other) = (served.ask(ADULT), served.ask(ADULT));
    let unauthorised = "401 unauthorised";
    for bearer in [None, Some(""), Some("x"), Some(asked.result_token.as_str())] {
        let answer = served.post("/v1/requests", bearer, JSON, ADULT.as_bytes());
        assert_eq!(answer.said(), unauthorised);
        assert!(answer.has_header("www-authenticate: Bearer"));
    }
    let path = format!("/v1/requests/{}/result", asked.id);
    let upper = asked.result_token.to_uppercase();
    let longer = format!("{}A", asked.result_token);
    let wrong =
        [None, Some(other.result_token.as_str()), Some(&world.token), Some(&upper), Some(longer.as_str())];
    for bearer in wrong {
        assert_eq!(served.get(&path, bearer).said(), unauthorised);
    }
    let basic = vec![("Authorization", format!("Basic {}", asked.result_token))];
    assert_eq!(call(served.address, "GET", &path, &basic, b"").said(), unauthorised);
    let bearer = ("Authorization", format!("Bearer {}", asked.result_token));
    assert_eq!(
        call(served.address, "GET", &path, &[bearer.clone(), bearer.clone()], b"").said(),
        unauthorised
    );
    let lower = vec![("authorization", format!("bearer {}", asked.result_token))];
    assert_eq!(call(served.address, "GET", &path, &lower, b"").status, 200);
    // The result token lives as long as its request is remembered, also when that has been answered.
    let presentation = world.present(&asked.request, 3, 5);
    assert!(served.send(&asked, &presentation).is_received());
    assert_eq!(served.get(&path, None).said(), unauthorised);
    assert_eq!(served.result(&asked)["state"], "accepted");
    served.stop();
}

#[test]
fn nothing_is_where_nothing_was_put() {
    let world = World::new(304);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let absent = "0".repeat(32);
    let upper = asked.id.to_uppercase();
    for id in [absent.as_str(), "0", "..", "%00", "%ff", &asked.id[1..], &format!("{}0", asked.id), &upper] {
        if id == asked.id {
            continue;
        }
        let path = format!("/v1/requests/{id}");
        assert_eq!(served.get(&path, None).said(), "404 not_found", "{id}");
        assert_eq!(served.get(&format!("{path}/result"), Some("x")).said(), "404 not_found", "{id}");
        let answer = served.post(&format!("{path}/presentation"), None, JSON, DECLINE.as_bytes());
        assert_eq!(answer.said(), "404 not_found", "{id}");
    }
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/requests"),
        ("PUT", "/v1/requests"),
        ("DELETE", &format!("/v1/requests/{}", asked.id)),
        ("GET", &format!("/v1/requests/{}/presentation", asked.id)),
        ("POST", &format!("/v1/requests/{}/result", asked.id)),
        ("GET", "/v1/epochs/latest"),
        ("POST", "/healthz"),
    ] {
        assert_eq!(call(served.address, method, path, &[], b"").said(), "404 not_found", "{method} {path}");
    }
    assert_eq!(served.get("/healthz", None).body, r#"{"ok":true}"#);
    served.stop();
}

#[test]
fn what_can_be_asked() {
    let world = World::new(305);
    let served = world.serve();
    let tokens = served.ask(
        r#"{"predicates":{"valid":true},"link":"tokens","context":"poll-1","period":20414,"slots":3,"once":false}"#,
    );
    let r = &tokens.request;
    assert_eq!((r.link, r.context.as_str(), r.period, r.slots), (LinkKind::Tokens, "poll-1", 20414, 3));
    let account = served.ask(ACCOUNT).request;
    assert_eq!((account.slots, account.period), (1, 0));

    let syntax = "400 request_syntax misconfigured";
    let deep = format!(r#"{{"predicates":{}1{}}}"#, r#"{"a":"#.repeat(500), "}".repeat(500));
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "{",
        r#"{"predicates":{"valid":true}"#,
        r#"{"predicates":{"valid":true}} {}"#,
        r#"{"predicates":null}"#,
        r#"{"predicates":{}}"#,
        r#"{"predicates":[true]}"#,
        r#"[{"valid":true}]"#,
        r#"{"predicates":{"valid":false}}"#,
        r#"{"predicates":{"valid":true,"name":true}}"#,
        r#"{"predicates":{"valid":true,"age":{}}}"#,
        r#"{"predicates":{"valid":true,"nationality":0}}"#,
        r#"{"predicates":{"valid":true,"nationality":70000}}"#,
        r#"{"predicates":{"valid":true},"predicates":{"valid":true}}"#,
        r#"{"predicates":{"valid":true},"link":"friend"}"#,
        r#"{"predicates":{"valid":true},"link":null}"#,
        r#"{"predicates":{"valid":true},"link":{"none":null}}"#,
        r#"{"predicates":{"valid":true},"link":"none","link":"none"}"#,
        r#"{"predicates":{"valid":true},"context":7}"#,
        r#"{"predicates":{"valid":true},"context":"line\nbreak"}"#,
        r#"{"predicates":{"valid":true},"period":-1}"#,
        r#"{"predicates":{"valid":true},"link":"tokens","period":9007199254740992}"#,
        r#"{"predicates":{"valid":true},"link":"tokens","slots":4294967296}"#,
        r#"{"predicates":{"valid":true},"slots":1.5}"#,
        r#"{"predicates":{"valid":true},"once":1}"#,
        r#"{"predicates":{"valid":true},"once":null}"#,
        r#"{"predicates":{"valid":true},"ttl":600}"#,
        r#"{"predicates":{"valid":true},"nonce":"AAECAwQFBgcICQoLDA0ODw"}"#,
        r#"{"predicates":{"valid":true},"response_uri":"https://evil.example/"}"#,
        &deep,
    ] {
        assert_eq!(served.ask_for(body).said(), syntax, "{body}");
    }
    let not_utf8 = served.post("/v1/requests", Some(&world.token), JSON, b"{\"predicates\":\"\xff\"}");
    assert_eq!(not_utf8.said(), syntax);
    for media_type in ["", "text/plain", "application/x-www-form-urlencoded", BINARY] {
        let answer = served.post("/v1/requests", Some(&world.token), media_type, ADULT.as_bytes());
        assert_eq!(answer.said(), syntax, "{media_type}");
    }
    for body in [
        r#"{"predicates":{"valid":true,"age":{"at_least":17}}}"#,
        r#"{"predicates":{"valid":true,"age":{"at_least":60,"below":18}}}"#,
        r#"{"predicates":{"valid":true,"generation_at_most":1}}"#,
        r#"{"predicates":{"valid":true,"enrolled_on_or_before":"2020-02-02"}}"#,
        r#"{"predicates":{"valid":true},"slots":1}"#,
        r#"{"predicates":{"valid":true},"period":0}"#,
        r#"{"predicates":{"valid":true},"link":"account","slots":2}"#,
        r#"{"predicates":{"valid":true},"link":"account","period":1}"#,
        r#"{"predicates":{"valid":true},"link":"tokens","slots":0,"period":1}"#,
        r#"{"predicates":{"valid":true},"link":"tokens","slots":65537,"period":1}"#,
        r#"{"predicates":{"valid":true},"link":"tokens"}"#,
        r#"{"predicates":{"valid":true},"link":"tokens","slots":3}"#,
        r#"{"predicates":{"valid":true},"link":"tokens","period":3}"#,
    ] {
        assert_eq!(served.ask_for(body).said(), "400 request_policy misconfigured", "{body}");
    }
    // Nothing of all that was remembered.
    assert_eq!(world.query("SELECT count(*) FROM request"), 2);
    served.stop();
}

/// What a platform's engineer reads who mistypes: the member, what it takes, and what was most likely meant.
#[test]
fn a_typing_error_is_explained() {
    let world = World::new(330);
    let served = world.serve();
    for (body, words) in [
        ("", "the JSON ends too early"),
        ("{'predicates'", "this is not JSON (line 1, column 2)"),
        ("[]", "the body must be an object such as {\"predicates\""),
        ("{}", "`predicates` is missing: What is asked"),
        (
            r#"{"predicate":{"valid":true}}"#,
            "the body takes no member `predicate`; did you mean `predicates`?",
        ),
        (
            r#"{"predicates":{"valid":true},"ttl":600}"#,
            "the body takes no member `ttl`; it takes `context`, `link`",
        ),
        (r#"{"predicates":{"valid":true},"\u001b":1}"#, "the body takes not all of its members; it takes"),
        (r#"{"predicates":{}}"#, "`predicates.valid` is missing: Always `true`"),
        (r#"{"predicates":{"valid":1}}"#, "`predicates.valid` must be true"),
        (
            r#"{"predicates":{"valid":true,"age":18}}"#,
            "`predicates.age` must be an object such as {\"at_least\":18}: ",
        ),
        (r#"{"predicates":{"valid":true,"age":18}}"#, "ages are 14, 16, 18, 60"),
        (r#"{"predicates":{"valid":true,"age":{}}}"#, "`predicates.age` needs `at_least`, `below` or both"),
        (
            r#"{"predicates":{"valid":true,"age":{"atleast":18}}}"#,
            "`predicates.age` takes no member `atleast`; did you mean `at_least`?",
        ),
        (
            r#"{"predicates":{"valid":true,"age":{"at_least":"18"}}}"#,
            "`predicates.age.at_least` must be a whole number such as 18",
        ),
        (
            r#"{"predicates":{"valid":true,"age":{"at_least":null}}}"#,
            "`predicates.age.at_least` must be a whole number such as 18",
        ),
        (
            r#"{"predicates":{"valid":true,"age":{"at_least":21}}}"#,
            "`predicates.age` may only name the ages 14, 16, 18, 60",
        ),
        (r#"{"predicates":{"valid":true,"sex":"femal"}}"#, "did you mean \"female\"?"),
        (
            r#"{"predicates":{"valid":true,"documents":"x"}}"#,
            "`predicates.documents` must be \"citizen\", \"foreign\" or \"compatriot\"",
        ),
        (
            r#"{"predicates":{"valid":true,"nationality":0}}"#,
            "`predicates.nationality` must be a number from 1 to 999",
        ),
        (
            r#"{"predicates":{"valid":true,"nationality":70000}}"#,
            "`predicates.nationality` must be a whole number from 1 to 999",
        ),
        (
            r#"{"predicates":{"valid":true},"link":"acount"}"#,
            "`link` must be \"none\", \"tokens\" or \"account\"; did you mean \"account\"?",
        ),
        (r#"{"predicates":{"valid":true},"link":null}"#, "`link` must be \"none\""),
        (r#"{"predicates":{"valid":true},"link":"tokens"}"#, "`link` \"tokens\" needs `slots`"),
        (r#"{"predicates":{"valid":true},"slots":1.5}"#, "`slots` must be a whole number"),
        (r#"{"predicates":{"valid":true},"once":1}"#, "`once` must be true or false"),
        (r#"{"predicates":{"valid":true},"once":true,"once":true}"#, "duplicate field `once`"),
        (r#"{"predicates":{"valid":true},"context":7}"#, "`context` must be a text such as \"poll-1\""),
    ] {
        let answer = served.ask_for(body);
        assert_eq!((answer.status, answer.json()["title"].as_str()), (400, Some("Malformed")), "{body}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        println!("{body}\n    {detail}");
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let answer = served.post("/v1/requests", Some(&world.token), "text/plain", ADULT.as_bytes());
    assert!(
        answer.json()["detail"].as_str().unwrap().contains("`Content-Type: application/json`"),
        "{answer:?}"
    );
    // The control: without the mistakes it is a request.
    served.ask(ADULT);
    served.stop();
}

#[test]
fn bodies_have_an_end() {
    let world = World::new(306);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let long = format!("{ADULT}{}", " ".repeat(16 * 1024));
    assert_eq!(served.ask_for(&long).said(), "413 too_large");
    assert_eq!(served.answer(&asked, JSON, long.as_bytes()).said(), "413 too_large");
    assert_eq!(served.answer(&asked, BINARY, &vec![1; 16 * 1024 + 1]).said(), "413 too_large");
    let longest = format!("{ADULT}{}", " ".repeat(16 * 1024 - ADULT.len()));
    assert_eq!(served.ask_for(&longest).status, 201);
    // One that is too long is nobody's try, and neither is one that breaks off.
    for _ in 0..6 {
        let mut stream = TcpStream::connect(served.address).unwrap();
        let head = format!(
            "POST /v1/requests/{}/presentation HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 300\r\n\r\n{{\"v\":1",
            asked.id
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(world.query("SELECT max(tries) FROM request"), 0);
    served.stop();
}
