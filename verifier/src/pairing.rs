//! The pairing check of Groth16 for one proof.
//!
//! `e(A, B) = e(α, β) · e(IC(z), γ) · e(C, δ)` with `IC(z) = IC₀ + Σ zᵢ·ICᵢ`. One multi-Miller loop and
//! one final exponentiation. Many proofs at once: [`crate::batch`].

use crate::batch::{self, Flaw, Item};
use crate::curve::fe::Fe;
use crate::curve::fe12::Fe12;
use crate::curve::g1::{At, Table, sum};
use crate::curve::g2::{Line, walk, walk_one};
use crate::curve::miller;
use crate::curve::point::{G1, G2, Jacobian};
use crate::curve::wide::Fixed;
use crate::error::VerifyError;
use crate::key::{KeyPoints, VerifyingKey};
use crate::lint::{KeyFault, lint};
use crate::proof::{PROOF_BYTES, Points, Proof, ProofPointError};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::PrimeField;
use rand::{CryptoRng, RngCore};
use std::sync::Arc;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::PublicInputs;

/// The proof does not prove the statement under this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not prove this statement")]
pub struct ProofInvalid;

/// A verifying key that has passed the lint, made ready for many checks: about 2 MB of multiples of its
/// points, which clones share.
#[derive(Debug, Clone)]
pub struct PreparedKey {
    key: VerifyingKey,
    tables: Arc<Tables>,
}

#[derive(Debug)]
struct Tables {
    /// α, and the points of the input commitment.
    alpha: Table,
    ic: Vec<Table>,
    ic_constant: Option<G1>,
    alpha_beta: Fe12,
    /// Lines of β, −γ and −δ, step by step. Of a point at infinity (which no safe key has) those of another point: it is
    /// never evaluated.
    lines: Vec<Line>,
    finite: [bool; 3],
    /// The lines of −γ and −δ once more, for lanes, where the processor has wide multipliers.
    fixed: Option<Fixed>,
}

impl PreparedKey {
    /// Prepares a key, if it is safe: some milliseconds.
    pub fn new(key: VerifyingKey) -> Result<PreparedKey, KeyFault> {
        lint(&key)?;
        PreparedKey::without_lint(key)
    }

