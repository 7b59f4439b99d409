//! The subgroup of G2, and the walk of a Miller loop through it.
//!
//! `ψ` is Frobenius seen from the twist: `ψ² − tψ + p = 0` on all of `E′(F_p²)`, and `ψ(Q) = pQ` on the subgroup
//! of order `r`. A polynomial `a(ψ)` with `a(p) ≡ 0 mod r` sends the subgroup to infinity; if
//! `gcd(Res(a, X² − tX + p), h₂r) = r` it sends nothing else there, and the question "`rQ = 0`?" becomes "`a(ψ)Q = 0`?"
//! (El Housni, Guillevic, Piellard, ePrint 2022/352; Dai, Lin, Zhao, Zhou, ePrint 2022/348). Two such polynomials are
//! used: `(x + 1) + xX + xX² − 2xX³`, with a multiplication by the 63-bit `x`; and `(6x + 2) + X − X² + X³`
//! (Vercauteren, ePrint 2008/096), whose first three terms are the point at which an optimal ate loop ends, so that
//! whoever walks the loop has the check for one comparison. A test computes both greatest common divisors.
//!
//! In docs/notes/verifying.md `x` is `x₀`, `t` is `6x₀² + 1`, `h₂r` is `|E′|` and `a` is `φ`.

use super::X_DIGITS;
use super::fe::Fe;
use super::fe2::Fe2;
use super::point::{Affine, G2, Jacobian, Many};
use ark_bn254::Config;
use ark_ec::bn::BnConfig;
use ark_ff::MontFp;

pub(crate) const PSI_X: Fe2 = Fe2::of(Config::TWIST_MUL_BY_Q_X);
pub(crate) const PSI_Y: Fe2 = Fe2::of(Config::TWIST_MUL_BY_Q_Y);
const HALF: Fe =
    Fe::of(MontFp!("10944121435919637611123202872628637544348155578648911831344518947322613104292"));
/// `3b′`.
pub(crate) const TRIPLE_B: Fe2 = Fe2 {
    c0: Fe::of(MontFp!("14681138511599513868579906292550611339979233093309515871315818100066920017953")),
    c1: Fe::of(MontFp!("800789373359973483740722161411851527635230895998700865708135532730922910070")),
};

/// Digits of `6x + 2` below the highest, from the highest.
pub(crate) fn loop_digits() -> impl Iterator<Item = i8> {
    Config::ATE_LOOP_COUNT.iter().rev().skip(1).copied()
}

pub(crate) fn psi(q: G2) -> G2 {
    Affine { x: q.x.conjugate().mul(PSI_X), y: q.y.conjugate().mul(PSI_Y) }
}

fn psi_jacobian(q: Jacobian<Fe2>) -> Jacobian<Fe2> {
    Jacobian { x: q.x.conjugate().mul(PSI_X), y: q.y.conjugate().mul(PSI_Y), z: q.z.conjugate() }
}

/// Is this point of the twist in the subgroup of order `r`? `[x+1]Q + ψ([x]Q) + ψ²([x]Q) = ψ³([2x]Q)`.
pub(crate) fn in_subgroup(q: G2) -> bool {
    let once = Jacobian::of(q);
    let twice = once.double();
    let third = twice.add_affine(q);
    let fifth = third.add(twice);
    let seventh = fifth.add(twice);
    let mut xq = once;
    for digit in X_DIGITS.iter().skip(1) {
        xq = xq.double();
        let power = match digit.unsigned_abs() {
            1 => once,
            3 => third,
            5 => fifth,
            7 => seventh,
            _ => continue,
        };
        xq = xq.add(if *digit < 0 { power.neg() } else { power });
    }
    let first = psi_jacobian(xq);
    let second = psi_jacobian(first);
    let third = psi_jacobian(second);
    xq.add_affine(q).add(first).add(second).is_same(third.double())
}

/// A line of the Miller loop, `1 + (slope·(−x/y) + shift·(1/y)·v)·w` at a point `(x, y)` of G1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) slope: Fe2,
    pub(crate) shift: Fe2,
}

impl Line {
    fn through(slope: Fe2, p: G2) -> Line {
        Line { slope, shift: slope.mul(p.x).sub(p.y) }
    }
}

