//! Epochs: counts, roots, windows, order, cells, and two sealers at once.

use crate::people::{Fixture, Person, at, csv_file, people, root_of};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use veilpass_protocol::cells::Cells;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::epoch::{GRACE_MAX, RemovalReason, open_note};
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::tree::sparse_root;
use veilpass_server::authority::{Authority, Epoch, PlaceOrder};
use veilpass_server::store::{Sealing, StoreError, StoredEpoch};
use veilpass_server::{Blame, RegistryError};

/// Imports people and gives their Network Numbers.
pub async fn enrol(fixture: &mut Fixture, people: &[Person]) -> Vec<NetworkNumber> {
    let file = fixture.file("people.csv", &csv_file(people));
    let out = fixture.home.path().join("credentials.jsonl");
    let report = fixture.import_file(&file, Some(&out)).await.unwrap();
    assert_eq!(report.rejected, []);
    let text = std::fs::read_to_string(&out).unwrap();
    text.lines().map(|line| Credential::from_json(line.as_bytes()).unwrap().network_number).collect()
}

#[tokio::test]
async fn the_first_epochs() {
    let mut fixture = Fixture::new(50).await;
    let empty = fixture.seal(0).await;
    assert_eq!((empty.statement.epoch, empty.statement.live, empty.statement.places_used), (1, 0, 0));
    assert_eq!(empty.statement.root, sparse_root(&BTreeMap::new()).unwrap());
    let all = people(0..20);
    fixture.import(&all).await;
    let second = fixture.seal(10).await.statement;
    assert_eq!((second.added, second.live, second.places_used, second.root), (20, 20, 20, root_of(&all)));
    assert_eq!(second.prev, empty.statement.hash());
    assert_eq!(second.circuits, fixture.authority.circuits());
    let third = fixture.seal(11).await;
    assert_eq!(
        (third.statement.added, third.statement.removed.total(), third.statement.root),
        (0, 0, second.root)
    );
    for time in [11, 10, 0] {
        let error = fixture.authority.seal(at(time), PlaceOrder::Random, &mut fixture.rng).await.unwrap_err();
        assert_eq!(error, RegistryError::NotLater { now: at(time), last: at(11) });
        assert_eq!((error.blame(), error.code()), (Blame::WrongUse, None));
    }
    assert_eq!(fixture.authority.epoch(None).await.unwrap(), third);
    assert_eq!(fixture.authority.epoch(Some(1)).await.unwrap(), empty);
    let error = fixture.authority.epoch(Some(4)).await.unwrap_err();
    assert_eq!((error.blame(), error.code()), (Blame::Refused, Some("not_found")));
    assert_eq!(open_note(&third.note, &fixture.authority.key()).unwrap(), third.statement);
    let json: serde_json::Value = serde_json::from_str(&third.to_json()).unwrap();
    assert_eq!((json["epoch"].as_u64(), json["note"].as_str()), (Some(3), Some(third.note.as_str())));
}

