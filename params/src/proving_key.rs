//! The proving key and its file: a text header that names the verifying key, then the ark-groth16 0.6
//! `ProvingKey<Bn254>`, compressed.
//!
//! A wallet loads a file that somebody else wrote. A key that does not belong to the circuit, or to the
//! verifying key that it claims, could mark its user's proofs or make them worthless, so all of that is
//! checked here: sizes against the circuit's shape, every point, the identity of the verifying key, and
//! the relations between the two that pairings can show.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_serialize::CanonicalSerialize;
use rayon::prelude::*;
use veilpass_circuits::{Attest, Circuit, Dimensions};
use veilpass_protocol::circuit_id::{CircuitId, NamedCircuit};
use veilpass_verifier::points::{PointFault, read_g1, read_g2};
use veilpass_verifier::{KeyFault, KeyPoints, Origin, VerifyingKey, lint};

/// Compressed sizes of points in G1 and G2.
const G1: usize = 32;
const G2: usize = 64;

/// A proving key of a circuit that belongs to its verifying key.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvingKey<C = Attest> {
    circuit: C,
    verifying_key: VerifyingKey,
    groth16: ark_groth16::ProvingKey<Bn254>,
}

/// Why a proving key is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProvingKeyError {
    /// The bytes are not a proving key file in its only encoding.
    #[error("not a proving key file: {0}")]
    Syntax(&'static str),
    /// A key of a circuit with another number of wires or rows, for example of an earlier `attest-v1`.
    #[error("the key is for a circuit of another shape: {0}")]
    AnotherCircuit(&'static str),
    /// The verifying key inside is not the one that the header names.
    #[error("the header names circuit {named}, the key inside is {inside}")]
    Mismatch {
        /// In the header.
        named: CircuitId,
        /// Hash of the verifying key inside.
        inside: CircuitId,
    },
    /// The verifying key inside is unsafe.
    #[error("unsafe verifying key inside: {0}")]
    Unsafe(#[from] KeyFault),
    /// Proving and verifying key do not come from one setup.
    #[error("the proving key does not fit its verifying key: {0}")]
    Inconsistent(&'static str),
}

impl From<PointFault> for ProvingKeyError {
    fn from(fault: PointFault) -> ProvingKeyError {
        ProvingKeyError::Syntax(match fault {
            PointFault::Invalid => "an invalid point",
            PointFault::NotCanonical => "a point is not in its canonical encoding",
        })
    }
}

impl ProvingKeyError {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            ProvingKeyError::Syntax(_) => "key_syntax",
            ProvingKeyError::AnotherCircuit(_) | ProvingKeyError::Mismatch { .. } => "key_mismatch",
            ProvingKeyError::Unsafe(_) | ProvingKeyError::Inconsistent(_) => "key_unsafe",
        }
    }
}

/// Lengths of the key's vectors, as the circuit's shape has them.
struct Sizes {
    wires: usize,
    private: usize,
    h: usize,
}

impl Sizes {
    fn of(dimensions: Dimensions) -> Sizes {
        let Dimensions { wires, inputs, .. } = dimensions;
        Sizes { wires, private: wires - inputs, h: dimensions.domain() - 1 }
    }

    /// Bytes after the verifying key: β₁, δ₁, five vectors with their counts.
    fn bytes(&self) -> usize {
        2 * G1 + 5 * 8 + self.wires * (2 * G1 + G2) + (self.h + self.private) * G1
    }
}

impl<C: Circuit> ProvingKey<C> {
    /// From the output of a setup of the circuit; checked like a file.
    pub fn from_groth16(
        circuit: C,
        origin: Origin,
        groth16: ark_groth16::ProvingKey<Bn254>,
    ) -> Result<ProvingKey<C>, ProvingKeyError> {
        let verifying_key = VerifyingKey::from_points(circuit.named(), origin, key_points(&groth16.vk));
        let key = ProvingKey { circuit, verifying_key, groth16 };
        key.check()?;
        Ok(key)
    }

    /// Reads a key file of the circuit: exact header, exact length, canonical points, one setup. Nearly all of the
    /// time is decompression.
    pub fn from_bytes(circuit: C, file: &[u8]) -> Result<ProvingKey<C>, ProvingKeyError> {
        let (vk, verifying_key, mut rest) = front(&circuit, file)?;
        let (sizes, origin) = (Sizes::of(circuit.dimensions()), verifying_key.origin());
        let key = ark_groth16::ProvingKey {
            vk,
            beta_g1: rest.point(IN_G1)?,
            delta_g1: rest.point(IN_G1)?,
            a_query: rest.points(IN_G1, sizes.wires)?,
            b_g1_query: rest.points(IN_G1, sizes.wires)?,
            b_g2_query: rest.points(IN_G2, sizes.wires)?,
            h_query: rest.points(IN_G1, sizes.h)?,
            l_query: rest.points(IN_G1, sizes.private)?,
        };
        if !rest.0.is_empty() {
            return Err(ProvingKeyError::Syntax("something follows the key"));
        }
        ProvingKey::from_groth16(circuit, origin, key)
    }

    /// The verifying key inside a key file whose header and length are right. Nothing is said of the rest: whoever is
    /// to prove with the file reads all of it.
    pub fn verifying_key_in(circuit: &C, file: &[u8]) -> Result<VerifyingKey, ProvingKeyError> {
        Ok(front(circuit, file)?.1)
    }

    /// The key file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (origin, id) = (self.origin(), self.circuit_id());
        let mut out =
            format!("{}{origin}\nverifying-key {id}\n\n", first_lines(self.circuit.named())).into_bytes();
        // Writing into a Vec has no failure, and these types have none of their own.
        let written = self.groth16.serialize_compressed(&mut out);
        debug_assert!(written.is_ok());
        out
    }

    /// The circuit.
    pub fn circuit(&self) -> &C {
        &self.circuit
    }

    /// The verifying key of the same setup.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying_key
    }

    /// The circuit id: the hash of the verifying key's file.
    pub fn circuit_id(&self) -> CircuitId {
        self.verifying_key.circuit_id()
    }

    /// How the pair came to be.
    pub fn origin(&self) -> Origin {
        self.verifying_key.origin()
    }

    /// The points, for a proving engine.
    pub fn groth16(&self) -> &ark_groth16::ProvingKey<Bn254> {
        &self.groth16
    }

    /// Taken apart.
    pub fn into_parts(self) -> (C, VerifyingKey, ark_groth16::ProvingKey<Bn254>) {
        (self.circuit, self.verifying_key, self.groth16)
    }

    /// What can be seen without the trapdoor: sizes, the lint, β and δ the same in both groups, and for each
    /// unconstrained input (S14: the challenge) that its column is its own input row in A and nothing in B and C.
    fn check(&self) -> Result<(), ProvingKeyError> {
        let key = &self.groth16;
        let sizes = Sizes::of(self.circuit.dimensions());
        let lengths = [
            (key.a_query.len(), sizes.wires, "a_query"),
            (key.b_g1_query.len(), sizes.wires, "b_g1_query"),
            (key.b_g2_query.len(), sizes.wires, "b_g2_query"),
            (key.h_query.len(), sizes.h, "h_query"),
            (key.l_query.len(), sizes.private, "l_query"),
        ];
        if let Some((_, _, name)) = lengths.into_iter().find(|(have, want, _)| have != want) {
            return Err(ProvingKeyError::AnotherCircuit(name));
        }
        lint(&self.verifying_key)?;
        let same = |p: G1Affine, q: G2Affine, r: G1Affine, s: G2Affine| {
            let product = Bn254::multi_pairing([p, (-r.into_group()).into_affine()], [q, s]);
            product == ark_ec::pairing::PairingOutput::default()
        };
        let (one_g1, one_g2) = (G1Affine::generator(), G2Affine::generator());
        if !same(key.beta_g1, one_g2, one_g1, key.vk.beta_g2) {
            return Err(ProvingKeyError::Inconsistent("beta"));
        }
        if !same(key.delta_g1, one_g2, one_g1, key.vk.delta_g2) {
            return Err(ProvingKeyError::Inconsistent("delta"));
        }
        for wire in self.circuit.unconstrained_wires() {
            let missing = || ProvingKeyError::AnotherCircuit("no challenge");
            let at = |query: &[G1Affine]| query.get(wire).copied().ok_or_else(missing);
            let (a, b, ic) = (at(&key.a_query)?, at(&key.b_g1_query)?, at(&key.vk.gamma_abc_g1)?);
            let b_g2 = key.b_g2_query.get(wire).ok_or_else(missing)?;
            if a.is_zero() || !b.is_zero() || !b_g2.is_zero() {
                return Err(ProvingKeyError::Inconsistent("the challenge's column (S14)"));
            }
            if !same(a, key.vk.beta_g2, ic, key.vk.gamma_g2) {
                return Err(ProvingKeyError::Inconsistent("the challenge's input point (S14)"));
            }
        }
        Ok(())
    }
}

