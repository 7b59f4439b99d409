//! `F_p² = F_p[u]/(u² + 1)`, the field of G2's coordinates.

use super::fe::Fe;
use ark_bn254::Fq2;
use ark_ff::MontFp;

/// `c0 + c1·u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fe2 {
    pub(crate) c0: Fe,
    pub(crate) c1: Fe,
}

impl Fe2 {
    pub(crate) const ZERO: Fe2 = Fe2 { c0: Fe::ZERO, c1: Fe::ZERO };
    pub(crate) const ONE: Fe2 = Fe2 { c0: Fe::ONE, c1: Fe::ZERO };

    pub(crate) const fn of(x: Fq2) -> Fe2 {
        Fe2 { c0: Fe::of(x.c0), c1: Fe::of(x.c1) }
    }

    pub(crate) fn to_ark(self) -> Fq2 {
        Fq2::new(self.c0.to_ark(), self.c1.to_ark())
    }

    pub(crate) fn is_zero(self) -> bool {
        self.c0.is_zero() & self.c1.is_zero()
    }

    #[inline(always)]
    pub(crate) fn add(self, o: Fe2) -> Fe2 {
        Fe2 { c0: self.c0.add(o.c0), c1: self.c1.add(o.c1) }
    }

    #[inline(always)]
    pub(crate) fn sub(self, o: Fe2) -> Fe2 {
        Fe2 { c0: self.c0.sub(o.c0), c1: self.c1.sub(o.c1) }
    }

    #[inline(always)]
    pub(crate) fn double(self) -> Fe2 {
        self.add(self)
    }

    #[inline(always)]
    pub(crate) fn triple(self) -> Fe2 {
        self.add(self).add(self)
    }

    #[inline(always)]
    pub(crate) fn neg(self) -> Fe2 {
        Fe2 { c0: self.c0.neg(), c1: self.c1.neg() }
    }

    #[inline]
    pub(crate) fn mul(self, o: Fe2) -> Fe2 {
        let (c0, c1) = Fe::mul_pairs((self.c0, self.c1), (o.c0, o.c1));
        Fe2 { c0, c1 }
    }

    #[inline]
    pub(crate) fn square(self) -> Fe2 {
        let (c0, c1) = Fe::square_pair((self.c0, self.c1));
        Fe2 { c0, c1 }
    }

    #[inline(always)]
    pub(crate) fn scale(self, by: Fe) -> Fe2 {
        Fe2 { c0: self.c0.mul(by), c1: self.c1.mul(by) }
    }

    /// The image under `p`-th powers.
    #[inline(always)]
    pub(crate) fn conjugate(self) -> Fe2 {
        Fe2 { c0: self.c0, c1: self.c1.neg() }
    }

    /// Times `ξ = 9 + u`.
    #[inline(always)]
    pub(crate) fn times_xi(self) -> Fe2 {
        Fe2 { c0: self.c0.nine_times_plus(self.c1.neg()), c1: self.c1.nine_times_plus(self.c0) }
    }

    /// The inverse, 0 for 0.
    pub(crate) fn inverse_or_zero(self) -> Fe2 {
        self.conjugate().scale(self.norm().inverse_or_zero())
    }

    /// A square root, if there is one: the complex method (Adj, Rodríguez-Henríquez, ePrint 2012/685, algorithm
    /// 8) with two powers in `F_p` instead of four and an inverse. With `s = √(a₀² + a₁²)`, `δ = (a₀ + s)/2` and
    /// `w = δ^((p−3)/4)`, `t = δw` is a root of `δ` with `1/t = w`, or of `−δ` with `1/t = −w`; the root is
    /// `t + a₁/(2t)·u` or `a₁/(2t) + t·u`.
    pub(crate) fn sqrt(self) -> Option<Fe2> {
        self.sqrt_by_norm(self.norm().root_power())
    }