/// A model of the registry beside it, over random enrolments, removals and seals.
#[tokio::test]
async fn against_a_model() {
    let seed = 51;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut fixture = Fixture::new(seed).await;
    let mut next = 0;
    let mut places: BTreeMap<u64, Fr> = BTreeMap::new();
    let (mut used, mut live): (u64, Vec<(NetworkNumber, u64)>) = (0, Vec::new());
    for round in 1..=12 {
        let coming = people(next..next + random.gen_range(0..40));
        next += coming.len();
        let numbers = enrol(&mut fixture, &coming).await;
        let mut removed: BTreeMap<&str, u64> = BTreeMap::new();
        let mut all: Vec<(NetworkNumber, u64, Fr)> = numbers
            .iter()
            .zip(&coming)
            .enumerate()
            .map(|(i, (number, person))| (*number, used + i as u64, person.leaf()))
            .collect();
        for (_, place, leaf) in &all {
            places.insert(*place, *leaf);
        }
        all.extend(live.iter().map(|(number, place)| (*number, *place, places[place])));
        let mut staying = Vec::new();
        for (number, place, _) in &all {
            if random.gen_bool(0.3) {
                let reason = RemovalReason::ALL[random.gen_range(0..8)];
                fixture.authority.remove(number, reason, at(round)).await.unwrap();
                let again = fixture.authority.remove(number, reason, at(round)).await.unwrap_err();
                assert_eq!((again.blame(), again.code()), (Blame::Refused, Some("already_removed")));
                *removed.entry(reason.as_str()).or_default() += 1;
                places.remove(place);
            } else {
                staying.push((*number, *place));
            }
        }
        used += coming.len() as u64;
        let epoch = fixture.seal(round).await.statement;
        assert_eq!(epoch.root, sparse_root(&places).unwrap(), "round {round}");
        let counts = (epoch.added, epoch.live, epoch.places_used);
        assert_eq!(counts, (coming.len() as u64, staying.len() as u64, used), "round {round}");
        for reason in RemovalReason::ALL {
            assert_eq!(
                epoch.removed.get(*reason),
                removed.get(reason.as_str()).copied().unwrap_or(0),
                "{reason}"
            );
        }
        for (number, ..) in all.iter().filter(|(n, ..)| !staying.iter().any(|(s, _)| s == n)) {
            let gone = fixture.authority.remove(number, RemovalReason::Error, at(round)).await.unwrap_err();
            assert_eq!(gone.code(), Some("network_number_unknown"));
        }
        live = staying;
    }
    assert!(used > 100 && live.len() > 10, "the model has seen something");
}

/// The window by its definition, over several days of irregular sealing.
#[tokio::test]
async fn windows_over_days() {
    let seed = 52;
    let mut random = StdRng::seed_from_u64(seed);
    let mut fixture = Fixture::new(seed).await;
    let mut sealed: Vec<(u64, Fr)> = Vec::new();
    let mut time = 0;
    for round in 0..60usize {
        if round % 3 == 0 {
            fixture.import(&people(round..round + 3)).await;
        }
        let statement = fixture.seal(time).await.statement;
        sealed.push((time, statement.root));
        let expected: Vec<(u64, u64, Fr)> = (0..sealed.len() - 1)
            .rev()
            .map(|i| (i as u64 + 1, sealed[i + 1].0, sealed[i].1))
            .filter(|(_, replaced_at, _)| time - replaced_at < GRACE_MAX)
            .collect();
        let got: Vec<(u64, u64, Fr)> = statement
            .window
            .iter()
            .map(|w| (w.epoch, w.replaced_at.seconds() - at(0).seconds(), w.root))
            .collect();
        assert_eq!(got, expected, "round {round}, seed {seed}");
        // Sometimes exactly a day, sometimes longer than the window.
        time += match random.gen_range(0..12) {
            0 => GRACE_MAX,
            1 => GRACE_MAX - 1,
            2 => GRACE_MAX + 1,
            3 => 2 * GRACE_MAX,
            _ => random.gen_range(1..6 * 3600),
        };
    }
}

#[tokio::test]
async fn places_are_random_unless_asked_otherwise() {
    let all = people(0..60);
    let mut roots = Vec::new();
    for seed in [53, 54] {
        let mut fixture = Fixture::new(seed).await;
        fixture.import(&all).await;
        let epoch =
            fixture.authority.seal(at(0), PlaceOrder::Random, &mut fixture.rng).await.unwrap().statement;
        assert_eq!((epoch.live, epoch.places_used), (60, 60));
        let state = fixture.authority.store().sealing_state(at(0)).await.unwrap();
        let places: Vec<u64> = state.signed.leaves.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, (0..60).collect::<Vec<_>>(), "the next places, every one of them");
        let (mut got, mut expected): (Vec<Fr>, Vec<Fr>) = (
            state.signed.leaves.iter().map(|(_, leaf)| *leaf).collect(),
            all.iter().map(Person::leaf).collect(),
        );
        assert_ne!(got, expected, "not in the order of acceptance");
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
        roots.push(epoch.root);
    }
    assert_ne!(roots[0], roots[1]);
    assert!(!roots.contains(&root_of(&all)));
}

