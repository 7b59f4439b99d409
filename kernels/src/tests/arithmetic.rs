//! Every backend against ark, on edge and random values.

use crate::{Backend, Field, LANES, Lanes, Line, Machine, Slack, Task};
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
    // In wide lanes `2p − x`, where one of the edges is x = 1: as much as a value may be.
    let [top, other] = [same.sub(a.reduced()), same.sub(b.reduced())];
    let dot = L::dot(
        &[
            deep, sum, difference, deep, doubled, a, b, sum, deep, opposite, top, other, opposite, deep, top,
            top,
        ],
        &[deep, deep, a, b, a, b, deep, doubled, doubled, opposite, deep, top, b, opposite, other, top]
            .map(L::to_block),
    );
    // As many terms as may be, and a difference that is wrong if their sum comes out above 2p.
    let most = L::dot(&[top; 16], &[other.to_block(); 16]);
    let below = same.sub(most);
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
        most,
        below,
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
fn expected<F: Field>(a: F, b: F, negate: bool, fourth: F) -> [F; 16] {
    let (sum, difference) = (a + b, a - b);
    let doubled = sum + sum + sum + sum;
    let deep = doubled - difference - doubled - doubled;
    let opposite = -(difference + difference);
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
        (opposite, opposite),
        (-a, deep),
        (-b, -a),
        (opposite, b),
        (deep, opposite),
        (-a, -b),
        (-a, -a),
    ];
    let dot = dot.into_iter().map(|(x, y)| x * y).sum::<F>() + deep * opposite + a * doubled;
    let most = F::from(16u8) * a * b;
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
        opposite,
        dot,
        most,
        -most,
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

/// What [`Slack`] computes from two vectors, at the ends of its ranges.
struct Loosely {
    a: [Fq; LANES],
    b: [Fq; LANES],
    /// Whether to begin with `2p − a` and `2p − b`, which reach the ends, in the place of a and b.
    high: bool,
}

impl Task for Loosely {
    type Out = Vec<[Fq; LANES]>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Out {
        let (mut a, mut b) = (B::Fq::from_field(self.a), B::Fq::from_field(self.b));
        if self.high {
            let same = a.sub(a);
            (a, b) = (same.sub(a.reduced()), same.sub(b.reduced()));
        }
        let nothing = a.minus(a);
        let (mut forty, mut minus, mut zero) = (a, nothing, nothing);
        for _ in 0..19 {
            forty = forty.plus(a);
            minus = minus.minus(b);
            zero = zero.plus(a).minus(b);
        }
        // −38p to 40p; and from there up to 80p.
        let wide = [forty, minus, zero, forty.plus(minus), minus.minus(a)];
        let mut out = Vec::new();
        for x in wide {
            let (trimmed, settled) = (x.trimmed::<40>(), x.settled::<40>());
            out.extend([
                trimmed,
                settled,
                settled.trimmed::<0>(),
                trimmed.mul(b),
                trimmed.add(b),
                trimmed.sub(b),
                // Wrong if what was trimmed or reduced is above 2p.
                nothing.minus(trimmed).settled::<2>(),
                nothing.minus(trimmed.mul(b)).settled::<2>(),
            ]);
            out.push(x.arrange(minus, &[7, 8, 6, 1, 15, 14, 0, 9]).trimmed::<40>());
            out.push(x.arrange(x, &[3; LANES]).settled::<40>());
        }
        // 24 products of 40p · 2p, and one of 83p · 83p.
        let settled = forty.settled::<0>();
        let mut sum = B::Fq::nothing();
        out.push(B::Fq::finish(sum));
        for _ in 0..24 {
            B::Fq::accumulate(&mut sum, settled, b);
        }
        out.push(B::Fq::finish(sum).trimmed::<0>());
        let mut sum = B::Fq::nothing();
        B::Fq::accumulate(&mut sum, forty.settled::<43>(), forty.settled::<43>());
        out.push(B::Fq::finish(sum).trimmed::<0>());
        out.iter().map(|x| x.to_field()).collect()
    }
}

#[test]
fn loose_sums_equal_ark() {
    let mut rng = StdRng::seed_from_u64(4);
    let edges = edges::<Fq>();
    for round in 0..400 {
        let mut pick =
            || if rng.gen_bool(0.5) { edges[rng.gen_range(0..edges.len())] } else { Fq::rand(&mut rng) };
        let (a, mut b): ([Fq; LANES], [Fq; LANES]) =
            (std::array::from_fn(|_| pick()), std::array::from_fn(|_| pick()));
        if round % 4 == 0 {
            b = a;
        }
        for high in [false, true] {
            let ark = Machine::portable().run(Loosely { a, b, high });
            // The portable one is plain enough to be looked through: the first value is 20a.
            assert_eq!(ark[0], a.map(|a| if high { -a } else { a } * Fq::from(20u8)));
            for machine in Machine::all() {
                assert_eq!(machine.run(Loosely { a, b, high }), ark, "{} {high}", machine.name());
            }
        }
    }
}
