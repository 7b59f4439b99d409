//! The verifying key: its points, its file and its id (contract §4).
//!
//! A key that has been read is only well formed. Whether it is safe to use is a second question
//! ([`crate::lint`]), and only [`crate::PreparedKey`], which has passed it, can check a proof.

use crate::lint::KeyFault;
use ark_bn254::{G1Affine, G2Affine};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use std::fmt;
use veilpass_protocol::circuit_id::{CIRCUITS, CircuitId, NamedCircuit};

/// Beyond this nothing is read at all.
const MAX_FILE: usize = 64 * 1024;

/// How a key came to be. It stands inside the hashed file, so that a DEV mark cannot be rubbed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Made by one machine that could have kept the trapdoor: for development and tests only.
    Dev,
    /// Made by a ceremony of several independent people.
    Ceremony,
}

impl Origin {
    /// The word in the key file.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Dev => "dev",
            Origin::Ceremony => "ceremony",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The points of a Groth16 verifying key over BN254, in the order and names of ark-groth16 0.6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPoints {
    /// α in G1.
    pub alpha_g1: G1Affine,
    /// β in G2.
    pub beta_g2: G2Affine,
    /// γ in G2.
    pub gamma_g2: G2Affine,
    /// δ in G2.
    pub delta_g2: G2Affine,
    /// The input commitment's points: one for the constant, then one for each public input
    /// (`gamma_abc_g1` in ark, `IC` in snarkjs).
    pub ic: Vec<G1Affine>,
}

/// A well-formed verifying key, safe or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    circuit: NamedCircuit,
    origin: Origin,
    points: KeyPoints,
    circuit_id: CircuitId,
}

/// Why a verifying key is not used (contract §7, misconfigured).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are not a verifying key file in its only encoding.
    #[error("not a verifying key file: {0}")]
    Syntax(&'static str),
    /// The request names a circuit whose key is not among the pinned ones.
    #[error("the request names circuit {asked}, for which no key is pinned")]
    Mismatch {
        /// The circuit id in the request.
        asked: CircuitId,
    },
    /// Anybody could forge proofs under this key, or inputs could be exchanged.
    #[error("unsafe verifying key: {0}")]
    Unsafe(#[from] KeyFault),
    /// A DEV key, and the policy does not allow one.
    #[error("circuit {0} has a development key, whose maker can forge proofs")]
    Dev(CircuitId),
}

impl KeyError {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            KeyError::Syntax(_) => "key_syntax",
            KeyError::Mismatch { .. } => "key_mismatch",
            KeyError::Unsafe(_) => "key_unsafe",
            KeyError::Dev(_) => "key_dev",
        }
    }
}

impl VerifyingKey {
    /// A key of a circuit from the points of a setup.
    pub fn from_points(circuit: NamedCircuit, origin: Origin, points: KeyPoints) -> VerifyingKey {
        let file = encode(circuit, origin, &points);
        VerifyingKey { circuit, origin, points, circuit_id: CircuitId::of_file(&file) }
    }

    /// Reads a key file of a circuit that the product has ([`CIRCUITS`]): the exact header, canonical points on the
    /// curve and in their subgroups, nothing after them. The number of inputs and infinity are judged by the lint.
    pub fn from_bytes(file: &[u8]) -> Result<VerifyingKey, KeyError> {
        let named = |circuit: &&NamedCircuit| file.starts_with(header(**circuit).as_bytes());
        let circuit = CIRCUITS.iter().find(named).ok_or(KeyError::Syntax(OTHER_HEADER))?;
        VerifyingKey::from_bytes_of(*circuit, file)
    }

    /// The same for any circuit: of researchers' own.
    pub fn from_bytes_of(circuit: NamedCircuit, file: &[u8]) -> Result<VerifyingKey, KeyError> {
        if file.len() > MAX_FILE {
            return Err(KeyError::Syntax("too long"));
        }
        let rest = file.strip_prefix(header(circuit).as_bytes()).ok_or(KeyError::Syntax(OTHER_HEADER))?;
        let (origin, body) = [Origin::Dev, Origin::Ceremony]
            .into_iter()
            .find_map(|o| Some((o, rest.strip_prefix(format!("{o}\n\n").as_bytes())?)))
            .ok_or(KeyError::Syntax("origin is neither dev nor ceremony"))?;
        let points = decode(body)?;
        let key = VerifyingKey::from_points(circuit, origin, points);
        // One key, one file, one id: whatever the point decoder tolerates is refused here.
        if key.to_bytes() != file {
            return Err(KeyError::Syntax("not the canonical encoding"));
        }
        Ok(key)
    }

