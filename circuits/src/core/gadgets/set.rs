//! Sets and optional equality (S10 to S13).

use crate::core::builder::{Builder, Lc};
use ark_ff::Field;
use veilpass_protocol::field::Fr;

/// Enforces that bit number `Σ selectorᵢ·2^i` of `set` is 1. `set` has `2^n` bits, lowest first, for n
/// selectors; both are boolean already. Rows: `2^n − 1`. Panics if the lengths do not fit, which is a
/// slip in a circuit's source and no matter of its inputs.
///
/// A tree of choices `low + s·(high − low)`; the row of the last choice says that the result is 1.
pub fn assert_selected(b: &mut Builder, set: &[Lc], selectors: &[Lc]) {
    assert!(!selectors.is_empty() && set.len() == 1 << selectors.len(), "2^n bits for n selectors");
    let (last, lower) = (&selectors[selectors.len() - 1], &selectors[..selectors.len() - 1]);
    let mut layer = set.to_vec();
    for selector in lower {
        layer = layer.chunks_exact(2).map(|pair| choose(b, selector, &pair[0], &pair[1])).collect();
    }
    let (low, high) = (&layer[0], &layer[1]);
    let missing = &b.constant(Fr::ONE) - low;
    b.row(&(high - low), last, &missing);
}

/// `low` if the bit is 0, `high` if it is 1: one row, one wire.
fn choose(b: &mut Builder, bit: &Lc, low: &Lc, high: &Lc) -> Lc {
    let difference = high - low;
    let chosen = b.wire(low.value() + bit.value() * difference.value());
    b.row(&difference, bit, &(&chosen - low));
    chosen
}

/// Enforces that `asked` is 0 or equal to `attribute`: one row `asked · (asked − attribute) = 0`.
pub fn assert_zero_or_equal(b: &mut Builder, asked: &Lc, attribute: &Lc) {
    let difference = asked - attribute;
    b.row(&difference, asked, &Lc::default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::gadgets::range::bits;
    use crate::core::shape::Shape;

    fn selected(set: u64, width: u32, index: u64) -> bool {
        let mut b = Builder::with_rows();
        let set = b.wire(Fr::from(set));
        let set = bits(&mut b, &set, width);
        let index = b.wire(Fr::from(index));
        let selectors = bits(&mut b, &index, width.ilog2());
        assert_selected(&mut b, &set, &selectors);
        let (wires, rows) = b.finish();
        assert_eq!(rows.len() as u32, width + width.ilog2() + width - 1);
        Shape::new(rows, 1, wires.len()).failing_rows(&wires).next().is_none()
    }

    #[test]
    fn all_sets_of_four() {
        for set in 0..16 {
            for index in 0..4 {
                assert_eq!(selected(set, 4, index), set >> index & 1 == 1, "{index} in {set:04b}");
            }
        }
    }

    #[test]
    fn sets_of_sixteen() {
        for index in 0..16 {
            for set in [0, 1 << index, 0xffff ^ (1 << index), 0xffff, 0b1110, 0xa5c3] {
                assert_eq!(selected(set, 16, index), set >> index & 1 == 1, "{index} in {set:016b}");
            }
        }
    }

    #[test]
    fn zero_or_equal() {
        let holds = |asked: u64, attribute: u64| {
            let mut b = Builder::with_rows();
            let (asked, attribute) = (b.wire(Fr::from(asked)), b.wire(Fr::from(attribute)));
            assert_zero_or_equal(&mut b, &asked, &attribute);
            let (wires, rows) = b.finish();
            Shape::new(rows, 1, wires.len()).failing_rows(&wires).next().is_none()
        };
        assert!(holds(0, 0) && holds(0, 156) && holds(156, 156));
        assert!(!holds(156, 0) && !holds(1, 156) && !holds(156, 1));
    }
}
