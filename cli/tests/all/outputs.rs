//! Where answers and files go (contract §1): outputs that a person names, standard output that is full or
//! closed, and what must not be lost with it.

use crate::binary::{PASSPHRASE, run, run_with, veilpass};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs with a standard output of the test's choice.
fn with_output(at: &Path, line: &str, out: impl Into<Stdio>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(line.split_whitespace())
        .current_dir(at)
        .env("VEILPASS_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::null())
        .stdout(out)
        .output()
        .unwrap()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader has gone.
fn closed() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

fn fails(ran: &Output, exit: i32, what: &str) {
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(exit), "{what}: {said}");
    assert!(!said.is_empty() && !said.contains("panicked"), "{what}: {said}");
}

pub fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

const REQUEST: &str =
    r#"platform request --host forum.example --predicates {"valid":true} --now 2026-11-22T08:00:00Z"#;

#[test]
fn an_answer_that_cannot_be_written_is_a_fault() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
    for line in
        ["params stats", "params stats --json", "completions bash", "--help", "--version", "authority --help"]
    {
        fails(&with_output(at, line, full()), 3, line);
        fails(&with_output(at, line, closed()), 3, line);
        assert!(with_output(at, line, Stdio::piped()).status.success(), "{line}");
    }
    // A refusal that cannot be told as a document is not taken for one that was.
    fails(&with_output(at, "authority epoch --dir A --json", full()), 3, "a refusal");
    fails(&with_output(at, "authority epoch --dir A", full()), 1, "a refusal for people");
    let unheard = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(["authority", "epoch", "--dir", "nowhere"])
        .current_dir(at)
        .stderr(closed())
        .status();
    assert_eq!(unheard.unwrap().code(), Some(2), "that nobody hears why changes nothing");
    fails(
        &with_output(at, "authority serve --dir A --listen 127.0.0.1:0", full()),
        3,
        "the line of a server",
    );
}

/// A token that was not shown was not given.
#[test]
fn what_is_shown_once_is_shown_before_it_counts() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
    let null = || File::options().write(true).open("/dev/null").unwrap();
    let (add, renew) = (
        "authority registrar --dir A --name Desk --json",
        "authority registrar --dir A --name Desk --new-token",
    );
    let keygen = "platform keygen --dir deep/P --json";
    let wallet = "wallet new --dir deep/W";
    fails(&with_output(at, wallet, full()), 3, wallet);
    for line in [add, keygen] {
        fails(&with_output(at, line, full()), 3, line);
        fails(&with_output(at, line, closed()), 3, line);
        fails(&with_output(at, line, null()), 3, line);
    }
    assert!(!at.join("deep").exists(), "nothing is left of a platform whose token was not shown");
    // The control: there is no such registrar yet, and with somewhere to write there is.
    let first = veilpass(at, "authority registrar --dir A --name Desk").ok();
    veilpass(at, "platform keygen --dir deep/P").ok();
    veilpass(at, wallet).ok();
    assert_eq!(registrar_of(at, &first["token"]).as_deref(), Some("Desk"));
    fails(&with_output(at, renew, full()), 3, renew);
    fails(&with_output(at, renew, null()), 3, renew);
    assert_eq!(registrar_of(at, &first["token"]).as_deref(), Some("Desk"), "the token before still counts");
    let second = veilpass(at, renew).ok();
    assert_eq!(registrar_of(at, &first["token"]), None);
    assert_eq!(registrar_of(at, &second["token"]).as_deref(), Some("Desk"));
    assert_eq!(veilpass(at, add).exit, 2, "the name is taken, and no token is shown");
}

fn registrar_of(at: &Path, token: &Value) -> Option<String> {
    let hash = veilpass_server::token::hash(token.as_str().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let authority = veilpass_server::authority::Authority::open(&at.join("A")).await.unwrap();
        let found = authority.store().registrar(&hash).await.unwrap();
        authority.close().await;
        found
    })
}

