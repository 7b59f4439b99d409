//! The lint every key passes before it checks a proof (security.md, "Known failures"; S14).
//!
//! Veil Cash, FoomCash and zeto deployed keys whose second phase was skipped, so that δ was still γ
//! or the generator: anybody could write a proof of anything from the public key alone. A skipped first
//! phase is no better: it leaves α and β at the generators, and β then is the γ of every ceremony in the
//! manner of snarkjs. The tests of this module do that too, as a positive control: without the lint
//! those proofs are accepted. Those of `veilpass-params` repeat it with arkworks' own verifier.

use crate::key::{KeyPoints, VerifyingKey};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use std::fmt;

/// A point of the key, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPart {
    /// α
    Alpha,
    /// β
    Beta,
    /// γ
    Gamma,
    /// δ
    Delta,
    /// IC point of the constant (0) or of the n-th public input, from 1.
    Input(usize),
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyPart::Alpha => f.write_str("alpha"),
            KeyPart::Beta => f.write_str("beta"),
            KeyPart::Gamma => f.write_str("gamma"),
            KeyPart::Delta => f.write_str("delta"),
            KeyPart::Input(n) => write!(f, "IC[{n}]"),
        }
    }
}

/// What makes a well-formed key unsafe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// A key of another number of inputs would ignore some of ours, or read past them.
    #[error("{0} IC points, expected one more than there are inputs")]
    InputCount(usize),
    /// A pairing with this point is one whatever the other side is.
    #[error("{0} is infinity")]
    Infinity(KeyPart),
    /// Off the curve or outside its subgroup (possible only for a key that was never a file).
    #[error("{0} is not in its group")]
    NotInGroup(KeyPart),
    /// γ = δ or γ = −δ: `A = α, B = β, C = ∓IC(z)` passes for every z.
    #[error("gamma and delta are equal or opposite")]
    GammaIsDelta,
    /// δ is the generator or its negative: nobody contributed to the second phase.
    #[error("delta is the generator or its negative")]
    DeltaIsGenerator,
    /// α or β is the generator or its negative: nobody contributed to the first phase. With α or β known,
    /// the powers of τ are enough to choose a proof's other half freely in every row.
    #[error("{0} is the generator or its negative")]
    FirstPhaseSkipped(KeyPart),
    /// β = ±γ: `A = α ± IC(z), B = β` passes for every z; β = ±δ: `A = IC(z), B = γ, C = ∓α`.
    #[error("beta and {0} are equal or opposite")]
    BetaIs(KeyPart),
    /// Two IC points are equal or opposite: what one input gains another can lose (S14).
    #[error("IC[{0}] and IC[{1}] are equal or opposite")]
    InputsNotDistinct(usize, usize),
}

/// Equal or opposite: the same x coordinate.
fn same_up_to_sign<P: AffineRepr>(p: &P, q: &P) -> bool {
    p.x() == q.x()
}

/// Refuses keys under which proofs can be forged or inputs exchanged. γ may be the generator: so it
/// is in every key of a snarkjs-style ceremony, where only δ carries the second phase.
pub fn lint(key: &VerifyingKey) -> Result<(), KeyFault> {
    lint_points(key.points(), key.circuit().public_inputs)
}

