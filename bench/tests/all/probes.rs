//! The memory of child processes: this test program is its own child.

use veilpass_bench::BenchError;
use veilpass_bench::peak::{Child, Probe};

fn child(program: &str, arguments: &[&str]) -> Child {
    Child { program: program.into(), arguments: arguments.iter().map(|a| (*a).to_owned()).collect() }
}

#[test]
fn probes_have_names() {
    for probe in Probe::ALL {
        assert_eq!(Probe::from_name(probe.name()).unwrap(), probe);
    }
    assert!(matches!(Probe::from_name("x"), Err(BenchError::UnknownProbe(_))));
}

#[test]
fn a_child_that_answers_otherwise_is_an_error_in_words() {
    assert_eq!(Probe::Idle.run_in(&child("sh", &["-c", "echo 4096"])).unwrap(), Some(4096));
    assert_eq!(Probe::Idle.run_in(&child("sh", &["-c", "echo unknown"])).unwrap(), None);
    let said = |child: Child| Probe::Idle.run_in(&child).unwrap_err().to_string();
    assert!(said(child("sh", &["-c", "echo much"])).contains("much"));
    assert!(said(child("sh", &["-c", "echo no room >&2; exit 3"])).contains("no room"));
    assert!(said(child("/nowhere/at/all", &[])).contains("/nowhere/at/all"));
}

#[test]
fn proving_takes_memory_and_says_how_much() {
    let _alone = crate::alone();
    if let Some(bytes) = Probe::Prove.run().unwrap() {
        assert!(bytes > 4 << 20, "{bytes}");
    }
}
