//! Fourier transforms over the scalar field: between values on the roots of unity, values on the odd coset and
//! coefficients.
//!
//! One core: decimation in frequency (Gentleman, Sande 1966), natural order in, bit-reversed order out, which
//! is undone as the results are written. Element `8v + lane` lies in lane `lane` of vector v, so that all
//! stages but three combine whole vectors; for these three, blocks of 64 elements are transposed.

use crate::lanes::{Backend, Block, LANES, Lanes, Machine, Task};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field};
use zeroize::Zeroize;

/// The n-th roots of unity `ω^i`, n a power of two from 64 to 2^27, and their odd coset `g·ω^i` with
/// `g² = ω`, on which `X^n − 1` is −2. The same ω as in `ark_poly::Radix2EvaluationDomain`.
pub struct Domain {
    machine: Machine,
    log: u32,
    root: Fr,
    g: Fr,
    forward: Twiddles,
    backward: Twiddles,
    /// `g^i`, natural order.
    odd: Vec<Block>,
    /// `1/n`.
    even_scale: [Block; 1],
    /// `g^(−k)/n` at the places where coefficients come out.
    odd_scale: Vec<Block>,
}

/// Powers of a root, for each stage from the widest down to distance 8, then for distances 4 and 2.
struct Twiddles {
    wide: Vec<Block>,
    four: [Fr; 4],
    two: [Fr; 2],
}

impl Domain {
    /// The domain of size `n`; `None` if it is not a power of two from 64 to 2^27.
    pub fn new(machine: Machine, n: usize) -> Option<Domain> {
        if !n.is_power_of_two() || !(64..=1 << 27).contains(&n) {
            return None;
        }
        let root = Fr::get_root_of_unity(n as u64)?;
        let g = Fr::get_root_of_unity(2 * n as u64)?;
        let (root_inverse, g_inverse) = (root.inverse()?, g.inverse()?);
        let n_inverse = Fr::from(n as u64).inverse()?;
        let log = n.trailing_zeros();
        let scaled = |base: Fr| -> Vec<Fr> {
            let powers: Vec<Fr> = powers(base, n).collect();
            (0..n).map(|place| powers[source(place, log)] * n_inverse).collect()
        };
        let blocks = |values: &[Fr]| machine.run(ToBlocks(values));
        Some(Domain {
            machine,
            log,
            root,
            g,
            forward: Twiddles::new(machine, root, n),
            backward: Twiddles::new(machine, root_inverse, n),
            odd: blocks(&powers(g, n).collect::<Vec<_>>()),
            even_scale: [machine.run(ToBlocks(&[n_inverse; LANES]))[0]],
            odd_scale: blocks(&scaled(g_inverse)),
        })
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        1 << self.log
    }

    /// ω.
    pub fn root(&self) -> Fr {
        self.root
    }

    /// `g·ω^i`.
    pub fn odd_points(&self) -> impl Iterator<Item = Fr> {
        let root = self.root;
        std::iter::successors(Some(self.g), move |x| Some(*x * root)).take(self.size())
    }

    /// From values on `ω^i` to coefficients; missing values are zero.
    pub fn coefficients(&self, values: &[Fr]) -> Vec<Fr> {
        self.transform(values, &self.backward, None, Some(&self.even_scale))
    }

    /// From coefficients to values on `g·ω^i`.
    pub fn odd_values(&self, coefficients: &[Fr]) -> Vec<Fr> {
        self.transform(coefficients, &self.forward, Some(&self.odd), None)
    }

    /// From values on `g·ω^i` to coefficients.
    pub fn odd_coefficients(&self, values: &[Fr]) -> Vec<Fr> {
        self.transform(values, &self.backward, None, Some(&self.odd_scale))
    }

    fn transform(
        &self,
        input: &[Fr],
        twiddles: &Twiddles,
        before: Option<&[Block]>,
        after: Option<&[Block]>,
    ) -> Vec<Fr> {
        self.machine.run(Transform { log: self.log, input, twiddles, before, after })
    }
}

fn powers(base: Fr, n: usize) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(Fr::ONE), move |x| Some(*x * base)).take(n)
}

impl Twiddles {
    fn new(machine: Machine, root: Fr, n: usize) -> Twiddles {
        let mut wide = Vec::with_capacity(n);
        let (mut distance, mut w) = (n / 2, root);
        while distance >= LANES {
            wide.extend(powers(w, distance));
            (distance, w) = (distance / 2, w.square());
        }
        let four = [Fr::ONE, w, w.square(), w.square() * w];
        Twiddles { wide: machine.run(ToBlocks(&wide)), four, two: [Fr::ONE, w.square()] }
    }
}