    /// For the positive controls of the lint, too: nothing outside this crate can reach it.
    pub(crate) fn without_lint(key: VerifyingKey) -> Result<PreparedKey, KeyFault> {
        let points: &KeyPoints = key.points();
        let [constant, of_inputs @ ..] = points.ic.as_slice() else {
            return Err(KeyFault::InputCount(0));
        };
        if of_inputs.len() != key.circuit().public_inputs {
            return Err(KeyFault::InputCount(points.ic.len()));
        }
        let all = std::iter::once(&points.alpha_g1).chain(&points.ic);
        let mut ic = Table::of(&all.map(G1::of).collect::<Vec<_>>());
        let alpha = ic.remove(0);
        let fixed = [points.beta_g2, -points.gamma_g2, -points.delta_g2];
        let finite = fixed.map(|q| !q.is_zero());
        let walked: Vec<G2> =
            fixed.iter().filter_map(|q| G2::of(if q.is_zero() { &GENERATOR } else { q })).collect();
        let lines = walk(&walked).lines;
        let jacobian = |p: &G1Affine| G1::of(p).map_or(Jacobian::INFINITY, Jacobian::of);
        let [at_alpha] = At::all_jacobian([jacobian(&points.alpha_g1)]);
        let [beta_is_finite, ..] = finite;
        let at = [at_alpha.filter(|_| beta_is_finite), None, None];
        // A product of lines is never 0.
        let alpha_beta = miller::product(&at, &lines).final_exponentiation().unwrap_or(Fe12::ONE);
        let ic_constant = G1::of(constant);
        let (each, _) = lines.as_chunks::<3>();
        let fixed = Fixed::of(&each.iter().map(|[_, gamma, delta]| [*gamma, *delta]).collect::<Vec<_>>());
        let tables = Arc::new(Tables { alpha, ic, ic_constant, alpha_beta, lines, finite, fixed });
        Ok(PreparedKey { key, tables })
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The circuit id: the hash of the key's file.
    pub fn circuit_id(&self) -> CircuitId {
        self.key.circuit_id()
    }

    /// Checks one proof of one statement. A statement with another number of inputs than the circuit's is not
    /// proven by anything.
    pub fn check<S: PublicInputs>(&self, statement: &S, proof: &Proof) -> Result<(), ProofInvalid> {
        let points = proof.points().ok_or(ProofInvalid)?;
        self.judge(&Item { inputs: &statement.public_inputs(), points }).map_err(|_| ProofInvalid)
    }

    /// Decodes a proof and checks it: what [`Proof::from_bytes`] and [`PreparedKey::check`] say one after the
    /// other, in less time. B's way through the Miller loop is also its subgroup check.
    pub fn check_bytes<S: PublicInputs>(
        &self,
        statement: &S,
        proof: &[u8; PROOF_BYTES],
    ) -> Result<(), VerifyError> {
        let points = Points::read(proof)?;
        self.judge(&Item { inputs: &statement.public_inputs(), points }).map_err(VerifyError::from)
    }

    /// Whether these are as many inputs as the circuit has.
    pub(crate) fn fits(&self, inputs: &[Fr]) -> bool {
        inputs.len() == self.key.circuit().public_inputs
    }

    /// Subgroup and pairing of one proof.
    pub(crate) fn judge(&self, item: &Item<'_>) -> Result<(), Flaw> {
        if !self.fits(item.inputs) {
            return Err(Flaw::Invalid);
        }
        let t = &*self.tables;
        let Points { a, b, c } = item.points;
        let paired = || [Jacobian::INFINITY, self.commitment(item.inputs), Jacobian::of(c)];
        let product = if let Some(fixed) = &t.fixed {
            let of_b = fixed.walk(b).ok_or(Flaw::Outside)?;
            let [_, at @ ..] = self.finite(paired());
            fixed.pairing(a, &of_b, at).ok_or(Flaw::Invalid)?
        } else {
            let of_b = walk_one(b).ok_or(Flaw::Outside)?;
            // A product of lines is never 0.
            let product = miller::product_with(a, &of_b, &self.at(paired()), &t.lines);
            product.final_exponentiation().ok_or(Flaw::Invalid)?
        };
        if product == t.alpha_beta { Ok(()) } else { Err(Flaw::Invalid) }
    }

    /// `IC₀ + Σ zᵢ·ICᵢ`.
    fn commitment(&self, inputs: &[Fr]) -> Jacobian<Fe> {
        let mut terms = Vec::with_capacity(ROOM);
        terms.extend(self.tables.ic_constant);
        for (table, x) in self.tables.ic.iter().skip(1).zip(inputs) {
            table.multiple(x.into_bigint(), &mut terms);
        }
        sum(&terms)
    }

    /// Points that are paired with β, −γ and −δ. Where those are infinity, so may these be.
    fn finite(&self, points: [Jacobian<Fe>; 3]) -> [Jacobian<Fe>; 3] {
        let mut finite = self.tables.finite.iter();
        points.map(|p| if finite.next() == Some(&true) { p } else { Jacobian::INFINITY })
    }

    /// Where the lines of β, −γ and −δ are evaluated.
    fn at(&self, points: [Jacobian<Fe>; 3]) -> [Option<At>; 3] {
        At::all_jacobian(self.finite(points))
    }

    /// `e(−a₀·α, β) · e(Σ sⱼ·ICⱼ, −γ) · e(C, −δ)` with the weights' sum `a₀ = s₀`, before the final exponentiation.
    pub(crate) fn fixed_part(&self, sums: &[Fr], c: Jacobian<Fe>) -> Fe12 {
        let t = &*self.tables;
        let of_weights = sums.first().copied().unwrap_or_default();
        let mut terms = Vec::with_capacity(ROOM);
        t.alpha.multiple(of_weights.into_bigint(), &mut terms);
        let alpha = sum(&terms);
        terms.clear();
        for (table, s) in t.ic.iter().zip(sums) {
            table.multiple(s.into_bigint(), &mut terms);
        }
        let commitment = sum(&terms);
        miller::product(&self.at([alpha.neg(), commitment, c]), &t.lines)
    }

    /// Checks many proofs with random weights `c` and one final exponentiation:
    /// `∏ e(cᵢAᵢ, Bᵢ) = e(Σcᵢ·α, β) · e(Σ cᵢ·ICᵢ(x), γ) · e(Σ cᵢCᵢ, δ)`. When the product is wrong, halves
    /// are checked until the bad proofs are named: the verdicts are those of [`PreparedKey::check`],
    /// except that a bad proof passes with probability 2⁻¹²⁸ over the RNG.
    pub fn check_batch<S: PublicInputs, R: RngCore + CryptoRng>(
        &self,
        items: &[(S, Proof)],
        rng: &mut R,
    ) -> Vec<Result<(), ProofInvalid>> {
        // Proofs are made by the reader only, so that each has its points; one without would be invalid.
        let inputs: Vec<Vec<Fr>> = items.iter().map(|(statement, _)| statement.public_inputs()).collect();
        let points: Vec<Option<Item<'_>>> = items
            .iter()
            .zip(&inputs)
            .map(|((_, proof), inputs)| Some(Item { inputs, points: proof.points()? }))
            .collect();
        let present: Vec<Item<'_>> = points.iter().flatten().copied().collect();
        let mut verdicts = batch::check(self, &present, rng).into_iter();
        let verdict = |item: Option<Item<'_>>| match item.and_then(|_| verdicts.next()) {
            Some(Ok(())) => Ok(()),
            _ => Err(ProofInvalid),
        };
        points.into_iter().map(verdict).collect()
    }