#[test]
fn devices_fifos_and_links_stay_what_they_are() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let request = |out: &str| veilpass(at, &format!("{REQUEST} --out {out}"));
    symlink("/dev/full", at.join("full")).unwrap();
    assert_eq!(request("full").exit, 3);
    assert!(fs::metadata(at.join("full")).unwrap().file_type().is_char_device());
    assert!(fs::symlink_metadata(at.join("full")).unwrap().is_symlink());

    fifo(&at.join("pipe"));
    let pipe = at.join("pipe");
    let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
    let made = request("pipe").ok();
    assert_eq!(serde_json::from_slice::<Value>(&reader.join().unwrap()).unwrap(), made);
    assert!(fs::symlink_metadata(at.join("pipe")).unwrap().file_type().is_fifo());

    fs::create_dir(at.join("elsewhere")).unwrap();
    fs::write(at.join("elsewhere/file"), "old").unwrap();
    symlink("elsewhere/file", at.join("link")).unwrap();
    let made = request("link").ok();
    assert!(fs::symlink_metadata(at.join("link")).unwrap().is_symlink());
    let file = fs::read(at.join("elsewhere/file")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&file).unwrap(), made);

    symlink("nothing", at.join("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at.join("socket")).unwrap();
    for (name, what) in [("elsewhere", "a folder"), ("dangling", "not there"), ("socket", "a socket")] {
        let refused = request(name);
        assert!(
            refused.exit == 2 && refused.stderr.contains(what) && refused.stderr.contains(name),
            "{refused:?}"
        );
    }
    assert!(!at.join("nothing").exists());
    for line in ["params setup --out -", "authority publish --dir A --out -"] {
        assert_eq!(veilpass(at, line).exit, 2, "{line}");
    }
    assert!(!at.join("-").exists());
}

#[test]
fn a_hyphen_is_standard_output_and_input() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let line = format!("{REQUEST} --out {name}");
        let plain = run_with(at, &line.split_whitespace().collect::<Vec<_>>(), b"");
        let document: Value =
            serde_json::from_str(&plain.stdout).unwrap_or_else(|e| panic!("{name}: {e}: {plain:?}"));
        assert_eq!((plain.exit, &document["rp"]), (0, &json!("forum.example")), "{name}");
        assert!(plain.stderr.contains("request of forum.example"), "{plain:?}");
        let mixed = veilpass(at, &line);
        assert_eq!((mixed.exit, mixed.stdout.as_str()), (2, ""), "two documents: {mixed:?}");
    }
    // Also where standard output is a file, and is named as one.
    for name in ["-", "/dev/stdout", "answer"] {
        let line = format!("{REQUEST} --out {name}");
        assert!(with_output(at, &line, File::create(at.join("answer")).unwrap()).status.success());
        let file = fs::read(at.join("answer")).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&file).unwrap()["rp"], json!("forum.example"), "{name}");
    }
    fails(&with_output(at, &format!("{REQUEST} --out -"), full()), 3, "a full standard output");

    let vkey = veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"].clone();
    let (c, d) = ("00".repeat(31) + "01", "00".repeat(31) + "02");
    let rows =
        format!("{}\n{}", crate::life::HEADER, crate::life::row(&c, &d, 1, "1999-11-13", "2046-06-01"));
    let import =
        ["authority", "import", "--dir", "A", "-", "--credentials", "-", "--now", "2026-11-22T08:00:00Z"];
    let imported = run_with(at, &import, rows.as_bytes());
    assert_eq!(imported.exit, 0, "{imported:?}");
    let credential: Value = serde_json::from_str(&imported.stdout).unwrap();
    assert_eq!(credential["identity_commitment"], json!(c));
    assert!(imported.stderr.contains("1 added"), "{imported:?}");
    let vkey = vkey.as_str().unwrap();
    let twice =
        run(at, &["verify", "--request", "-", "--presentation", "-", "--epochs", "A", "--authority", vkey]);
    assert!(twice.exit == 2 && twice.stderr.contains("only once"), "{twice:?}");
}
