//! The wallet over the network, against servers that say what a test wants.

use crate::binary::{Run, quicken, run, veilpass};
use crate::fake::{Fake, Got, Say, json, problem, vkey};
use crate::life::{HEADER, NOW, Stage, row};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use veilpass_protocol::credential::Credential;
use veilpass_protocol::field::{Fr, from_hex, to_hex};
use veilpass_protocol::identity::{DeviceSecret, pairing_words};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::note::AuthoritySigner;

pub const DECLINE: &str = r#"{"v":1,"declined":true}"#;

fn commitments(got: &Got) -> (Fr, Fr) {
    let body = got.json();
    let read = |name: &str| from_hex(body[name].as_str().unwrap()).unwrap();
    (read("identity_commitment"), read("device_commitment"))
}

fn words(c: &Fr, d: &Fr) -> Value {
    json!(pairing_words(c, d))
}

/// An authority that redeems each code in its own way.
fn redeeming(elsewhere: String) -> Fake {
    let mut rng = StdRng::seed_from_u64(1);
    let signer = AuthoritySigner::generate(&mut rng, "id.example/veilpass").unwrap();
    let number: NetworkNumber = "7K2M0QX4R3".parse().unwrap();
    let attributes = veilpass_protocol::json::parse(
        br#"{"birth_date":"1999-11-13","expires_on":"2046-06-01","enrolled_on":"2024-07-06","sex":"male","document_class":"resident_card","nationality":156,"province":44,"generation":0}"#,
    );
    let attributes: veilpass_protocol::attributes::Attributes = attributes.unwrap();
    let lost = AtomicBool::new(false);
    Fake::serve(move |got| {
        if got.line == "POST /v1/withdrawals" {
            return json(202, &json!({"network_number": "7K2M0QX4R3", "state": "pending"}));
        }
        if got.line == "GET /v1/published/vkey" {
            return vkey(&signer.public().to_string());
        }
        let (c, d) = commitments(got);
        let credential = |c: Fr, d: Fr| {
            let credential = Credential::issue(&signer, number, c, d, attributes.clone());
            serde_json::from_str::<Value>(&credential.to_json()).unwrap()
        };
        let good = json!({"credential": credential(c, d), "words": words(&c, &d)});
        match got.json()["code"].as_str().unwrap() {
            "GOOD" => json(201, &good),
            "LOST" if !lost.swap(true, Ordering::Relaxed) => Say::Answer(500, "text/plain", b"lost".to_vec()),
            "LOST" => json(200, &good),
            "WORDS" => json(201, &json!({"credential": credential(c, d), "words": words(&d, &c)})),
            "FOREIGN" => {
                json(201, &json!({"credential": credential(c, Fr::from(5u64)), "words": words(&c, &d)}))
            }
            "MORE" => json(201, &json!({"credential": credential(c, d), "words": words(&c, &d), "more": 1})),
            "HTML" => Say::Answer(201, "text/html", good.to_string().into_bytes()),
            "CUT" => Say::Answer(201, "application/json", good.to_string().as_bytes()[..300].to_vec()),
            "REDIRECT" => Say::Redirect(elsewhere.clone()),
            "ENDLESS" => Say::Endless,
            "SLOW" => Say::Silence(Duration::from_secs(20)),
            "500" => Say::Answer(500, "text/plain", b"oops".to_vec()),
            "USED" => problem(409, "code_used"),
            "UNKNOWN" => problem(404, "code_unknown"),
            "ODD" => problem(400, "whatever"),
            "DOWN" => problem(503, "unavailable"),
            other => panic!("{other}"),
        }
    })
}