#[tokio::test]
async fn cells_count_the_living() {
    let mut fixture = Fixture::new(55).await;
    let all = people(0..250);
    let numbers = enrol(&mut fixture, &all).await;
    let count = |epoch: &Epoch, living: &[Person]| {
        let cells = Cells::from_file(&epoch.cells, epoch.statement.epoch, &epoch.statement.cells).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&cells.to_jcs()).unwrap();
        let hundreds = |n: usize| Some((n / 100 * 100) as u64);
        let class = |class: &str| living.iter().filter(|p| p.class == class).count();
        assert_eq!(json["document_class"]["resident_card"].as_u64(), hundreds(class("resident_card")));
        assert_eq!(json["document_class"]["foreign_passport"].as_u64(), hundreds(class("foreign_passport")));
        let chinese = living.iter().filter(|p| p.nationality == "156").count();
        assert_eq!(json["nationality"]["156"].as_u64(), hundreds(chinese).filter(|n| *n > 0));
        // Everybody here was born in 1950.
        assert_eq!(json["age"]["60-"].as_u64(), hundreds(living.len()));
    };
    count(&fixture.seal(0).await, &all);
    for number in &numbers[..130] {
        fixture.authority.remove(number, RemovalReason::Expired, at(1)).await.unwrap();
    }
    count(&fixture.seal(1).await, &all[130..]);
}

/// Two handles on one folder. Whoever comes second looks again; the chain of epochs has no fork.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sealers() {
    let mut fixture = Fixture::new(56).await;
    let other = Authority::open(&fixture.folder()).await.unwrap();
    let mut rng = StdRng::seed_from_u64(56);
    let mut sealed = 0;
    for round in 0..8u64 {
        let from = round as usize * 10;
        fixture.import(&people(from..from + 10)).await;
        let (a, b) = tokio::join!(
            fixture.authority.seal(at(10 * round), PlaceOrder::Random, &mut fixture.rng),
            other.seal(at(10 * round + 1), PlaceOrder::Random, &mut rng)
        );
        for outcome in [a, b] {
            match outcome {
                Ok(_) => sealed += 1,
                Err(e) => assert!(matches!(e, RegistryError::NotLater { .. }), "{e:?}"),
            }
        }
    }
    let newest = fixture.authority.epoch(None).await.unwrap().statement;
    assert_eq!((newest.epoch, newest.live), (sealed, 80));
    let mut previous: Option<Epoch> = None;
    for n in 1..=sealed {
        let epoch = fixture.authority.epoch(Some(n)).await.unwrap();
        assert_eq!(epoch.statement.prev, previous.map_or([0; 32], |p| p.statement.hash()));
        previous = Some(epoch);
    }
}

/// What changes between reading and sealing is not sealed as it was read.
#[tokio::test]
async fn a_withdrawal_in_between_supersedes() {
    let mut fixture = Fixture::new(57).await;
    let numbers = enrol(&mut fixture, &people(0..2)).await;
    let store = fixture.authority.store().clone();
    let state = store.sealing_state(at(1)).await.unwrap();
    assert!(state.changes.iter().all(|c| c.enters.is_some() && c.reason.is_none() && c.leaves.is_none()));
    let sequences: Vec<u64> = state.changes.iter().map(|c| c.sequence).collect();
    let sealing = |epoch| Sealing {
        epoch: StoredEpoch { epoch, note: "n".into(), cells: vec![1] },
        sealed_at: at(1),
        places_used: 2,
        live: 2,
        removed: 0,
        placed: sequences.iter().copied().zip(0..).collect(),
        consumed: sequences.iter().map(|s| (*s, None)).collect(),
        waiting: vec![],
        dropped: Vec::new(),
        not_before: at(1),
    };
    assert_eq!(store.seal(&sealing(2)).await, Err(StoreError::Superseded), "another newest epoch");
    fixture.authority.remove(&numbers[0], RemovalReason::Fraud, at(0)).await.unwrap();
    assert_eq!(store.seal(&sealing(1)).await, Err(StoreError::Superseded), "a change has changed");
    assert_eq!(store.sealing_state(at(1)).await.unwrap().changes.len(), 2, "nothing was consumed");
    let epoch = fixture.seal(2).await.statement;
    assert_eq!((epoch.added, epoch.live, epoch.removed.get(RemovalReason::Fraud)), (2, 1, 1));
}
