//! Poseidon over BN254 with circomlib's parameters: x^5, t = n + 1, capacity first and 0, output
//! `state[0]`.
//!
//! Source: Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon: A New Hash Function for
//! Zero-Knowledge Proof Systems" (ePrint 2019/458), §2 for the permutation, appendix B for the
//! sparse form of the partial rounds, appendix F for the Grain generator. Round constants and MDS
//! matrices are computed from the generator at first use instead of being vendored: they are a few
//! thousand numbers that nobody can read, and the generator is a page that everybody can.

mod many;

pub use many::hash_eights;

use crate::field::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use std::sync::OnceLock;

/// Widest hash in use: the tree's nodes, `H_8`.
pub const MAX_INPUTS: usize = 8;

/// Full rounds, half of them before and half after the partial ones.
pub const FULL_ROUNDS: usize = 8;

/// Partial rounds for t = 2, 3, …, 9 (circomlib's table).
const PARTIAL_ROUNDS: [usize; MAX_INPUTS] = [56, 57, 56, 60, 60, 63, 64, 63];

/// A square or rectangular matrix, row by row.
pub type Matrix = Vec<Vec<Fr>>;

/// Everything that the permutation of one width needs.
#[derive(Debug)]
pub struct Parameters {
    /// State width, number of inputs + 1.
    pub t: usize,
    /// Number of partial rounds.
    pub partial_rounds: usize,
    /// Round constants as published: `FULL_ROUNDS + partial_rounds` rows of `t`.
    pub round_constants: Matrix,
    /// The MDS matrix: `new[i] = Σ_j mds[i][j] · old[j]`.
    pub mds: Matrix,
    /// The same permutation with cheap partial rounds.
    pub sparse: SparseRounds,
}

/// The partial rounds rewritten (appendix B): one constant and `2t − 1` multiplications per round,
/// then one dense step over the lanes 1…t−1. Equal to the published form on every input.
#[derive(Debug)]
pub struct SparseRounds {
    /// One per partial round.
    pub rounds: Vec<SparseRound>,
    /// Applied to lanes 1…t−1 after the last partial round; `(t−1) × (t−1)`.
    pub finish: Matrix,
    /// Constants of the first full round after the partial ones, with what the rewriting moved there.
    pub constants_after: Vec<Fr>,
}

/// One rewritten partial round: `x0 ← (x0 + constant)^5`, then
/// `(x0, x_i) ← (Σ row_j x_j, x_i + column_i x0)`.
#[derive(Debug)]
pub struct SparseRound {
    /// Added to lane 0 before its S-box.
    pub constant: Fr,
    /// First row of the sparse matrix, `t` entries.
    pub row: Vec<Fr>,
    /// First column without its head, `t − 1` entries.
    pub column: Vec<Fr>,
}

impl Parameters {
    /// The parameters for `inputs` inputs; `None` outside 1…8.
    pub fn for_inputs(inputs: usize) -> Option<&'static Parameters> {
        static TABLE: [OnceLock<Parameters>; MAX_INPUTS] = [const { OnceLock::new() }; MAX_INPUTS];
        let index = inputs.checked_sub(1)?;
        let partial = *PARTIAL_ROUNDS.get(index)?;
        Some(TABLE.get(index)?.get_or_init(|| Parameters::generate(inputs + 1, partial)))
    }

    fn generate(t: usize, partial_rounds: usize) -> Parameters {
        let mut grain = Grain::new(t, partial_rounds);
        let round_constants: Matrix = (0..FULL_ROUNDS + partial_rounds)
            .map(|_| (0..t).map(|_| grain.field_element()).collect())
            .collect();
        // A Cauchy matrix over 2t elements; circomlib's widths take the generator's first try.
        let xs: Vec<Fr> = (0..t).map(|_| grain.field_element_reduced()).collect();
        let ys: Vec<Fr> = (0..t).map(|_| grain.field_element_reduced()).collect();
        let mds: Matrix =
            xs.iter().map(|x| ys.iter().map(|y| (*x + y).inverse().unwrap_or_default()).collect()).collect();
        let sparse = SparseRounds::derive(&mds, &round_constants, partial_rounds);
        Parameters { t, partial_rounds, round_constants, mds, sparse }
    }
}

