//! Which wires follow from the inputs: a fixed point of three rules, each sound in the field.
//!
//! 1. **Product.** All wires of A and B are known and C has one unknown wire: it follows.
//! 2. **Linear.** A or B is a constant, so the row is a linear equation `Σ cᵢ wᵢ = known`. With one
//!    unknown wire, that follows.
//! 3. **Bits.** In an equation `Σ cᵢ bᵢ = known` all unknowns are boolean (each by a row of its own), and
//!    for some scale `s` the `s·cᵢ` are distinct powers of two below 2^253. Then all of them follow: as
//!    integers both sides are below 2^253 < r, and a number has one binary form. The equation is a linear
//!    row, or the definition of a combination `T` that a row makes boolean, `T − Σ cᵢ bᵢ = known`,
//!    where `T` is one more unknown bit.

use crate::shape::Matrices;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use std::collections::HashSet;
use veilpass_protocol::field::Fr;

/// Entries `(coefficient, wire)`; wire 0 is the constant one.
type Entries = Vec<(Fr, usize)>;

/// The wires that do not follow from wire 0 and `known`, ascending. Empty means: for given values of
/// `known` there is at most one assignment.
pub fn undetermined(matrices: &Matrices, known: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut known_wires = vec![false; matrices.wires];
    known
        .into_iter()
        .chain([0])
        .filter(|wire| *wire < matrices.wires)
        .for_each(|wire| known_wires[wire] = true);
    let mut state = State { known: known_wires, boolean: vec![false; matrices.wires] };
    let mut facts: Vec<Fact> = (0..matrices.rows()).filter_map(|row| Fact::read(matrices, row)).collect();
    for fact in &facts {
        if let Fact::Boolean(entries) = fact
            && let [(c, wire)] = entries[..]
            && c == Fr::ONE
        {
            state.boolean[wire] = true;
        }
    }
    loop {
        let before = facts.len();
        facts.retain(|fact| !state.apply(fact));
        if facts.len() == before {
            break;
        }
    }
    (0..matrices.wires).filter(|wire| !state.known[*wire]).collect()
}

/// What a row says, in the form that the rules use.
enum Fact {
    /// `A · B = C`: wires of A and B, and the entries of C.
    Product(HashSet<usize>, Entries),
    /// `Σ cᵢ wᵢ = 0`.
    Linear(Entries),
    /// `Σ cᵢ wᵢ ∈ {0, 1}`.
    Boolean(Entries),
}

impl Fact {
    fn read(matrices: &Matrices, row: usize) -> Option<Fact> {
        let [a, b, c] = [0, 1, 2].map(|m| matrices.abc[m].get(row));
        let (a, b, c) = (a?, b?, c?);
        if let Some(value) = constant(b) {
            return Some(Fact::Linear(subtract(&scaled(a, value), c)));
        }
        if let Some(value) = constant(a) {
            return Some(Fact::Linear(subtract(&scaled(b, value), c)));
        }
        if c.is_empty()
            && let Some(entries) = boolean(a, b)
        {
            return Some(Fact::Boolean(entries));
        }
        Some(Fact::Product(a.iter().chain(b).map(|(_, wire)| *wire).collect(), subtract(c, &[])))
    }
}

/// The value of a combination without wires.
fn constant(entries: &[(Fr, usize)]) -> Option<Fr> {
    entries.iter().all(|(_, wire)| *wire == 0).then(|| entries.iter().map(|(c, _)| *c).sum())
}

fn scaled(entries: &[(Fr, usize)], by: Fr) -> Entries {
    entries.iter().map(|(c, wire)| (*c * by, *wire)).collect()
}

