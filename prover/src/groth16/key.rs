//! A proving key as the engine likes it best, and its file.
//!
//! ark's key has H by its coefficients. Here it is by values on the odd coset, and C's part of it, which is linear in the
//! wires, is added to their points: two transforms of a proof and the products of the rows are saved. Infinities are left
//! out, and coordinates stand in full, so that a file is read without a square root. It follows from the proving key:
//! whoever has that can make it, in two transforms of points.
//!
//! ```text
//! "veilpass prepared proving key v1\n" ‖ SHA-256 of the proving key file ‖ circuit id
//! ‖ A, by wire, in G1 ‖ B, by wire, in G2 ‖ L, by wire, then H, in G1 ‖ SHA-256 of all before
//! ```
//!
//! Each list is a bit for every point, the lowest first, set if it is not infinity, filled up with zeros to a byte, and the
//! points that are set: x ‖ y, each little-endian, 32 bytes or twice as many.

use super::spectrum::Spectrum;
use ark_bn254::{Fq, Fq2, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use veilpass_circuits::{Attest, Circuit};
use veilpass_kernels::{Machine, Recoded};
use veilpass_params::ProvingKey;
use veilpass_protocol::field::Fr;
use veilpass_verifier::VerifyingKey;

const MAGIC: &[u8] = b"veilpass prepared proving key v1\n";

/// The name of a proving key file: what was prepared with one is used with no other, so that a file that was exchanged is
/// judged like a new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyFile(pub(crate) [u8; 32]);

impl KeyFile {
    /// SHA-256 of the file.
    pub fn of(file: &[u8]) -> KeyFile {
        KeyFile(Sha256::digest(file).into())
    }
}

/// Why a file is not used as a prepared proving key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreparedKeyError {
    /// Another kind of file, another version, or another length.
    #[error("not a prepared proving key of this circuit")]
    Syntax,
    /// It was made from another proving key file.
    #[error("it was made from another proving key")]
    OtherKey,
    /// Its hash is not the one at its end.
    #[error("the file is damaged")]
    Damaged,
    /// A coordinate is not canonical, or a point is not on its curve.
    #[error("an invalid point")]
    Point,
}

/// A proving key with H by values and C in its points. What is proved with it is what is proved with the key that it was
/// made from.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedProvingKey {
    pub(super) verifying_key: VerifyingKey,
    made_from: KeyFile,
    /// `[uᵢ(τ)]₁`, by wire.
    pub(super) a: Vec<G1Affine>,
    /// `[vᵢ(τ)]₂`, by wire.
    pub(super) b: Vec<G2Affine>,
    /// For each wire `½·Σₛ Cₛᵢ·[ℓₛ]`, and if it is private `[(βuᵢ + αvᵢ + wᵢ)/δ]₁` more; then `−½·[ℓ′ᵢ]`.
    pub(super) c: Vec<G1Affine>,
}

impl PreparedProvingKey {
    /// Makes it: about a second of work, for all threads.
    pub fn new(key: &ProvingKey) -> PreparedProvingKey {
        PreparedProvingKey::on(Machine::current(), key)
    }

    /// On a machine of one's choice: for comparisons.
    pub fn on(machine: Machine, key: &ProvingKey) -> PreparedProvingKey {
        let groth16 = key.groth16();
        let Some(spectrum) = Spectrum::new(machine, Attest.dimensions().domain()) else {
            unreachable!("there are roots of unity for the circuit's domain")
        };
        let powers: Vec<G1Projective> = groth16.h_query.iter().map(|p| p.into_group()).collect();
        let (on_roots, odd) = (spectrum.on_roots(&powers), spectrum.on_odd(&powers));
        let mut c = vec![G1Projective::ZERO; Attest.dimensions().inputs];
        c.extend(groth16.l_query.iter().map(|p| p.into_group()));
        let scale = spectrum.n_inverse / Fr::from(2u8);
        let [_, _, of_c] = &Attest.shape().matrices().abc;
        let entries = || of_c.iter().zip(&on_roots).flat_map(|(row, at)| row.iter().map(move |e| (e, at)));
        let factors: Vec<Recoded> = entries().map(|((by, _), _)| Recoded::new(&(*by * scale))).collect();
        let products = spectrum.times(&entries().map(|(_, at)| *at).collect::<Vec<_>>(), &factors);
        for (((_, wire), _), product) in entries().zip(products) {
            if let Some(point) = c.get_mut(*wire) {
                *point += product;
            }
        }
        c.extend(odd);
        PreparedProvingKey {
            verifying_key: key.verifying_key().clone(),
            made_from: KeyFile::of(&key.to_bytes()),
            a: groth16.a_query.clone(),
            b: groth16.b_g2_query.clone(),
            c: G1Projective::normalize_batch(&c),
        }
    }

