//! Many proofs at once: one product with random weights, and bisection that names the bad ones.

use crate::curve::fe12::Fe12;
use crate::curve::g1::{At, Weight, weigh, weighted_sum};
use crate::curve::g2::walk;
use crate::curve::miller;
use crate::curve::point::{G1, G2};
use crate::curve::wide::{self, Pair};
use crate::error::VerifyError;
use crate::pairing::{PreparedKey, ProofInvalid};
use crate::proof::Points;
use ark_ff::AdditiveGroup;
use rand::{CryptoRng, RngCore};
use veilpass_protocol::field::Fr;

/// Up to so many proofs are checked one by one: their product would save nothing.
const SINGLY: usize = 8;
/// Where bisection ends: products of fewer, each with a final exponentiation, would cost about what they save.
const NAMED_SINGLY: usize = 16;
/// How many products a batch may try. Enough to name a few bad proofs among thousands; where there are
/// more, somebody is flooding, and single checks are cheaper.
const MAX_PRODUCTS: u32 = 32;
/// Proofs that walk in step: enough to share their inversions, few enough for their lines (12 KB each) to
/// stay in the cache.
const CHUNK: usize = 64;
/// The same in eight lanes, where no lines are kept.
const WIDE_CHUNK: usize = 256;
/// Fewer proofs do not fill the lanes.
const WIDE_LEAST: usize = 16;

/// The public inputs of a statement, and the points of its proof.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) inputs: &'a [Fr],
    pub(crate) points: Points,
}

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// B is not in its subgroup.
    Outside,
    /// It does not prove the statement.
    Invalid,
}

impl From<Flaw> for VerifyError {
    fn from(flaw: Flaw) -> VerifyError {
        match flaw {
            Flaw::Outside => Points::OUTSIDE.into(),
            Flaw::Invalid => ProofInvalid.into(),
        }
    }
}

type Verdict = Result<(), Flaw>;

/// What a product says.
pub(crate) struct Product {
    /// For each proof whether its B is in the subgroup; the others are left out.
    pub(crate) in_subgroup: Vec<bool>,
    /// Whether the equation holds.
    pub(crate) holds: bool,
}

