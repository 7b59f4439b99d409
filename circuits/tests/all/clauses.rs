//! Every clause tampered with: native check and circuit name it, both.

use crate::amount;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeSet;
use veilpass_circuits::attest::cases::{self, fr, tamper};
use veilpass_circuits::attest::{Statement, clauses};
use veilpass_circuits::{Attest, Circuit, Clause, Witness, native_check};
use veilpass_protocol::field::from_hex;

#[test]
fn good_cases_are_accepted() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        for (i, case) in cases::five(&mut rng).iter().enumerate() {
            assert_eq!(native_check(&case.statement, &case.witness), Ok(()), "seed {seed}, case {i}");
            assert_eq!(Attest.check(&case.statement, &case.witness), Ok(()), "seed {seed}, case {i}");
        }
    }
}

#[test]
fn every_clause_is_named_by_both() {
    for clause in clauses::ALL {
        for seed in 0..amount(40, 1_000) {
            let mut rng = StdRng::seed_from_u64(seed);
            let (case, expected) = tamper(clause, &mut rng);
            let expected = expected.map_or(Ok(()), Err);
            assert_eq!(native_check(&case.statement, &case.witness), expected, "{clause}, seed {seed}");
            assert_eq!(Attest.check(&case.statement, &case.witness), expected, "{clause}, seed {seed}");
        }
    }
}

/// Where one bound alone is missed, the rows of that clause break and no others.
#[test]
fn only_the_rows_of_the_failing_clause_break() {
    let mut rng = StdRng::seed_from_u64(7);
    type Edit = fn(&mut Statement);
    let edits: [(Clause, Edit); 13] = [
        (clauses::S1, |s| s.root += fr(1)),
        (clauses::S4, |s| s.pseudonym += fr(1)),
        (clauses::S4, |s| s.scope += fr(1)),
        (clauses::S5, |s| s.slots = fr(0)),
        (clauses::S6, |s| s.valid_on -= fr(1)),
        (clauses::S6, |s| s.valid_on += fr(1)),
        (clauses::S7, |s| s.born_on_or_before -= fr(1)),
        (clauses::S8, |s| s.enrolled_on_or_before -= fr(1)),
        (clauses::S9, |s| s.generation_at_most -= fr(1)),
        (clauses::S10, |s| s.sexes = fr(15) - s.sexes),
        (clauses::S11, |s| s.document_classes = fr(65_535) - s.document_classes),
        (clauses::S12, |s| s.nationality += fr(1)),
        (clauses::S13, |s| s.province += fr(1)),
    ];
    for (clause, edit) in edits {
        let mut case = cases::tight(&mut rng);
        edit(&mut case.statement);
        let assignment = Attest.assign(&case.statement, &case.witness);
        let broken: BTreeSet<Clause> =
            Attest.shape().failing_rows(&assignment).map(|row| Attest.shape().tags()[row].clause).collect();
        assert_eq!(broken, BTreeSet::from([clause]));
    }
}

/// The example of contract §3, made by another implementation: `k` = 1, `d` = 2, `X` = 0, alone in the
/// tree, account at forum.example, age of 18 on 2026-11-22.
#[test]
fn the_example_of_the_contract() {
    let hex = |text: &str| from_hex(text).unwrap();
    let statement = Statement {
        root: hex("14c4dda7a74017b33f3a94750f066755144a216ed2a648918943dbe4b7e81ece"),
        scope: hex("000fcf9cd81f530772fbf6811ff6306c263649096eec9c411728a4756169887f"),
        pseudonym: hex("117156f92cfe03924f2f6a7f459998fdcbc9f279d296d1a801a15c65673af87c"),
        slots: fr(1),
        valid_on: fr(82_870),
        born_on_or_after: fr(0),
        born_on_or_before: fr(76_296),
        enrolled_on_or_before: fr(262_143),
        generation_at_most: fr(255),
        sexes: fr(15),
        document_classes: fr(65_535),
        nationality: fr(0),
        province: fr(0),
        challenge: hex("00c598d53e108e825b8cca14bbb4ffc3504c1e354dd8c9e99b8d319ee5b8069a"),
    };
    let mut path = [[Fr::ZERO; 8]; 11];
    cases::only_member(&mut path);
    assert_eq!(path[1][1], hex("035ebc384d320413c9b97d446bf7de69e04d6278d68d52934a4f5f653348622a"));
    let mut node = hex("03489ee1b54bf2b48dbebd8f92e94409b6aa6b89102f4a0ff8347a7fb8876f88");
    for children in &mut path {
        children[0] = node;
        node = veilpass_protocol::poseidon::hash(children);
    }
    let packed = hex("000000000000000000000000000000000000000000000b09c15405157e451d27");
    let witness = Witness { k: fr(1), d: fr(2), packed, link: fr(0), slot: fr(0), path };
    assert_eq!(native_check(&statement, &witness), Ok(()));
    assert_eq!(Attest.check(&statement, &witness), Ok(()));

    // Z knows the circuit only by the order of its wires.
    let assignment = Attest.assign(&statement, &witness);
    assert_eq!(assignment[0], fr(1));
    assert_eq!(assignment[1..15], statement.to_array());
    assert_eq!(assignment[15..20], [witness.k, witness.d, witness.packed, witness.link, witness.slot]);
    assert_eq!(assignment[20..108], *witness.path.as_flattened());
}

/// The current node may stand at any of the 8 places, at each level.
#[test]
fn every_place_of_every_level() {
    let mut rng = StdRng::seed_from_u64(11);
    for level in 0..11 {
        for place in 0..8 {
            let mut case = cases::typical(&mut rng);
            case.places[level] = place;
            case.rehang();
            assert_eq!(Attest.check(&case.statement, &case.witness), Ok(()));
            case.witness.path[level][place] += Fr::from(rng.gen_range(1..9u64));
            assert_eq!(Attest.check(&case.statement, &case.witness), Err(clauses::S1));
        }
    }
}
