//! Compressed points, as arkworks writes them: `x` from its lowest byte, the two highest bits of the last byte for the
//! sign of `y` and for infinity. One encoding each: what would be written in another way is refused.

use super::fe::Fe;
use super::fe2::Fe2;
use super::point::{Affine, G1, G2};
use super::wide;
use ark_bn254::Fq;
use ark_ff::{BigInt, MontFp, PrimeField};

/// `b = 3`.
const B1: Fe = Fe::of(MontFp!("3"));
/// `b′ = 3/(9 + u)`.
const B2: Fe2 = Fe2 {
    c0: Fe::of(MontFp!("19485874751759354771024239261021720505790618469301721065564631296452457478373")),
    c1: Fe::of(MontFp!("266929791119991161246907387137283842545076965332900288569378510910307636690")),
};

const UPPER: u8 = 0x80;
const INFINITY: u8 = 0x40;

/// What the bytes of a point are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded<P> {
    /// A point of the curve; whether of the subgroup is another question.
    Point(P),
    /// Infinity, spelled in some way.
    Infinity,
    /// No point.
    Nothing,
}

/// A number below `p` from its 32 bytes.
fn residue(bytes: &[u8; 32], mask: u8) -> Option<Fe> {
    let mut limbs = [0u64; 4];
    let (words, _) = bytes.as_chunks::<8>();
    for (limb, word) in limbs.iter_mut().zip(words) {
        *limb = u64::from_le_bytes(*word);
    }
    limbs[3] &= !(u64::from(mask) << 56);
    Fq::from_bigint(BigInt::new(limbs)).map(Fe::of)
}

/// `x`, and whether `y` is the upper one of two.
type Sketch<F> = Encoded<(F, bool)>;

fn sketch1(bytes: &[u8; 32]) -> Sketch<Fe> {
    let flags = bytes[31] & (UPPER | INFINITY);
    match residue(bytes, UPPER | INFINITY) {
        Some(_) if flags == INFINITY => Encoded::Infinity,
        Some(x) if flags != UPPER | INFINITY => Encoded::Point((x, flags == UPPER)),
        _ => Encoded::Nothing,
    }
}

fn sketch2(c0: &[u8; 32], c1: &[u8; 32]) -> Sketch<Fe2> {
    match (residue(c0, 0), sketch1(c1)) {
        (Some(c0), Encoded::Point((c1, upper))) => Encoded::Point((Fe2 { c0, c1 }, upper)),
        (Some(_), Encoded::Infinity) => Encoded::Infinity,
        _ => Encoded::Nothing,
    }
}

/// `y²`.
fn square1(x: Fe) -> Fe {
    x.square().mul(x).add(B1)
}

fn square2(x: Fe2) -> Fe2 {
    x.square().mul(x).add(B2)
}

fn point1((x, upper): (Fe, bool), y: Option<Fe>) -> Encoded<G1> {
    let Some(y) = y else { return Encoded::Nothing };
    Encoded::Point(Affine { x, y: if y.is_upper() == upper { y } else { y.neg() } })
}

fn point2((x, upper): (Fe2, bool), y: Option<Fe2>) -> Encoded<G2> {
    let Some(y) = y else { return Encoded::Nothing };
    Encoded::Point(Affine { x, y: if y.is_upper() == upper { y } else { y.neg() } })
}

impl<P: Copy> Encoded<P> {
    /// Of what may be a point.
    fn then<Q>(self, point: impl FnOnce(P) -> Encoded<Q>) -> Encoded<Q> {
        match self {
            Encoded::Point(p) => point(p),
            Encoded::Infinity => Encoded::Infinity,
            Encoded::Nothing => Encoded::Nothing,
        }
    }

    fn or(self, other: P) -> P {
        if let Encoded::Point(p) = self { p } else { other }
    }
}

/// Reads a point of G1 alone (`x³ + 3`; all points of this curve are in its group).
#[cfg(test)]
pub(crate) fn g1(bytes: &[u8; 32]) -> Encoded<G1> {
    sketch1(bytes).then(|p| point1(p, square1(p.0).sqrt()))
}

