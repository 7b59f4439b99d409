//! The vectors of tests/vectors/v1 through the binary: what anybody else's implementation is held against.

use crate::binary::{Run, run, run_with};
use crate::known_values::compute;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use veilpass_protocol::json::base64url;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/v1")
}

pub fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn compute_lines() {
    let lines = lines("compute.jsonl");
    let questions: Vec<Value> = lines.iter().map(|l| json!({"op": l["op"], "in": l["in"]})).collect();
    for (line, answer) in lines.iter().zip(compute(&questions)) {
        assert_eq!(answer["out"], line["out"], "{line}");
    }
}

#[test]
fn eval_lines() {
    let lines = lines("eval.jsonl");
    let input: String = lines
        .iter()
        .map(|l| format!("{}\n", json!({"public": l["public"], "private": l["private"]})))
        .collect();
    let run = run_with(Path::new("."), &["debug", "eval"], input.as_bytes());
    assert_eq!(run.exit, 0, "{run:?}");
    let answers: Vec<Value> = run.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), lines.len());
    let mut clauses = BTreeSet::new();
    for (line, answer) in lines.iter().zip(&answers) {
        assert_eq!(
            (&answer["native"], &answer["circuit"]),
            (&line["native"], &line["circuit"]),
            "{}",
            line["name"]
        );
        assert_eq!(answer["native"], answer["circuit"], "{}", line["name"]);
        clauses.extend(answer["native"]["clause"].as_str().map(str::to_owned));
    }
    // S3 alone cannot fail (another secret is another leaf), S14 has no rows.
    let all: BTreeSet<String> = (1..=13).filter(|n| *n != 3).map(|n| format!("S{n}")).collect();
    assert_eq!(clauses, all);
}

/// Lays a line out as files and runs `veilpass verify` on them.
fn verify(line: &Value) -> Run {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
    file("request", line["request"].as_str().unwrap().as_bytes());
    match line["presentation"].as_str() {
        Some(text) => file("presentation", text.as_bytes()),
        None => file(
            "presentation",
            &base64url::decode(line["presentation"]["base64url"].as_str().unwrap()).unwrap(),
        ),
    }
    std::fs::create_dir(place.path().join("notes")).unwrap();
    for (i, note) in line["notes"].as_array().unwrap().iter().enumerate() {
        file(&format!("notes/{i}.note"), note.as_str().unwrap().as_bytes());
    }
    let key = folder().join(line["key"].as_str().unwrap());
    let (key, vkey, now) =
        (key.to_str().unwrap(), line["vkey"].as_str().unwrap(), line["now"].as_str().unwrap());
    let mut arguments =
        vec!["verify", "--request", "request", "--presentation", "presentation", "--epochs", "notes"];
    arguments.extend(["--authority", vkey, "--key", key, "--now", now]);
    let options = line["options"].as_object().unwrap();
    let numbers: Vec<(String, String)> = options
        .iter()
        .filter(|(_, value)| value.is_u64())
        .map(|(name, value)| (format!("--{}", name.replace('_', "-")), value.to_string()))
        .collect();
    numbers.iter().for_each(|(name, value)| arguments.extend([name.as_str(), value.as_str()]));
    if options.get("allow_dev") == Some(&json!(true)) {
        arguments.push("--allow-dev");
    }
    run(place.path(), &arguments)
}

/// Every line comes out as it says, and the lines have every code of the first four rows of contract §7
/// that needs no store.
#[test]
fn presentation_lines() {
    let mut codes = BTreeSet::new();
    for line in lines("presentations.jsonl") {
        let (run, expect) = (verify(&line), &line["expect"]);
        let mut answer = run.json();
        assert_eq!(run.exit, i32::from(expect["accepted"] == json!(false)), "{}: {run:?}", line["name"]);
        if let Some(detail) = answer.as_object_mut().unwrap().remove("detail") {
            assert!(!detail.as_str().unwrap().is_empty());
        }
        assert_eq!(answer, *expect, "{}", line["name"]);
        codes.extend(expect["code"].as_str().map(str::to_owned));
    }
    let all = "presentation_syntax version_unsupported not_canonical proof_point circuit_unknown epoch_unknown epoch_replaced \
        request_expired proof_invalid request_syntax request_policy request_date key_syntax key_mismatch key_unsafe key_dev \
        epochs_syntax epoch_signature epochs_conflict epochs_stale epochs_from_future epoch_below_floor";
    assert_eq!(codes, all.split_whitespace().map(str::to_owned).collect());
}
