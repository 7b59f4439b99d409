//! `H_8` of many nodes at once: eight beside each other where the processor can, on several threads where
//! there are many.

use super::{FULL_ROUNDS, Matrix, Parameters, hash};
use crate::field::Fr;
use ark_ff::AdditiveGroup;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use veilpass_kernels::{Backend, Block, LANES, Lanes, Machine, Task, spread};

/// Inputs of one hash.
const INPUTS: usize = 8;
/// Width of the state.
const T: usize = INPUTS + 1;
/// Fewer hashes than this are not worth another thread.
const PER_THREAD: usize = 256;

/// `H_8` of each group, in order, on at most so many threads.
pub fn hash_eights(threads: NonZeroUsize, groups: &[[Fr; INPUTS]]) -> Vec<Fr> {
    static BEST: OnceLock<Hasher> = OnceLock::new();
    let hasher = BEST.get_or_init(|| Hasher::new(Machine::current()));
    let useful = NonZeroUsize::new(groups.len() / PER_THREAD).unwrap_or(NonZeroUsize::MIN);
    spread(threads.min(useful), groups, |part| hasher.hash(part)).concat()
}

/// The parameters for t = 9 in one machine's form, every number in all lanes.
struct Hasher {
    machine: Machine,
    /// Full rounds: their constants, those after the partial rounds as the sparse form has them.
    full: Vec<Vec<Block>>,
    /// Rows of the matrix, one after the other.
    mds: Vec<Block>,
    partial: Vec<Partial>,
    /// Rows of the last dense step.
    finish: Vec<Block>,
}

/// One partial round.
struct Partial {
    constant: Block,
    row: Vec<Block>,
    column: Vec<Block>,
}

impl Hasher {
    fn new(machine: Machine) -> Hasher {
        let all = |numbers: &[Fr]| machine.run(Everywhere(numbers));
        let rows = |matrix: &Matrix| all(&matrix.concat());
        let empty =
            Hasher { machine, full: Vec::new(), mds: Vec::new(), partial: Vec::new(), finish: Vec::new() };
        let Some(p) = Parameters::for_inputs(INPUTS) else { return empty };
        let half = FULL_ROUNDS / 2;
        let first = p.round_constants.iter().take(half);
        let last = p.round_constants.iter().skip(half + p.partial_rounds + 1);
        let constants = first.chain([&p.sparse.constants_after]).chain(last);
        let partial = p.sparse.rounds.iter().map(|round| Partial {
            constant: all(&[round.constant]).first().copied().unwrap_or_default(),
            row: all(&round.row),
            column: all(&round.column),
        });
        Hasher {
            full: constants.map(|c| all(c)).collect(),
            mds: rows(&p.mds),
            partial: partial.collect(),
            finish: rows(&p.sparse.finish),
            ..empty
        }
    }

    fn hash(&self, groups: &[[Fr; INPUTS]]) -> Vec<Fr> {
        self.machine.run(Hash { hasher: self, groups })
    }
}

struct Everywhere<'a>(&'a [Fr]);

impl Task for Everywhere<'_> {
    type Out = Vec<Block>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<Block> {
        let mut out = Vec::with_capacity(self.0.len());
        for x in self.0 {
            out.push(B::Fr::splat(*x).to_block());
        }
        out
    }
}

struct Hash<'a> {
    hasher: &'a Hasher,
    groups: &'a [[Fr; INPUTS]],
}

impl Task for Hash<'_> {
    type Out = Vec<Fr>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<Fr> {
        if !B::WIDE {
            return self.groups.iter().map(hash).collect();
        }
        let mut out = Vec::with_capacity(self.groups.len());
        for eight in self.groups.chunks(LANES) {
            // A single hash takes half as long as eight.
            if eight.len() < 3 {
                out.extend(eight.iter().map(hash));
                continue;
            }
            let mut state = [B::Fr::splat(Fr::ZERO); T];
            for (i, x) in state.iter_mut().skip(1).enumerate() {
                let mut column = [Fr::ZERO; LANES];
                for (lane, group) in column.iter_mut().zip(eight) {
                    *lane = group.get(i).copied().unwrap_or_default();
                }
                *x = B::Fr::from_field(column);
            }
            permute::<B>(&mut state, self.hasher);
            let [first, ..] = state;
            out.extend(first.to_field().into_iter().take(eight.len()));
        }
        out
    }
}

#[inline(always)]
fn permute<B: Backend>(state: &mut [B::Fr; T], hasher: &Hasher) {
    let (before, after) = hasher.full.split_at(hasher.full.len() / 2);
    for constants in before {
        full_round::<B>(state, constants, &hasher.mds);
    }
    for round in &hasher.partial {
        let [head, rest @ ..] = state;
        *head = sbox::<B>(head.add(B::Fr::from_block(&round.constant)));
        let factor = *head;
        let mut next = [factor; T - 1];
        for ((next, y), c) in next.iter_mut().zip(rest).zip(&round.column) {
            *next = y.add(factor.mul(B::Fr::from_block(c)));
        }
        let sum = B::Fr::dot(state, &round.row);
        let [head, rest @ ..] = state;
        *head = sum;
        *rest = next;
    }
    let [_, old @ ..] = *state;
    for (x, row) in state.iter_mut().skip(1).zip(hasher.finish.chunks_exact(T - 1)) {
        *x = B::Fr::dot(&old, row);
    }
    for constants in after {
        full_round::<B>(state, constants, &hasher.mds);
    }
}

#[inline(always)]
fn full_round<B: Backend>(state: &mut [B::Fr; T], constants: &[Block], mds: &[Block]) {
    for (x, c) in state.iter_mut().zip(constants) {
        *x = sbox::<B>(x.add(B::Fr::from_block(c)));
    }
    let old = *state;
    for (x, row) in state.iter_mut().zip(mds.chunks_exact(T)) {
        *x = B::Fr::dot(&old, row);
    }
}

#[inline(always)]
fn sbox<B: Backend>(x: B::Fr) -> B::Fr {
    let x2 = x.mul(x);
    x2.mul(x2).mul(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use rand::SeedableRng;

    /// The slow twin: one by one. Every number of groups around the lanes, edges in every place.
    #[test]
    fn eights_equal_one_by_one() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(5);
        let mut groups: Vec<[Fr; INPUTS]> = (0..2000)
            .map(|i| {
                std::array::from_fn(|j| match (i + j) % 7 {
                    0 => Fr::ZERO,
                    1 if i < 100 => -Fr::from(1u64),
                    2 if i < 100 => Fr::from(i as u64),
                    _ => Fr::rand(&mut rng),
                })
            })
            .collect();
        groups[0] = [Fr::ZERO; INPUTS];
        groups[1] = [-Fr::from(1u64); INPUTS];
        let slow: Vec<Fr> = groups.iter().map(hash).collect();
        for machine in Machine::all() {
            let hasher = Hasher::new(machine);
            for n in (0..40).chain([groups.len()]) {
                assert_eq!(hasher.hash(&groups[..n]), slow[..n], "{} {n}", machine.name());
            }
        }
        for threads in 1..4 {
            assert_eq!(hash_eights(NonZeroUsize::new(threads).unwrap(), &groups), slow);
        }
    }
}
