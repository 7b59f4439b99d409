//! Linear combinations, wires and rows.
//!
//! A combination carries its value next to its terms, so that one description of the circuit serves
//! three purposes: the matrices, the assignment, and (through [`crate::Synthesis`]) arkworks' own
//! constraint system. The terms are always merged, ascending by wire and without zeros: arkworks 0.6
//! keeps whatever it is given (`LinearCombination += term` does not even merge below six terms), and
//! the counts and the digest of contract §9 want one form.

use super::clause::{Clause, Tag};
use ark_ff::{AdditiveGroup, Field};
use std::collections::BTreeMap;
use std::ops::{Add, Mul, Sub};
use veilpass_protocol::field::Fr;
use zeroize::Zeroizing;

/// Index of a wire: 0 is the constant one, then the public inputs, then the private wires.
pub type Wire = u32;

/// A linear combination of wires and its value under the assignment at hand.
#[derive(Clone, Default)]
pub struct Lc {
    value: Fr,
    terms: Vec<(Wire, Fr)>,
}

impl Lc {
    /// Its value.
    pub fn value(&self) -> Fr {
        self.value
    }

    /// Its terms, ascending by wire, coefficients not zero. Empty if the builder keeps no rows.
    pub fn terms(&self) -> &[(Wire, Fr)] {
        &self.terms
    }

    /// `Σ coefficient · combination`.
    pub fn combine<'a>(parts: impl IntoIterator<Item = (Fr, &'a Lc)>) -> Lc {
        let mut value = Fr::ZERO;
        let mut terms = Vec::new();
        for (c, lc) in parts {
            value += if c == Fr::ONE { lc.value } else { c * lc.value };
            terms.extend(lc.terms.iter().map(|(wire, x)| (*wire, c * *x)));
        }
        terms.sort_unstable_by_key(|(wire, _)| *wire);
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        terms.retain(|(_, c)| *c != Fr::ZERO);
        Lc { value, terms }
    }
}

impl Add for &Lc {
    type Output = Lc;

    fn add(self, other: &Lc) -> Lc {
        Lc::combine([(Fr::ONE, self), (Fr::ONE, other)])
    }
}

impl Sub for &Lc {
    type Output = Lc;

    fn sub(self, other: &Lc) -> Lc {
        Lc::combine([(Fr::ONE, self), (-Fr::ONE, other)])
    }
}

impl Mul<Fr> for &Lc {
    type Output = Lc;

    fn mul(self, c: Fr) -> Lc {
        Lc::combine([(c, self)])
    }
}

/// One constraint `a · b = c` and what it belongs to.
pub struct Row {
    /// Left factor.
    pub a: Lc,
    /// Right factor: its wires cost a point in G2 each, so gadgets keep it small.
    pub b: Lc,
    /// Product.
    pub c: Lc,
    /// Clause and ledger line.
    pub tag: Tag,
}

/// The values of the rows under an assignment, and which clause they break.
#[derive(Default)]
pub struct RowValues {
    /// `A·z`, row by row.
    pub a: Zeroizing<Vec<Fr>>,
    /// `B·z`, row by row.
    pub b: Zeroizing<Vec<Fr>>,
    /// The lowest clause with a row where `a · b ≠ c`.
    pub failing: Option<Clause>,
}

/// What is kept of the rows.
enum Rows {
    /// Their combinations.
    Terms(Vec<Row>),
    /// Their values.
    Values(RowValues),
    Nothing,
}

/// Collects wires and rows while the gadgets run.
pub struct Builder {
    wires: Zeroizing<Vec<Fr>>,
    rows: Rows,
    tag: Tag,
    /// First wire and name of each part of the circuit; none where no rows are kept.
    parts: Vec<(usize, String)>,
}

/// Room for every wire of a circuit of usual size, so that the vector with the secrets is not moved as it grows.
const EXPECTED_WIRES: usize = 1 << 13;

impl Builder {
    /// A builder that keeps rows and wires: for the matrices.
    pub fn with_rows() -> Builder {
        Builder::new(Rows::Terms(Vec::new()))
    }

    /// A builder that keeps wires and the values of the rows: for a proof.
    pub fn with_values() -> Builder {
        let room = || Zeroizing::new(Vec::with_capacity(EXPECTED_WIRES));
        Builder::new(Rows::Values(RowValues { a: room(), b: room(), failing: None }))
    }

    /// A builder that keeps wires only and no terms: for the assignment, many times faster.
    pub fn wires_only() -> Builder {
        Builder::new(Rows::Nothing)
    }

    fn new(rows: Rows) -> Builder {
        let mut wires = Zeroizing::new(Vec::with_capacity(EXPECTED_WIRES));
        wires.push(Fr::ONE);
        let tag = Tag { clause: Clause::new(""), gadget: "" };
        Builder { wires, rows, tag, parts: Vec::new() }
    }

    /// The rows that follow belong to this clause and ledger line; the wires are named after them.
    pub fn enforce(&mut self, clause: Clause, gadget: &'static str) {
        self.tag = Tag { clause, gadget };
        self.part(|| format!("{gadget}.{clause}"));
    }

    /// The wires that follow are named after this part of the circuit. It is not asked for its name where
    /// nobody wants one.
    pub fn part(&mut self, name: impl FnOnce() -> String) {
        if matches!(self.rows, Rows::Terms(_)) {
            self.parts.push((self.wires.len(), name()));
        }
    }