/// ark's verifying key as the verifier's points.
fn key_points(vk: &ark_groth16::VerifyingKey<Bn254>) -> KeyPoints {
    KeyPoints {
        alpha_g1: vk.alpha_g1,
        beta_g2: vk.beta_g2,
        gamma_g2: vk.gamma_g2,
        delta_g2: vk.delta_g2,
        ic: vk.gamma_abc_g1.clone(),
    }
}

/// First lines of the file, up to the origin.
fn first_lines(circuit: NamedCircuit) -> String {
    format!("veilpass proving key v1\ncircuit {}\norigin ", circuit.name)
}

/// Origin, the named verifying key, and what follows the header.
fn header(circuit: NamedCircuit, file: &[u8]) -> Result<(Origin, CircuitId, &[u8]), ProvingKeyError> {
    let syntax = ProvingKeyError::Syntax;
    let rest =
        file.strip_prefix(first_lines(circuit).as_bytes()).ok_or(syntax("another first line or circuit"))?;
    let (origin, rest) = [Origin::Dev, Origin::Ceremony]
        .into_iter()
        .find_map(|o| Some((o, rest.strip_prefix(format!("{o}\nverifying-key ").as_bytes())?)))
        .ok_or(syntax("origin is neither dev nor ceremony, or no verifying key is named"))?;
    let (id, rest) = rest.split_at_checked(64).ok_or(syntax("cut off in the header"))?;
    let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
    let body = rest.strip_prefix(b"\n\n").ok_or(syntax("the header does not end"))?;
    Ok((origin, id.ok_or(syntax("the name of the verifying key is no circuit id"))?, body))
}

