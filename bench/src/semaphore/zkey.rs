//! snarkjs' `.zkey` of Groth16 over BN254 as an arkworks key with its matrices.
//!
//! It is a list of sections of a type and a length. Numbers are little-endian; coordinates are in Montgomery form,
//! coefficients of the matrices in Montgomery form twice over. C is not in the file: its values are products of the
//! other two. The file comes from a package that a lock names by its hash; what is read is checked for sizes,
//! ranges and the curves all the same.

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use ark_groth16::{ProvingKey, VerifyingKey};
use ark_relations::gr1cs::Matrix;
use std::collections::BTreeMap;

/// Why bytes are not such a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZkeyError {
    /// It begins otherwise, or has another version.
    #[error("not a .zkey file of version 1")]
    Magic,
    /// It ends before what it announces, or after it.
    #[error("section {0} has another length than it announces")]
    Length(u32),
    /// A section is missing or there twice.
    #[error("section {0} is missing or there twice")]
    Section(u32),
    /// Another proof system.
    #[error("not a key of Groth16")]
    System,
    /// Another curve.
    #[error("not a key over BN254")]
    Curve,
    /// A number that is not below its modulus.
    #[error("section {0} has a number that is too large")]
    NotCanonical(u32),
    /// A point that is not on its curve.
    #[error("section {0} has a point that is not on its curve")]
    Point(u32),
    /// The counts contradict each other.
    #[error("the counts of the key contradict each other")]
    Counts,
    /// A witness of another circuit.
    #[error("the witness has another number of wires than the key")]
    Witness,
}

/// A key with the rows that it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Zkey {
    /// The key. Its H query is in the basis of [`super::CircomReduction`].
    pub key: ProvingKey<Bn254>,
    /// A and B, and an empty C.
    pub matrices: [Matrix<Fr>; 3],
    /// Public wires, the constant one included.
    pub inputs: usize,
    /// Rows without the input rows.
    pub rows: usize,
}

/// The sections that are used.
const HEADER: u32 = 1;
const GROTH16: u32 = 2;
const IC: u32 = 3;
const COEFFICIENTS: u32 = 4;
const A: u32 = 5;
const B1: u32 = 6;
const B2: u32 = 7;
const L: u32 = 8;
const H: u32 = 9;

/// Bytes of points and of an entry of a matrix.
const G1: usize = 64;
const G2: usize = 128;
const ENTRY: usize = 44;

struct Section<'a> {
    kind: u32,
    bytes: &'a [u8],
}

impl<'a> Section<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ZkeyError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(ZkeyError::Length(self.kind))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ZkeyError> {
        self.take(N)?.try_into().map_err(|_| ZkeyError::Length(self.kind))
    }

    fn u32(&mut self) -> Result<u32, ZkeyError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize, ZkeyError> {
        usize::try_from(self.u32()?).map_err(|_| ZkeyError::Counts)
    }

    fn integer(&mut self) -> Result<BigInt<4>, ZkeyError> {
        let mut limbs = [0; 4];
        for limb in &mut limbs {
            *limb = u64::from_le_bytes(self.array()?);
        }
        Ok(BigInt::new(limbs))
    }

    /// A coordinate in Montgomery form.
    fn fq(&mut self) -> Result<Fq, ZkeyError> {
        let integer = self.integer()?;
        if integer >= Fq::MODULUS {
            return Err(ZkeyError::NotCanonical(self.kind));
        }
        Ok(Fq::new_unchecked(integer))
    }

    /// A coefficient in Montgomery form twice over: taking it for once leaves one factor to be removed.
    fn coefficient(&mut self) -> Result<Fr, ZkeyError> {
        let integer = self.integer()?;
        if integer >= Fr::MODULUS {
            return Err(ZkeyError::NotCanonical(self.kind));
        }
        Ok(Fr::new_unchecked(Fr::new_unchecked(integer).into_bigint()))
    }

    /// Zeros are infinity.
    fn g1(&mut self) -> Result<G1Affine, ZkeyError> {
        let (x, y) = (self.fq()?, self.fq()?);
        let point = G1Affine::new_unchecked(x, y);
        match (x, y) == Default::default() {
            true => Ok(G1Affine::zero()),
            false if point.is_on_curve() => Ok(point),
            false => Err(ZkeyError::Point(self.kind)),
        }
    }

    fn g2(&mut self) -> Result<G2Affine, ZkeyError> {
        let x = Fq2::new(self.fq()?, self.fq()?);
        let y = Fq2::new(self.fq()?, self.fq()?);
        let point = G2Affine::new_unchecked(x, y);
        match (x, y) == Default::default() {
            true => Ok(G2Affine::zero()),
            false if point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve() => Ok(point),
            false => Err(ZkeyError::Point(self.kind)),
        }
    }

    /// So many of something and nothing else.
    fn all<T>(
        mut self,
        size: usize,
        count: usize,
        read: impl Fn(&mut Section<'a>) -> Result<T, ZkeyError>,
    ) -> Result<Vec<T>, ZkeyError> {
        if Some(self.bytes.len()) != count.checked_mul(size) {
            return Err(ZkeyError::Length(self.kind));
        }
        (0..count).map(|_| read(&mut self)).collect()
    }
}

