//! The authority's tree against its size: building it, and changing leaves in it.

use crate::error::BenchError;
use crate::fit::Fit;
use crate::fixture::rng;
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use rand::Rng;
use std::hint::black_box;
use std::num::NonZeroUsize;
use veilpass_protocol::field::Fr;
use veilpass_protocol::tree::Tree;

/// Sizes are powers of two with exponents from here.
pub const FROM: u32 = 10;
/// To here: 8,388,608 leaves, about 310 MB.
pub const TO: u32 = 23;
/// Leaves that an update changes: an hour's worth in a large country.
pub const CHANGES: usize = 1000;

/// `size` leaves. They are numbers, not hashes, which is all the same to the tree.
fn leaves(size: usize) -> Vec<Fr> {
    (1..=size as u64).map(Fr::from).collect()
}

/// `tree_build_<size>`: all levels from the leaves.
pub fn build(size: usize, threads: usize, effort: Effort) -> Result<Vec<Entry>, BenchError> {
    let (leaves, cores) = (leaves(size), NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN));
    let build = Subject::new(format!("tree_build_{size}"), Impl::Veilpass, || {
        black_box(Tree::from_leaves_on(cores, leaves.clone()).root());
        Ok(())
    });
    alternate(threads, effort, vec![build])
}

/// `tree_update_1_<size>` and `tree_update_1000_<size>`: so many leaves anywhere in the tree get other values.
pub fn update(size: usize, threads: usize, effort: Effort) -> Result<Vec<Entry>, BenchError> {
    let tree = Tree::from_leaves(leaves(size));
    let cores = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
    let subject = |count: usize| {
        let (mut tree, mut rng) = (tree.clone(), rng(7));
        Subject::new(format!("tree_update_{count}_{size}"), Impl::Veilpass, move || {
            let changes: Vec<(u64, Fr)> =
                (0..count).map(|_| (rng.gen_range(0..size as u64), Fr::from(rng.r#gen::<u64>()))).collect();
            tree.update_on(cores, &changes).map_err(BenchError::fixture)?;
            black_box(tree.root());
            Ok(())
        })
    };
    let (one, many) = (subject(1), subject(CHANGES));
    drop(tree);
    alternate(threads, effort, vec![one, many])
}

/// How each grows, on so many threads.
pub fn fits(results: &[Entry], threads: usize) -> Vec<Fit> {
    ["tree_build", "tree_update_1", "tree_update_1000"]
        .into_iter()
        .filter_map(|name| {
            let points = results.iter().filter(|e| e.threads == threads && e.by == Impl::Veilpass);
            let points = points.filter_map(|e| {
                let size: u32 = e.name.strip_prefix(name)?.strip_prefix('_')?.parse().ok()?;
                Some((f64::from(size), e.summary.median))
            });
            Fit::through(name, points.collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Summary;

    #[test]
    fn fits_take_their_own_results_only() {
        let entry = |name: &str, median: f64| Entry {
            name: name.into(),
            by: Impl::Veilpass,
            threads: 1,
            unit: "ms".into(),
            summary: Summary::exact(median),
        };
        let results = [
            entry("tree_build_1024", 1.0),
            entry("tree_build_2048", 2.0),
            entry("tree_build_2048_cpu", 9.0),
            entry("tree_update_1_1024", 1.0),
            entry("tree_update_1_2048", 1.0),
            entry("tree_update_1000_1024", 5.0),
        ];
        let fits = fits(&results, 1);
        let found: Vec<(&str, usize)> = fits.iter().map(|f| (f.name.as_str(), f.points.len())).collect();
        assert_eq!(found, [("tree_build", 2), ("tree_update_1", 2)]);
        assert!((fits[0].exponent - 1.0).abs() < 1e-12 && fits[1].exponent.abs() < 1e-12);
    }

    #[test]
    fn builds_and_updates_run() {
        let effort = Effort::of_rounds(1).of_few();
        assert_eq!(build(64, 1, effort).unwrap().len(), 2);
        assert_eq!(update(64, 1, effort).unwrap().len(), 4);
    }
}