impl SparseRounds {
    /// Moves all but lane 0's constants past the partial S-boxes and factors each mixing matrix
    /// into a block that commutes with the next S-box and a sparse rest.
    fn derive(mds: &Matrix, constants: &Matrix, partial_rounds: usize) -> SparseRounds {
        let half = FULL_ROUNDS / 2;
        let mut rounds = Vec::with_capacity(partial_rounds);
        let mut pending = vec![Fr::ZERO; mds.len()];
        let mut matrix = mds.clone();
        let mut block = Matrix::new();
        for constant in constants.iter().skip(half).take(partial_rounds) {
            let mut sum = add(&pending, constant);
            let head = take_head(&mut sum);
            pending = apply(mds, &sum);
            // matrix = [[m, v], [w, block]] = [[1, 0], [0, block]] · [[m, v], [block⁻¹w, 1]]
            let row = matrix.first().cloned().unwrap_or_default();
            let w: Vec<Fr> = matrix.iter().skip(1).filter_map(|r| r.first().copied()).collect();
            block = matrix.iter().skip(1).map(|r| r.iter().skip(1).copied().collect()).collect();
            let column = solve(&block, &w);
            rounds.push(SparseRound { constant: head, row, column });
            // The block passes the next S-box, so the next mixing matrix is mds · [[1, 0], [0, block]].
            matrix = mds.iter().map(|r| times_block(r, &block)).collect();
        }
        let empty = Vec::new();
        let after = constants.get(half + partial_rounds).unwrap_or(&empty);
        SparseRounds { rounds, finish: block, constants_after: add(&pending, after) }
    }
}

/// Sets the first entry to 0 and returns what it was.
fn take_head(v: &mut [Fr]) -> Fr {
    v.first_mut().map(std::mem::take).unwrap_or_default()
}

fn add(a: &[Fr], b: &[Fr]) -> Vec<Fr> {
    a.iter().zip(b).map(|(x, y)| *x + y).collect()
}

fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(x, y)| *x * y).sum()
}

fn apply(m: &Matrix, v: &[Fr]) -> Vec<Fr> {
    m.iter().map(|row| dot(row, v)).collect()
}

/// `row · [[1, 0], [0, block]]`.
fn times_block(row: &[Fr], block: &Matrix) -> Vec<Fr> {
    let (head, rest) = row.split_at(1);
    let mut out = head.to_vec();
    out.extend(
        (0..rest.len())
            .map(|j| rest.iter().zip(block).filter_map(|(x, r)| r.get(j).map(|y| *x * y)).sum::<Fr>()),
    );
    out
}

/// Solves `m · x = b` by Gauss–Jordan elimination; every matrix met here is invertible (submatrices
/// of an MDS matrix and products of such), which the tests confirm through the known answers.
fn solve(m: &Matrix, b: &[Fr]) -> Vec<Fr> {
    let mut rows: Matrix =
        m.iter().zip(b).map(|(row, rhs)| row.iter().copied().chain([*rhs]).collect()).collect();
    let n = rows.len();
    for col in 0..n {
        let Some(pivot) =
            (col..n).find(|i| rows.get(*i).and_then(|r| r.get(col)).is_some_and(|x| *x != Fr::ZERO))
        else {
            continue;
        };
        rows.swap(col, pivot);
        let Some(mut lead) = rows.get(col).cloned() else {
            continue;
        };
        let scale = lead.get(col).and_then(Field::inverse).unwrap_or_default();
        lead.iter_mut().for_each(|x| *x *= scale);
        for (i, row) in rows.iter_mut().enumerate() {
            if i == col {
                row.clone_from(&lead);
            } else if let Some(factor) = row.get(col).copied() {
                row.iter_mut().zip(&lead).for_each(|(x, l)| *x -= factor * l);
            }
        }
    }
    rows.iter().filter_map(|r| r.last().copied()).collect()
}

