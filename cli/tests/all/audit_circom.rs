//! `params audit` on files that circom made: which wires it takes for inputs.
//!
//! `node tests/interop/audit.mjs FOLDER - --fixtures` makes the files again from the sources beside them.

use crate::binary::{run_with, veilpass};
use serde_json::{Value, json};
use std::path::Path;
use veilpass_circuits::audit::undetermined;
use veilpass_params::circom::{FormatError, read_r1cs, write_r1cs};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/circom");

/// Copies the files of a circuit.
fn copy(name: &str, to: &Path) {
    for ending in ["r1cs", "sym", "wtns"] {
        let file = format!("{name}.{ending}");
        std::fs::copy(format!("{FOLDER}/{file}"), to.join(file)).unwrap();
    }
}

fn command(name: &str, with_names: bool) -> String {
    let names = if with_names { format!(" --sym {name}.sym") } else { String::new() };
    format!("params audit --r1cs {name}.r1cs --wtns {name}.wtns{names}")
}

/// The answer: wires and names of the inputs, and kind, wires and signals without a wire of each finding.
fn audited(at: &Path, name: &str, with_names: bool) -> (i32, Value, Value) {
    let run = veilpass(at, &command(name, with_names));
    let answer = run.json();
    let findings = answer["findings"].as_array().unwrap().iter();
    let places = |f: &Value| json!([f["kind"], f["wires"], f["signals"]]);
    let from = if with_names { "labels_and_names" } else { "labels" };
    assert_eq!(answer["inputs_from"], from);
    assert_eq!(answer["given"], answer["inputs"].as_array().unwrap().len());
    (run.exit, answer["inputs"].clone(), findings.map(places).collect())
}

/// circom's header counts two private inputs, of which one has no wire. Whoever takes the two wires behind
/// the output takes the free wire `t` for an input and finds nothing.
#[test]
fn an_input_that_simplification_dropped_does_not_hide_a_free_wire() {
    let place = tempfile::tempdir().unwrap();
    copy("dropped", place.path());
    let (exit, inputs, found) = audited(place.path(), "dropped", true);
    assert_eq!(exit, 1);
    assert_eq!(inputs, json!([{"wire": 2, "name": "main.b"}]));
    let (t, a) = (json!([{"wire": 3, "name": "main.t"}]), json!([{"label": 2, "name": "main.a"}]));
    let c_and_t = json!([{"wire": 1, "name": "main.c"}, {"wire": 3, "name": "main.t"}]);
    let expected = [
        json!(["input_dropped", [], a]),
        json!(["wire_dangling", t, []]),
        json!(["wire_undetermined", [c_and_t[0]], []]),
        json!(["wire_undetermined", t, []]),
        json!(["wires_free", c_and_t, []]),
    ];
    assert_eq!(found, json!(expected));

    // The same without names, and in the text for people.
    let (exit, inputs, found) = audited(place.path(), "dropped", false);
    assert_eq!((exit, &inputs), (1, &json!([{"wire": 2, "name": ""}])));
    assert_eq!(found.as_array().unwrap().len(), expected.len());
    let arguments = command("dropped", true);
    let text = run_with(place.path(), &arguments.split_whitespace().collect::<Vec<_>>(), b"");
    assert_eq!(text.exit, 1);
    for words in [
        "agree with the .sym file: wire 2 (main.b)\n",
        "label 2 (main.a) [input_dropped]",
        "Something was found",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }

    // The control: with the wires that the header counts, everything follows.
    let circuit = read_r1cs(&std::fs::read(place.path().join("dropped.r1cs")).unwrap()).unwrap();
    let first = 1 + circuit.outputs + circuit.public_inputs;
    assert_eq!(undetermined(&circuit.matrices, first..first + circuit.private_inputs), [0; 0]);
    assert_eq!(undetermined(&circuit.matrices, circuit.inputs().unwrap().wires()), [1, 3]);
}

/// `t` stands directly behind the output, where the only input would stand.
#[test]
fn a_free_wire_in_the_place_of_the_only_input() {
    let place = tempfile::tempdir().unwrap();
    copy("dropped_first", place.path());
    let (exit, inputs, found) = audited(place.path(), "dropped_first", true);
    assert_eq!((exit, inputs), (1, json!([])));
    let kinds: Vec<&str> = found.as_array().unwrap().iter().map(|f| f[0].as_str().unwrap()).collect();
    assert!(kinds.contains(&"input_dropped") && kinds.contains(&"wire_undetermined"), "{kinds:?}");
}

