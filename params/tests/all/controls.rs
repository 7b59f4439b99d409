//! Positive controls: what our loader and our verifier refuse, arkworks' own verifier accepts. Each case has
//! a proof of a statement that nobody proved, or two texts of one proof, and arkworks says yes to it.

use crate::fixture::{ArkProof, fixture};
use crate::testkit::{Trapdoor, any_statement, g1, g2};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use ark_groth16::Groth16;
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::{KeyError, KeyFault, KeyPart, KeyPoints, Origin, Policy, Verifier, VerifyingKey};

fn ark_key(points: &KeyPoints) -> ark_groth16::VerifyingKey<Bn254> {
    ark_groth16::VerifyingKey {
        alpha_g1: points.alpha_g1,
        beta_g2: points.beta_g2,
        gamma_g2: points.gamma_g2,
        delta_g2: points.delta_g2,
        gamma_abc_g1: points.ic.clone(),
    }
}

pub fn ark_accepts(points: &KeyPoints, inputs: &[Fr], proof: &ArkProof) -> bool {
    let prepared = ark_groth16::prepare_verifying_key(&ark_key(points));
    Groth16::<Bn254>::verify_proof(&prepared, proof, inputs).unwrap()
}

fn panics(f: impl FnOnce() -> bool) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
}

/// What our loader says to the key, as points and, where the points have an encoding, as a file.
fn refused(points: &KeyPoints) -> KeyFault {
    let key = VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, points.clone());
    let file = key.to_bytes();
    let Err(KeyError::Unsafe(fault)) = Verifier::new(Policy::default()).with_verifying_key(key) else {
        panic!("our loader takes the key")
    };
    let from_file = Verifier::new(Policy::default()).with_key(&file).unwrap_err();
    match fault {
        KeyFault::NotInGroup(_) => assert!(["key_syntax", "key_unsafe"].contains(&from_file.code())),
        _ => assert_eq!(from_file, KeyError::Unsafe(fault.clone())),
    }
    fault
}

/// `IC(x)`, as everybody can compute it from the public key.
fn commitment(points: &KeyPoints, inputs: &[Fr]) -> G1Affine {
    let terms = points.ic.iter().skip(1).zip(inputs);
    terms.fold(points.ic[0].into_group(), |sum, (p, x)| sum + *p * x).into_affine()
}

/// `e(X, Q) = e(X, Q + tδ) / e(tX, δ)`: the proof whose A and B are these, moved by t, so that none of its
/// points is infinity.
fn moved(points: &KeyPoints, a: G1Affine, b: G2Affine, c: G1Affine) -> ArkProof {
    let t = Fr::from(5u64);
    let b = (points.delta_g2 * t + b).into_affine();
    ArkProof { a, b, c: (a * t + c).into_affine() }
}

/// Infinity in the key: the forger uses the public key alone, but for δ, where C is not looked at.
#[test]
fn infinity_in_the_key() {
    let mut rng = StdRng::seed_from_u64(1);
    let good = Trapdoor::from_seed(1);
    let (zero, none) = (Fr::ZERO, G1Affine::identity());
    let x = any_statement(&mut rng).to_array();

    for (part, bad) in [
        (KeyPart::Alpha, Trapdoor { alpha: zero, ..good.clone() }),
        (KeyPart::Beta, Trapdoor { beta: zero, ..good.clone() }),
    ] {
        let points = bad.points();
        let forged = moved(&points, commitment(&points, &x), points.gamma_g2, none);
        assert!(ark_accepts(&points, &x, &forged), "{part}");
        assert_eq!(refused(&points), KeyFault::Infinity(part));
    }

    let points = Trapdoor { gamma: zero, ..good.clone() }.points();
    let forged = moved(&points, points.alpha_g1, points.beta_g2, none);
    assert!(ark_accepts(&points, &x, &forged), "gamma: no input is looked at");
    assert_eq!(refused(&points), KeyFault::Infinity(KeyPart::Gamma));

    let mut bad = good.clone();
    bad.ic[0] = zero;
    let (points, zeros) = (bad.points(), [zero; INPUTS]);
    let forged = moved(&points, points.alpha_g1, points.beta_g2, none);
    assert!(ark_accepts(&points, &zeros, &forged), "IC[0]: the statement of zeros");
    assert_eq!(refused(&points), KeyFault::Infinity(KeyPart::Input(0)));

    let bad = Trapdoor { delta: zero, ..good };
    let inputs = bad.ic[0] + bad.ic[1..].iter().zip(x).map(|(ic, x)| *ic * x).sum::<Fr>();
    let a = (bad.alpha * bad.beta + bad.gamma * inputs) * Fr::from(3u64).inverse().unwrap();
    let points = bad.points();
    for _ in 0..3 {
        let proof = ArkProof { a: g1(a), b: g2(3.into()), c: G1Affine::rand(&mut rng) };
        assert!(ark_accepts(&points, &x, &proof), "delta: C is not looked at");
    }
    assert_eq!(refused(&points), KeyFault::Infinity(KeyPart::Delta));
}

