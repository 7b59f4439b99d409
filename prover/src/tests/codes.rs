//! Every code of the wallet's row (contract §7), and their order.

use super::testkit::*;
use crate::{AnswerError, Channel, Refusal, SecretString, SyncError, Wallet, WorkFactor};
use ed25519_dalek::SigningKey;
use std::convert::Infallible;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::field::Fr;
use veilpass_protocol::request::{Request, SignedRequest};
use veilpass_protocol::scope::LinkKind;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn sign(ask: &Ask, key: &SigningKey) -> String {
    SignedRequest::sign(&Request::from_json(ask.json().as_bytes()).unwrap(), key)
}

/// Adds a platform to the directory.
fn list(world: &mut World, name: &str, key: &SigningKey) {
    let entry = PlatformEntry::issue(
        &world.signer,
        host(name),
        "A platform",
        &key.verifying_key(),
        vec!["age gate".into()],
    );
    world.platforms.insert(host(name), entry);
}

fn refuse(wallet: &Wallet, ask: &Ask) -> Refusal {
    wallet.examine(ask.json().as_bytes(), &from_origin(ask.rp), false, CIRCUIT, now()).unwrap_err()
}

fn examine(wallet: &Wallet, request: &str, channel: &Channel) -> Result<(), Refusal> {
    wallet.examine(request.as_bytes(), channel, false, CIRCUIT, now()).map(|_| ())
}

const FILE: Channel = Channel { origin: None, scanned: false };
const SCANNED: Channel = Channel { origin: None, scanned: true };

