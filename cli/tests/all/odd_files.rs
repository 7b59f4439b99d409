//! What is not a regular file in a folder of ours is refused by name, and waited for by nobody; names of
//! folders that mean something elsewhere mean nothing here; files that others leave beside ours are no notes.

use crate::binary::{PASSPHRASE, quicken, run, veilpass};
use crate::fake::{Fake, SOME_VKEY, problem, vkey};
use crate::outputs::fifo;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs, and fails where that takes longer than any of these commands does; exit and what was said.
fn in_time(at: &Path, line: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(line.split_whitespace())
        .current_dir(at)
        .env("VEILPASS_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{line} hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = child.wait_with_output().unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
}

/// Puts a FIFO in the place of a file for as long as a command runs.
fn with_fifo(at: &Path, file: &str, line: &str) {
    let (place, aside) = (at.join(file), at.join("aside"));
    let was_there = place.exists();
    if was_there {
        fs::rename(&place, &aside).unwrap();
    }
    fifo(&place);
    let (exit, said) = in_time(at, line);
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    assert!(
        (exit == 3 || exit == 2) && said.contains(name) && said.contains("FIFO"),
        "{file}: {exit} {said}"
    );
    fs::remove_file(&place).unwrap();
    if was_there {
        fs::rename(&aside, &place).unwrap();
    }
}

#[test]
fn a_fifo_hangs_no_wallet() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    quicken(&at.join("W"));
    fs::create_dir_all(at.join("pub/epochs")).unwrap();
    let vkey = veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"].clone();
    let sync = format!("wallet sync --dir W --from pub --authority {}", vkey.as_str().unwrap());
    // The control: without a FIFO it is the folder that has no epoch.
    let (exit, said) = in_time(at, &sync);
    assert!(exit == 3 && said.contains("no epoch"), "{exit} {said}");
    for file in ["wallet.age", "state.age", "state.next.age", "lock"] {
        with_fifo(at, &format!("W/{file}"), &sync);
    }
    for file in ["wallet.age", "state.age"] {
        with_fifo(at, &format!("W/{file}"), "wallet show --dir W");
    }
    with_fifo(at, "pub/epochs/1.note", &sync);
    // What can be made anew is named as well, and does not stop the wallet.
    fs::create_dir(at.join("W/prepared.age")).unwrap();
    assert_eq!(in_time(at, "wallet show --dir W").0, 0);
}

#[test]
fn a_fifo_hangs_no_authority_and_no_platform() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let made = veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
    let circuit = made["circuits"][0].as_str().unwrap();
    veilpass(at, "authority seal --dir A").ok();
    let publish = "authority publish --dir A --out pub";
    veilpass(at, publish).ok();
    for file in [
        "authority.db",
        "authority.db-wal",
        "authority.db-journal",
        "signing.key",
        "fingerprint.key",
        "publish.lock",
    ] {
        with_fifo(at, &format!("A/{file}"), publish);
    }
    with_fifo(at, &format!("A/circuits/{circuit}.vk"), publish);
    for file in ["vkey", "epochs/1.note", "epochs/1.cells", "platforms.json"] {
        with_fifo(at, &format!("pub/{file}"), publish);
    }
    veilpass(at, publish).ok();
    veilpass(at, "platform keygen --dir P").ok();
    let sign = r#"platform request --host forum.example --predicates {"valid":true} --sign P --out r"#;
    for file in ["request.key", "token.sha256"] {
        with_fifo(at, &format!("P/{file}"), sign);
    }
    assert_eq!(in_time(at, sign).0, 0);
    let vkey = made["vkey"].as_str().unwrap();
    let serve = format!(
        "platform serve --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {vkey} --epochs pub --allow-dev"
    );
    with_fifo(at, "P/platform.db", &serve);
    fs::write(at.join("p"), "{}").unwrap();
    let verify = format!("verify --request r --presentation p --epochs pub --authority {vkey} --allow-dev");
    with_fifo(at, "pub/epochs/1.note", &verify);
    // A FIFO that a person names is read.
    fifo(&at.join("named"));
    let named = at.join("named");
    let request = fs::read(at.join("r")).unwrap();
    let writer = std::thread::spawn(move || fs::write(named, request).unwrap());
    let ran = veilpass(at, &verify.replace("--request r", "--request named"));
    writer.join().unwrap();
    assert_eq!(ran.code(), "epoch_below_floor", "everything before the crowd was in order");
}

