//! What reaches a platform from a wallet, byte by byte and by its own clock.

use crate::binary::{quicken, run, veilpass};
use crate::fake::{Fake, Got, Say, json};
use crate::life::{HEADER, Stage};
use crate::person::declines;
use crate::server::{Server, client, get, log, post, text};
use crate::wallet_network::{Asking, DECLINE};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use veilpass_protocol::day::{Day, Timestamp};

/// An hour after everything else of [`Asking`], for the second epoch.
const LATER: &str = "2026-11-22T09:00:00Z";

/// Two people who have nothing in common answer the same request: all bytes of both exchanges are the
/// same, but for pseudonym and proof.
#[test]
fn two_people_send_the_same_but_for_pseudonym_and_proof() {
    let asking = Asking::set();
    let at = asking.stage.at();
    let made = veilpass(at, "wallet new --dir W2").ok();
    let row = format!(
        "{HEADER}\n{},{},H7,1950-02-28,2027-01-01,2021-01-09,male,hk_macao_permit,344,0,3\n",
        text(&made["identity_commitment"]),
        text(&made["device_commitment"])
    );
    std::fs::write(at.join("second.csv"), row).unwrap();
    veilpass(at, &format!("authority import --dir A second.csv --credentials c2.jsonl --now {LATER}")).ok();
    veilpass(at, &format!("authority seal --dir A --now {LATER}")).ok();
    veilpass(at, "authority publish --dir A --out pub").ok();
    veilpass(at, "wallet enrol --dir W2 --credential c2.jsonl").ok();
    quicken(&at.join("W2"));

    asking.ask(r#"{"valid":true,"age":{"at_least":18}}"#, "--sign P2 --ttl 7200");
    asking.server.got();
    let url = asking.server.url("forum.localhost");
    let exchanges = ["W", "W2"].map(|dir| {
        let vkey = &asking.stage.vkey;
        veilpass(at, &format!("wallet sync --dir {dir} --from pub --authority {vkey} --now {LATER}")).ok();
        let present =
            format!("wallet present --dir {dir} --request {url}/request --send --yes --now {LATER}");
        let presented = veilpass(at, &present).ok();
        let exchange = asking.server.got();
        assert_eq!(exchange[1].json(), presented);
        exchange
    });
    let [one, other] = &exchanges;
    assert_eq!((one.len(), &one[0], &one[1].head), (2, &other[0], &other[1].head));
    let around = |got: &Got| {
        let mut body = got.body.clone();
        for name in ["pseudonym", "proof"] {
            let value = text(&got.json()[name]);
            body = body.replace(&value, &"?".repeat(value.len()));
        }
        body
    };
    assert_ne!(one[1].body, other[1].body);
    assert_eq!(around(&one[1]), around(&other[1]));
}

/// Sites that harvest, answer addresses elsewhere, requests that nobody vouches for, scanned log-ins: of
/// the wallet they get the question for the request that it was pointed at, and the decline where the
/// server that asks is the server that is answered. Everything that arrives anywhere is looked at.
#[test]
fn harvesters_get_nothing() {
    let asking = Asking::set();
    let at = asking.stage.at().to_owned();
    let bait = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let handed = bait.clone();
    let evil = Fake::serve(move |got| match got.line.as_str() {
        "GET /request" => {
            let request = handed.lock().unwrap().clone();
            Say::Answer(200, "application/oauth-authz-req+jwt", request.into_bytes())
        }
        _ => json(200, &json!({"received": true})),
    });
    let (forum_url, evil_url) = (asking.server.url("forum.localhost"), evil.url("evil.localhost"));
    let heard = || (asking.server.heard().len(), evil.heard().len());
    let present = |request: &str, more: &str| {
        let now = crate::life::NOW;
        asking
            .stage
            .run(&format!("wallet present --dir W --request {request} --send --yes --now {now} {more}"))
    };

    // What a person who says no makes the wallet send.
    asking.ask(r#"{"valid":true}"#, "--link account --sign P2");
    let line =
        format!("wallet present --dir W --request {forum_url}/request --send --now {}", crate::life::NOW);
    declines(&at, &line, Duration::ZERO);
    let declined = asking.posted().remove(0);
    assert_eq!(declined.body, DECLINE);
    let (_, asked) = heard();
    assert_eq!(asked, 0);

    // The forum's own request, handed out by another site; and one that another site signed in its own name
    // and in the forum's.
    let honest = asking.request.lock().unwrap().clone();
    let sign = |host: &str, uri: &str| {
        let words = ["platform", "request", "--host", host, "--response-uri", uri, "--link", "account"];
        let more =
            ["--predicates", r#"{"valid":true}"#, "--sign", "P", "--now", crate::life::NOW, "--out", "E"];
        run(&at, &[&words[..], &more].concat()).ok();
        std::fs::read_to_string(at.join("E")).unwrap()
    };
    let in_the_forums_name = sign("forum.localhost", &format!("{forum_url}/answer"));
    for (request, code) in [(honest, "request_host"), (in_the_forums_name, "request_host")] {
        *bait.lock().unwrap() = request;
        let before = heard();
        assert_eq!(present(&format!("{evil_url}/request"), "").code(), code);
        assert_eq!(heard(), (before.0, before.1 + 1), "nothing but the question for the request");
    }
    *bait.lock().unwrap() = sign("evil.localhost", &format!("{evil_url}/answer"));
    assert_eq!(present(&format!("{evil_url}/request"), "").code(), "asker_unknown");
    let to_evil = evil.got();
    let (gets, posts): (Vec<&Got>, Vec<&Got>) = to_evil.iter().partition(|got| got.line.starts_with("GET"));
    assert!(gets.len() == 3 && gets.iter().all(|got| *got == gets[0]), "{gets:?}");
    assert_eq!((posts.len(), posts[0].body.as_str()), (1, DECLINE));

    // Answers that would go elsewhere: nothing is sent, neither there nor here.
    asking.ask(r#"{"valid":true}"#, "--link account");
    let honest = asking.request.lock().unwrap().clone();
    for elsewhere in [evil_url.clone(), evil_url.replace("evil.localhost", "forum.localhost@evil.localhost")]
    {
        *asking.request.lock().unwrap() = honest.replace(&forum_url, &elsewhere);
        let before = heard();
        let refused = present(&format!("{forum_url}/request"), "--origin forum.localhost");
        assert_eq!(refused.code(), "request_host");
        assert_eq!(heard(), (before.0 + 1, before.1), "{elsewhere}");
    }
    // Nobody vouches for it: from a file nothing is sent; its own server gets the decline.
    *asking.request.lock().unwrap() = honest.clone();
    std::fs::write(at.join("R"), &honest).unwrap();
    let before = heard();
    assert_eq!(present("R", "").code(), "request_unsigned");
    assert_eq!(heard(), before);
    asking.posted();
    assert_eq!(present(&format!("{forum_url}/request"), "").code(), "request_unsigned");
    assert_eq!(asking.posted(), std::slice::from_ref(&declined));
    // A code that was scanned signs nobody in.
    asking.ask(r#"{"valid":true}"#, "--link account --sign P2");
    assert_eq!(present(&format!("{forum_url}/request"), "--scanned").code(), "link_not_here");
    assert_eq!(asking.posted(), [declined]);

    // The control: to whom it may, the wallet answers, and nobody has heard that pseudonym before.
    let before = [asking.server.heard(), evil.heard()].concat().concat();
    let pseudonym = text(&present(&format!("{forum_url}/request"), "").ok()["pseudonym"]);
    let holds = |bytes: &[u8]| bytes.windows(pseudonym.len()).any(|w| w == pseudonym.as_bytes());
    assert!(holds(&asking.server.heard().concat()) && !holds(&before));
}

/// What a decline may differ by, from one reason to another, on the platform's clock.
const BOUND: f64 = 0.2;

/// A platform that serves, with a wallet of its own.
struct Lane<'a> {
    at: &'a Path,
    name: String,
    server: Server,
    token: String,
    dir: String,
}

/// What the platform saw of one answer: seconds after the request was handed out, bytes, and its result.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    after: f64,
    bytes: u64,
    result: Value,
}

impl Lane<'_> {
    /// Asks, has the request answered by `answer`, and reads the platform's log.
    fn asks(&self, body: &Value, answer: impl FnOnce(&str)) -> Seen {
        let port = self.server.address.rsplit_once(':').unwrap().1;
        let base = format!("http://{}.localhost:{port}", self.name);
        let asked = post(&client(), &format!("{base}/v1/requests"), body, Some(&self.token)).unwrap();
        assert_eq!(asked.0, 201, "{asked:?}");
        let uri = text(&asked.1["request_uri"]);
        let before = self.lines("POST", "/v1/requests/{id}/presentation").len();
        answer(&format!("--dir {} --request {uri} --send", self.dir));
        let posts = loop {
            let posts = self.lines("POST", "/v1/requests/{id}/presentation");
            if posts.len() > before {
                break posts;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let gets = self.lines("GET", "/v1/requests/{id}");
        let (fetched, answered) = (gets.last().unwrap(), posts.last().unwrap());
        let after = (second_of_day(answered) - second_of_day(fetched)).rem_euclid(86_400.0);
        let result = get(&client(), &format!("{uri}/result"), Some(&text(&asked.1["result_token"]))).unwrap();
        Seen { after, bytes: answered["bytes_in"].as_u64().unwrap(), result: result.1 }
    }

    fn lines(&self, method: &str, route: &str) -> Vec<Value> {
        let lines = log(self.at, &self.name);
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["method"] == method && line["route"] == route).collect()
    }

    /// How long a decline took.
    fn declined(&self, body: &Value, answer: impl FnOnce(&str)) -> f64 {
        let seen = self.asks(body, answer);
        assert_eq!((seen.bytes, seen.result), (DECLINE.len() as u64, json!({"state": "declined"})));
        seen.after
    }
}

/// The time of a line of a log.
fn second_of_day(line: &Value) -> f64 {
    let stamp = text(&line["timestamp"]);
    let clock = stamp.split_once('T').unwrap().1.trim_end_matches('Z');
    clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

/// A wallet that refuses and a person who declines cannot be told apart: not by what a platform gets, not by its
/// result, and not by its clock, if the person – a script at a terminal – is as quick as the wallet.
#[test]
fn a_refusal_looks_like_a_person_who_declines() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let today = Day::of(Timestamp::new(now));
    // 18 on the first day of next month: "below 18" is true today and does not get an answer.
    let (year, month, _) = today.month_bounds().1.checked_add(1).unwrap().ymd();
    let stage = Stage::set(&Day::from_ymd(year - 18, month, 1).unwrap().to_string(), "");
    let at = stage.at();
    quicken(&at.join("W"));
    let tokens = [1, 2, 3].map(|n| {
        let made = veilpass(at, &format!("platform keygen --dir P{n}")).ok();
        let (host, key) = (format!("forum{n}.localhost"), text(&made["key"]));
        let entry =
            ["authority", "platform", "--dir", "A", "--host", &host, "--key", &key, "--name", "Forum"];
        run(at, &entry).ok();
        text(&made["token"])
    });
    stage.run("authority seal --dir A").ok();
    stage.run("authority publish --dir A --out pub").ok();
    stage.run(&format!("wallet sync --dir W --from pub --authority {}", stage.vkey)).ok();
    let lanes = [1, 2, 3].map(|n| {
        let dir = format!("W{n}");
        std::fs::create_dir(at.join(&dir)).unwrap();
        for file in ["wallet.age", "state.age"] {
            std::fs::copy(at.join("W").join(file), at.join(&dir).join(file)).unwrap();
        }
        let name = format!("forum{n}");
        let line = format!(
            "platform serve --dir P{n} --host {name}.localhost --listen 127.0.0.1:0 --authority {} --epochs pub --allow-dev",
            stage.vkey
        );
        let server = Server::start(at, &name, &line);
        Lane { at, name, server, token: tokens[n - 1].clone(), dir }
    });
    let yesterday = format!("--now {}T04:00:00Z", today.checked_add(-1).unwrap());
    let valid = json!({"predicates": {"valid": true}});
    let male = json!({"predicates": {"valid": true, "sex": "male"}, "context": "b"});
    let pinned = json!({"predicates": {"valid": true, "nationality": 250}});
    let below = json!({"predicates": {"valid": true, "age": {"below": 18}}, "context": "c"});
    let account = json!({"predicates": {"valid": true}, "link": "account"});
    let token =
        json!({"predicates": {"valid": true}, "context": "d", "link": "tokens", "slots": 1, "period": 5});
    let cases: [&[(&str, &Value, &str)]; 3] = [
        &[("not_satisfied", &male, ""), ("predicates_pinned", &pinned, "")],
        &[
            ("age_this_month", &below, ""),
            ("link_not_here", &account, "--scanned"),
            ("not_satisfied", &male, "--yes"),
        ],
        &[
            ("request_date", &valid, &yesterday),
            ("no_slot_left", &token, ""),
            ("predicates_pinned", &pinned, "--yes"),
        ],
    ];
    std::thread::scope(|scope| {
        for (lane, cases) in lanes.iter().zip(cases) {
            scope.spawn(move || lane_of(lane, cases));
        }
    });
}

/// A person's declines, then refusals, then a person who thinks.
fn lane_of(lane: &Lane<'_>, cases: &[(&str, &Value, &str)]) {
    let yes = |line: &str| {
        veilpass(lane.at, &format!("wallet present {line} --yes")).ok();
    };
    let valid = json!({"predicates": {"valid": true, "sex": "female"}});
    let answered = lane.asks(&valid, yes);
    assert_eq!(answered.result["state"], json!("accepted"));
    if let Some((_, token, _)) = cases.iter().find(|(code, ..)| *code == "no_slot_left") {
        lane.asks(token, yes);
    }
    let person = |thought: Duration| {
        move |line: &str| {
            declines(lane.at, &format!("wallet present {line}"), thought);
        }
    };
    let mut reference = lane.declined(&valid, person(Duration::ZERO));
    println!("answered {:.3} s", answered.after);
    for (code, body, more) in cases {
        let refused = |line: &str| {
            if more.contains("--yes") {
                let refused = veilpass(lane.at, &format!("wallet present {line} {more}"));
                assert_eq!(refused.code(), *code);
            } else {
                let screen = declines(lane.at, &format!("wallet present {line} {more}"), Duration::ZERO);
                assert!(screen.contains(&format!("({code})")), "{code}: {screen}");
            }
        };
        let mut took = lane.declined(body, refused);
        // Whatever else the machine does only adds to a time: the slower of the two has another try.
        for _ in 0..10 {
            if took > reference + BOUND {
                took = took.min(lane.declined(body, refused));
            } else if reference > took + BOUND {
                reference = reference.min(lane.declined(&valid, person(Duration::ZERO)));
            }
        }
        println!("{code} {more}: {took:.3} s, a person {reference:.3} s");
        assert!((took - reference).abs() < BOUND, "{code} {more}: {took} s, a person {reference} s");
    }
    // The control: a person who thinks for as long as all that took is a step later.
    let slow = lane.declined(&valid, person(Duration::from_secs_f64(reference + 0.1)));
    assert!(slow > reference + BOUND, "{slow} s");
}
