//! Rows and wires that should not be there, seen from the matrices alone.

use super::facts::{Fact, constant, scaled};
use crate::core::shape::Matrices;
use ark_ff::{Field, PrimeField};
use std::collections::HashMap;
use veilpass_protocol::field::Fr;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structure {
    /// Wires in no row.
    pub unused: Vec<usize>,
    /// Wires that are neither inputs nor public and occur in one row only: computed, and used by nothing.
    pub dangling: Vec<usize>,
    /// Rows that hold whatever the wires are.
    pub trivial: Vec<usize>,
    /// Rows in which A or B is a constant: a combination would do without row and wire.
    pub linear: Vec<usize>,
    /// Rows that say the same as an earlier one (factors swapped or scaled): `(earlier, later)`.
    pub duplicates: Vec<(usize, usize)>,
}

/// Looks at all rows and wires. `given` are the inputs.
pub fn structure(matrices: &Matrices, given: impl IntoIterator<Item = usize>) -> Structure {
    let mut is_given = vec![false; matrices.wires];
    given.into_iter().chain([0]).filter(|wire| *wire < matrices.wires).for_each(|wire| is_given[wire] = true);
    let mut out = Structure::default();
    let mut times = vec![0usize; matrices.wires];
    let mut seen: HashMap<Normal, usize> = HashMap::new();
    for row in 0..matrices.rows() {
        let mut wires: Vec<usize> =
            matrices.abc.iter().flat_map(|m| &m[row]).map(|(_, wire)| *wire).collect();
        wires.sort_unstable();
        wires.dedup();
        wires.iter().for_each(|wire| times[*wire] += 1);
        match Fact::read(matrices, row) {
            Fact::Linear(entries) if entries.is_empty() => out.trivial.push(row),
            Fact::Linear(_) => out.linear.push(row),
            _ => {}
        }
        let earlier = *seen.entry(normal(matrices, row)).or_insert(row);
        if earlier != row {
            out.duplicates.push((earlier, row));
        }
    }
    out.unused = (1..matrices.wires).filter(|wire| times[*wire] == 0).collect();
    let inner = |wire: &usize| *wire >= matrices.inputs && !is_given[*wire];
    out.dangling = (1..matrices.wires).filter(|wire| times[*wire] == 1).filter(inner).collect();
    out
}

/// A row up to the order of its factors and their scale.
type Normal = [Vec<(usize, [u64; 4])>; 3];

fn normal(matrices: &Matrices, row: usize) -> Normal {
    let [a, b, c] = [0, 1, 2].map(|m| matrices.abc[m][row].as_slice());
    let mut scale = Fr::ONE;
    let mut factor = |entries: &[(Fr, usize)]| {
        let inverse = entries.first().and_then(|(c, _)| c.inverse()).unwrap_or(Fr::ONE);
        scale *= inverse;
        key(&scaled(entries, inverse))
    };
    let mut factors = [factor(a), factor(b)];
    factors.sort_unstable();
    let [first, second] = factors;
    let vanishes = |entries: &[(Fr, usize)]| constant(entries).is_some_and(|value| value == Fr::from(0u64));
    // 0 · B = C says C = 0, whatever B is.
    let [first, second] = if vanishes(a) || vanishes(b) { [Vec::new(), Vec::new()] } else { [first, second] };
    [first, second, key(&scaled(c, scale))]
}

fn key(entries: &[(Fr, usize)]) -> Vec<(usize, [u64; 4])> {
    entries.iter().map(|(c, wire)| (*wire, c.into_bigint().0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::builder::{Builder, Lc};
    use crate::core::shape::Shape;

    #[test]
    fn each_kind_is_seen() {
        let mut b = Builder::with_rows();
        let (x, free) = (b.wire(Fr::from(3u64)), b.wire(Fr::from(4u64)));
        let y = b.product(&x, &(&x + &b.constant(Fr::ONE)));
        let (two, five) = (Fr::from(2u64), Fr::from(5u64));
        // 1: the same with factors swapped and scaled.
        b.row(&(&(&x + &b.constant(Fr::ONE)) * two), &(&x * five), &(&y * (two * five)));
        // 2, 3: 5·x = z, and 0 = 0.
        let z = b.wire(Fr::from(15u64));
        b.row(&b.constant(five), &x, &z);
        b.row(&Lc::default(), &x, &Lc::default());
        // 4: nearly the same as 0, and not.
        b.row(&x, &(&x + &b.constant(Fr::ONE)), &(&y + &(&z - &(&x * five))));
        // 5: a product that nothing uses.
        b.product(&y, &y);
        let (wires, rows) = b.finish();
        let shape = Shape::new(rows, 1, wires.len());
        assert!(shape.failing_rows(&wires).next().is_none());
        let expected = Structure {
            unused: vec![2],
            dangling: vec![5],
            trivial: vec![3],
            linear: vec![2],
            duplicates: vec![(0, 1)],
        };
        assert_eq!(free.terms()[0].0, 2);
        assert_eq!(structure(shape.matrices(), [1]), expected);
    }
}
