//! Every row taken away in turn: something must notice, or the row is idle.
//!
//! Either a wire no longer follows from the inputs, or a false statement exists that this row alone
//! refuses. Such statements are looked for by changing one input of a good assignment at a time and
//! computing all other wires from the rows ([`Propagation::solve`]).

use super::propagation::{Determined, Propagation};
use crate::core::shape::Matrices;
use ark_ff::{AdditiveGroup, Field};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use veilpass_protocol::field::Fr;

/// How each row is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deletions {
    /// Rows without which a wire does not follow.
    pub determining: usize,
    /// Rows that determine nothing, and that alone refuse some false statement.
    pub asserting: usize,
    /// Rows of which neither could be shown.
    pub idle: Vec<usize>,
}

/// Takes every row away in turn. `alone` are the rows that were seen to refuse something alone; `progress`
/// is told how many of all rows are done.
pub fn deletions(
    matrices: &Matrices,
    propagation: &Propagation<'_>,
    determined: &Determined,
    alone: &BTreeSet<usize>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Deletions {
    let rows: Vec<usize> = (0..matrices.rows()).collect();
    let done = AtomicUsize::new(0);
    let determining = in_parallel(&rows, |row| {
        let more = propagation.determine_without(row, determined).len() > determined.left.len();
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, rows.len());
        more
    });
    let mut out = Deletions::default();
    for (row, determining) in determining.into_iter().enumerate() {
        match (determining, alone.contains(&row)) {
            (true, _) => out.determining += 1,
            (false, true) => out.asserting += 1,
            (false, false) => out.idle.push(row),
        }
    }
    out
}

/// The rows that alone refuse some statement: each input of each good assignment is changed in several
/// ways, and what else follows is computed anew (a wire that does not follow keeps its value). Rows that determine a wire are not looked for: the search
/// ends once all others are found.
pub fn refusing_alone(
    matrices: &Matrices,
    propagation: &Propagation<'_>,
    determined: &Determined,
    witnesses: &[Vec<Fr>],
    chosen: Fr,
) -> BTreeSet<usize> {
    let inputs: Vec<usize> = propagation.given().filter(|wire| *wire != 0).collect();
    let determining: BTreeSet<usize> = determined.steps.iter().map(|step| step.row).collect();
    let wanted: BTreeSet<usize> = (0..matrices.rows()).filter(|row| !determining.contains(row)).collect();
    let mut alone = BTreeSet::new();
    for witness in witnesses {
        if alone.is_superset(&wanted) {
            break;
        }
        let of_input = |wire: usize| {
            let old = witness.get(wire).copied().unwrap_or_default();
            let single = |new: Fr| match propagation.broken_by(determined, witness, wire, new)[..] {
                [row] => Some(row),
                _ => None,
            };
            [Fr::ZERO, old + Fr::ONE, old - Fr::ONE, chosen].map(single)
        };
        alone.extend(in_parallel(&inputs, of_input).into_iter().flatten().flatten());
    }
    alone
}

/// Applies a function to all items, on all cores; the results are in the order of the items.
fn in_parallel<T: Copy + Sync, R: Send>(items: &[T], function: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            done.push((index, function(*item)));
        }
        done
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}
