//! Rows of the circuit by gadget and by clause: counted, not measured.

use crate::report::{Entry, Impl};
use crate::stats::Summary;
use veilpass_circuits::attest::clauses;
use veilpass_circuits::{Attest, Circuit, Shape};

/// `rows`, `rows_<gadget>` and `rows_<clause>` of `attest-v1`. Gadgets add up to the whole, and so do clauses.
pub fn rows() -> Vec<Entry> {
    of(Attest.shape())
}

/// The same of any circuit.
pub fn of(shape: &Shape) -> Vec<Entry> {
    let entry = |name: String, rows: usize| Entry {
        name,
        by: Impl::Veilpass,
        threads: 1,
        unit: "rows".into(),
        summary: Summary::exact(rows as f64),
    };
    let mut entries = vec![entry("rows".into(), shape.rows())];
    let gadgets = shape.stats().gadgets.into_iter();
    entries.extend(gadgets.map(|line| entry(format!("rows_{}", line.name), line.rows)));
    let clauses = clauses::ALL.iter().map(|clause| {
        let count = shape.tags().iter().filter(|tag| tag.clause == *clause).count();
        (clause, count)
    });
    entries.extend(clauses.filter(|c| c.1 > 0).map(|(clause, count)| entry(format!("rows_{clause}"), count)));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gadgets_and_clauses_add_up() {
        let rows = rows();
        let sum = |names: Vec<String>| -> f64 {
            rows.iter().filter(|e| names.contains(&e.name)).map(|e| e.summary.median).sum()
        };
        let whole = rows[0].summary.median;
        assert_eq!(whole, Attest.shape().rows() as f64);
        assert_eq!(sum(Attest.ledger().iter().map(|g| format!("rows_{g}")).collect()), whole);
        assert_eq!(sum(clauses::ALL.iter().map(|c| format!("rows_{c}")).collect()), whole);
    }
}
