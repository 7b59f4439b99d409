//! Nothing of one version is taken for another: request × presentation × pinned keys × the epoch's list of
//! circuits × format, every cell of it, with the outcome that contract §6 and §7 have for it.

use crate::testkit::Trapdoor;
use crate::world::{Authority, HOUR, noon};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use veilpass_verifier::protocol::challenge::Nonce;
use veilpass_verifier::protocol::circuit_id::CircuitId;
use veilpass_verifier::protocol::day::Day;
use veilpass_verifier::protocol::epoch::EpochStatement;
use veilpass_verifier::protocol::field::Fr;
use veilpass_verifier::protocol::predicates::Predicates;
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::request::{NewRequest, Request};
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::protocol::statement::Statement;
use veilpass_verifier::{AcceptedEpochs, Files, Origin, Policy, Verifier, VerifyingKey, verify_files};

/// The keys that there are: two setups of one circuit, the first of them also marked DEV (the same points),
/// and a name that no key has.
const KEYS: [&str; 4] = ["first", "remade", "first, dev", "unknown"];
/// What a presentation can look like.
const FORMATS: [&str; 6] =
    ["json", "json, v 2", "json, v \"1\"", "binary", "binary, 02", "binary, another length"];
/// What the epoch's list of circuits can say. It is information: no outcome may depend on it.
const LISTS: [&[usize]; 4] = [&[0], &[1], &[3], &[0, 1, 2, 3]];

struct Setting {
    trapdoors: [Trapdoor; 2],
    keys: [VerifyingKey; 3],
    ids: [CircuitId; 4],
    rng: StdRng,
}

impl Setting {
    fn new() -> Setting {
        let trapdoors = [1, 2].map(Trapdoor::from_seed);
        let keys = [
            trapdoors[0].key(Origin::Ceremony),
            trapdoors[1].key(Origin::Ceremony),
            trapdoors[0].key(Origin::Dev),
        ];
        let [a, b, c] = [0, 1, 2].map(|i| keys[i].circuit_id());
        assert!(a != b && b != c && a != c, "each key has its own name");
        Setting { trapdoors, keys, ids: [a, b, c, CircuitId([9; 32])], rng: StdRng::seed_from_u64(5) }
    }

    fn request(&self, circuit: usize) -> Request {
        Request::new(NewRequest {
            circuit: self.ids[circuit],
            rp: "forum.example".parse().unwrap(),
            context: "".parse().unwrap(),
            link: LinkKind::Account,
            slots: 1,
            period: 0,
            predicates: Predicates::valid(),
            valid_on: Day::of(noon()),
            nonce: Nonce::new(&[1; 16]).unwrap(),
            response_uri: "https://forum.example/answer".into(),
            expires_at: noon().plus(300),
        })
        .unwrap()
    }

    /// A true answer to the request, made with one of the two setups and named as told.
    fn presentation(&mut self, request: &Request, root: Fr, setup: usize, named: usize) -> Presentation {
        let pseudonym = Fr::from(7u64);
        let statement = Statement::for_request(request, root, pseudonym).unwrap();
        let proof = self.trapdoors[setup].simulate(&statement, &mut self.rng);
        Presentation { circuit: self.ids[named], epoch: 1, pseudonym, proof }
    }
}

fn note(circuits: Vec<CircuitId>) -> (Authority, String, Fr) {
    let authority = Authority::new(1);
    let mut statement: EpochStatement = authority.draft(noon().minus(HOUR), 2000);
    statement.circuits = circuits;
    let (note, root) = (authority.sign(&statement), statement.root);
    (authority, note, root)
}

fn bytes(presentation: &Presentation, format: &str) -> Vec<u8> {
    let json = presentation.to_json();
    let mut binary = presentation.to_binary();
    match format {
        "json" => json.into_bytes(),
        "json, v 2" => json.replace("\"v\":1", "\"v\":2").into_bytes(),
        "json, v \"1\"" => json.replace("\"v\":1", "\"v\":\"1\"").into_bytes(),
        "binary" => binary,
        "binary, 02" => {
            binary[0] = 2;
            binary
        }
        _ => {
            binary.push(0);
            binary
        }
    }
}

/// What the contract has for a cell: the first that fails, in the order of §6.
fn expected(
    asked: usize,
    named: usize,
    setup: usize,
    pinned: &[usize],
    format: &str,
) -> Result<(), &'static str> {
    if !pinned.contains(&asked) {
        return Err("key_mismatch");
    }
    match format {
        "json, v 2" | "binary, 02" => return Err("version_unsupported"),
        "json, v \"1\"" | "binary, another length" => return Err("presentation_syntax"),
        _ => {}
    }
    if named != asked {
        return Err("circuit_unknown");
    }
    // "first" and "first, dev" have the same points.
    let of_setup = if asked == 1 { 1 } else { 0 };
    if setup == of_setup { Ok(()) } else { Err("proof_invalid") }
}