/// The Grain LFSR in self-shrinking mode (appendix F).
struct Grain {
    state: std::collections::VecDeque<bool>,
}

impl Grain {
    fn new(t: usize, partial_rounds: usize) -> Grain {
        let mut state = std::collections::VecDeque::with_capacity(80);
        let fields = [
            (1, 2),
            (0, 4),
            (Fr::MODULUS_BIT_SIZE as usize, 12),
            (t, 12),
            (FULL_ROUNDS, 10),
            (partial_rounds, 10),
        ];
        for (value, width) in fields {
            state.extend((0..width).rev().map(|i| value >> i & 1 == 1));
        }
        state.extend([true; 30]);
        let mut grain = Grain { state };
        (0..160).for_each(|_| {
            grain.clock();
        });
        grain
    }

    fn clock(&mut self) -> bool {
        let new = [62, 51, 38, 23, 13, 0]
            .iter()
            .fold(false, |acc, i| acc ^ self.state.get(*i).copied().unwrap_or(false));
        self.state.pop_front();
        self.state.push_back(new);
        new
    }

    fn bit(&mut self) -> bool {
        loop {
            let keep = self.clock();
            let bit = self.clock();
            if keep {
                return bit;
            }
        }
    }

    fn number(&mut self) -> BigInt<4> {
        let mut limbs = [0u64; 4];
        for _ in 0..Fr::MODULUS_BIT_SIZE {
            let mut carry = u64::from(self.bit());
            for limb in &mut limbs {
                let high = *limb >> 63;
                *limb = *limb << 1 | carry;
                carry = high;
            }
        }
        BigInt::new(limbs)
    }

    /// Numbers ≥ r are drawn again.
    fn field_element(&mut self) -> Fr {
        loop {
            if let Some(x) = Fr::from_bigint(self.number()) {
                return x;
            }
        }
    }

    /// Numbers ≥ r are reduced (the matrix generator does this; the modulus is above 2^253, so one
    /// subtraction is enough).
    fn field_element_reduced(&mut self) -> Fr {
        use ark_ff::BigInteger;
        let mut n = self.number();
        if n >= Fr::MODULUS {
            n.sub_with_borrow(&Fr::MODULUS);
        }
        Fr::from_bigint(n).unwrap_or_default()
    }
}

/// x^5, the S-box.
#[inline]
pub fn sbox(x: Fr) -> Fr {
    let x2 = x.square();
    x2.square() * x
}

fn full_round<const T: usize>(state: &mut [Fr; T], constants: &[Fr], mds: &Matrix) {
    for (x, c) in state.iter_mut().zip(constants) {
        *x = sbox(*x + c);
    }
    let old = *state;
    for (x, row) in state.iter_mut().zip(mds) {
        *x = product(row, &old);
    }
}

/// `row · state`, with fewer reductions than [`dot`].
fn product<const T: usize>(row: &[Fr], state: &[Fr; T]) -> Fr {
    // Every row has the state's width.
    row.as_array::<T>().map_or(Fr::ZERO, |row| Fr::sum_of_products(row, state))
}

fn permute<const T: usize>(state: &mut [Fr; T], p: &Parameters) {
    let half = FULL_ROUNDS / 2;
    for constants in p.round_constants.iter().take(half) {
        full_round(state, constants, &p.mds);
    }
    for round in &p.sparse.rounds {
        if let Some(head) = state.first_mut() {
            *head = sbox(*head + round.constant);
        }
        let sum = product(&round.row, state);
        let Some((head, rest)) = state.split_first_mut() else {
            return;
        };
        for (y, c) in rest.iter_mut().zip(&round.column) {
            *y += *c * *head;
        }
        *head = sum;
    }
    let old = *state;
    for (x, row) in state.iter_mut().skip(1).zip(&p.sparse.finish) {
        *x = row.iter().zip(old.iter().skip(1)).map(|(m, y)| *m * y).sum();
    }
    full_round(state, &p.sparse.constants_after, &p.mds);
    for constants in p.round_constants.iter().skip(half + p.partial_rounds + 1) {
        full_round(state, constants, &p.mds);
    }
}

