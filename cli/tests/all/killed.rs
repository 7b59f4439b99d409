//! `kill -9` at random moments of enrolment, sealing and import: what was acknowledged is there, once, and
//! the root follows from the leaves.

use crate::binary::veilpass;
use crate::server::{Answered, Server, client, post, text};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::epoch::open_note;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::{leaf, pairing_words};
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::poseidon::hash;
use veilpass_protocol::tile::{Tile, TileId};
use veilpass_protocol::tree::Tree;
use veilpass_server::client::Client;

/// How often something is killed.
fn cycles() -> u32 {
    if std::env::var_os("VEILPASS_LONG").is_some() { 200 } else { 10 }
}

/// Somebody on the way to being enrolled. Every step that was acknowledged is kept; a step without an
/// answer is tried again, with the same body.
struct Person {
    number: u64,
    commitments: [Fr; 2],
    application: Option<(String, String)>,
    credential: Option<Value>,
    confirmed: bool,
}

impl Person {
    fn new(number: u64) -> Person {
        let commitments = [2 * number + 1_000_000, 2 * number + 1_000_001].map(|n| hash(&[Fr::from(n)]));
        Person { number, commitments, application: None, credential: None, confirmed: false }
    }

    /// Goes on as far as the server lets it; `false` as soon as nobody answers.
    fn step(&mut self, client: &Client, server: &str, token: &str) -> bool {
        let expect = |answered: Answered, statuses: &[u16]| match answered {
            Some((status, said)) => {
                assert!(statuses.contains(&status), "{status} {said}");
                Some(said)
            }
            None => None,
        };
        if self.application.is_none() {
            let line = mrz(self.number);
            let body = json!({"operation": "enrol",
                "document": {"type": "mrz", "document_class": "foreign_passport", "lines": line}});
            let url = format!("http://{server}/v1/applications");
            let Some(said) = expect(post(client, &url, &body, Some(token)), &[201]) else { return false };
            self.application = Some((text(&said["application"]), text(&said["code"])));
        }
        let (application, code) = self.application.clone().unwrap();
        if self.credential.is_none() {
            let [c, d] = self.commitments.map(|x| to_hex(&x));
            let body = json!({"code": code, "identity_commitment": c, "device_commitment": d});
            let url = format!("http://{server}/v1/enrolments");
            let Some(said) = expect(post(client, &url, &body, None), &[200, 201]) else { return false };
            self.credential = Some(said["credential"].clone());
        }
        if !self.confirmed {
            let words = pairing_words(&self.commitments[0], &self.commitments[1]);
            let url = format!("http://{server}/v1/applications/{application}/confirm");
            let body = json!({ "words": words });
            if expect(post(client, &url, &body, Some(token)), &[200]).is_none() {
                return false;
            }
            self.confirmed = true;
        }
        true
    }

    fn leaf(&self) -> Fr {
        let credential = self.credential.as_ref().unwrap().to_string();
        let credential = Credential::from_json(credential.as_bytes()).unwrap();
        let [c, d] = &self.commitments;
        leaf(c, d, &credential.attributes.pack(), &Fr::default())
    }
}

/// A passport's zone (ICAO 9303, TD3) with a document number of its own.
fn mrz(number: u64) -> [String; 2] {
    let digit = |field: &str| {
        let value = |c: char| match c {
            '<' => 0,
            c => c.to_digit(36).unwrap(),
        };
        let sum: u32 = field.chars().zip([7, 3, 1].into_iter().cycle()).map(|(c, w)| value(c) * w).sum();
        sum % 10
    };
    let name: String = format!("{number:08}").chars().map(|c| (b'A' + c as u8 - b'0') as char).collect();
    let one = format!("{:<<44}", format!("P<FRA{name}<<ANNE"));
    let (document, birth, expiry, personal) = (format!("{number:09}"), "900505", "360601", "<".repeat(14));
    let parts =
        [document.as_str(), birth, expiry, personal.as_str()].map(|field| format!("{field}{}", digit(field)));
    let [document, birth, expiry, personal] = parts;
    let all = digit(&format!("{document}{birth}{expiry}{personal}"));
    [one, format!("{document}FRA{birth}F{expiry}{personal}{all}")]
}

fn rows(from: u64, count: u64) -> String {
    let row = |i: u64| {
        let [c, d] = [2 * i + 1, 2 * i + 2].map(|n| to_hex(&hash(&[Fr::from(n)])));
        format!("{c},{d},P{i},1990-05-05,2036-06-01,2024-07-06,female,foreign_passport,250,0,0\n")
    };
    const HEADER: &str = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation\n";
    format!("{HEADER}{}", (from..from + count).map(row).collect::<String>())
}