#[test]
fn enrolling_at_hostile_authorities() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let elsewhere = Fake::serve(|_| json(201, &json!({})));
    let server = redeeming(elsewhere.url("evil.localhost"));
    let url = server.url("id.localhost");
    let own = veilpass(at, "wallet new --dir W").ok();
    quicken(&at.join("W"));
    let enrol = |code: &str| {
        veilpass(at, &format!("wallet enrol --dir W --authority {url} --timeout 2 --code {code}"))
    };
    let mut sent = Vec::new();
    for (code, exit) in [
        ("500", 3),
        ("WORDS", 1),
        ("FOREIGN", 1),
        ("MORE", 3),
        ("HTML", 3),
        ("CUT", 3),
        ("REDIRECT", 3),
        ("ENDLESS", 3),
        ("SLOW", 3),
        ("USED", 1),
        ("UNKNOWN", 1),
        ("ODD", 3),
        ("DOWN", 3),
    ] {
        let tried = enrol(code);
        assert_eq!(tried.exit, exit, "{code}: {tried:?}");
        let expected = match code {
            "WORDS" => "words_differ",
            "FOREIGN" => "attributes_unexplained",
            "USED" => "code_used",
            "UNKNOWN" => "code_unknown",
            _ => "unavailable",
        };
        assert_eq!(tried.json()["error"]["code"], json!(expected), "{code}");
        assert!(!tried.stdout.contains('\u{1b}') && !tried.stderr.contains('\u{1b}'), "{tried:?}");
        let got = posts(&server);
        assert_eq!(got.len(), 1, "asked once: {got:?}");
        sent.push(commitments(&got[0]));
    }
    assert_eq!(elsewhere.got(), vec![], "no redirect is followed");
    assert_eq!(
        to_hex(&sent[0].0),
        own["identity_commitment"],
        "the first code gets what the wallet was born with"
    );
    let all: std::collections::BTreeSet<String> =
        sent.iter().flat_map(|(c, d)| [to_hex(c), to_hex(d)]).collect();
    assert_eq!(all.len(), 2 * sent.len(), "every other code gets commitments of its own");
    assert_eq!(veilpass(at, "wallet show --dir W").ok()["credential"], Value::Null, "nothing was believed");

    // A lost answer: the same code, however it is written, gives the same commitments.
    assert_eq!(enrol("LOST").exit, 3);
    let enrolled = enrol("lo-st").ok();
    let got = posts(&server);
    assert_eq!(commitments(&got[0]), commitments(&got[1]));
    let (c, d) = commitments(&got[0]);
    assert_eq!(enrolled["words"], words(&c, &d));
    assert_eq!(enrolled["credential"]["device_commitment"], json!(to_hex(&d)));
    // It waits: the wallet goes on with what it has, which is nothing, and warns before a backup.
    let export = veilpass(at, "wallet export --dir W --out backup.age");
    assert!(export.exit == 0 && export.stderr.contains("enrol"), "{export:?}");
    assert_eq!(
        veilpass(at, "wallet withdraw --dir W --yes --authority http://localhost:1").code(),
        "not_enrolled"
    );
}

#[test]
fn a_first_enrolment_and_a_withdrawal() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let server = redeeming(String::new());
    let url = server.url("id.localhost");
    let own = veilpass(at, "wallet new --dir W").ok();
    quicken(&at.join("W"));
    for wrong in [
        "",
        "--code GOOD",
        &format!("--authority {url}"),
        &format!("--authority {url} --code A --credential F"),
    ] {
        assert_eq!(veilpass(at, &format!("wallet enrol --dir W {wrong}")).exit, 2, "{wrong}");
    }
    let told = run_plain(at, &format!("wallet enrol --dir W --authority {url}/ --code GOOD"));
    assert!(told.stdout.contains("NOT enrolled yet") && told.stdout.contains("registrar"), "{told:?}");
    let enrolled = veilpass(at, &format!("wallet enrol --dir W --authority {url} --code GOOD")).ok();
    let got = posts(&server);
    assert_eq!(got[0].body, got[1].body);
    let (c, d) = commitments(&got[0]);
    assert_eq!(
        (json!(to_hex(&c)), json!(to_hex(&d))),
        (own["identity_commitment"].clone(), own["device_commitment"].clone())
    );
    for word in pairing_words(&c, &d) {
        assert!(told.stdout.contains(word), "{word}: {told:?}");
    }
    quicken(&at.join("W"));
    assert_eq!(veilpass(at, "wallet show --dir W").ok()["credential"], enrolled["credential"]);
    let export = veilpass(at, "wallet export --dir W --out backup.age");
    assert!(export.exit == 0 && export.stderr.is_empty(), "{export:?}");

    let withdraw = format!("wallet withdraw --dir W --authority {url}");
    assert_eq!(veilpass(at, &withdraw).exit, 2, "nobody agrees");
    assert_eq!(posts(&server), vec![]);
    let withdrawn = veilpass(at, &format!("{withdraw} --yes"));
    assert_eq!(withdrawn.ok(), json!({"network_number": "7K2M0QX4R3", "state": "pending"}));
    let sent = posts(&server)[0].json();
    let secret = from_hex(sent["device_secret"].as_str().unwrap()).unwrap();
    assert_eq!(DeviceSecret::from_fr(secret).unwrap().commitment(), d);
    assert_eq!((sent.as_object().unwrap().len(), &sent["network_number"]), (2, &json!("7K2M0QX4R3")));
}

