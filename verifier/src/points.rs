//! Many points at once, for readers of key files.

use crate::curve::decode::{self, Encoded};
use crate::curve::wide::in_subgroup;
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;

/// Why points are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointFault {
    /// One of them is no point of its group, or bytes are left over.
    #[error("an invalid point")]
    Invalid,
    /// Infinity in another encoding than its own.
    #[error("a point is not in its canonical encoding")]
    NotCanonical,
}

/// Reads points of G1, 32 bytes each, compressed as arkworks writes them. Infinity is allowed.
pub fn read_g1(bytes: &[u8]) -> Result<Vec<G1Affine>, PointFault> {
    let (each, rest) = bytes.as_chunks::<32>();
    let points = decode::g1_all(each.iter());
    let points = points.into_iter().zip(each).map(|(point, bytes)| match point {
        Encoded::Point(p) => Ok(p.to_ark()),
        Encoded::Infinity => infinity(bytes, G1Affine::zero()),
        Encoded::Nothing => Err(PointFault::Invalid),
    });
    if rest.is_empty() { points.collect() } else { Err(PointFault::Invalid) }
}

/// Reads points of G2, 64 bytes each, likewise. Each of them is checked to be in the subgroup.
pub fn read_g2(bytes: &[u8]) -> Result<Vec<G2Affine>, PointFault> {
    let (halves, rest) = bytes.as_chunks::<32>();
    let (each, odd) = halves.as_chunks::<2>();
    if !rest.is_empty() || !odd.is_empty() {
        return Err(PointFault::Invalid);
    }
    let points = decode::g2_all(each.iter().map(|[c0, c1]| (c0, c1)));
    let finite = points.iter().filter_map(|p| if let Encoded::Point(p) = p { Some(*p) } else { None });
    if in_subgroup(&finite.collect::<Vec<_>>()).contains(&false) {
        return Err(PointFault::Invalid);
    }
    let points = points.into_iter().zip(each).map(|(point, bytes)| match point {
        Encoded::Point(p) => Ok(p.to_ark()),
        Encoded::Infinity => infinity(bytes.as_flattened(), G2Affine::zero()),
        Encoded::Nothing => Err(PointFault::Invalid),
    });
    points.collect()
}

/// Infinity, if it is spelled as arkworks spells it.
fn infinity<P>(bytes: &[u8], point: P) -> Result<P, PointFault> {
    let canonical =
        bytes.split_last().is_some_and(|(last, others)| *last == 0x40 && others.iter().all(|b| *b == 0));
    if canonical { Ok(point) } else { Err(PointFault::NotCanonical) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup;
    use ark_ff::UniformRand;
    use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    /// arkworks' checked reader, which must write the same bytes again: the slow twin.
    fn slow<P: CanonicalDeserialize + CanonicalSerialize>(bytes: &[u8]) -> Option<P> {
        let point = P::deserialize_compressed(bytes).ok()?;
        let mut again = Vec::new();
        point.serialize_compressed(&mut again).unwrap();
        (again == bytes).then_some(point)
    }

    fn agree<P: AffineRepr + CanonicalSerialize + CanonicalDeserialize>(
        size: usize,
        read: fn(&[u8]) -> Result<Vec<P>, PointFault>,
        rng: &mut StdRng,
    ) {
        let mut good = Vec::new();
        for i in 0..50 {
            let point = if i % 9 == 4 { P::zero() } else { P::Group::rand(rng).into_affine() };
            point.serialize_compressed(&mut good).unwrap();
        }
        let each: Vec<P> = good.chunks(size).map(|b| slow(b).unwrap()).collect();
        assert!(read(&good) == Ok(each));
        assert!(read(&[]) == Ok(vec![]));
        assert!(read(&good[1..]).is_err() && read(&good[..size - 1]).is_err());
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..400 {
            let mut bad = good.clone();
            let at = match rng.gen_range(0..3) {
                0 => size * rng.gen_range(0..50) + size - 1,
                1 => 4 * size + rng.gen_range(0..size),
                _ => rng.gen_range(0..bad.len()),
            };
            bad[at] ^= 1 << rng.gen_range(0..8);
            let each: Option<Vec<P>> = bad.chunks(size).map(slow).collect();
            assert!(read(&bad).ok() == each, "byte {at}");
            *if each.is_some() { &mut taken } else { &mut refused } += 1;
        }
        assert!(taken > 5 && refused > 100, "{taken} {refused}");
    }

    #[test]
    fn many_points_are_read_as_one_by_one() {
        let mut rng = StdRng::seed_from_u64(8);
        agree::<G1Affine>(32, read_g1, &mut rng);
        agree::<G2Affine>(64, read_g2, &mut rng);
    }

    #[test]
    fn points_outside_the_subgroup_are_refused() {
        let mut bytes = [0u8; 64];
        let outside = (0u8..)
            .filter_map(|x| {
                bytes[0] = x;
                G2Affine::deserialize_compressed_unchecked(&bytes[..]).ok()
            })
            .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
            .unwrap();
        let mut file = Vec::new();
        outside.serialize_compressed(&mut file).unwrap();
        assert_eq!(read_g2(&file), Err(PointFault::Invalid));
    }
}
