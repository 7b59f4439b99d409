//! The two engines of `audit` on the real matrices, and on broken ones as a positive control.

use crate::cases::{self, Case};
use ark_bn254::Fr;
use ark_ff::UniformRand;
use rand::{SeedableRng, rngs::StdRng};
use std::collections::BTreeSet;
use veilpass_circuits::attest::{PRIVATE_INPUTS, Statement};
use veilpass_circuits::audit::{undetermined, unnoticed};
use veilpass_circuits::shape::Matrices;
use veilpass_circuits::{Clause, Gadget, assign, shape};
use veilpass_protocol::poseidon::hash;

const NONE: [usize; 0] = [];

/// The wire of a public input.
fn input(name: &str) -> usize {
    1 + Statement::NAMES.iter().position(|n| *n == name).unwrap()
}

/// Public inputs without those named, and the private inputs.
fn known_without(names: &[&str]) -> Vec<usize> {
    let without: Vec<usize> = names.iter().map(|name| input(name)).collect();
    (1..15 + PRIVATE_INPUTS).filter(|wire| !without.contains(wire)).collect()
}

fn rows_of(clause: Clause, gadget: Gadget) -> Vec<usize> {
    let tags = shape().tags();
    (0..tags.len()).filter(|row| tags[*row].clause == clause && tags[*row].gadget == gadget).collect()
}

fn without(row: usize) -> Matrices {
    let mut matrices = shape().matrices().clone();
    matrices.abc.iter_mut().for_each(|m| drop(m.remove(row)));
    matrices
}

fn unnoticed_wires(matrices: &Matrices, case: &Case, rng: &mut StdRng) -> BTreeSet<usize> {
    let assignment = assign(&case.statement, &case.witness);
    unnoticed(matrices, &assignment, Fr::rand(rng)).unwrap().iter().map(|u| u.wire).collect()
}

/// Only `challenge` is in no row (S14); every other wire breaks one, whatever is done to it.
#[test]
fn every_mutation_of_every_wire_breaks_a_row() {
    let mut rng = StdRng::seed_from_u64(1);
    for (i, case) in cases::five(&mut rng).iter().enumerate() {
        let found = unnoticed_wires(shape().matrices(), case, &mut rng);
        assert_eq!(found, BTreeSet::from([input("challenge")]), "case {i}");
    }
}

/// From the private inputs and the public inputs all wires follow; even without `root` and `pseudonym`,
/// which the others determine: one pseudonym per secret, scope and slot.
#[test]
fn every_wire_follows_from_the_inputs() {
    assert_eq!(undetermined(shape().matrices(), known_without(&[])), NONE);
    assert_eq!(undetermined(shape().matrices(), known_without(&["root", "pseudonym"])), NONE);
    // The other inputs are inputs: without them something is open.
    for name in Statement::NAMES.iter().filter(|n| !["root", "pseudonym"].contains(n)) {
        assert!(undetermined(shape().matrices(), known_without(&[name])).contains(&input(name)), "{name}");
    }
}

/// The broken circuits. Each is the real one without one row, the freedom that this gives, and the
/// engines that must see it.
#[test]
fn broken_circuits_are_caught() {
    let mut rng = StdRng::seed_from_u64(2);
    let mut case = cases::typical(&mut rng);
    case.places = [2; 11];
    case.rehang();
    case.rename();
    let path = rows_of(Clause::S1, Gadget::Path);
    let s6 = rows_of(Clause::S6, Gadget::Comparisons);
    let s7 = rows_of(Clause::S7, Gadget::Comparisons);
    let unpacking = rows_of(Clause::S2, Gadget::Unpacking);
    let s4 = rows_of(Clause::S4, Gadget::Pseudonym);
    let leaf = rows_of(Clause::S2, Gadget::Leaf);
    let s11 = rows_of(Clause::S11, Gadget::Sets);
    // Removed row, and whether mutation must see it; propagation must see all of these.
    let broken = [
        ("the top bit of enrolled_on ≤ valid_on is no bit: any order passes", s6[17], true),
        ("the top bit of birth_date ≤ born_on_or_before is no bit", s7[35], true),
        ("the top bit of P is no bit", unpacking[84], false),
        ("a lower bit of a comparison is no bit", s6[3], false),
        ("a bit of P is no bit", unpacking[55], false),
        ("the first product of the membership is free", path[0], true),
        ("a product in the middle of the membership is free", path[3], false),
        ("the pseudonym is in no row", *s4.last().unwrap(), true),
        ("an S-box of the leaf gives anything", leaf[2], false),
        ("a choice among the document classes is free", s11[16], false),
    ];
    for (what, row, by_mutation) in broken {
        let matrices = without(row);
        let mut found = unnoticed_wires(&matrices, &case, &mut rng);
        found.remove(&input("challenge"));
        assert!(!by_mutation || !found.is_empty(), "mutation: {what}");
        let left = undetermined(&matrices, known_without(&["root", "pseudonym"]));
        assert!(!left.is_empty(), "propagation: {what}");
    }
}

/// For each row alone: an assignment that breaks it and no other, if one of the bent cases is such.
fn broken_alone(rng: &mut StdRng) -> BTreeSet<usize> {
    let mut bent = Vec::new();
    for level in 0..11 {
        // The node is not among its siblings; what follows hangs together.
        let mut case = cases::typical(rng);
        let path = &mut case.witness.path;
        path[level][case.places[level]] = Fr::rand(rng);
        for above in level + 1..11 {
            path[above][case.places[above]] = hash(&path[above - 1]);
        }
        case.statement.root = hash(&path[10]);
        bent.push(case);
    }
    for clause in [Clause::S10, Clause::S11, Clause::S12, Clause::S13] {
        bent.extend((0..20).map(|_| cases::tamper(clause, rng).0));
    }
    let mut alone = BTreeSet::new();
    for case in bent {
        let failing: Vec<usize> = shape().failing_rows(&assign(&case.statement, &case.witness)).collect();
        if let [row] = failing[..] {
            alone.insert(row);
        }
    }
    alone
}

/// No row is idle: without it a wire is free, or a false statement passes. Usually every 29th row of the
/// path and all others but the hashes', with `VEILPASS_LONG=1` every row.
#[test]
fn every_row_is_needed() {
    let mut rng = StdRng::seed_from_u64(5);
    let alone = broken_alone(&mut rng);
    let mut matrices = shape().matrices().clone();
    let mut checked = 0;
    for row in 0..shape().rows() {
        let hashes = [Gadget::Path, Gadget::Commitments, Gadget::Leaf, Gadget::Pseudonym]
            .contains(&shape().tags()[row].gadget);
        if alone.contains(&row) || (hashes && row % cases::amount(29, 1) as usize != 0) {
            continue;
        }
        let taken = [0, 1, 2].map(|m| std::mem::take(&mut matrices.abc[m][row]));
        let left = undetermined(&matrices, known_without(&["root", "pseudonym"]));
        assert!(!left.is_empty(), "row {row} ({:?}) is idle", shape().tags()[row]);
        for (matrix, entries) in matrices.abc.iter_mut().zip(taken) {
            matrix[row] = entries;
        }
        checked += 1;
    }
    assert!(checked > 400);
    // Assertions between wires that are determined anyway: only a false statement shows that they count.
    let no_product = |row: &usize| shape().matrices().abc[2][*row].is_empty();
    let memberships: Vec<usize> = rows_of(Clause::S1, Gadget::Path).into_iter().filter(no_product).collect();
    assert_eq!(memberships.len(), 11);
    assert!(memberships.iter().all(|row| alone.contains(row)));
}