/// SQLite reads `file:…?…` as an address and `%41` in it as a letter.
#[test]
fn a_folder_may_be_called_anything() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for name in ["file:x", "file:x?mode=memory", "a?b#c%41&d", ":memory:", "Ordner mit Leerzeichen", "-x"] {
        let dir = format!("--dir={name}");
        run(at, &["authority", "init", &dir, "--origin", "id.example/veilpass"]).ok();
        run(at, &["authority", "registrar", &dir, "--name", "Desk"]).ok();
        assert!(at.join(name).join("authority.db").metadata().unwrap().len() > 0, "{name}");
        let platform = format!("--dir=P {name}");
        run(at, &["platform", "keygen", &platform]).ok();
    }
    let mut names: Vec<String> =
        fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with('.'));
    assert_eq!(names, [""; 0], "nothing is left beside them");
    // What a database cannot be called is said before anything is made.
    let before = fs::read_dir(at).unwrap().count();
    for command in
        [["authority", "init", "--origin", "id.example/veilpass"].as_slice(), &["platform", "keygen"]]
    {
        let dir = at.join("deep").join(OsStr::from_bytes(b"\xff"));
        let ran = Command::new(env!("CARGO_BIN_EXE_veilpass"))
            .args(command)
            .arg("--dir")
            .arg(dir)
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(3), "{ran:?}");
        assert_eq!(fs::read_dir(at).unwrap().count(), before);
    }
    let key = at.join("key");
    fs::write(&key, "no key").unwrap();
    let refused = veilpass(at, "authority init --dir deep/A --origin id.example/veilpass --key key");
    assert_eq!((refused.code().as_str(), at.join("deep").exists()), ("key_syntax", false));
}

/// Lays the first accepted vector out as files.
fn accepted(at: &Path) -> (Value, String) {
    let lines = crate::vectors::lines("presentations.jsonl");
    let good = |line: &&Value| line["expect"]["accepted"] == json!(true) && line["presentation"].is_string();
    let line = lines.iter().find(good).unwrap().clone();
    let key = crate::vectors::folder().join(line["key"].as_str().unwrap());
    let told = |name: &str| line[name].as_str().unwrap().to_owned();
    fs::write(at.join("request"), told("request")).unwrap();
    fs::write(at.join("presentation"), told("presentation")).unwrap();
    fs::write(at.join("vkey"), told("vkey")).unwrap();
    fs::create_dir(at.join("notes")).unwrap();
    for (i, note) in (1..).zip(line["notes"].as_array().unwrap()) {
        fs::write(at.join(format!("notes/{i}.note")), note.as_str().unwrap()).unwrap();
    }
    let line_of_command = format!(
        "verify --request request --presentation presentation --epochs notes --authority vkey --allow-dev --now {} --key {}",
        told("now"),
        key.display()
    );
    (line, line_of_command)
}

#[test]
fn files_of_other_systems_are_read_or_skipped() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let (line, verify) = accepted(at);
    assert_eq!(veilpass(at, &verify).ok(), line["expect"]);
    for beside in ["._1.note", ".1.note.swp", "x.note", "+1.note", "-1.note", "1.note~", "note"] {
        fs::write(at.join("notes").join(beside), b"\0\x05\x16\x07 Mac OS X").unwrap();
    }
    assert_eq!(veilpass(at, &verify).ok(), line["expect"], "files beside the notes are none");
    fs::write(at.join("notes/7000.note"), "no note").unwrap();
    let refused = veilpass(at, &verify);
    assert_eq!(refused.code(), "epochs_syntax");
    assert!(refused.stdout.contains("notes/7000.note"), "{refused:?}");
    fs::remove_file(at.join("notes/7000.note")).unwrap();

    // Everything through Windows: a mark at the beginning, CR LF at the ends.
    let all = ["request", "presentation", "vkey", "notes/1.note"];
    for name in all {
        let text = fs::read_to_string(at.join(name)).unwrap();
        fs::write(
            at.join(name),
            format!("\u{feff}{}\r\n", text.trim_end_matches('\n').replace('\n', "\r\n")),
        )
        .unwrap();
    }
    assert_eq!(veilpass(at, &verify).ok(), line["expect"], "as Windows saves them");
    let text = fs::read_to_string(at.join("vkey")).unwrap();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(at.join("vkey"), wide).unwrap();
    let refused = veilpass(at, &verify);
    assert!(refused.exit == 3 && refused.stdout.contains("save it as UTF-8"), "{refused:?}");
}

