//! The whole way on each machine, wherever the processor has a better one. The machine is settled once for a process,
//! so each gets a process of its own: this program, told to run one test.

use std::process::Command;
use veilpass_kernels::Machine;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::scope::LinkKind;
use veilpass_prover::groth16::{Engine, PreparedProvingKey};
use veilpass_tests::World;
use veilpass_verifier::{PreparedKey, Proof};

/// Runs the test of this name in a process whose `VEILPASS_MACHINE` has this value.
fn in_a_process(test: &str, value: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env(Machine::VARIABLE, value);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{value}: {output:?}");
}

#[test]
fn each_machine_proves_and_checks_in_a_process_of_its_own() {
    for machine in Machine::all() {
        in_a_process("machine::this_process_proves_and_checks", machine.name());
    }
}

#[test]
fn a_name_that_is_no_machine_counts_as_unset() {
    for value in ["", "avx2", "Portable", "portable "] {
        in_a_process("machine::this_process_computes_on_the_best", value);
    }
}

#[test]
#[ignore = "run by a_name_that_is_no_machine_counts_as_unset, in a process of its own"]
fn this_process_computes_on_the_best() {
    assert_eq!(Machine::current(), Machine::detect());
}

#[test]
#[ignore = "run by each_machine_proves_and_checks_in_a_process_of_its_own"]
fn this_process_proves_and_checks() {
    let named = Machine::named(&std::env::var(Machine::VARIABLE).unwrap()).unwrap();
    assert_eq!(Machine::current(), named);

    // Trees, a proof and its check.
    let mut world = World::new(12);
    let request = world.request(LinkKind::Account, Predicates::valid());
    let (statement, witness) = world.claim(0, &request, 2);
    let bytes = world.prove(&statement, &witness);
    let key = PreparedKey::new(world.key.clone()).unwrap();
    assert!(key.check(&statement, &Proof::from_bytes(&bytes).unwrap()).is_ok());
    let (other, _) = world.claim(1, &request, 2);
    assert!(key.check(&other, &Proof::from_bytes(&bytes).unwrap()).is_err());

    // What was not told a machine took that of the process; the others are still to be had by their names.
    let proving = veilpass_params::dev::proving_key().unwrap();
    assert_eq!(Engine::new(proving.clone()).unwrap().machine(), named.name());
    for machine in Machine::all() {
        let engine = Engine::on(machine, PreparedProvingKey::new(&proving)).unwrap();
        assert_eq!(engine.machine(), machine.name());
    }
}