/// The verifying key inside, as ark's and as the verifier's, and the long part that follows, which has its length.
fn front<'a, C: Circuit>(
    circuit: &C,
    file: &'a [u8],
) -> Result<(ark_groth16::VerifyingKey<Bn254>, VerifyingKey, Reader<'a>), ProvingKeyError> {
    let (origin, named, body) = header(circuit.named(), file)?;
    let mut rest = Reader(body);
    let vk = ark_groth16::VerifyingKey {
        alpha_g1: rest.point(IN_G1)?,
        beta_g2: rest.point(IN_G2)?,
        gamma_g2: rest.point(IN_G2)?,
        delta_g2: rest.point(IN_G2)?,
        gamma_abc_g1: rest.points(IN_G1, circuit.dimensions().inputs)?,
    };
    let inside = VerifyingKey::from_points(circuit.named(), origin, key_points(&vk));
    if inside.circuit_id() != named {
        return Err(ProvingKeyError::Mismatch { named, inside: inside.circuit_id() });
    }
    // Before the long part: a key of another shape has another length.
    if rest.0.len() != Sizes::of(circuit.dimensions()).bytes() {
        return Err(ProvingKeyError::AnotherCircuit("length of the file"));
    }
    Ok((vk, inside, rest))
}

/// Reads canonical points off the front of a slice. Nothing is allocated before its bytes are there.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], ProvingKeyError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(ProvingKeyError::Syntax("cut off"))?;
        self.0 = tail;
        Ok(head)
    }

    fn point<P: Copy>(&mut self, of: Points<P>) -> Result<P, ProvingKeyError> {
        let read = (of.read)(self.take(of.size)?)?;
        read.first().copied().ok_or(ProvingKeyError::Syntax("cut off"))
    }

    /// A vector with its count, which must be `count`.
    fn points<P: Copy + Send>(&mut self, of: Points<P>, count: usize) -> Result<Vec<P>, ProvingKeyError> {
        if self.take(8)? != (count as u64).to_le_bytes() {
            return Err(ProvingKeyError::AnotherCircuit("number of points"));
        }
        let bytes = count.checked_mul(of.size).ok_or(ProvingKeyError::Syntax("cut off"))?;
        let parts: Result<Vec<Vec<P>>, PointFault> =
            self.take(bytes)?.par_chunks(512 * of.size).map(of.read).collect();
        Ok(parts?.concat())
    }
}

/// How points of a group are read, many at once: on the curve, in the subgroup, in their only encoding; infinity is
/// allowed (wires that occur in no B, for example).
struct Points<P> {
    size: usize,
    read: fn(&[u8]) -> Result<Vec<P>, PointFault>,
}

const IN_G1: Points<G1Affine> = Points { size: G1, read: read_g1 };
const IN_G2: Points<G2Affine> = Points { size: G2, read: read_g2 };