/// What was posted since the last call.
fn posts(server: &Fake) -> Vec<Got> {
    server.got().into_iter().filter(|got| got.line.starts_with("POST")).collect()
}

fn run_plain(at: &Path, line: &str) -> Run {
    crate::binary::run_with(at, &line.split_whitespace().collect::<Vec<_>>(), b"")
}

/// A reset from the code to the new leaf, killed between every two writes on the way.
#[test]
fn a_reset_comes_into_force_when_its_leaf_is_found() {
    let stage = Stage::set("1999-11-13", "");
    let at = stage.at().to_owned();
    quicken(&at.join("W"));
    let sync = |wallet: &str, now: &str| {
        stage.run(&format!("wallet sync --dir {wallet} --from pub --authority {} --now {now}", stage.vkey))
    };
    assert_eq!(sync("W", NOW).ok()["enrolled"], json!(true));
    let before = stage.run("wallet show --dir W").ok()["credential"].clone();
    // The authority knows the new commitments as another person, which gives a credential for them.
    let (folder, line) = (at.clone(), stage.vkey.clone());
    let server = Fake::serve(move |got| {
        if got.line == "GET /v1/published/vkey" {
            return vkey(&line);
        }
        let (c, d) = commitments(got);
        let person = row(&to_hex(&c), &to_hex(&d), 888_888, "1999-11-13", "");
        std::fs::write(folder.join("new.csv"), format!("{HEADER}\n{person}")).unwrap();
        veilpass(&folder, &format!("authority import --dir A new.csv --credentials new.jsonl --now {NOW}"));
        let credential = std::fs::read_to_string(folder.join("new.jsonl")).unwrap();
        let credential: Value = serde_json::from_str(credential.lines().next().unwrap()).unwrap();
        json(201, &json!({"credential": credential, "words": words(&c, &d)}))
    });
    let reset =
        stage.run(&format!("wallet reset --dir W --authority {} --code AB", server.url("id.localhost"))).ok();
    let new = reset["credential"].clone();
    assert_ne!(new["identity_commitment"], before["identity_commitment"]);
    assert_eq!(stage.run("wallet show --dir W").ok()["credential"], before, "the old one is in use");
    let export = stage.run("wallet export --dir W --out backup.age");
    assert!(export.stderr.contains("reset"), "{export:?}");
    assert_eq!(sync("W", NOW).ok()["enrolled"], json!(true));
    let copy = |to: &str, files: &[(&str, &str)]| {
        std::fs::create_dir(at.join(to)).unwrap();
        for (from, name) in files {
            std::fs::copy(at.join(from), at.join(to).join(name)).unwrap();
        }
    };
    copy("Old", &[("W/wallet.age", "wallet.age"), ("W/state.age", "state.age")]);

    let number = before["network_number"].as_str().unwrap();
    stage
        .run(&format!("authority remove --dir A --network-number {number} --reason replaced --now {NOW}"))
        .ok();
    let later = "2026-11-22T09:00:00Z";
    stage.run(&format!("authority seal --dir A --now {later}")).ok();
    stage.run("authority publish --dir A --out pub").ok();
    let found =
        run_plain(&at, &format!("wallet sync --dir W --from pub --authority {} --now {later}", stage.vkey));
    assert!(found.stdout.contains("reset is in force"), "{found:?}");
    assert_eq!(stage.run("wallet show --dir W").ok()["credential"], new);
    assert!(!at.join("W/state.next.age").exists());
    let export = stage.run("wallet export --dir W --out backup2.age");
    assert!(export.stderr.is_empty(), "{export:?}");

    quicken(&at.join("W"));
    // Killed after the first write, and after the second.
    copy(
        "K1",
        &[
            ("Old/wallet.age", "wallet.age"),
            ("Old/state.age", "state.age"),
            ("W/state.age", "state.next.age"),
        ],
    );
    copy(
        "K2",
        &[("W/wallet.age", "wallet.age"), ("Old/state.age", "state.age"), ("W/state.age", "state.next.age")],
    );
    assert_eq!(stage.run("wallet show --dir K1").ok()["credential"], before);
    let second = stage.run("wallet show --dir K2").ok();
    assert_eq!((&second["credential"], &second["epoch"]), (&new, &json!(2)));
    for killed in ["K1", "K2"] {
        assert_eq!(sync(killed, later).ok()["enrolled"], json!(true), "{killed}");
        assert_eq!(stage.run(&format!("wallet show --dir {killed}")).ok()["credential"], new, "{killed}");
        assert!(!at.join(killed).join("state.next.age").exists(), "{killed}");
    }
}

