//! Syncing: epochs as a platform checks them (W8), and the own leaf (W9).

use super::testkit::*;
use crate::{Refusal, SyncError, Wallet, next_sync};
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::note::AuthoritySigner;

fn code(result: Result<crate::Synced, SyncError>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn waiting_found_removed() {
    let mut world = World::new(30);
    let mut wallet = world.applicant(adult());
    let first = wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!((first.epoch, first.root, first.enrolled), (1, world.tree.root(), false));
    assert_eq!(wallet.show().epoch, Some(1));
    world.seal(now(), &[leaf(&wallet)], &[]);
    assert!(wallet.sync(&world, &world.key(), now()).unwrap().enrolled);
    let place = wallet.state.own.place.unwrap();
    assert_eq!(place, 5000);
    // Others come; the path changes, the place does not.
    world.seal_others(now().plus(60), 50);
    let third = wallet.sync(&world, &world.key(), now().plus(60)).unwrap();
    assert!(third.enrolled && third.root != first.root);
    assert_eq!(wallet.state.own.path.as_ref().unwrap().root_of(&leaf(&wallet)), Some(third.root));
    world.seal(now().plus(120), &[], &[place]);
    assert!(!wallet.sync(&world, &world.key(), now().plus(120)).unwrap().enrolled);
    assert_eq!(wallet.respond(&ask(), now().plus(120), &mut world.rng), Err(Refusal::CredentialRemoved));
    // A wallet that never was in the tree says something else.
    let mut other = world.applicant(adult());
    other.sync(&world, &world.key(), now().plus(120)).unwrap();
    assert_eq!(other.respond(&ask(), now().plus(120), &mut world.rng), Err(Refusal::NotEnrolled));
}

/// A leaf that is not there yet is looked for in new places only.
#[test]
fn places_are_searched_once() {
    let mut world = World::empty(31);
    world.seal_others(now().minus(600), 40_000);
    let mut wallet = world.applicant(adult());
    wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!(world.fetched_tiles(), (0..10).collect::<Vec<_>>());
    world.seal(now().minus(300), &[leaf(&wallet)], &[]);
    assert!(wallet.sync(&world, &world.key(), now()).unwrap().enrolled);
    assert_eq!(world.fetched_tiles(), [8, 9], "the block of the new places: enough people live in it");
}

/// In a block that cannot hold enough people the wider one is fetched from its start: if the inner block
/// came first, the order would tell it.
#[test]
fn the_order_of_fetching_tells_nothing() {
    let mut world = World::empty(41);
    world.seal_others(now().minus(600), 33_000);
    let mut wallet = world.person(adult());
    assert_eq!(wallet.state.own.place, Some(33_000));
    world.fetched_tiles();
    wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!(world.fetched_tiles(), (0..9).collect::<Vec<_>>());
}

#[test]
fn epochs_are_checked_as_a_platform_checks_them() {
    let mut world = World::new(32);
    let mut wallet = world.person(adult());
    let before = wallet.state.clone();
    let key = world.key();
    // Stale, from the future, older than what is known.
    assert_eq!(code(wallet.sync(&world, &key, now().plus(49 * 3600))), "epochs_stale");
    world.seal_others(now().plus(300), 1);
    assert_eq!(code(wallet.sync(&world, &key, now())), "epochs_stale");
    let mut other = World::new(33);
    let mut newcomer = Wallet::new(&mut world.rng);
    assert_eq!(code(newcomer.sync(&other, &key, now())), "epoch_signature");
    world.notes.retain(|number, _| *number == 1);
    assert_eq!(code(wallet.sync(&world, &key, now())), "epochs_stale");
    other.seal_others(now(), 1);
    other.notes.clear();
    assert_eq!(code(newcomer.sync(&other, &other.key(), now())), "unavailable");
    assert_eq!(wallet.state, before, "refused notes change nothing");
}

/// Two histories under one signature: refused, and both notes kept for whoever has to be shown them.
#[test]
fn contradicting_epochs_are_kept_as_evidence() {
    let mut world = World::new(34);
    let mut wallet = world.person(adult());
    let mut twin = World::new(34);
    twin.people(&[Attributes { generation: 1, ..adult() }]);
    assert_eq!(twin.key(), world.key());
    assert_eq!(code(wallet.sync(&twin, &world.key(), now())), "epoch_signature");
    assert_eq!(wallet.state.epochs.as_ref().unwrap().equivocations().len(), 1);
    assert!(wallet.respond(&ask(), now(), &mut world.rng).is_ok(), "the first history still holds");
}

/// Everything that is fetched has to be what the authority signed.
#[test]
fn forged_files_are_refused() {
    let mut world = World::new(35);
    let stranger = World::empty(36).signer;
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    let entry = |signer: &AuthoritySigner, name: &str| {
        PlatformEntry::issue(signer, host(name), "A platform", &key, vec![])
    };
    let bank = entry(&world.signer, "bank.example");
    world.platforms.insert(host("bank.example"), bank);
    let mut wallet = world.person(adult());
    let before = wallet.state.clone();
    let tile = |path: &str| {
        let mut bytes = world.published_file(path).unwrap();
        bytes[31] ^= 1;
        Some(bytes)
    };
    let forgeries = [
        ("tiles/2/0/1", tile("tiles/2/0/1")),
        ("tiles/2/0/0", tile("tiles/2/0/0")),
        ("tiles/2/1/0", tile("tiles/2/1/0")),
        ("tiles/2/2/0", tile("tiles/2/2/0")),
        ("tiles/2/0/1", None),
        ("tiles/2/2/0", Some(vec![1; 31])),
        (
            "epochs/2.cells",
            world
                .published_file("epochs/2.cells")
                .map(|b| String::from_utf8(b).unwrap().replace("5000", "9000").into_bytes()),
        ),
        ("platforms/bank.example.json", Some(entry(&stranger, "bank.example").to_json().into_bytes())),
        ("platforms/bank.example.json", Some(entry(&world.signer, "shop.example").to_json().into_bytes())),
        ("platforms.json", Some(b"[\"bank.example\",\"bank.example\"]".to_vec())),
    ];
    for (path, instead) in forgeries {
        world.replaced.insert(path.into(), instead);
        assert_eq!(code(wallet.sync(&world, &world.key(), now())), "epoch_signature", "{path}");
        world.replaced.clear();
    }
    for path in ["platforms.json", "epochs/2.cells", "platforms/bank.example.json"] {
        world.replaced.insert(path.into(), None);
        assert_eq!(code(wallet.sync(&world, &world.key(), now())), "unavailable", "{path}");
        world.replaced.clear();
    }
    assert_eq!(wallet.state, before, "all or nothing");
    assert!(wallet.sync(&world, &world.key(), now()).unwrap().enrolled);
}

/// W9: the credential is explained when it arrives, and its signature at the first sync at the latest.
#[test]
fn odd_credentials_are_refused() {
    let mut world = World::new(37);
    let mut wallet = Wallet::new(&mut world.rng);
    let good = world.credential(&wallet, adult());
    let mut enrol =
        |credential: &Credential| wallet.enrol(credential.to_json().as_bytes()).map_err(|e| e.code());
    let changes: [fn(&mut Credential); 9] = [
        |c| c.identity_commitment = Fr::from(5u64),
        |c| c.device_commitment = Fr::from(5u64),
        |c| c.link = Fr::from(5u64),
        |c| c.attributes.nationality = 0,
        |c| c.attributes.nationality = 1000,
        |c| c.attributes.province = 100,
        |c| c.attributes.generation = 255,
        |c| c.attributes.birth_date = day("2024-07-07"),
        |c| c.attributes.expires_on = Some(day("1999-11-12")),
    ];
    for change in changes {
        let mut odd = good.clone();
        change(&mut odd);
        assert_eq!(enrol(&odd), Err("attributes_unexplained"), "{odd:?}");
    }
    // Another authority's signature is noticed as soon as the key is known.
    let stranger = World::empty(38).signer;
    let number = NetworkNumber::generate(&mut world.rng);
    let foreign =
        Credential::issue(&stranger, number, good.identity_commitment, good.device_commitment, adult());
    assert_eq!(enrol(&foreign), Ok(()));
    assert_eq!(code(wallet.sync(&world, &world.key(), now())), "attributes_unexplained");
    wallet.enrol(good.to_json().as_bytes()).unwrap();
    assert!(!wallet.sync(&world, &world.key(), now()).unwrap().enrolled);
    assert_eq!(wallet.enrol(foreign.to_json().as_bytes()).unwrap_err().code(), "attributes_unexplained");
}

/// The notes since enrolment bracket the search; only notes on a grid are read for that.
#[test]
fn the_search_begins_at_the_time_of_enrolment() {
    let mut world = World::empty(39);
    let days = |n: u64| at("2026-07-01T08:00:00Z").plus(n * 86_400);
    world.seal_others(days(0), 33_000);
    for n in 1..140 {
        world.seal_others(
            days(n),
            match n {
                100 => 33_000,
                130 => 6_000,
                _ => 1,
            },
        );
    }
    let mut wallet = world.applicant(Attributes { enrolled_on: day("2026-11-10"), ..adult() });
    world.seal(days(140), &[leaf(&wallet)], &[]);
    assert!(wallet.sync(&world, &world.key(), days(140)).unwrap().enrolled);
    let notes: Vec<String> =
        world.fetched.borrow().iter().filter(|path| path.ends_with(".note")).cloned().collect();
    assert_eq!(notes, ["epochs/64.note", "epochs/128.note"]);
    assert_eq!(world.fetched_tiles(), [16, 17], "the block of epoch 128 and what came after");

    // Without old notes, or with a wrong date of enrolment, it is found all the same.
    for (enrolled_on, missing) in
        [("2026-11-10", "epochs/64.note"), ("2026-11-10", "epochs/128.note"), ("2030-01-01", "")]
    {
        world.replaced.insert(missing.into(), None);
        let mut other = world.applicant(Attributes { enrolled_on: day(enrolled_on), ..adult() });
        let places = world.tree.places();
        let sealed_at = world.newest().sealed_at.plus(1);
        world.seal(sealed_at, &[leaf(&other)], &[]);
        assert!(other.sync(&world, &world.key(), sealed_at).unwrap().enrolled);
        assert_eq!(other.state.own.place, Some(places));
        world.replaced.clear();
    }
    // A grid note that another authority signed stops the sync.
    world.replaced.insert("epochs/64.note".into(), World::new(40).notes[&1].1.clone().into_bytes().into());
    let mut other = world.applicant(adult());
    let newest = world.newest().sealed_at;
    assert_eq!(code(other.sync(&world, &world.key(), newest)), "epoch_signature");
}

#[test]
fn the_times_of_syncing_vary() {
    let mut rng = StdRng::seed_from_u64(1);
    let times: Vec<u64> = (0..1000).map(|_| next_sync(3600, &mut rng)).collect();
    assert!(times.iter().all(|t| (1800..=5400).contains(t)));
    assert!(times.iter().min() < Some(&1900) && times.iter().max() > Some(&5300));
    assert_eq!(next_sync(0, &mut rng), 1);
}

/// Notes are fetched all or none: which ones must not tell when the wallet's owner enrolled.
#[test]
fn the_notes_that_are_fetched_tell_nothing() {
    let mut world = World::empty(43);
    world.seal_others(now().minus(400 * 3600), 1_200);
    for n in 1..300 {
        world.seal(now().minus(400 * 3600).plus(n * 3600), &[Fr::from(500_000 + n)], &[]);
    }
    world.seal_others(now().minus(60), 1);
    let enrolled = |day: &str| Attributes { enrolled_on: day.parse().unwrap(), ..adult() };
    let notes = ["2020-01-01", "2026-11-08", "2026-11-14", "2026-11-21"].map(|day| {
        let mut wallet = world.applicant(enrolled(day));
        world.fetched.take();
        wallet.sync(&world, &world.key(), now()).unwrap();
        world.fetched.take().into_iter().filter(|path| path.ends_with(".note")).collect::<Vec<_>>()
    });
    assert_eq!(notes[0].len(), 4, "{notes:?}");
    assert!(notes.iter().all(|n| *n == notes[0]), "{notes:?}");
}

/// A server that withholds a file after showing another history does not get rid of the evidence.
#[test]
fn evidence_outlives_a_withheld_file() {
    let mut world = World::new(44);
    let mut wallet = world.person(adult());
    let mut twin = World::new(44);
    twin.people(&[Attributes { generation: 1, ..adult() }]);
    twin.seal_others(now().minus(1), 1);
    let newest = twin.newest().epoch;
    twin.replaced.insert(format!("epochs/{newest}.cells"), None);
    assert!(wallet.sync(&twin, &world.key(), now()).is_err());
    assert_eq!(wallet.contradictions(), 1);
    assert!(wallet.respond(&ask(), now(), &mut world.rng).is_ok(), "the first history still holds");
}