#[test]
fn a_passphrase_and_a_configuration_from_windows() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    quicken(&at.join("W"));
    let show = |text: &str| {
        fs::write(at.join("passphrase"), text).unwrap();
        run(at, &["wallet", "show", "--dir", "W", "--passphrase-file", "passphrase"])
    };
    for (before, after) in [("", ""), ("", "\n"), ("\u{feff}", "\r\n")] {
        assert_eq!(show(&format!("{before}{PASSPHRASE}{after}")).exit, 0, "{before:?} {after:?}");
    }
    assert_eq!(show(&format!("{PASSPHRASE} ")).code(), "passphrase_wrong", "a space may be part of it");

    veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
    fs::write(at.join("a.toml"), "\u{feff}listen = \"127.0.0.1:0\"\r\nseal-every = 600\r\n").unwrap();
    let checked = veilpass(at, "authority serve --dir A --config a.toml --check").ok();
    assert_eq!(checked["seal-every"], json!(600));
}

/// The authority gets one spelling, whatever was typed; what can be no code is not sent.
#[test]
fn codes_are_sent_in_one_spelling() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "wallet new --dir W").ok();
    quicken(&at.join("W"));
    let server = Fake::serve(|got| match got.line.as_str() {
        "GET /v1/published/vkey" => vkey(SOME_VKEY),
        _ => problem(404, "code_unknown"),
    });
    let url = server.url("id.localhost").replace("http://id", "HTTP://Id");
    let enrol = |code: &str| run(at, &["wallet", "enrol", "--dir", "W", "--authority", &url, "--code", code]);
    for code in [
        "7ZZZ-0123-4567-89AB-CDEF-GHJK-MN",
        "7zzz 0123 4567 89ab cdef ghjk mn\r\n",
        "7ZZZ\u{2011}0123\u{a0}4567\t89AB\u{2013}CDEF\u{200b}\u{2212}GHJK MN",
        "７ＺＺＺ－０１２３－４５６７－８９ＡＢ－ＣＤＥＦ－ＧＨＪＫ－ＭＮ",
    ] {
        assert_eq!(enrol(code).code(), "code_unknown", "{code:?}");
        assert_eq!(server.got()[1].json()["code"], json!("7ZZZ0123456789ABCDEFGHJKMN"), "{code:?}");
    }
    for code in ["", "7ZZZ_0123", "код"] {
        let refused = enrol(code);
        assert!(refused.exit == 2 && refused.stderr.contains("letters A-Z"), "{refused:?}");
    }
    assert_eq!(server.got(), vec![]);
}

#[test]
fn what_people_type_is_read_as_meant() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
    let remove = |number: &str| {
        run(at, &["authority", "remove", "--dir", "A", "--reason", "fraud", "--network-number", number])
    };
    for number in ["7K2M0QX4R3", " 7k2m\u{2011}0qx4\u{2013}r3\r\n", "７Ｋ２Ｍ\u{a0}０ＱＸ４\tＲ３"]
    {
        assert_eq!(remove(number).code(), "network_number_unknown", "{number:?}");
    }
    assert_eq!(remove("7K2M0QX4R4").exit, 2);
    let request = |host: &str| {
        let made = ["platform", "request", "--predicates", r#"{"valid":true}"#, "--out", "r", "--host", host];
        run(at, &made)
    };
    for host in ["forum.example", "Forum.Example", " FORUM.EXAMPLE.\n"] {
        assert_eq!(request(host).ok()["rp"], json!("forum.example"), "{host:?}");
    }
    assert_eq!(request("https://forum.example").exit, 2);
}
