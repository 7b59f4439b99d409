//! `F_p¹² = F_p⁶[w]/(w² − v)` over `F_p⁶ = F_p²[v]/(v³ − ξ)`: arkworks' tower, with the products that a Miller
//! loop and a final exponentiation need.

use super::X_DIGITS;
use super::fe::Fe;
use super::fe2::Fe2;
use ark_bn254::{Fq, Fq6, Fq12};
use ark_ff::Field;

/// `c0 + c1·v + c2·v²`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fe6 {
    c0: Fe2,
    c1: Fe2,
    c2: Fe2,
}

/// `c0 + c1·w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fe12 {
    c0: Fe6,
    c1: Fe6,
}

impl Fe6 {
    const ZERO: Fe6 = Fe6 { c0: Fe2::ZERO, c1: Fe2::ZERO, c2: Fe2::ZERO };
    const ONE: Fe6 = Fe6 { c0: Fe2::ONE, c1: Fe2::ZERO, c2: Fe2::ZERO };

    fn of(x: Fq6) -> Fe6 {
        Fe6 { c0: Fe2::of(x.c0), c1: Fe2::of(x.c1), c2: Fe2::of(x.c2) }
    }

    fn to_ark(self) -> Fq6 {
        Fq6::new(self.c0.to_ark(), self.c1.to_ark(), self.c2.to_ark())
    }

    #[inline(always)]
    fn add(self, o: Fe6) -> Fe6 {
        Fe6 { c0: self.c0.add(o.c0), c1: self.c1.add(o.c1), c2: self.c2.add(o.c2) }
    }

    #[inline(always)]
    fn sub(self, o: Fe6) -> Fe6 {
        Fe6 { c0: self.c0.sub(o.c0), c1: self.c1.sub(o.c1), c2: self.c2.sub(o.c2) }
    }

    #[inline(always)]
    fn neg(self) -> Fe6 {
        Fe6 { c0: self.c0.neg(), c1: self.c1.neg(), c2: self.c2.neg() }
    }

    /// Times `v`.
    #[inline(always)]
    fn times_v(self) -> Fe6 {
        Fe6 { c0: self.c2.times_xi(), c1: self.c0, c2: self.c1 }
    }

    /// Karatsuba: six products.
    #[inline]
    fn mul(self, o: Fe6) -> Fe6 {
        let (a, b, c) = (self.c0.mul(o.c0), self.c1.mul(o.c1), self.c2.mul(o.c2));
        let bc = self.c1.add(self.c2).mul(o.c1.add(o.c2)).sub(b).sub(c);
        let ab = self.c0.add(self.c1).mul(o.c0.add(o.c1)).sub(a).sub(b);
        let ac = self.c0.add(self.c2).mul(o.c0.add(o.c2)).sub(a).sub(c);
        Fe6 { c0: a.add(bc.times_xi()), c1: ab.add(c.times_xi()), c2: ac.add(b) }
    }

    /// Times `a + b·v`: five products.
    #[inline]
    fn mul_by_01(self, a: Fe2, b: Fe2) -> Fe6 {
        let (aa, bb) = (self.c0.mul(a), self.c1.mul(b));
        let ab = self.c0.add(self.c1).mul(a.add(b)).sub(aa).sub(bb);
        Fe6 { c0: aa.add(self.c2.mul(b).times_xi()), c1: ab, c2: self.c2.mul(a).add(bb) }
    }

    #[inline(always)]
    fn scale(self, by: Fe2) -> Fe6 {
        Fe6 { c0: self.c0.mul(by), c1: self.c1.mul(by), c2: self.c2.mul(by) }
    }
}

impl Fe12 {
    pub(crate) const ONE: Fe12 = Fe12 { c0: Fe6::ONE, c1: Fe6::ZERO };

    pub(crate) fn of(x: Fq12) -> Fe12 {
        Fe12 { c0: Fe6::of(x.c0), c1: Fe6::of(x.c1) }
    }

    /// From coefficients in `F_p`, those of `1, u, v, uv, …` first.
    pub(crate) fn of_coefficients(c: [Fq; 12]) -> Fe12 {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = c.map(Fe::of);
        let six = |[(a, b), (c, d), (e, f)]: [(Fe, Fe); 3]| Fe6 {
            c0: Fe2 { c0: a, c1: b },
            c1: Fe2 { c0: c, c1: d },
            c2: Fe2 { c0: e, c1: f },
        };
        Fe12 { c0: six([(a, b), (c, d), (e, f)]), c1: six([(g, h), (i, j), (k, l)]) }
    }

    pub(crate) fn to_ark(self) -> Fq12 {
        Fq12::new(self.c0.to_ark(), self.c1.to_ark())
    }

