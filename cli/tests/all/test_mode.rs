//! `platform serve --test`: people who answer, the marks on every answer, and what it does not do.

use crate::server::{Server, client, get, log, post, text};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A site on a server in test mode.
pub struct Site {
    pub server: Server,
    pub place: tempfile::TempDir,
}

/// A request as the site keeps it.
pub struct Made {
    pub id: String,
    pub token: String,
    pub uri: String,
}

impl Site {
    pub fn open() -> Site {
        Site::with(&[])
    }

    pub fn with(more: &[&str]) -> Site {
        let place = tempfile::tempdir().unwrap();
        let line = [&["platform", "serve", "--test", "--listen", "127.0.0.1:0"], more].concat();
        let server = Server::try_start(place.path(), "test", &line);
        let server = server.unwrap_or_else(|| panic!("{}", log(place.path(), "test")));
        Site { server, place }
    }

    pub fn ask(&self, wanted: &Value) -> Made {
        let (status, made) = post(&client(), &self.server.url("/v1/requests"), wanted, Some("test")).unwrap();
        assert_eq!((status, &made["test"]), (201, &json!(true)), "{made}");
        Made { id: text(&made["id"]), token: text(&made["result_token"]), uri: text(&made["request_uri"]) }
    }

    pub fn answer(&self, person: &str, body: &Value) -> (u16, Value) {
        post(&client(), &self.server.url(&format!("/test/wallet/{person}")), body, None).unwrap()
    }

    /// What the wallet says, and what the platform's own program learns.
    fn plays(&self, person: &str, wanted: &Value) -> (Value, Value) {
        let made = self.ask(wanted);
        let (status, said) = self.answer(person, &json!({"request_uri": made.uri}));
        assert_eq!(status, 200, "{said}");
        (said, self.result(&made))
    }

    fn result(&self, made: &Made) -> Value {
        let url = self.server.url(&format!("/v1/requests/{}/result", made.id));
        get(&client(), &url, Some(&made.token)).unwrap().1
    }