/// Reads a point of the twist alone, of which the group G2 is a small part.
#[cfg(test)]
pub(crate) fn g2(c0: &[u8; 32], c1: &[u8; 32]) -> Encoded<G2> {
    sketch2(c0, c1).then(|p| point2(p, square2(p.0).sqrt()))
}

/// The points of a proof, one of G1, one of the twist and one of G1. The three powers that wait for no other are taken
/// together.
pub(crate) fn proof([a, b0, b1, c]: [&[u8; 32]; 4]) -> (Encoded<G1>, Encoded<G2>, Encoded<G1>) {
    let (a, b, c) = (sketch1(a), sketch2(b0, b1), sketch1(c));
    let [of_a, of_c] = [a, c].map(|s| square1(s.or((Fe::ONE, false)).0));
    let of_b = square2(b.or((Fe2::ONE, false)).0);
    let powers = wide::root_powers(&[of_a, of_b.norm(), of_c]);
    // As many powers as numbers; were one missing, nothing would be read.
    let [at_a, at_b, at_c] = powers[..] else {
        return (Encoded::Nothing, Encoded::Nothing, Encoded::Nothing);
    };
    (
        a.then(|p| point1(p, of_a.sqrt_by(at_a))),
        b.then(|p| point2(p, of_b.sqrt_by_norm(at_b))),
        c.then(|p| point1(p, of_c.sqrt_by(at_c))),
    )
}

/// Points of G1, whose roots are taken together.
pub(crate) fn g1_all<'a>(all: impl Iterator<Item = &'a [u8; 32]>) -> Vec<Encoded<G1>> {
    let sketches: Vec<Sketch<Fe>> = all.map(sketch1).collect();
    let squares: Vec<Fe> = sketches.iter().map(|s| square1(s.or((Fe::ONE, false)).0)).collect();
    let powers = wide::root_powers(&squares);
    let roots = squares.iter().zip(powers).map(|(y, power)| y.sqrt_by(power));
    sketches.into_iter().zip(roots).map(|(s, y)| s.then(|p| point1(p, y))).collect()
}