/// The sections by type.
struct Sections<'a>(BTreeMap<u32, &'a [u8]>);

impl<'a> Sections<'a> {
    fn read(bytes: &'a [u8]) -> Result<Sections<'a>, ZkeyError> {
        let mut file = Section { kind: 0, bytes };
        if file.take(4) != Ok(b"zkey") || file.u32() != Ok(1) {
            return Err(ZkeyError::Magic);
        }
        let mut sections = BTreeMap::new();
        for _ in 0..file.u32()? {
            let (kind, length) = (file.u32()?, u64::from_le_bytes(file.array()?));
            let length = usize::try_from(length).map_err(|_| ZkeyError::Length(kind))?;
            let content = file.take(length).map_err(|_| ZkeyError::Length(kind))?;
            if sections.insert(kind, content).is_some() {
                return Err(ZkeyError::Section(kind));
            }
        }
        Ok(Sections(sections))
    }

    fn get(&self, kind: u32) -> Result<Section<'a>, ZkeyError> {
        let bytes = self.0.get(&kind).copied().ok_or(ZkeyError::Section(kind))?;
        Ok(Section { kind, bytes })
    }
}

/// Reads a key.
pub fn read_zkey(bytes: &[u8]) -> Result<Zkey, ZkeyError> {
    let sections = Sections::read(bytes)?;
    if sections.get(HEADER)?.u32()? != 1 {
        return Err(ZkeyError::System);
    }
    let mut header = sections.get(GROTH16)?;
    let base = (header.u32()?, header.integer()?);
    let scalar = (header.u32()?, header.integer()?);
    if (base, scalar) != ((32, Fq::MODULUS), (32, Fr::MODULUS)) {
        return Err(ZkeyError::Curve);
    }
    let (wires, public, domain) = (header.count()?, header.count()?, header.count()?);
    let inputs = public.checked_add(1).filter(|inputs| *inputs <= wires).ok_or(ZkeyError::Counts)?;
    let [alpha_g1, beta_g1] = [header.g1()?, header.g1()?];
    let [beta_g2, gamma_g2] = [header.g2()?, header.g2()?];
    let (delta_g1, delta_g2) = (header.g1()?, header.g2()?);
    let gamma_abc_g1 = sections.get(IC)?.all(G1, inputs, Section::g1)?;
    let vk = VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 };
    let key = ProvingKey {
        vk,
        beta_g1,
        delta_g1,
        a_query: sections.get(A)?.all(G1, wires, Section::g1)?,
        b_g1_query: sections.get(B1)?.all(G1, wires, Section::g1)?,
        b_g2_query: sections.get(B2)?.all(G2, wires, Section::g2)?,
        l_query: sections.get(L)?.all(G1, wires - inputs, Section::g1)?,
        h_query: sections.get(H)?.all(G1, domain, Section::g1)?,
    };
    let (matrices, rows) = matrices(sections.get(COEFFICIENTS)?, wires, inputs, domain)?;
    Ok(Zkey { key, matrices, inputs, rows })
}