    /// A name for each wire: `one`, then those of the inputs, then each part's with the number of the wire
    /// within it, `leaf.S2[17]`.
    pub fn names(&self, inputs: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut names: Vec<String> = std::iter::once("one".to_owned()).chain(inputs).collect();
        let mut parts = self.parts.iter().peekable();
        let mut part = "wire";
        let mut counts = BTreeMap::new();
        for wire in names.len()..self.wires.len() {
            while let Some((_, name)) = parts.next_if(|(first, _)| *first <= wire) {
                part = name;
            }
            let count: &mut usize = counts.entry(part).or_default();
            names.push(format!("{part}[{count}]"));
            *count += 1;
        }
        names
    }

    /// A constant: a multiple of wire 0.
    pub fn constant(&self, value: Fr) -> Lc {
        self.term(0, value, value)
    }

    /// A new wire.
    pub fn wire(&mut self, value: Fr) -> Lc {
        let index = self.wires.len() as Wire;
        self.wires.push(value);
        self.term(index, Fr::ONE, value)
    }

    fn term(&self, wire: Wire, coefficient: Fr, value: Fr) -> Lc {
        let wanted = matches!(self.rows, Rows::Terms(_)) && coefficient != Fr::ZERO;
        Lc { value, terms: wanted.then_some((wire, coefficient)).into_iter().collect() }
    }

    /// Adds the row `a · b = c`.
    pub fn row(&mut self, a: &Lc, b: &Lc, c: &Lc) {
        match &mut self.rows {
            Rows::Terms(rows) => rows.push(Row { a: a.clone(), b: b.clone(), c: c.clone(), tag: self.tag }),
            Rows::Values(values) => {
                values.a.push(a.value);
                values.b.push(b.value);
                if a.value * b.value != c.value
                    && values.failing.is_none_or(|lowest| self.tag.clause < lowest)
                {
                    values.failing = Some(self.tag.clause);
                }
            }
            Rows::Nothing => {}
        }
    }

    /// The product as a new wire: one row.
    pub fn product(&mut self, a: &Lc, b: &Lc) -> Lc {
        let c = self.wire(a.value * b.value);
        self.row(a, b, &c);
        c
    }

    /// `x ∈ {0, 1}`: one row `x · (x − 1) = 0`.
    pub fn boolean(&mut self, x: &Lc) {
        let minus_one = x - &self.constant(Fr::ONE);
        self.row(x, &minus_one, &Lc::default());
    }

    /// The assignment, wire 0 = 1 first, and the rows (none but from [`Builder::with_rows`]).
    pub fn finish(self) -> (Zeroizing<Vec<Fr>>, Vec<Row>) {
        match self.rows {
            Rows::Terms(rows) => (self.wires, rows),
            Rows::Values(_) | Rows::Nothing => (self.wires, Vec::new()),
        }
    }

    /// The assignment and the values of the rows (none but from [`Builder::with_values`]).
    pub fn finish_values(self) -> (Zeroizing<Vec<Fr>>, RowValues) {
        match self.rows {
            Rows::Values(values) => (self.wires, values),
            Rows::Terms(_) | Rows::Nothing => (self.wires, RowValues::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_merged_sorted_and_without_zeros() {
        let mut b = Builder::with_rows();
        let (x, y) = (b.wire(Fr::from(5u64)), b.wire(Fr::from(7u64)));
        let sum = &(&y + &x) + &(&b.constant(Fr::from(2u64)) + &x);
        assert_eq!(sum.terms(), [(0, Fr::from(2u64)), (1, Fr::from(2u64)), (2, Fr::ONE)]);
        assert_eq!(sum.value(), Fr::from(19u64));
        assert_eq!((&sum - &(&x * Fr::from(2u64))).terms(), [(0, Fr::from(2u64)), (2, Fr::ONE)]);
        assert!((&x - &x).terms().is_empty());
        assert!((&x * Fr::ZERO).terms().is_empty());
        assert!(b.constant(Fr::ZERO).terms().is_empty());
    }

    #[test]
    fn wires_have_names() {
        let build = |mut b: Builder| {
            let x = b.wire(Fr::ONE);
            b.product(&x, &x);
            b.enforce(Clause::new("S6"), "comparisons");
            b.product(&x, &x);
            b.product(&x, &x);
            b.part(|| "empty".into());
            b.part(|| "path.level3".into());
            b.product(&x, &x);
            b.enforce(Clause::new("S6"), "comparisons");
            b.product(&x, &x);
            b.names(["x".to_owned()])
        };
        let s6 = "comparisons.S6";
        let expected = [
            "one",
            "x",
            "wire[0]",
            &format!("{s6}[0]"),
            &format!("{s6}[1]"),
            "path.level3[0]",
            &format!("{s6}[2]"),
        ];
        assert_eq!(build(Builder::with_rows()), expected);
        assert_eq!(build(Builder::wires_only())[6], "wire[4]", "no names are kept");
    }

    #[test]
    fn wires_only_gives_the_same_values() {
        let run = |mut b: Builder| {
            let x = b.wire(Fr::from(3u64));
            let y = b.product(&x, &(&x + &b.constant(Fr::ONE)));
            b.boolean(&y);
            b.finish()
        };
        let (with_rows, wires_only) = (run(Builder::with_rows()), run(Builder::wires_only()));
        assert_eq!(with_rows.0, wires_only.0);
        assert_eq!((with_rows.1.len(), wires_only.1.len()), (2, 0));
    }
}