/// The lines of each point, and which of the points are in the subgroup. Steps come one after
/// another; within a step, the lines are in the order of the points.
pub(crate) struct Walked {
    pub(crate) lines: Vec<Line>,
    pub(crate) in_subgroup: Vec<bool>,
}

/// Walks all points of the twist through the loop, in step, with affine coordinates. A step whose formula does
/// not hold meets `T = ±Q` (there is no point of order two), which cannot happen below the order `r`: then the point
/// is not in the subgroup.
pub(crate) fn walk(points: &[G2]) -> Walked {
    let mut lines = Vec::with_capacity(points.len() * STEPS);
    let mut t = Many::new(points.to_vec());
    for digit in loop_digits() {
        t.double(|slope, p| lines.push(Line::through(slope, p)));
        match digit {
            1 => t.add(points.iter().copied(), |slope, p| lines.push(Line::through(slope, p))),
            -1 => t.add(points.iter().map(|q| q.neg()), |slope, p| lines.push(Line::through(slope, p))),
            _ => {}
        }
    }
    let first: Vec<G2> = points.iter().map(|q| psi(*q)).collect();
    let second: Vec<G2> = first.iter().map(|q| psi(*q)).collect();
    t.add(first.iter().copied(), |slope, p| lines.push(Line::through(slope, p)));
    t.add(second.iter().map(|q| q.neg()), |slope, p| lines.push(Line::through(slope, p)));
    let ends = t.points.iter().zip(&t.plain).zip(&second);
    let in_subgroup = ends.map(|((end, plain), second)| *plain && *end == psi(*second).neg()).collect();
    Walked { lines, in_subgroup }
}

/// Lines for one point: doublings, additions, and two at the end.
pub(crate) const STEPS: usize = {
    let mut steps = 2;
    let digits = Config::ATE_LOOP_COUNT;
    let mut rest: &[i8] = digits;
    while let Some((digit, others)) = rest.split_first() {
        if !others.is_empty() {
            steps += if *digit == 0 { 1 } else { 2 };
        }
        rest = others;
    }
    steps
};

/// A line with its own leading coefficient: `l0·y + (l1·x + l2·v)·w`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LooseLine {
    pub(crate) l0: Fe2,
    pub(crate) l1: Fe2,
    pub(crate) l2: Fe2,
}

/// A point in homogeneous coordinates `(X/Z, Y/Z)`, for one walk without inversions (Aranha, Barreto, Longa,
/// Ricardini, ePrint 2013/722; the formulas of arkworks).
struct Homogeneous {
    x: Fe2,
    y: Fe2,
    z: Fe2,
}

impl Homogeneous {
    fn double(&mut self) -> LooseLine {
        let a = self.x.mul(self.y).scale(HALF);
        let b = self.y.square();
        let c = self.z.square();
        let e = TRIPLE_B.mul(c);
        let f = e.triple();
        let g = b.add(f).scale(HALF);
        let h = self.y.add(self.z).square().sub(b.add(c));
        let square = e.square();
        let xx = self.x.square();
        self.x = a.mul(b.sub(f));
        self.y = g.square().sub(square.triple());
        self.z = b.mul(h);
        LooseLine { l0: h.neg(), l1: xx.triple(), l2: e.sub(b) }
    }

    fn add(&mut self, q: G2) -> LooseLine {
        let theta = self.y.sub(q.y.mul(self.z));
        let lambda = self.x.sub(q.x.mul(self.z));
        let c = theta.square();
        let d = lambda.square();
        let e = lambda.mul(d);
        let f = self.z.mul(c);
        let g = self.x.mul(d);
        let h = e.add(f).sub(g.double());
        self.x = lambda.mul(h);
        self.y = theta.mul(g.sub(h)).sub(e.mul(self.y));
        self.z = self.z.mul(e);
        LooseLine { l0: lambda, l1: theta.neg(), l2: theta.mul(q.x).sub(lambda.mul(q.y)) }
    }
}