/// Each code once at least, and no other.
#[test]
fn every_code_is_produced() {
    let mut produced: Vec<&str> = Vec::new();
    let mut add = |refusal: Refusal| {
        assert!(!refusal.to_string().is_empty());
        produced.push(refusal.code());
    };
    let mut world = World::new(1);
    list(&mut world, "bank.example", &key(1));
    let mut wallet = world.person(adult());

    // The request itself.
    add(refuse(&wallet, &Ask { slots: 3, ..ask() }));
    add(examine(&wallet, &ask().json(), &from_origin("evil.example")).unwrap_err());
    add(examine(&wallet, &ask().json(), &FILE).unwrap_err());
    let bank = Ask { rp: "bank.example", ..ask() };
    add(examine(&wallet, &sign(&bank, &key(2)), &FILE).unwrap_err());
    add(examine(&wallet, &sign(&ask(), &key(1)), &FILE).unwrap_err());
    add(examine(&wallet, &sign(&bank.clone().account(), &key(1)), &SCANNED).unwrap_err());
    add(refuse(&wallet, &Ask { expires_at: now(), ..ask() }));
    add(refuse(&wallet, &ask().on(day("2026-11-21"))));
    add(refuse(&wallet, &ask().predicates(r#"{"valid":true,"age":{"at_least":17}}"#)));
    add(refuse(&wallet, &Ask { circuit: CircuitId([8; 32]), ..ask() }));
    add(refuse(&wallet, &ask().predicates(r#"{"valid":true,"sex":"female"}"#)));
    add(refuse(&wallet, &ask().predicates(r#"{"valid":true,"province":44,"sex":"unknown"}"#)));

    // What was answered before.
    let mut rng = world.rng.clone();
    wallet.respond(&ask().predicates(r#"{"valid":true,"sex":"male"}"#), now(), &mut rng).unwrap();
    add(refuse(&wallet, &ask().predicates(r#"{"valid":true,"age":{"at_least":18}}"#)));
    let one = Ask { link: LinkKind::Tokens, context: "poll", ..ask() };
    let one = Ask { slots: 1, ..one };
    wallet.respond(&one, now(), &mut rng).unwrap();
    add(refuse(&wallet, &one));
    let question = wallet
        .examine(ask().json().as_bytes(), &from_origin("forum.example"), false, CIRCUIT, now())
        .unwrap();
    let declined =
        wallet.answer(&question, false, &FakeProver, now(), &mut rng, |_| Ok::<(), Infallible>(()));
    match declined {
        Err(AnswerError::Refused(refusal)) => add(refusal),
        other => panic!("{other:?}"),
    }

    // Other people.
    let turns_18 = Attributes { birth_date: day("2008-11-20"), ..adult() };
    let expired = Attributes { expires_on: Some(day("2026-11-21")), ..adult() };
    let few = Attributes { nationality: 36, ..adult() };
    let people = world.people(&[turns_18, expired, few]);
    add(refuse(&people[0], &ask().predicates(r#"{"valid":true,"age":{"at_least":18}}"#)));
    add(refuse(&people[1], &ask()));
    add(refuse(&people[2], &ask().predicates(r#"{"valid":true,"nationality":36}"#)));
    add(refuse(&Wallet::new(&mut world.rng), &ask()));
    let mut removed = people.into_iter().next_back().unwrap();
    let place = removed.state.own.place.unwrap();
    world.seal(now().minus(60), &[], &[place]);
    assert!(!removed.sync(&world, &world.key(), now()).unwrap().enrolled);
    add(refuse(&removed, &ask()));

    // Credential, epochs, files.
    let credential = world.credential(&wallet, adult()).to_json();
    add(wallet.enrol(credential.replace("\"generation\":0", "\"generation\":255").as_bytes()).unwrap_err());
    let later = now().plus(49 * 3600);
    let in_two_days = Ask { valid_on: day("2026-11-24"), ..ask() };
    add(wallet
        .examine(in_two_days.json().as_bytes(), &from_origin("forum.example"), false, CIRCUIT, later)
        .unwrap_err());
    let passphrase = SecretString::from("horse".to_owned());
    let file = wallet.wallet_file(&passphrase, WorkFactor::new(2).unwrap()).unwrap();
    add(Wallet::open(&file, &[], &SecretString::from("mule".to_owned())).unwrap_err());
    add(Wallet::open(&file[..200], &[], &passphrase).unwrap_err());
    let other_authority = World::empty(99).key();
    match wallet.sync(&world, &other_authority, now()) {
        Err(SyncError::Refused(refusal)) => add(refusal),
        other => panic!("{other:?}"),
    }
    let mut small = World::empty(3);
    small.seal_others(now(), 999);
    produced.push(Wallet::new(&mut small.rng).sync(&small, &small.key(), now()).unwrap_err().code());

    for code in &produced {
        assert!(Refusal::CODES.contains(code), "{code}");
    }
    let missing: Vec<_> = Refusal::CODES.iter().filter(|code| !produced.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn codes_are_those_of_the_contract() {
    let row = "request_syntax request_host request_unsigned request_signature asker_unknown link_not_here request_expired request_date \
               threshold_not_allowed predicates_pinned age_this_month crowd_too_small attributes_unexplained circuit_unknown \
               epoch_signature epoch_below_floor epochs_stale not_enrolled credential_expired credential_removed not_satisfied \
               no_slot_left passphrase_wrong file_damaged declined";
    assert_eq!(Refusal::CODES, row.split_whitespace().collect::<Vec<_>>());
}

/// One request with every fault; the faults are mended one by one, and the codes come in their order.
#[test]
fn the_first_reason_is_reported() {
    let mut world = World::new(4);
    list(&mut world, "forum.example", &key(1));
    // Expired, removed, and two things that are not so; the crowd is too small as well.
    let person = Attributes {
        expires_on: Some(day("2026-11-21")),
        birth_date: day("2008-11-20"),
        province: 11,
        ..adult()
    };
    let mut wallet = world.person(person);
    let place = wallet.state.own.place.unwrap();
    world.seal(now().minus(60), &[], &[place]);
    wallet.sync(&world, &world.key(), now()).unwrap();
    let later = now().plus(49 * 3600);
    let pinned = veilpass_protocol::json::parse(br#"{"valid":true,"sex":"male"}"#).unwrap();
    wallet.state.pins.record(&host("forum.example"), &"".parse().unwrap(), &pinned, false, later);
    let good = wallet.credential.clone().unwrap();
    wallet.credential.as_mut().unwrap().link = Fr::from(1u64);

    let worst = Ask {
        link: LinkKind::Account,
        slots: 2,
        response_uri: Some("https://evil.example/"),
        expires_at: later,
        valid_on: day("2026-11-20"),
        circuit: CircuitId([8; 32]),
        ..ask().predicates(r#"{"valid":true,"age":{"at_least":17},"province":11,"sex":"female"}"#)
    };
    let code = |wallet: &Wallet, ask: &Ask, signer: u8, channel: &Channel, time| {
        let request = if signer == 0 { ask.json() } else { sign(ask, &key(signer)) };
        wallet.examine(request.as_bytes(), channel, false, CIRCUIT, time).unwrap_err().code()
    };
    let mut ask = worst;
    assert_eq!(code(&wallet, &ask, 0, &SCANNED, later), "request_syntax");
    ask.slots = 1;
    assert_eq!(code(&wallet, &ask, 0, &SCANNED, later), "request_host");
    ask.response_uri = None;
    assert_eq!(code(&wallet, &ask, 0, &SCANNED, later), "request_unsigned");
    assert_eq!(code(&wallet, &ask, 2, &SCANNED, later), "request_signature");
    assert_eq!(code(&wallet, &ask, 1, &SCANNED, later), "link_not_here");
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "request_expired");
    ask.expires_at = later.plus(1);
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "request_date");
    ask.valid_on = day("2026-11-24");
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "threshold_not_allowed");
    ask = ask.predicates(r#"{"valid":true,"age":{"at_least":18},"province":11,"sex":"female"}"#);
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "predicates_pinned");
    wallet.state.pins = Default::default();
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "attributes_unexplained");
    let credential = wallet.credential.take().unwrap();
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "circuit_unknown");
    ask.circuit = CIRCUIT;
    assert_eq!(code(&wallet, &ask, 1, &FILE, later), "epochs_stale");
    ask.valid_on = day("2026-11-22");
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "not_enrolled");
    assert_ne!(credential, good);
    wallet.credential = Some(good);
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "credential_expired");
    wallet.credential.as_mut().unwrap().attributes.expires_on = None;
    wallet.rules.w9 = false; // the signature no longer fits, which is not the subject
    wallet.state.own.leaf = Some(leaf(&wallet));
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "credential_removed");

    // The rest on a person who is in the tree.
    let born = Attributes { birth_date: day("2008-11-20"), province: 11, ..adult() };
    let mut wallet = world.person(born);
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "not_satisfied");
    ask = ask.predicates(r#"{"valid":true,"age":{"at_least":18},"province":11}"#);
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "age_this_month");
    ask = ask.predicates(r#"{"valid":true,"province":11}"#);
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "crowd_too_small");
    ask = Ask { link: LinkKind::Tokens, slots: 1, ..ask.predicates(r#"{"valid":true}"#) };
    let mut rng = world.rng.clone();
    wallet.respond(&ask, now(), &mut rng).unwrap();
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "no_slot_left");
    // A small crowd is told before a lack of slots.
    ask = ask.predicates(r#"{"valid":true,"province":11}"#);
    wallet.state.pins = Default::default();
    assert_eq!(code(&wallet, &ask, 1, &FILE, now()), "crowd_too_small");
}

/// W6 in both ways, and what the person is shown.
#[test]
fn askers_are_who_they_say() {
    let mut world = World::new(6);
    list(&mut world, "bank.example", &key(1));
    let wallet = world.person(adult());
    let bank = Ask { rp: "bank.example", ..ask() };
    let jws = sign(&bank, &key(1));
    let question = wallet.examine(jws.as_bytes(), &FILE, false, CIRCUIT, now()).unwrap();
    assert_eq!(question.host, host("bank.example"));
    assert_eq!(question.known_as, Some(("A platform".into(), vec!["age gate".into()])));
    assert_eq!(question.told, ["You hold a valid identity."]);
    assert_eq!(question.crowd, 5001);
    assert_eq!(examine(&wallet, &jws, &SCANNED), Ok(()), "`none` may be scanned");
    assert_eq!(examine(&wallet, &sign(&bank.clone().account(), &key(1)), &FILE), Ok(()));
    assert_eq!(examine(&wallet, &bank.clone().account().json(), &from_origin("bank.example")), Ok(()));
    let tokens = Ask { link: LinkKind::Tokens, slots: 3, ..bank.clone() };
    assert_eq!(examine(&wallet, &sign(&tokens, &key(1)), &FILE), Ok(()));
    let scanned = Channel { origin: Some(host("bank.example")), scanned: true };
    assert_eq!(examine(&wallet, &tokens.json(), &scanned), Err(Refusal::LinkNotHere));
    // An origin does not make a bad signature good, and a signature does not make another origin good.
    assert_eq!(
        examine(&wallet, &sign(&bank, &key(2)), &from_origin("bank.example")),
        Err(Refusal::RequestSignature)
    );
    assert!(matches!(examine(&wallet, &jws, &from_origin("evil.example")), Err(Refusal::RequestHost(_))));
    assert!(matches!(examine(&wallet, "{}", &FILE), Err(Refusal::RequestSyntax(_))));
}

/// Presentations of different people to different requests are equally long.
#[test]
fn presentations_have_one_length() {
    let mut world = World::new(7);
    let mut people = world.people(&[adult(), Attributes { expires_on: None, generation: 3, ..adult() }]);
    let asks = [
        ask(),
        Ask { rp: "bank.example", ..ask().account() },
        Ask { context: "x", link: LinkKind::Tokens, slots: 9, ..ask() },
    ];
    let mut rng = world.rng.clone();
    let mut lengths = Vec::new();
    for wallet in &mut people {
        for ask in &asks {
            lengths.push(wallet.respond(ask, now(), &mut rng).unwrap().to_json().len());
        }
    }
    assert_eq!(lengths, [lengths[0]; 6]);
}
