//! The pairing check of Groth16, single and batched.
//!
//! `e(A, B) = e(α, β) · e(IC(x), γ) · e(C, δ)` with `IC(x) = IC₀ + Σ xᵢ·ICᵢ`. One multi-Miller loop and
//! one final exponentiation, for a single proof and for a batch alike.

use crate::key::{KeyPoints, PUBLIC_INPUTS, VerifyingKey};
use crate::lint::{KeyFault, lint};
use crate::proof::Proof;
use ark_bn254::{Bn254, G1Affine, G1Projective};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField};
use rand::{CryptoRng, RngCore};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;

type G1Prepared = <Bn254 as Pairing>::G1Prepared;
type G2Prepared = <Bn254 as Pairing>::G2Prepared;

/// Up to so many proofs are checked one by one: their product would save nothing.
const SINGLY: usize = 8;
/// How many products a batch may try. Enough to name a few bad proofs among thousands; where there are
/// more, somebody is flooding, and single checks are cheaper.
const MAX_PRODUCTS: u32 = 32;

/// The proof does not prove the statement under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not prove this statement")]
pub struct ProofInvalid;

/// A verifying key that has passed the lint, made ready for many checks (about 60 KB).
#[derive(Debug, Clone)]
pub struct PreparedKey {
    key: VerifyingKey,
    ic: [G1Affine; PUBLIC_INPUTS + 1],
    alpha_beta: PairingOutput<Bn254>,
    beta: G2Prepared,
    minus_gamma: G2Prepared,
    minus_delta: G2Prepared,
}

impl PreparedKey {
    /// Prepares a key, if it is safe.
    pub fn new(key: VerifyingKey) -> Result<PreparedKey, KeyFault> {
        lint(key.points())?;
        PreparedKey::without_lint(key)
    }

