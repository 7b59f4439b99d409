//! `VEILPASS_MACHINE`: which instructions the program computes with.

use serde_json::Value;
use std::process::{Command, Output};

fn with(machine: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilpass"));
    command.args(arguments).env_remove("VEILPASS_MACHINE");
    if let Some(machine) = machine {
        command.env("VEILPASS_MACHINE", machine);
    }
    command.output().unwrap()
}

fn machine(chosen: Option<&str>) -> Value {
    let output = with(chosen, &["bench", "--machine", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_setting_switches_the_instructions_and_the_answer_names_them() {
    let best = machine(None);
    let wide = best["features"].as_array().unwrap().contains(&Value::from("avx512ifma"));
    assert_eq!(best["instructions"], if wide { "avx512ifma" } else { "portable" });
    let portable = machine(Some("portable"));
    assert_eq!(portable["instructions"], "portable");
    assert_eq!(portable["features"], best["features"], "the processor is the same");
    let text = with(Some("portable"), &["bench", "--machine"]);
    assert!(String::from_utf8(text.stdout).unwrap().contains("computes with portable instructions"));
}

#[test]
fn other_values_are_refused_before_anything_runs() {
    for value in ["avx2", "Portable", "portable ", ""] {
        let output = with(Some(value), &["params", "stats", "--json"]);
        assert_eq!(output.status.code(), Some(2), "{value:?}: {output:?}");
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("VEILPASS_MACHINE") && said.contains("Set it to \"portable\""), "{said}");
    }
    assert_eq!(with(Some("portable"), &["params", "stats", "--json"]).status.code(), Some(0));
}
