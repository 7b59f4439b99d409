//! The shape: pinned, equal for all witnesses, and what arkworks sees.

use ark_bn254::Fr;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, OptimizationGoal, R1CS_PREDICATE_LABEL,
    SynthesisMode,
};
use rand::{SeedableRng, rngs::StdRng};
use veilpass_circuits::attest::agreement::statement;
use veilpass_circuits::attest::{Statement, cases};
use veilpass_circuits::shape::{Combinations, Matrices};
use veilpass_circuits::{Attest, Circuit, Stats, Synthesis};

const PINNED: &str = include_str!("../../attest-v1.shape");

fn text(stats: &Stats) -> String {
    let Stats { rows, inputs, wires, wires_in_b, nonzeros, domain, shape, gadgets } = stats;
    let mut out = format!("rows {rows}\ninputs {inputs}\nwires {wires}\nwires_in_b {wires_in_b}\n");
    out +=
        &format!("nonzeros {} {} {}\ndomain {domain}\nshape {shape}\n", nonzeros.a, nonzeros.b, nonzeros.c);
    for line in gadgets {
        let clauses: Vec<&str> = line.clauses.iter().map(|c| c.as_str()).collect();
        out += &format!("gadget {} {} {}\n", line.name, line.rows, clauses.join(" "));
    }
    out
}

/// Another shape is another circuit: new keys, new vectors, a new circuit id. `attest-v1.shape` is
/// changed by hand, with what `VEILPASS_PIN=1` prints.
#[test]
fn the_shape_is_the_pinned_one() {
    let now = text(&Attest.shape().stats());
    if std::env::var("VEILPASS_PIN").is_ok_and(|v| v == "1") {
        println!("{now}");
    }
    assert_eq!(now, PINNED);
    let (d, m) = (Attest.dimensions(), Attest.shape().matrices());
    assert_eq!((d.rows, d.inputs, d.wires), (m.rows(), m.inputs, m.wires));
}

#[test]
fn figures_add_up() {
    let stats = Attest.shape().stats();
    assert!(stats.rows <= 6_100, "the budget of the design");
    assert_eq!(stats.inputs, 15);
    assert_eq!(stats.domain, 8_192);
    assert_eq!(stats.gadgets.iter().map(|line| line.rows).sum::<usize>(), stats.rows);
    assert_eq!(stats.gadgets.len(), Attest.ledger().len());
    assert_eq!(stats.rows, Attest.shape().matrices().rows());
}

/// S14: no entry of A, B or C in the column of `challenge`, and of no other wire is that true.
#[test]
fn the_column_of_the_challenge_is_empty() {
    let challenge = 14;
    assert_eq!(Attest.shape().wires_in_no_row(), [challenge]);
    let entries = Attest.shape().matrices().abc.iter().flatten().flatten();
    assert_eq!(entries.filter(|(_, wire)| *wire == challenge).count(), 0);
}

/// The name of an input's wire is the input's own, and no two wires share a name.
#[test]
fn wires_have_names() {
    let names = Attest.wire_names();
    let case = cases::typical(&mut StdRng::seed_from_u64(4));
    let assignment = Attest.assign(&case.statement, &case.witness);
    assert_eq!(names.len(), assignment.len());
    let value = |name: &str| assignment[names.iter().position(|n| n == name).unwrap()];
    for (name, expected) in Statement::NAMES.iter().zip(case.statement.to_array()) {
        assert_eq!(value(name), expected, "{name}");
    }
    let w = &case.witness;
    for (name, expected) in [
        ("k", w.k),
        ("d", w.d),
        ("packed", w.packed),
        ("link", w.link),
        ("slot", w.slot),
        ("path[3][5]", w.path[3][5]),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    // The last S-box of the path is an equality, so its wires are two less than its rows are three.
    for name in [
        "commitments.identity[212]",
        "path.level3.member[5]",
        "path.level0.hash[401]",
        "path.level10.hash[400]",
    ] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
}

#[test]
fn the_shape_does_not_follow_the_witness() {
    let mut rng = StdRng::seed_from_u64(3);
    let mut inputs: Vec<_> = cases::five(&mut rng).map(|c| (c.statement, c.witness)).to_vec();
    for clause in veilpass_circuits::attest::clauses::ALL {
        let case = cases::tamper(clause, &mut rng).0;
        inputs.push((case.statement, case.witness));
    }
    for (statement, witness) in &inputs {
        let other = Attest.shape_of(Some((statement, witness)));
        assert_eq!(other.digest(), Attest.shape().digest());
        assert_eq!(&other, Attest.shape());
    }
}

fn synthesized(circuit: Synthesis<'_, Attest>, mode: SynthesisMode) -> ConstraintSystemRef<Fr> {
    // As ark-groth16 0.6 does in its generator and prover.
    let cs = ConstraintSystem::new_ref();
    cs.set_optimization_goal(OptimizationGoal::Constraints);
    cs.set_mode(mode);
    circuit.generate_constraints(cs.clone()).unwrap();
    cs.finalize();
    cs
}

#[test]
fn arkworks_sees_the_same_matrices() {
    let cs = synthesized(Synthesis::blank(&Attest), SynthesisMode::Setup);
    let matrices = Attest.shape().matrices();
    assert_eq!(cs.num_predicates(), 1);
    assert_eq!(cs.num_constraints(), Attest.shape().rows());
    assert_eq!(cs.num_instance_variables(), matrices.inputs);
    assert_eq!(cs.num_instance_variables() + cs.num_witness_variables(), matrices.wires);
    assert_eq!(cs.to_matrices().unwrap()[R1CS_PREDICATE_LABEL], matrices.abc);
    assert_eq!(Matrices::of_constraint_system(&cs).as_ref(), Some(matrices));
}

#[test]
fn arkworks_sees_the_same_assignment() {
    let mut rng = StdRng::seed_from_u64(4);
    for (i, case) in cases::five(&mut rng).into_iter().enumerate() {
        let mode = SynthesisMode::Prove { construct_matrices: true, generate_lc_assignments: true };
        let assignment = Attest.assign(&case.statement, &case.witness);
        let cs = synthesized(Synthesis::new(&Attest, &case.statement, &case.witness), mode);
        assert!(cs.is_satisfied().unwrap(), "case {i}");
        let theirs = [cs.instance_assignment().unwrap(), cs.witness_assignment().unwrap()].concat();
        assert_eq!(theirs, **assignment, "case {i}");
    }
}

/// The fast way to judge an assignment is the slow one, also for false statements and for nonsense.
#[test]
fn combinations_judge_as_the_rows_do() {
    let combinations = Combinations::of(Attest.shape().matrices());
    let mut broken = 0;
    for seed in 0..60 {
        let case = statement(seed);
        let mut assignment = Attest.assign(&case.statement, &case.witness).to_vec();
        if seed % 3 == 0 {
            let wires = assignment.len() as u64;
            assignment[(seed * 97 % wires) as usize] += Fr::from(seed);
            assignment.truncate((wires - seed % 2) as usize);
        }
        let slow: Vec<usize> = Attest.shape().failing_rows(&assignment).collect();
        assert_eq!(combinations.failing_rows(&assignment), slow, "seed {seed}");
        broken += usize::from(!slow.is_empty());
    }
    assert!(broken > 20 && broken < 60, "{broken}");
}