    /// For the positive controls of the lint, too: nothing outside this crate can reach it.
    pub(crate) fn without_lint(key: VerifyingKey) -> Result<PreparedKey, KeyFault> {
        let points: &KeyPoints = key.points();
        let count = points.ic.len();
        let ic = <[G1Affine; PUBLIC_INPUTS + 1]>::try_from(points.ic.as_slice())
            .map_err(|_| KeyFault::InputCount(count))?;
        Ok(PreparedKey {
            ic,
            alpha_beta: Bn254::pairing(points.alpha_g1, points.beta_g2),
            beta: points.beta_g2.into(),
            minus_gamma: (-points.gamma_g2).into(),
            minus_delta: (-points.delta_g2).into(),
            key,
        })
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The circuit id: the hash of the key's file.
    pub fn circuit_id(&self) -> CircuitId {
        self.key.circuit_id()
    }

    /// Checks one proof of one statement.
    pub fn check(&self, statement: &Statement, proof: &Proof) -> Result<(), ProofInvalid> {
        let [constant, of_inputs @ ..] = &self.ic;
        let inputs = statement.to_array().map(|x| x.into_bigint());
        let commitment = combine(of_inputs, &inputs) + constant;
        let g1 = [*proof.a(), commitment.into_affine(), *proof.c()].map(G1Prepared::from);
        let g2 = [(*proof.b()).into(), self.minus_gamma.clone(), self.minus_delta.clone()];
        let product = Bn254::final_exponentiation(Bn254::multi_miller_loop(g1, g2));
        if product == Some(self.alpha_beta) { Ok(()) } else { Err(ProofInvalid) }
    }

    /// Checks many proofs with random 128-bit weights `c` and one final exponentiation:
    /// `∏ e(cᵢAᵢ, Bᵢ) = e(Σcᵢ·α, β) · e(Σ cᵢ·ICᵢ(x), γ) · e(Σ cᵢCᵢ, δ)`. When the product is wrong, halves
    /// are checked until the bad proofs are named: the verdicts are those of [`PreparedKey::check`],
    /// except that a bad proof passes with probability 2⁻¹²⁸ over the RNG.
    pub fn check_batch<R: RngCore + CryptoRng>(
        &self,
        items: &[(Statement, Proof)],
        rng: &mut R,
    ) -> Vec<Result<(), ProofInvalid>> {
        let mut verdicts = vec![Ok(()); items.len()];
        let mut products = MAX_PRODUCTS;
        self.bisect(items, &mut verdicts, rng, false, &mut products);
        verdicts
    }

    /// `known_bad`: the product over `items` is known to be wrong.
    fn bisect<R: RngCore + CryptoRng>(
        &self,
        items: &[(Statement, Proof)],
        verdicts: &mut [Result<(), ProofInvalid>],
        rng: &mut R,
        known_bad: bool,
        products: &mut u32,
    ) -> bool {
        if items.len() <= SINGLY || *products == 0 {
            for ((statement, proof), verdict) in items.iter().zip(&mut *verdicts) {
                *verdict = self.check(statement, proof);
            }
            return verdicts.iter().all(Result::is_ok);
        }
        if !known_bad {
            *products -= 1;
            if self.product_holds(items, rng) {
                return true;
            }
        }
        let middle = items.len() / 2;
        let (left, right) = items.split_at(middle);
        let (left_verdicts, right_verdicts) = verdicts.split_at_mut(middle);
        let left_holds = self.bisect(left, left_verdicts, rng, false, products);
        // A wrong whole with a right left half has a wrong right half: no need to try its product.
        self.bisect(right, right_verdicts, rng, left_holds, products);
        false
    }

    fn product_holds<R: RngCore + CryptoRng>(&self, items: &[(Statement, Proof)], rng: &mut R) -> bool {
        let weights: Vec<BigInt<4>> = items.iter().map(|_| weight(rng)).collect();
        let weighted_a: Vec<G1Projective> =
            items.iter().zip(&weights).map(|((_, proof), c)| proof.a().mul_bigint(c)).collect();
        let c_points: Vec<G1Affine> = items.iter().map(|(_, proof)| *proof.c()).collect();
        let c_sum = combine(&c_points, &weights);

        // Σ c·IC(x) needs one multiplication per input, not one per proof and input.
        let mut sums = [Fr::ZERO; PUBLIC_INPUTS + 1];
        for ((statement, _), c) in items.iter().zip(&weights) {
            let c = Fr::from_bigint(*c).unwrap_or_default();
            let values = std::iter::once(Fr::from(1u8)).chain(statement.to_array());
            for (sum, x) in sums.iter_mut().zip(values) {
                *sum += c * x;
            }
        }
        let sums = sums.map(|s| s.into_bigint());
        let [weight_sum, ..] = &sums;
        let ic_sum = combine(&self.ic, &sums);
        let alpha_sum = self.key.points().alpha_g1.mul_bigint(weight_sum);

        let mut points = weighted_a;
        points.extend([-alpha_sum, ic_sum, c_sum]);
        let g1 = G1Projective::normalize_batch(&points);
        let b = items.iter().map(|(_, proof)| (*proof.b()).into());
        let g2 = b.chain([self.beta.clone(), self.minus_gamma.clone(), self.minus_delta.clone()]);
        let g2: Vec<G2Prepared> = g2.collect();
        let product = Bn254::multi_miller_loop(g1.into_iter().map(G1Prepared::from), g2);
        Bn254::final_exponentiation(product) == Some(PairingOutput::ZERO)
    }
}

/// A random weight of 128 bits, never zero.
fn weight<R: RngCore + CryptoRng>(rng: &mut R) -> BigInt<4> {
    let (low, high) = (rng.next_u64(), rng.next_u64());
    BigInt::new([if high == 0 { low.max(1) } else { low }, high, 0, 0])
}

/// `Σ sᵢ·Pᵢ` with shared doublings (Straus). ark's own MSM sorts and copies its bases and starts a
/// thread pool: too much for fourteen points.
fn combine(points: &[G1Affine], scalars: &[BigInt<4>]) -> G1Projective {
    let bits = scalars.iter().map(|s| s.num_bits()).max().unwrap_or(0);
    let mut sum = G1Projective::ZERO;
    for bit in (0..bits as usize).rev() {
        sum.double_in_place();
        for (point, scalar) in points.iter().zip(scalars) {
            if scalar.get_bit(bit) {
                sum += point;
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Trapdoor, any_statement, rerandomise};
    use crate::{Origin, VerifyingKey};
    use ark_ff::{AdditiveGroup, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn prepared() -> (Trapdoor, PreparedKey) {
        let trapdoor = Trapdoor::from_seed(1);
        let key: VerifyingKey = trapdoor.key(Origin::Dev);
        (trapdoor, PreparedKey::new(key).unwrap())
    }

    #[test]
    fn shared_doublings_give_the_plain_sum() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in 0..6 {
            let points: Vec<G1Affine> = (0..n).map(|_| G1Affine::rand(&mut rng)).collect();
            let scalars: Vec<Fr> = (0..n)
                .map(|i| match i {
                    0 => -Fr::from(1u64),
                    1 => Fr::ZERO,
                    _ => Fr::rand(&mut rng),
                })
                .collect();
            let plain: G1Projective = points.iter().zip(&scalars).map(|(p, s)| *p * s).sum();
            let ints: Vec<BigInt<4>> = scalars.iter().map(|s| s.into_bigint()).collect();
            assert_eq!(combine(&points, &ints), plain);
        }
    }

    #[test]
    fn any_other_input_is_refused() {
        let (trapdoor, key) = prepared();
        let mut rng = StdRng::seed_from_u64(2);
        let statement = any_statement(&mut rng);
        let proof = trapdoor.simulate_proof(&statement, &mut rng);
        assert_eq!(key.check(&statement, &proof), Ok(()));
        let values = statement.to_array();
        let one = Fr::from(1u64);
        for n in 0..PUBLIC_INPUTS {
            for other in [values[n] + one, values[n] - one, -values[n], Fr::ZERO] {
                let mut bad = values;
                bad[n] = other;
                assert_eq!(key.check(&Statement::from_array(bad), &proof), Err(ProofInvalid), "{n}");
            }
            for m in 0..n {
                let mut bad = values;
                bad.swap(n, m);
                assert_eq!(key.check(&Statement::from_array(bad), &proof), Err(ProofInvalid));
            }
        }
    }

    #[test]
    fn small_and_extreme_inputs() {
        let (trapdoor, key) = prepared();
        let mut rng = StdRng::seed_from_u64(3);
        for value in [Fr::ZERO, Fr::from(1u64), -Fr::from(1u64), Fr::from(u64::MAX)] {
            let statement = Statement::from_array([value; PUBLIC_INPUTS]);
            let proof = trapdoor.simulate_proof(&statement, &mut rng);
            assert_eq!(key.check(&statement, &proof), Ok(()));
            assert_eq!(
                key.check_batch(&[(statement.clone(), proof.clone()), (statement, proof)], &mut rng),
                [Ok(()); 2]
            );
        }
    }

    /// The slow twin: each proof by itself. Good and bad ones in every pattern, of every length.
    #[test]
    fn batch_says_what_single_says() {
        let (trapdoor, key) = prepared();
        let mut rng = StdRng::seed_from_u64(4);
        let other = Trapdoor::from_seed(2);
        let item = |good: bool, rng: &mut StdRng| {
            let statement = any_statement(rng);
            let proof = if good { &trapdoor } else { &other }.simulate(&statement, rng);
            let proof = if good { rerandomise(key.key(), &proof, rng) } else { proof };
            (statement, Proof::from_bytes(&proof).unwrap())
        };
        let mut patterns: Vec<Vec<bool>> = (0..4)
            .flat_map(|n| (0..1 << n).map(move |m| (0..n).map(|i| m >> i & 1 == 1).collect()))
            .collect();
        patterns.push((0..33).map(|i| i != 17).collect());
        patterns.push((0..19).map(|i| i % 5 > 0).collect());
        patterns.push(vec![true; 40]);
        patterns.push(vec![false; 9]);
        for pattern in patterns {
            let items: Vec<(Statement, Proof)> = pattern.iter().map(|good| item(*good, &mut rng)).collect();
            let single: Vec<_> = items.iter().map(|(s, p)| key.check(s, p)).collect();
            assert_eq!(single.iter().map(|v| v.is_ok()).collect::<Vec<_>>(), pattern);
            assert_eq!(key.check_batch(&items, &mut rng), single, "{pattern:?}");
        }
    }

    /// Two proofs that are wrong in opposite ways: their plain product holds, so equal weights would
    /// accept both.
    #[test]
    fn errors_that_cancel_are_found() {
        let (trapdoor, key) = prepared();
        let mut rng = StdRng::seed_from_u64(5);
        let shift = G1Affine::rand(&mut rng);
        let shifted = |sign: bool, rng: &mut StdRng| {
            let statement = any_statement(rng);
            let proof = trapdoor.simulate_proof(&statement, rng);
            let c = if sign { *proof.c() + shift } else { *proof.c() - shift };
            let bytes = crate::testkit::proof_bytes(*proof.a(), *proof.b(), c.into_affine());
            (statement, Proof::from_bytes(&bytes).unwrap())
        };
        let items = [shifted(true, &mut rng), shifted(false, &mut rng)];
        struct Equal;
        impl RngCore for Equal {
            fn next_u32(&mut self) -> u32 {
                1
            }
            fn next_u64(&mut self) -> u64 {
                1
            }
            fn fill_bytes(&mut self, dest: &mut [u8]) {
                dest.fill(1);
            }
            fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
                dest.fill(1);
                Ok(())
            }
        }
        impl CryptoRng for Equal {}
        assert!(key.product_holds(&items, &mut Equal), "positive control: equal weights are fooled");
        assert_eq!(key.check_batch(&items, &mut rng), [Err(ProofInvalid); 2]);
    }
}
