//! The life of a credential on folders and files, command by command (contract §5).

use crate::binary::{quicken, run, run_with, veilpass};
use serde_json::{Value, json};
use std::path::Path;

/// When everything happens, unless a test says otherwise: 16:00 in UTC+08:00.
pub const NOW: &str = "2026-11-22T08:00:00Z";
pub const HEADER: &str = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation";

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A row with a foreign passport, which needs no resident number.
pub fn row(c: &str, d: &str, number: usize, born: &str, expires: &str) -> String {
    format!("{c},{d},P{number},{born},{expires},2024-07-06,female,foreign_passport,250,0,0\n")
}

/// So many people whose secrets nobody knows.
pub fn crowd(count: usize) -> String {
    (0..count)
        .map(|i| {
            row(
                &format!("{:064x}", 2 * i + 10),
                &format!("{:064x}", 2 * i + 11),
                i,
                "1990-05-05",
                "2036-06-01",
            )
        })
        .collect()
}

/// An authority with a crowd and one wallet's owner, sealed and published, and a platform.
pub struct Stage {
    place: tempfile::TempDir,
    pub vkey: String,
}

impl Stage {
    pub fn set(born: &str, expires: &str) -> Stage {
        let place = tempfile::tempdir().unwrap();
        let at = place.path();
        let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
        let made = veilpass(at, "wallet new --dir W").ok();
        let own = row(
            &text(&made["identity_commitment"]),
            &text(&made["device_commitment"]),
            999_999,
            born,
            expires,
        );
        write(at, "people.csv", &format!("{HEADER}\n{own}{}", crowd(1_200)));
        let report =
            veilpass(at, &format!("authority import --dir A people.csv --credentials c.jsonl --now {NOW}"))
                .ok();
        assert_eq!(
            (&report["read"], &report["added"], &report["rejected"]),
            (&json!(1201), &json!(1201), &json!([]))
        );
        let credentials = std::fs::read_to_string(at.join("c.jsonl")).unwrap();
        write(at, "credential.json", credentials.lines().next().unwrap());
        veilpass(at, &format!("authority seal --dir A --now {NOW}")).ok();
        let platform = veilpass(at, "platform keygen --dir P").ok();
        let key = text(&platform["key"]);
        run(
            at,
            &[
                "authority",
                "platform",
                "--dir",
                "A",
                "--host",
                "forum.example",
                "--key",
                &key,
                "--name",
                "Forum",
                "--purposes",
                "adults only",
            ],
        )
        .ok();
        veilpass(at, "authority publish --dir A --out pub").ok();
        let enrolled = veilpass(at, "wallet enrol --dir W --credential credential.json").ok();
        assert_eq!(enrolled["words"].as_array().unwrap().len(), 6);
        Stage { place, vkey }
    }

    pub fn at(&self) -> &Path {
        self.place.path()
    }

    pub fn run(&self, line: &str) -> crate::binary::Run {
        veilpass(self.at(), line)
    }

    /// A request of forum.example, in `R`.
    pub fn request(&self, predicates: &str, more: &str) {
        let mut words = vec![
            "platform",
            "request",
            "--host",
            "forum.example",
            "--predicates",
            predicates,
            "--out",
            "R",
            "--now",
            NOW,
        ];
        words.extend(more.split_whitespace());
        run(self.at(), &words).ok();
    }

    /// Syncs the wallet.
    pub fn sync(&self) -> Value {
        let sync = format!("wallet sync --dir W --from pub --authority {} --now {NOW}", self.vkey);
        let synced = self.run(&sync).ok();
        quicken(&self.at().join("W"));
        synced
    }
}

