//! The whole way on a machine without wide instructions. A binary of its own, because the choice is for the whole
//! process; the libraries' other tests reach both machines by naming them.

use veilpass_kernels::Machine;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::scope::LinkKind;
use veilpass_prover::groth16::{Engine, PreparedProvingKey};
use veilpass_tests::World;
use veilpass_verifier::{PreparedKey, Proof};

#[test]
fn a_process_that_chose_portable_proves_and_checks_on_it() {
    let portable = Machine::portable();
    assert_eq!(portable.choose(), Ok(()));
    assert_eq!(Machine::current(), portable);

    // Trees, a proof and its check.
    let mut world = World::new(12);
    let request = world.request(LinkKind::Account, Predicates::valid());
    let (statement, witness) = world.claim(0, &request, 2);
    let bytes = world.prove(&statement, &witness);
    let key = PreparedKey::new(world.key.clone()).unwrap();
    assert!(key.check(&statement, &Proof::from_bytes(&bytes).unwrap()).is_ok());
    let (other, _) = world.claim(1, &request, 2);
    assert!(key.check(&other, &Proof::from_bytes(&bytes).unwrap()).is_err());

    // What was not told a machine took the chosen one, wherever the processor has a better one.
    let proving = veilpass_params::dev::proving_key().unwrap();
    assert_eq!(Engine::new(proving.clone()).unwrap().machine(), "portable");
    let best = Machine::detect();
    let engine = Engine::on(best, PreparedProvingKey::new(&proving)).unwrap();
    assert_eq!(engine.machine(), best.name(), "the processor's own is still to be had by its name");

    // The choice holds.
    let other = if best == portable { Ok(()) } else { Err(portable) };
    assert_eq!(best.choose(), other);
    assert_eq!(portable.choose(), Ok(()));
    assert_eq!(Machine::current(), portable);
}