/// Which natural index the element at `place` has, `place` counting as the blocks lie after the transposition:
/// vector `8m + r`, lane c hold position `64m + 8c + r`, whose index is its bits reversed.
fn source(place: usize, log: u32) -> usize {
    let (m, r, c) = (place / 64, place / 8 % 8, place % 8);
    (64 * m + 8 * c + r).reverse_bits() >> (usize::BITS - log)
}

/// Eight together, the last filled up with zeros.
pub(crate) struct ToBlocks<'a>(pub &'a [Fr]);

impl Task for ToBlocks<'_> {
    type Out = Vec<Block>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<Block> {
        let mut out = Vec::with_capacity(self.0.len() / LANES);
        for eight in self.0.chunks(LANES) {
            out.push(load::<B>(eight).to_block());
        }
        out
    }
}

#[inline(always)]
fn load<B: Backend>(eight: &[Fr]) -> B::Fr {
    let mut x = [Fr::ZERO; LANES];
    x[..eight.len()].copy_from_slice(eight);
    B::Fr::from_field(x)
}

struct Transform<'a> {
    log: u32,
    input: &'a [Fr],
    twiddles: &'a Twiddles,
    before: Option<&'a [Block]>,
    /// A factor for each vector, or one for all.
    after: Option<&'a [Block]>,
}

impl Task for Transform<'_> {
    type Out = Vec<Fr>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<Fr> {
        let n = 1usize << self.log;
        let vectors = n / LANES;
        let mut data = vec![Block::default(); vectors];
        for (v, eight) in self.input[..self.input.len().min(n)].chunks(LANES).enumerate() {
            let mut x = load::<B>(eight);
            if let Some(before) = self.before {
                x = x.mul(B::Fr::from_block(&before[v]));
            }
            data[v] = x.to_block();
        }
        if self.input.len() < n {
            let zero = B::Fr::splat(Fr::ZERO).to_block();
            data[self.input.len().div_ceil(LANES)..].fill(zero);
        }

        let mut twiddles = &self.twiddles.wide[..];
        let mut distance = vectors / 2;
        while distance > 0 {
            let (stage, rest) = twiddles.split_at(distance);
            for pair in data.chunks_exact_mut(2 * distance) {
                let (low, high) = pair.split_at_mut(distance);
                for i in 0..distance {
                    let (u, v) = (B::Fr::from_block(&low[i]), B::Fr::from_block(&high[i]));
                    low[i] = u.add(v).to_block();
                    high[i] = u.sub(v).mul(B::Fr::from_block(&stage[i])).to_block();
                }
            }
            twiddles = rest;
            distance /= 2;
        }

        let [_, w1, w2, w3] = self.twiddles.four;
        let four = [B::Fr::splat(w1), B::Fr::splat(w2), B::Fr::splat(w3)];
        let two = B::Fr::splat(self.twiddles.two[1]);
        let mut out = vec![Fr::ZERO; n];
        for (m, block) in data.chunks_exact(LANES).enumerate() {
            let mut x = [four[0]; LANES];
            for r in 0..LANES {
                x[r] = B::Fr::from_block(&block[r]);
            }
            let mut x = B::Fr::transpose(x);
            for r in 0..4 {
                let (u, v) = (x[r], x[r + 4]);
                x[r] = u.add(v);
                x[r + 4] = if r == 0 { u.sub(v) } else { u.sub(v).mul(four[r - 1]) };
            }
            for r in [0, 1, 4, 5] {
                let (u, v) = (x[r], x[r + 2]);
                x[r] = u.add(v);
                x[r + 2] = if r % 2 == 0 { u.sub(v) } else { u.sub(v).mul(two) };
            }
            for r in [0, 2, 4, 6] {
                let (u, v) = (x[r], x[r + 1]);
                x[r] = u.add(v);
                x[r + 1] = u.sub(v);
            }
            for r in 0..LANES {
                let mut y = x[r];
                if let Some(after) = self.after {
                    y = y.mul(B::Fr::from_block(&after[(LANES * m + r) % after.len()]));
                }
                for (c, element) in y.to_field().into_iter().enumerate() {
                    out[source(64 * m + 8 * r + c, self.log)] = element;
                }
            }
        }
        // By whole blocks: the vector's own wiping goes through its bytes.
        data.as_mut_slice().zeroize();
        out
    }
}
