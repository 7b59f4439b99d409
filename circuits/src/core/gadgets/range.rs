//! Fixed widths and comparisons (S2, S5 to S9, and the widths of the sets of S10 and S11).

use crate::core::builder::{Builder, Lc};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use std::sync::LazyLock;
use veilpass_protocol::field::Fr;

/// Enforces that `value` is a sum of distinct powers `2^p` with `p` in `positions` (ascending, below
/// 127), and returns the bits, one combination per position. Rows: one per position.
///
/// All bits but the top one are wires. The top one is what is left, `(value − Σ lower) / 2^top`, and
/// its boolean row is the check that nothing else is left: no extra row for the sum. Since
/// `2^(top+1) ≤ r`, at most one choice of bits satisfies the rows.
pub fn bits_at(b: &mut Builder, value: &Lc, positions: &[u32]) -> Vec<Lc> {
    let Some((top, lower)) = positions.split_last() else {
        // The empty sum is 0.
        let one = b.constant(Fr::ONE);
        b.row(value, &one, &Lc::default());
        return Vec::new();
    };
    let number = value.value().into_bigint();
    let mut bits = Vec::with_capacity(positions.len());
    for p in lower {
        let bit = b.wire(if number.get_bit(*p as usize) { Fr::ONE } else { Fr::ZERO });
        b.boolean(&bit);
        bits.push(bit);
    }
    let minus_lower = lower.iter().zip(&bits).map(|(p, bit)| (-power(*p), bit));
    let left = Lc::combine(std::iter::once((Fr::ONE, value)).chain(minus_lower));
    let top_bit = &left * HALF.pow([u64::from(*top)]);
    b.boolean(&top_bit);
    bits.push(top_bit);
    bits
}

/// Enforces `value < 2^width` and returns the bits, lowest first. Rows: `width`.
pub fn bits(b: &mut Builder, value: &Lc, width: u32) -> Vec<Lc> {
    let positions: Vec<u32> = (0..width).collect();
    bits_at(b, value, &positions)
}

/// Enforces `low ≤ high` as protocol.md defines it: `high − low`, as a field element, is below
/// `2^width`. For two numbers that are themselves below `2^width ≤ r/2` this is the order of numbers.
/// Rows: `width`.
pub fn assert_at_most(b: &mut Builder, low: &Lc, high: &Lc, width: u32) {
    bits(b, &(high - low), width);
}

/// `Σ bitᵢ · 2^i`: the number that bits (lowest first) stand for.
pub fn number(bits: &[Lc]) -> Lc {
    Lc::combine((0..).zip(bits).map(|(i, bit)| (power(i), bit)))
}

/// 1/2.
static HALF: LazyLock<Fr> = LazyLock::new(|| Fr::from(2u64).inverse().unwrap_or_default());

fn power(exponent: u32) -> Fr {
    Fr::from(1u128 << exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::shape::Shape;
    use veilpass_protocol::day::{Day, birth_limit};

    fn holds(gadget: impl FnOnce(&mut Builder)) -> bool {
        let mut b = Builder::with_rows();
        gadget(&mut b);
        let (wires, rows) = b.finish();
        Shape::new(rows, 1, wires.len()).failing_rows(&wires).next().is_none()
    }

    fn in_range(value: Fr, width: u32) -> bool {
        holds(|b| {
            let x = b.wire(value);
            assert_eq!(number(&bits(b, &x, width)).value(), value, "the bits always add up");
        })
    }

    #[test]
    fn widths_are_exact() {
        for width in [1, 2, 4, 8, 16, 18, 64, 126] {
            let end = power(width);
            for inside in [Fr::ZERO, Fr::ONE, end - Fr::ONE, end * *HALF] {
                assert!(in_range(inside, width), "{inside} in {width} bits");
            }
            for outside in [end, end + Fr::ONE, -Fr::ONE, -end, *HALF, end * *HALF - end, end.double()] {
                assert!(!in_range(outside, width), "{outside} in {width} bits");
            }
        }
    }

    #[test]
    fn no_width_means_zero() {
        assert!(in_range(Fr::ZERO, 0));
        let one_in_no_bits = holds(|b| {
            let x = b.wire(Fr::ONE);
            bits(b, &x, 0);
        });
        assert!(!one_in_no_bits);
    }

    #[test]
    fn gaps_must_be_zero() {
        let fits = |value: u64| {
            holds(|b| {
                let x = b.wire(Fr::from(value));
                bits_at(b, &x, &[0, 1, 4, 5]);
            })
        };
        let allowed: Vec<u64> = (0..128).filter(|v| v & !0b11_0011 == 0).collect();
        assert_eq!((0..128).filter(|v| fits(*v)).collect::<Vec<_>>(), allowed);
    }

    /// The comparison of S7 on every birth date 1900–2100, on the day before, of and after each
    /// threshold of W2. The oracle is the sentence "from the N-th anniversary, 29 February counting as
    /// 1 March in other years", which is the order of (year, month, day).
    ///
    /// The rows of the gadget are boolean rows, so they are evaluated here from the values of the bits;
    /// making matrices for 880,000 cases would take minutes and show nothing more.
    #[test]
    fn every_birth_date_around_every_threshold() {
        let mut cases = 0;
        for year in 1900..=2100 {
            let first = Day::from_ymd(year, 1, 1).unwrap().number();
            let end = Day::from_ymd(year + 1, 1, 1).unwrap().number();
            let mut b = Builder::wires_only();
            for born in (first..end).map(|n| Day::new(n).unwrap()) {
                for age in [14u8, 16, 18, 60] {
                    cases += around_the_threshold(&mut b, born, age);
                }
            }
        }
        assert_eq!(cases, 73_414 * 4 * 3, "201 years of which 49 are leap years");
    }

    fn around_the_threshold(b: &mut Builder, born: Day, age: u8) -> u32 {
        let (year, month, day) = born.ymd();
        let year = year + i32::from(age);
        let turns = Day::from_ymd(year, month, day).or_else(|| Day::from_ymd(year, 3, 1)).unwrap();
        for shift in [-1, 0, 1] {
            let today = turns.checked_add(shift).unwrap();
            let limit = birth_limit(today, age.into()).unwrap();
            let low = b.wire(Fr::from(born.number()));
            let high = b.wire(Fr::from(limit.number()));
            let bits = bits(b, &(&high - &low), 18);
            let accepted = bits.iter().map(Lc::value).all(|x| x * (x - Fr::ONE) == Fr::ZERO);
            assert_eq!(accepted, (year, month, day) <= today.ymd(), "born {born}, {age} on {today}");
        }
        3
    }
}
