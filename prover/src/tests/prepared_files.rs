//! The file of what is prepared: dropped whenever anything is wrong with it, and never in the way of an answer.

use super::prepared::*;
use super::testkit::*;
use crate::crypt;
use crate::groth16::PREPARED_BYTES;
use crate::state::State;
use crate::store::{Entry, Store};
use crate::{KeyFile, Refusal, Wallet};
use veilpass_protocol::day::Timestamp;
use zeroize::Zeroizing;

fn take(wallet: &mut Wallet, file: &[u8], time: Timestamp) -> Result<(), Refusal> {
    wallet.use_prepared(Some(file), KeyFile::default(), time)
}

/// Someone with one prepared answer for [`none`], as files.
fn ready(seed: u64) -> (World, Wallet, Vec<u8>) {
    let mut world = World::new(seed);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    answer(&mut wallet, &gate(), now(), &mut rng);
    assert_eq!(prepare(&mut wallet, now(), &mut rng), 1);
    let file = wallet.prepared_file().unwrap();
    (world, wallet, file)
}

#[test]
fn damaged_files_are_dropped_and_answers_go_on() {
    let (mut world, mut wallet, file) = ready(100);
    let mut rng = world.rng.clone();
    let stranger = world.person(adult()).prepared_file().unwrap();
    let mut bad: Vec<Vec<u8>> = vec![Vec::new(), b"age".to_vec(), stranger, wallet.state_file().unwrap()];
    bad.extend((0..file.len()).step_by(173).map(|at| {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        flipped
    }));
    bad.extend((0..file.len()).step_by(397).map(|end| file[..end].to_vec()));
    bad.push([&file[..], b"x"].concat());
    for (n, bad) in bad.iter().enumerate() {
        assert!(matches!(take(&mut wallet, bad, now()), Err(Refusal::FileDamaged(_))), "{n}");
        assert!(wallet.prepared.entries.is_empty() && wallet.prepared_changed(), "{n}");
    }
    let (presentation, cold) = answer(&mut wallet, &gate(), now(), &mut rng);
    assert!(cold && verifies(&world, &gate(), &presentation, now()));
    assert_eq!(take(&mut wallet, &file, now()), Ok(()), "control");
    // A wallet that has lost it, or never had one.
    assert_eq!(wallet.use_prepared(None, KeyFile::default(), now()), Ok(()));
    assert!(!wallet.prepared_changed());
}

/// One text of each store: everything that is not exactly it is refused.
#[test]
fn the_inside_has_one_reading() {
    let (_, wallet, _) = ready(101);
    let plain = wallet.prepared.plain();
    let read = Store::read(&plain).unwrap();
    assert!(read.entries == wallet.prepared.entries && read.basis == wallet.prepared.basis);
    let count = 21 + 8 + 64;
    assert_eq!(plain[count], 1);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bad = plain.to_vec();
        change(&mut bad);
        Store::read(&bad).err()
    };
    let entry = count + 1..count + 1 + 4 + PREPARED_BYTES;
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>));
    let changes: [Change<'_>; 7] = [
        ("magic", &|b| b[0] ^= 1),
        ("leaf", &|b| b[29..61].fill(0xff)),
        ("fewer", &|b| b[count] = 0),
        ("too many", &|b| b[count] = 17),
        ("padding", &|b| *b.last_mut().unwrap() = 1),
        ("length", &|b| b.push(0)),
        ("twice", &|b| {
            b.copy_within(entry.clone(), entry.end);
            b[count] = 2;
        }),
    ];
    for (what, change) in changes {
        assert!(matches!(with(change), Some(Refusal::FileDamaged(_))), "{what}");
    }
    assert!(with(&|_| ()).is_none(), "control");
    // Zeros that are counted as an entry are one: of no day, so it is dropped as soon as the store is used.
    assert!(with(&|b| b[count] = 2).is_none());
}