/// Points of the twist likewise: [`Fe2::sqrt`] in two rounds.
pub(crate) fn g2_all<'a>(all: impl Iterator<Item = (&'a [u8; 32], &'a [u8; 32])>) -> Vec<Encoded<G2>> {
    let sketches: Vec<Sketch<Fe2>> = all.map(|(c0, c1)| sketch2(c0, c1)).collect();
    let squares: Vec<Fe2> = sketches.iter().map(|s| square2(s.or((Fe2::ONE, false)).0)).collect();
    let norms: Vec<Fe> = squares.iter().map(|y| y.norm()).collect();
    let roots = norms.iter().zip(wide::root_powers(&norms)).map(|(norm, power)| norm.sqrt_by(power));
    let roots: Vec<Option<Fe>> = roots.collect();
    let deltas = squares.iter().zip(&roots).map(|(y, s)| s.map_or(Fe::ONE, |s| y.delta(s)));
    let deltas: Vec<Fe> = deltas.collect();
    let powers = wide::root_powers(&deltas);
    let each = squares.iter().zip(roots).zip(deltas.into_iter().zip(powers));
    let roots = each.map(|((y, s), (delta, w))| {
        // The method needs a second coefficient.
        if y.c1.is_zero() { y.sqrt() } else { s.map(|_| y.sqrt_by(delta, w)) }
    });
    sketches.into_iter().zip(roots).map(|(s, y)| s.then(|p| point2(p, y))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::{BigInteger, UniformRand};
    use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    /// Both readers on the same bytes. Points that do not exist, of both signs, `x` above `p`, both flags.
    fn same(bytes: &[u8; 64]) -> (bool, bool) {
        let (low, high) = (bytes[..32].try_into().unwrap(), bytes[32..].try_into().unwrap());
        let ark = G1Affine::deserialize_compressed_unchecked(&bytes[..32]);
        let one = match (g1(&low), ark) {
            (Encoded::Point(p), Ok(q)) => {
                assert_eq!(p.to_ark(), q);
                let mut again = Vec::new();
                q.serialize_compressed(&mut again).unwrap();
                assert_eq!(again, low);
                true
            }
            (Encoded::Infinity, Ok(q)) => q.is_zero(),
            (Encoded::Nothing, Err(_)) => false,
            (ours, ark) => panic!("{low:?}: {ours:?} {ark:?}"),
        };
        let ark = G2Affine::deserialize_compressed_unchecked(&bytes[..]);
        let two = match (g2(&low, &high), ark) {
            (Encoded::Point(p), Ok(q)) => {
                assert_eq!(p.to_ark(), q);
                let mut again = Vec::new();
                q.serialize_compressed(&mut again).unwrap();
                assert_eq!(again, bytes);
                true
            }
            (Encoded::Infinity, Ok(q)) => q.is_zero(),
            (Encoded::Nothing, Err(_)) => false,
            (ours, ark) => panic!("{bytes:?}: {ours:?} {ark:?}"),
        };
        (one, two)
    }

    #[test]
    fn reads_what_arkworks_reads() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut ones, mut twos) = (0, 0);
        let mut cases: Vec<[u8; 64]> = vec![[0; 64], [0xff; 64]];
        // Small x, x around p, each with each flag.
        let p = Fq::MODULUS;
        let mut edges: Vec<BigInt<4>> = (0..20u64).map(BigInt::from).collect();
        for n in 0..3u64 {
            let (mut low, mut high) = (p, p);
            low.sub_with_borrow(&BigInt::from(n));
            high.add_with_carry(&BigInt::from(n));
            edges.extend([low, high]);
        }
        for a in &edges {
            for b in &edges {
                for flag in [0, 0x40, 0x80, 0xc0] {
                    let mut bytes = [0; 64];
                    bytes[..32].copy_from_slice(&a.to_bytes_le());
                    bytes[32..].copy_from_slice(&b.to_bytes_le());
                    bytes[31] |= if a == b { flag } else { 0 };
                    bytes[63] |= flag;
                    cases.push(bytes);
                }
            }
        }
        for _ in 0..300 {
            let mut bytes = [0; 64];
            rng.fill_bytes(&mut bytes);
            cases.push(bytes);
            // Mostly below p.
            bytes[31] &= 0x9f;
            bytes[63] &= 0x9f;
            cases.push(bytes);
            let mut point = Vec::new();
            let p = G2Affine::rand(&mut rng);
            let p = if bytes[0] & 1 == 0 { p } else { -p };
            p.serialize_compressed(&mut point).unwrap();
            cases.push(point.try_into().unwrap());
        }
        for bytes in &cases {
            let (one, two) = same(bytes);
            ones += usize::from(one);
            twos += usize::from(two);
        }
        // All at once.
        let halves = || cases.iter().map(|b| b.as_chunks::<32>().0).map(|h| (&h[0], &h[1]));
        assert_eq!(g1_all(halves().map(|h| h.0)), halves().map(|h| g1(h.0)).collect::<Vec<_>>());
        assert_eq!(g2_all(halves()), halves().map(|(a, b)| g2(a, b)).collect::<Vec<_>>());
        for bytes in cases.windows(2) {
            let [(a, b0), (c, b1)] =
                [&bytes[0], &bytes[1]].map(|b| (&b.as_chunks::<32>().0[0], &b.as_chunks::<32>().0[1]));
            assert_eq!(proof([a, b0, b1, c]), (g1(a), g2(b0, b1), g1(c)));
            assert_eq!(proof([a, c, b1, b0]), (g1(a), g2(c, b1), g1(b0)));
        }
        assert!(ones > 300 && twos > 300 && cases.len() - ones > 300, "{ones} {twos}");
    }
}