fn run<const T: usize>(inputs: &[Fr], p: &Parameters) -> Fr {
    let mut state = [Fr::ZERO; T];
    for (x, input) in state.iter_mut().skip(1).zip(inputs) {
        *x = *input;
    }
    permute(&mut state, p);
    state.first().copied().unwrap_or_default()
}

/// `H_n` for 1 to 8 inputs; `None` for any other number of inputs.
pub fn hash_slice(inputs: &[Fr]) -> Option<Fr> {
    let p = Parameters::for_inputs(inputs.len())?;
    Some(match p.t {
        2 => run::<2>(inputs, p),
        3 => run::<3>(inputs, p),
        4 => run::<4>(inputs, p),
        5 => run::<5>(inputs, p),
        6 => run::<6>(inputs, p),
        7 => run::<7>(inputs, p),
        8 => run::<8>(inputs, p),
        _ => run::<9>(inputs, p),
    })
}

/// `H_N`. The number of inputs is checked when the program is compiled.
pub fn hash<const N: usize>(inputs: &[Fr; N]) -> Fr {
    const { assert!(N >= 1 && N <= MAX_INPUTS, "Poseidon takes 1 to 8 inputs here") };
    hash_slice(inputs).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;

    /// The permutation exactly as published, with dense partial rounds: the slow twin.
    fn hash_dense(inputs: &[Fr]) -> Fr {
        let p = Parameters::for_inputs(inputs.len()).unwrap();
        let mut state = vec![Fr::ZERO];
        state.extend_from_slice(inputs);
        let last = FULL_ROUNDS / 2 + p.partial_rounds;
        for (r, constants) in p.round_constants.iter().enumerate() {
            state = add(&state, constants);
            let full = r < FULL_ROUNDS / 2 || r >= last;
            let boxed = if full { p.t } else { 1 };
            state.iter_mut().take(boxed).for_each(|x| *x = sbox(*x));
            state = apply(&p.mds, &state);
        }
        state[0]
    }

    #[test]
    fn sparse_rounds_equal_the_published_permutation() {
        let mut rng = rand::thread_rng();
        for n in 1..=MAX_INPUTS {
            for case in 0..20 {
                let inputs: Vec<Fr> = (0..n)
                    .map(|i| match case {
                        0 => Fr::ZERO,
                        1 => -Fr::ONE,
                        2 => Fr::from(i as u64),
                        _ => Fr::rand(&mut rng),
                    })
                    .collect();
                assert_eq!(hash_slice(&inputs), Some(hash_dense(&inputs)), "{n} inputs, case {case}");
            }
        }
    }

    #[test]
    fn other_widths_are_refused() {
        assert_eq!(hash_slice(&[]), None);
        assert_eq!(hash_slice(&[Fr::ZERO; 9]), None);
    }

    #[test]
    fn partial_constants_cover_every_round() {
        for n in 1..=MAX_INPUTS {
            let p = Parameters::for_inputs(n).unwrap();
            assert_eq!(p.sparse.rounds.len(), p.partial_rounds);
            assert_eq!(p.sparse.finish.len(), n);
        }
    }

    /// Known answers of circomlibjs, an independent implementation.
    #[test]
    fn known_answers() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/poseidon_bn254_circomlib.json")).unwrap();
        let mut checked = 0;
        for case in file["cases"].as_array().unwrap() {
            let inputs: Vec<Fr> = case["inputs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|x| crate::field::from_hex(x.as_str().unwrap()).unwrap())
                .collect();
            if inputs.len() <= MAX_INPUTS {
                let out = hash_slice(&inputs).unwrap();
                assert_eq!(crate::field::to_hex(&out), case["output"].as_str().unwrap());
                checked += 1;
            }
        }
        assert_eq!(checked, 64);
    }
}