/// The length tells nothing, and nothing of the inside shows.
#[test]
fn the_file_tells_nothing() {
    let (_, mut wallet, one) = ready(102);
    let entry = wallet.prepared.entries[0].clone();
    let mut length = |entries: Vec<Entry>| {
        wallet.prepared.entries = entries;
        wallet.prepared_file().unwrap().len()
    };
    let full = length(vec![entry.clone(); crate::MAX_PREPARED]);
    assert_eq!([length(Vec::new()), full], [one.len(), one.len()]);
    assert!(length(vec![entry.clone(); 40]) == full, "never more than there is room for");
    assert!(!one.windows(32).any(|w| entry.state.chunks_exact(32).any(|part| part == w)), "encrypted");
    // Neither file opens with the other's passphrase.
    let labels = ["veilpass:wallet-prepared:v1", "veilpass:wallet-state:v1"];
    let opens = labels.map(|label| crypt::open(&one, &crypt::derived(label, &wallet.k)).is_ok());
    assert_eq!(opens, [true, false]);
    let inside = crypt::open(&one, &crypt::derived(labels[0], &wallet.k)).unwrap();
    for secret in [wallet.k.expose(), wallet.d.expose()] {
        let bytes = veilpass_protocol::field::to_bytes(secret);
        assert!(!inside.windows(32).any(|w| w == bytes));
    }
    let leaf = veilpass_protocol::field::to_bytes(&leaf(&wallet));
    assert!(inside.windows(32).any(|w| w == leaf), "control: the search finds what is there");
}

/// Points that were moved, slots that were exchanged: nothing of it is released, the answer is proved cold.
#[test]
fn entries_that_were_tampered_with() {
    let (world, mut wallet, file) = ready(103);
    let mut rng = world.rng.clone();
    take(&mut wallet, &file, now()).unwrap();
    let good = wallet.prepared.clone();
    let state = |change: &dyn Fn(&mut [u8; PREPARED_BYTES])| {
        let mut state = Zeroizing::new(*good.entries[0].state);
        change(&mut state);
        Entry { state, ..good.entries[0].clone() }
    };
    let points = PREPARED_BYTES - 192;
    let exchanged = |from: usize, to: usize| {
        state(&|bytes| {
            let moved: [u8; 32] = bytes[points + from..points + from + 32].try_into().unwrap();
            bytes[points + to..points + to + 32].copy_from_slice(&moved);
        })
    };
    let negated = |at: usize| state(&|bytes| bytes[points + at] ^= 0x80);
    for (n, entry) in [
        exchanged(0, 32),
        exchanged(32, 0),
        exchanged(64, 96),
        exchanged(96, 64),
        exchanged(0, 64),
        negated(31),
        negated(63),
        negated(95),
        negated(127),
        negated(191),
        state(&|bytes| bytes[points..].fill(0xff)),
    ]
    .into_iter()
    .enumerate()
    {
        wallet.prepared = Store { entries: vec![entry], ..good.clone() };
        let (presentation, cold) = answer(&mut wallet, &gate(), now(), &mut rng);
        assert!(cold, "{n}");
        assert!(verifies(&world, &gate(), &presentation, now()), "{n}");
        assert!(wallet.prepared.entries.is_empty() && wallet.prepared_changed(), "{n}");
        wallet.state.slots = Default::default();
    }
    // A slot that is not the one inside, one that does not exist, and one that was used.
    for (slot, used) in [(good.entries[0].slot ^ 1, false), (65_536, false), (u32::MAX, false), (0, true)] {
        let mut entry = good.entries[0].clone();
        entry.slot = if used { entry.slot } else { slot };
        wallet.prepared = Store { entries: vec![entry.clone()], ..good.clone() };
        if used {
            let request = veilpass_protocol::request::Request::from_json(gate().json().as_bytes()).unwrap();
            let parameters = request.scope_parameters().unwrap();
            wallet.state.slots.mark(&parameters, entry.slot, day("2026-11-22"));
        }
        let (presentation, cold) = answer(&mut wallet, &gate(), now(), &mut rng);
        assert!(cold && verifies(&world, &gate(), &presentation, now()), "{slot}");
        wallet.state.slots = Default::default();
    }
    wallet.prepared = good.clone();
    assert!(!answer(&mut wallet, &gate(), now(), &mut rng).1, "control");
}

/// A state file from before there were prepared answers is read, and written again as it was.
#[test]
fn states_without_visits_are_read() {
    let mut world = World::new(104);
    let mut wallet = world.person(adult());
    let plain = wallet.state.plain();
    assert!(!plain.contains("visits"));
    assert_eq!(State::read(plain.as_bytes()), Ok(wallet.state.clone()));
    let mut rng = world.rng.clone();
    answer(&mut wallet, &gate(), now(), &mut rng);
    let plain = wallet.state.plain();
    assert!(plain.contains(r#""visits":[{"circuit":""#), "{}", plain.as_str());
    assert_eq!(State::read(plain.as_bytes()), Ok(wallet.state.clone()));
    for (from, to) in [(r#""link":"tokens""#, r#""link":null"#), (r#""visits":["#, r#""visits":[[],"#)] {
        assert!(plain.contains(from));
        assert!(State::read(plain.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
}