/// Nothing is found in the sound twin, so the findings above are about the missing row.
#[test]
fn the_sound_twin_has_no_finding() {
    let place = tempfile::tempdir().unwrap();
    copy("tied", place.path());
    for with_names in [true, false] {
        let (exit, inputs, found) = audited(place.path(), "tied", with_names);
        let wires: Vec<&Value> = inputs.as_array().unwrap().iter().map(|input| &input["wire"]).collect();
        assert_eq!((exit, wires, found), (0, vec![&json!(2), &json!(3)], json!([])));
    }
}

/// A reason for a dropped input is given for its label. Public inputs come before private ones.
#[test]
fn an_input_that_was_replaced_is_reported_and_can_have_a_reason() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    copy("replaced", at);
    let (exit, inputs, found) = audited(at, "replaced", true);
    let named = |wire: usize, name: &str| json!({"wire": wire, "name": name});
    assert_eq!(exit, 1);
    assert_eq!(inputs, json!([named(3, "main.b[0]"), named(4, "main.b[1]"), named(5, "main.a")]));
    let d = named(2, "main.d");
    let expected = [
        json!(["input_dropped", [], [{"label": 6, "name": "main.e"}]]),
        json!(["wire_unused", [d], []]),
        json!(["mutation_unnoticed", [d], []]),
        json!(["wire_undetermined", [d], []]),
        json!(["wires_free", [d], []]),
    ];
    assert_eq!(found, json!(expected));
    let reason = |(at, kind): (usize, &str)| json!({"kind": kind, "at": at, "reason": "d is e"});
    let kinds = ["wire_unused", "mutation_unnoticed", "wire_undetermined", "wires_free"];
    let mut reasons: Vec<Value> = kinds.map(|kind| reason((2, kind))).into();
    let audit = format!("{} --accepted reasons.json", command("replaced", true));
    std::fs::write(at.join("reasons.json"), json!(reasons).to_string()).unwrap();
    assert_eq!(veilpass(at, &audit).exit, 1, "the dropped input still has none");
    reasons.push(reason((6, "input_dropped")));
    std::fs::write(at.join("reasons.json"), json!(reasons).to_string()).unwrap();
    assert_eq!(veilpass(at, &audit).ok()["ok"], true);
}

/// The header, the labels and the names must tell the same story. Each change alone is refused.
#[test]
fn files_that_contradict_each_other_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    copy("tied", at);
    assert_eq!(veilpass(at, &command("tied", true)).exit, 0);

    let names = std::fs::read_to_string(at.join("tied.sym")).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(names.contains(from), "{names}");
        names.replacen(from, to, 1)
    };
    for (name, text) in [
        ("an input that has a wire is said to have none", changed("2,2,", "2,-1,")),
        ("two signals have changed places", names.replace("2,2,", "2,3,").replace("3,3,", "3,2,")),
        ("a line is missing", changed("2,2,0,main.a\n", "")),
        ("a line is there twice", format!("{names}{}", "1,1,0,main.c\n")),
        ("a signal that there is not", format!("{names}9,-1,0,main.x\n")),
        ("an input belongs to another component", changed("3,3,0,main.b", "3,3,1,main.s.b")),
        ("names of another circuit", std::fs::read_to_string(format!("{FOLDER}/dropped.sym")).unwrap()),
    ] {
        std::fs::write(at.join("tied.sym"), text).unwrap();
        assert_eq!(veilpass(at, &command("tied", true)).code(), "file_damaged", "{name}");
    }
    assert_eq!(veilpass(at, &command("tied", false)).exit, 0, "the names are not needed");

    let good = read_r1cs(&std::fs::read(at.join("tied.r1cs")).unwrap()).unwrap();
    for (name, labels) in [
        ("the output has the label of an input", vec![0, 2, 1, 3, 4]),
        ("a label twice", vec![0, 1, 2, 2, 4]),
        ("an input behind another wire", vec![0, 1, 2, 4, 3]),
    ] {
        let mut bad = good.clone();
        bad.labels = labels;
        assert!(matches!(bad.inputs(), Err(FormatError::Inputs(_))), "{name}");
        std::fs::write(at.join("tied.r1cs"), write_r1cs(&bad)).unwrap();
        assert_eq!(veilpass(at, &command("tied", false)).code(), "file_damaged", "{name}");
    }
    // Four billion inputs announced and not there: refused, not listed.
    let mut bad = good;
    (bad.private_inputs, bad.label_count) = (u32::MAX as usize, 1 << 40);
    std::fs::write(at.join("tied.r1cs"), write_r1cs(&bad)).unwrap();
    assert_eq!(veilpass(at, &command("tied", false)).code(), "file_damaged");
}