    pub(crate) fn mul(self, o: Fe12) -> Fe12 {
        let (a, b) = (self.c0.mul(o.c0), self.c1.mul(o.c1));
        let c1 = self.c0.add(self.c1).mul(o.c0.add(o.c1)).sub(a).sub(b);
        Fe12 { c0: a.add(b.times_v()), c1 }
    }

    /// `(c0 + c1·w)² = (c0 + c1)(c0 + v·c1) − (1 + v)·c0c1 + 2c0c1·w`.
    pub(crate) fn square(self) -> Fe12 {
        let ab = self.c0.mul(self.c1);
        let sum = self.c0.add(self.c1).mul(self.c0.add(self.c1.times_v()));
        Fe12 { c0: sum.sub(ab).sub(ab.times_v()), c1: ab.add(ab) }
    }

    /// Times the line `l0 + (l1 + l2·v)·w`.
    pub(crate) fn mul_by_line(self, l0: Fe2, l1: Fe2, l2: Fe2) -> Fe12 {
        let a = self.c0.scale(l0);
        let b = self.c1.mul_by_01(l1, l2);
        let c1 = self.c0.add(self.c1).mul_by_01(l0.add(l1), l2).sub(a).sub(b);
        Fe12 { c0: a.add(b.times_v()), c1 }
    }

    /// Times the line `1 + (l1 + l2·v)·w`: ten products instead of thirteen.
    pub(crate) fn mul_by_monic_line(self, l1: Fe2, l2: Fe2) -> Fe12 {
        let a = self.c1.mul_by_01(l1, l2);
        let b = self.c0.mul_by_01(l1, l2);
        Fe12 { c0: self.c0.add(a.times_v()), c1: self.c1.add(b) }
    }

    /// `self^(p⁶)`; the inverse of what has norm 1 over `F_p⁶`.
    pub(crate) fn conjugate(self) -> Fe12 {
        Fe12 { c0: self.c0, c1: self.c1.neg() }
    }

    /// The square of an element of order dividing `p⁴ − p² + 1` (Granger, Scott, ePrint 2009/565).
    fn cyclotomic_square(self) -> Fe12 {
        let (r0, r4, r3) = (self.c0.c0, self.c0.c1, self.c0.c2);
        let (r2, r1, r5) = (self.c1.c0, self.c1.c1, self.c1.c2);
        // (a + b·s)² with s² = ξ.
        let square = |a: Fe2, b: Fe2| {
            let ab = a.mul(b);
            let sum = a.add(b).mul(b.times_xi().add(a)).sub(ab).sub(ab.times_xi());
            (sum, ab.double())
        };
        let (t0, t1) = square(r0, r1);
        let (t2, t3) = square(r2, r3);
        let (t4, t5) = square(r4, r5);
        let down = |t: Fe2, r: Fe2| t.sub(r).double().add(t);
        let up = |t: Fe2, r: Fe2| t.add(r).double().add(t);
        Fe12 {
            c0: Fe6 { c0: down(t0, r0), c1: down(t2, r4), c2: down(t4, r3) },
            c1: Fe6 { c0: up(t5.times_xi(), r2), c1: up(t1, r1), c2: up(t3, r5) },
        }
    }

    /// `self^(2x(6x² + 3x + 1)·(p¹² − 1)/r)`. `None` for 0.
    pub(crate) fn final_exponentiation(self) -> Option<Fe12> {
        let inverse = self.inverse()?;
        Some(final_power(self, inverse))
    }

    pub(crate) fn inverse(self) -> Option<Fe12> {
        self.to_ark().inverse().map(Fe12::of)
    }

    /// The coefficients of `1, w, … w⁵` over `F_p²`.
    pub(crate) fn powers_of_w(self) -> [Fe2; 6] {
        let (a, b) = (self.c0, self.c1);
        [a.c0, b.c0, a.c1, b.c1, a.c2, b.c2]
    }

    /// From them.
    pub(crate) fn of_powers_of_w([a, b, c, d, e, f]: [Fe2; 6]) -> Fe12 {
        Fe12 { c0: Fe6 { c0: a, c1: c, c2: e }, c1: Fe6 { c0: b, c1: d, c2: f } }
    }
}

/// What a final exponentiation is made of, for one element after the other or in lanes.
pub(crate) trait Cyclotomic: Copy {
    fn mul(self, o: Self) -> Self;
    /// `self^(p⁶)`.
    fn conjugate(self) -> Self;
    /// `self^(pⁿ)` for `n` up to 3.
    fn frobenius(self, n: usize) -> Self;
    /// `self^(2ⁿ)` of an element of order dividing `p⁴ − p² + 1`.
    fn squared(self, n: u32) -> Self;
}