    /// The key file.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self.circuit, self.origin, &self.points)
    }

    /// SHA-256 of the key file: the name of the circuit with this key.
    pub fn circuit_id(&self) -> CircuitId {
        self.circuit_id
    }

    /// The circuit.
    pub fn circuit(&self) -> NamedCircuit {
        self.circuit
    }

    /// How the key came to be.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The points.
    pub fn points(&self) -> &KeyPoints {
        &self.points
    }
}

const OTHER_HEADER: &str = "another first line or circuit";

/// The first lines of a key file, up to the origin.
fn header(circuit: NamedCircuit) -> String {
    format!("veilpass verifying key v1\ncircuit {}\norigin ", circuit.name)
}

fn encode(circuit: NamedCircuit, origin: Origin, points: &KeyPoints) -> Vec<u8> {
    let mut out = header(circuit).into_bytes();
    out.extend_from_slice(format!("{origin}\n\n").as_bytes());
    put(&mut out, &points.alpha_g1);
    put(&mut out, &points.beta_g2);
    put(&mut out, &points.gamma_g2);
    put(&mut out, &points.delta_g2);
    out.extend_from_slice(&(points.ic.len() as u64).to_le_bytes());
    for point in &points.ic {
        put(&mut out, point);
    }
    out
}

/// Appends the compressed form.
pub(crate) fn put<T: CanonicalSerialize>(out: &mut Vec<u8>, value: &T) {
    // Writing into a Vec has no failure, and these types have none of their own.
    let written = value.serialize_compressed(&mut *out);
    debug_assert!(written.is_ok());
}

/// Takes one compressed point off the front: on the curve and in the subgroup, maybe infinity.
fn take<T: CanonicalDeserialize>(body: &mut &[u8]) -> Result<T, KeyError> {
    T::deserialize_compressed(body).map_err(|_| KeyError::Syntax("a point is cut off or invalid"))
}