    /// [`PreparedKey::check_batch`] from the proofs' bytes: the verdicts of [`PreparedKey::check_bytes`]. The subgroup check
    /// of B costs next to nothing here, and each proof has its own.
    pub fn check_batch_bytes<S: PublicInputs, R: RngCore + CryptoRng>(
        &self,
        items: &[(S, [u8; PROOF_BYTES])],
        rng: &mut R,
    ) -> Vec<Result<(), VerifyError>> {
        let read = Points::read_all(&items.iter().map(|(_, proof)| proof).collect::<Vec<_>>());
        let inputs: Vec<Vec<Fr>> = items.iter().map(|(statement, _)| statement.public_inputs()).collect();
        let present = inputs.iter().zip(&read).filter_map(|(inputs, points)| {
            points.as_ref().ok().map(|points| Item { inputs, points: *points })
        });
        let mut verdicts = batch::check(self, &present.collect::<Vec<_>>(), rng).into_iter();
        let verdict = |points: Result<Points, ProofPointError>| {
            points?;
            // As many verdicts as points; should one be missing, nothing is accepted.
            Ok(verdicts.next().unwrap_or(Err(Flaw::Invalid))?)
        };
        read.into_iter().map(verdict).collect()
    }

    #[cfg(test)]
    fn product_holds<S: PublicInputs, R: RngCore + CryptoRng>(
        &self,
        items: &[(S, Proof)],
        rng: &mut R,
    ) -> bool {
        let inputs: Vec<Vec<Fr>> = items.iter().map(|(statement, _)| statement.public_inputs()).collect();
        let items: Vec<Item<'_>> = items
            .iter()
            .zip(&inputs)
            .map(|((_, proof), inputs)| Item { inputs, points: proof.points().unwrap() })
            .collect();
        let items: Vec<&Item<'_>> = items.iter().collect();
        batch::product(self, &items, rng).holds
    }
}

/// Terms of a usual statement's input commitment: four hashes, and small numbers.
const ROOM: usize = 256;

/// A stand-in whose lines are never evaluated.
const GENERATOR: G2Affine =
    G2Affine::new_unchecked(ark_bn254::g2::G2_GENERATOR_X, ark_bn254::g2::G2_GENERATOR_Y);

