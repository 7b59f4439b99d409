//! States as bytes: the same proofs, and nothing but them.

use super::blinding::{Factors, blind};
use super::*;
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::LazyLock;
use veilpass_circuits::attest::cases;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::dev;
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_verifier::VerifyingKey;
use zeroize::Zeroizing;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(dev::proving_key().unwrap()).unwrap());
static KEY: LazyLock<VerifyingKey> = LazyLock::new(|| dev::verifying_key().unwrap());

fn case(seed: u64) -> (Statement, Witness) {
    let case = cases::random(&mut StdRng::seed_from_u64(seed));
    (case.statement, case.witness)
}

fn kept(statement: &Statement, witness: &Witness, rng: &mut StdRng) -> Zeroizing<[u8; PREPARED_BYTES]> {
    ENGINE.session(statement, witness).unwrap().prepare_to_keep(rng).unwrap().to_bytes()
}

fn accepted(statement: &Statement, proof: &[u8; PROOF_BYTES]) -> bool {
    ENGINE.checked(statement, *proof).is_ok()
}

/// With equal factors a state that was written and read gives the bytes of the cold proof, and of the state with tables.
#[test]
fn after_a_round_trip_it_is_the_cold_proof_bit_for_bit() {
    let mut rng = StdRng::seed_from_u64(41);
    for seed in [42, 43] {
        let (statement, witness) = case(seed);
        let tables = ENGINE.prepare(&statement, &witness, &mut rng).unwrap();
        let bytes = kept(&statement, &witness, &mut rng);
        assert!(*bytes == *tables.to_bytes(), "one state, one text");
        let read = Prepared::from_bytes(&bytes, &KEY, &witness).unwrap();
        assert!(*read.to_bytes() == *bytes);
        for challenge in [Fr::ZERO, Fr::ONE, -Fr::ONE, statement.challenge, Fr::rand(&mut rng)] {
            let asked = Statement { challenge, ..statement.clone() };
            let factors =
                Factors { rho: Zeroizing::new(Fr::rand(&mut rng)), t: Zeroizing::new(Fr::rand(&mut rng)) };
            let (wires, rows) = Attest.assign_rows(&asked, &witness);
            let cold = blind(&ENGINE.unblinded(&wires, rows), ENGINE.delta(), &factors).unwrap();
            assert_eq!(read.blind(challenge, &factors), Some(cold));
            assert_eq!(tables.blind(challenge, &factors), Some(cold));
            // The factors that are drawn are those of the state that was never written.
            let [p, q] = [&read, &tables]
                .map(|state| state.present(challenge, &mut StdRng::seed_from_u64(44)).unwrap());
            assert_eq!(p, q);
            assert!(accepted(&asked, &p));
        }
    }
}

/// What a thief can do with the bytes: present this statement, for any challenge. Not another statement; and none of
/// the holder's secrets is in them.
#[test]
fn what_a_stolen_state_allows() {
    let mut rng = StdRng::seed_from_u64(45);
    let (statement, witness) = case(46);
    let bytes = kept(&statement, &witness, &mut rng);
    let (_, thief) = case(47);
    let stolen = Prepared::from_bytes(&bytes, &KEY, &thief).unwrap();
    let challenge = Fr::rand(&mut rng);
    let proof = stolen.present(challenge, &mut rng).unwrap();
    assert!(accepted(&Statement { challenge, ..statement.clone() }, &proof), "the capability");
    for n in 0..13 {
        let mut inputs = Statement { challenge, ..statement.clone() }.to_array();
        inputs[n] += Fr::ONE;
        assert!(!accepted(&Statement::from_array(inputs), &proof), "{}", Statement::NAMES[n]);
    }
    let secrets = [witness.k, witness.d, witness.packed];
    for part in bytes.chunks_exact(32) {
        assert!(secrets.iter().all(|secret| to_bytes(secret) != part));
    }
}

/// Every bit of the points, and one of each byte of the rest: not read, or of another statement, or what comes of it is not
/// accepted.
#[test]
fn a_state_that_was_changed_gives_nothing() {
    let mut rng = StdRng::seed_from_u64(48);
    let (statement, witness) = case(49);
    let bytes = kept(&statement, &witness, &mut rng);
    let head = prepared::HEAD_BYTES;
    let asked = Statement { challenge: Fr::from(7u64), ..statement.clone() };
    let mut refused = [0; 3];
    for bit in (0..8 * head).step_by(8).chain(8 * head..8 * PREPARED_BYTES) {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        match Prepared::from_bytes(&bad, &KEY, &witness) {
            Err(PreparedError::OtherCircuit) => assert!(bit < 256),
            Err(PreparedError::Input) => assert!((256..8 * head).contains(&bit)),
            Err(PreparedError::Point) => {
                assert!(bit >= 8 * head);
                refused[0] += 1;
            }
            Ok(_) if bit < 8 * head => {
                assert!(bad[..head] != prepared::head_of(ENGINE.circuit(), &statement));
                refused[1] += 1;
            }
            Ok(changed) => {
                let proof = changed.present(asked.challenge, &mut rng).unwrap();
                assert!(!accepted(&asked, &proof), "bit {bit}");
                refused[2] += 1;
            }
        }
    }
    assert!(refused.iter().all(|n| *n > 100), "each way is tried: {refused:?}");
    let good = Prepared::from_bytes(&bytes, &KEY, &witness).unwrap();
    assert!(accepted(&asked, &good.present(asked.challenge, &mut rng).unwrap()), "control");
}

/// Infinity in every place, and coordinates and inputs beyond their moduli.
#[test]
fn one_encoding_of_each_value() {
    let mut rng = StdRng::seed_from_u64(50);
    let (statement, witness) = case(51);
    let bytes = kept(&statement, &witness, &mut rng);
    let head = prepared::HEAD_BYTES;
    let error = |bad: &[u8; PREPARED_BYTES]| Prepared::from_bytes(bad, &KEY, &witness).err();
    for (from, to) in [(0, 32), (32, 64), (64, 96), (96, 128), (128, 192)] {
        let mut bad = bytes.clone();
        bad[head + from..head + to].fill(0);
        bad[head + to - 1] = 0x40;
        assert_eq!(error(&bad), Some(PreparedError::Point), "infinity at {from}");
        bad[head + from..head + to].fill(0x3f);
        assert_eq!(error(&bad), Some(PreparedError::Point), "beyond the modulus at {from}");
    }
    for input in 1..14 {
        let mut bad = bytes.clone();
        bad[32 * input..32 * input + 32].fill(0xff);
        assert_eq!(error(&bad), Some(PreparedError::Input));
    }
}
