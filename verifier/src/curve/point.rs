//! Points of BN254's two curves `y² = x³ + b`, one at a time and many at once.

use super::fe::Fe;
use super::fe2::Fe2;
use ark_bn254::{G1Affine, G2Affine};

/// What the group law needs of a coordinate.
pub(crate) trait Coordinate: Copy + PartialEq {
    const ZERO: Self;
    const ONE: Self;
    fn is_zero(self) -> bool;
    fn add(self, o: Self) -> Self;
    fn sub(self, o: Self) -> Self;
    fn mul(self, o: Self) -> Self;
    fn square(self) -> Self;
    fn neg(self) -> Self;
    fn inverse_or_zero(self) -> Self;
    /// The inverse of each value with one true inversion; 0 stays 0.
    fn invert_all(values: &mut [Self]);

    fn double(self) -> Self {
        self.add(self)
    }

    fn triple(self) -> Self {
        self.add(self).add(self)
    }
}

/// Montgomery's trick: three products for each value.
fn invert_by_products<F: Coordinate>(values: &mut [F]) {
    let mut product = F::ONE;
    let mut before = Vec::with_capacity(values.len());
    for value in &*values {
        before.push(product);
        if !value.is_zero() {
            product = product.mul(*value);
        }
    }
    let mut inverse = product.inverse_or_zero();
    for (value, before) in values.iter_mut().zip(before).rev() {
        if !value.is_zero() {
            let of_value = inverse.mul(before);
            inverse = inverse.mul(*value);
            *value = of_value;
        }
    }
}

macro_rules! coordinate {
    ($field:ty, $invert_all:expr) => {
        impl Coordinate for $field {
            const ZERO: Self = <$field>::ZERO;
            const ONE: Self = <$field>::ONE;
            #[inline(always)]
            fn is_zero(self) -> bool {
                <$field>::is_zero(self)
            }
            #[inline(always)]
            fn add(self, o: Self) -> Self {
                <$field>::add(self, o)
            }
            #[inline(always)]
            fn sub(self, o: Self) -> Self {
                <$field>::sub(self, o)
            }
            #[inline(always)]
            fn mul(self, o: Self) -> Self {
                <$field>::mul(self, o)
            }
            #[inline(always)]
            fn square(self) -> Self {
                <$field>::square(self)
            }
            #[inline(always)]
            fn neg(self) -> Self {
                <$field>::neg(self)
            }
            fn inverse_or_zero(self) -> Self {
                <$field>::inverse_or_zero(self)
            }
            fn invert_all(values: &mut [Self]) {
                $invert_all(values)
            }
        }
    };
}
coordinate!(Fe, invert_by_products::<Fe>);
coordinate!(Fe2, |values: &mut [Fe2]| {
    // Through the norm: seven products in F_p each, against nine in F_p².
    let mut norms: Vec<Fe> = values.iter().map(|v| v.c0.square().add(v.c1.square())).collect();
    invert_by_products(&mut norms);
    for (value, norm) in values.iter_mut().zip(norms) {
        *value = value.conjugate().scale(norm);
    }
});

/// A point that is not infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Affine<F> {
    pub(crate) x: F,
    pub(crate) y: F,
}

/// A point in Jacobian coordinates `(X/Z², Y/Z³)`; infinity has `Z = 0`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jacobian<F> {
    pub(crate) x: F,
    pub(crate) y: F,
    pub(crate) z: F,
}

pub(crate) type G1 = Affine<Fe>;
pub(crate) type G2 = Affine<Fe2>;

impl G1 {
    /// `None` for infinity.
    pub(crate) fn of(p: &G1Affine) -> Option<G1> {
        (!p.infinity_()).then(|| Affine { x: Fe::of(p.x), y: Fe::of(p.y) })
    }

    pub(crate) fn to_ark(self) -> G1Affine {
        G1Affine::new_unchecked(self.x.to_ark(), self.y.to_ark())
    }
}

impl G2 {
    /// `None` for infinity.
    pub(crate) fn of(p: &G2Affine) -> Option<G2> {
        (!p.infinity_()).then(|| Affine { x: Fe2::of(p.x), y: Fe2::of(p.y) })
    }

    pub(crate) fn to_ark(self) -> G2Affine {
        G2Affine::new_unchecked(self.x.to_ark(), self.y.to_ark())
    }
}

/// arkworks has the test for infinity behind a generic trait.
trait Infinity {
    fn infinity_(&self) -> bool;
}

impl<P: ark_ec::AffineRepr> Infinity for P {
    fn infinity_(&self) -> bool {
        self.is_zero()
    }
}

impl<F: Coordinate> Affine<F> {
    pub(crate) fn neg(self) -> Affine<F> {
        Affine { x: self.x, y: self.y.neg() }
    }
}

