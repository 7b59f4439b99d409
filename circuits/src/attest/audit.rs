//! `attest-v1` as a subject of [`crate::audit`].

use super::circuit::Attest;
use super::{PRIVATE_INPUTS, Statement, cases};
use crate::audit::{Accepted, Kind, Subject};
use crate::core::circuit::Circuit;
use ark_ff::UniformRand;
use rand::{SeedableRng, rngs::StdRng};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::INPUTS;

/// The wire of a public input; `None` for a name that there is not.
pub fn input(name: &str) -> Option<usize> {
    Statement::NAMES.iter().position(|n| *n == name).map(|position| 1 + position)
}

/// The wires from which all others should follow: public and private inputs, but for `root` and
/// `pseudonym`. That these two follow says that there is one root for a path and one pseudonym for a secret,
/// a scope and a slot.
pub fn given() -> Vec<usize> {
    let follow = [input("root"), input("pseudonym")];
    (1..=INPUTS + PRIVATE_INPUTS).filter(|wire| !follow.contains(&Some(*wire))).collect()
}

/// What the engines find in `attest-v1` and should.
pub fn accepted() -> Vec<Accepted> {
    let reason = "S14: in no row on purpose. Its input row in the QAP and its own point in the verifying key bind a proof \
                  to it; the lint of keys checks them";
    let of = |kind| input("challenge").map(|at| Accepted { kind, at, reason: reason.to_owned() });
    [Kind::WireUnused, Kind::MutationUnnoticed].into_iter().filter_map(of).collect()
}

/// Good assignments: a typical person, everything asked and met exactly, all fields as large and as small as
/// they can be, and random ones.
pub fn witnesses(seed: u64) -> Vec<Vec<Fr>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let cases = cases::five(&mut rng);
    cases.iter().map(|case| Attest.assign(&case.statement, &case.witness).to_vec()).collect()
}

/// `attest-v1` with its witnesses and what is accepted of it.
pub fn subject<'a>(witnesses: &'a [Vec<Fr>], accepted: &'a [Accepted], seed: u64) -> Subject<'a> {
    let (matrices, given, chosen) = (Attest.shape().matrices(), given(), chosen(seed));
    Subject { matrices, given, dropped: &[], witnesses, accepted, chosen }
}

/// The random value that wires are changed to, for any circuit.
pub fn chosen(seed: u64) -> Fr {
    Fr::rand(&mut StdRng::seed_from_u64(seed))
}

/// How many of a number of random statements with their witnesses, true and false, have the digest of the
/// pinned shape. All of them must.
pub fn same_shape(seed: u64, statements: u64) -> u64 {
    let digest = Attest.shape().digest();
    let same = |seed: &u64| {
        let case = super::agreement::statement(*seed);
        Attest.shape_of(Some((&case.statement, &case.witness))).digest() == digest
    };
    (0..statements).map(|i| seed.wrapping_add(i)).filter(same).count() as u64
}
