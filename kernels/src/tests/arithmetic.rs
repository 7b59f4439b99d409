//! Every backend against ark, on edge and random values.

use crate::{Backend, Field, LANES, Lanes, Line, Machine, Task};
use ark_bn254::{Fq, Fr};
use ark_ff::UniformRand;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// 0, 1, p − 1 and their neighbours, powers of two around the limbs.
fn edges<F: Field>() -> Vec<F> {
    let mut edges = vec![F::ZERO, F::ONE, -F::ONE, F::from(2u8), -F::from(2u8)];
    for bit in [51, 52, 53, 63, 64, 103, 104, 127, 128, 155, 156, 207, 208, 209, 252, 253] {
        let power = F::from(2u8).pow([bit]);
        edges.extend([power, -power, power - F::ONE]);
    }
    // The same numbers as limbs of the Montgomery form.
    let raw = |limbs| F::from_limbs(limbs);
    let p = F::P;
    edges.extend([raw([1, 0, 0, 0]), raw([p[0] - 1, p[1], p[2], p[3]]), raw([u64::MAX, u64::MAX, 0, 0])]);
    edges.extend([raw([0, 0, 0, p[3]]), raw([u64::MAX, u64::MAX, u64::MAX, p[3] - 1])]);
    // Numbers that are small in the form with R = 2^260, so that differences come out near 0 and 2p there.
    let one = raw([1, 0, 0, 0]) / F::from(16u8);
    edges.extend([0, 1, 60, 199, 207, 208, 209, 253].map(|bit| one * F::from(2u8).pow([bit])));
    edges
}

struct Everything<F> {
    a: [F; LANES],
    b: [F; LANES],
    mask: u8,
}

/// A chain of all operations, so that redundant results are inputs of the next.
fn chain<F: Field, L: Lanes<F>>(t: Everything<F>) -> Vec<[F; LANES]> {
    let (a, b) = (L::from_field(t.a), L::from_field(t.b));
    let sum = a.add(b);
    let difference = a.sub(b);
    let same = a.sub(a);
    let product = a.mul(b);
    let doubled = sum.add(sum).add(sum.add(sum));
    let deep = doubled.sub(difference).sub(doubled).sub(doubled);
    let opposite = same.sub(difference).sub(difference);
    let squares = deep.mul(deep).add(difference.mul(sum));
    let dot = L::dot(
        &[deep, sum, difference, deep, doubled, a, b, sum, deep],
        &[deep, deep, a, b, a, b, deep, doubled, doubled].map(L::to_block),
    );
    let dot = dot.add(L::two_products(deep, opposite, a, doubled));
    let signs = a.negate_where(t.mask);
    let (x, y) = (deep, squares.reduced());
    let lines: [Line; LANES] = L::write(x, y);
    let (x2, y2) = L::read(lines.each_ref());
    [
        a,
        sum,
        difference,
        same,
        product,
        doubled,
        deep,
        squares,
        signs,
        opposite,
        dot,
        x2,
        y2,
        L::splat(t.a[3]),
    ]
    .map(L::to_field)
    .into()
}

impl Task for Everything<Fq> {
    type Out = Vec<[Fq; LANES]>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Out {
        chain::<Fq, B::Fq>(self)
    }
}

impl Task for Everything<Fr> {
    type Out = Vec<[Fr; LANES]>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Out {
        chain::<Fr, B::Fr>(self)
    }
}

/// What ark says.
fn expected<F: Field>(a: F, b: F, negate: bool, fourth: F) -> [F; 14] {
    let (sum, difference) = (a + b, a - b);
    let doubled = sum + sum + sum + sum;
    let deep = doubled - difference - doubled - doubled;
    let squares = deep * deep + difference * sum;
    let dot = [
        (deep, deep),
        (sum, deep),
        (difference, a),
        (deep, b),
        (doubled, a),
        (a, b),
        (b, deep),
        (sum, doubled),
        (deep, doubled),
    ];
    let dot = dot.into_iter().map(|(x, y)| x * y).sum::<F>() - deep * (difference + difference) + a * doubled;
    let signs = if negate { -a } else { a };
    [
        a,
        sum,
        difference,
        F::ZERO,
        a * b,
        doubled,
        deep,
        squares,
        signs,
        -(difference + difference),
        dot,
        deep,
        squares,
        fourth,
    ]
}

/// All pairs of edge values, and `rounds` times eight random pairs.
fn hold<F: Field + UniformRand>(rounds: usize)
where
    Everything<F>: Task<Out = Vec<[F; LANES]>>,
{
    let mut rng = StdRng::seed_from_u64(7);
    let edges = edges::<F>();
    let mut pairs: Vec<(F, F)> = edges.iter().flat_map(|a| edges.iter().map(|b| (*a, *b))).collect();
    pairs.extend((0..rounds * LANES).map(|_| (F::rand(&mut rng), F::rand(&mut rng))));
    for machine in Machine::all() {
        for chunk in pairs.chunks(LANES) {
            let mut eight = [(F::ZERO, F::ONE); LANES];
            eight[..chunk.len()].copy_from_slice(chunk);
            let mask: u8 = rng.r#gen();
            let [a, b] = [eight.map(|p| p.0), eight.map(|p| p.1)];
            let out = machine.run(Everything { a, b, mask });
            for lane in 0..LANES {
                let want = expected(a[lane], b[lane], mask >> lane & 1 == 1, a[3]);
                let have: Vec<F> = out.iter().map(|v| v[lane]).collect();
                assert_eq!(have, want, "{} {:?}", machine.name(), eight[lane]);
            }
        }
    }
}

#[test]
fn lanes_equal_ark_in_the_base_field() {
    hold::<Fq>(130_000);
}

#[test]
fn lanes_equal_ark_in_the_scalar_field() {
    hold::<Fr>(130_000);
}
