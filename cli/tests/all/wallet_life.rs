//! A person's life with a wallet at a real authority and a real platform, each serving on loopback.

use crate::binary::{Run, quicken, run, run_with, veilpass};
use crate::life::{HEADER, crowd};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;
use veilpass_server::authority::{AuthorityService, AuthoritySettings};
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::http::Settings;
use veilpass_server::platform::{PlatformService, PlatformSettings};
use veilpass_server::published::Published;
use veilpass_verifier::Policy;

struct Town {
    place: tempfile::TempDir,
    runtime: Runtime,
    authority: String,
    token: String,
}

fn client() -> Client {
    Client::new(ClientSettings::default()).unwrap()
}

impl Town {
    /// An authority with a crowd that serves, and a registrar.
    fn found() -> Town {
        let place = tempfile::tempdir().unwrap();
        let at = place.path();
        veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
        std::fs::write(at.join("people.csv"), format!("{HEADER}\n{}", crowd(1_200))).unwrap();
        veilpass(at, "authority import --dir A people.csv").ok();
        let token = veilpass(at, "authority registrar --dir A --name desk").ok()["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let runtime = Runtime::new().unwrap();
        let http = Settings::new("127.0.0.1:0".parse().unwrap());
        let settings = AuthoritySettings { folder: at.join("A"), http, seal_every: 0 };
        let service = runtime.block_on(AuthorityService::bind(settings)).unwrap();
        let authority = format!("http://id.localhost:{}", service.address().port());
        runtime.spawn(service.run(std::future::pending()));
        Town { place, runtime, authority, token }
    }

    fn at(&self) -> &Path {
        self.place.path()
    }

    fn wallet(&self, line: &str) -> Run {
        veilpass(self.at(), &format!("wallet {line}"))
    }

    fn registrar(&self, words: &[&str], input: &str) -> Run {
        std::fs::write(self.at().join("token"), &self.token).unwrap();
        let common = ["--authority", &self.authority, "--token-file", "token", "--json"];
        run_with(self.at(), &[&["registrar"], words, &common].concat(), input.as_bytes())
    }

    /// An application: its name and code.
    fn apply(&self, operation: &str) -> (String, String) {
        let document =
            r#"{"type":"resident_number","number":"440301199911130013","expires_on":"2046-06-01"}"#;
        let filed = self.registrar(&["apply", "--operation", operation, "--document", "-"], document).ok();
        let text = |name: &str| filed[name].as_str().unwrap().to_owned();
        (text("application"), text("code"))
    }

    /// The whole of an operation: application, wallet, confirmation.
    fn change(&self, operation: &str, dir: &str) -> Value {
        let (application, code) = self.apply(operation);
        let redeem = format!("{operation} --dir {dir} --authority {} --code {code}", self.authority);
        let answered = self.wallet(&redeem).ok();
        quicken(&self.at().join(dir));
        assert_eq!(self.wallet(&redeem).ok(), answered, "the same code again");
        quicken(&self.at().join(dir));
        let words: Vec<&str> =
            answered["words"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        let confirm =
            |words: &str| self.registrar(&["confirm", "--application", &application, "--words", words], "");
        assert_eq!(confirm("abandon ability able about above absent").code(), "words_differ");
        confirm(&words.join(" ")).ok();
        answered["credential"].clone()
    }

    /// Seals, waits until it is served, and syncs.
    fn next_epoch(&self, dir: &str) -> Value {
        let sealed = loop {
            let sealed = veilpass(self.at(), "authority seal --dir A");
            if sealed.exit == 0 {
                break sealed.json();
            }
            assert_eq!(sealed.exit, 2, "within a second of the last epoch: {sealed:?}");
            std::thread::sleep(Duration::from_millis(300));
        };
        let vkey = self.at().join("A/published/vkey");
        for _ in 0..100 {
            let sync = format!("sync --dir {dir} --from {} --authority {}", self.authority, vkey.display());
            let synced = self.wallet(&sync);
            if synced.exit == 0 && synced.json()["epoch"] == sealed["epoch"] {
                return synced.json();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("epoch {} is not served", sealed["epoch"]);
    }

    /// A platform of the directory that serves: its address and token.
    fn platform(&self) -> (String, String) {
        let made = veilpass(self.at(), "platform keygen --dir P").ok();
        let key = made["key"].as_str().unwrap();
        let entry = [
            "authority",
            "platform",
            "--dir",
            "A",
            "--host",
            "forum.localhost",
            "--key",
            key,
            "--name",
            "Forum",
            "--purposes",
            "adults",
        ];
        run(self.at(), &entry).ok();
        let vkey: PathBuf = self.at().join("A/published/vkey");
        let settings = PlatformSettings {
            policy: Policy::default().allowing_dev_keys(),
            epochs_every: 1,
            ..PlatformSettings::new(
                self.at().join("P"),
                "forum.localhost".parse().unwrap(),
                Settings::new("127.0.0.1:0".parse().unwrap()),
                std::fs::read_to_string(vkey).unwrap().trim_end().parse().unwrap(),
                Published::new(&self.authority, client()).unwrap(),
                veilpass_params::dev::verifying_key_bytes().to_vec(),
            )
        };
        let service = self.runtime.block_on(PlatformService::bind(settings)).unwrap();
        let url = format!("http://forum.localhost:{}", service.address().port());
        self.runtime.spawn(service.run(std::future::pending()));
        (url, made["token"].as_str().unwrap().to_owned())
    }
}

fn post(url: &str, body: &Value, token: &str) -> Value {
    let answer =
        client().post(url, "application/json", body.to_string().as_bytes(), Some(token), 65_536).unwrap();
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn from_the_desk_to_a_platform_and_out_again() {
    let town = Town::found();
    town.wallet("new --dir W").ok();
    quicken(&town.at().join("W"));
    let enrolled = town.change("enrol", "W");
    assert_eq!(enrolled["attributes"]["birth_date"], json!("1999-11-13"));
    assert_eq!(town.next_epoch("W")["enrolled"], json!(true));
    let (platform, token) = town.platform();
    let sync = format!("sync --dir W --from {} --authority A/published/vkey", town.authority);

    let ask = |predicates: Value| {
        let asked = json!({"predicates": predicates, "link": "account"});
        post(&format!("{platform}/v1/requests"), &asked, &token)
    };
    let result = |asked: &Value| -> Value {
        let url = format!("{platform}/v1/requests/{}/result", asked["id"].as_str().unwrap());
        let answer = client().get_as(&url, asked["result_token"].as_str().unwrap(), 4096).unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    };
    let present = |dir: &str, asked: &Value| {
        let uri = asked["request_uri"].as_str().unwrap();
        town.wallet(&format!("present --dir {dir} --request {uri} --send --yes"))
    };
    // The platform learns of the epoch within a second or two, and the directory of the platform.
    let adult = json!({"valid": true, "age": {"at_least": 18}});
    let mut first = Value::Null;
    for _ in 0..50 {
        town.wallet(&sync).ok();
        let asked = ask(adult.clone());
        if present("W", &asked).exit == 0 {
            first = result(&asked);
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(first["state"], json!("accepted"));
    let minor = ask(json!({"valid": true, "age": {"below": 18}}));
    assert_eq!(present("W", &minor).code(), "predicates_pinned");
    assert_eq!(result(&minor), json!({"state": "declined"}));
    let again = present("W", &minor);
    assert_eq!(again.code(), "predicates_pinned");
    assert!(again.stderr.contains("not received"), "the request is used up: {again:?}");

    // A lost phone: the backup on another one, whose device secret replaces the old one.
    town.wallet("export --dir W --out backup.age").ok();
    town.wallet("import --dir W2 backup.age").ok();
    quicken(&town.at().join("W2"));
    let (_, wrong) = town.apply("reset");
    let used = format!("rotate --dir W2 --authority {} --code {wrong}", town.authority);
    assert_eq!(town.wallet(&used).code(), "commitment_used", "a reset's code rotates nothing");
    let rotated = town.change("rotate", "W2");
    assert_eq!(rotated["identity_commitment"], enrolled["identity_commitment"]);
    assert_ne!(rotated["device_commitment"], enrolled["device_commitment"]);
    assert_eq!(town.next_epoch("W2")["enrolled"], json!(true));
    quicken(&town.at().join("W2"));
    assert_eq!(town.wallet("show --dir W2").ok()["credential"], rotated);
    let second = ask(adult.clone());
    present("W2", &second).ok();
    assert_eq!(result(&second)["pseudonym"], first["pseudonym"], "the same person as before");
    // The phone that was found proves nothing any more once it has synced.
    assert_eq!(town.wallet(&sync).ok()["enrolled"], json!(false));
    assert_eq!(present("W", &ask(adult)).code(), "credential_removed");
    let withdraw =
        |dir: &str| town.wallet(&format!("withdraw --dir {dir} --yes --authority {}", town.authority));
    assert_eq!(withdraw("W").code(), "unauthorised", "nor can its finder withdraw");

    let number = &rotated["network_number"];
    assert_eq!(withdraw("W2").ok(), json!({"network_number": number, "state": "pending"}));
    assert_eq!(withdraw("W2").code(), "already_removed");
    assert_eq!(town.next_epoch("W2")["enrolled"], json!(false));
}

/// Codes and people that do not fit come back as the authority's codes.
#[test]
fn the_authoritys_refusals_are_told() {
    let town = Town::found();
    town.wallet("new --dir W").ok();
    quicken(&town.at().join("W"));
    let redeem = |operation: &str, dir: &str, code: &str| {
        town.wallet(&format!("{operation} --dir {dir} --authority {} --code {code}", town.authority))
    };
    assert_eq!(redeem("enrol", "W", "7ZZZ-ZZZZ").code(), "code_unknown");
    let (_, code) = town.apply("rotate");
    assert_eq!(redeem("rotate", "W", &code).code(), "person_unknown");
    let (_, code) = town.apply("enrol");
    let first = redeem("enrol", "W", &code).ok();
    town.wallet("new --dir Other").ok();
    assert_eq!(redeem("enrol", "Other", &code).code(), "code_used");
    let (_, code) = town.apply("enrol");
    assert_eq!(redeem("enrol", "Other", &code).code(), "person_pending");
    assert_eq!(town.wallet("show --dir W").ok()["credential"], first["credential"]);
    let bad = town.registrar(
        &["apply", "--operation", "enrol", "--document", "-"],
        r#"{"type":"resident_number","number":"440301199911130014","expires_on":null}"#,
    );
    assert_eq!(bad.code(), "document_invalid");
    let nobody = town.registrar(&["remove", "--network-number", "7K2M0QX4R3", "--reason", "error"], "");
    assert_eq!(nobody.code(), "network_number_unknown");
    std::fs::write(town.at().join("stranger"), "c3RyYW5nZXI").unwrap();
    let stranger = [
        "registrar",
        "remove",
        "--network-number",
        "7K2M0QX4R3",
        "--reason",
        "error",
        "--token-file",
        "stranger",
        "--authority",
        &town.authority,
    ];
    assert_eq!(run(town.at(), &stranger).code(), "unauthorised");
}
