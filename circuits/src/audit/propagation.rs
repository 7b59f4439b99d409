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
//!
//! The order in which wires follow is a recipe as well: [`Propagation::solve`] computes an assignment from
//! the inputs by the rows alone, without the code that made them.

use super::facts::{Entries, Fact};
use crate::core::shape::Matrices;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::LazyLock;
use veilpass_protocol::field::Fr;

/// Why a wire is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Rule 1.
    Product,
    /// Rule 2.
    Linear,
    /// Rule 3.
    Bits,
}

/// One application of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The row that gave it.
    pub row: usize,
    /// The wires that follow.
    pub wires: Vec<usize>,
    /// How.
    pub rule: Rule,
}

/// The rows of a circuit, read once, and the wires that its inputs are.
pub struct Propagation<'a> {
    matrices: &'a Matrices,
    facts: Vec<Fact>,
    /// For each wire the rows in which it occurs.
    uses: Vec<Vec<usize>>,
    /// For each wire the rows that make it a bit.
    bit_rows: Vec<Vec<usize>>,
    given: Vec<bool>,
}

/// What follows from the inputs.
pub struct Determined {
    /// The steps, each using only inputs and wires of earlier steps.
    pub steps: Vec<Step>,
    /// Wires that do not follow, ascending.
    pub left: Vec<usize>,
}

impl<'a> Propagation<'a> {
    /// Reads the matrices. `given` are the inputs; the constant wire 0 is always one of them.
    pub fn new(matrices: &'a Matrices, given: impl IntoIterator<Item = usize>) -> Propagation<'a> {
        let facts: Vec<Fact> = (0..matrices.rows()).map(|row| Fact::read(matrices, row)).collect();
        let mut uses = vec![Vec::new(); matrices.wires];
        let mut bit_rows = vec![Vec::new(); matrices.wires];
        for (row, fact) in facts.iter().enumerate() {
            for wire in fact.wires() {
                if uses[wire].last() != Some(&row) {
                    uses[wire].push(row);
                }
            }
            if let Some(wire) = fact.bit() {
                bit_rows[wire].push(row);
            }
        }
        let mut is_given = vec![false; matrices.wires];
        given.into_iter().chain([0]).filter(|w| *w < matrices.wires).for_each(|w| is_given[w] = true);
        Propagation { matrices, facts, uses, bit_rows, given: is_given }
    }

    /// The wires that are inputs, the constant one included, ascending.
    pub fn given(&self) -> impl Iterator<Item = usize> {
        self.given.iter().enumerate().filter(|(_, given)| **given).map(|(wire, _)| wire)
    }

    /// Applies the rules until nothing more follows.
    pub fn determine(&self) -> Determined {
        self.state(self.given.clone(), None).run(0..self.facts.len())
    }

    /// The wires that do not follow without one row. `whole` is the outcome with all rows: steps of it that
    /// use neither the row nor what followed from it are kept.
    pub fn determine_without(&self, row: usize, whole: &Determined) -> Vec<usize> {
        let mut known = vec![true; self.matrices.wires];
        whole.left.iter().for_each(|wire| known[*wire] = false);
        let mut lost = Vec::new();
        for step in &whole.steps {
            let uses_row = step.row == row
                || (step.rule == Rule::Bits && step.wires.iter().any(|w| self.bit_rows[*w] == [row]));
            if uses_row || (!lost.is_empty() && self.touches(step.row, |wire| !known[wire])) {
                step.wires.iter().for_each(|wire| known[*wire] = false);
                lost.extend_from_slice(&step.wires);
            }
        }
        let again: BTreeSet<usize> = lost.iter().flat_map(|wire| &self.uses[*wire]).copied().collect();
        self.state(known, Some(row)).run(again.into_iter().filter(|other| *other != row)).left
    }

    fn touches(&self, row: usize, is: impl Fn(usize) -> bool) -> bool {
        self.facts[row].wires().any(is)
    }

    /// The assignment that follows from inputs by the steps of [`Propagation::determine`]. `inputs` has
    /// values at the given wires; others are overwritten, but for wires that do not follow. Rows that
    /// gave no step are not looked at: they may break.
    pub fn solve(&self, determined: &Determined, inputs: &[Fr]) -> Vec<Fr> {
        let mut values = inputs.to_vec();
        values.resize(self.matrices.wires, Fr::ZERO);
        determined.steps.iter().for_each(|step| self.take(step, &mut values));
        values
    }

    /// The rows that break when one input of a good assignment is changed and all else that follows is
    /// computed anew. Only what depends on the input is.
    pub fn broken_by(&self, determined: &Determined, good: &[Fr], input: usize, new: Fr) -> Vec<usize> {
        let mut values = good.to_vec();
        let mut changed = vec![false; values.len()];
        changed[input] = values[input] != new;
        values[input] = new;
        for step in determined.steps.iter() {
            if self.touches(step.row, |wire| changed[wire]) {
                self.take(step, &mut values);
                step.wires.iter().for_each(|wire| changed[*wire] = values[*wire] != good[*wire]);
            }
        }
        let broken =
            |row: &usize| self.touches(*row, |wire| changed[wire]) && !self.matrices.holds(*row, &values);
        (0..self.facts.len()).filter(broken).collect()
    }

    fn take(&self, step: &Step, values: &mut [Fr]) {
        step.wires.iter().for_each(|wire| values[*wire] = Fr::ZERO);
        match step.rule {
            Rule::Product | Rule::Linear => self.solve_single(step, values),
            Rule::Bits => self.solve_bits(step, values),
        }
    }

    /// The wire was set to zero: what is missing in the equation is its share.
    fn solve_single(&self, step: &Step, values: &mut [Fr]) {
        let [wire] = step.wires[..] else { return };
        let (entries, missing) = match &self.facts[step.row] {
            Fact::Product(_, entries) => {
                let [a, b, c] = self.matrices.evaluate(step.row, values);
                (entries, a * b - c)
            }
            Fact::Linear(entries) | Fact::Boolean(entries) => (entries, -sum(entries, values)),
        };
        let coefficient = entries.iter().find(|(_, w)| *w == wire).map(|(c, _)| *c).unwrap_or_default();
        // Most often it is 1, and an inversion costs as much as a long row.
        values[wire] = if coefficient == Fr::ONE {
            missing
        } else {
            missing * coefficient.inverse().unwrap_or_default()
        };
    }

    /// Reads the bits of the known side, scaled. A known side that is no such sum gives bits all the same:
    /// then the row breaks.
    fn solve_bits(&self, step: &Step, values: &mut [Fr]) {
        let (entries, total) = match &self.facts[step.row] {
            Fact::Linear(entries) => (entries, None),
            Fact::Boolean(entries) => (entries, Some(Fr::ONE)),
            Fact::Product(..) => return,
        };
        let unknown: Entries = entries.iter().filter(|(_, w)| step.wires.contains(w)).copied().collect();
        let Some(exponents) = exponents(&weights(&unknown, total)) else { return };
        // known = unit · Σ 2^eᵢ bitᵢ, and 2^(eᵢ − lowest) are whole numbers.
        let lowest = exponents.all.iter().min().copied().unwrap_or_default();
        let known = sum(entries, values) * exponents.inverse;
        let number = (known * power(-lowest)).into_bigint();
        let own = &exponents.all[exponents.all.len() - unknown.len()..];
        for ((_, wire), exponent) in unknown.iter().zip(own) {
            let position = usize::try_from(exponent - lowest).unwrap_or_default();
            values[*wire] = if number.get_bit(position) { Fr::ONE } else { Fr::ZERO };
        }
    }

    fn state(&self, known: Vec<bool>, without: Option<usize>) -> State<'_> {
        let mut is_bit: Vec<bool> = self.bit_rows.iter().map(|rows| !rows.is_empty()).collect();
        if let Some(wire) = without.and_then(|row| self.facts[row].bit()) {
            is_bit[wire] = self.bit_rows[wire].len() > 1;
        }
        State { all: self, known, is_bit, without, steps: Vec::new() }
    }
}