/// γ = ±δ and δ = ±1, β = ±γ and ±δ are in `forged.rs` and the verifier's own tests; here the input points: at
/// infinity, equal, opposite, each of them with the challenge (S14), with a proof made for other inputs.
#[test]
fn input_points_that_are_infinite_or_shared() {
    let mut rng = StdRng::seed_from_u64(2);
    let (one, zero) = (Fr::from(1u64), Fr::ZERO);
    let simulated = |trapdoor: &Trapdoor, statement: &Statement, rng: &mut StdRng| {
        let proof = trapdoor.simulate_proof(statement, rng);
        ArkProof { a: *proof.a(), b: *proof.b(), c: *proof.c() }
    };
    for n in 1..=INPUTS {
        let mut bad = Trapdoor::from_seed(1);
        bad.ic[n] = zero;
        let statement = any_statement(&mut rng);
        let proof = simulated(&bad, &statement, &mut rng);
        let mut other = statement.to_array();
        other[n - 1] = Fr::rand(&mut rng);
        assert!(ark_accepts(&bad.points(), &other, &proof), "IC[{n}] is infinite");
        assert_eq!(refused(&bad.points()), KeyFault::Infinity(KeyPart::Input(n)));
    }
    for sign in [one, -one] {
        for i in 0..INPUTS {
            let mut bad = Trapdoor::from_seed(1);
            bad.ic[INPUTS] = sign * bad.ic[i];
            let points = bad.points();
            if i == 0 {
                // The constant is taken away: everybody can prove this statement.
                let mut x = [zero; INPUTS];
                x[INPUTS - 1] = -sign;
                let forged = moved(&points, points.alpha_g1, points.beta_g2, G1Affine::identity());
                assert!(ark_accepts(&points, &x, &forged));
            } else {
                // What the challenge gains, another input loses: one proof answers every request.
                let statement = any_statement(&mut rng);
                let proof = simulated(&bad, &statement, &mut rng);
                let (mut other, by) = (statement.to_array(), Fr::rand(&mut rng));
                other[INPUTS - 1] += by;
                other[i - 1] -= sign * by;
                assert!(ark_accepts(&points, &other, &proof));
            }
            assert_eq!(refused(&points), KeyFault::InputsNotDistinct(i, INPUTS));
        }
    }
}

/// arkworks zips inputs and points: what is missing on one side is left out on the other.
#[test]
fn inputs_and_points_that_do_not_match_in_number() {
    let mut rng = StdRng::seed_from_u64(3);
    let statement = any_statement(&mut rng);
    let good = Trapdoor::from_seed(1);
    let simulate = |trapdoor: &Trapdoor, inputs: &[Fr], rng: &mut StdRng| {
        let (a, b) = (Fr::rand(rng), Fr::rand(rng));
        let sum = trapdoor.ic[0] + trapdoor.ic[1..].iter().zip(inputs).map(|(ic, x)| *ic * x).sum::<Fr>();
        let c = a * b - trapdoor.alpha * trapdoor.beta - trapdoor.gamma * sum;
        ArkProof { a: g1(a), b: g2(b), c: g1(c * trapdoor.delta.inverse().unwrap()) }
    };
    let x = statement.to_array();
    for points in [1, 2, 14, 16, 40] {
        let mut bad = good.clone();
        bad.ic = (0..points).map(|_| Fr::rand(&mut rng)).collect();
        let proof = simulate(&bad, &x, &mut rng);
        let mut other = x;
        if points < 15 {
            other[points - 1..].fill_with(|| Fr::rand(&mut rng));
        }
        assert!(ark_accepts(&bad.points(), &other, &proof), "{points} points");
        assert_eq!(refused(&bad.points()), KeyFault::InputCount(points));
    }
    // No point at all: arkworks panics, and a server with it.
    let bad = KeyPoints { ic: Vec::new(), ..good.points() };
    let proof = simulate(&good, &x, &mut rng);
    assert!(panics(|| ark_accepts(&bad, &x, &proof)));
    assert_eq!(refused(&bad), KeyFault::InputCount(0));

    // The good key, and inputs that are missing (as if zero) or too many (not looked at). Ours takes a
    // `Statement`, which has fourteen.
    let mut short = x;
    short[INPUTS - 1] = Fr::ZERO;
    let proof = simulate(&good, &short, &mut rng);
    assert!(ark_accepts(&good.points(), &short, &proof));
    assert!(ark_accepts(&good.points(), &short[..INPUTS - 1], &proof), "one is missing");
    let long: Vec<Fr> = short.iter().copied().chain([Fr::rand(&mut rng); 3]).collect();
    assert!(ark_accepts(&good.points(), &long, &proof), "three too many");
}

