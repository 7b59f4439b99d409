//! What hostile neighbours, files and platforms try on the commands.

use crate::binary::{PASSPHRASE, run, run_with, veilpass};
use serde_json::json;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

fn spawn(at: &Path, line: &str) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilpass"));
    command.args(line.split_whitespace()).current_dir(at).env("VEILPASS_PASSPHRASE", PASSPHRASE);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap()
}

/// Two wallets born in one folder at one time: one is kept, the other is told.
#[test]
fn no_wallet_replaces_another() {
    let place = tempfile::tempdir().unwrap();
    let both = [(); 2].map(|()| spawn(place.path(), "wallet new --dir W --json"));
    let done = both.map(|child| child.wait_with_output().unwrap());
    assert_eq!(done.iter().filter(|o| o.status.success()).count(), 1, "{done:?}");
}

#[test]
fn an_empty_passphrase_is_wrong_use() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("empty"), "\n").unwrap();
    assert_eq!(veilpass(place.path(), "wallet new --dir W --passphrase-file empty").exit, 2);
    assert!(!place.path().join("W/wallet.age").exists());
}

#[test]
fn secrets_are_for_their_owner_alone() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    veilpass(at, "authority init --dir A --origin id.example").ok();
    veilpass(at, "platform keygen --dir P").ok();
    let mode = |path: &str| std::fs::metadata(at.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("W"), mode("W/wallet.age")), (0o700, 0o600));
    for private in ["A/authority.db", "A/signing.key", "A/fingerprint.key"] {
        assert_eq!(mode(private), 0o600, "{private}");
    }
    for entry in std::fs::read_dir(at.join("P")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

/// Without anybody to agree, true and false questions look alike, and nothing is written.
#[test]
fn an_unattended_wallet_is_no_oracle() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    for predicates in [r#"{"valid":true}"#, r#"{"valid":true,"province":43}"#] {
        run(at, &["platform", "request", "--host", "a.example", "--predicates", predicates, "--out", "R"])
            .ok();
        let unasked = veilpass(at, "wallet present --dir W --request R --origin a.example --out P");
        assert_eq!((unasked.exit, unasked.stdout.as_str()), (2, ""), "{unasked:?}");
        assert!(!at.join("P").exists());
    }
}

/// A link where the unfinished file of credentials will be leads nowhere.
#[test]
fn planted_links_are_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example").ok();
    std::fs::write(at.join("precious"), "precious").unwrap();
    symlink(at.join("precious"), at.join(".c.jsonl.part")).unwrap();
    let header = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation";
    let row = |province: &str| {
        format!("{:064x},{:064x},P1,1990-05-05,,2024-07-06,female,foreign_passport,250,{province},0", 1, 2)
    };
    std::fs::write(at.join("people.csv"), format!("{header}\n{}\n", row("-0"))).unwrap();
    let import = "authority import --dir A people.csv --credentials c.jsonl --now 2026-11-22T08:00:00Z";
    let refused = veilpass(at, import);
    assert_eq!(refused.json()["rejected"][0]["code"], json!("row_syntax"), "a minus zero: {refused:?}");
    symlink(at.join("precious"), at.join(".c.jsonl.part")).unwrap();
    std::fs::write(at.join("people.csv"), format!("{header}\n{}\n", row("0"))).unwrap();
    assert_eq!(veilpass(at, import).ok()["added"], json!(1));
    assert_eq!(std::fs::read_to_string(at.join("precious")).unwrap(), "precious");
    assert!(!std::fs::symlink_metadata(at.join("c.jsonl")).unwrap().is_symlink());
}

/// A host whose file could not be written would keep removals from being published.
#[test]
fn no_host_stops_publishing() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example").ok();
    let key = veilpass(at, "platform keygen --dir P").ok()["key"].as_str().unwrap().to_owned();
    let label = "a".repeat(62);
    for (last, exit) in [("b".repeat(61), 0), ("b".repeat(62), 2)] {
        let host = format!("{label}.{label}.{label}.{last}");
        let entry =
            run(at, &["authority", "platform", "--dir", "A", "--host", &host, "--key", &key, "--name", "N"]);
        assert_eq!(entry.exit, exit, "{} bytes: {entry:?}", host.len());
    }
    veilpass(at, "authority seal --dir A").ok();
    veilpass(at, "authority publish --dir A --out pub").ok();
}

/// What others wrote reaches the terminal as text, not as commands to it.
#[test]
fn messages_do_not_steer_the_terminal() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    std::fs::write(at.join("R"), "{\"v\":1,\"\\u001b[2Jgone\":0}").unwrap();
    let said = run_with(at, &["wallet", "present", "--dir", "W", "--request", "R", "--yes"], b"");
    assert_eq!(said.exit, 1);
    assert!(said.stderr.contains("gone") && !said.stderr.contains('\u{1b}'), "{said:?}");
}

/// A published file without end is refused before it fills the memory.
#[test]
fn endless_files_are_not_read() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey =
        veilpass(at, "authority init --dir A --origin id.example").ok()["vkey"].as_str().unwrap().to_owned();
    veilpass(at, "wallet new --dir W").ok();
    std::fs::create_dir_all(at.join("pub/epochs")).unwrap();
    std::fs::File::create(at.join("pub/epochs/1.note")).unwrap().set_len(4 << 30).unwrap();
    let run = veilpass(at, &format!("wallet sync --dir W --from pub --authority {vkey}"));
    assert!(run.exit == 3 && run.stdout.contains("longer than"), "{run:?}");
}
