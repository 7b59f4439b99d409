//! A proof to which only the challenge is missing.
//!
//! The challenge occurs in no row but its own input row j, where A is the challenge and B and C are zero. So
//! with U = [Aₘ(τ)]₁ and R = (ωʲ/n)·Σ (coefficients of B(X)/(X − ωʲ))ₖ·[τᵏ Z(τ)/δ]₁
//!
//! ```text
//! (A₀ + m·U, B₀, C₀ + m·R)
//! ```
//!
//! is the unblinded proof for the challenge m. It is re-randomised afresh each time.

use super::ProveError;
use super::blinding::{BlindingKey, Factors, affine, encode};
use super::session::Session;
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use rand::{CryptoRng, RngCore};
use veilpass_kernels::Comb;
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use zeroize::Zeroizing;

/// The checked state. Whoever has it can present this statement, for any challenge, until its day or epoch
/// is over: it is kept like the credential.
pub struct Prepared {
    statement: Statement,
    blinding: BlindingKey,
    a: Comb<G1Affine>,
    b: Comb<G2Affine>,
    c: G1Affine,
    /// R.
    late: Comb<G1Affine>,
    /// U.
    challenge: Comb<G1Affine>,
    delta: Comb<G2Affine>,
}

impl Prepared {
    pub(super) fn new<R: RngCore + CryptoRng>(
        session: &Session<'_>,
        rng: &mut R,
    ) -> Result<Prepared, ProveError> {
        let (sums, late) = (session.unblinded(), session.per_challenge());
        let (challenge, delta) = session.engine().combs();
        let m = session.statement().challenge;
        let c0 = sums.c - late * m;
        let a0 = sums.a - challenge.mul(&m);
        let [a0, c0, late] = affine([a0, c0, late]);
        let prepared = Prepared {
            statement: session.statement().clone(),
            blinding: session.blinding_key(),
            a: Comb::new(a0),
            b: Comb::new(sums.b.into_affine()),
            c: c0,
            late: Comb::new(late),
            challenge: challenge.clone(),
            delta: delta.clone(),
        };
        // Both verify: then the equation, which is linear in m, holds for every challenge. A malformed key
        // could otherwise mark its user.
        for challenge in [Fr::ZERO, Fr::ONE] {
            let bytes = prepared.present(challenge, rng)?;
            session.engine().checked(&prepared.with(challenge), bytes)?;
        }
        Ok(prepared)
    }

    /// The statement with this challenge.
    fn with(&self, challenge: Fr) -> Statement {
        Statement { challenge, ..self.statement.clone() }
    }

    /// A proof for a challenge.
    pub fn present<R: RngCore + CryptoRng>(
        &self,
        challenge: Fr,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let statement = self.with(challenge);
        (0..=u8::MAX)
            .find_map(|attempt| {
                let factors = Factors::draw(&self.blinding, &statement, &self.a.point(), attempt, rng);
                self.blind(challenge, &factors)
            })
            .ok_or(ProveError::SelfCheck)
    }

    /// `((A₀ + mU)/ρ, ρB₀ + ρtδ, C₀ + mR + t(A₀ + mU))`: every product is of a point whose multiples are
    /// there.
    pub(super) fn blind(&self, m: Fr, factors: &Factors) -> Option<[u8; PROOF_BYTES]> {
        let (rho, t) = (*factors.rho, *factors.t);
        let inverse = Zeroizing::new(rho.inverse()?);
        let mut a = self.a.mul(&inverse);
        self.challenge.add_multiple(&mut a, &(m * *inverse));
        let mut b = self.b.mul(&rho);
        self.delta.add_multiple(&mut b, &(rho * t));
        let mut c = self.late.mul(&m);
        c += self.c;
        self.a.add_multiple(&mut c, &t);
        self.challenge.add_multiple(&mut c, &(m * t));
        encode(a, b, c)
    }
}

#[cfg(test)]
impl Prepared {
    /// With R off by `shift`, and C₀ so that the challenge `right` comes out right all the same.
    pub(super) fn bent(&self, shift: ark_bn254::G1Projective, right: Fr) -> Prepared {
        Prepared {
            statement: self.statement.clone(),
            blinding: self.blinding.clone(),
            a: self.a.clone(),
            b: self.b.clone(),
            c: (self.c - shift * right).into_affine(),
            late: Comb::new((self.late.point() + shift).into_affine()),
            challenge: self.challenge.clone(),
            delta: self.delta.clone(),
        }
    }
}