/// Points that are in no group of the curve reach arkworks' verifier wherever somebody reads with the
/// `_unchecked` functions or builds points from coordinates.
#[test]
fn points_outside_their_groups() {
    let mut rng = StdRng::seed_from_u64(4);
    let x = any_statement(&mut rng).to_array();
    let good = Trapdoor::from_seed(1).points();
    let none = G1Affine::identity();
    // (1, 0) is on neither curve and not infinity. Each line of the Miller loop loses its y, what is left is
    // w times an element of F_p⁶, and the final exponentiation makes it one, whatever the other side is. In
    // G2 such a point makes the loop's result zero, and arkworks panics.
    let nowhere_1 = G1Affine::new_unchecked(1.into(), 0.into());
    let nowhere_2 = G2Affine::new_unchecked(ark_bn254::Fq2::ONE, ark_bn254::Fq2::ZERO);
    assert!(!nowhere_1.is_zero() && !nowhere_2.is_zero());
    assert!(!nowhere_1.is_on_curve() && !nowhere_2.is_on_curve());

    let points = KeyPoints { alpha_g1: nowhere_1, ..good.clone() };
    let forged = moved(&points, commitment(&points, &x), points.gamma_g2, none);
    assert!(ark_accepts(&points, &x, &forged));
    assert_eq!(refused(&points), KeyFault::NotInGroup(KeyPart::Alpha));
    let points = KeyPoints { gamma_g2: nowhere_2, ..good.clone() };
    assert!(panics(|| ark_accepts(&points, &x, &forged)));
    assert_eq!(refused(&points), KeyFault::NotInGroup(KeyPart::Gamma));

    // On the twist and outside the subgroup: arkworks gives a verdict, although the pairing is no longer
    // bilinear there, which is all that Groth16's soundness rests on. No forgery is known to us.
    let outside = outside_the_subgroup();
    let (p, double) = (g1(7.into()), g1(14.into()));
    assert_eq!(Bn254::pairing(p, good.delta_g2) * Fr::from(2u64), Bn254::pairing(double, good.delta_g2));
    assert_ne!(Bn254::pairing(p, outside) * Fr::from(2u64), Bn254::pairing(double, outside));
    for part in [KeyPart::Beta, KeyPart::Gamma, KeyPart::Delta] {
        let mut points = good.clone();
        match part {
            KeyPart::Beta => points.beta_g2 = outside,
            KeyPart::Gamma => points.gamma_g2 = outside,
            _ => points.delta_g2 = outside,
        }
        // With A = IC, B = γ the equation is e(C, δ) = 1 / e(α, β): no error, whatever the verdict.
        let proof = ArkProof { a: commitment(&points, &x), b: points.gamma_g2, c: p };
        let prepared = ark_groth16::prepare_verifying_key(&ark_key(&points));
        assert!(Groth16::<Bn254>::verify_proof(&prepared, &proof, &x).is_ok());
        assert_eq!(refused(&points), KeyFault::NotInGroup(part));
    }
}

/// A point of the twist of another order.
pub fn outside_the_subgroup() -> G2Affine {
    let x = |n: u64| ark_bn254::Fq2::new(n.into(), 0.into());
    let found = (1..).find_map(|n| G2Affine::get_point_from_x_unchecked(x(n), true)).unwrap();
    assert!(found.is_on_curve() && !found.is_in_correct_subgroup_assuming_on_curve());
    found
}

/// γ at the generator is what every ceremony in the manner of snarkjs leaves, and safe: δ and β are not.
#[test]
fn gamma_at_the_generator_is_accepted() {
    let trapdoor = Trapdoor { gamma: 1.into(), ..Trapdoor::from_seed(1) };
    assert_eq!(trapdoor.points().gamma_g2, G2Affine::generator());
    let taken = Verifier::new(Policy::default()).with_verifying_key(trapdoor.key(Origin::Ceremony));
    assert_eq!(taken.unwrap().circuits().count(), 1);
    // And the controls do not cry wolf: the pair that everything else uses passes.
    assert!(veilpass_verifier::PreparedKey::new(fixture().key.verifying_key().clone()).is_ok());
}
