//! Prepared answers from the command line: `wallet sync --prepare` makes them, they need no proving key, and whatever is
//! wrong with their file is said and forgotten.

use crate::binary::{PASSPHRASE, Run, veilpass};
use crate::fake::{self, Fake, problem};
use crate::life::{NOW, Stage};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::LazyLock;
use veilpass_params::dev;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_prover::groth16::{Engine, PreparedProvingKey, Prover};
use veilpass_prover::{KeyFile, SecretString, Wallet};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(dev::proving_key().unwrap()).unwrap());

const LATER: &str = "2026-11-22T09:00:00Z";

const TOKENS: &str = "--link tokens --slots 100 --period 1";

/// Somebody who has synced, with a request of forum.example at hand.
fn ready(link: &str) -> Stage {
    let stage = Stage::set("1999-11-13", "");
    stage.sync();
    stage.request(r#"{"valid":true}"#, &format!("--sign P {link}"));
    stage
}

fn present(stage: &Stage, more: &str) -> Run {
    stage.run(&format!("wallet present --dir W --request R --yes --out presentation --now {NOW} {more}"))
}

/// Syncs with the authority that the wallet remembers, and prepares.
fn prepare(stage: &Stage, now: &str) -> Run {
    let run = stage.run(&format!("wallet sync --dir W --prepare --now {now}"));
    assert_eq!((run.exit, &run.json()["enrolled"]), (0, &json!(true)), "{run:?}");
    run
}

fn accepted(stage: &Stage) -> bool {
    let line = "verify --request R --presentation presentation --epochs pub --allow-dev";
    stage.run(&format!("{line} --authority {} --now {NOW}", stage.vkey)).ok()["accepted"] == json!(true)
}

/// The wallet in a folder, with what is prepared under a key file; how many answers are missing.
fn open(folder: &Path, key_file: &[u8], now: &str) -> (Wallet, usize) {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let passphrase = SecretString::from(PASSPHRASE.to_owned());
    let mut wallet = Wallet::open(&read("wallet.age"), &[&read("state.age")], &passphrase).unwrap();
    let (prepared, now) = (std::fs::read(folder.join("prepared.age")).ok(), now.parse().unwrap());
    wallet.use_prepared(prepared.as_deref(), KeyFile::of(key_file), now).unwrap();
    let missing = wallet.unprepared(ENGINE.circuit(), now);
    (wallet, missing)
}

/// A key file whose points are none below its head: whoever decodes it, fails. An answer that is prepared under its name
/// leaves all the same.
#[test]
fn a_prepared_answer_needs_no_proving_key() {
    for (link, lasting) in [("--link account", true), (TOKENS, false)] {
        let stage = ready(link);
        let folder = stage.at().join("W");
        present(&stage, "").ok();
        let hollow = hollow_key(&stage);
        assert_eq!(present(&stage, "--pk hollow.pk").code(), "key_syntax", "control: it is no key");

        let (mut wallet, missing) = open(&folder, &hollow, NOW);
        assert_eq!(missing, 1, "what was prepared with another key file is not used");
        let mut rng = StdRng::seed_from_u64(1);
        assert_eq!(wallet.prepare(&ENGINE, NOW.parse().unwrap(), &mut rng, |_| ()), Ok(1));
        std::fs::write(folder.join("prepared.age"), wallet.prepared_file().unwrap()).unwrap();
        present(&stage, "--pk hollow.pk").ok();
        assert!(accepted(&stage));
        // The slot of that answer is used up, and with it the entry.
        let again = present(&stage, "--pk hollow.pk");
        if lasting { drop(again.ok()) } else { assert_eq!(again.code(), "key_syntax") }
    }
}

#[test]
fn what_is_prepared_follows_epochs_and_days() {
    let stage = ready(TOKENS);
    let folder = stage.at().join("W");
    let file = folder.join("prepared.age");
    let missing = |now: &str| open(&folder, dev::proving_key_bytes(), now).1;
    let first = present(&stage, "").ok();
    stage.run(&format!("wallet sync --dir W --now {NOW}")).ok();
    assert!(!file.exists() && missing(NOW) == 1, "nobody is kept waiting for the next answer");
    prepare(&stage, NOW);
    assert_eq!(missing(NOW), 0, "the next answer is prepared");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let length = std::fs::metadata(&file).unwrap().len();
    let second = present(&stage, "").ok();
    assert!(accepted(&stage));
    assert_ne!(first["pseudonym"], second["pseudonym"]);
    assert_eq!(missing(NOW), 1, "it was used up");

    // A new day, and a new epoch: what is there is worth nothing until the next sync.
    prepare(&stage, NOW);
    assert_eq!(missing("2026-11-23T08:00:00Z"), 1);
    stage.run(&format!("authority seal --dir A --now {LATER}")).ok();
    stage.run("authority publish --dir A --out pub").ok();
    prepare(&stage, LATER);
    assert_eq!(missing(LATER), 0);
    let before = std::fs::read(&file).unwrap();
    prepare(&stage, LATER);
    assert!(std::fs::read(&file).unwrap() == before, "nothing to do");
    prepare(&stage, "2026-11-22T16:00:01Z");
    assert_eq!(missing("2026-11-22T16:00:01Z"), 0, "midnight");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), length, "of whatever it holds");
}