/// The wires that do not follow from wire 0 and `known`, ascending. Empty means: for given values of
/// `known` there is at most one assignment.
pub fn undetermined(matrices: &Matrices, known: impl IntoIterator<Item = usize>) -> Vec<usize> {
    Propagation::new(matrices, known).determine().left
}

fn sum(entries: &[(Fr, usize)], values: &[Fr]) -> Fr {
    entries.iter().map(|(c, wire)| values[*wire] * c).sum()
}

/// The weights of the unknown bits in `[T +] Σ weightᵢ bitᵢ = known`: that of `T` first, if there is one.
fn weights(unknown: &[(Fr, usize)], total: Option<Fr>) -> Vec<Fr> {
    total.into_iter().chain(unknown.iter().map(|(c, _)| -*c)).collect()
}

struct State<'a> {
    all: &'a Propagation<'a>,
    known: Vec<bool>,
    is_bit: Vec<bool>,
    without: Option<usize>,
    steps: Vec<Step>,
}

impl State<'_> {
    /// Applies the rules to these rows, and to those that share a wire with what follows.
    fn run(mut self, rows: impl Iterator<Item = usize>) -> Determined {
        let facts = &self.all.facts;
        let mut queue: VecDeque<usize> = rows.collect();
        let mut queued = vec![false; facts.len()];
        queue.iter().chain(&self.without).for_each(|row| queued[*row] = true);
        while let Some(row) = queue.pop_front() {
            queued[row] = false;
            let Some((rule, wires)) = self.apply(&facts[row]) else { continue };
            for wire in &wires {
                self.known[*wire] = true;
                for other in &self.all.uses[*wire] {
                    if !std::mem::replace(&mut queued[*other], true) {
                        queue.push_back(*other);
                    }
                }
            }
            self.steps.push(Step { row, wires, rule });
        }
        let left = (0..self.known.len()).filter(|wire| !self.known[*wire]).collect();
        Determined { steps: self.steps, left }
    }

    /// What a row gives now.
    fn apply(&self, fact: &Fact) -> Option<(Rule, Vec<usize>)> {
        match fact {
            Fact::Product(factors, product) => {
                if factors.iter().any(|wire| !self.known[*wire]) {
                    return None;
                }
                self.single(product).map(|wire| (Rule::Product, vec![wire]))
            }
            Fact::Linear(entries) => match self.single(entries) {
                Some(wire) => Some((Rule::Linear, vec![wire])),
                None => self.bits(entries, None).map(|wires| (Rule::Bits, wires)),
            },
            Fact::Boolean(entries) => self.bits(entries, Some(Fr::ONE)).map(|wires| (Rule::Bits, wires)),
        }
    }

    /// The only unknown wire.
    fn single(&self, entries: &[(Fr, usize)]) -> Option<usize> {
        let mut unknown = entries.iter().map(|(_, wire)| *wire).filter(|wire| !self.known[*wire]);
        let first = unknown.next()?;
        unknown.next().is_none().then_some(first)
    }

    /// Rule 3: the unknown wires, if they are bits that follow.
    fn bits(&self, entries: &[(Fr, usize)], total: Option<Fr>) -> Option<Vec<usize>> {
        let mut unknown = Entries::new();
        for (c, wire) in entries.iter().filter(|(_, wire)| !self.known[*wire]) {
            if !self.is_bit[*wire] {
                return None;
            }
            unknown.push((*c, *wire));
        }
        let follows = !unknown.is_empty()
            && exponents(&weights(&unknown, total)).is_some_and(|found| found.fit_without_wrapping());
        follows.then(|| unknown.into_iter().map(|(_, wire)| wire).collect())
    }
}