/// Starts a command and kills it after so long, or lets it end.
fn killed_after(folder: &Path, line: &str, after: Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
    let token = text(&veilpass(at, "authority registrar --dir A --name R").ok()["token"]);
    let imported = 3_000;
    std::fs::write(at.join("people.csv"), rows(0, imported)).unwrap();

    let (client, mut people, mut next) = (client(), Vec::<Person>::new(), 0u64);
    for cycle in 0..cycles() {
        let server = Server::authority(at);
        let address = server.address.clone();
        let victim = rng.gen_range(0..3);
        let after = Duration::from_millis(rng.gen_range(5..400));
        std::thread::scope(|scope| {
            let (client, token, people, next, address) = (&client, &token, &mut people, &mut next, &address);
            let enrolling = scope.spawn(move || {
                for person in people.iter_mut().filter(|p| !p.confirmed) {
                    if !person.step(client, address, token) {
                        return;
                    }
                }
                // Until the server dies, where that is the server's turn.
                for _ in 0..if victim == 0 { 500 } else { 40 } {
                    people.push(Person::new(*next));
                    *next += 1;
                    if !people.last_mut().unwrap().step(client, address, token) {
                        return;
                    }
                }
            });
            // Beside it, in other processes: an import and a seal. One of the three dies early.
            let importing = scope.spawn(move || {
                let patience = if victim == 1 { after } else { Duration::from_millis(600) };
                killed_after(at, "authority import --dir A people.csv --json", patience);
            });
            let sealing = scope.spawn(move || {
                let patience = if victim == 2 { after } else { Duration::from_millis(900) };
                killed_after(at, "authority seal --dir A --json", patience);
            });
            if victim == 0 {
                std::thread::sleep(after);
                server.kill();
                enrolling.join().unwrap();
            } else {
                enrolling.join().unwrap();
                server.kill();
            }
            importing.join().unwrap();
            sealing.join().unwrap();
        });
        println!(
            "cycle {cycle}: {} people, {} confirmed",
            people.len(),
            people.iter().filter(|p| p.confirmed).count()
        );
    }

    // Whatever was not acknowledged is asked for again and answered.
    let server = Server::authority(at);
    for person in &mut people {
        assert!(person.step(&client, &server.address, &token));
    }
    let report = veilpass(at, "authority import --dir A people.csv").ok();
    assert_eq!(report["added"].as_u64().unwrap() + report["already"].as_u64().unwrap(), imported, "{report}");
    std::thread::sleep(Duration::from_millis(1100));
    let epoch = veilpass(at, "authority seal --dir A").ok();
    server.stop();
    assert_eq!(epoch["live"], json!(imported + people.len() as u64), "lost or doubled");

    // The root follows from the published leaves, the counts from the chain of epochs.
    veilpass(at, "authority publish --dir A --out pub").ok();
    let number = epoch["epoch"].as_u64().unwrap();
    let key: AuthorityKey = vkey.parse().unwrap();
    let leaves = published_leaves(&at.join(format!("pub/tiles/{number}/0")));
    assert_eq!(to_hex(&Tree::from_leaves(leaves.clone()).root()), text(&epoch["root"]));
    let (mut added, mut prev) = (0, [0; 32]);
    for n in 1..=number {
        let note = std::fs::read_to_string(at.join(format!("pub/epochs/{n}.note"))).unwrap();
        let statement = open_note(&note, &key).unwrap();
        assert_eq!(statement.prev, prev, "the chain of epochs");
        prev = statement.hash();
        added += statement.added;
    }
    assert_eq!(added, imported + people.len() as u64, "somebody was added twice");
    let mut count: HashMap<[u8; 32], u32> = HashMap::new();
    for leaf in &leaves {
        *count.entry(veilpass_protocol::field::to_bytes(leaf)).or_default() += 1;
    }
    for person in &people {
        let leaf = veilpass_protocol::field::to_bytes(&person.leaf());
        assert_eq!(count.get(&leaf), Some(&1), "person {}", person.number);
    }
}

fn published_leaves(folder: &Path) -> Vec<Fr> {
    let tiles = std::fs::read_dir(folder).unwrap().count() as u64;
    let mut leaves = Vec::new();
    for index in 0..tiles {
        let bytes = std::fs::read(folder.join(index.to_string())).unwrap();
        let tile = Tile::decode(TileId { level: 0, index }, &bytes).unwrap();
        leaves.extend_from_slice(tile.nodes());
        if index + 1 < tiles {
            leaves.resize((index as usize + 1) * 4096, Fr::default());
        }
    }
    leaves
}