fn lint_points(key: &KeyPoints, public_inputs: usize) -> Result<(), KeyFault> {
    if key.ic.len() != public_inputs + 1 {
        return Err(KeyFault::InputCount(key.ic.len()));
    }
    let in_g1 = |p: &G1Affine| p.is_on_curve() && p.is_in_correct_subgroup_assuming_on_curve();
    let in_g2 = |p: &G2Affine| p.is_on_curve() && p.is_in_correct_subgroup_assuming_on_curve();
    let inputs = key.ic.iter().enumerate();
    let g1 = std::iter::once((KeyPart::Alpha, &key.alpha_g1))
        .chain(inputs.map(|(n, p)| (KeyPart::Input(n), p)))
        .map(|(part, p)| (part, p.is_zero(), in_g1(p)));
    let g2 =
        [(KeyPart::Beta, &key.beta_g2), (KeyPart::Gamma, &key.gamma_g2), (KeyPart::Delta, &key.delta_g2)]
            .into_iter()
            .map(|(part, p)| (part, p.is_zero(), in_g2(p)));
    for (part, infinite, in_group) in g1.chain(g2) {
        if infinite {
            return Err(KeyFault::Infinity(part));
        }
        if !in_group {
            return Err(KeyFault::NotInGroup(part));
        }
    }
    if same_up_to_sign(&key.gamma_g2, &key.delta_g2) {
        return Err(KeyFault::GammaIsDelta);
    }
    if same_up_to_sign(&key.delta_g2, &G2Affine::generator()) {
        return Err(KeyFault::DeltaIsGenerator);
    }
    if same_up_to_sign(&key.beta_g2, &key.gamma_g2) {
        return Err(KeyFault::BetaIs(KeyPart::Gamma));
    }
    if same_up_to_sign(&key.beta_g2, &key.delta_g2) {
        return Err(KeyFault::BetaIs(KeyPart::Delta));
    }
    if same_up_to_sign(&key.alpha_g1, &G1Affine::generator()) {
        return Err(KeyFault::FirstPhaseSkipped(KeyPart::Alpha));
    }
    if same_up_to_sign(&key.beta_g2, &G2Affine::generator()) {
        return Err(KeyFault::FirstPhaseSkipped(KeyPart::Beta));
    }
    for (i, p) in key.ic.iter().enumerate() {
        for (j, q) in key.ic.iter().enumerate().skip(i + 1) {
            if same_up_to_sign(p, q) {
                return Err(KeyFault::InputsNotDistinct(i, j));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Trapdoor, any_statement, g1, g2, proof_bytes};
    use crate::{Origin, PreparedKey, Proof};
    use ark_ec::CurveGroup;
    use ark_ff::Field;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use veilpass_protocol::circuit_id::ATTEST_V1;
    use veilpass_protocol::field::Fr;
    use veilpass_protocol::statement::Statement;

    const PUBLIC_INPUTS: usize = ATTEST_V1.public_inputs;

    fn lint(points: &KeyPoints) -> Result<(), KeyFault> {
        lint_points(points, PUBLIC_INPUTS)
    }

    fn key(points: KeyPoints) -> VerifyingKey {
        VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, points)
    }

    /// `IC(z)`, as everybody can compute it from the public key.
    fn input_commitment(points: &KeyPoints, statement: &Statement) -> G1Affine {
        let inputs = statement.to_array();
        let terms = points.ic.iter().skip(1).zip(inputs);
        let sum = terms.fold(points.ic[0].into_group(), |sum, (p, x)| sum + *p * x);
        sum.into_affine()
    }

    /// What a platform without the lint would say to a proof.
    fn accepted_without_lint(points: &KeyPoints, statement: &Statement, proof: [u8; 128]) -> bool {
        let unchecked = PreparedKey::without_lint(key(points.clone())).unwrap();
        let proof = Proof::from_bytes(&proof).unwrap();
        unchecked.check(statement, &proof).is_ok()
    }

    /// Veil Cash, FoomCash: γ = δ, whatever their value. The forger uses the public key only.
    #[test]
    fn gamma_equal_or_opposite_to_delta_lets_anybody_forge() {
        let mut rng = StdRng::seed_from_u64(2);
        for sign in [Fr::from(1u64), -Fr::from(1u64)] {
            for value in [Fr::from(1u64), Fr::from(7u64), Trapdoor::from_seed(3).delta] {
                let trapdoor = Trapdoor { gamma: sign * value, delta: value, ..Trapdoor::from_seed(1) };
                let points = trapdoor.points();
                let statement = any_statement(&mut rng);
                let commitment = input_commitment(&points, &statement);
                let c = (commitment * -sign).into_affine();
                let forged = proof_bytes(points.alpha_g1, points.beta_g2, c);
                assert!(accepted_without_lint(&points, &statement, forged), "positive control");
                assert_eq!(lint(&points), Err(KeyFault::GammaIsDelta));
                assert_eq!(PreparedKey::new(key(points)).err(), Some(KeyFault::GammaIsDelta));
            }
        }
    }

    /// δ = 1: nobody contributed to the second phase, so `γ·ICᵢ = βAᵢ(τ) + αBᵢ(τ) + Cᵢ(τ)` can be computed
    /// by anybody from the first phase's transcript, and so can `C = −γ·IC(z)/δ`.
    #[test]
    fn delta_equal_or_opposite_to_the_generator_lets_anybody_forge() {
        let mut rng = StdRng::seed_from_u64(4);
        for delta in [Fr::from(1u64), -Fr::from(1u64)] {
            let trapdoor = Trapdoor { delta, ..Trapdoor::from_seed(1) };
            let points = trapdoor.points();
            let first_phase: Vec<G1Affine> = trapdoor.ic.iter().map(|ic| g1(*ic * trapdoor.gamma)).collect();
            let statement = any_statement(&mut rng);
            let commitment = input_commitment(&KeyPoints { ic: first_phase, ..points.clone() }, &statement);
            let c = (commitment * -delta.inverse().unwrap()).into_affine();
            let forged = proof_bytes(points.alpha_g1, points.beta_g2, c);
            assert!(accepted_without_lint(&points, &statement, forged), "positive control");
            assert_eq!(lint(&points), Err(KeyFault::DeltaIsGenerator));
        }
    }

    /// β = ±γ or ±δ: from the public key alone, too. `powersoftau new` without a contribution leaves β at
    /// the generator, where γ is: the first of these.
    #[test]
    fn beta_equal_or_opposite_to_gamma_or_delta_lets_anybody_forge() {
        let mut rng = StdRng::seed_from_u64(7);
        for sign in [Fr::from(1u64), -Fr::from(1u64)] {
            let known = Trapdoor::from_seed(1);
            for beta in [sign, sign * known.gamma] {
                let trapdoor = Trapdoor { beta, gamma: sign * beta, ..known.clone() };
                let points = trapdoor.points();
                let statement = any_statement(&mut rng);
                let t = Fr::from(5u64);
                // e(α + s·IC, β + tδ) = e(α, β) · e(IC, γ) · e(t(α + s·IC), δ)
                let a = input_commitment(&points, &statement) * sign + points.alpha_g1;
                let b = (points.delta_g2 * t + points.beta_g2).into_affine();
                let forged = proof_bytes(a.into_affine(), b, (a * t).into_affine());
                assert!(accepted_without_lint(&points, &statement, forged), "positive control");
                assert_eq!(lint(&points), Err(KeyFault::BetaIs(KeyPart::Gamma)));
            }
            let trapdoor = Trapdoor { beta: sign * known.delta, ..known };
            let points = trapdoor.points();
            let statement = any_statement(&mut rng);
            // e(IC, γ) = e(α, β) · e(IC, γ) · e(−s·α, δ)
            let a = input_commitment(&points, &statement);
            let forged = proof_bytes(a, points.gamma_g2, (points.alpha_g1 * -sign).into_affine());
            assert!(accepted_without_lint(&points, &statement, forged), "positive control");
            assert_eq!(lint(&points), Err(KeyFault::BetaIs(KeyPart::Delta)));
        }
    }

    /// α or β at the generator. What can be forged then needs the powers of τ, so it is in the tests of
    /// `veilpass-params`, where there is a circuit.
    #[test]
    fn a_skipped_first_phase_is_refused() {
        for value in [Fr::from(1u64), -Fr::from(1u64)] {
            let alpha = Trapdoor { alpha: value, ..Trapdoor::from_seed(1) }.points();
            assert_eq!(lint(&alpha), Err(KeyFault::FirstPhaseSkipped(KeyPart::Alpha)));
            let beta = Trapdoor { beta: value, ..Trapdoor::from_seed(1) }.points();
            assert_eq!(lint(&beta), Err(KeyFault::FirstPhaseSkipped(KeyPart::Beta)));
        }
    }

    /// An infinite IC point: the input is not looked at.
    #[test]
    fn an_infinite_input_point_frees_the_input() {
        let mut rng = StdRng::seed_from_u64(5);
        for n in 1..=PUBLIC_INPUTS {
            let mut trapdoor = Trapdoor::from_seed(1);
            trapdoor.ic[n] = Fr::from(0u64);
            let statement = any_statement(&mut rng);
            let proof = trapdoor.simulate(&statement, &mut rng);
            let mut other = statement.to_array();
            other[n - 1] += Fr::from(1u64);
            let other = Statement::from_array(other);
            assert!(accepted_without_lint(&trapdoor.points(), &other, proof), "positive control");
            assert_eq!(lint(&trapdoor.points()), Err(KeyFault::Infinity(KeyPart::Input(n))));
        }
    }

    /// Equal or opposite IC points: inputs can be exchanged.
    #[test]
    fn inputs_that_share_a_point_can_be_exchanged() {
        let mut rng = StdRng::seed_from_u64(6);
        for (i, j, sign) in [(1, 2, 1i64), (3, 14, 1), (13, 14, -1)] {
            let mut trapdoor = Trapdoor::from_seed(1);
            let sign = if sign == 1 { Fr::from(1u64) } else { -Fr::from(1u64) };
            trapdoor.ic[j] = sign * trapdoor.ic[i];
            let statement = any_statement(&mut rng);
            let proof = trapdoor.simulate(&statement, &mut rng);
            let mut other = statement.to_array();
            other[i - 1] += Fr::from(5u64);
            other[j - 1] -= sign * Fr::from(5u64);
            let other = Statement::from_array(other);
            assert!(accepted_without_lint(&trapdoor.points(), &other, proof), "positive control");
            assert_eq!(lint(&trapdoor.points()), Err(KeyFault::InputsNotDistinct(i, j)));
        }
    }

    #[test]
    fn every_other_fault_by_name() {
        let good = Trapdoor::from_seed(1).points();
        assert_eq!(lint(&good), Ok(()));
        type Edit = fn(&mut KeyPoints);
        let cases: [(Edit, KeyFault); 10] = [
            (|k| k.alpha_g1 = G1Affine::identity(), KeyFault::Infinity(KeyPart::Alpha)),
            (|k| k.beta_g2 = G2Affine::identity(), KeyFault::Infinity(KeyPart::Beta)),
            (|k| k.gamma_g2 = G2Affine::identity(), KeyFault::Infinity(KeyPart::Gamma)),
            (|k| k.delta_g2 = G2Affine::identity(), KeyFault::Infinity(KeyPart::Delta)),
            (|k| k.ic[0] = G1Affine::identity(), KeyFault::Infinity(KeyPart::Input(0))),
            (|k| k.ic.truncate(14), KeyFault::InputCount(14)),
            (|k| k.ic.push(g1(Fr::from(3u64))), KeyFault::InputCount(16)),
            (|k| k.ic.clear(), KeyFault::InputCount(0)),
            (
                |k| k.alpha_g1 = G1Affine::new_unchecked(1.into(), 1.into()),
                KeyFault::NotInGroup(KeyPart::Alpha),
            ),
            (|k| k.ic[0] = -k.ic[7], KeyFault::InputsNotDistinct(0, 7)),
        ];
        for (edit, fault) in cases {
            let mut bad = good.clone();
            edit(&mut bad);
            assert_eq!(lint(&bad), Err(fault.clone()));
            assert_eq!(PreparedKey::new(key(bad)).err(), Some(fault));
        }
        // A point of the twist outside the subgroup: random x until there is one.
        let outside =
            (1u64..).find_map(|x| G2Affine::get_point_from_x_unchecked(x.into_fq2(), true)).unwrap();
        assert!(outside.is_on_curve() && !outside.is_in_correct_subgroup_assuming_on_curve());
        let bad = KeyPoints { delta_g2: outside, ..good };
        assert_eq!(lint(&bad), Err(KeyFault::NotInGroup(KeyPart::Delta)));
    }

    trait IntoFq2 {
        fn into_fq2(self) -> ark_bn254::Fq2;
    }
    impl IntoFq2 for u64 {
        fn into_fq2(self) -> ark_bn254::Fq2 {
            ark_bn254::Fq2::new(self.into(), 0u64.into())
        }
    }

    /// Ceremonies in the manner of snarkjs leave γ at the generator; their keys are fine.
    #[test]
    fn gamma_may_be_the_generator() {
        let trapdoor = Trapdoor { gamma: Fr::from(1u64), ..Trapdoor::from_seed(1) };
        assert_eq!(trapdoor.points().gamma_g2, g2(Fr::from(1u64)));
        assert_eq!(lint(&trapdoor.points()), Ok(()));
    }
}
