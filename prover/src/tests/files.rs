//! The two files: what they hold, that nobody else reads them, and that no secret shows.

use super::testkit::*;
use crate::state::State;
use crate::{AnswerError, ExposeSecret, Home, Refusal, SecretString, Wallet, WorkFactor, crypt};
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::scope::LinkKind;

const QUICK: Option<WorkFactor> = WorkFactor::new(2);

fn passphrase() -> SecretString {
    SecretString::from("correct horse".to_owned())
}

fn file(wallet: &Wallet) -> Vec<u8> {
    wallet.wallet_file(&passphrase(), QUICK.unwrap()).unwrap()
}

#[test]
fn the_wallet_file_is_exactly_the_contracts() {
    let mut world = World::new(20);
    let mut wallet = Wallet::new(&mut world.rng);
    let (k, d) = (to_hex(wallet.k.expose()), to_hex(wallet.d.expose()));
    let inside = |wallet: &Wallet| {
        String::from_utf8(crypt::open(&file(wallet), &passphrase()).unwrap().to_vec()).unwrap()
    };
    assert_eq!(
        inside(&wallet),
        format!(r#"{{"v":1,"pseudonym_secret":"{k}","device_secret":"{d}","credential":null}}"#)
    );
    let credential = world.credential(&wallet, adult()).to_json();
    wallet.enrol(credential.as_bytes()).unwrap();
    assert_eq!(
        inside(&wallet),
        format!(r#"{{"v":1,"pseudonym_secret":"{k}","device_secret":"{d}","credential":{credential}}}"#)
    );

    let read = Wallet::open(&file(&wallet), &[], &passphrase()).unwrap();
    assert_eq!(
        (read.identity_commitment(), read.device_commitment()),
        (wallet.identity_commitment(), wallet.device_commitment())
    );
    assert_eq!(read.credential(), wallet.credential());
    assert_eq!(read.words(), wallet.words());
}

/// The authority is in the wallet file once it is known; another key is refused by whoever holds anything
/// of the first one.
#[test]
fn the_authority_is_pinned() {
    let mut world = World::new(27);
    let mut wallet = Wallet::new(&mut world.rng);
    let (ours, other) = (world.key(), World::new(28).key());
    let at = |place: &str, key: &AuthorityKey| Home { place: place.into(), key: key.clone() };
    // Nothing binds an empty wallet: a mistyped address can be put right.
    assert_eq!(wallet.settle_at(at("https://mistyped.example", &other)), Ok(true));
    let credential = world.credential(&wallet, adult()).to_json();
    assert!(wallet.enrol(credential.as_bytes()).is_err(), "the signature is not the pinned key's");
    assert_eq!(wallet.settle_at(at("https://id.example", &ours)), Ok(true));
    wallet.enrol(credential.as_bytes()).unwrap();
    assert_eq!(wallet.settle_at(at("https://id.example", &ours)), Ok(false), "nothing changed");
    let refused = wallet.settle_at(at("https://id.example", &other));
    assert!(matches!(refused, Err(Refusal::EpochSignature(_))), "{refused:?}");
    assert_eq!(wallet.settle_at(at("https://moved.example", &ours)), Ok(true), "control: it moved");

    let inside = String::from_utf8(crypt::open(&file(&wallet), &passphrase()).unwrap().to_vec()).unwrap();
    let member = format!(r#","authority":{{"place":"https://moved.example","key":"{ours}"}}}}"#);
    assert!(inside.ends_with(&member), "{inside}");
    let read = Wallet::open(&file(&wallet), &[], &passphrase()).unwrap();
    assert_eq!(read.home(), Some(&at("https://moved.example", &ours)));
    assert_eq!(read.authority_key(), Some(&ours));
    for bad in [r#""authority":null"#, r#""authority":["p","k"]"#, r#""authority":{"place":"p","key":"k"}"#] {
        let from = member.strip_prefix(',').unwrap().strip_suffix('}').unwrap();
        let text = inside.replace(from, bad);
        assert_ne!(text, inside);
        let sealed = crypt::seal(text.as_bytes(), &passphrase(), QUICK.unwrap()).unwrap();
        assert!(matches!(Wallet::open(&sealed, &[], &passphrase()), Err(Refusal::FileDamaged(_))), "{bad}");
    }
}

/// A platform's reply goes to the entry that it is about.
#[test]
fn replies_are_remembered() {
    let mut world = World::new(29);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    for (n, host) in ["forum.example", "shop.example"].into_iter().enumerate() {
        let ask = Ask { rp: host, nonce: n as u8, ..ask() };
        let question =
            wallet.examine(ask.json().as_bytes(), &from_origin(host), false, CIRCUIT, now()).unwrap();
        wallet.answer(&question, true, &FakeProver, now(), &mut rng, |_| Ok::<(), ()>(())).unwrap();
    }
    let first = wallet.history()[0].clone();
    assert!(wallet.remember_reply(&first, "accepted"));
    let replies: Vec<Option<&str>> = wallet.history().iter().map(|entry| entry.platform.as_deref()).collect();
    assert_eq!(replies, [Some("accepted"), None]);
    assert!(!wallet.remember_reply(&first, "accepted"), "it has one already");
    assert_eq!(State::read(wallet.state.plain().as_bytes()), Ok(wallet.state.clone()));
}

#[test]
fn other_contents_are_damaged() {
    let (one, two) = ("0".repeat(63) + "1", "0".repeat(63) + "2");
    let r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    let with = |v: &str, k: &str, d: &str, rest: &str| {
        format!(r#"{{"v":{v},"pseudonym_secret":"{k}","device_secret":"{d}",{rest}}}"#)
    };
    let open = |text: String| {
        Wallet::open(
            &crypt::seal(text.as_bytes(), &passphrase(), QUICK.unwrap()).unwrap(),
            &[],
            &passphrase(),
        )
        .map(|_| ())
    };
    assert_eq!(open(with("1", &one, &two, r#""credential":null"#)), Ok(()));
    for bad in [
        with("2", &one, &two, r#""credential":null"#),
        with("1", &"0".repeat(64), &two, r#""credential":null"#),
        with("1", &one, &one, r#""credential":null"#),
        with("1", &one, r, r#""credential":null"#),
        with("1", &one, &two, r#""credential":[]"#),
        with("1", &one, &two, r#""credential":null,"more":1"#),
        format!(r#"{{"v":1,"pseudonym_secret":"{one}","device_secret":"{two}"}}"#),
        with("1", &one, &two, r#""credential":null"#) + "x",
    ] {
        let refusal = open(bad.clone()).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::FileDamaged(why) if !why.contains(&one) && !why.contains(r)),
            "{bad}: {refusal}"
        );
    }
}

/// Found by fuzzing: a credential that `enrol` refuses came in by a wallet file, and a nationality of more
/// than ten bits would have run over into the province when the attributes are packed.
#[test]
fn a_credential_inside_is_as_good_as_one_outside() {
    let mut world = World::new(26);
    let mut wallet = Wallet::new(&mut world.rng);
    let credential = world.credential(&wallet, adult()).to_json();
    wallet.enrol(credential.as_bytes()).unwrap();
    let plain = wallet.plain();
    assert!(Wallet::read(plain.as_bytes()).is_ok());
    for (from, to) in [
        ("\"nationality\":156", "\"nationality\":1024"),
        ("\"nationality\":156", "\"nationality\":0"),
        ("\"generation\":0", "\"generation\":255"),
        ("\"province\":44", "\"province\":100"),
    ] {
        assert!(plain.contains(from), "{from}");
        let bad = plain.replace(from, to);
        assert!(matches!(Wallet::read(bad.as_bytes()), Err(Refusal::FileDamaged(_))), "{to}");
    }
}

/// Found by fuzzing: the state's file had more than one reading. Members could be missing, and objects in
/// lists could be arrays.
#[test]
fn the_state_has_one_reading() {
    let mut world = World::new(27);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    wallet
        .respond(&Ask { link: LinkKind::Tokens, slots: 4, context: "poll", ..ask() }, now(), &mut rng)
        .unwrap();
    let plain = wallet.state.plain();
    assert_eq!(State::read(plain.as_bytes()), Ok(wallet.state.clone()));
    for (from, to) in [
        ("\"place\":", "\"placf\":"),
        ("\"day\":null,", ""),
        ("\"outcome\":\"answered\"", "\"outcome\":null"),
        ("{\"valid\":true}", "[true]"),
        ("\"male\":", "\"mald\":"),
        ("\"searched\":", "\"leaf\":null,\"searched\":"),
    ] {
        assert!(plain.contains(from), "{from} is not in {}", plain.as_str());
        let bad = plain.replacen(from, to, 1);
        assert!(matches!(State::read(bad.as_bytes()), Err(Refusal::FileDamaged(_))), "{to}");
    }
    let place = wallet.state.own.place.unwrap();
    let missing = plain.replace(&format!("\"place\":{place},"), "");
    assert!(missing.len() < plain.len() && State::read(missing.as_bytes()).is_err());
}

#[test]
fn the_state_comes_back_whole() {
    let mut world = World::new(21);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    wallet.respond(&ask(), now(), &mut rng).unwrap();
    wallet
        .respond(&Ask { link: LinkKind::Tokens, slots: 4, context: "poll", ..ask() }, now(), &mut rng)
        .unwrap();
    let state = wallet.state_file().unwrap();
    let read = Wallet::open(&file(&wallet), &[&state], &passphrase()).unwrap();
    assert_eq!(read.state, wallet.state);
    assert_eq!(read.history().len(), 2);
    assert_eq!(read.history()[0].outcome, "answered");
    assert!(!String::from_utf8_lossy(&state).contains("forum.example"), "encrypted");

    // Not another wallet's, not the wallet's passphrase, not a damaged one.
    let other = Wallet::new(&mut world.rng);
    assert!(matches!(Wallet::open(&file(&other), &[&state], &passphrase()), Err(Refusal::FileDamaged(_))));
    assert_eq!(crypt::open(&state, &passphrase()).unwrap_err(), Refusal::PassphraseWrong);
    let mut bad = state.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert!(matches!(Wallet::open(&file(&wallet), &[&bad], &passphrase()), Err(Refusal::FileDamaged(_))));
}

/// A backup on a new device: the same person, who remembers nothing and has to sync.
#[test]
fn a_backup_is_a_whole_wallet() {
    let mut world = World::new(22);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let account = ask().account();
    let before = wallet.respond(&account, now(), &mut rng).unwrap();
    let mut restored = Wallet::open(&file(&wallet), &[], &passphrase()).unwrap();
    assert_eq!(restored.respond(&account, now(), &mut rng), Err(Refusal::NotEnrolled));
    assert!(restored.sync(&world, &world.key(), now()).unwrap().enrolled);
    assert_eq!(restored.respond(&account, now(), &mut rng).unwrap().pseudonym, before.pseudonym);
}

/// Killed between writing the one file and the other: what is known of another leaf is not believed.
#[test]
fn files_that_are_out_of_step_do_no_harm() {
    let mut world = World::new(25);
    let mut wallet = world.person(adult());
    let old_state = wallet.state_file().unwrap();
    let renewed = Attributes { expires_on: Some(day("2056-06-01")), ..adult() };
    let credential = world.credential(&wallet, renewed);
    wallet.enrol(credential.to_json().as_bytes()).unwrap();
    let mut reopened = Wallet::open(&file(&wallet), &[&old_state], &passphrase()).unwrap();
    let mut rng = world.rng.clone();
    assert_eq!(reopened.respond(&ask(), now(), &mut rng), Err(Refusal::NotEnrolled));
    let place = reopened.state.own.place.unwrap();
    world.seal(now(), &[credential.leaf()], &[place]);
    assert!(reopened.sync(&world, &world.key(), now()).unwrap().enrolled);
    assert_eq!(reopened.state.own.place, Some(place + 1));
}

/// What was to be sent is remembered first; if that fails, nothing is sent and nothing has happened.
#[test]
fn slots_are_marked_before_anything_is_sent() {
    let mut world = World::new(23);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let poll = Ask { link: LinkKind::Tokens, slots: 2, context: "poll", ..ask() };
    let question =
        wallet.examine(poll.json().as_bytes(), &from_origin("forum.example"), false, CIRCUIT, now()).unwrap();
    let before = wallet.state.clone();
    let failed = wallet.answer(&question, true, &FakeProver, now(), &mut rng, |_| Err("disk full"));
    assert_eq!(failed, Err(AnswerError::Persist("disk full")));
    assert_eq!(wallet.state, before);

    let mut written = Vec::new();
    let sent = wallet.answer(&question, true, &FakeProver, now(), &mut rng, |bytes| {
        written = bytes.to_vec();
        Ok::<(), ()>(())
    });
    let first = sent.unwrap().pseudonym;
    // Killed after writing, before sending: the slot stays used.
    let mut again = Wallet::open(&file(&wallet), &[&written], &passphrase()).unwrap();
    assert_eq!(again.state, wallet.state);
    let second = again.respond(&poll, now(), &mut rng).unwrap().pseudonym;
    assert_ne!(first, second);
    assert_eq!(again.respond(&poll, now(), &mut rng), Err(Refusal::NoSlotLeft));
}

#[test]
fn no_secret_shows() {
    let mut world = World::new(24);
    let wallet = world.person(adult());
    let (k, d) = (to_hex(wallet.k.expose()), to_hex(wallet.d.expose()));
    let shown = veilpass_protocol::json::to_string(&wallet.show());
    assert!(shown.starts_with(r#"{"credential":{"v":1,"#) && shown.ends_with(r#","epoch":2}"#), "{shown}");
    for text in [shown, format!("{wallet:?}"), format!("{:?}", wallet.show()), format!("{:?}", passphrase())]
    {
        assert!(!text.contains(&k) && !text.contains(&d) && !text.contains(passphrase().expose_secret()));
    }
    assert_eq!(
        veilpass_protocol::json::to_string(&Wallet::new(&mut world.rng).show()),
        r#"{"credential":null,"epoch":null}"#
    );
}
