//! A proof to which only the challenge is missing.
//!
//! The challenge occurs in no row but its own input row j, where the first factor is the challenge m and
//! the second factor and the product are zero. So with `U = [u₁₄(τ)]₁` and `R = [(ωʲ/N)·v/(X − ωʲ)]`
//!
//! ```text
//! (A₀ + m·U, B₀, C₀ + m·R)
//! ```
//!
//! is the unblinded proof for the challenge m. It is re-randomised afresh each time.
//!
//! As bytes it is what the wallet keeps from one answer to the next:
//!
//! ```text
//! circuit id ‖ the 13 inputs but the challenge ‖ A₀ ‖ C₀ ‖ R ‖ U ‖ B₀
//!     32             13 · 32                       4 · 32          64      = 640 bytes, points compressed
//! ```
//!
//! δ comes from the verifying key, and the blinding key from the holder's secrets: neither is in the bytes.

use super::blinding::{BlindingKey, Factors, affine, encode};
use super::session::Session;
use super::{ProveError, Prover};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};
use ark_serialize::CanonicalSerialize;
use rand::{CryptoRng, RngCore};
use veilpass_circuits::Witness;
use veilpass_kernels::{Comb, G1, G2, Invert, products};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::{Fr, from_bytes, to_bytes};
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::VerifyingKey;
use veilpass_verifier::points::{read_g1, read_g2};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length of a state as bytes.
pub const PREPARED_BYTES: usize = HEAD_BYTES + 4 * 32 + 64;

/// Length of the part that says of what statement a state is: circuit id and 13 inputs.
pub(crate) const HEAD_BYTES: usize = 32 * INPUTS;

/// Bytes that are no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreparedError {
    /// It was prepared under another key.
    #[error("it was prepared for another circuit")]
    OtherCircuit,
    /// A public input is no canonical field element.
    #[error("a public input is not canonical")]
    Input,
    /// A point is none of its group, is infinity, or is not in its only encoding.
    #[error("an invalid point")]
    Point,
}

/// The checked state. Whoever has it can present this statement, for any challenge, until its day or epoch
/// is over: it is kept like the credential.
pub struct Prepared {
    circuit: CircuitId,
    statement: Statement,
    blinding: BlindingKey,
    points: Points,
    tables: Option<Tables>,
}

/// Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Points {
    a: G1Affine,
    b: G2Affine,
    c: G1Affine,
    /// R.
    late: G1Affine,
    /// U.
    challenge: G1Affine,
    delta: G2Affine,
}

/// Of the points that are multiplied. Not wiped.
struct Tables {
    a: Comb<G1>,
    b: Comb<G2>,
    late: Comb<G1>,
    challenge: Comb<G1>,
    delta: Comb<G2>,
}

impl Prepared {
    /// From a session's sums, without tables.
    pub(super) fn new<R: RngCore + CryptoRng>(
        session: &Session<'_>,
        rng: &mut R,
    ) -> Result<Prepared, ProveError> {
        let (sums, late) = (session.unblinded(), session.per_challenge());
        let (challenge, delta) = (session.engine().challenge(), session.engine().delta());
        let m = session.statement().challenge;
        let c0 = sums.c - late * m;
        let a0 = sums.a - challenge.mul(&m);
        let [a0, c0, late] = affine([a0, c0, late]);
        let prepared = Prepared {
            circuit: session.engine().circuit(),
            statement: session.statement().clone(),
            blinding: session.blinding_key(),
            points: Points {
                a: a0,
                b: sums.b.into_affine(),
                c: c0,
                late,
                challenge: challenge.point(),
                delta: delta.point(),
            },
            tables: None,
        };
        // Both verify: then the equation, which is linear in m, holds for every challenge. A malformed key
        // could otherwise mark its user.
        for challenge in [Fr::ZERO, Fr::ONE] {
            let bytes = prepared.present(challenge, rng)?;
            session.engine().checked(&prepared.with(challenge), bytes)?;
        }
        Ok(prepared)
    }

    /// The same with a table for each point, for whoever presents often: 1 MB, and what all states of a key share.
    pub(super) fn with_tables(self, challenge: &Comb<G1>, delta: &Comb<G2>) -> Prepared {
        let machine = challenge.machine();
        let tables = Tables {
            a: Comb::new(machine, self.points.a),
            b: Comb::new(machine, self.points.b),
            late: Comb::new(machine, self.points.late),
            challenge: challenge.clone(),
            delta: delta.clone(),
        };
        Prepared { tables: Some(tables), ..self }
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
        let inputs = self.with(challenge).to_array();
        (0..=u8::MAX)
            .find_map(|attempt| {
                let factors = Factors::draw(&self.blinding, &inputs, &self.points.a, attempt, rng);
                self.blind(challenge, &factors)
            })
            .ok_or(ProveError::SelfCheck)
    }

