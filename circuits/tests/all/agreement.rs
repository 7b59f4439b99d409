//! Native check and circuit say the same on any field elements.

use crate::amount;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, UniformRand};
use rand::{SeedableRng, rngs::StdRng};
use veilpass_circuits::attest::agreement::agreement;
use veilpass_circuits::attest::cases::{self, fr};
use veilpass_circuits::attest::{Statement, clauses};
use veilpass_circuits::{Attest, Circuit, Clause, Witness, native_check};

fn verdict(statement: &Statement, witness: &Witness, about: &str) -> Option<Clause> {
    let native = native_check(statement, witness);
    assert_eq!(Attest.check(statement, witness), native, "{about}");
    native.err()
}

/// In the long form a million statements, about half an hour on two cores: what `veilpass params audit` does.
#[test]
fn on_bent_cases() {
    let statements = amount(20_000, 1_000_000);
    let found = agreement(1, statements, &|_| {});
    assert_eq!((&found.differences[..], found.differing), (&[][..], 0));
    let refused = found.refused.values().sum::<u64>();
    assert_eq!((found.statements, found.satisfied + refused), (statements, statements));
    for clause in clauses::ALL.into_iter().filter(|c| !matches!(*c, clauses::S3 | clauses::S14)) {
        let times = found.refused.get(&clause).copied().unwrap_or_default();
        assert!(times * 150 >= statements, "{clause} failed only {times} times of {statements}");
    }
    assert!(found.satisfied * 20 >= statements, "only {} are true", found.satisfied);
}

#[test]
fn on_nothing_but_random_field_elements() {
    for seed in 0..amount(50, 1_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut any = || Fr::rand(&mut rng);
        let statement = Statement::from_array(std::array::from_fn(|_| any()));
        let path = std::array::from_fn(|_| std::array::from_fn(|_| any()));
        let witness = Witness { k: any(), d: any(), packed: any(), link: any(), slot: any(), path };
        assert_eq!(verdict(&statement, &witness, &format!("seed {seed}")), Some(clauses::S1));
    }
    assert_eq!(
        verdict(&Statement::from_array([Fr::ZERO; 14]), &Witness::default(), "zeros"),
        Some(clauses::S1)
    );
}

/// Where every bound is met exactly, one more or less is refused: of the 13 inputs that clauses speak
/// of, `slots` + 1 alone leaves a true statement.
#[test]
fn on_public_inputs_shifted_by_one() {
    for seed in 0..3 {
        let case = cases::tight(&mut StdRng::seed_from_u64(seed));
        let mut accepted = Vec::new();
        for (i, name) in Statement::NAMES.iter().enumerate() {
            for change in [fr(1), -fr(1)] {
                let mut inputs = case.statement.to_array();
                inputs[i] += change;
                let up = change == fr(1);
                if verdict(&Statement::from_array(inputs), &case.witness, name).is_none() {
                    accepted.push((*name, up));
                }
            }
        }
        // One more day, slot or generation than needed is a weaker statement that is still true.
        let mut weaker = vec![("slots", true), ("born_on_or_after", false), ("born_on_or_before", true)];
        weaker.extend([
            ("enrolled_on_or_before", true),
            ("generation_at_most", true),
            ("challenge", true),
            ("challenge", false),
        ]);
        // A set may lose or gain another element than the one that counts.
        accepted.retain(|(name, _)| !["sexes", "document_classes"].contains(name));
        assert_eq!(accepted, weaker, "seed {seed}");
    }
}

#[test]
fn on_public_inputs_swapped() {
    let mut refused = 0;
    let mut pairs = 0;
    for seed in 0..3 {
        let case = cases::tight(&mut StdRng::seed_from_u64(seed));
        for i in 0..14 {
            for j in 0..i {
                let mut inputs = case.statement.to_array();
                inputs.swap(i, j);
                let changed = inputs != case.statement.to_array();
                let about = format!("seed {seed}: {} and {}", Statement::NAMES[i], Statement::NAMES[j]);
                let verdict = verdict(&Statement::from_array(inputs), &case.witness, &about);
                assert!(changed || verdict.is_none(), "{about}");
                pairs += u32::from(changed);
                refused += u32::from(verdict.is_some());
            }
        }
    }
    assert!(refused + 3 >= pairs && pairs > 3 * 80, "{refused} of {pairs}");
}