/// Every set of keys that a platform could pin, the DEV key among them only where the policy allows it.
#[test]
fn every_combination() {
    let mut s = Setting::new();
    let mut cells: BTreeMap<&str, usize> = BTreeMap::new();
    for circuits in LISTS {
        let (authority, note, root) = note(circuits.iter().map(|i| s.ids[*i]).collect());
        let policy = Policy::default().allowing_dev_keys();
        let mut epochs = AcceptedEpochs::starting_without_memory(authority.key());
        epochs.install(&note, &policy, noon()).unwrap();
        for set in 0..8usize {
            let pinned: Vec<usize> = (0..3).filter(|i| set >> i & 1 == 1).collect();
            let verifier = pinned.iter().fold(Verifier::new(policy), |verifier, key| {
                verifier.with_key(&s.keys[*key].to_bytes()).unwrap()
            });
            for (asked, asked_for) in KEYS.iter().enumerate() {
                let request = s.request(asked);
                for (named, name) in KEYS.iter().enumerate() {
                    for setup in 0..2 {
                        let presentation = s.presentation(&request, root, setup, named);
                        for format in FORMATS {
                            let sent = bytes(&presentation, format);
                            let outcome = verifier.verify(&request, &sent, &epochs, noon());
                            let outcome = outcome.map(|_| ()).map_err(|e| e.code());
                            let want = expected(asked, named, setup, &pinned, format);
                            let cell = (asked_for, name, setup, &pinned, circuits, format);
                            assert_eq!(outcome, want, "{cell:?}");
                            *cells.entry(want.err().unwrap_or("accepted")).or_default() += 1;
                        }
                    }
                }
            }
        }
    }
    // 4 lists × 8 sets × 4 requests × 4 presentations × 2 setups × 6 formats.
    assert_eq!(cells.values().sum::<usize>(), 6144);
    let all = [
        "accepted",
        "circuit_unknown",
        "key_mismatch",
        "presentation_syntax",
        "proof_invalid",
        "version_unsupported",
    ];
    assert_eq!(cells.keys().copied().collect::<Vec<_>>(), all);
    assert!(cells.values().all(|n| *n >= 90), "{cells:?}");
}

/// The DEV mark: refused at the door without leave, whatever else is pinned; and it cannot be rubbed out,
/// because then the key has another name.
#[test]
fn dev_keys_in_the_matrix() {
    let mut s = Setting::new();
    let (authority, note, root) = note(vec![s.ids[2]]);
    for dev_allowed in [false, true] {
        let policy = if dev_allowed { Policy::default().allowing_dev_keys() } else { Policy::default() };
        for (key, pinned) in KEYS.iter().enumerate().take(3) {
            for (asked, asked_for) in KEYS.iter().enumerate() {
                for (named, name) in KEYS.iter().enumerate() {
                    let request = s.request(asked);
                    let presentation = s.presentation(&request, root, usize::from(asked == 1), named);
                    let outcome = verify_files(&Files {
                        request: request.to_json().as_bytes(),
                        presentation: presentation.to_json().as_bytes(),
                        notes: std::slice::from_ref(&note),
                        authority: &authority.key(),
                        key: &s.keys[key].to_bytes(),
                        policy,
                        now: noon(),
                    });
                    let want = match (asked == key, key == 2 && !dev_allowed, named == asked) {
                        (false, _, _) => Err("key_mismatch"),
                        (true, true, _) => Err("key_dev"),
                        (true, false, false) => Err("circuit_unknown"),
                        (true, false, true) => Ok(()),
                    };
                    let cell = (dev_allowed, pinned, asked_for, name);
                    assert_eq!(outcome.map(|_| ()).map_err(|e| e.code()), want, "{cell:?}");
                }
            }
        }
    }
    // The same points with the other word in the header are the ceremony key of that name, not this one.
    let text = String::from_utf8_lossy(&s.keys[2].to_bytes()[..60]).into_owned();
    assert!(text.contains("origin dev\n"));
    let rubbed =
        [b"veilpass verifying key v1\ncircuit attest-v1\norigin ceremony\n\n", &s.keys[2].to_bytes()[56..]]
            .concat();
    assert_eq!(VerifyingKey::from_bytes(&rubbed).unwrap().circuit_id(), s.ids[0]);
}

/// The version of each file by itself, with everything else right.
#[test]
fn every_file_of_another_version() {
    let mut s = Setting::new();
    let (authority, note, root) = note(vec![s.ids[0]]);
    let request = s.request(0);
    let presentation = s.presentation(&request, root, 0, 0);
    let (key, request) = (s.keys[0].to_bytes(), request.to_json());
    let replaced = |bytes: &[u8], from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    };
    type Edit<'a> = (&'a str, &'a str, &'a str, &'a str);
    let edits: [Edit<'_>; 12] = [
        ("none", "", "", ""),
        ("key", "key v1", "key v2", "key_syntax"),
        ("key", "attest-v1", "attest-v2", "key_syntax"),
        ("key", "verifying", "proving", "key_syntax"),
        ("request", "\"v\":1", "\"v\":2", "request_syntax"),
        ("request", "\"v\":1", "\"v\":1.0", "request_syntax"),
        ("request", "\"v\":1,", "", "request_syntax"),
        ("note", "epoch v1", "epoch v2", "epochs_syntax"),
        ("note", "veilpass epoch", "otherpass epoch", "epochs_syntax"),
        ("presentation", "\"v\":1", "\"v\":2", "version_unsupported"),
        ("presentation", "\"v\":1", "\"v\":1.0", "presentation_syntax"),
        ("presentation", "\"v\":1,", "", "presentation_syntax"),
    ];
    for (file, from, to, code) in edits {
        let edited = |name: &str, bytes: &[u8]| {
            if name == file { replaced(bytes, from, to) } else { bytes.to_vec() }
        };
        let notes = [String::from_utf8(edited("note", note.as_bytes())).unwrap()];
        let outcome = verify_files(&Files {
            request: &edited("request", request.as_bytes()),
            presentation: &edited("presentation", presentation.to_json().as_bytes()),
            notes: &notes,
            authority: &authority.key(),
            key: &edited("key", &key),
            policy: Policy::default(),
            now: noon(),
        });
        let code = Some(code).filter(|c| !c.is_empty());
        assert_eq!(outcome.err().map(|e| e.code()), code, "{file}: {from:?} -> {to:?}");
    }
}