    /// An answer with its head, as it stands on the wire.
    pub fn raw(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        let host = if head.to_lowercase().contains("\nhost:") { "" } else { "Host: localhost\r\n" };
        let text = format!("{head}\r\n{host}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// The 18+ question.
pub fn adult() -> Value {
    json!({"predicates": {"valid": true, "age": {"at_least": 18}}})
}

fn account() -> Value {
    json!({"predicates": {"valid": true}, "link": "account"})
}

#[test]
fn everybody_answers_and_the_engineer_is_told_why() {
    let begun = Instant::now();
    let site = Site::open();
    let took = begun.elapsed();
    println!("test mode listens after {} ms", took.as_millis());
    assert!(took < Duration::from_secs(10), "nobody waits for a test server so long: {took:?}");

    let (said, result) = site.plays("adult", &adult());
    assert_eq!(
        (&said["test"], &said["person"], &said["outcome"], &said["code"]),
        (&json!(true), &json!("adult"), &json!("accepted"), &Value::Null)
    );
    assert_eq!((&result["state"], &result["test"]), (&json!("accepted"), &json!(true)));

    let declined = json!({"test": true, "state": "declined"});
    for (person, code, words) in [
        ("minor", "not_satisfied", "The statement is false"),
        ("expired", "credential_expired", "document has expired"),
        ("declines", "declined", "does not answer"),
    ] {
        let (said, result) = site.plays(person, &adult());
        assert_eq!(said["outcome"], "declined", "{said}");
        assert_eq!(said["code"], code);
        assert!(text(&said["why"]).contains(words), "{said}");
        assert!(!text(&said["person_reads"]).is_empty());
        assert_eq!(result, declined, "the platform learns the same from everybody");
    }
    // What a minor can prove.
    let (said, _) = site.plays("minor", &json!({"predicates": {"valid": true, "age": {"below": 18}}}));
    assert_eq!(said["outcome"], "accepted", "{said}");
    let log = log(site.place.path(), "test");
    assert!(log.contains("no identity is proved"), "{log}");
    assert!(log.contains("curl -s http://localhost:"), "{log}");
    site.server.stop();
}

#[test]
fn wallets_keep_their_rules() {
    let site = Site::open();
    assert_eq!(site.plays("adult", &adult()).0["outcome"], "accepted");
    let (said, result) = site.plays("adult", &account());
    assert_eq!(said["outcome"], "accepted", "a log-in beside the button: {said}");
    assert_eq!(result["state"], "accepted");
    let another = json!({"predicates": {"valid": true, "sex": "female"}});
    let (said, result) = site.plays("adult", &another);
    assert_eq!((&said["outcome"], &said["code"]), (&json!("declined"), &json!("predicates_pinned")));
    assert!(text(&said["why"]).contains("another question of your host"), "{said}");
    assert_eq!(result, json!({"test": true, "state": "declined"}));
    // The control: the question itself is one that she answers, in another context.
    let elsewhere = json!({"predicates": {"valid": true, "sex": "female"}, "context": "elsewhere"});
    assert_eq!(site.plays("adult", &elsewhere).0["outcome"], "accepted");

    let scanned = |wanted: &Value| {
        let made = site.ask(wanted);
        site.answer("adult", &json!({"request_uri": made.uri, "scanned": true})).1
    };
    assert_eq!(scanned(&account())["code"], "link_not_here");
    assert_eq!(scanned(&adult())["outcome"], "accepted");

    // The platform refuses: this request was answered already.
    let made = site.ask(&adult());
    let body = json!({"request_uri": made.uri});
    assert_eq!(site.answer("adult", &body).1["outcome"], "accepted");
    let (_, again) = site.answer("adult", &body);
    assert_eq!((&again["outcome"], &again["code"]), (&json!("refused"), &json!("request_replayed")));
    let (_, late) = site.answer("minor", &body);
    assert!(text(&late["detail"]).contains("did not take the decline (request_replayed)"), "{late}");
}

/// Sites that are being built keep accounts in their databases.
#[test]
fn accounts_are_the_same_at_each_start() {
    let first = |site: &Site, person| text(&site.plays(person, &account()).1["pseudonym"]);
    let site = Site::open();
    let adult = first(&site, "adult");
    let minor = first(&site, "minor");
    assert_ne!(adult, minor);
    assert_eq!(first(&site, "adult"), adult);
    site.server.stop();
    let site = Site::open();
    assert_eq!(first(&site, "minor"), minor);
    assert_eq!(
        adult, "259c8d08ad923abd6408aac6ac8c723f3ce9ac78fb53bc7106c3874d048dcfcb",
        "a change of it loses the accounts of every site that is being built"
    );
    let site = Site::with(&["--host", "shop.localhost"]);
    assert_ne!(first(&site, "adult"), adult, "another host");
}

#[test]
fn nothing_else_is_fetched_and_nobody_else_asks() {
    let site = Site::open();
    let made = site.ask(&adult());
    let id = &made.id;
    for foreign in [
        format!("http://evil.example/v1/requests/{id}"),
        made.uri.replace("localhost", "127.0.0.1"),
        format!("{}/result", made.uri),
        format!("{}@evil.example/v1/requests/{id}", made.uri.split("/v1").next().unwrap()),
    ] {
        let (status, said) = site.answer("adult", &json!({"request_uri": foreign}));
        assert_eq!((status, &said["code"]), (400, &json!("request_syntax")), "{foreign}");
        assert!(text(&said["detail"]).contains("an address that this server gave"), "{said}");
        assert!(!said.to_string().contains("evil"), "nothing that was sent is repeated: {said}");
    }
    let body = format!("request_uri={}", made.uri);
    let form = "POST /test/wallet/adult HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    for refused in [
        format!("{form}\r\nHost: evil.example"),
        format!("{form}\r\nHost: localhost\r\nOrigin: http://evil.example"),
        format!("{form}\r\nHost: localhost\r\nOrigin: null"),
    ] {
        let answer = site.raw(&refused, &body);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{refused}: {answer}");
    }
    assert_eq!(site.result(&made)["state"], "pending", "nothing was answered");
    // The control: its own page.
    let own = format!("{form}\r\nHost: localhost:8444\r\nOrigin: http://localhost:8444");
    let accepted = site.raw(&own, &body);
    assert!(accepted.contains("<h1>Accepted</h1>"), "{accepted}");
    assert_eq!(site.result(&made)["state"], "accepted");
    // Another digit at the end: nobody has made that request.
    let (rest, last) = made.uri.split_at(made.uri.len() - 1);
    let other = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let (_, gone) = site.answer("adult", &json!({"request_uri": other}));
    assert_eq!((&gone["outcome"], &gone["code"]), (&json!("refused"), &json!("not_found")), "{gone}");
}

#[test]
fn the_page_says_what_is_asked_and_what_became_of_it() {
    let site = Site::open();
    let made = site.ask(&json!({
        "predicates": {"valid": true, "age": {"at_least": 18}}, "context": "a\"><b>"
    }));
    let page = site.raw(&format!("GET /test/wallet?request_uri={} HTTP/1.1", made.uri), "");
    for words in [
        "<strong>localhost</strong> (Test site, part “a&quot;&gt;&lt;b&gt;”) asks",
        "<li>You are 18 or older.</li>",
        "About 2400 people fit",
        "<code>not_satisfied</code>",
        "content-security-policy: default-src 'none'; form-action 'self'",
        "referrer-policy: same-origin",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<b>") && !page.contains("<script"), "{page}");
    let form = "POST /test/wallet/minor HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    let answered = site.raw(form, &format!("request_uri={}", made.uri));
    for words in
        ["<h1>Declined</h1>", "The statement is false", "<code>not_satisfied</code>", "The person reads"]
    {
        assert!(answered.contains(words), "{words}: {answered}");
    }
    let unknown = made.uri.replace(&made.id, &"0".repeat(32));
    let page = site.raw(&format!("GET /test/wallet?request_uri={unknown} HTTP/1.1"), "");
    assert!(page.starts_with("HTTP/1.1 404") && page.contains("<code>not_found</code>"), "{page}");
    for wrong in ["request_uri=a&request_uri=b", "other=a", "request_uri=%zz"] {
        let page = site.raw(&format!("GET /test/wallet?{wrong} HTTP/1.1"), "");
        assert!(page.starts_with("HTTP/1.1 400"), "{wrong}: {page}");
    }
}