/// An answer under `none` is used once, and preparing it costs more than a proof.
#[test]
fn nothing_is_prepared_for_none() {
    let stage = ready("");
    present(&stage, "").ok();
    prepare(&stage, NOW);
    assert!(!stage.at().join("W/prepared.age").exists());
}

#[test]
fn a_damaged_file_is_dropped_and_said() {
    let stage = ready(TOKENS);
    let file = stage.at().join("W/prepared.age");
    present(&stage, "").ok();
    prepare(&stage, NOW);
    let good = std::fs::read(&file).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in
        [flipped, good[..700].to_vec(), Vec::new(), std::fs::read(stage.at().join("W/state.age")).unwrap()]
    {
        std::fs::write(&file, bad).unwrap();
        let run = present(&stage, "");
        run.ok();
        assert!(run.stderr.contains("warning: dropped") && accepted(&stage), "{run:?}");
        assert_eq!(std::fs::metadata(&file).unwrap().len() as usize, good.len(), "made anew");
        assert!(!present(&stage, "").stderr.contains("warning"));
    }
    // No room for it: the answer goes all the same.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let run = present(&stage, "");
    run.ok();
    assert!(run.stderr.contains("cannot be read") && accepted(&stage), "{run:?}");
    assert!(prepare(&stage, NOW).stderr.contains("could not be written"));
    // Nobody waits for a FIFO, with the lock held.
    std::fs::remove_dir(&file).unwrap();
    crate::outputs::fifo(&file);
    let run = prepare(&stage, NOW);
    assert!(run.stderr.contains("a FIFO"), "{run:?}");
}

/// Two answers at one time: the lock keeps them from taking the slot that both could see.
#[test]
fn two_at_once_never_share_a_slot() {
    let stage = ready(TOKENS);
    let mut pseudonyms: Vec<Value> = vec![present(&stage, "").ok()["pseudonym"].clone()];
    for _ in 0..3 {
        let at = stage.at();
        let one = |out: &str| {
            let line = "wallet present --dir W --request R --yes";
            veilpass(at, &format!("{line} --out {out} --now {NOW}")).ok()["pseudonym"].clone()
        };
        let both = std::thread::scope(|scope| {
            ["p1", "p2"].map(|out| scope.spawn(move || one(out))).map(|thread| thread.join().unwrap())
        });
        pseudonyms.extend(both);
    }
    let distinct: std::collections::BTreeSet<String> = pseudonyms.iter().map(Value::to_string).collect();
    assert_eq!((distinct.len(), pseudonyms.len()), (7, 7));
}

/// Whoever changes or leaves drops what was prepared before anything is sent.
#[test]
fn changes_drop_what_is_prepared() {
    let stage = ready("--link account");
    let file = stage.at().join("W/prepared.age");
    let vkey = stage.vkey.clone();
    let authority = Fake::serve(move |got| match got.line.as_str() {
        "GET /v1/published/vkey" => fake::vkey(&vkey),
        _ => problem(503, "unavailable"),
    });
    let url = authority.url("id.localhost");
    present(&stage, "").ok();
    for change in ["renew --code AB", "rotate --code AB", "reset --code AB", "withdraw --yes"] {
        prepare(&stage, NOW);
        assert!(file.exists());
        let run = stage.run(&format!("wallet {change} --dir W --authority {url}"));
        assert_eq!(run.exit, 3, "it is not available: {run:?}");
        assert!(!file.exists(), "{change}");
    }
}

