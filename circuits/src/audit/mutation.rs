//! Every wire of a good assignment mutated in turn: some row must break.

use crate::core::shape::Matrices;
use ark_ff::{AdditiveGroup, Field};
use veilpass_protocol::field::Fr;

/// How a wire is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// w + 1.
    PlusOne,
    /// w − 1.
    MinusOne,
    /// 1 − w: the other bit.
    Complement,
    /// A value of the caller's choice, the same for all wires.
    Chosen,
}

/// A mutation that no row noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unnoticed {
    /// The wire.
    pub wire: usize,
    /// What was done to it.
    pub mutation: Mutation,
}

/// What mutating every wire gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutations {
    /// Mutations that were tried.
    pub tried: usize,
    /// Those that no row noticed.
    pub unnoticed: Vec<Unnoticed>,
}

/// The assignment to start from does not satisfy the matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {row} does not hold before any mutation")]
pub struct Unsatisfied {
    /// A row that fails.
    pub row: usize,
}

/// An occurrence of a wire: the row, and the wire's coefficients in A, B and C.
struct Occurrence {
    row: usize,
    coefficients: [Fr; 3],
}

/// Mutates every wire but the constant one in turn and lists the mutations that break no row. Only the
/// rows in which a wire occurs are looked at: the others cannot change.
pub fn unnoticed(matrices: &Matrices, assignment: &[Fr], chosen: Fr) -> Result<Mutations, Unsatisfied> {
    let values: Vec<[Fr; 3]> = (0..matrices.rows()).map(|row| matrices.evaluate(row, assignment)).collect();
    if let Some(row) = values.iter().position(|[a, b, c]| a * b != *c) {
        return Err(Unsatisfied { row });
    }
    let columns = columns(matrices);
    let mut out = Mutations::default();
    for (wire, occurrences) in columns.iter().enumerate().skip(1) {
        let old = assignment.get(wire).copied().unwrap_or_default();
        let mutations = [
            (Mutation::PlusOne, old + Fr::ONE),
            (Mutation::MinusOne, old - Fr::ONE),
            (Mutation::Complement, Fr::ONE - old),
            (Mutation::Chosen, chosen),
        ];
        for (mutation, new) in mutations {
            if new == old {
                continue;
            }
            out.tried += 1;
            if !occurrences.iter().any(|o| breaks(&values[o.row], o, new - old)) {
                out.unnoticed.push(Unnoticed { wire, mutation });
            }
        }
    }
    Ok(out)
}

fn breaks([a, b, c]: &[Fr; 3], occurrence: &Occurrence, change: Fr) -> bool {
    let [da, db, dc] = occurrence.coefficients.map(|x| x * change);
    (*a + da) * (*b + db) != *c + dc
}

/// For each wire the rows in which it occurs.
fn columns(matrices: &Matrices) -> Vec<Vec<Occurrence>> {
    let mut columns: Vec<Vec<Occurrence>> = (0..matrices.wires).map(|_| Vec::new()).collect();
    for row in 0..matrices.rows() {
        for (part, matrix) in matrices.abc.iter().enumerate() {
            for (coefficient, wire) in &matrix[row] {
                let column = &mut columns[*wire];
                if column.last().is_none_or(|o| o.row != row) {
                    column.push(Occurrence { row, coefficients: [Fr::ZERO; 3] });
                }
                if let Some(o) = column.last_mut() {
                    o.coefficients[part] += coefficient;
                }
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::builder::{Builder, Lc};
    use crate::core::shape::Shape;

    #[test]
    fn finds_a_free_wire_and_refuses_a_bad_start() {
        let mut b = Builder::with_rows();
        let x = b.wire(Fr::from(3u64));
        let free = b.wire(Fr::from(4u64));
        let y = b.product(&x, &x);
        // 0 · (free + y) = 0: the wire occurs, but in vain.
        b.row(&Lc::default(), &(&free + &y), &Lc::default());
        let (wires, rows) = b.finish();
        let mut matrices = Shape::new(rows, 1, wires.len()).matrices().clone();
        let found = unnoticed(&matrices, &wires, Fr::from(99u64)).unwrap();
        let all = [Mutation::PlusOne, Mutation::MinusOne, Mutation::Complement, Mutation::Chosen];
        assert_eq!(found.tried, 3 * 4);
        assert_eq!(found.unnoticed, all.map(|mutation| Unnoticed { wire: 2, mutation }));

        matrices.abc[2][0].clear();
        assert_eq!(unnoticed(&matrices, &wires, Fr::ZERO), Err(Unsatisfied { row: 0 }));
    }
}