#[cfg(test)]
mod tests {
    use super::*;
    use veilpass_protocol::circuit_id::ATTEST_V1;
    use veilpass_protocol::statement::Statement;

    const PUBLIC_INPUTS: usize = ATTEST_V1.public_inputs;

    use crate::testkit::{Trapdoor, any_statement, rerandomise};
    use crate::{Origin, VerifyingKey};
    use ark_ec::CurveGroup;
    use ark_ff::{AdditiveGroup, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use veilpass_kernels::Machine;

    fn prepared() -> (Trapdoor, PreparedKey) {
        let trapdoor = Trapdoor::from_seed(1);
        let key: VerifyingKey = trapdoor.key(Origin::Dev);
        (trapdoor, PreparedKey::new(key).unwrap())
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

    /// With the lanes and without them: good proofs, bad ones, B outside its subgroup or off its curve; and a statement whose
    /// commitment is infinity.
    #[test]
    fn lanes_give_the_verdicts_of_one_product_after_the_other() {
        let (trapdoor, key) = prepared();
        assert_eq!(key.tables.fixed.is_some(), Machine::current() != Machine::portable());
        let with = |fixed| {
            let mut key = PreparedKey::new(key.key().clone()).unwrap();
            Arc::get_mut(&mut key.tables).unwrap().fixed = fixed;
            key
        };
        let (each, _) = key.tables.lines.as_chunks::<3>();
        let lines: Vec<[Line; 2]> = each.iter().map(|[_, gamma, delta]| [*gamma, *delta]).collect();
        let in_lanes =
            Machine::all().into_iter().map(|machine| with(Some(Fixed::on(machine, &lines).unwrap())));
        let (plain, in_lanes) = (with(None), in_lanes.collect::<Vec<_>>());
        let mut rng = StdRng::seed_from_u64(6);
        let mut statements: Vec<Statement> = (0..3).map(|_| any_statement(&mut rng)).collect();
        let mut values = statements[0].to_array();
        let others = trapdoor.ic[1..PUBLIC_INPUTS].iter().zip(values).map(|(ic, x)| *ic * x).sum::<Fr>();
        values[PUBLIC_INPUTS - 1] = -(trapdoor.ic[0] + others) / trapdoor.ic[PUBLIC_INPUTS];
        statements.push(Statement::from_array(values));
        assert!(key.commitment(&statements[3].to_array()).to_affine().is_none());
        let (mut good, mut outside) = (0, 0);
        for statement in &statements {
            let proof = trapdoor.simulate(statement, &mut rng);
            let mut cases = vec![proof, Trapdoor::from_seed(2).simulate(statement, &mut rng)];
            cases.push(trapdoor.simulate(&statements[1], &mut rng));
            for x in 0..24 {
                let mut bad = proof;
                bad[32..96].fill(0);
                bad[32] = x;
                cases.push(bad);
                // And C no point either: B is named first.
                bad[127] ^= 0x40;
                cases.push(bad);
            }
            for part in [0..32, 32..96, 96..128] {
                let mut bad = proof;
                bad[part.end - 1] ^= 0x80;
                cases.push(bad);
                bad[part].fill(0xff);
                cases.push(bad);
            }
            for bytes in cases {
                let verdict = plain.check_bytes(statement, &bytes);
                good += usize::from(verdict.is_ok());
                let points = Points::read(&bytes);
                outside += usize::from(points.is_ok_and(|p| walk_one(p.b).is_none()));
                let decoded = Proof::from_bytes(&bytes).ok();
                let of_decoded = decoded.as_ref().map(|proof| plain.check(statement, proof));
                assert!(of_decoded.is_none_or(|alone| alone.is_ok() == verdict.is_ok()));
                for key in &in_lanes {
                    assert_eq!(key.check_bytes(statement, &bytes), verdict);
                    assert_eq!(decoded.as_ref().map(|proof| key.check(statement, proof)), of_decoded);
                }
            }
        }
        assert!(good == 5 && outside > 20, "{good} {outside}");
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
