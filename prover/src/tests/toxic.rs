//! Proving keys that somebody else made badly on purpose. arkworks proves with all of them and says nothing;
//! ours are refused when they are read, or by the check of each proof before it leaves.

use super::proofs::satisfied_by;
use super::testkit::*;
use crate::groth16::{Engine, ProveError};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::UniformRand;
use ark_groth16::Groth16;
use ark_serialize::CanonicalSerialize;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::LazyLock;
use veilpass_circuits::{Attest, Circuit, Witness};
use veilpass_params::{ProvingKey, ProvingKeyError, dev, setup};
use veilpass_protocol::attributes::{Attributes, Sex};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{Origin, PreparedKey, Proof};

type ArkKey = ark_groth16::ProvingKey<Bn254>;
type ArkProof = ark_groth16::Proof<Bn254>;

static GOOD: LazyLock<ArkKey> = LazyLock::new(|| dev::proving_key().unwrap().groth16().clone());

/// What arkworks makes of it, without a check of the key or of the proof.
fn ark_proves(key: &ArkKey, (statement, witness): &(Statement, Witness), rng: &mut StdRng) -> ArkProof {
    let (m, assignment) = (Attest.shape().matrices(), Attest.assign(statement, witness));
    let (r, s) = (Fr::rand(rng), Fr::rand(rng));
    Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
        key,
        r,
        s,
        &m.abc,
        m.inputs,
        m.rows(),
        &assignment,
    )
    .unwrap()
}

/// Whether a platform with the honest verifying key accepts it.
fn platform_accepts(proof: &ArkProof, statement: &Statement) -> bool {
    let mut bytes = [0; 128];
    proof.serialize_compressed(&mut bytes[..]).unwrap();
    let key = PreparedKey::new(dev::verifying_key().unwrap()).unwrap();
    Proof::from_bytes(&bytes).is_ok_and(|proof| key.check(statement, &proof).is_ok())
}

fn load(key: ArkKey) -> Result<Engine, ProvingKeyError> {
    ProvingKey::from_groth16(Attest, Origin::Dev, key).map(|key| Engine::new(key).unwrap())
}

/// As from a file: written under the honest key's name and read again.
fn load_file(key: &ArkKey) -> Result<Engine, ProvingKeyError> {
    let id = dev::verifying_key().unwrap().circuit_id();
    let header = format!("veilpass proving key v1\ncircuit attest-v1\norigin dev\nverifying-key {id}\n\n");
    let mut file = header.into_bytes();
    key.serialize_compressed(&mut file).unwrap();
    ProvingKey::from_bytes(Attest, &file).map(|key| Engine::new(key).unwrap())
}

/// The worst one: δ and β in G1 are taken away, so that nothing blinds A. Platforms accept every proof, the
/// self-check as well, and A is the same whenever the wires are: a mark on the person, and a way to try out
/// whose wires they are. Only the check of the key against its verifying key sees it.
#[test]
fn a_key_without_blinding_is_refused() {
    let none = G1Affine::identity();
    let mut toxic = GOOD.clone();
    toxic.delta_g1 = none;
    // B in G1 becomes zero, with β in its place: that check alone would pass.
    toxic.b_g1_query = vec![none; toxic.b_g1_query.len()];
    toxic.b_g1_query[0] = -toxic.beta_g1;

    let mut rng = StdRng::seed_from_u64(1);
    let one = satisfied_by(adult());
    let other = satisfied_by(Attributes { sex: Sex::Female, ..adult() });
    let [first, second] = [(); 2].map(|()| ark_proves(&toxic, &one, &mut rng));
    let stranger = ark_proves(&toxic, &other, &mut rng);
    for (proof, (statement, _)) in [(&first, &one), (&second, &one), (&stranger, &other)] {
        assert!(platform_accepts(proof, statement), "positive control: valid proofs");
    }
    assert_eq!(first.a, second.a, "positive control: A marks the person");
    assert_ne!(first.a, stranger.a);
    let honest = [(); 2].map(|()| ark_proves(&GOOD, &one, &mut rng).a);
    assert_ne!(honest[0], honest[1]);
    assert_eq!(load_file(&toxic).err(), Some(ProvingKeyError::Inconsistent("delta")));

    // Its relatives: β gone openly; δ of another value, which its maker knows; δ beyond recognition in G2.
    type Edit = fn(&mut ArkKey);
    let edits: [(Edit, &str, &str); 5] = [
        (|k| k.beta_g1 = G1Affine::identity(), "beta", "key_unsafe"),
        (|k| k.delta_g1 = G1Affine::generator(), "delta", "key_unsafe"),
        (|k| k.delta_g1 = -k.delta_g1, "delta", "key_unsafe"),
        (|k| k.vk.delta_g2 = G2Affine::identity(), "header", "key_mismatch"),
        (|k| k.vk.delta_g2 = -k.vk.delta_g2, "header", "key_mismatch"),
    ];
    for (edit, what, code) in edits {
        let mut bad = toxic.clone();
        bad.b_g1_query[0] = none;
        edit(&mut bad);
        assert_eq!(load_file(&bad).err().map(|e| e.code()), Some(code), "{what}");
    }
}