/// What is said to an answer, unless it is that it was received.
type Reply = Arc<Mutex<Option<fn() -> Say>>>;

/// A platform of a directory, asking over a server that says what a test wants.
pub struct Asking {
    pub stage: Stage,
    pub server: Fake,
    pub request: Arc<Mutex<String>>,
    reply: Reply,
}

impl Asking {
    pub fn set() -> Asking {
        let stage = Stage::set("1999-11-13", "");
        let request = Arc::new(Mutex::new(String::new()));
        let reply: Reply = Arc::default();
        let (asked, said) = (request.clone(), reply.clone());
        let server = Fake::serve(move |got| match got.line.as_str() {
            "GET /request" => Say::Answer(
                200,
                "application/oauth-authz-req+jwt",
                asked.lock().unwrap().clone().into_bytes(),
            ),
            "GET /moved" => Say::Redirect("/request".into()),
            "GET /endless" => Say::Endless,
            "GET /gone" => problem(410, "request_expired"),
            "POST /answer" => said
                .lock()
                .unwrap()
                .as_ref()
                .map_or_else(|| json(200, &json!({"received": true})), |say| say()),
            _ => problem(404, "not_found"),
        });
        let asking = Asking { stage, server, request, reply };
        let key = asking.stage.run("platform keygen --dir P2").ok()["key"].as_str().unwrap().to_owned();
        let entry = [
            "authority",
            "platform",
            "--dir",
            "A",
            "--host",
            "forum.localhost",
            "--key",
            &key,
            "--name",
            "Forum",
            "--purposes",
            "adults",
        ];
        run(asking.stage.at(), &entry).ok();
        asking.stage.run("authority publish --dir A --out pub").ok();
        asking
            .stage
            .run(&format!("wallet sync --dir W --from pub --authority {} --now {NOW}", asking.stage.vkey))
            .ok();
        quicken(&asking.stage.at().join("W"));
        asking
    }

    /// From now on this is asked.
    pub fn ask(&self, predicates: &str, more: &str) {
        let uri = format!("{}/answer", self.server.url("forum.localhost"));
        let mut words = vec![
            "platform",
            "request",
            "--host",
            "forum.localhost",
            "--response-uri",
            &uri,
            "--predicates",
            predicates,
            "--out",
            "R",
            "--now",
            NOW,
        ];
        words.extend(more.split_whitespace());
        run(self.stage.at(), &words).ok();
        *self.request.lock().unwrap() = std::fs::read_to_string(self.stage.at().join("R")).unwrap();
    }

    fn answers(&self, say: fn() -> Say) {
        *self.reply.lock().unwrap() = Some(say);
    }

    pub fn present(&self, host: &str, path: &str, more: &str) -> Run {
        let url = self.server.url(host);
        self.stage.run(&format!(
            "wallet present --dir W --request {url}{path} --send --yes --now {NOW} --timeout 3 {more}"
        ))
    }

    /// What was posted since the last call.
    pub fn posted(&self) -> Vec<Got> {
        posts(&self.server)
    }
}