/// The verdict of [`PreparedKey::judge`] on each item, except that a bad proof passes with probability
/// 2⁻¹²⁸.
pub(crate) fn check<R: RngCore + CryptoRng>(
    key: &PreparedKey,
    items: &[Item<'_>],
    rng: &mut R,
) -> Vec<Verdict> {
    let all: Vec<&Item<'_>> = items.iter().collect();
    if all.len() <= SINGLY || !all.iter().all(|item| key.fits(item.inputs)) {
        return singly(key, &all);
    }
    // The first product tells, proof by proof, whose B is outside; the rest of the work is for the others.
    let first = product(key, &all, rng);
    let mut verdicts: Vec<Verdict> =
        first.in_subgroup.iter().map(|inside| if *inside { Ok(()) } else { Err(Flaw::Outside) }).collect();
    if !first.holds {
        let inside: Vec<&Item<'_>> = all
            .iter()
            .zip(&first.in_subgroup)
            .filter(|(_, inside)| **inside)
            .map(|(item, _)| *item)
            .collect();
        let mut found = vec![Ok(()); inside.len()];
        let mut products = MAX_PRODUCTS - 1;
        Bisection { key, rng }.halves(&inside, &mut found, &mut products);
        let places = verdicts.iter_mut().filter(|v| v.is_ok());
        for (verdict, found) in places.zip(found) {
            *verdict = found;
        }
    }
    verdicts
}

struct Bisection<'k, 'r, R> {
    key: &'k PreparedKey,
    rng: &'r mut R,
}

impl<R: RngCore + CryptoRng> Bisection<'_, '_, R> {
    /// `known_bad`: the product over `items` is known to be wrong. True if all are good.
    fn bisect(
        &mut self,
        items: &[&Item<'_>],
        verdicts: &mut [Verdict],
        known_bad: bool,
        products: &mut u32,
    ) -> bool {
        if items.len() <= NAMED_SINGLY || *products == 0 {
            for (verdict, found) in verdicts.iter_mut().zip(singly(self.key, items)) {
                *verdict = found;
            }
            return verdicts.iter().all(Result::is_ok);
        }
        if !known_bad {
            *products -= 1;
            if product(self.key, items, self.rng).holds {
                return true;
            }
        }
        self.halves(items, verdicts, products);
        false
    }

    /// Of items whose product is wrong.
    fn halves(&mut self, items: &[&Item<'_>], verdicts: &mut [Verdict], products: &mut u32) {
        if items.len() <= NAMED_SINGLY {
            self.bisect(items, verdicts, true, products);
            return;
        }
        let middle = items.len() / 2;
        let (left, right) = items.split_at(middle);
        let (left_verdicts, right_verdicts) = verdicts.split_at_mut(middle);
        let left_holds = self.bisect(left, left_verdicts, false, products);
        // A wrong whole with a right left half has a wrong right half: no need to try its product.
        self.bisect(right, right_verdicts, left_holds, products);
    }
}

fn singly(key: &PreparedKey, items: &[&Item<'_>]) -> Vec<Verdict> {
    items.iter().map(|item| key.judge(item)).collect()
}

/// `∏ e(cᵢAᵢ, Bᵢ) · e(−Σcᵢ·α, β) · e(Σ cᵢ·ICᵢ(x), −γ) · e(Σ cᵢCᵢ, −δ) = 1`?
pub(crate) fn product<R: RngCore + CryptoRng>(
    key: &PreparedKey,
    items: &[&Item<'_>],
    rng: &mut R,
) -> Product {
    let weighted: Vec<(&Item<'_>, Weight)> = items.iter().map(|item| (*item, Weight::random(rng))).collect();
    let mut in_subgroup = Vec::with_capacity(items.len());
    let mut f = Fe12::ONE;
    // Σ c, and Σ c·x for each input.
    let mut sums = vec![Fr::ZERO; key.key().circuit().public_inputs + 1];
    let mut c: Vec<(G1, Weight)> = Vec::with_capacity(items.len());
    for chunk in weighted.chunks(WIDE_CHUNK) {
        let (of_chunk, inside) = wide_product(chunk).unwrap_or_else(|| plain_product(chunk));
        f = f.mul(of_chunk);
        for ((item, weight), _) in chunk.iter().zip(&inside).filter(|(_, inside)| **inside) {
            c.push((item.points.c, *weight));
            let scalar = weight.scalar();
            let values = item.inputs.iter().map(|x| *x * scalar);
            for (sum, value) in sums.iter_mut().zip(std::iter::once(scalar).chain(values)) {
                *sum += value;
            }
        }
        in_subgroup.extend(inside);
    }
    let (c, weights): (Vec<G1>, Vec<Weight>) = c.into_iter().unzip();
    let f = f.mul(key.fixed_part(&sums, weighted_sum(&c, &weights)));
    Product { in_subgroup, holds: f.final_exponentiation() == Some(Fe12::ONE) }
}

/// `∏ e(cᵢAᵢ, Bᵢ)` over the proofs whose B is in the subgroup, and which they are: eight proofs at a time. `None` where the
/// processor cannot, or a hostile B met itself.
fn wide_product(chunk: &[(&Item<'_>, Weight)]) -> Option<(Fe12, Vec<bool>)> {
    if chunk.len() < WIDE_LEAST {
        return None;
    }
    let pair = |(item, weight): &(&Item<'_>, Weight)| {
        let Points { a, b, .. } = item.points;
        Pair { a, b, weight: *weight, counts: true }
    };
    let mut pairs: Vec<Pair> = chunk.iter().map(pair).collect();
    let batch = wide::product(&pairs)?;
    if batch.in_subgroup.iter().all(|inside| *inside) {
        return Some((batch.f, batch.in_subgroup));
    }
    // Once more without those outside.
    for (pair, inside) in pairs.iter_mut().zip(&batch.in_subgroup) {
        pair.counts = *inside;
    }
    Some((wide::product(&pairs)?.f, batch.in_subgroup))
}

/// The same, one proof after the other.
fn plain_product(chunk: &[(&Item<'_>, Weight)]) -> (Fe12, Vec<bool>) {
    let mut f = Fe12::ONE;
    let mut in_subgroup = Vec::with_capacity(chunk.len());
    for chunk in chunk.chunks(CHUNK) {
        let b: Vec<G2> = chunk.iter().map(|(item, _)| item.points.b).collect();
        let walked = walk(&b);
        let (a, weights): (Vec<G1>, Vec<Weight>) =
            chunk.iter().map(|(item, weight)| (item.points.a, *weight)).unzip();
        let at = At::all(&weigh(&a, &weights)).into_iter().zip(&walked.in_subgroup);
        let at: Vec<Option<At>> = at.map(|(at, inside)| inside.then_some(at)).collect();
        f = f.mul(miller::product(&at, &walked.lines));
        in_subgroup.extend(walked.in_subgroup);
    }
    (f, in_subgroup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Trapdoor, any_statement, proof_bytes};
    use crate::{Origin, Proof, VerifyError};
    use ark_bn254::{Fq2, G2Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{PrimeField, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use veilpass_protocol::statement::Statement;

    /// A point of the twist without any part in the subgroup.
    fn outside(rng: &mut StdRng) -> G2Affine {
        loop {
            if let Some(q) = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true) {
                return q.mul_bigint(Fr::MODULUS).into_affine();
            }
        }
    }

    /// Good proofs, wrong ones, and such whose B has a part outside the subgroup, in every kind of batch: the verdicts
    /// are those of the decoder and the single check.
    #[test]
    fn batches_of_bytes_say_what_decoding_and_checking_say() {
        let mut rng = StdRng::seed_from_u64(1);
        let (trapdoor, other) = (Trapdoor::from_seed(1), Trapdoor::from_seed(2));
        let key = PreparedKey::new(trapdoor.key(Origin::Dev)).unwrap();
        let item = |kind: u32, rng: &mut StdRng| {
            let statement = any_statement(rng);
            let mut bytes = trapdoor.simulate(&statement, rng);
            let proof = Proof::from_bytes(&bytes).unwrap();
            match kind {
                1 => bytes = other.simulate(&statement, rng),
                2 => {
                    let b = (*proof.b() + outside(rng)).into_affine();
                    bytes = proof_bytes(*proof.a(), b, *proof.c());
                }
                3 => bytes = proof_bytes(*proof.a(), outside(rng), *proof.c()),
                4 => {
                    // Which of the two is named: the first.
                    bytes = proof_bytes(*proof.a(), outside(rng), *proof.c());
                    bytes[127] |= 0xc0;
                }
                5 => bytes[0..31].fill(0xff),
                _ => {}
            }
            (statement, bytes)
        };
        let mut patterns: Vec<Vec<u32>> = (1..6).map(|kind| vec![kind; 20]).collect();
        for n in [0, 1, 2, 8, 9, 10, 33, 130] {
            patterns.push(vec![0; n]);
            patterns.push((0..n as u32).map(|i| if i % 9 == 4 { i / 9 % 6 } else { 0 }).collect());
            patterns.push((0..n).map(|i| if i + 1 == n { 2 } else { 0 }).collect());
        }
        for pattern in patterns {
            let items: Vec<(Statement, [u8; 128])> = pattern.iter().map(|k| item(*k, &mut rng)).collect();
            let slow = |(statement, bytes): &(Statement, [u8; 128])| -> Result<(), VerifyError> {
                Ok(key.check(statement, &Proof::from_bytes(bytes)?)?)
            };
            let slow: Vec<_> = items.iter().map(slow).collect();
            let each: Vec<_> = items.iter().map(|(s, p)| key.check_bytes(s, p)).collect();
            assert_eq!(each, slow, "{pattern:?}");
            assert_eq!(key.check_batch_bytes(&items, &mut rng), slow, "{pattern:?}");
        }
    }

    /// Equal A, opposite A, equal B, the generators: points that meet on the way.
    #[test]
    fn points_that_meet() {
        let mut rng = StdRng::seed_from_u64(2);
        let trapdoor = Trapdoor::from_seed(1);
        let key = PreparedKey::new(trapdoor.key(Origin::Dev)).unwrap();
        let statement = any_statement(&mut rng);
        let proof = trapdoor.simulate_proof(&statement, &mut rng);
        let negated = proof_bytes(-*proof.a(), -*proof.b(), *proof.c());
        let negated = Proof::from_bytes(&negated).unwrap();
        let mut items = vec![(statement.clone(), proof.clone()); 10];
        items.extend(vec![(statement.clone(), negated); 10]);
        assert_eq!(key.check_batch(&items, &mut rng), [Ok(()); 20]);
        let one = proof_bytes(ark_bn254::G1Affine::generator(), G2Affine::generator(), *proof.a());
        items[13].1 = Proof::from_bytes(&one).unwrap();
        let verdicts = key.check_batch(&items, &mut rng);
        assert!(verdicts.iter().enumerate().all(|(n, v)| v.is_ok() == (n != 13)));
    }
}