impl<F: Coordinate> Jacobian<F> {
    pub(crate) const INFINITY: Jacobian<F> = Jacobian { x: F::ONE, y: F::ONE, z: F::ZERO };

    pub(crate) fn of(p: Affine<F>) -> Jacobian<F> {
        Jacobian { x: p.x, y: p.y, z: F::ONE }
    }

    pub(crate) fn neg(self) -> Jacobian<F> {
        Jacobian { y: self.y.neg(), ..self }
    }

    /// `dbl-2009-l` of the Explicit-Formulas Database. Infinity stays infinity.
    pub(crate) fn double(self) -> Jacobian<F> {
        let a = self.x.square();
        let b = self.y.square();
        let c = b.square();
        let d = self.x.add(b).square().sub(a).sub(c).double();
        let e = a.triple();
        let x = e.square().sub(d.double());
        let y = e.mul(d.sub(x)).sub(c.double().double().double());
        Jacobian { x, y, z: self.y.mul(self.z).double() }
    }

    /// `madd-2007-bl`, with infinity, equal and opposite points.
    pub(crate) fn add_affine(self, p: Affine<F>) -> Jacobian<F> {
        if self.z.is_zero() {
            return Jacobian::of(p);
        }
        let zz = self.z.square();
        let h = p.x.mul(zz).sub(self.x);
        let r = p.y.mul(self.z).mul(zz).sub(self.y);
        if h.is_zero() {
            return if r.is_zero() { self.double() } else { Jacobian::INFINITY };
        }
        let r = r.double();
        let hh = h.square();
        let i = hh.double().double();
        let j = h.mul(i);
        let v = self.x.mul(i);
        let x = r.square().sub(j).sub(v.double());
        let y = r.mul(v.sub(x)).sub(self.y.mul(j).double());
        Jacobian { x, y, z: self.z.add(h).square().sub(zz).sub(hh) }
    }

    /// `add-2007-bl`, likewise.
    pub(crate) fn add(self, o: Jacobian<F>) -> Jacobian<F> {
        if self.z.is_zero() {
            return o;
        }
        if o.z.is_zero() {
            return self;
        }
        let (z1, z2) = (self.z.square(), o.z.square());
        let (u1, u2) = (self.x.mul(z2), o.x.mul(z1));
        let (s1, s2) = (self.y.mul(o.z).mul(z2), o.y.mul(self.z).mul(z1));
        let h = u2.sub(u1);
        let r = s2.sub(s1).double();
        if h.is_zero() {
            return if r.is_zero() { self.double() } else { Jacobian::INFINITY };
        }
        let i = h.double().square();
        let j = h.mul(i);
        let v = u1.mul(i);
        let x = r.square().sub(j).sub(v.double());
        let y = r.mul(v.sub(x)).sub(s1.mul(j).double());
        Jacobian { x, y, z: self.z.add(o.z).square().sub(z1).sub(z2).mul(h) }
    }

    /// The same point?
    pub(crate) fn is_same(self, o: Jacobian<F>) -> bool {
        if self.z.is_zero() || o.z.is_zero() {
            return self.z.is_zero() && o.z.is_zero();
        }
        let (z1, z2) = (self.z.square(), o.z.square());
        self.x.mul(z2) == o.x.mul(z1) && self.y.mul(z2).mul(o.z) == o.y.mul(z1).mul(self.z)
    }

    /// `None` for infinity.
    pub(crate) fn to_affine(self) -> Option<Affine<F>> {
        if self.z.is_zero() {
            return None;
        }
        let inverse = self.z.inverse_or_zero();
        let square = inverse.square();
        Some(Affine { x: self.x.mul(square), y: self.y.mul(square).mul(inverse) })
    }
}

/// Affine sums and doublings of many points in step, with one inversion for all of them (five products
/// each, and a shared inversion). Where the plain formula does not hold, `plain` becomes false and the point is
/// worthless from then on.
pub(crate) struct Many<F> {
    pub(crate) points: Vec<Affine<F>>,
    pub(crate) plain: Vec<bool>,
    inverses: Vec<F>,
}

impl<F: Coordinate> Many<F> {
    pub(crate) fn new(points: Vec<Affine<F>>) -> Many<F> {
        let plain = vec![true; points.len()];
        Many { inverses: Vec::with_capacity(points.len()), points, plain }
    }

    fn invert(&mut self) {
        for (inverse, plain) in self.inverses.iter().zip(&mut self.plain) {
            *plain &= !inverse.is_zero();
        }
        F::invert_all(&mut self.inverses);
    }

