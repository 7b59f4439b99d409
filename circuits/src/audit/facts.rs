//! What each row says, in the forms that the rules of propagation use.

use crate::core::shape::{Matrices, merge};
use ark_ff::Field;
use veilpass_protocol::field::Fr;

/// Entries `(coefficient, wire)`; wire 0 is the constant one.
pub(super) type Entries = Vec<(Fr, usize)>;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// `A · B = C`: the wires of A and B, and the entries of C.
    Product(Vec<usize>, Entries),
    /// `Σ cᵢ wᵢ = 0`: A or B is a constant.
    Linear(Entries),
    /// `Σ cᵢ wᵢ ∈ {0, 1}`.
    Boolean(Entries),
}

impl Fact {
    /// Reads a row of the matrices.
    pub(super) fn read(matrices: &Matrices, row: usize) -> Fact {
        let [a, b, c] = [0, 1, 2].map(|m| matrices.abc[m].get(row).map(Vec::as_slice).unwrap_or_default());
        if let Some(value) = constant(b) {
            return Fact::Linear(subtract(&scaled(a, value), c));
        }
        if let Some(value) = constant(a) {
            return Fact::Linear(subtract(&scaled(b, value), c));
        }
        if c.is_empty()
            && let Some(entries) = boolean(a, b)
        {
            return Fact::Boolean(entries);
        }
        let mut factors: Vec<usize> = a.iter().chain(b).map(|(_, wire)| *wire).collect();
        factors.sort_unstable();
        factors.dedup();
        Fact::Product(factors, subtract(c, &[]))
    }

    /// The wire that the row makes a bit by itself: `x`, or `1 − x` as circom writes it.
    pub(super) fn bit(&self) -> Option<usize> {
        match self {
            Fact::Boolean(entries) => match entries[..] {
                [(c, wire)] if c == Fr::ONE && wire != 0 => Some(wire),
                [(one, 0), (c, wire)] if one == Fr::ONE && c == -Fr::ONE => Some(wire),
                _ => None,
            },
            _ => None,
        }
    }

    /// All wires of the row, some of them twice.
    pub(super) fn wires(&self) -> impl Iterator<Item = usize> {
        let (factors, entries): (&[usize], &Entries) = match self {
            Fact::Product(factors, entries) => (factors, entries),
            Fact::Linear(entries) | Fact::Boolean(entries) => (&[], entries),
        };
        factors.iter().copied().chain(entries.iter().map(|(_, wire)| *wire))
    }
}

/// The value of a combination without wires.
pub(super) fn constant(entries: &[(Fr, usize)]) -> Option<Fr> {
    entries.iter().all(|(_, wire)| *wire == 0).then(|| entries.iter().map(|(c, _)| *c).sum())
}

pub(super) fn scaled(entries: &[(Fr, usize)], by: Fr) -> Entries {
    entries.iter().map(|(c, wire)| (*c * by, *wire)).collect()
}

/// `x − y`, merged, ascending by wire, without zeros.
pub(super) fn subtract(x: &[(Fr, usize)], y: &[(Fr, usize)]) -> Entries {
    merge(x.iter().copied().chain(scaled(y, -Fr::ONE)).collect())
}

/// Recognises `A · B = 0` as `L · (L − 1) = 0` up to factors, and returns `L`: there is ρ with
/// `ρA − B = β`, a constant other than zero. Then A = 0 gives L = 0, B = 0 gives L = 1 for `L = (ρ/β)·A`.
fn boolean(a: &[(Fr, usize)], b: &[(Fr, usize)]) -> Option<Entries> {
    let (first, wire) = a.iter().find(|(_, wire)| *wire != 0)?;
    let (other, _) = b.iter().find(|(_, w)| w == wire)?;
    let ratio = *other * first.inverse()?;
    let difference = subtract(&scaled(a, ratio), b);
    let beta = constant(&difference)?;
    Some(scaled(a, ratio * beta.inverse()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::builder::{Builder, Lc};
    use crate::core::shape::Shape;

    #[test]
    fn boolean_rows_are_recognised_up_to_factors() {
        let mut b = Builder::with_rows();
        let x = b.wire(Fr::ONE);
        let minus = |c: u64, b: &Builder| &x - &b.constant(Fr::from(c));
        b.row(&(&x * Fr::from(3u64)), &(&minus(1, &b) * Fr::from(5u64)), &Lc::default());
        b.row(&minus(1, &b), &x, &Lc::default());
        b.row(&x, &minus(2, &b), &Lc::default());
        b.row(&x, &x, &Lc::default());
        let (wires, rows) = b.finish();
        let shape = Shape::new(rows, 1, wires.len());
        let read = |row| Fact::read(shape.matrices(), row);
        assert_eq!(read(0), Fact::Boolean(vec![(Fr::ONE, 1)]));
        // (x − 1)·x: L = 1 − x, as good a bit as x.
        assert_eq!(read(1), Fact::Boolean(vec![(Fr::ONE, 0), (-Fr::ONE, 1)]));
        // x ∈ {0, 2}: L = x/2.
        assert_eq!(read(2), Fact::Boolean(vec![(Fr::from(2u64).inverse().unwrap(), 1)]));
        assert_eq!(read(3), Fact::Product(vec![1], vec![]));
        assert_eq!([0, 1, 2, 3].map(|row| read(row).bit()), [Some(1), Some(1), None, None]);
    }
}
