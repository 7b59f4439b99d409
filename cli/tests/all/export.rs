//! `params export` in all its forms, and the files read back.

use crate::binary::{run_with, veilpass};
use crate::vectors::lines;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::circom::{read_r1cs, read_sym, read_wtns};
use veilpass_protocol::field::{Fr, to_hex};

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn circuit_and_names() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let answer = veilpass(at, "params export --format r1cs --out deep/out").ok();
    let files = ["deep/out/attest-v1.r1cs", "deep/out/attest-v1.sym"];
    let (rows, wires) = (Attest.shape().rows(), Attest.shape().matrices().wires);
    let expected =
        json!({"files": files, "rows": rows, "wires": wires, "public_inputs": 14, "private_inputs": 93});
    assert_eq!(answer, expected);
    let r1cs = read_r1cs(&read(at, files[0])).unwrap();
    assert_eq!(&r1cs.matrices, Attest.shape().matrices());
    assert_eq!((r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs), (0, 14, 93));
    let names = Attest.wire_names();
    let symbols = read_sym(&read(at, files[1])).unwrap();
    assert_eq!(symbols.len(), wires - 1);
    for symbol in &symbols {
        assert_eq!(u64::from(symbol.wire.unwrap()), symbol.label);
        assert_eq!(r1cs.labels[symbol.label as usize], symbol.label);
        assert_eq!(symbol.name, format!("main.{}", names[symbol.label as usize]));
    }
    assert_eq!(symbols[0].name, "main.root");
}

/// The claims of the vectors: what holds is written, what does not is refused with its clause.
#[test]
fn assignments() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let arguments = ["params", "export", "--format", "wtns", "--input", "-", "--out", "out", "--json"];
    let claim = |line: &Value| json!({"public": line["public"], "private": line["private"]}).to_string();
    let mut seen = [0, 0];
    for line in lines("eval.jsonl") {
        let ok = line["circuit"]["ok"].as_bool().unwrap();
        if seen[usize::from(ok)] == 3 {
            continue;
        }
        seen[usize::from(ok)] += 1;
        let run = run_with(at, &arguments, claim(&line).as_bytes());
        let file = at.join("out/attest-v1.wtns");
        if ok {
            assert_eq!(
                run.ok(),
                json!({"file": "out/attest-v1.wtns", "wires": Attest.shape().matrices().wires})
            );
            let values = read_wtns(&std::fs::read(&file).unwrap()).unwrap();
            assert!(Attest.shape().failing_rows(&values).next().is_none());
            let public: Vec<Value> = values[1..15].iter().map(|x| json!(to_hex(x))).collect();
            assert_eq!(line["public"], json!(public));
            assert_eq!(line["private"]["k"], json!(to_hex(&values[15])));
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::remove_file(&file).unwrap();
        } else {
            assert_eq!(run.code(), "not_satisfied");
            let clause = line["circuit"]["clause"].as_str().unwrap();
            assert!(run.stdout.contains(&format!("clause {clause} ")), "{run:?}");
            assert!(!file.exists(), "nothing is written");
        }
    }
    assert_eq!(seen, [3, 3]);
    let first = &lines("eval.jsonl")[0];
    for (bad, code) in [
        ("{}".to_owned(), "request_syntax"),
        (claim(first).replacen("[\"", "[\"f", 1), "not_canonical"),
        (claim(first).replace("\"slot\"", "\"slots\""), "request_syntax"),
    ] {
        assert_eq!(run_with(at, &arguments, bad.as_bytes()).code(), code, "{bad}");
    }
    // A file that was there and could be read by all is not one any more.
    std::fs::write(at.join("W.json"), claim(first)).unwrap();
    std::fs::write(at.join("out/attest-v1.wtns"), "old").unwrap();
    veilpass(at, "params export --format wtns --input W.json --out out").ok();
    let mode = std::fs::metadata(at.join("out/attest-v1.wtns")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(read_wtns(&read(at, "out/attest-v1.wtns")).unwrap()[0], Fr::from(1u64));
}

#[test]
fn keys_and_wrong_use() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let answer = veilpass(at, "params export --format snarkjs --out out").ok();
    assert_eq!(answer, json!({"file": "out/verification_key.json"}));
    let key: Value = serde_json::from_slice(&read(at, "out/verification_key.json")).unwrap();
    assert_eq!(key["IC"].as_array().unwrap().len(), 15);
    std::fs::write(at.join("file"), "").unwrap();
    for line in [
        "params export --format r1cs --out out --key file",
        "params export --format r1cs --out out --input file",
        "params export --format wtns --out out",
        "params export --format wtns --out out --input file --key file",
        "params export --format snarkjs --out out --input file",
        "params export --format zkey --out out",
        "params export --format r1cs",
    ] {
        assert_eq!(veilpass(at, line).exit, 2, "{line}");
    }
    assert_eq!(veilpass(at, "params export --format snarkjs --key file --out out").code(), "key_syntax");
    assert_eq!(veilpass(at, "params export --format r1cs --out file").exit, 3);
    assert_eq!(veilpass(at, "params export --format wtns --input absent --out out").exit, 3);
}