    /// Doubles each point, and calls `line(slope, point before)` for each.
    pub(crate) fn double(&mut self, mut line: impl FnMut(F, Affine<F>)) {
        self.inverses.clear();
        self.inverses.extend(self.points.iter().map(|p| p.y.double()));
        self.invert();
        for (p, inverse) in self.points.iter_mut().zip(&self.inverses) {
            let slope = p.x.square().triple().mul(*inverse);
            line(slope, *p);
            let x = slope.square().sub(p.x.double());
            *p = Affine { x, y: slope.mul(p.x.sub(x)).sub(p.y) };
        }
    }

    /// Adds a point to each; `line(slope, point added)`.
    pub(crate) fn add(
        &mut self,
        others: impl Iterator<Item = Affine<F>> + Clone,
        mut line: impl FnMut(F, Affine<F>),
    ) {
        self.inverses.clear();
        self.inverses.extend(self.points.iter().zip(others.clone()).map(|(p, q)| q.x.sub(p.x)));
        self.invert();
        for ((p, q), inverse) in self.points.iter_mut().zip(others).zip(&self.inverses) {
            let slope = q.y.sub(p.y).mul(*inverse);
            line(slope, q);
            let x = slope.square().sub(p.x).sub(q.x);
            *p = Affine { x, y: slope.mul(p.x.sub(x)).sub(p.y) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Projective, G2Projective};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{AdditiveGroup, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn ark(p: Jacobian<Fe>) -> G1Projective {
        p.to_affine().map_or(G1Projective::ZERO, |p| p.to_ark().into())
    }

    fn ark2(p: Jacobian<Fe2>) -> G2Projective {
        p.to_affine().map_or(G2Projective::ZERO, |p| p.to_ark().into())
    }

    /// Random, equal, opposite points and infinity.
    #[test]
    fn the_group_law_is_that_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(1);
        let (p, q) = (G1Affine::rand(&mut rng), G1Affine::rand(&mut rng));
        let mut all: Vec<Jacobian<Fe>> = vec![Jacobian::INFINITY];
        for p in [p, q, -p, (p + p).into_affine(), G1Affine::generator()] {
            let start = Jacobian::of(G1::of(&p).unwrap());
            all.extend([
                start,
                start.double(),
                start.double().neg(),
                start.double().add_affine(G1::of(&q).unwrap()),
            ]);
        }
        for &a in &all {
            assert_eq!(ark(a.double()), ark(a).double());
            assert_eq!(ark(a.neg()), -ark(a));
            for &b in &all {
                assert_eq!(ark(a.add(b)), ark(a) + ark(b));
                assert_eq!(a.is_same(b), ark(a) == ark(b));
                if let Some(b) = b.to_affine() {
                    assert_eq!(ark(a.add_affine(b)), ark(a) + b.to_ark());
                }
            }
        }
        assert_eq!(G1::of(&G1Affine::zero()), None);
        let (p, q) = (G2Affine::rand(&mut rng), G2Affine::rand(&mut rng));
        let (a, b) = (Jacobian::of(G2::of(&p).unwrap()).double(), G2::of(&q).unwrap());
        assert_eq!(ark2(a), p + p);
        assert_eq!(ark2(a.add_affine(b)), p + p + q);
        assert_eq!(ark2(a.add(Jacobian::of(b))), p + p + q);
    }

    #[test]
    fn many_at_once_are_each_by_itself() {
        let mut rng = StdRng::seed_from_u64(2);
        let points: Vec<G1Affine> = (0..9).map(|_| G1Affine::rand(&mut rng)).collect();
        let ours: Vec<G1> = points.iter().filter_map(G1::of).collect();
        let mut many = Many::new(ours.clone());
        many.double(|_, _| ());
        many.add(ours.iter().copied(), |_, _| ());
        for (sum, p) in many.points.iter().zip(&points) {
            assert_eq!(sum.to_ark(), (*p + *p + *p).into_affine());
        }
        assert_eq!(many.plain, [true; 9]);
        // Equal and opposite points are noticed, and disturb no other one.
        let mut others = ours.clone();
        others[1] = many.points[1];
        others[2] = many.points[2].neg();
        many.add(others.iter().copied(), |_, _| ());
        for (n, (sum, p)) in many.points.iter().zip(&points).enumerate() {
            assert_eq!(many.plain[n], n != 1 && n != 2);
            if many.plain[n] {
                assert_eq!(sum.to_ark(), (*p + *p + *p + *p).into_affine());
            }
        }
        let mut none: Many<Fe2> = Many::new(vec![]);
        none.double(|_, _| ());
    }

    #[test]
    fn inverses_of_many() {
        let mut values =
            [Fe2::ZERO, Fe2::ONE, Fe2 { c0: Fe::ZERO, c1: Fe::ONE.double() }, Fe2::ONE.neg(), Fe2::ZERO];
        let each = values.map(Fe2::inverse_or_zero);
        Fe2::invert_all(&mut values);
        assert_eq!(values, each);
    }
}
