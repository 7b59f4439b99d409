//! Sums of multiples against ark's, with every edge that the batched additions have.

use crate::{Comb, Combed, FixedBases, G1, G2, Group, Machine, Rooms, products};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, UniformRand, Zero};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::LazyLock;

/// One for both groups and all machines: what another sum left behind must not matter.
static ROOMS: LazyLock<Rooms> = LazyLock::new(Rooms::default);

fn plain<A: AffineRepr<ScalarField = Fr>>(points: &[A], scalars: &[Fr]) -> A::Group {
    points.iter().zip(scalars).map(|(p, s)| *p * s).sum()
}

fn hold<G: Group>(points: &[G::Affine], scalars: &[Fr], windows: &[usize], what: &str)
where
    G::Affine: AffineRepr<ScalarField = Fr>,
{
    let want = plain(points, scalars);
    for machine in Machine::all() {
        for window in windows {
            let table = FixedBases::<G>::new(machine, points, *window, &ROOMS);
            assert!(table.sum(scalars) == want, "{what}: {}, window {window}", machine.name());
        }
    }
}

fn edges<G: Group>(random: usize)
where
    G::Affine: AffineRepr<ScalarField = Fr>,
{
    let mut rng = StdRng::seed_from_u64(3);
    type P<G> = <<G as Group>::Affine as AffineRepr>::Group;
    let windows = [2, 3, 8, 13];
    let some: Vec<G::Affine> = (0..random).map(|_| P::<G>::rand(&mut rng).into_affine()).collect();
    let any: Vec<Fr> = (0..random).map(|_| Fr::rand(&mut rng)).collect();
    hold::<G>(&some, &any, &[2, 5, 11, 13, 15], "random");
    hold::<G>(&some, &any[..random / 2], &windows, "fewer scalars");
    hold::<G>(&[], &any, &windows, "no points");
    for scalar in [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(2u8), Fr::from(u64::MAX), Fr::from(2u8).pow([253])] {
        hold::<G>(&some, &vec![scalar; random], &windows, "equal scalars");
    }
    let one = some[0];
    let minus = (-one.into_group()).into_affine();
    hold::<G>(&vec![one; random], &any, &windows, "repeated bases");
    let ones = vec![Fr::ONE; random];
    hold::<G>(&vec![one; random], &ones, &windows, "repeated bases and equal scalars");
    let opposite: Vec<G::Affine> = (0..random).map(|i| if i % 2 == 0 { one } else { minus }).collect();
    hold::<G>(&opposite, &ones, &windows, "everything cancels");
    let three: Vec<G::Affine> = (0..random).map(|i| if i % 3 == 0 { one } else { minus }).collect();
    hold::<G>(&three, &ones, &windows, "much cancels");
    let mut holes = some.clone();
    holes.iter_mut().step_by(3).for_each(|p| *p = G::Affine::zero());
    hold::<G>(&holes, &any, &windows, "infinity among the bases");
    hold::<G>(&[G::Affine::zero(); 9], &any, &windows, "nothing but infinity");
    let mut mixed = some;
    let copied: Vec<G::Affine> = mixed.iter().take(random / 4).copied().collect();
    mixed.extend(copied.iter().map(|p| (-p.into_group()).into_affine()));
    mixed.extend(&copied);
    let few: Vec<Fr> = (0..mixed.len()).map(|i| Fr::from(i as u64 % 3)).collect();
    hold::<G>(&mixed, &few, &windows, "small scalars, equal and opposite points");
}

#[test]
fn sums_in_g1_equal_ark() {
    edges::<G1>(301);
}

#[test]
fn sums_in_g2_equal_ark() {
    edges::<G2>(61);
}

/// One and two products, with every scalar that has a digit or a sum of its own.
fn comb<G: Combed>() {
    let mut rng = StdRng::seed_from_u64(4);
    let [p, q] = [(); 2].map(|_| G::Projective::rand(&mut rng).into_affine());
    let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(127u8), Fr::from(128u8), Fr::from(129u8)];
    scalars.extend((0..254).map(|bit| Fr::from(2u8).pow([bit])));
    scalars.extend((0..254).map(|bit| Fr::from(2u8).pow([bit]) - Fr::ONE));
    scalars.extend((0..100).map(|_| Fr::rand(&mut rng)));
    let minus = (-p.into_group()).into_affine();
    let zero = G::Affine::zero();
    for machine in Machine::all() {
        let name = machine.name();
        let comb = |point| Comb::<G>::new(machine, point);
        let [once, other, opposite, nothing] = [p, q, minus, zero].map(comb);
        assert!(once.point() == p && nothing.point().is_zero());
        for scalar in &scalars {
            let want = p * scalar;
            assert!(once.mul(scalar) == want, "{name}: {scalar}");
            let mut sum = q.into_group();
            once.add_multiple(&mut sum, scalar);
            assert!(sum == want + q, "{name}: {scalar}");
            // Sums that cancel, that double, and that do neither.
            let rows: [&[_]; 2] = [&[(&once, scalar), (&opposite, scalar)], &[(&once, scalar); 3]];
            let [none, triple] = products(rows);
            assert!(none.is_zero() && triple == want + want + want, "{name}: {scalar}");
            let rows: [&[_]; 2] = [&[(&other, scalar), (&once, &-*scalar)], &[(&other, &Fr::ONE)]];
            assert!(products(rows) == [q * scalar - want, q.into_group()], "{name}: {scalar}");
            assert!(nothing.mul(scalar).is_zero());
            let rows: [&[_]; 3] = [&[(&once, scalar)], &[(&nothing, scalar)], &[(&other, scalar)]];
            assert!(products(rows) == [want, G::Projective::zero(), q * scalar], "{name}: {scalar}");
            let rows: [&[_]; 2] = [&[(&nothing, scalar), (&once, scalar)], &[]];
            assert!(products(rows) == [want, G::Projective::zero()], "{name}: {scalar}");
        }
    }
}

#[test]
fn combs_equal_ark() {
    comb::<G1>();
    comb::<G2>();
}
