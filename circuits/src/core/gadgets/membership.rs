//! Membership without an index (S1).

use crate::core::builder::{Builder, Lc};

/// Enforces that `current` is one of `children`: `∏ (childᵢ − current) = 0`, 7 rows.
///
/// A field has no zero divisors, so the product is zero only if a factor is. The position stays out of
/// the circuit: no path bits that could be something else than bits.
pub fn assert_member(b: &mut Builder, current: &Lc, children: &[Lc; 8]) {
    let [first, second, middle @ .., last] = children;
    let mut product = b.product(&(first - current), &(second - current));
    for child in middle {
        product = b.product(&product, &(child - current));
    }
    b.row(&product, &(last - current), &Lc::default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::shape::Shape;
    use veilpass_protocol::field::Fr;

    fn failing(current: u64, children: [u64; 8]) -> (usize, Vec<usize>) {
        let mut b = Builder::with_rows();
        let current = b.wire(Fr::from(current));
        let children = children.map(|x| b.wire(Fr::from(x)));
        assert_member(&mut b, &current, &children);
        let (wires, rows) = b.finish();
        let shape = Shape::new(rows, 1, wires.len());
        (shape.rows(), shape.failing_rows(&wires).collect())
    }

    #[test]
    fn every_place_and_no_other_value() {
        let children = [10, 11, 12, 13, 14, 15, 16, 17];
        for current in children {
            assert_eq!(failing(current, children), (7, vec![]));
        }
        for current in [0, 9, 18, u64::MAX] {
            assert_eq!(failing(current, children), (7, vec![6]));
        }
        assert_eq!(failing(3, [3; 8]), (7, vec![]));
    }
}
