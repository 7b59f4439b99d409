//! The engines of `audit` on the real matrices, and on broken ones as positive controls.

use crate::amount;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::collections::BTreeSet;
use veilpass_circuits::attest::agreement::statement;
use veilpass_circuits::attest::{Statement, audit as attest, controls};
use veilpass_circuits::audit::{Engine, Propagation, audit, undetermined};
use veilpass_circuits::{Attest, Circuit};

const SEED: u64 = 1;
const NONE: [usize; 0] = [];

/// A change of the circuit that leaves a finding without a reason ends here.
#[test]
fn nothing_is_found_without_a_reason() {
    let (witnesses, accepted) = (attest::witnesses(SEED), attest::accepted());
    let report = audit(&attest::subject(&witnesses, &accepted, SEED), &|_, _, _| {}).unwrap();
    assert_eq!(report.faults().collect::<Vec<_>>(), Vec::<&_>::new());
    // What has a reason is `challenge`, by the two engines that look at rows.
    let challenge = attest::input("challenge").unwrap();
    let found: Vec<_> = report.findings.iter().map(|f| (f.kind.engine(), &f.wires[..])).collect();
    assert_eq!(found, [(Engine::Structure, &[challenge][..]), (Engine::Mutation, &[challenge][..])]);

    let count = |engine: Engine, name: &str| {
        report.engines.iter().find(|e| e.engine == engine).and_then(|e| e.counts.get(name)).copied().unwrap()
    };
    let others = Attest.shape().matrices().wires - 1 - attest::given().len();
    assert_eq!(count(Engine::Propagation, "wires"), others);
    let by = ["by_product", "by_linear_row", "by_bits"].map(|rule| count(Engine::Propagation, rule));
    assert_eq!(by.iter().sum::<usize>(), others, "100 % of the wires, each by one rule");
    assert!(count(Engine::Mutation, "mutations") > 5 * 3 * others);
    assert_eq!(count(Engine::Jacobian, "columns"), others);
    assert_eq!(count(Engine::Jacobian, "points_of_full_rank"), 5);
    let needed = count(Engine::Deletion, "determining") + count(Engine::Deletion, "asserting");
    assert_eq!(needed, Attest.shape().rows());
    assert_eq!(count(Engine::Deletion, "asserting"), 11 + 4, "the memberships and S10 to S13");
}

/// Each control is seen by the engines that must see it, and by no other.
#[test]
fn broken_circuits_are_caught() {
    let mut cried = BTreeSet::new();
    let outcomes: Vec<_> = controls::controls().iter().map(|c| c.run(SEED, 80).unwrap()).collect();
    for outcome in &outcomes {
        assert!(outcome.as_expected, "{outcomes:#?}");
        cried.extend(outcome.cried.iter().copied());
    }
    assert_eq!(cried, BTreeSet::from(Engine::ALL), "every engine has something to cry about");
}

/// From the private inputs and the public inputs all wires follow; even without `root` and `pseudonym`,
/// which the others determine: one pseudonym per secret, scope and slot.
#[test]
fn every_wire_follows_from_the_inputs() {
    assert_eq!(undetermined(Attest.shape().matrices(), attest::given()), NONE);
    // The other inputs are inputs: without them something is open.
    for name in Statement::NAMES.iter().filter(|n| !["root", "pseudonym"].contains(n)) {
        let wire = attest::input(name).unwrap();
        let without = attest::given().into_iter().filter(|given| *given != wire);
        assert!(undetermined(Attest.shape().matrices(), without).contains(&wire), "{name}");
    }
}

/// The rows alone, solved from the inputs, give what the code that made them gives: also for statements that
/// are false, but for `root` and `pseudonym`, which then follow and are not the claimed ones.
#[test]
fn the_rows_alone_give_the_assignment() {
    let propagation = Propagation::new(Attest.shape().matrices(), attest::given());
    let determined = propagation.determine();
    let claimed = ["root", "pseudonym"].map(|name| attest::input(name).unwrap());
    for seed in 0..amount(60, 2_000) {
        let case = statement(seed);
        let expected = Attest.assign(&case.statement, &case.witness);
        let mut inputs = vec![Fr::ZERO; expected.len()];
        propagation.given().for_each(|wire| inputs[wire] = expected[wire]);
        let mut solved = propagation.solve(&determined, &inputs);
        claimed.iter().for_each(|wire| solved[*wire] = expected[*wire]);
        assert!(solved == **expected, "seed {seed}");
    }
}

/// The shape does not follow statement or witness.
#[test]
fn a_hundred_witnesses_have_one_shape() {
    assert_eq!(attest::same_shape(SEED, 100), 100);
}
