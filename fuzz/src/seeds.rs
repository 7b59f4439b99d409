//! What the corpora begin with: the vectors of `tests/vectors/v1`, and good values made here.

use ed25519_dalek::SigningKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::sync::OnceLock;
use veilpass_params::dev;
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::cells::{Cell, Cells};
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::Day;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::epoch::{Changes, EpochStatement, RemovalReason, RemovedCounts};
use veilpass_protocol::field::{Fr, to_bytes, to_hex};
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret, pairing_words};
use veilpass_protocol::json::base64url;
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::request::{Request, SignedRequest};
use veilpass_server::authority::OneTimeCode;
use veilpass_verifier::Proof;

const PRESENTATIONS: &str = include_str!("../../tests/vectors/v1/presentations.jsonl");

/// The day on which everything happens.
pub fn today() -> Day {
    "2026-11-22".parse().expect("a day")
}

/// A generator of a seed.
pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The authority under whose key notes, credentials and entries stand.
pub fn authority() -> &'static AuthoritySigner {
    static SIGNER: OnceLock<AuthoritySigner> = OnceLock::new();
    SIGNER.get_or_init(|| AuthoritySigner::generate(&mut rng(1), "id.example/veilpass").expect("an origin"))
}

/// A platform's key.
pub fn platform_key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// Members of the vectors, each value once.
fn vectors(member: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for line in PRESENTATIONS.lines() {
        let line: Value = serde_json::from_str(line).expect("the vectors are JSON");
        let value = &line[member];
        if !value.is_null() && !found.contains(value) {
            found.push(value.clone());
        }
    }
    found
}

/// Presentations, both forms.
pub fn presentations() -> Vec<Vec<u8>> {
    let bytes = |p: Value| match p {
        Value::String(text) => text.into_bytes(),
        other => base64url::decode(other["base64url"].as_str().unwrap_or_default()).unwrap_or_default(),
    };
    vectors("presentation").into_iter().map(bytes).collect()
}

/// The example of contract §4 with every predicate and link.
fn examples() -> Vec<Value> {
    let base = json!({"v": 1, "circuit": "19f3feab157b79051fa44b19cdcf7798de4b368a9c57a3071fe0ec0e2f024a31",
        "rp": "forum.example", "context": "", "link": "none", "slots": 65536, "period": 82870,
        "predicates": {"valid": true, "age": {"at_least": 18}}, "valid_on": "2026-11-22", "nonce": "AAECAwQFBgcICQoLDA0ODw",
        "response_uri": "https://forum.example/v1/requests/0f8c1d/presentation", "expires_at": "2026-11-22T08:05:00Z"});
    let with = |changes: Value| {
        let mut request = base.clone();
        for (name, value) in changes.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        request
    };
    vec![
        base.clone(),
        with(json!({"link": "account", "slots": 1, "period": 0, "predicates": {"valid": true}})),
        with(json!({"link": "tokens", "slots": 3, "period": 20414, "context": "poll-1 é", "predicates":
            {"valid": true, "age": {"at_least": 14, "below": 60}, "sex": "female", "documents": "foreign", "nationality": 250,
             "province": 44, "enrolled_on_or_before": "2026-01-01", "generation_at_most": 0}})),
        with(
            json!({"rp": "forum.localhost", "response_uri": "http://forum.localhost:4000/v1/requests/0/presentation?a=b"}),
        ),
        with(
            json!({"response_uri": "https://forum.example:8443", "nonce": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}),
        ),
    ]
}

/// Requests as JSON.
pub fn requests() -> Vec<Vec<u8>> {
    let texts = vectors("request").into_iter().filter_map(|r| Some(r.as_str()?.to_owned()));
    let made = examples().into_iter().map(|r| r.to_string());
    texts.filter(|t| t.starts_with('{')).chain(made).map(String::into_bytes).collect()
}

/// Requests as compact JWS.
pub fn signed_requests() -> Vec<Vec<u8>> {
    let texts = vectors("request").into_iter().filter_map(|r| Some(r.as_str()?.to_owned()));
    let sign = |r: Value| {
        Some(SignedRequest::sign(&Request::from_json(r.to_string().as_bytes()).ok()?, &platform_key()))
    };
    let signed = examples().into_iter().filter_map(sign);
    texts.filter(|t| !t.starts_with('{')).chain(signed).map(String::into_bytes).collect()
}

