//! The plain check against the circuit, on statements true and false.
//!
//! Matrices say whether a wire is free; they cannot say whether the rows assert what they should. The plain
//! check ([`native_check`]) is a second reading of the same clauses that shares only the field and the hash;
//! here both judge the same random statements, many of them false in one clause, some impossible.

use super::cases::{self, Case};
use super::circuit::Attest;
use super::{clauses, native_check};
use crate::core::circuit::Circuit;
use crate::core::clause::Clause;
use crate::core::shape::{Combinations, Matrices};
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use veilpass_protocol::field::Fr;

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Statement i is made from seed + i.
    pub seed: u64,
    /// Statements that were judged.
    pub statements: u64,
    /// How many of them are true.
    pub satisfied: u64,
    /// How many are false, by the lowest clause that fails.
    pub refused: BTreeMap<Clause, u64>,
    /// Where the two said different things, [`SHOWN`] at most.
    pub differences: Vec<Difference>,
    /// How often they did.
    pub differing: u64,
}

/// Differences that are kept.
pub const SHOWN: usize = 16;

/// A statement on which the two differ. `None` is "true".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The seed of the statement.
    pub seed: u64,
    /// The plain check's failing clause.
    pub native: Option<Clause>,
    /// The circuit's.
    pub circuit: Option<Clause>,
}

/// The statement of a seed: a good one bent in one to three places, one in which a single clause is
/// tampered with, or nothing but random field elements.
pub fn statement(seed: u64) -> Case {
    let mut rng = StdRng::seed_from_u64(seed);
    match rng.gen_range(0..100) {
        0..80 => {
            let mut case = cases::random(&mut rng);
            cases::bend(&mut case, &mut rng);
            case
        }
        80..99 => {
            let clause = clauses::ALL[rng.gen_range(0..clauses::ALL.len())];
            cases::tamper(clause, &mut rng).0
        }
        _ => {
            let mut case = cases::random(&mut rng);
            let w = &mut case.witness;
            for value in [&mut w.k, &mut w.d, &mut w.packed, &mut w.link, &mut w.slot] {
                *value = Fr::rand(&mut rng);
            }
            case
        }
    }
}

/// Judges statements with the rows of `attest-v1`. `progress` is told how many are done, from any thread.
pub fn agreement(seed: u64, statements: u64, progress: &(dyn Fn(u64) + Sync)) -> Agreement {
    let (combinations, tags) = (Combinations::of(Attest.shape().matrices()), Attest.shape().tags());
    judge(seed, statements, progress, &statement, &|case| {
        let failing = combinations.failing_rows(&Attest.assign(&case.statement, &case.witness));
        failing.into_iter().filter_map(|row| tags.get(row)).map(|tag| tag.clause).min()
    })
}

/// The same with other rows, another way to the assignment, and other statements: for circuits that were
/// broken on purpose.
pub struct Variant<'a> {
    /// The rows.
    pub matrices: &'a Matrices,
    /// The clause of each row.
    pub clauses: &'a [Clause],
    /// The assignment that a prover makes for a statement.
    pub assign: &'a (dyn Fn(&Case) -> Vec<Fr> + Sync),
    /// The statement of a seed.
    pub statement: &'a (dyn Fn(u64) -> Case + Sync),
}

impl Variant<'_> {
    /// Judges statements.
    pub fn agreement(&self, seed: u64, statements: u64) -> Agreement {
        judge(seed, statements, &|_| {}, self.statement, &|case| {
            let assignment = (self.assign)(case);
            let failing = (0..self.matrices.rows()).filter(|row| !self.matrices.holds(*row, &assignment));
            failing.filter_map(|row| self.clauses.get(row).copied()).min()
        })
    }
}

fn judge(
    seed: u64,
    statements: u64,
    progress: &(dyn Fn(u64) + Sync),
    statement: &(dyn Fn(u64) -> Case + Sync),
    circuit: &(dyn Fn(&Case) -> Option<Clause> + Sync),
) -> Agreement {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let done = AtomicU64::new(0);
    let part = |first: u64| {
        let mut out = Agreement::default();
        for i in (first..statements).step_by(threads) {
            let seed = seed.wrapping_add(i);
            let case = statement(seed);
            let native = native_check(&case.statement, &case.witness).err();
            let circuit = circuit(&case);
            match native {
                None => out.satisfied += 1,
                Some(clause) => *out.refused.entry(clause).or_default() += 1,
            }
            if native != circuit {
                out.differing += 1;
                out.differences.push(Difference { seed, native, circuit });
                out.differences.truncate(SHOWN);
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        out
    };
    let mut all = Agreement { seed, statements, ..Agreement::default() };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads as u64).map(|first| scope.spawn(move || part(first))).collect();
        for part in parts {
            let part = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.satisfied += part.satisfied;
            all.differing += part.differing;
            all.differences.extend(part.differences);
            part.refused
                .into_iter()
                .for_each(|(clause, times)| *all.refused.entry(clause).or_default() += times);
        }
    });
    all.differences.sort_by_key(|difference| difference.seed);
    all.differences.truncate(SHOWN);
    all
}