fn decode(mut body: &[u8]) -> Result<KeyPoints, KeyError> {
    let body = &mut body;
    let (alpha_g1, beta_g2) = (take(body)?, take(body)?);
    let (gamma_g2, delta_g2) = (take(body)?, take(body)?);
    let count: u64 = take(body)?;
    // The count is believed only when the file has exactly that many points left.
    if Some(body.len() as u64) != count.checked_mul(32) {
        return Err(KeyError::Syntax("another length than its inputs need"));
    }
    let mut ic = Vec::with_capacity(body.len() / 32);
    while !body.is_empty() {
        ic.push(take(body)?);
    }
    Ok(KeyPoints { alpha_g1, beta_g2, gamma_g2, delta_g2, ic })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::Trapdoor;
    use ark_ec::AffineRepr;
    use veilpass_protocol::circuit_id::ATTEST_V1;

    fn key() -> VerifyingKey {
        Trapdoor::from_seed(1).key(Origin::Dev)
    }

    #[test]
    fn round_trip_and_id() {
        let key = key();
        let file = key.to_bytes();
        assert_eq!(file.len(), header(ATTEST_V1).len() + 5 + 32 + 3 * 64 + 8 + 15 * 32);
        assert_eq!(VerifyingKey::from_bytes(&file), Ok(key.clone()));
        assert_eq!(key.circuit_id(), CircuitId::of_file(&file));
        let other = VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, key.points().clone());
        assert_ne!(other.circuit_id(), key.circuit_id(), "the mark is in the hash");
        assert_eq!(VerifyingKey::from_bytes(&other.to_bytes()), Ok(other));
    }

    #[test]
    fn every_byte_of_the_file_counts() {
        let file = key().to_bytes();
        for at in 0..file.len() {
            for bit in [0, 5, 6, 7] {
                let mut bad = file.clone();
                bad[at] ^= 1 << bit;
                if let Ok(read) = VerifyingKey::from_bytes(&bad) {
                    // Flipping a sign gives another valid point, so another key with another id.
                    assert_eq!(read.to_bytes(), bad);
                    assert_ne!(read.circuit_id(), key().circuit_id(), "byte {at} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn cut_or_longer_files_are_refused() {
        let file = key().to_bytes();
        for end in 0..file.len() {
            let read = VerifyingKey::from_bytes(&file[..end]);
            assert!(matches!(read, Err(KeyError::Syntax(_))), "{end}");
        }
        for tail in [vec![0], vec![0; 32], file.clone(), vec![0; MAX_FILE]] {
            let long = [file.clone(), tail].concat();
            assert!(matches!(VerifyingKey::from_bytes(&long), Err(KeyError::Syntax(_))));
        }
    }

    #[test]
    fn a_count_that_lies_allocates_nothing() {
        let mut file = key().to_bytes();
        let at = file.len() - 15 * 32 - 8;
        for count in [0, 14, 16, 1 << 59, u64::MAX] {
            file[at..at + 8].copy_from_slice(&u64::to_le_bytes(count));
            assert!(matches!(VerifyingKey::from_bytes(&file), Err(KeyError::Syntax(_))));
        }
    }

    #[test]
    fn points_off_the_curve_or_the_subgroup_are_refused() {
        let file = key().to_bytes();
        let beta = header(ATTEST_V1).len() + 5 + 32;
        // Roughly every second x has a y on the twist, and next to none of them is in the subgroup.
        let mut on_twist = 0;
        for x in 0..64u8 {
            let mut bytes = [0u8; 64];
            bytes[0] = x;
            let loose = G2Affine::deserialize_compressed_unchecked(&bytes[..]);
            on_twist += usize::from(loose.is_ok_and(|p| p.is_on_curve() && !p.is_zero()));
            let mut bad = file.clone();
            bad[beta..beta + 64].copy_from_slice(&bytes);
            assert!(matches!(VerifyingKey::from_bytes(&bad), Err(KeyError::Syntax(_))));
        }
        assert!(on_twist > 8, "the test must reach the subgroup check: {on_twist}");
    }

    /// arkworks reads infinity with any x; one of these spellings is ours. Whether infinity is allowed
    /// is a question for the lint.
    #[test]
    fn infinity_has_one_spelling() {
        let alpha = header(ATTEST_V1).len() + 5;
        let mut file = key().to_bytes();
        file[alpha..alpha + 32].fill(0);
        file[alpha + 31] = 0x40;
        let read = VerifyingKey::from_bytes(&file).unwrap();
        assert!(read.points().alpha_g1.is_zero());
        file[alpha] = 9;
        let loose = G1Affine::deserialize_compressed(&file[alpha..alpha + 32]);
        assert!(loose.unwrap().is_zero(), "positive control");
        let refused = VerifyingKey::from_bytes(&file);
        assert_eq!(refused, Err(KeyError::Syntax("not the canonical encoding")));
    }

    #[test]
    fn headers_are_exact() {
        let file = key().to_bytes();
        let text = b"veilpass verifying key v1\ncircuit attest-v1\norigin dev\n\n";
        assert!(file.starts_with(text));
        for bad in [
            "veilpass verifying key v2\ncircuit attest-v1\norigin dev\n\n",
            "veilpass verifying key v1\ncircuit attest-v2\norigin dev\n\n",
            "veilpass verifying key v1\ncircuit attest-v1\norigin test\n\n",
            "veilpass verifying key v1\ncircuit attest-v1\norigin dev\n",
            "veilpass verifying key v1\r\ncircuit attest-v1\r\norigin dev\r\n\r\n",
            "veilpass proving key v1\ncircuit attest-v1\norigin dev\n\n",
        ] {
            let bad = [bad.as_bytes(), &file[text.len()..]].concat();
            assert!(matches!(VerifyingKey::from_bytes(&bad), Err(KeyError::Syntax(_))));
        }
    }
}