/// A and B without the input rows, which are the last: one for each public wire.
fn matrices(
    mut section: Section<'_>,
    wires: usize,
    inputs: usize,
    domain: usize,
) -> Result<([Matrix<Fr>; 3], usize), ZkeyError> {
    let count = section.count()?;
    let entries = section.all(ENTRY, count, |s| Ok((s.u32()?, s.count()?, s.count()?, s.coefficient()?)))?;
    let all = entries.iter().map(|(_, row, _, _)| row + 1).max().unwrap_or(0);
    let rows = all.checked_sub(inputs).filter(|_| all <= domain).ok_or(ZkeyError::Counts)?;
    let mut both = [vec![Vec::new(); rows], vec![Vec::new(); rows]];
    for (matrix, row, wire, coefficient) in entries {
        if wire >= wires {
            return Err(ZkeyError::Counts);
        }
        let matrix = usize::try_from(matrix).ok().and_then(|m| both.get_mut(m)).ok_or(ZkeyError::Counts)?;
        if let Some(row) = matrix.get_mut(row) {
            row.push((coefficient, wire));
        }
    }
    let [a, b] = both;
    Ok(([a, b, Vec::new()], rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_refused_by_name() {
        let refused = |bytes: &[u8]| read_zkey(bytes).unwrap_err();
        assert_eq!(refused(b""), ZkeyError::Magic);
        assert_eq!(refused(b"zkey\x02\0\0\0\0\0\0\0"), ZkeyError::Magic);
        let with = |sections: &[(u32, &[u8])]| {
            let mut out = b"zkey\x01\0\0\0".to_vec();
            out.extend((sections.len() as u32).to_le_bytes());
            for (kind, bytes) in sections {
                out.extend(kind.to_le_bytes());
                out.extend((bytes.len() as u64).to_le_bytes());
                out.extend(*bytes);
            }
            out
        };
        assert_eq!(refused(&with(&[])), ZkeyError::Section(1));
        assert_eq!(refused(&with(&[(1, &[2, 0, 0, 0])])), ZkeyError::System);
        assert_eq!(refused(&with(&[(1, &[1, 0, 0, 0]), (1, &[])])), ZkeyError::Section(1));
        assert_eq!(refused(&with(&[(1, &[1, 0, 0, 0]), (2, &[0; 80])])), ZkeyError::Curve);
        let mut cut = with(&[(1, &[1, 0, 0, 0])]);
        cut.pop();
        assert_eq!(refused(&cut), ZkeyError::Length(1));
    }

    /// Montgomery form once and twice, as snarkjs writes one.
    #[test]
    fn numbers_lose_their_factors() {
        let one = Fr::from(1u64).0;
        let twice = Fr::new_unchecked(Fr::from(1u64).0) * Fr::new_unchecked(Fr::R2);
        let bytes = |n: BigInt<4>| n.0.iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<u8>>();
        let read = |bytes: &[u8]| Section { kind: 4, bytes }.coefficient();
        assert_eq!(read(&bytes(twice.0)), Ok(Fr::from(1u64)));
        assert_ne!(read(&bytes(one)), Ok(Fr::from(1u64)));
        assert_eq!(read(&bytes(Fr::MODULUS)), Err(ZkeyError::NotCanonical(4)));
        assert_eq!(Section { kind: 5, bytes: &bytes(Fq::from(7u64).0) }.fq(), Ok(Fq::from(7u64)));
        assert_eq!(Section { kind: 5, bytes: &[1; 64] }.g1(), Err(ZkeyError::Point(5)));
        assert_eq!(Section { kind: 5, bytes: &[0; 64] }.g1(), Ok(G1Affine::zero()));
    }
}