/// Walks one point of the twist through the loop; `None` if it is not in the subgroup.
///
/// If some step meets `T = ±Q`, `Z` becomes 0 and every later step keeps it: the comparison at the end, of points
/// with `Z ≠ 0`, fails as it must.
pub(crate) fn walk_one(q: G2) -> Option<Vec<LooseLine>> {
    let mut lines = Vec::with_capacity(STEPS);
    let mut t = Homogeneous { x: q.x, y: q.y, z: Fe2::ONE };
    for digit in loop_digits() {
        lines.push(t.double());
        match digit {
            1 => lines.push(t.add(q)),
            -1 => lines.push(t.add(q.neg())),
            _ => {}
        }
    }
    let first = psi(q);
    let second = psi(first);
    lines.push(t.add(first));
    lines.push(t.add(second.neg()));
    let end = psi(second).neg();
    let there = !t.z.is_zero() && t.x == end.x.mul(t.z) && t.y == end.y.mul(t.z);
    there.then_some(lines)
}

#[cfg(test)]
#[allow(unexpected_cfgs)] // in what the derivation of fields writes
mod tests {
    use ark_ec::CurveConfig;
    use ark_ff::{Field, Fp, MontBackend, MontConfig, PrimeField};
    use veilpass_protocol::field::Fr;

    #[derive(MontConfig)]
    #[modulus = "10069"]
    #[generator = "2"]
    struct Q1;
    #[derive(MontConfig)]
    #[modulus = "5864401"]
    #[generator = "2"]
    struct Q2;
    #[derive(MontConfig)]
    #[modulus = "1875725156269"]
    #[generator = "2"]
    struct Q3;
    #[derive(MontConfig)]
    #[modulus = "197620364512881247228717050342013327560683201906968909"]
    #[generator = "2"]
    struct Q4;

    /// `Res(a, X² − tX + p)` in a field, for both polynomials: with `a ≡ c₀ + c₁X` it is `c₀² + c₀c₁t + c₁²p`.
    fn resultants<F: Field>() -> [F; 2] {
        let x = F::from(4965661367192848881u64);
        let [one, two, six] = [1u64, 2, 6].map(F::from);
        let t = six * x * x + one;
        let p = F::from(36u64) * x * x * (x * x + x) + F::from(24u64) * x * x + six * x + one;
        let of = |a: [F; 4]| {
            let [a0, a1, a2, a3] = a;
            // X² = tX − p, X³ = (t² − p)X − tp.
            let c0 = a0 - a2 * p - a3 * t * p;
            let c1 = a1 + a2 * t + a3 * (t * t - p);
            c0 * c0 + c0 * c1 * t + c1 * c1 * p
        };
        [of([x + one, x, x, -two * x]), of([six * x + two, one, -one, one])]
    }

    /// r divides both resultants, and no prime of the cofactor divides either.
    #[test]
    fn greatest_common_divisors() {
        assert_eq!(resultants::<Fr>(), [Fr::from(0u64); 2]);
        assert!(resultants::<Fp<MontBackend<Q1, 1>, 1>>().iter().all(|x| x.inverse().is_some()));
        assert!(resultants::<Fp<MontBackend<Q2, 1>, 1>>().iter().all(|x| x.inverse().is_some()));
        assert!(resultants::<Fp<MontBackend<Q3, 1>, 1>>().iter().all(|x| x.inverse().is_some()));
        assert!(resultants::<Fp<MontBackend<Q4, 3>, 3>>().iter().all(|x| x.inverse().is_some()));
        // These are its primes (the largest passes Fermat's test).
        let two = Fp::<MontBackend<Q4, 3>, 3>::from(2u64);
        assert_eq!(two.pow(Fp::<MontBackend<Q4, 3>, 3>::MODULUS), two);
        let [a, b, c] = Fp::<MontBackend<Q4, 3>, 3>::MODULUS.0;
        let mut product = [a, b, c, 0];
        for factor in [10069, 5864401, 1875725156269u64] {
            let mut carry = 0;
            for limb in &mut product {
                let t = u128::from(*limb) * u128::from(factor) + carry;
                (*limb, carry) = (t as u64, t >> 64);
            }
            assert_eq!(carry, 0);
        }
        assert_eq!(product, Config2::COFACTOR);
    }

    use ark_bn254::g2::Config as Config2;
}