/// Weights as multiples `unit · 2^e` of the first of them.
struct Exponents {
    /// 1/unit.
    inverse: Fr,
    all: Vec<i32>,
}

impl Exponents {
    /// Distinct, and after scaling all below 2^253: sums of distinct powers below 2^253 stay below r.
    fn fit_without_wrapping(&self) -> bool {
        let mut sorted = self.all.clone();
        sorted.sort_unstable();
        let span = sorted.last().zip(sorted.first()).map(|(high, low)| high - low);
        sorted.windows(2).all(|pair| pair[0] < pair[1]) && span.is_some_and(|span| span < LARGEST_WIDTH)
    }
}

const LARGEST_WIDTH: i32 = Fr::MODULUS_BIT_SIZE as i32 - 1;

/// `None` if some ratio to the first weight is no power of two in ±252.
fn exponents(weights: &[Fr]) -> Option<Exponents> {
    static POWERS: LazyLock<HashMap<Fr, i32>> =
        LazyLock::new(|| (1 - LARGEST_WIDTH..LARGEST_WIDTH).map(|e| (power(e), e)).collect());
    let unit = *weights.first()?;
    // Mostly the 1 of a T.
    let inverse = if unit == Fr::ONE { unit } else { unit.inverse()? };
    let all: Option<Vec<i32>> = weights.iter().map(|w| POWERS.get(&(*w * inverse)).copied()).collect();
    all.map(|all| Exponents { inverse, all })
}

/// 2^e, also for negative e.
fn power(e: i32) -> Fr {
    let power = Fr::from(2u64).pow([u64::from(e.unsigned_abs())]);
    if e < 0 { power.inverse().unwrap_or_default() } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::builder::{Builder, Lc};
    use crate::core::shape::Shape;

    const NONE: [usize; 0] = [];

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
        let powers = |range: std::ops::Range<i32>| range.map(power).collect::<Vec<_>>();
        for top_is_a_wire in [true, false] {
            assert_eq!(decomposition(&powers(0..18), top_is_a_wire), NONE);
            assert_eq!(decomposition(&powers(0..253), top_is_a_wire), NONE);
            assert_ne!(decomposition(&powers(0..254), top_is_a_wire), NONE, "2^254 > r: two forms");
            assert_ne!(decomposition(&[power(0), power(1), power(1)], top_is_a_wire), NONE, "a weight twice");
            assert_ne!(decomposition(&[power(0), Fr::from(3u64), power(2)], top_is_a_wire), NONE);
            let shifted: Vec<Fr> = [0i32, 3, 9].map(|e| power(e) * Fr::from(77u64)).to_vec();
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
}
