//! The rank of the Jacobian of the rows at a good assignment.
//!
//! Row i says `fᵢ(z) = ⟨aᵢ,z⟩·⟨bᵢ,z⟩ − ⟨cᵢ,z⟩ = 0`. Where the matrix `∂fᵢ/∂zⱼ` over the wires that are no inputs
//! has full column rank, the assignment is isolated: no direction leads from it to another one with the same
//! inputs. A vector of its kernel is such a direction, to first order, and its wires are named. This sees
//! freedoms that need many wires at once, which mutation cannot, and needs none of propagation's rules. It does
//! not see a choice among a few isolated values (a bit that may be 0 or 1), which propagation does.
//!
//! Rows with one unknown column are taken as pivots first ("peeling", no arithmetic and no fill-in); what is
//! left is eliminated with the sparsest row and its rarest column (after Markowitz, Management Science 3, 1957).

use crate::core::shape::Matrices;
use ark_ff::{AdditiveGroup, Field};
use std::collections::{BTreeMap, BTreeSet};
use veilpass_protocol::field::Fr;

/// What the elimination found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jacobian {
    /// Wires that are no inputs: the columns.
    pub columns: usize,
    /// The rank.
    pub rank: usize,
    /// Pivots that peeling found.
    pub peeled: usize,
    /// The wires of kernel vectors, one vector for each column without a pivot, [`SHOWN`] at most.
    pub kernel: Vec<Vec<usize>>,
}

/// Kernel vectors that are worked out.
pub const SHOWN: usize = 16;

/// A row of the Jacobian: entries by wire, none zero.
type Gradient = BTreeMap<usize, Fr>;

/// The rank at an assignment. `given` are the inputs; wire 0 is always one.
pub fn jacobian(matrices: &Matrices, assignment: &[Fr], given: impl IntoIterator<Item = usize>) -> Jacobian {
    let mut is_column = vec![true; matrices.wires];
    given
        .into_iter()
        .chain([0])
        .filter(|wire| *wire < matrices.wires)
        .for_each(|wire| is_column[wire] = false);
    let columns = is_column.iter().filter(|is| **is).count();
    let mut rows: Vec<Gradient> =
        (0..matrices.rows()).map(|row| gradient(matrices, row, assignment, &is_column)).collect();
    let mut rows_of: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); matrices.wires];
    for (row, gradient) in rows.iter().enumerate() {
        for wire in gradient.keys() {
            rows_of[*wire].insert(row);
        }
    }
    let peeled = peel(&mut rows, &mut rows_of, &mut is_column);
    let pivots = eliminate(&mut rows, &mut rows_of);
    pivots.iter().for_each(|(wire, _)| is_column[*wire] = false);
    let free = (0..is_column.len()).filter(|wire| is_column[*wire]);
    let kernel = free.take(SHOWN).map(|wire| direction(wire, &pivots)).collect();
    Jacobian { columns, rank: peeled + pivots.len(), peeled, kernel }
}

fn gradient(matrices: &Matrices, row: usize, assignment: &[Fr], is_column: &[bool]) -> Gradient {
    let [a, b, _] = matrices.evaluate(row, assignment);
    let mut gradient = Gradient::new();
    for (matrix, factor) in matrices.abc.iter().zip([b, a, -Fr::ONE]) {
        for (coefficient, wire) in matrix[row].iter().filter(|(_, wire)| is_column[*wire]) {
            *gradient.entry(*wire).or_default() += *coefficient * factor;
        }
    }
    gradient.retain(|_, value| *value != Fr::ZERO);
    gradient
}

/// Takes rows with one column as pivots until there are none; returns how many. Such a column is zero in
/// every vector of the kernel, so it can be dropped everywhere.
fn peel(rows: &mut [Gradient], rows_of: &mut [BTreeSet<usize>], is_column: &mut [bool]) -> usize {
    let mut single: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].len() == 1).collect();
    let mut peeled = 0;
    while let Some(row) = single.pop() {
        let Some(wire) = rows[row].keys().next().copied() else { continue };
        peeled += 1;
        is_column[wire] = false;
        for other in std::mem::take(&mut rows_of[wire]) {
            rows[other].remove(&wire);
            if rows[other].len() == 1 {
                single.push(other);
            }
        }
    }
    peeled
}

/// Eliminates what is left: the pivots in their order, each with its row at that time.
fn eliminate(rows: &mut [Gradient], rows_of: &mut [BTreeSet<usize>]) -> Vec<(usize, Gradient)> {
    let mut pivots = Vec::new();
    let mut active: BTreeSet<(usize, usize)> =
        rows.iter().enumerate().filter(|(_, g)| !g.is_empty()).map(|(row, g)| (g.len(), row)).collect();
    while let Some((_, row)) = active.pop_first() {
        let pivot_row = std::mem::take(&mut rows[row]);
        let Some(wire) = pivot_row.keys().copied().min_by_key(|wire| rows_of[*wire].len()) else { continue };
        for column in pivot_row.keys() {
            rows_of[*column].remove(&row);
        }
        let inverse = pivot_row[&wire].inverse().unwrap_or_default();
        for other in std::mem::take(&mut rows_of[wire]) {
            active.remove(&(rows[other].len(), other));
            let factor = -(rows[other][&wire] * inverse);
            for (column, value) in &pivot_row {
                let sum = rows[other].get(column).copied().unwrap_or_default() + *value * factor;
                if sum == Fr::ZERO {
                    rows[other].remove(column);
                    rows_of[*column].remove(&other);
                } else {
                    rows[other].insert(*column, sum);
                    rows_of[*column].insert(other);
                }
            }
            if !rows[other].is_empty() {
                active.insert((rows[other].len(), other));
            }
        }
        pivots.push((wire, pivot_row));
    }
    pivots
}

