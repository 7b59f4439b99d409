//! Positive controls for what is read: arkworks takes several texts for one key, one proof or one number;
//! ours takes one of each.

use crate::controls::{ark_accepts, outside_the_subgroup};
use crate::fixture::{ArkProof, ark_proof, fixture, now, proof_bytes};
use crate::testkit::{Trapdoor, any_statement, g1, g2};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, Field, PrimeField, UniformRand};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_params::dev;
use veilpass_protocol::field::{Fr, from_bytes, to_bytes};
use veilpass_protocol::presentation::Presentation;
use veilpass_verifier::{Proof, VerifyError, VerifyingKey};

type ArkVerifyingKey = ark_groth16::VerifyingKey<Bn254>;

/// Our code for 128 bytes of a proof.
fn refused(bytes: &[u8; 128]) -> &'static str {
    VerifyError::from(Proof::from_bytes(bytes).unwrap_err()).code()
}

fn read(bytes: &[u8]) -> ArkProof {
    ArkProof::deserialize_compressed(bytes).unwrap()
}

/// Infinity has room for any x beside its flag: one proof, 2^253 texts of its C alone.
#[test]
fn infinity_in_a_proof_and_its_many_spellings() {
    let mut rng = StdRng::seed_from_u64(1);
    let key = Trapdoor::from_seed(1);
    let statement = any_statement(&mut rng);
    let x = statement.to_array();
    let inputs = key.ic[0] + key.ic[1..].iter().zip(x).map(|(ic, x)| *ic * x).sum::<Fr>();
    let target = key.alpha * key.beta + key.gamma * inputs;
    // A·B = target and C = 0; then A = 0 or B = 0, where the other of the two is not looked at.
    let no_c = ArkProof { a: g1(target), b: g2(1.into()), c: G1Affine::identity() };
    let c = g1(-target * key.delta.inverse().unwrap());
    let no_a = ArkProof { a: G1Affine::identity(), b: G2Affine::rand(&mut rng), c };
    let no_b = ArkProof { a: G1Affine::rand(&mut rng), b: G2Affine::identity(), c };
    for (proof, at) in [(no_c, 96..128), (no_a, 0..32), (no_b, 32..96)] {
        let usual = proof_bytes(&proof);
        let mut unusual = usual;
        unusual[at.start] = 9;
        unusual[at.start + 20] = 77;
        for bytes in [usual, unusual] {
            assert_eq!(read(&bytes), proof);
            assert!(ark_accepts(&key.points(), &x, &read(&bytes)));
            assert_eq!(refused(&bytes), "proof_point");
        }
    }
}

/// arkworks reads as far as it needs, or another form altogether.
#[test]
fn trailing_bytes_and_other_forms() {
    let f = fixture();
    let answer = &f.answers[0];
    let (x, points) = (answer.statement.to_array(), f.key.verifying_key().points());
    let good = answer.presentation.proof;
    for tail in [&[0u8][..], &[255; 40], &good] {
        let long = [&good[..], tail].concat();
        assert!(ark_accepts(points, &x, &read(&long)));
        let binary = [&answer.presentation.to_binary()[..], tail].concat();
        assert_eq!(code(&binary), "presentation_syntax");
        assert_eq!(code(json_with(&long).as_bytes()), "not_canonical");

        let key = [dev::verifying_key_bytes(), tail].concat();
        let at = dev::verifying_key_bytes().windows(2).position(|w| w == b"\n\n").unwrap() + 2;
        assert_eq!(ArkVerifyingKey::deserialize_compressed(&key[at..]).unwrap(), f.key.groth16().vk);
        assert_eq!(VerifyingKey::from_bytes(&key).unwrap_err().code(), "key_syntax");
    }
    let mut uncompressed = Vec::new();
    ark_proof(&answer.proof()).serialize_uncompressed(&mut uncompressed).unwrap();
    let again = ArkProof::deserialize_uncompressed(&uncompressed[..]).unwrap();
    assert!(ark_accepts(points, &x, &again));
    assert_eq!(code(json_with(&uncompressed).as_bytes()), "not_canonical");
    // Base64 has two bits to spare in the last of 171 digits: a decoder that ignores them has four texts.
    let json = answer.presentation.to_json();
    let end = json.rfind("\"}").unwrap();
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = digits.iter().position(|d| *d == json.as_bytes()[end - 1]).unwrap();
    assert_eq!(last % 4, 0);
    for spare in 1..4 {
        let mut other = json.clone().into_bytes();
        other[end - 1] = digits[last + spare];
        assert_eq!(code(&other), "not_canonical");
    }
}