/// The proving key's file with points that are none below its head: whoever decodes it, fails.
fn hollow_key(stage: &Stage) -> Vec<u8> {
    let mut hollow = dev::proving_key_bytes().to_vec();
    let end = hollow.len();
    hollow[end - 100_000..].fill(0xff);
    std::fs::write(stage.at().join("hollow.pk"), &hollow).unwrap();
    hollow
}

/// The DEV key, prepared, as if it had been made from a file with this name.
fn prepared_from(name: KeyFile, hash: [u8; 32]) -> PreparedProvingKey {
    let key = dev::proving_key().unwrap();
    let mut file = PreparedProvingKey::new(&key).to_bytes();
    let at = b"veilpass prepared proving key v1\n".len();
    let end = file.len() - 32;
    file[at..at + 32].copy_from_slice(&hash);
    let hash = sha256(&file[..end]);
    file[end..].copy_from_slice(&hash);
    PreparedProvingKey::from_bytes(&file, key.verifying_key(), name).unwrap()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    // A circuit's id is the hash of a file.
    CircuitId::of_file(bytes).0
}

/// `sync --prepare` leaves a prepared form of the proving key behind, and cold answers then need no more of the key file
/// than its name.
#[test]
fn cold_answers_use_the_prepared_proving_key() {
    let stage = ready("");
    prepare(&stage, NOW);
    let kept = stage.at().join("W/proving-key.age");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let hollow = hollow_key(&stage);
    assert_eq!(present(&stage, "--pk hollow.pk").code(), "key_syntax", "it is of another file");
    let (wallet, _) = open(&stage.at().join("W"), &hollow, NOW);
    let key = prepared_from(KeyFile::of(&hollow), sha256(&hollow));
    let file = wallet.key_seal().seal(&key).unwrap();
    std::fs::write(&kept, &file).unwrap();
    let run = present(&stage, "--pk hollow.pk");
    run.ok();
    assert!(accepted(&stage) && !run.stderr.contains("warning"), "{run:?}");
    assert!(std::fs::read(&kept).unwrap() == file, "it is in use, and not written again");
}

/// Whatever is wrong with it is said; the answer leaves all the same, proved with the proving key itself, and the next
/// `sync --prepare` makes the file anew. A file that the wallet did not write itself is not read.
#[test]
fn a_bad_prepared_proving_key_is_dropped_and_said() {
    let stage = ready("");
    prepare(&stage, NOW);
    let kept = stage.at().join("W/proving-key.age");
    let good = std::fs::read(&kept).unwrap();
    let seal = open(&stage.at().join("W"), dev::proving_key_bytes(), NOW).0.key_seal();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let key = dev::proving_key().unwrap();
    let unsealed = PreparedProvingKey::new(&key).to_bytes();
    let another = ready("");
    prepare(&another, NOW);
    let of_another = std::fs::read(another.at().join("W/proving-key.age")).unwrap();
    for bad in [flipped, unsealed, of_another, good[..5000].to_vec(), Vec::new()] {
        std::fs::write(&kept, bad).unwrap();
        let run = present(&stage, "");
        run.ok();
        assert!(run.stderr.contains("warning: the prepared proving key is not used"), "{run:?}");
        assert!(accepted(&stage));
        prepare(&stage, NOW);
        let file = std::fs::read(&kept).unwrap();
        let read = seal.open(&file, key.verifying_key(), KeyFile::of(dev::proving_key_bytes()));
        assert!(read.is_ok_and(|key| key.is_some()), "made anew");
        assert!(!present(&stage, "").stderr.contains("warning"));
    }
    // No room for it.
    std::fs::remove_file(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    present(&stage, "").ok();
    assert!(accepted(&stage));
    let run = prepare(&stage, NOW);
    assert!(run.stderr.contains("the prepared proving key could not be made"), "{run:?}");
    std::fs::remove_dir(&kept).unwrap();
    crate::outputs::fifo(&kept);
    let run = present(&stage, "");
    run.ok();
    assert!(run.stderr.contains("a FIFO") && accepted(&stage), "{run:?}");
}