    /// The same from the [`Fe::root_power`] of the norm.
    pub(crate) fn sqrt_by_norm(self, power: Fe) -> Option<Fe2> {
        if self.c1.is_zero() {
            // −1 is no square, so either a₀ or −a₀ is one.
            return match self.c0.sqrt() {
                Some(c0) => Some(Fe2 { c0, c1: Fe::ZERO }),
                None => self.c0.neg().sqrt().map(|c1| Fe2 { c0: Fe::ZERO, c1 }),
            };
        }
        // a is a square if and only if its norm is one.
        let delta = self.delta(self.norm().sqrt_by(power)?);
        Some(self.sqrt_by(delta, delta.root_power()))
    }

    /// `a₀² + a₁²`.
    pub(crate) fn norm(self) -> Fe {
        self.c0.square().add(self.c1.square())
    }

    /// `δ = (a₀ + s)/2`, not 0 if `a₁` is not: otherwise `a₁² = s² − a₀²` would be.
    pub(crate) fn delta(self, s: Fe) -> Fe {
        self.c0.add(s).mul(HALF)
    }

    /// The root from `δ` and `w`, where `a₁` is not 0.
    pub(crate) fn sqrt_by(self, delta: Fe, w: Fe) -> Fe2 {
        let t = delta.mul(w);
        let half = self.c1.mul(HALF).mul(w);
        if t.square() == delta { Fe2 { c0: t, c1: half } } else { Fe2 { c0: half.neg(), c1: t } }
    }

    /// `y > −y` in arkworks' order: by `c1`, and by `c0` where that is 0.
    pub(crate) fn is_upper(self) -> bool {
        if self.c1.is_zero() { self.c0.is_upper() } else { self.c1.is_upper() }
    }
}

const HALF: Fe =
    Fe::of(MontFp!("10944121435919637611123202872628637544348155578648911831344518947322613104292"));

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fq;
    use ark_ff::{AdditiveGroup, Field, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn operations_are_those_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(1);
        let one = Fq::from(1u64);
        let edges = [Fq::ZERO, one, -one, one + one, -(one + one)];
        let mut values: Vec<Fq2> = edges.iter().flat_map(|a| edges.map(|b| Fq2::new(*a, b))).collect();
        values.extend((0..40).map(|_| Fq2::rand(&mut rng)));
        values.extend((0..20).map(|_| Fq2::new(Fq::rand(&mut rng), Fq::ZERO)));
        values.extend((0..20).map(|_| Fq2::new(Fq::ZERO, Fq::rand(&mut rng))));
        let (mut squares, mut others) = (0, 0);
        for &a in &values {
            let x = Fe2::of(a);
            assert_eq!(x.square().to_ark(), a.square());
            assert_eq!(x.times_xi().to_ark(), a * Fq2::new(Fq::from(9u64), one));
            assert_eq!(x.conjugate().to_ark(), { *a.clone().conjugate_in_place() });
            assert_eq!(x.inverse_or_zero().to_ark(), a.inverse().unwrap_or_default());
            assert_eq!(x.is_upper(), a > -a);
            assert_eq!(x.triple().to_ark(), a + a + a);
            match (x.sqrt(), a.sqrt()) {
                (Some(y), Some(b)) => {
                    assert!(y.to_ark() == b || y.to_ark() == -b, "{a}");
                    squares += 1;
                }
                (ours, ark) => {
                    assert!(ours.is_none() && ark.is_none(), "{a}");
                    others += 1;
                }
            }
            for &b in &values {
                let y = Fe2::of(b);
                assert_eq!(x.mul(y).to_ark(), a * b);
                assert_eq!(x.add(y).to_ark(), a + b);
                assert_eq!(x.sub(y).to_ark(), a - b);
                assert_eq!(x.scale(y.c0).to_ark(), Fq2::new(a.c0 * b.c0, a.c1 * b.c0));
            }
        }
        assert!(squares > 20 && others > 20);
    }
}
