//! The suite of `circuit_suite` for each circuit: for `attest-v1`, and for one that the product does not have.

use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_circuits::attest::{audit, cases, clauses};
use veilpass_circuits::{Attest, Clause};
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon::hash;
use veilpass_tests::circuit_suite::{Claim, Suite};

#[path = "../../../bench/examples/own_predicate/circuit.rs"]
mod own;

#[test]
fn attest_v1() {
    let mut rng = StdRng::seed_from_u64(21);
    let good = cases::five(&mut rng).map(|case| (case.statement, case.witness)).to_vec();
    let bad = clauses::ALL.into_iter().filter_map(|clause| {
        let (case, expected) = cases::tamper(clause, &mut rng);
        expected.map(|expected| (expected, (case.statement, case.witness)))
    });
    let suite = Suite {
        circuit: Attest,
        good,
        bad: bad.collect(),
        defining: vec![clauses::S3],
        following: vec!["root", "pseudonym"],
        accepted: audit::accepted(),
        digest: "de3698a9bec28f3d1d3fce80e323bd57a7144b2a821b2b480e34611e757912b6",
    };
    suite.run();
}

/// The example of `bench`: a document is valid for some days more.
fn still_valid(packed: Fr, salt: u64, today: u64, days: u64) -> Claim<own::StillValid> {
    let salt = Fr::from(salt);
    let statement =
        own::Statement { commitment: hash(&[packed, salt]), today: Fr::from(today), days: Fr::from(days) };
    (statement, own::Opening { packed, salt })
}

/// Attributes with nothing but a day of expiry (bits 18 to 35).
fn expires(day: u64) -> Fr {
    Fr::from(day << 18)
}

#[test]
fn an_own_circuit() {
    let wrong = |clause: Clause, claim| (clause, claim);
    let mut other_commitment = still_valid(expires(76_000), 7, 75_000, 183);
    other_commitment.0.commitment += Fr::from(1u64);
    // A reserved bit of the attributes, 80, under a commitment that fits.
    let reserved = expires(76_000) + Fr::from(1u128 << 85);
    let suite = Suite {
        circuit: own::StillValid,
        good: vec![
            still_valid(expires(76_000), 7, 75_000, 183),
            still_valid(expires(75_183), 8, 75_000, 183),
            still_valid(expires((1 << 18) - 1), 9, 0, 0),
        ],
        bad: vec![
            wrong(own::V1, other_commitment),
            wrong(own::V2, still_valid(reserved, 7, 75_000, 183)),
            wrong(own::V3, still_valid(expires(75_182), 8, 75_000, 183)),
        ],
        defining: vec![],
        following: vec!["commitment"],
        accepted: vec![],
        digest: "336656ccee71b4b6b5010a66d39e7ffe7a5f36dcc4f9812c9e0f7d0dbb1e234c",
    };
    suite.run();
}
