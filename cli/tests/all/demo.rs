//! The demo tells the story of contract §9, and ends well only if every line came out as it should.

use crate::binary::veilpass;
use crate::server::{client, get};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use veilpass_protocol::field::{Fr, to_bytes, to_hex};
use veilpass_prover::{SecretString, Wallet};

/// Step, who decided, and the code (`null`: accepted).
const STEPS: [(&str, &str, &[&str]); 18] = [
    ("adult_accepted", "platform", &[]),
    ("second_platform_other_pseudonym", "platform", &[]),
    ("first_platform_same_pseudonym", "platform", &[]),
    ("minor_refused", "wallet", &["not_satisfied"]),
    ("minor_hostile_refused", "platform", &["proof_invalid"]),
    ("expired_document_refused", "wallet", &["credential_expired"]),
    ("removed_refused", "wallet", &["credential_removed"]),
    ("removed_in_grace_accepted", "platform", &[]),
    ("removed_after_grace_refused", "platform", &["epoch_replaced"]),
    ("replay_refused", "platform", &["request_replayed"]),
    ("rerandomised_refused", "platform", &["request_replayed"]),
    ("other_host_refused", "platform", &["proof_invalid"]),
    ("unsigned_refused", "wallet", &["request_unsigned"]),
    ("foreign_answer_refused", "wallet", &["request_host"]),
    ("date_probe_refused", "wallet", &["request_date"]),
    ("forged_root_refused", "platform", &["epoch_signature"]),
    ("bit_flip_refused", "platform", &["proof_point", "proof_invalid"]),
    ("small_epoch_refused", "platform", &["epoch_below_floor"]),
];

#[test]
fn every_step_comes_out_as_it_should() {
    let place = tempfile::tempdir().unwrap();
    let told = served(place.path());
    assert_eq!(
        (&told["ok"], &told["people"], &told["seen"]["joined"]["matches"]),
        (&json!(true), &json!(1500), &json!(0))
    );
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(steps.len(), STEPS.len());
    for ((id, actor, codes), step) in STEPS.into_iter().zip(steps) {
        assert_eq!(step["id"], json!(id), "the order of contract §9");
        assert_eq!(step["actor"], json!(actor), "{id}");
        match codes {
            [] => assert_eq!((&step["outcome"], &step["code"]), (&json!("accepted"), &Value::Null), "{id}"),
            codes => assert!(
                step["outcome"] == json!("refused") && codes.contains(&step["code"].as_str().unwrap()),
                "{step}"
            ),
        }
    }
    // What was kept is a real authority's folder.
    let kept = place.path().join("kept");
    assert_eq!(veilpass(place.path(), "authority epoch --dir kept/authority").ok()["epoch"], json!(5));
    assert_eq!(veilpass(place.path(), "demo --keep kept").exit, 2, "nothing is overwritten");
    secrets_stay_where_they_belong(&kept);
}

/// Runs the demo with servers that go on, talks to one of them, and ends it as Ctrl-C does.
fn served(at: &Path) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(["demo", "--people", "1500", "--keep", "kept", "--serve", "--json"])
        .current_dir(at)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let (mut forum, mut typed) = (None, Vec::new());
    let mut line = String::new();
    while !line.starts_with("Ask once more") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the story is printed to its end");
        let words = line.split_whitespace().collect::<Vec<_>>();
        if words.first() == Some(&"forum") {
            forum = Some(words[1].to_owned());
        }
        typed.extend(line.strip_prefix("    ").map(|line| line.trim_end().to_owned()));
    }
    let forum = forum.expect("the addresses are printed");
    let ready = get(&client(), &format!("{forum}/readyz"), None).unwrap();
    assert_eq!((ready.0, &ready.1["epoch"]), (200, &json!(3)));
    tell_the_story(&at.join("kept"), &typed);
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(get(&client(), &format!("{forum}/readyz"), None).is_none(), "the servers have ended");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A person at a second terminal, who types what is printed and pastes what the programs print.
struct Terminal<'a> {
    folder: &'a Path,
    /// What was exported so far.
    exported: String,
}