fn statements() -> Vec<EpochStatement> {
    let mut all: Vec<EpochStatement> = Vec::new();
    for (n, time) in
        ["2026-11-22T06:00:00Z", "2026-11-22T07:00:00Z", "2026-11-23T06:30:00Z", "2026-11-25T06:30:00Z"]
            .iter()
            .enumerate()
    {
        let mut removed = RemovedCounts::default();
        removed.add(RemovalReason::ALL[n], n as u64);
        let changes = Changes {
            sealed_at: time.parse().expect("an instant"),
            root: Fr::from(n as u64 + 1),
            added: 1200,
            removed,
            cells: [7; 32],
            circuits: vec![veilpass_protocol::circuit_id::CircuitId([n as u8; 32]); 1 + n % 2],
        };
        all.push(EpochStatement::next("id.example/veilpass", all.last(), changes).expect("it follows"));
    }
    all
}

/// Epoch notes under the key of [`authority`], and those of the vectors.
pub fn notes() -> Vec<String> {
    let own = statements().into_iter().map(|s| s.sign(authority()).expect("a text that is a note"));
    let vectors = vectors("notes").into_iter().flat_map(|n| n.as_array().cloned().unwrap_or_default());
    let mut all: Vec<String> = own.chain(vectors.filter_map(|n| Some(n.as_str()?.to_owned()))).collect();
    all.sort();
    all.dedup();
    all
}

/// What platforms save of epochs.
pub fn saved_epochs() -> Vec<Vec<u8>> {
    let note = |n: usize| statements()[n].sign(authority()).expect("a text that is a note");
    let saved = [
        json!({"v": 1, "note": null, "equivocations": []}),
        json!({"v": 1, "note": note(1), "equivocations": []}),
        json!({"v": 1, "note": note(3), "equivocations": [{"installed": note(0), "contradicting": note(2)}]}),
    ];
    saved.iter().map(|s| s.to_string().into_bytes()).collect()
}

fn some_cells() -> Cells {
    let cell = |sex, document_class, nationality, province, birth_year| Cell {
        sex,
        document_class,
        nationality,
        province,
        birth_year,
    };
    let people = [
        (cell(Sex::Male, DocumentClass::ResidentCard, 156, 44, 1990), 850),
        (cell(Sex::Female, DocumentClass::ResidentCard, 156, 11, 1960), 1199),
        (cell(Sex::Unknown, DocumentClass::ForeignPassport, 250, 0, 2012), 300),
    ];
    Cells::count(7, "2026-11-22T08:00:00Z".parse().expect("an instant"), people)
}

/// Cells files.
pub fn cells() -> Vec<Vec<u8>> {
    let empty = Cells::count(1, "2026-11-22T08:00:00Z".parse().expect("an instant"), []);
    vec![some_cells().to_jcs(), empty.to_jcs()]
}

/// Tiles of each level, after the byte of the level.
pub fn tiles() -> Vec<Vec<u8>> {
    let tile = |level: u8, nodes: u64| {
        let nodes = (1..=nodes).flat_map(|n| to_bytes(&-Fr::from(n)));
        [level].into_iter().chain(nodes).collect::<Vec<u8>>()
    };
    vec![tile(0, 1), tile(0, 9), tile(1, 3), tile(2, 8), tile(2, 40)]
}

/// Verifying key files: the vectors'.
pub fn verifying_keys() -> Vec<Vec<u8>> {
    [
        &include_bytes!("../../tests/vectors/v1/keys/dev.vk")[..],
        include_bytes!("../../tests/vectors/v1/keys/damaged.vk"),
        include_bytes!("../../tests/vectors/v1/keys/delta-is-generator.vk"),
        include_bytes!("../../tests/vectors/v1/keys/gamma-is-delta.vk"),
        include_bytes!("../../tests/vectors/v1/keys/ic-repeats.vk"),
        include_bytes!("../../tests/vectors/v1/keys/other.vk"),
    ]
    .map(<[u8]>::to_vec)
    .into()
}

/// Changes to the DEV proving key: none, its length, its header, the key inside, the whole of it.
pub fn proving_keys() -> Vec<Vec<u8>> {
    let spread = |how: u8, step: u32| -> Vec<u8> {
        let places = (0..24u32)
            .flat_map(|i| [((i * step) >> 16) as u8, ((i * step) >> 8) as u8, (i * step) as u8, i as u8]);
        [how].into_iter().chain(places).collect()
    };
    vec![
        vec![0],
        vec![4, 0, 0x80, 1, 0],
        vec![1, 0, 0, 3, b'x'],
        spread(1, 41),
        spread(3, 37),
        spread(0, 49_999),
        spread(4, 12_345),
    ]
}

/// How many points are not infinity.
fn finite<P: PartialEq + Default>(points: &[P]) -> usize {
    points.iter().filter(|point| **point != P::default()).count()
}

