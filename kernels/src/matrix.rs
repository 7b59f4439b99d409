//! Products of a matrix that stays with vectors that come.

use crate::fft::ToBlocks;
use crate::lanes::{Backend, Block, LANES, Lanes, Machine, Task};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use zeroize::Zeroize;

/// Products that share a reduction.
const TERMS: usize = 16;

/// A matrix over the scalar field.
pub struct Matrix {
    machine: Machine,
    rows: usize,
    columns: usize,
    /// Eight rows together, column by column, filled up with zeros.
    blocks: Vec<Block>,
}

impl Matrix {
    /// `entries` row by row, `columns` in each; what is missing of the last row is zero.
    pub fn new(machine: Machine, columns: usize, entries: &[Fr]) -> Matrix {
        let columns = columns.max(1);
        let rows = entries.len().div_ceil(columns);
        let padded = columns.next_multiple_of(TERMS);
        let mut eights = vec![[Fr::ZERO; LANES]; rows.div_ceil(LANES) * padded];
        for (row, entries) in entries.chunks(columns).enumerate() {
            for (column, entry) in entries.iter().enumerate() {
                eights[row / LANES * padded + column][row % LANES] = *entry;
            }
        }
        Matrix { machine, rows, columns, blocks: machine.run(ToBlocks(eights.as_flattened())) }
    }

    /// The product with a column, of which what is missing is zero.
    pub fn times(&self, x: &[Fr]) -> Vec<Fr> {
        self.machine.run(Times { matrix: self, x })
    }
}

struct Times<'a> {
    matrix: &'a Matrix,
    x: &'a [Fr],
}

impl Task for Times<'_> {
    type Out = Vec<Fr>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<Fr> {
        let Matrix { rows, columns, blocks, .. } = self.matrix;
        let padded = columns.next_multiple_of(TERMS);
        let mut x = Vec::with_capacity(padded);
        for column in 0..padded {
            let value = self.x.get(column).filter(|_| column < *columns).copied().unwrap_or_default();
            x.push(B::Fr::splat(value).to_block());
        }
        let mut out = Vec::with_capacity(rows + LANES);
        for eight in blocks.chunks_exact(padded) {
            let mut sum = B::Fr::splat(Fr::ZERO);
            for (factors, entries) in x.chunks_exact(TERMS).zip(eight.chunks_exact(TERMS)) {
                let mut terms = [sum; TERMS];
                for term in 0..TERMS {
                    terms[term] = B::Fr::from_block(&factors[term]);
                }
                sum = sum.add(B::Fr::dot::<TERMS>(&terms, entries));
            }
            out.extend(sum.to_field());
        }
        x.as_mut_slice().zeroize();
        out.truncate(*rows);
        out
    }
}