/// `x − y`, merged, ascending by wire, without zeros.
fn subtract(x: &[(Fr, usize)], y: &[(Fr, usize)]) -> Entries {
    let mut all: Entries = x.iter().copied().chain(scaled(y, -Fr::ONE)).collect();
    all.sort_by_key(|(_, wire)| *wire);
    all.dedup_by(|next, kept| {
        let same = next.1 == kept.1;
        if same {
            kept.0 += next.0;
        }
        same
    });
    all.retain(|(c, _)| *c != Fr::ZERO);
    all
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

struct State {
    known: Vec<bool>,
    boolean: Vec<bool>,
}

impl State {
    /// Applies a fact; true if it has nothing more to give.
    fn apply(&mut self, fact: &Fact) -> bool {
        match fact {
            Fact::Product(factors, product) => {
                factors.iter().all(|wire| self.known[*wire]) && self.single(product)
            }
            Fact::Linear(entries) => self.single(entries) || self.bits(entries, None),
            Fact::Boolean(entries) => self.bits(entries, Some(Fr::ONE)),
        }
    }

    fn unknown(&self, entries: &[(Fr, usize)]) -> Entries {
        entries.iter().filter(|(_, wire)| !self.known[*wire]).copied().collect()
    }

    /// Rules 1 and 2.
    fn single(&mut self, entries: &[(Fr, usize)]) -> bool {
        let unknown = self.unknown(entries);
        if let [(_, wire)] = unknown[..] {
            self.known[wire] = true;
        }
        unknown.len() <= 1
    }

    /// Rule 3. `total` is the coefficient of T on the other side of the equation, if there is a T.
    fn bits(&mut self, entries: &[(Fr, usize)], total: Option<Fr>) -> bool {
        let unknown = self.unknown(entries);
        let weights: Vec<Fr> = total.into_iter().chain(unknown.iter().map(|(c, _)| -*c)).collect();
        let follows = unknown.iter().all(|(_, wire)| self.boolean[*wire]) && are_distinct_powers(&weights);
        if follows {
            unknown.iter().for_each(|(_, wire)| self.known[*wire] = true);
        }
        follows || unknown.is_empty()
    }
}

/// Whether some multiple of the weights are distinct powers of two, all below 2^253.
fn are_distinct_powers(weights: &[Fr]) -> bool {
    let Some(unit) = weights.first().and_then(Field::inverse) else { return false };
    let mut scale = unit;
    for _ in 0..LARGEST_WIDTH {
        let exponents: Option<HashSet<u32>> = weights.iter().map(|w| exponent(*w * scale)).collect();
        if exponents.is_some_and(|found| found.len() == weights.len()) {
            return true;
        }
        scale.double_in_place();
    }
    false
}

/// Sums of distinct powers below 2^253 stay below 2^253 < r.
const LARGEST_WIDTH: u32 = Fr::MODULUS_BIT_SIZE - 1;

/// `Some(e)` if the number is 2^e with e < 253.
fn exponent(x: Fr) -> Option<u32> {
    let number = x.into_bigint();
    let e = number.num_bits().checked_sub(1)?;
    (e < LARGEST_WIDTH && number.0.iter().map(|limb| limb.count_ones()).sum::<u32>() == 1).then_some(e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;
    use crate::system::{Builder, Lc};

    const NONE: [usize; 0] = [];

    fn power(e: u64) -> Fr {
        Fr::from(2u64).pow([e])
    }

    /// Runs a circuit whose wire 1 is the only input and returns what is left.
    fn left(circuit: impl FnOnce(&mut Builder, Lc)) -> Vec<usize> {
        let mut b = Builder::with_rows();
        let input = b.wire(Fr::ZERO);
        circuit(&mut b, input);
        let (wires, rows) = b.finish();
        undetermined(Shape::new(rows, 1, wires.len()).matrices(), [1])
    }

    /// Bits with the given weights; the last one is a wire too, or what is left of the input.
    fn decomposition(weights: &[Fr], top_is_a_wire: bool) -> Vec<usize> {
        left(|b, input| {
            let lower = if top_is_a_wire { weights } else { &weights[..weights.len() - 1] };
            let bits: Vec<Lc> = lower.iter().map(|_| b.wire(Fr::ZERO)).collect();
            bits.iter().for_each(|bit| b.boolean(bit));
            let rest = &input - &Lc::combine(lower.iter().copied().zip(&bits));
            if top_is_a_wire {
                let one = b.constant(Fr::from(7u64));
                b.row(&one, &rest, &Lc::default());
            } else {
                b.boolean(&(&rest * weights[weights.len() - 1].inverse().unwrap()));
            }
        })
    }

    #[test]
    fn products_and_linear_rows() {
        // Each closure adds one row with a new wire y (wire 2).
        let with_y = |row: fn(&mut Builder, &Lc, &Lc)| {
            left(|b, x| {
                let y = b.wire(Fr::ZERO);
                row(b, &x, &y);
            })
        };
        assert_eq!(with_y(|b, x, y| b.row(x, x, y)), NONE);
        assert_eq!(with_y(|b, x, y| b.row(x, y, x)), [2], "a quotient by 0 is free");
        assert_eq!(with_y(|b, x, y| b.row(y, y, x)), [2], "square roots are two");
        assert_eq!(with_y(|b, x, y| b.row(&(x - y), &b.constant(Fr::from(5u64)), y)), NONE);
        assert_eq!(with_y(|b, x, y| b.row(&b.constant(Fr::from(5u64)), &(x - y), y)), NONE);
        assert_eq!(with_y(|b, x, y| b.row(&(x + y), &b.constant(Fr::ONE), y)), [2], "y cancels out");
        assert_eq!(with_y(|b, x, y| b.row(&(x + y), &Lc::default(), x)), [2], "0 = x says nothing of y");
        let two = |b: &mut Builder, x: Lc| {
            let (y, z) = (b.wire(Fr::ZERO), b.wire(Fr::ZERO));
            b.row(&x, &b.constant(Fr::from(5u64)), &(&y + &z));
        };
        assert_eq!(left(two), [2, 3]);
    }

    #[test]
    fn bits_follow_only_from_distinct_powers_below_the_modulus() {
        let powers = |range: std::ops::Range<u64>| range.map(power).collect::<Vec<_>>();
        for top_is_a_wire in [true, false] {
            assert_eq!(decomposition(&powers(0..18), top_is_a_wire), NONE);
            assert_eq!(decomposition(&powers(0..253), top_is_a_wire), NONE);
            assert_ne!(decomposition(&powers(0..254), top_is_a_wire), NONE, "2^254 > r: two forms");
            assert_ne!(decomposition(&[power(0), power(1), power(1)], top_is_a_wire), NONE, "a weight twice");
            assert_ne!(decomposition(&[power(0), Fr::from(3u64), power(2)], top_is_a_wire), NONE);
            let shifted: Vec<Fr> = [0u64, 3, 9].map(|e| power(e) * Fr::from(77u64)).to_vec();
            assert_eq!(decomposition(&shifted, top_is_a_wire), NONE, "any scale");
            assert_ne!(
                decomposition(&[Fr::ONE, -Fr::from(2u64)], top_is_a_wire),
                NONE,
                "1 − 2·1 = −1: signs differ"
            );
        }
    }

    #[test]
    fn bits_must_be_boolean() {
        let one_is_not = |b: &mut Builder, x: Lc| {
            let (low, middle) = (b.wire(Fr::ZERO), b.wire(Fr::ZERO));
            b.boolean(&low);
            let rest = Lc::combine([(Fr::ONE, &x), (-Fr::ONE, &low), (-Fr::from(2u64), &middle)]);
            b.boolean(&(&rest * Fr::from(4u64).inverse().unwrap()));
        };
        assert_eq!(left(one_is_not), [2, 3]);
        let only_a_bit = |b: &mut Builder, _: Lc| {
            let bit = b.wire(Fr::ZERO);
            b.boolean(&bit);
        };
        assert_eq!(left(only_a_bit), [2], "a bit of nothing is free");
    }

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
        let read = |row| match Fact::read(shape.matrices(), row) {
            Some(Fact::Boolean(entries)) => Some(entries),
            _ => None,
        };
        assert_eq!(read(0), Some(vec![(Fr::ONE, 1)]));
        // (x − 1)·x: L = 1 − x, as good a bit as x.
        assert_eq!(read(1), Some(vec![(Fr::ONE, 0), (-Fr::ONE, 1)]));
        // x ∈ {0, 2}: L = x/2.
        assert_eq!(read(2), Some(vec![(Fr::from(2u64).inverse().unwrap(), 1)]));
        assert_eq!(read(3), None);
    }
}