/// A wrong base is felt only by those whose wire is not zero: here the bit that says female. Everybody
/// else's proofs are the ones that the honest key makes, byte by byte. Hers would be refused by the
/// platform, which is the mark; ours does not hand it out. What remains is that no answer comes.
#[test]
fn a_key_that_sorts_people_marks_no_proof() {
    let male = satisfied_by(adult());
    let female = satisfied_by(Attributes { sex: Sex::Female, ..adult() });
    let wires = [&male, &female].map(|(s, w)| Attest.assign(s, w));
    let (zero, one) = (Fr::from(0u64), Fr::from(1u64));
    let bit = (15..wires[0].len()).find(|i| wires[0][*i] == zero && wires[1][*i] == one).unwrap();
    let mut toxic = GOOD.clone();
    toxic.a_query[bit] = G1Affine::generator();
    toxic.a_query[bit] = (toxic.a_query[bit] + GOOD.a_query[bit]).into_affine();

    let mut rng = StdRng::seed_from_u64(2);
    assert!(platform_accepts(&ark_proves(&toxic, &male, &mut rng), &male.0));
    let marked = ark_proves(&toxic, &female, &mut rng);
    assert!(!platform_accepts(&marked, &female.0), "positive control: arkworks hands it out");

    let (bad, good) = (load_file(&toxic).unwrap(), load(GOOD.clone()).unwrap());
    let prove =
        |prover: &Engine, (s, w): &(Statement, Witness)| prover.prove(s, w, &mut StdRng::seed_from_u64(3));
    assert_eq!(prove(&bad, &male), prove(&good, &male));
    assert!(prove(&good, &male).is_ok());
    assert_eq!(prove(&bad, &female), Err(ProveError::SelfCheck));
    assert!(prove(&good, &female).is_ok());
}

/// Bases that are exchanged, replaced, turned, taken from another setup: nothing of it can be seen without the
/// trapdoor, so the key loads. arkworks makes 128 bytes that nobody accepts, ours makes none.
#[test]
fn no_proof_of_a_damaged_key_leaves() {
    let mut rng = StdRng::seed_from_u64(4);
    let other = setup(Attest, Origin::Dev, &mut rng, |_| ()).unwrap().groth16().clone();
    let claim = satisfied_by(adult());
    let wires = Attest.assign(&claim.0, &claim.1);
    // Two private wires that differ from each other, and from zero, and occur in B.
    let in_b: Vec<usize> =
        (15..wires.len()).filter(|i| !GOOD.b_g1_query[*i].is_zero() && wires[*i] != Fr::from(0u64)).collect();
    let (i, j) = (in_b[0], *in_b.iter().find(|j| wires[**j] != wires[in_b[0]]).unwrap());
    type Edit<'a> = (&'a str, Box<dyn Fn(&mut ArkKey) + 'a>);
    let edits: Vec<Edit<'_>> = vec![
        ("two of A exchanged", Box::new(|k| k.a_query.swap(i, j))),
        ("two of B exchanged in G1", Box::new(|k| k.b_g1_query.swap(i, j))),
        ("two of B exchanged in G2", Box::new(|k| k.b_g2_query.swap(i, j))),
        (
            "two of B exchanged in both groups",
            Box::new(|k| {
                k.b_g1_query.swap(i, j);
                k.b_g2_query.swap(i, j);
            }),
        ),
        (
            "two wires exchanged everywhere",
            Box::new(|k| {
                k.a_query.swap(i, j);
                k.b_g1_query.swap(i, j);
                k.b_g2_query.swap(i, j);
                k.l_query.swap(i - 15, j - 15);
            }),
        ),
        ("A turned by one", Box::new(|k| k.a_query[15..].rotate_left(1))),
        ("H turned by one", Box::new(|k| k.h_query.rotate_left(1))),
        ("H reversed", Box::new(|k| k.h_query.reverse())),
        ("L turned by one", Box::new(|k| k.l_query.rotate_right(1))),
        ("one of L infinite", Box::new(|k| k.l_query[i - 15] = G1Affine::identity())),
        ("one of L the generator", Box::new(|k| k.l_query[i - 15] = G1Affine::generator())),
        ("one of H negated", Box::new(|k| k.h_query[1] = -k.h_query[1])),
        ("the constant's A infinite", Box::new(|k| k.a_query[0] = G1Affine::identity())),
        ("A of another setup", Box::new(|k| k.a_query[15..].clone_from_slice(&other.a_query[15..]))),
        ("H of another setup", Box::new(|k| k.h_query.clone_from(&other.h_query))),
        ("L of another setup", Box::new(|k| k.l_query.clone_from(&other.l_query))),
    ];
    let good = load(GOOD.clone()).unwrap();
    assert!(good.prove(&claim.0, &claim.1, &mut rng).is_ok());
    for (what, edit) in edits {
        let mut bad = GOOD.clone();
        edit(&mut bad);
        assert!(!platform_accepts(&ark_proves(&bad, &claim, &mut rng), &claim.0), "{what}");
        let prover = load(bad).unwrap_or_else(|e| panic!("{what}: {e}"));
        // B is not used in G1, so damage there does none.
        let prove = |prover: &Engine| prover.prove(&claim.0, &claim.1, &mut StdRng::seed_from_u64(5));
        let expected =
            if what.ends_with("exchanged in G1") { prove(&good) } else { Err(ProveError::SelfCheck) };
        assert_eq!(prove(&prover), expected, "{what}");
    }
    // A whole key of another setup under this name is seen at once, with and without its verifying key.
    assert!(matches!(load_file(&other).err(), Some(ProvingKeyError::Mismatch { .. })));
    let foreign = ArkKey { vk: GOOD.vk.clone(), ..other };
    assert_eq!(load_file(&foreign).err(), Some(ProvingKeyError::Inconsistent("beta")));
}