impl Terminal<'_> {
    /// Types a line; exit code, and everything that was said.
    fn types(&self, line: &str) -> (i32, String) {
        let script = format!(". ./here; {} {line}", self.exported);
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", &script]).current_dir(self.folder).stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    /// Types a line again until it says what is expected, because servers and clocks need a second.
    fn types_until(&self, line: &str, expected: &str) -> String {
        for _ in 0..50 {
            let (_, said) = self.types(line);
            if said.contains(expected) {
                return said;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("{line}: {:?} never says {expected:?}", self.types(line));
    }

    /// Asks as the Forum, answers with the line for the wallet, and reads the result.
    fn answers(&self, ask: &str) -> (i32, String, String) {
        let printed = self.types_until(ask, "veilpass platform result");
        let (exit, said) = self.types(&format!("{} --yes", pasted(&printed, "veilpass wallet present")));
        (exit, said, self.types(&pasted(&printed, "veilpass platform result")).1)
    }
}

/// The line that a program printed to be pasted.
fn pasted(printed: &str, begins: &str) -> String {
    let line = printed.lines().find(|line| line.trim_start().starts_with(begins));
    line.unwrap_or_else(|| panic!("no line {begins}: {printed}")).trim().to_owned()
}

/// The story that `demo --serve` prints, as somebody new would play it; and the page that shows its output
/// has the same lines.
fn tell_the_story(folder: &Path, typed: &[String]) {
    let page = include_str!("../../../docs/first-steps.md");
    let mut terminal = Terminal { folder, exported: String::new() };
    let (mut slip, mut ask, mut number) = (String::new(), String::new(), String::new());
    let mut removed = false;
    assert_eq!(typed.len(), 13, "{typed:?}");
    for line in typed {
        assert!(
            line.starts_with("cd ") || page.contains(&format!("$ {line}\n")),
            "not in first-steps.md: {line}"
        );
        if line.starts_with("cd ") || line == ". ./here" {
            assert!(line == ". ./here" || line.ends_with(&folder.display().to_string()), "{line}");
        } else if line.starts_with("export ") {
            terminal.exported = format!("{line};");
            if line.contains("minor") {
                let (exit, said, result) = terminal.answers(&ask);
                assert!(exit == 1 && said.contains("(not_satisfied)"), "{said}");
                assert!(result.contains("Declined"), "{result}");
            }
        } else if line.starts_with("veilpass registrar apply") {
            slip = terminal.types_until(line, "veilpass registrar confirm");
        } else if line == "veilpass wallet new" {
            assert_eq!(terminal.types(line).0, 0);
            let (exit, said) = terminal.types(&pasted(&slip, "veilpass wallet enrol"));
            assert_eq!(exit, 0, "{said}");
            let words =
                said.lines().find(|line| line.split_whitespace().count() == 6 && line.starts_with("     "));
            let confirm = pasted(&slip, "veilpass registrar confirm");
            let (exit, said) = terminal.types(&format!("{confirm} --words '{}'", words.unwrap()));
            assert_eq!(exit, 0, "{said}");
        } else if line.starts_with("veilpass authority seal") {
            terminal.types_until(line, "sealed at");
        } else if line == "veilpass wallet sync" {
            let expected = if removed { "no longer in the authority's list" } else { "You are in" };
            terminal.types_until(line, expected);
        } else if line.starts_with("veilpass platform ask") {
            ask.clone_from(line);
            let (exit, said, result) = terminal.answers(line);
            assert!(exit == 0 && said.contains("The site has your answer."), "{said}");
            assert!(result.contains("Accepted, under the pseudonym"), "{result}");
        } else if line == "veilpass wallet show" {
            let said = terminal.types_until(line, "Network Number");
            number = said
                .lines()
                .find(|l| l.starts_with("Network"))
                .unwrap()
                .split_whitespace()
                .last()
                .unwrap()
                .into();
        } else {
            assert!(line.starts_with("veilpass registrar remove"), "{line}");
            let (exit, said) = terminal.types(&line.replace("NUMBER", &number));
            assert!(exit == 0 && said.contains(&number), "{said}");
            removed = true;
        }
    }
    let (exit, said, result) = terminal.answers(&ask);
    assert!(exit == 1 && said.contains("(credential_removed)"), "{said}");
    assert!(result.contains("Declined"), "{result}");
}

/// All databases, folders and logs of the run are searched for what is each person's own.
fn secrets_stay_where_they_belong(kept: &Path) {
    let read = |name: &str| {
        let mut bytes = Vec::new();
        collect(&kept.join(name), &mut bytes);
        bytes
    };
    let servers = ["authority", "forum", "shop", "deceived", "lonely", "small"];
    let everything: Vec<(&str, Vec<u8>)> =
        servers.into_iter().chain(["logs", "small-published"]).map(|name| (name, read(name))).collect();
    let passphrase = SecretString::from("demo: correct horse battery staple".to_owned());
    for person in ["adult", "minor", "expired", "removed"] {
        let file = |name: &str| std::fs::read(kept.join(person).join(name)).unwrap();
        let wallet = Wallet::open(&file("wallet.age"), &[&file("state.age")], &passphrase).unwrap();
        let credential = wallet.credential().unwrap();
        let attributes = &credential.attributes;
        let number = credential.network_number.to_string();
        // The removed person has no path any more, but the secrets were exported before.
        let secrets: Vec<Fr> = wallet.export_witness().map_or(Vec::new(), |w| vec![w.k, w.d]);
        assert_eq!(secrets.is_empty(), person == "removed");
        let (commitments, birth) =
            ([wallet.identity_commitment(), wallet.device_commitment()], attributes.birth_date.to_string());
        for (place, bytes) in &everything {
            let found = |x: &Fr| holds(bytes, &to_bytes(x)) || holds(bytes, to_hex(x).as_bytes());
            for secret in &secrets {
                assert!(!found(secret), "a secret of {person} in {place}");
            }
            if *place != "authority" {
                assert!(!commitments.iter().any(found), "a commitment of {person} in {place}");
                assert!(!found(&credential.leaf()), "the leaf of {person} in {place}");
                assert!(!holds(bytes, number.as_bytes()), "the Network Number of {person} in {place}");
                assert!(!holds(bytes, birth.as_bytes()), "the birth date of {person} in {place}");
            }
        }
        if person != "removed" {
            let (_, authority) = &everything[0];
            let known = commitments.iter().filter(|c| holds(authority, &to_bytes(c))).count();
            assert_eq!(known, 2, "the search finds what is there: {person}");
        }
    }
    // Whatever a log line says, it is none of these.
    let logs = String::from_utf8(read("logs")).unwrap();
    let logged = ["authority", "forum", "shop"].map(|name| {
        let lines = std::fs::read_to_string(kept.join(format!("logs/{name}.log"))).unwrap();
        lines.lines().filter(|line| line.contains("\"route\"")).count()
    });
    assert!(logged.iter().all(|lines| *lines > 3), "the servers logged nothing: {logged:?}");
    let long_values = logs
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()))
        .count();
    assert_eq!(long_values, 0, "a value of 32 bytes in a log");
}

fn collect(path: &Path, bytes: &mut Vec<u8>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        // What an authority publishes holds leaves, but nothing that says whose.
        match path.is_dir() {
            true if path.ends_with("published") => (),
            true => collect(&path, bytes),
            false => bytes.extend(std::fs::read(path).unwrap()),
        }
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|w| w == wanted)
}