/// The same for its prepared form, whose lists begin with bits: here a bit of each list is changed, and the hash made right.
pub fn prepared_keys() -> Vec<Vec<u8>> {
    let key = dev::proving_key().expect("the DEV key");
    let groth16 = key.groth16();
    let (in_a, in_b) = (finite(&groth16.a_query), finite(&groth16.b_g2_query));
    let (bits, a) = (groth16.a_query.len().div_ceil(8), 33 + 64);
    let b = a + bits + 64 * in_a;
    let c = b + bits + 128 * in_b;
    let change = |at: usize| vec![2, (at >> 16) as u8, (at >> 8) as u8, at as u8, 0x5a];
    let lists = [a, b, c].into_iter().flat_map(|list| [list, list + bits - 1, list + bits, list + bits + 70]);
    proving_keys().into_iter().chain(lists.map(change)).collect()
}

/// Key lines, public and private.
pub fn key_lines() -> Vec<Vec<u8>> {
    let lines = [
        authority().public().to_string(),
        authority().to_secret_string().to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".to_owned(),
    ];
    lines.into_iter().map(String::into_bytes).collect()
}

fn secrets() -> (PseudonymSecret, DeviceSecret) {
    let (k, d) = (Fr::from(1u64), Fr::from(2u64));
    (PseudonymSecret::from_fr(k).expect("not zero"), DeviceSecret::from_fr(d).expect("not zero"))
}

fn some_credentials() -> Vec<Credential> {
    let (k, d) = secrets();
    let attributes = |expires_on: Option<&str>, sex, document_class, province, generation| Attributes {
        birth_date: "1999-11-13".parse().expect("a day"),
        expires_on: expires_on.map(|day| day.parse().expect("a day")),
        enrolled_on: "2024-07-06".parse().expect("a day"),
        sex,
        document_class,
        nationality: 156,
        province,
        generation,
    };
    let number = || "7K2M0QX4R3".parse().expect("a number");
    let issue = |a| Credential::issue(authority(), number(), k.commitment(), d.commitment(), a);
    vec![
        issue(attributes(Some("2046-06-01"), Sex::Male, DocumentClass::ResidentCard, 44, 0)),
        issue(attributes(None, Sex::NotApplicable, DocumentClass::TaiwanPermit, 0, 254)),
    ]
}

/// Credentials.
pub fn credentials() -> Vec<Vec<u8>> {
    some_credentials().iter().map(|c| c.to_json().into_bytes()).collect()
}

fn secret_members() -> String {
    format!(
        r#""pseudonym_secret":"{}","device_secret":"{}""#,
        to_hex(&Fr::from(1u64)),
        to_hex(&Fr::from(2u64))
    )
}

