//! Sums of multiples against ark's, with every edge that the batched additions have.

use crate::comb::in_lanes;
use crate::{Comb, Combed, FixedBases, G1, G2, Group, Machine, Rooms, products};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField, UniformRand, Zero};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::array::from_fn;
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

/// Each row in lanes, also where the machine has a better plan; `None` where an exception occurs, or the row is empty or
/// has a point at infinity, or the row beside it.
fn lanes<G: Combed, const N: usize>(rows: [&[(&Comb<G>, &Fr)]; N]) -> [Option<G::Projective>; N] {
    let mut sums = [None; N];
    let fits =
        |row: &&[(&Comb<G>, &Fr)]| !row.is_empty() && row.iter().all(|(comb, _)| !comb.point().is_zero());
    for (rows, sums) in rows.chunks(G::ROWS).zip(sums.chunks_mut(G::ROWS)) {
        if rows.iter().all(fits) {
            sums.copy_from_slice(&in_lanes(rows)[..rows.len()]);
        }
    }
    sums
}

/// Whether the rows' sums are these, whatever computes them.
fn agree<G: Combed, const N: usize>(rows: [&[(&Comb<G>, &Fr)]; N], want: [G::Projective; N]) -> bool {
    products(rows) == want
        && lanes(rows).into_iter().zip(want).all(|(sum, want)| sum.is_none_or(|sum| sum == want))
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
            assert!(agree(rows, [G::Projective::zero(), want + want + want]), "{name}: {scalar}");
            let rows: [&[_]; 2] = [&[(&other, scalar), (&once, &-*scalar)], &[(&other, &Fr::ONE)]];
            assert!(agree(rows, [q * scalar - want, q.into_group()]), "{name}: {scalar}");
            assert!(nothing.mul(scalar).is_zero());
            let rows: [&[_]; 3] = [&[(&once, scalar)], &[(&nothing, scalar)], &[(&other, scalar)]];
            assert!(agree(rows, [want, G::Projective::zero(), q * scalar]), "{name}: {scalar}");
            let rows: [&[_]; 2] = [&[(&nothing, scalar), (&once, scalar)], &[]];
            assert!(agree(rows, [want, G::Projective::zero()]), "{name}: {scalar}");
        }
    }
}

#[test]
fn combs_equal_ark() {
    comb::<G1>();
    comb::<G2>();
}

/// What the windows of `scalar · P` add, in multiples of P.
fn digits(scalar: Fr) -> [Fr; 32] {
    let two = Fr::from(2u8);
    let signs = ((scalar + two.pow([256]) - Fr::ONE) / two).into_bigint().to_bytes_le();
    let digits = from_fn(|w| (two * Fr::from(signs[w]) - Fr::from(255u8)) * two.pow([8 * w as u64]));
    assert_eq!(digits.iter().sum::<Fr>(), scalar);
    digits
}

/// Of the digits those that come together in lane `at` while there are `of` lanes.
fn part(digits: &[Fr; 32], at: usize, of: usize) -> Fr {
    digits.iter().skip(at).step_by(of).sum()
}

/// Where equal points meet (`true`) or opposite ones (`false`) in `Σ kᵢ·cᵢ·P`, pairs `(cᵢ, kᵢ)` given: 8 for the
/// summands of a lane; 4, 2 and 1 for the lanes that become so many.
fn exceptions(row: &[(Fr, Fr)]) -> Vec<(usize, bool)> {
    let mut met = Vec::new();
    let mut add = |at, a: Fr, b: Fr| {
        if a == b || a == -b {
            met.push((at, a == b));
        }
        a + b
    };
    let digits: Vec<Fr> = row.iter().flat_map(|(c, k)| digits(*k).map(|digit| digit * c)).collect();
    let mut lanes = [Fr::ZERO; 8];
    for (lane, sum) in lanes.iter_mut().enumerate() {
        *sum = digits.iter().copied().skip(lane).step_by(8).reduce(|a, b| add(8, a, b)).unwrap();
    }
    for width in [4, 2, 1] {
        for lane in 0..width {
            lanes[lane] = add(width, lanes[lane], lanes[lane + width]);
        }
    }
    met
}

/// `k·P + l·Q` with every Q for which one exception occurs and no other: equal points and opposite ones, where Q's first
/// summand in a lane meets what is there, and where two lanes become one.
fn exceptional<G: Combed>() {
    let mut rng = StdRng::seed_from_u64(5);
    let p = G::Projective::rand(&mut rng).into_affine();
    let [k, l] = [(); 2].map(|_| Fr::rand(&mut rng));
    let (first, second) = (digits(k), digits(l));
    let mut cases = Vec::new();
    for equal in [true, false] {
        let signed = |x: Fr| if equal { x } else { -x };
        for (lane, summand) in second.iter().enumerate().take(8) {
            cases.push(((8, equal), signed(part(&first, lane, 8)) / summand));
        }
        for width in [4, 2, 1] {
            for lane in 0..width {
                let difference = |of| part(of, lane, 2 * width) - signed(part(of, lane + width, 2 * width));
                cases.push(((width, equal), -difference(&first) / difference(&second)));
            }
        }
    }
    assert!(exceptions(&[(Fr::ONE, l)]).is_empty());
    for machine in Machine::all() {
        let once = Comb::<G>::new(machine, p);
        for (exception, c) in &cases {
            assert_eq!(exceptions(&[(Fr::ONE, k), (*c, l)]), [*exception]);
            let what = format!("{}: {exception:?}", machine.name());
            let other = Comb::<G>::new(machine, (p * c).into_affine());
            let (met, none) = ([(&once, &k), (&other, &l)], [(&once, &l)]);
            let (sum, product) = (p * (k + *c * l), p * l);
            assert!(agree([&met, &none], [sum, product]) && agree([&none, &met], [product, sum]), "{what}");
            // The lanes see it, and beside it only it.
            assert!(lanes([&met[..], &none]).map(|sum| sum.is_some()) == [false, true], "{what}");
            assert!(lanes([&none[..], &met]).map(|sum| sum.is_some()) == [true, false], "{what}");
        }
    }
}

#[test]
fn exceptions_of_combs_are_seen() {
    exceptional::<G1>();
    exceptional::<G2>();
}