/// The wires of the kernel vector in which this column without a pivot is 1 and the others are 0.
fn direction(free: usize, pivots: &[(usize, Gradient)]) -> Vec<usize> {
    let mut vector = BTreeMap::from([(free, Fr::ONE)]);
    for (wire, row) in pivots.iter().rev() {
        let others: Fr = row
            .iter()
            .filter(|(column, _)| *column != wire)
            .filter_map(|(c, x)| vector.get(c).map(|v| *x * v))
            .sum();
        if others != Fr::ZERO {
            vector.insert(*wire, -others * row[wire].inverse().unwrap_or_default());
        }
    }
    vector.into_keys().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::builder::{Builder, Lc};
    use crate::core::shape::Shape;

    fn of(circuit: impl FnOnce(&mut Builder, Lc)) -> Jacobian {
        let mut b = Builder::with_rows();
        let input = b.wire(Fr::from(6u64));
        circuit(&mut b, input);
        let (wires, rows) = b.finish();
        let shape = Shape::new(rows, 1, wires.len());
        assert!(shape.failing_rows(&wires).next().is_none());
        jacobian(shape.matrices(), &wires, [1])
    }

    #[test]
    fn a_chain_is_peeled() {
        let found = of(|b, x| {
            let y = b.product(&x, &x);
            let z = b.product(&y, &x);
            b.boolean(&(&z - &b.constant(Fr::from(215u64))));
        });
        assert_eq!(found, Jacobian { columns: 2, rank: 2, peeled: 2, kernel: vec![] });
    }

    /// y + z = x and y·z = 8 with (y, z) = (2, 4): no row has one unknown, and the two solutions are
    /// isolated, so the rank is full.
    #[test]
    fn what_cannot_be_peeled_is_eliminated() {
        let found = of(|b, x| {
            let (y, z) = (b.wire(Fr::from(2u64)), b.wire(Fr::from(4u64)));
            b.row(&(&y + &z), &b.constant(Fr::ONE), &x);
            b.row(&y, &z, &b.constant(Fr::from(8u64)));
        });
        assert_eq!(found, Jacobian { columns: 2, rank: 2, peeled: 0, kernel: vec![] });
    }

    /// Wires 2 and 3 can move together, 4 follows them, 5 is in no row.
    #[test]
    fn directions_name_the_wires_that_move() {
        let found = of(|b, x| {
            let (y, z) = (b.wire(Fr::from(2u64)), b.wire(Fr::from(4u64)));
            b.row(&(&y + &z), &b.constant(Fr::ONE), &x);
            b.product(&y, &y);
            b.wire(Fr::ZERO);
            let w = b.product(&x, &x);
            b.product(&w, &x);
        });
        assert_eq!((found.columns, found.rank, found.peeled), (6, 4, 2));
        assert_eq!(found.kernel, [vec![2, 3, 4], vec![5]]);
    }

    /// Against dense elimination, on random sparse systems of linear rows.
    #[test]
    fn equals_dense_elimination() {
        use rand::{Rng, SeedableRng, rngs::StdRng};
        let mut rng = StdRng::seed_from_u64(1);
        let mut short = 0;
        for _ in 0..300 {
            let (n, m) = (rng.gen_range(1..12), rng.gen_range(1..14));
            let mut b = Builder::with_rows();
            let wires: Vec<Lc> = (0..n).map(|_| b.wire(Fr::ZERO)).collect();
            let mut dense = Vec::new();
            for _ in 0..m {
                let row: Vec<Fr> =
                    (0..n).map(|_| Fr::from([0u64, 0, 0, 1, 2, 5][rng.gen_range(0..6)])).collect();
                let sum = Lc::combine(row.iter().copied().zip(&wires));
                b.row(&sum, &b.constant(Fr::ONE), &Lc::default());
                dense.push(row);
            }
            let (values, rows) = b.finish();
            let shape = Shape::new(rows, 1, values.len());
            let found = jacobian(shape.matrices(), &values, []);
            assert_eq!(found.rank, dense_rank(dense));
            assert_eq!(found.kernel.len(), n - found.rank);
            short += usize::from(found.rank < n);
        }
        assert!(short > 30 && short < 270);
    }

    fn dense_rank(mut rows: Vec<Vec<Fr>>) -> usize {
        let mut rank = 0;
        for column in 0..rows[0].len() {
            let Some(pivot) = (rank..rows.len()).find(|row| rows[*row][column] != Fr::ZERO) else { continue };
            rows.swap(rank, pivot);
            let pivot_row = rows[rank].clone();
            for row in &mut rows[rank + 1..] {
                let factor = row[column] * pivot_row[column].inverse().unwrap();
                row.iter_mut().zip(&pivot_row).for_each(|(x, y)| *x -= factor * y);
            }
            rank += 1;
        }
        rank
    }
}