impl Cyclotomic for Fe12 {
    fn mul(self, o: Fe12) -> Fe12 {
        Fe12::mul(self, o)
    }

    fn conjugate(self) -> Fe12 {
        Fe12::conjugate(self)
    }

    fn frobenius(self, n: usize) -> Fe12 {
        let mut x = self.to_ark();
        x.frobenius_map_in_place(n);
        Fe12::of(x)
    }

    fn squared(mut self, n: u32) -> Fe12 {
        for _ in 0..n {
            self = self.cyclotomic_square();
        }
        self
    }
}

/// `f^(−x)` in the cyclotomic subgroup.
fn exp_by_minus_x<T: Cyclotomic>(f: T) -> T {
    let square = f.squared(1);
    let third = square.mul(f);
    let fifth = square.mul(third);
    let seventh = square.mul(fifth);
    let mut result = f;
    let mut squarings = 0;
    for digit in X_DIGITS.iter().skip(1) {
        squarings += 1;
        let power = match digit.unsigned_abs() {
            1 => f,
            3 => third,
            5 => fifth,
            7 => seventh,
            _ => continue,
        };
        result = result.squared(squarings).mul(if *digit < 0 { power.conjugate() } else { power });
        squarings = 0;
    }
    result.squared(squarings).conjugate()
}

/// The final exponentiation of `f` with its inverse: the exponent and the steps of arkworks (Fuentes-Castañeda, Knapp,
/// Rodríguez-Henríquez, "Faster hashing to G2", 2011).
pub(crate) fn final_power<T: Cyclotomic>(f: T, inverse: T) -> T {
    let f = f.conjugate().mul(inverse);
    let r = f.frobenius(2).mul(f);
    let y0 = exp_by_minus_x(r);
    let y1 = y0.squared(1);
    let y2 = y1.squared(1);
    let y3 = y2.mul(y1);
    let y4 = exp_by_minus_x(y3);
    let y5 = y4.squared(1);
    let y6 = exp_by_minus_x(y5);
    let y7 = y6.conjugate().mul(y4);
    let y8 = y7.mul(y3.conjugate());
    let y9 = y8.mul(y1);
    let y10 = y8.mul(y4);
    let y11 = y10.mul(r);
    let y13 = y9.frobenius(1).mul(y11);
    let y14 = y8.frobenius(2).mul(y13);
    let y15 = r.conjugate().mul(y9);
    y15.frobenius(3).mul(y14)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Bn254, Fq2};
    use ark_ec::pairing::{MillerLoopOutput, Pairing};
    use ark_ff::{AdditiveGroup, CyclotomicMultSubgroup, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn products_are_those_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in 0..64 {
            let (mut a, b) = (Fq12::rand(&mut rng), Fq12::rand(&mut rng));
            let mut line: [Fq2; 3] = std::array::from_fn(|_| Fq2::rand(&mut rng));
            match n {
                0 => a = Fq12::ZERO,
                1 => a = Fq12::ONE,
                2 => line = [Fq2::ZERO; 3],
                3 => line = [Fq2::ONE; 3].map(|x| -x),
                4 => a = -Fq12::ONE,
                _ => {}
            }
            let (x, y) = (Fe12::of(a), Fe12::of(b));
            assert_eq!(x.to_ark(), a);
            assert_eq!(x.mul(y).to_ark(), a * b);
            assert_eq!(x.square().to_ark(), a.square());
            assert_eq!(x.conjugate().mul(x).to_ark(), {
                let mut c = a;
                *c.conjugate_in_place() * a
            });
            let [l0, l1, l2] = line.map(Fe2::of);
            let mut by_line = a;
            by_line.mul_by_034(&line[0], &line[1], &line[2]);
            assert_eq!(x.mul_by_line(l0, l1, l2).to_ark(), by_line);
            let mut by_line = a;
            by_line.mul_by_034(&Fq2::ONE, &line[1], &line[2]);
            assert_eq!(x.mul_by_monic_line(l1, l2).to_ark(), by_line);
        }
    }

    #[test]
    fn final_exponentiation_is_that_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(2);
        for n in 0..12 {
            let f = match n {
                0 => Fq12::ONE,
                1 => -Fq12::ONE,
                2 => Fq12::new(Fq6::ZERO, Fq6::ONE),
                _ => Fq12::rand(&mut rng),
            };
            let ark = Bn254::final_exponentiation(MillerLoopOutput(f)).unwrap().0;
            let ours = Fe12::of(f).final_exponentiation().unwrap();
            assert_eq!(ours.to_ark(), ark);
            assert_eq!(ours.cyclotomic_square().to_ark(), ark.cyclotomic_square());
        }
        assert_eq!(Fe12::of(Fq12::ZERO).final_exponentiation(), None);
    }
}