#[test]
fn from_import_to_verification() {
    let stage = Stage::set("1999-11-13", "");
    let at = stage.at();
    // Before the first sync the wallet knows no epoch.
    stage.request(r#"{"valid":true,"age":{"at_least":18}}"#, "--sign P");
    let present = format!("wallet present --dir W --request R --yes --out presentation --now {NOW}");
    assert_eq!(stage.run(&present).code(), "asker_unknown");
    assert_eq!(std::fs::read_to_string(at.join("presentation")).unwrap(), r#"{"v":1,"declined":true}"#);
    let synced = stage.sync();
    assert_eq!((&synced["epoch"], &synced["enrolled"]), (&json!(1), &json!(true)));

    // Nobody is there to agree: nothing is written.
    std::fs::remove_file(at.join("presentation")).unwrap();
    let unasked = stage.run(&format!("wallet present --dir W --request R --out presentation --now {NOW}"));
    assert_eq!(unasked.exit, 2, "{unasked:?}");
    assert!(!at.join("presentation").exists());
    let presented = stage.run(&present).ok();
    assert_eq!(presented["proof"].as_str().unwrap().len(), 171);

    let verify =
        format!("verify --request R --presentation presentation --epochs pub --authority {}", stage.vkey);
    let accepted = stage.run(&format!("{verify} --now {NOW} --allow-dev --export-snarkjs snark")).ok();
    assert_eq!((&accepted["accepted"], &accepted["epoch"]), (&json!(true), &json!(1)));
    assert_eq!(accepted["pseudonym"], presented["pseudonym"]);
    assert!(at.join("snark/proof.json").is_file() && at.join("snark/public.json").is_file());
    assert_eq!(stage.run(&format!("{verify} --now {NOW}")).code(), "key_dev");
    assert_eq!(
        stage.run(&format!("{verify} --now 2026-11-22T08:05:00Z --allow-dev")).code(),
        "request_expired"
    );
    assert_eq!(stage.run(&format!("{verify} --now {NOW} --grace 86401")).exit, 2);
    assert_eq!(stage.run(&format!("{verify} --now {NOW} --min-live 999")).exit, 2);
    let vkey_file = stage.run(&format!("verify --request R --presentation presentation --epochs pub/epochs/1.note --authority pub/vkey --now {NOW} --allow-dev"));
    assert_eq!(vkey_file.ok()["accepted"], json!(true));

    // No secret is shown, and the exported wallet is the same person on another device.
    let shown = stage.run("wallet show --dir W").ok();
    assert_eq!(
        (&shown["epoch"], &shown["credential"]["attributes"]["birth_date"]),
        (&json!(1), &json!("1999-11-13"))
    );
    stage.run("wallet export --dir W --out backup.age").ok();
    stage.run("wallet import --dir W2 backup.age").ok();
    assert_eq!(stage.run("wallet show --dir W2").ok()["credential"], shown["credential"]);
    assert_eq!(stage.run("wallet import --dir W2 backup.age").exit, 2, "a wallet is never overwritten");
    write(at, "wrong", "no such passphrase\n");
    assert_eq!(stage.run("wallet show --dir W --passphrase-file wrong").code(), "passphrase_wrong");
    write(at, "W2/wallet.age", "age-encryption.org/v1\n");
    assert_eq!(stage.run("wallet show --dir W2").code(), "file_damaged");
}

#[test]
fn removal_and_what_wallets_say() {
    let stage = Stage::set("2011-11-13", "2036-06-01");
    let at = stage.at();
    stage.sync();
    let present = |more: &str| {
        stage.run(&format!("wallet present --dir W --request R --yes --out presentation --now {NOW} {more}"))
    };
    stage.request(r#"{"valid":true,"age":{"at_least":18}}"#, "--sign P");
    assert_eq!(present("").code(), "not_satisfied");
    stage.request(r#"{"valid":true}"#, "");
    assert_eq!(present("").code(), "request_unsigned");
    assert_eq!(present("--origin shop.example").code(), "request_host");
    present("--origin forum.example").ok();
    stage.request(r#"{"valid":true}"#, "--link account --context a --sign P");
    assert_eq!(present("--scanned").code(), "link_not_here");
    stage.request(r#"{"valid":true,"sex":"male"}"#, "--context b --sign P");
    assert_eq!(present("").code(), "not_satisfied");
    stage.request(r#"{"valid":true,"nationality":250,"documents":"foreign"}"#, "--context c --sign P");
    present("").ok();

    // Taken out of the tree: pending at first, then gone from the next epoch on.
    let number = text(&stage.run("wallet show --dir W").ok()["credential"]["network_number"]);
    let remove = format!("authority remove --dir A --network-number {number} --reason fraud --now {NOW}");
    assert_eq!(stage.run(&remove).ok()["state"], json!("pending"));
    assert_eq!(stage.run(&remove).code(), "already_removed");
    assert_eq!(
        stage.run(&format!("authority seal --dir A --now {NOW}")).exit,
        2,
        "not later than the last epoch"
    );
    let sealed = stage.run("authority seal --dir A --now 2026-11-22T09:00:00Z").ok();
    assert_eq!(
        (&sealed["epoch"], &sealed["live"], &sealed["removed"]["fraud"]),
        (&json!(2), &json!(1200), &json!(1))
    );
    assert_eq!(sealed["window"][0]["epoch"], json!(1));
    assert_eq!(stage.run("authority epoch --dir A --epoch 1").ok()["live"], json!(1201));
    assert_eq!(stage.run("authority epoch --dir A --epoch 3").code(), "not_found");
    stage.run("authority publish --dir A --out pub").ok();
    let later = "--now 2026-11-22T09:00:01Z";
    let synced = stage.run(&format!("wallet sync --dir W --from pub --authority pub/vkey {later}")).ok();
    assert_eq!(synced["enrolled"], json!(false));
    let request = [
        "platform",
        "request",
        "--host",
        "forum.example",
        "--predicates",
        r#"{"valid":true}"#,
        "--sign",
        "P",
        "--out",
        "R",
    ];
    run(at, &[&request[..], &["--now", "2026-11-22T09:00:01Z"]].concat()).ok();
    assert_eq!(
        stage.run(&format!("wallet present --dir W --request R --yes {later}")).code(),
        "credential_removed"
    );
}

/// A wallet without rules proves what the circuit allows and nothing else; the platform decides.
#[test]
fn debug_present_has_no_rules() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let key = text(&veilpass(at, "params stats").ok()["circuit_id"]);
    let line =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/v1/eval.jsonl"))
            .unwrap();
    let case: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    write(at, "private.json", &case["private"].to_string());
    let request = json!({"v": 1, "circuit": key, "rp": "forum.example", "context": "", "link": "tokens", "slots": 3, "period": 20414,
        "predicates": {"valid": true}, "valid_on": "2026-11-22", "nonce": "AAECAwQFBgcICQoLDA0ODw",
        "response_uri": "https://forum.example/v1/requests/0f8c1d/presentation", "expires_at": "2026-11-22T08:05:00Z"});
    write(at, "R", &request.to_string());
    let root = text(&case["public"][0]);
    let present = |root: &str| {
        veilpass(
            at,
            &format!("debug present --request R --root {root} --epoch 2 --private private.json --out P"),
        )
    };
    assert_eq!(present(&root).ok()["epoch"], json!(2));
    assert_eq!(present(&format!("{:064x}", 5)).code(), "not_satisfied");
}

#[test]
fn rows_that_are_refused_are_named() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example").ok();
    let c = |n: u32| format!("{n:064x}");
    let good = row(&c(1), &c(2), 1, "1990-05-05", "2036-06-01");
    let rows = [
        (good.clone(), ""),
        (good.clone(), "already"),
        (row(&c(3), &c(4), 1, "1990-05-05", "2036-06-01"), "document_used"),
        (row(&c(1), &c(5), 2, "1990-05-05", "2036-06-01"), "commitment_used"),
        (row(&c(6), &c(6), 3, "1990-05-05", "2036-06-01"), "commitment_invalid"),
        (row(&c(0), &c(7), 4, "1990-05-05", "2036-06-01"), "commitment_invalid"),
        (row(&c(8), &c(9), 5, "1990-02-30", "2036-06-01"), "birth_date"),
        (row(&c(8), &c(9), 5, "1990-05-05", "never"), "expires_on"),
        (row(&c(8), &c(9), 5, "1990-05-05", "").replace("2024-07-06", "2027-01-01"), "enrolled_on"),
        (row(&c(8), &c(9), 5, "1990-05-05", "").replace(",250,", ",1000,"), "attribute_range"),
        (row(&c(8), &c(9), 5, "1990-05-05", "").replace("P5", "p-5"), "document_invalid"),
        ("one,two\n".to_owned(), "row_syntax"),
    ];
    write(
        at,
        "people.csv",
        &format!("{HEADER}\n{}", rows.iter().map(|(r, _)| r.as_str()).collect::<String>()),
    );
    let run = veilpass(at, &format!("authority import --dir A people.csv --now {NOW}"));
    assert_eq!(run.exit, 1, "{run:?}");
    let report = run.json();
    assert_eq!((&report["read"], &report["added"], &report["already"]), (&json!(12), &json!(1), &json!(1)));
    let named: Vec<(u64, String)> = report["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), text(&r["code"])))
        .collect();
    let expected: Vec<(u64, String)> = rows
        .iter()
        .enumerate()
        .filter(|(_, (_, code))| !matches!(*code, "" | "already"))
        .map(|(i, (_, code))| (i as u64 + 2, (*code).to_owned()))
        .collect();
    assert_eq!(named, expected);
}

#[test]
fn wrong_use_and_faults_have_their_exit_codes() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    assert_eq!(veilpass(at, "authority").exit, 2);
    let nowhere = veilpass(at, "authority seal --dir nowhere");
    assert!(
        nowhere.exit == 2 && nowhere.stdout.is_empty() && nowhere.stderr.contains("nowhere"),
        "{nowhere:?}"
    );
    assert_eq!(veilpass(at, "verify --request R").exit, 2);
    assert_eq!(veilpass(at, "params inspect nothing.vk").exit, 3);
    veilpass(at, "params setup --out keys").ok();
    assert_eq!(veilpass(at, "params setup --out keys").exit, 2, "keys are never overwritten");
    assert_eq!(veilpass(at, "params inspect keys/attest-v1.pk").ok()["kind"], json!("proving_key"));
    write(at, "no.vk", "veilpass verifying key v1\n");
    assert_eq!(veilpass(at, "params inspect no.vk").code(), "key_syntax");
    let mut no_passphrase = std::process::Command::new(env!("CARGO_BIN_EXE_veilpass"));
    no_passphrase.args(["wallet", "new", "--dir", "W"]).current_dir(at).env_remove("VEILPASS_PASSPHRASE");
    no_passphrase.stdin(std::process::Stdio::null());
    assert_eq!(no_passphrase.output().unwrap().status.code(), Some(2));
    assert!(!at.join("W/wallet.age").exists());
    let shell = run_with(at, &["completions", "bash"], b"");
    assert!(shell.exit == 0 && shell.stdout.contains("veilpass"));
}

/// Killed in the middle and run again: nothing is lost and nothing doubled.
#[test]
fn a_killed_import_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let count = if std::env::var_os("VEILPASS_LONG").is_some() { 100_000 } else { 12_000 };
    write(at, "people.csv", &format!("{HEADER}\n{}", crowd(count)));
    let import = |folder: &str| format!("authority import --dir {folder} people.csv --now {NOW}");
    for folder in ["A", "B"] {
        veilpass(at, &format!("authority init --dir {folder} --origin id.example")).ok();
    }
    let mut kills = 0;
    for wait in [40, 150, 300, 450] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_veilpass"))
            .args(import("A").split_whitespace())
            .current_dir(at)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        if child.try_wait().unwrap().is_none() {
            kills += 1;
            child.kill().unwrap();
        }
        child.wait().unwrap();
    }
    assert!(kills > 0, "the import was always done before it could be killed");
    let again = veilpass(at, &import("A")).ok();
    assert_eq!(again["read"], json!(count));
    assert_eq!(again["added"].as_u64().unwrap() + again["already"].as_u64().unwrap(), count as u64);
    assert_eq!(veilpass(at, &import("B")).ok()["added"], json!(count));
    let root = |folder: &str| {
        let sealed = veilpass(at, &format!("authority seal --dir {folder} --in-order --now {NOW}")).ok();
        assert_eq!(sealed["live"], json!(count));
        sealed["root"].clone()
    };
    assert_eq!(root("A"), root("B"), "the same people in the same order");
}