    /// The file, of 1.8 MB. Nothing in it is secret.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = [MAGIC, &self.made_from.0, &self.verifying_key.circuit_id().0].concat();
        IN_G1.put(&mut out, &self.a);
        IN_G2.put(&mut out, &self.b);
        IN_G1.put(&mut out, &self.c);
        let hash = Sha256::digest(&out);
        out.extend(hash);
        out
    }

    /// Reads a file that was made from the proving key file with this name, which has this verifying key inside. Its hash
    /// is checked, that every coordinate is canonical and every point on its curve: all that can be damaged. It does not say
    /// who wrote it: points of somebody's choice can ask the prover questions, so a wallet keeps it sealed
    /// ([`crate::KeySeal`]).
    pub fn from_bytes(
        file: &[u8],
        verifying_key: &VerifyingKey,
        made_from: KeyFile,
    ) -> Result<PreparedProvingKey, PreparedKeyError> {
        let rest = file.strip_prefix(MAGIC).ok_or(PreparedKeyError::Syntax)?;
        let (named, rest) = rest.split_first_chunk::<32>().ok_or(PreparedKeyError::Syntax)?;
        let (circuit, rest) = rest.split_first_chunk::<32>().ok_or(PreparedKeyError::Syntax)?;
        let (mut rest, hash) = rest.split_last_chunk::<32>().ok_or(PreparedKeyError::Syntax)?;
        if *named != made_from.0 || *circuit != verifying_key.circuit_id().0 {
            return Err(PreparedKeyError::OtherKey);
        }
        let (whole, _) = file.split_at_checked(file.len() - hash.len()).ok_or(PreparedKeyError::Syntax)?;
        if Sha256::digest(whole).as_slice() != hash {
            return Err(PreparedKeyError::Damaged);
        }
        let wires = Attest.dimensions().wires;
        let a = IN_G1.take(&mut rest, wires)?;
        let b = IN_G2.take(&mut rest, wires)?;
        let c = IN_G1.take(&mut rest, wires + Attest.dimensions().domain())?;
        if !rest.is_empty() {
            return Err(PreparedKeyError::Syntax);
        }
        Ok(PreparedProvingKey { verifying_key: verifying_key.clone(), made_from, a, b, c })
    }
}

/// How points of a group stand in the file.
struct Form<P> {
    bytes: usize,
    write: fn(&P, &mut Vec<u8>),
    /// From so many bytes; `None` if a coordinate is not canonical or the point not on the curve.
    read: fn(&[u8]) -> Option<P>,
}

const IN_G1: Form<G1Affine> = Form {
    bytes: 64,
    write: |point, out| [point.x, point.y].iter().for_each(|x| write_fq(out, x)),
    read: |bytes| {
        let (parts, _) = bytes.as_chunks::<32>();
        let [x, y] = parts else { return None };
        let point = G1Affine::new_unchecked(read_fq(x)?, read_fq(y)?);
        point.is_on_curve().then_some(point)
    },
};

const IN_G2: Form<G2Affine> = Form {
    bytes: 128,
    write: |point, out| {
        [point.x.c0, point.x.c1, point.y.c0, point.y.c1].iter().for_each(|x| write_fq(out, x));
    },
    read: |bytes| {
        let (parts, _) = bytes.as_chunks::<32>();
        let [x0, x1, y0, y1] = parts else { return None };
        let x = Fq2::new(read_fq(x0)?, read_fq(x1)?);
        let point = G2Affine::new_unchecked(x, Fq2::new(read_fq(y0)?, read_fq(y1)?));
        point.is_on_curve().then_some(point)
    },
};

fn write_fq(out: &mut Vec<u8>, x: &Fq) {
    out.extend(x.into_bigint().0.iter().flat_map(|limb| limb.to_le_bytes()));
}

fn read_fq(bytes: &[u8; 32]) -> Option<Fq> {
    let (parts, _) = bytes.as_chunks::<8>();
    let [a, b, c, d] = parts else { return None };
    Fq::from_bigint(BigInt([a, b, c, d].map(|limb| u64::from_le_bytes(*limb))))
}

impl<P: AffineRepr> Form<P> {
    /// Appends a list.
    fn put(&self, out: &mut Vec<u8>, points: &[P]) {
        out.extend(points.chunks(8).map(|eight| {
            let bits = eight.iter().enumerate().map(|(n, point)| u8::from(!point.is_zero()) << n);
            bits.fold(0, std::ops::BitOr::bitor)
        }));
        points.iter().filter(|point| !point.is_zero()).for_each(|point| (self.write)(point, out));
    }

    /// Takes a list of `count` points off the front.
    fn take(&self, rest: &mut &[u8], count: usize) -> Result<Vec<P>, PreparedKeyError> {
        let mut take = |n: usize| {
            let (head, tail) = rest.split_at_checked(n).ok_or(PreparedKeyError::Syntax)?;
            *rest = tail;
            Ok(head)
        };
        let bits = take(count.div_ceil(8))?;
        let present = || bits.iter().flat_map(|byte| (0..8).map(move |n| byte >> n & 1 == 1));
        if present().skip(count).any(|bit| bit) {
            return Err(PreparedKeyError::Syntax);
        }
        let finite = present().filter(|bit| *bit).count();
        let points = take(finite * self.bytes)?.par_chunks(self.bytes).with_min_len(256).map(self.read);
        let points = points.collect::<Option<Vec<P>>>().ok_or(PreparedKeyError::Point)?;
        let mut points = points.into_iter();
        let of = |bit| if bit { points.next().unwrap_or_default() } else { P::zero() };
        Ok(present().take(count).map(of).collect())
    }
}