    /// `((A₀ + mU)/ρ, ρB₀ + ρtδ, C₀ + mR + t(A₀ + mU))`: every product is of a point that is fixed.
    pub(super) fn blind(&self, m: Fr, factors: &Factors) -> Option<[u8; PROOF_BYTES]> {
        let (rho, t) = (&*factors.rho, &*factors.t);
        let inverse = Zeroizing::new(rho.invert()?);
        let with_m = Zeroizing::new([m * *inverse, m * t]);
        let (of_delta, [by_rho, by_t]) = (Zeroizing::new(*rho * t), &*with_m);
        let p = &self.points;
        let (a, b, c) = match &self.tables {
            Some(of) => {
                let [b] = products([&[(&of.b, rho), (&of.delta, &of_delta)]]);
                let [a, c] = products([
                    &[(&of.a, &inverse), (&of.challenge, by_rho)],
                    &[(&of.a, t), (&of.challenge, by_t), (&of.late, &m)],
                ]);
                (a, b, c)
            }
            None => (
                p.a * *inverse + p.challenge * by_rho,
                p.b * rho + p.delta * *of_delta,
                p.a * t + p.challenge * by_t + p.late * m,
            ),
        };
        encode(a, b, c + p.c)
    }

    /// The state as bytes: secret, like the credential.
    pub fn to_bytes(&self) -> Zeroizing<[u8; PREPARED_BYTES]> {
        let mut bytes = Zeroizing::new([0; PREPARED_BYTES]);
        let (head, points) = bytes.split_at_mut(HEAD_BYTES);
        head.copy_from_slice(&head_of(self.circuit, &self.statement));
        let Points { a, b, c, late, challenge, .. } = &self.points;
        // Five compressed points have exactly this length.
        let written = ([a, c, late, challenge], b).serialize_compressed(points);
        debug_assert!(written.is_ok());
        bytes
    }

    /// Reads what [`Prepared::to_bytes`] wrote, of the holder with these secrets, under the key that will check what
    /// comes of it. Needs no proving key. Every point is checked to be in its group, but nothing says that they are a
    /// state of the statement: a presentation is not released before the verifier has accepted it.
    pub fn from_bytes(
        bytes: &[u8; PREPARED_BYTES],
        key: &VerifyingKey,
        witness: &Witness,
    ) -> Result<Prepared, PreparedError> {
        let (circuit, statement) = read_head(bytes)?;
        if circuit != key.circuit_id() {
            return Err(PreparedError::OtherCircuit);
        }
        let ([a, c, late, challenge], b) = read_points(bytes)?;
        Ok(Prepared {
            circuit,
            statement,
            blinding: BlindingKey::new(witness.values()),
            points: Points { a, b, c, late, challenge, delta: key.points().delta_g2 },
            tables: None,
        })
    }
}

/// Circuit id and the 13 inputs, by which states are told apart: the preimage, not its hash.
pub(crate) fn head_of(circuit: CircuitId, statement: &Statement) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (parts, _) = head.as_chunks_mut::<32>();
    let inputs = statement.to_array();
    let values = std::iter::once(circuit.0).chain(inputs.iter().map(to_bytes));
    // The challenge, which is the last input, has no room.
    for (part, value) in parts.iter_mut().zip(values) {
        *part = value;
    }
    head
}

/// What [`head_of`] wrote; the challenge is zero.
pub(crate) fn read_head(bytes: &[u8; PREPARED_BYTES]) -> Result<(CircuitId, Statement), PreparedError> {
    let (parts, _) = bytes.as_chunks::<32>();
    let mut parts = parts.iter();
    let circuit = CircuitId(parts.next().copied().unwrap_or_default());
    let mut inputs = [Fr::ZERO; INPUTS];
    for (input, part) in inputs.iter_mut().take(INPUTS - 1).zip(parts) {
        *input = from_bytes(part).map_err(|_| PreparedError::Input)?;
    }
    Ok((circuit, Statement::from_array(inputs)))
}

/// The points in the bytes: A₀, C₀, R, U, and B₀. None is infinity.
pub(crate) fn read_points(bytes: &[u8; PREPARED_BYTES]) -> Result<([G1Affine; 4], G2Affine), PreparedError> {
    let points = bytes.get(HEAD_BYTES..).unwrap_or_default();
    let (in_g1, in_g2) = points.split_at_checked(4 * 32).ok_or(PreparedError::Point)?;
    let mut in_g1 = read_g1(in_g1).map_err(|_| PreparedError::Point)?;
    let mut in_g2 = read_g2(in_g2).map_err(|_| PreparedError::Point)?;
    let read = match (in_g1.as_slice(), in_g2.as_slice()) {
        ([a, c, late, challenge], [b]) => ([*a, *c, *late, *challenge], *b),
        _ => return Err(PreparedError::Point),
    };
    in_g1.zeroize();
    in_g2.zeroize();
    if read.0.iter().any(AffineRepr::is_zero) || read.1.is_zero() {
        return Err(PreparedError::Point);
    }
    Ok(read)
}

#[cfg(test)]
impl Prepared {
    /// With R off by `shift`, and C₀ so that the challenge `right` comes out right all the same.
    pub(super) fn bent(&self, shift: ark_bn254::G1Projective, right: Fr) -> Prepared {
        let Points { c, late, .. } = self.points;
        Prepared {
            circuit: self.circuit,
            statement: self.statement.clone(),
            blinding: self.blinding.clone(),
            points: Points {
                c: (c - shift * right).into_affine(),
                late: (late + shift).into_affine(),
                ..self.points.clone()
            },
            tables: None,
        }
    }
}