fn json_with(proof: &[u8]) -> String {
    let answer = &fixture().answers[0].presentation;
    let json = answer.to_json();
    let start = json.find("\"proof\":\"").unwrap() + 9;
    format!("{}{}\"}}", &json[..start], veilpass_protocol::json::base64url::encode(proof))
}

fn code(presentation: &[u8]) -> &'static str {
    let f = fixture();
    f.verifier.verify(&f.answers[0].request, presentation, &f.epochs, now()).unwrap_err().code()
}

/// The functions that do not check: arkworks' verifier has no check of its own behind them.
#[test]
fn points_outside_their_groups() {
    let mut rng = StdRng::seed_from_u64(2);
    let f = fixture();
    let answer = &f.answers[0];
    // B + T with T of another order is read and judged without an error.
    let outside = outside_the_subgroup();
    let bytes = proof_bytes(&ArkProof { b: outside, ..ark_proof(&answer.proof()) });
    assert!(ArkProof::deserialize_compressed(&bytes[..]).is_err(), "the checked reader refuses it");
    let loose = ArkProof::deserialize_compressed_unchecked(&bytes[..]).unwrap();
    assert!(!ark_accepts(f.key.verifying_key().points(), &answer.statement.to_array(), &loose));
    assert_eq!(refused(&bytes), "proof_point");

    // (1, 0), on no curve, is as good as infinity and is not caught by asking for infinity.
    let key = Trapdoor::from_seed(1);
    let x = any_statement(&mut rng).to_array();
    let inputs = key.ic[0] + key.ic[1..].iter().zip(x).map(|(ic, x)| *ic * x).sum::<Fr>();
    let target = key.alpha * key.beta + key.gamma * inputs;
    let nowhere = G1Affine::new_unchecked(1.into(), 0.into());
    let proof = ArkProof { a: g1(target), b: g2(1.into()), c: nowhere };
    let mut bytes = Vec::new();
    proof.serialize_uncompressed(&mut bytes).unwrap();
    let loose = ArkProof::deserialize_uncompressed_unchecked(&bytes[..]).unwrap();
    assert!(!loose.c.is_zero() && ark_accepts(&key.points(), &x, &loose));
    // In 128 bytes there is no such point: y is computed from x.
    let ours = Proof::from_bytes(&proof_bytes(&proof)).unwrap();
    assert!(ours.c().is_on_curve() && !ark_accepts(&key.points(), &x, &ark_proof(&ours)));
    let json = json_with(&bytes);
    assert_eq!(code(json.as_bytes()), "not_canonical");
}

/// x + r: `from_be_bytes_mod_order` is arkworks' usual way from bytes to numbers, and makes two
/// pseudonyms of one. (Ours over the presentation: `refused::the_modulus_cannot_be_added`.)
#[test]
fn a_number_with_the_modulus_added() {
    let f = fixture();
    for answer in &f.answers {
        let pseudonym = answer.presentation.pseudonym;
        let mut sum = pseudonym.into_bigint();
        assert!(!sum.add_with_carry(&Fr::MODULUS));
        let other: [u8; 32] = sum.to_bytes_be().try_into().unwrap();
        assert_ne!(other, to_bytes(&pseudonym), "a list of spent pseudonyms does not know it");
        let mut x = answer.statement.to_array();
        x[2] = Fr::from_be_bytes_mod_order(&other);
        assert!(ark_accepts(f.key.verifying_key().points(), &x, &ark_proof(&answer.proof())));
        assert!(from_bytes(&other).is_err());
        let binary = answer.presentation.to_binary();
        let spent_twice = [&binary[..41], &other[..], &binary[73..]].concat();
        let refused = f.verifier.verify(&answer.request, &spent_twice, &f.epochs, now()).unwrap_err();
        assert_eq!(refused.code(), "not_canonical");
        assert!(Presentation::read(&binary).is_ok());
    }
}