/// Insides of wallet files.
pub fn wallets() -> Vec<Vec<u8>> {
    let inside = |credential: &str| {
        format!(r#"{{"v":1,{},"credential":{credential}}}"#, secret_members()).into_bytes()
    };
    let mut all = vec![inside("null")];
    all.extend(some_credentials().iter().map(|c| inside(&c.to_json())));
    all
}

/// Insides of state files: empty, and with one of everything.
pub fn states() -> Vec<Vec<u8>> {
    let empty = r#"{"v":1,"authority":null,"epochs":null,"cells":null,"platforms":[],"leaf":null,"place":null,"path":null,"searched":0,"pins":[],"slots":[],"history":[],"candidates":[]}"#;
    let path: Vec<u8> = (0..88u64).flat_map(|n| to_bytes(&Fr::from(n))).collect();
    let predicates = json!({"valid": true, "age": {"at_least": 18}, "sex": "male"});
    let entry: Value = serde_json::from_slice(&entries()[0]).expect("an entry");
    let cells: Value = serde_json::from_slice(&some_cells().to_jcs()).expect("cells");
    let candidate: Value = serde_json::from_str(&format!(
        r#"{{"operation":"rotate","code":"{}",{},"credential":{},"since":7,"searched":9}}"#,
        base64url::encode(&[3; 32]),
        secret_members(),
        some_credentials()[0].to_json()
    ))
    .expect("a candidate");
    let full = json!({"v": 1, "authority": authority().public().to_string(),
        "epochs": String::from_utf8_lossy(&saved_epochs()[1]), "cells": cells, "platforms": [entry],
        "leaf": to_hex(&some_credentials()[0].leaf()), "place": 5, "path": null, "searched": 8,
        "pins": [{"host": "forum.example", "context": "", "agreements": [{"predicates": predicates, "at": "2026-11-22T08:00:00Z"}],
                  "month_override": false}],
        "slots": [{"scope": to_hex(&Fr::from(5u64)), "day": null, "slots": [1, 4]}],
        "history": [{"at": "2026-11-22T08:00:00Z", "host": "forum.example", "context": "", "predicates": predicates,
                     "outcome": "answered"}],
        "visits": [{"circuit": examples()[0]["circuit"], "host": "forum.example", "context": "", "link": "tokens", "slots": 3,
                    "period": 20414, "predicates": predicates}],
        "candidates": [candidate]});
    let found = empty.replace("\"path\":null", &format!("\"path\":\"{}\"", base64url::encode(&path)));
    vec![empty.as_bytes().to_vec(), found.into_bytes(), full.to_string().into_bytes()]
}

/// Insides of files of prepared answers: none and up to three.
pub fn prepared() -> Vec<Vec<u8>> {
    (0..4).map(prepared_file).collect()
}

/// One with so many answers. The points are those of proofs.
pub fn prepared_file(count: usize) -> Vec<u8> {
    let presentations = presentations();
    let proofs = presentations.iter().filter(|p| p.len() == 201).map(|p| &p[73..]);
    let good = |proof: &&[u8]| Proof::from_bytes((*proof).try_into().expect("128 bytes")).is_ok();
    let proofs: Vec<&[u8]> = proofs.filter(good).collect();
    let entry = |n: usize| {
        let inputs = (1..14u64).flat_map(|input| to_bytes(&Fr::from(input + 100 * n as u64)));
        let proof = proofs[n % proofs.len()];
        let (a, b, c) = (&proof[..32], &proof[32..96], &proof[96..]);
        let head = [&(n as u32).to_be_bytes()[..], &[7; 32]].concat();
        [head, inputs.collect(), [a, c, c, a, b].concat()].concat()
    };
    let mut file = b"veilpass prepared v1\n".to_vec();
    file.extend(7u64.to_be_bytes());
    file.extend(to_bytes(&some_credentials()[0].leaf()));
    file.extend([9; 32]);
    file.push(count as u8);
    file.extend((0..count).flat_map(entry));
    file.resize(PREPARED, 0);
    file
}

/// Length of such a file: head, and room for 16 entries of a slot, 14 values and six parts of points.
pub const PREPARED: usize = PREPARED_HEAD + 16 * PREPARED_ENTRY;
/// Up to the count, which is its last byte.
pub const PREPARED_HEAD: usize = 21 + 8 + 32 + 32 + 1;
/// One entry.
pub const PREPARED_ENTRY: usize = 4 + 14 * 32 + 6 * 32;

/// Rows of import files.
pub fn rows() -> Vec<Value> {
    let row = |number: &str,
               birth: &str,
               expires: Value,
               sex: &str,
               class: &str,
               nationality: u16,
               province: u8| {
        json!({"identity_commitment": to_hex(&secrets().0.commitment()), "device_commitment": to_hex(&secrets().1.commitment()),
            "document_number": number, "birth_date": birth, "expires_on": expires, "enrolled_on": "2024-07-06", "sex": sex,
            "document_class": class, "nationality": nationality, "province": province, "generation": 0})
    };
    vec![
        row("440301199911130013", "1999-11-13", json!("2046-06-01"), "male", "resident_card", 156, 44),
        row("11010519491231002X", "1949-12-31", Value::Null, "female", "resident_card", 156, 11),
        row("C01X00T47", "1999-11-13", json!("2030-01-31"), "unknown", "foreign_passport", 276, 0),
        row("440301199911130013", "1999-11-13", json!("2020-01-31"), "male", "national_passport", 156, 0),
        row("810000199408230021", "1994-08-23", Value::Null, "female", "residence_permit", 156, 81),
        row("932682198501010017", "1985-01-01", Value::Null, "male", "permanent_residence", 682, 32),
    ]
}

/// Resident numbers.
pub fn resident_numbers() -> Vec<Vec<u8>> {
    let numbers = [
        "440301199911130013",
        "11010519491231002X",
        "830000199001010015",
        "440301199902290017",
        "990301199911130017",
        "810000199408230021",
        "932682198501010017",
    ];
    numbers.map(|n| n.as_bytes().to_vec()).into()
}

/// Machine readable zones: the specimens of ICAO 9303, and the same of states that have a number.
pub fn zones() -> Vec<Vec<u8>> {
    let passport =
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
    let card =
        "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    let long =
        "I<FRAD23145890<7349<<<<<<<<<<<\n3407127M9507122FRA<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<";
    let valid = passport.replace("UTO", "D<<").replace("1204159", "3204152");
    let anonymous = valid.replace("ZE184226B<<<<<1", "<<<<<<<<<<<<<<<");
    let permit = card.replace("UTO", "HKG").replace("I<", "C<").replace("1204159", "3204152");
    let mut all = vec![passport.as_bytes().to_vec(), card.as_bytes().to_vec(), long.as_bytes().to_vec()];
    for text in [valid, anonymous, permit] {
        let mut bytes = text.into_bytes();
        crate::repair::zone(&mut bytes);
        all.push(bytes);
    }
    all
}

/// Bodies to an authority, after the byte of the route.
pub fn authority_bodies() -> Vec<Vec<u8>> {
    let (k, d) = secrets();
    let (c, d) = (k.commitment(), d.commitment());
    let zone: Vec<String> = String::from_utf8_lossy(&zones()[3]).lines().map(str::to_owned).collect();
    let bodies = [
        (
            0,
            json!({"operation": "enrol", "document": {"type": "resident_number", "number": "440301199911130013", "expires_on": "2046-06-01"}}),
        ),
        (
            0,
            json!({"operation": "reset", "document": {"type": "resident_number", "number": "11010519491231002X", "expires_on": null}}),
        ),
        (
            0,
            json!({"operation": "renew", "document": {"type": "mrz", "document_class": "foreign_passport", "lines": zone}}),
        ),
        (1, json!({"words": pairing_words(&c, &d)})),
        (
            2,
            json!({"code": *OneTimeCode::generate(&mut rng(3)).as_text(), "identity_commitment": to_hex(&c), "device_commitment": to_hex(&d)}),
        ),
        (3, json!({"network_number": "7K2M0QX4R3", "reason": "deceased"})),
        (4, json!({"network_number": "7K2M0QX4R3", "device_secret": to_hex(&Fr::from(2u64))})),
    ];
    bodies.iter().map(|(route, body)| [&[*route][..], body.to_string().as_bytes()].concat()).collect()
}

/// Bodies to a platform.
pub fn platform_bodies() -> Vec<Vec<u8>> {
    let bodies = [
        json!({"predicates": {"valid": true}}),
        json!({"predicates": {"valid": true, "age": {"at_least": 18}, "province": 44}, "link": "tokens", "context": "poll",
            "period": 7, "slots": 3, "once": true}),
        json!({"v": 1, "declined": true}),
    ];
    bodies.iter().map(|b| b.to_string().into_bytes()).collect()
}

/// Problem documents.
pub fn problems() -> Vec<Vec<u8>> {
    let documents = [
        json!({"type": "urn:veilpass:error:not_found", "title": "Not found", "status": 404, "code": "not_found",
            "detail": "there is nothing here"}),
        json!({"code": "proof_invalid", "detail": "a\u{1b}[2Jb", "blame": "invalid_proof"}),
    ];
    documents.iter().map(|d| d.to_string().into_bytes()).collect()
}

/// Entries of the platform directory.
pub fn entries() -> Vec<Vec<u8>> {
    let entry = |host: &str, name: &str, purposes: &[&str]| {
        let purposes = purposes.iter().map(|p| (*p).to_owned()).collect();
        let key = platform_key().verifying_key();
        PlatformEntry::issue(authority(), host.parse().expect("a host"), name, &key, purposes)
            .to_json()
            .into_bytes()
    };
    vec![entry("forum.example", "论坛", &["age check"]), entry("a.localhost", "", &[])]
}

/// Short texts, after the byte that says which.
pub fn names() -> Vec<Vec<u8>> {
    let circuit = "19f3feab157b79051fa44b19cdcf7798de4b368a9c57a3071fe0ec0e2f024a31";
    let file = format!("circuits/{circuit}.vk");
    let texts: &[(u8, &str)] = &[
        (0, "2026-11-22"),
        (0, "2028-02-29"),
        (1, "2026-11-22T08:00:00Z"),
        (2, "forum.example"),
        (2, "xn--fiqs8s.example"),
        (3, "poll-1 é"),
        (4, "AAECAwQFBgcICQoLDA0ODw"),
        (5, circuit),
        (6, "0123456789abcdef0123456789abcdef"),
        (7, "account"),
        (8, "enrol"),
        (9, "withdrawn"),
        (10, "resident_card"),
        (11, "not_applicable"),
        (12, "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000"),
        (13, "0123456789abcdef0123456789abcdef"),
        (14, "AAECAwQFBgcICQoLDA0ODw"),
        (15, "vkey"),
        (15, "epochs/7.note"),
        (15, "epochs/7.cells"),
        (15, "tiles/7/0/3"),
        (15, &file),
        (15, "platforms.json"),
        (15, "platforms/forum.example.json"),
    ];
    texts.iter().map(|(which, text)| [&[*which][..], text.as_bytes()].concat()).collect()
}