#[test]
fn presenting_to_an_address() {
    let asking = Asking::set();
    asking.ask(r#"{"valid":true,"age":{"at_least":18}}"#, "--sign P2");
    let presented = asking.present("forum.localhost", "/request", "");
    let sent = asking.posted();
    assert_eq!(presented.ok(), sent[0].json());
    assert_eq!((sent.len(), sent[0].line.as_str()), (1, "POST /answer"));

    // Every refusal looks the same to the platform, letter by letter.
    let mut declines: Vec<Got> = Vec::new();
    let mut refused = |code: &str, more: &str| {
        let run = asking.present("forum.localhost", "/request", more);
        assert_eq!(run.code(), code, "{run:?}");
        declines.extend(asking.posted());
    };
    asking.ask(r#"{"valid":true,"sex":"male"}"#, "--context a --sign P2");
    refused("not_satisfied", "");
    asking.ask(r#"{"valid":true,"sex":"female"}"#, "--sign P2");
    refused("predicates_pinned", "");
    asking.ask(r#"{"valid":true,"age":{"at_least":18},"province":44}"#, "--context b --sign P2");
    refused("not_satisfied", "");
    asking.ask(r#"{"valid":true}"#, "--link account --context c --sign P2");
    refused("link_not_here", "--scanned");
    asking.ask(r#"{"valid":true}"#, "--sign P");
    refused("request_signature", "");
    asking.ask(r#"{"valid":true}"#, "");
    refused("request_unsigned", "");
    asking.ask(r#"{"valid":true}"#, "--sign P2 --ttl 0");
    refused("request_expired", "");
    assert_eq!(declines.len(), 7);
    assert_eq!(declines[0].body, DECLINE);
    assert!(declines.iter().all(|decline| *decline == declines[0]), "{declines:?}");

    // What the platform says to an answer.
    asking.ask(r#"{"valid":true}"#, "--sign P2");
    for (say, exit, code) in [
        ((|| problem(409, "request_replayed")) as fn() -> Say, 1, "request_replayed"),
        (|| Say::Answer(200, "text/html", b"<html>".to_vec()), 3, "unavailable"),
        (|| Say::Redirect("http://evil.localhost/".into()), 3, "unavailable"),
    ] {
        asking.answers(say);
        let run = asking.present("forum.localhost", "/request", "");
        assert_eq!((run.exit, &run.json()["error"]["code"]), (exit, &json!(code)), "{run:?}");
        assert_eq!(asking.posted().len(), 1);
    }
    let history = asking.stage.run("wallet history --dir W").ok();
    let outcomes: Vec<&str> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["outcome"].as_str().unwrap())
        .collect();
    let refused = [
        "not_satisfied",
        "predicates_pinned",
        "not_satisfied",
        "link_not_here",
        "request_signature",
        "request_unsigned",
        "request_expired",
    ];
    assert_eq!(outcomes, [&["answered"][..], &refused, &["answered"; 3]].concat());
    let entry = json!({"at": NOW, "host": "forum.localhost", "context": "a", "predicates": {"valid": true, "sex": "male"}, "outcome": "not_satisfied"});
    assert_eq!(history["history"][1], entry);
    let table = run_plain(asking.stage.at(), "wallet history --dir W").stdout;
    assert!(
        table.contains("not_satisfied") && table.contains("forum.localhost “a”") && table.contains("`male`"),
        "{table}"
    );
}

/// W6: wherever hosts do not fit each other nothing is sent to anybody.
#[test]
fn nothing_goes_to_the_wrong_host() {
    let asking = Asking::set();
    asking.ask(r#"{"valid":true}"#, "--sign P2");
    // Another host hands the request out.
    assert_eq!(asking.present("evil.localhost", "/request", "").code(), "request_host");
    assert_eq!(asking.posted(), vec![]);
    // The transport vouches for another host.
    assert_eq!(
        asking.present("forum.localhost", "/request", "--origin shop.localhost").code(),
        "request_host"
    );
    assert_eq!(asking.posted(), vec![]);
    // The answer is to go elsewhere.
    asking.ask(r#"{"valid":true}"#, "");
    let honest = asking.request.lock().unwrap().clone();
    for elsewhere in ["http://evil.localhost", "http://forum.localhost@evil.localhost"] {
        *asking.request.lock().unwrap() = honest.replace("http://forum.localhost", elsewhere);
        let run = asking.present("forum.localhost", "/request", "--origin forum.localhost");
        assert_eq!(run.code(), "request_host", "{elsewhere}");
        assert_eq!(asking.posted(), vec![], "{elsewhere}");
    }
    *asking.request.lock().unwrap() = "<html>".into();
    assert_eq!(asking.present("forum.localhost", "/request", "").code(), "request_syntax");
    // Requests that are not there, move away, or never end.
    assert_eq!(asking.present("forum.localhost", "/gone", "").code(), "request_expired");
    assert_eq!(asking.present("forum.localhost", "/nowhere", "").code(), "not_found");
    assert_eq!(asking.present("forum.localhost", "/moved", "").exit, 3);
    assert_eq!(asking.present("forum.localhost", "/endless", "").exit, 3);
    // Nobody is there to agree: nothing is even fetched.
    asking.server.got();
    let url = asking.server.url("forum.localhost");
    let unasked =
        asking.stage.run(&format!("wallet present --dir W --request {url}/request --send --now {NOW}"));
    assert_eq!((unasked.exit, asking.server.got()), (2, vec![]));
}

/// Again and again until it is told to stop, through failures.
#[test]
fn syncing_goes_on_until_it_is_stopped() {
    let stage = Stage::set("1999-11-13", "");
    let at = stage.at().to_owned();
    quicken(&at.join("W"));
    // Sealed just now: `--every` takes the system's clock.
    stage.run("authority seal --dir A").ok();
    stage.run("authority publish --dir A --out pub").ok();
    let down = Arc::new(Mutex::new(2));
    let folder = at.join("pub");
    let server = Fake::serve(move |got| {
        let mut down = down.lock().unwrap();
        if *down > 0 {
            *down -= 1;
            return Say::Answer(502, "text/html", b"<html>".to_vec());
        }
        let path = got.line.strip_prefix("GET ").unwrap();
        let path = if path == "/v1/epochs/latest" {
            "epochs/2.note"
        } else {
            path.strip_prefix("/v1/published/").unwrap()
        };
        match std::fs::read(folder.join(path)) {
            Ok(bytes) => Say::Answer(200, "application/octet-stream", bytes),
            Err(_) => problem(404, "not_found"),
        }
    });
    let url = server.url("id.localhost");
    let once = stage.run(&format!("wallet sync --dir W --from {url} --authority pub/vkey"));
    assert_eq!(once.exit, 3, "{once:?}");
    let child = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args([
            "wallet",
            "sync",
            "--dir",
            "W",
            "--from",
            &url,
            "--authority",
            "pub/vkey",
            "--every",
            "1",
            "--json",
        ])
        .current_dir(&at)
        .env("VEILPASS_PASSPHRASE", "correct horse battery staple")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One failure, then three notes asked for: at least two whole syncs.
    let (begun, mut notes) = (Instant::now(), 0);
    while notes < 4 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it stopped going on");
        notes += server.got().iter().filter(|got| got.line.ends_with("/latest")).count();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let last: Value = serde_json::from_str(stdout.trim_end()).unwrap();
    assert_eq!((&last["epoch"], &last["enrolled"]), (&json!(2), &json!(true)), "{stdout}");
    let (failed, synced): (Vec<&str>, Vec<&str>) =
        stderr.lines().partition(|line| line.contains("Not synced"));
    assert_eq!(failed.len(), 1, "{stderr}");
    assert!(
        synced.len() >= 3
            && synced.iter().skip(1).all(|line| line.contains("in the authority's list (number 2)")),
        "{stderr}"
    );
    let wrong = run(
        &at,
        &[
            "wallet",
            "sync",
            "--dir",
            "W",
            "--from",
            "pub",
            "--authority",
            "pub/vkey",
            "--every",
            "1",
            "--now",
            NOW,
        ],
    );
    assert_eq!(wrong.exit, 2);
}

/// A file is no server: a stranger's request from disk makes the wallet post nothing anywhere.
#[test]
fn a_file_cannot_make_a_wallet_post() {
    let asking = Asking::set();
    for (more, code) in [("", "request_unsigned"), ("--sign P", "request_signature")] {
        asking.ask(r#"{"valid":true}"#, more);
        let run = asking
            .stage
            .run(&format!("wallet present --dir W --request R --send --yes --now {NOW} --timeout 3"));
        assert_eq!(run.code(), code, "{run:?}");
        assert_eq!(asking.server.got().len(), 0, "{code}: something was sent");
    }
    // The control: a known asker gets the decline, also to a file.
    asking.ask(r#"{"valid":true,"sex":"male"}"#, "--sign P2");
    let run =
        asking.stage.run(&format!("wallet present --dir W --request R --send --yes --now {NOW} --timeout 3"));
    assert_eq!(run.code(), "not_satisfied", "{run:?}");
    assert_eq!(asking.posted().len(), 1);
}
