//! All engines over one circuit, and what they found.

use super::{Propagation, Rule, Unsatisfied, deletions, jacobian, refusing_alone, structure, unnoticed};
use crate::core::shape::Matrices;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use veilpass_protocol::field::Fr;

/// A circuit to be looked at.
#[derive(Clone)]
pub struct Subject<'a> {
    /// Its rows.
    pub matrices: &'a Matrices,
    /// Its inputs, public and private; all other wires should follow from them. Public outputs (a root, a
    /// pseudonym) are left out: that they follow is part of the question.
    pub given: Vec<usize>,
    /// Labels of inputs of the source that have no wire in these rows.
    pub dropped: &'a [u64],
    /// Good assignments, typical and extreme ones, wire 0 = 1 first. At least one.
    pub witnesses: &'a [Vec<Fr>],
    /// Findings that are as they should be.
    pub accepted: &'a [Accepted],
    /// A random value: what wires are changed to, beside their neighbours.
    pub chosen: Fr,
}

/// A finding that has a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Which kind.
    pub kind: Kind,
    /// Of which wire or row; for [`Kind::InputDropped`], of which label.
    pub at: usize,
    /// Why it is no fault.
    pub reason: String,
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Engine {
    Structure,
    Mutation,
    Propagation,
    Jacobian,
    Deletion,
}

impl Engine {
    /// All of them, in the order in which they run.
    pub const ALL: [Engine; 5] =
        [Engine::Structure, Engine::Mutation, Engine::Propagation, Engine::Jacobian, Engine::Deletion];

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Structure => "structure",
            Engine::Mutation => "mutation",
            Engine::Propagation => "propagation",
            Engine::Jacobian => "jacobian",
            Engine::Deletion => "deletion",
        }
    }
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An input of the source that has no wire: no row uses it, or the compiler replaced it by other wires.
    InputDropped,
    /// A wire in no row.
    WireUnused,
    /// A wire that is computed in one row and used in none.
    WireDangling,
    /// A row that always holds.
    RowTrivial,
    /// A row that a combination could replace.
    RowLinear,
    /// A row that says what another one says.
    RowDuplicate,
    /// A wire of a good assignment was changed and no row broke.
    MutationUnnoticed,
    /// A wire that does not follow from the inputs.
    WireUndetermined,
    /// Wires that can move together while the inputs stand still.
    WiresFree,
    /// A row without which nothing changes.
    RowIdle,
}

impl Kind {
    /// Its name in reports and in lists of accepted findings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::InputDropped => "input_dropped",
            Kind::WireUnused => "wire_unused",
            Kind::WireDangling => "wire_dangling",
            Kind::RowTrivial => "row_trivial",
            Kind::RowLinear => "row_linear",
            Kind::RowDuplicate => "row_duplicate",
            Kind::MutationUnnoticed => "mutation_unnoticed",
            Kind::WireUndetermined => "wire_undetermined",
            Kind::WiresFree => "wires_free",
            Kind::RowIdle => "row_idle",
        }
    }

    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::InputDropped,
        Kind::WireUnused,
        Kind::WireDangling,
        Kind::RowTrivial,
        Kind::RowLinear,
        Kind::RowDuplicate,
        Kind::MutationUnnoticed,
        Kind::WireUndetermined,
        Kind::WiresFree,
        Kind::RowIdle,
    ];

    /// The engine that finds it.
    pub fn engine(self) -> Engine {
        match self {
            Kind::InputDropped
            | Kind::WireUnused
            | Kind::WireDangling
            | Kind::RowTrivial
            | Kind::RowLinear
            | Kind::RowDuplicate => Engine::Structure,
            Kind::MutationUnnoticed => Engine::Mutation,
            Kind::WireUndetermined => Engine::Propagation,
            Kind::WiresFree => Engine::Jacobian,
            Kind::RowIdle => Engine::Deletion,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The wires concerned.
    pub wires: Vec<usize>,
    /// The rows concerned.
    pub rows: Vec<usize>,
    /// Labels of the signals concerned that have no wire.
    pub labels: Vec<u64>,
    /// Why it is no fault; `None` is a fault.
    pub reason: Option<String>,
}

/// What an engine looked at, by name; the names are explained in `docs/notes/soundness.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineReport {
    /// The engine.
    pub engine: Engine,
    /// Numbers of things looked at.
    pub counts: BTreeMap<&'static str, usize>,
    /// Findings, with a reason or without.
    pub findings: usize,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows of the circuit.
    pub rows: usize,
    /// Wires of the circuit, the constant one included.
    pub wires: usize,
    /// Its inputs, the constant one left out.
    pub given: Vec<usize>,
    /// Good assignments that were used.
    pub witnesses: usize,
    /// Engine by engine.
    pub engines: Vec<EngineReport>,
    /// All findings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Findings that nobody gave a reason for.
    pub fn faults(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.reason.is_none())
    }

    /// The engines that found something without a reason.
    pub fn crying(&self) -> BTreeSet<Engine> {
        self.faults().map(|finding| finding.kind.engine()).collect()
    }
}

/// Runs all engines. `progress` is told the engine and how many of how many parts are done. Refused if a
/// witness does not satisfy the rows, or does not follow from its own inputs by them.
pub fn audit(
    subject: &Subject<'_>,
    progress: &(dyn Fn(Engine, usize, usize) + Sync),
) -> Result<Report, Unsatisfied> {
    let Subject { matrices, witnesses, .. } = *subject;
    let mut collected = Collected { accepted: subject.accepted, engines: Vec::new(), findings: Vec::new() };
    let given = || subject.given.iter().copied();

    progress(Engine::Structure, 0, 1);
    let seen = structure(matrices, given());
    let dropped = |label: &u64| Finding { labels: vec![*label], ..finding(Kind::InputDropped, &[], &[]) };
    let mut found: Vec<Finding> = subject.dropped.iter().map(dropped).collect();
    found.extend(seen.unused.iter().map(|wire| finding(Kind::WireUnused, &[*wire], &[])));
    found.extend(seen.dangling.iter().map(|wire| finding(Kind::WireDangling, &[*wire], &[])));
    found.extend(seen.trivial.iter().map(|row| finding(Kind::RowTrivial, &[], &[*row])));
    found.extend(seen.linear.iter().map(|row| finding(Kind::RowLinear, &[], &[*row])));
    found
        .extend(seen.duplicates.iter().map(|(one, other)| finding(Kind::RowDuplicate, &[], &[*other, *one])));
    collected.add(Engine::Structure, [("rows", matrices.rows()), ("wires", matrices.wires - 1)], found);

    let (mut wires, mut mutations) = (BTreeSet::new(), 0);
    for (i, witness) in witnesses.iter().enumerate() {
        progress(Engine::Mutation, i, witnesses.len());
        let outcome = unnoticed(matrices, witness, subject.chosen)?;
        mutations += outcome.tried;
        wires.extend(outcome.unnoticed.iter().map(|u| u.wire));
    }
    let found = wires.iter().map(|wire| finding(Kind::MutationUnnoticed, &[*wire], &[])).collect();
    collected.add(Engine::Mutation, [("witnesses", witnesses.len()), ("mutations", mutations)], found);

    progress(Engine::Propagation, 0, 1);
    let propagation = Propagation::new(matrices, given());
    let determined = propagation.determine();
    let by =
        |rule: Rule| determined.steps.iter().filter(|s| s.rule == rule).map(|s| s.wires.len()).sum::<usize>();
    let counts = [
        ("wires", matrices.wires - propagation.given().count()),
        ("by_product", by(Rule::Product)),
        ("by_linear_row", by(Rule::Linear)),
        ("by_bits", by(Rule::Bits)),
    ];
    let found = determined.left.iter().map(|wire| finding(Kind::WireUndetermined, &[*wire], &[])).collect();
    collected.add(Engine::Propagation, counts, found);

    let (mut full, mut peeled, mut columns, mut kernels) = (0, 0, 0, BTreeSet::new());
    for (i, witness) in witnesses.iter().enumerate() {
        progress(Engine::Jacobian, i, witnesses.len());
        let outcome = jacobian(matrices, witness, given());
        (columns, peeled) = (outcome.columns, outcome.peeled);
        full += usize::from(outcome.rank == outcome.columns);
        kernels.extend(outcome.kernel);
    }
    let counts = [
        ("columns", columns),
        ("peeled", peeled),
        ("points", witnesses.len()),
        ("points_of_full_rank", full),
    ];
    let found = kernels.iter().map(|wires| finding(Kind::WiresFree, wires, &[])).collect();
    collected.add(Engine::Jacobian, counts, found);

    progress(Engine::Deletion, 0, matrices.rows());
    let alone = refusing_alone(matrices, &propagation, &determined, witnesses, subject.chosen);
    let outcome = deletions(matrices, &propagation, &determined, &alone, &|done, total| {
        progress(Engine::Deletion, done, total);
    });
    let found = outcome.idle.iter().map(|row| finding(Kind::RowIdle, &[], &[*row])).collect();
    let counts =
        [("rows", matrices.rows()), ("determining", outcome.determining), ("asserting", outcome.asserting)];
    collected.add(Engine::Deletion, counts, found);

    Ok(Report {
        rows: matrices.rows(),
        wires: matrices.wires,
        given: propagation.given().filter(|wire| *wire != 0).collect(),
        witnesses: witnesses.len(),
        engines: collected.engines,
        findings: collected.findings,
    })
}

fn finding(kind: Kind, wires: &[usize], rows: &[usize]) -> Finding {
    Finding { kind, wires: wires.to_vec(), rows: rows.to_vec(), labels: Vec::new(), reason: None }
}

struct Collected<'a> {
    accepted: &'a [Accepted],
    engines: Vec<EngineReport>,
    findings: Vec<Finding>,
}

impl Collected<'_> {
    fn add<const N: usize>(
        &mut self,
        engine: Engine,
        counts: [(&'static str, usize); N],
        found: Vec<Finding>,
    ) {
        self.engines.push(EngineReport { engine, counts: counts.into(), findings: found.len() });
        self.findings.extend(found.into_iter().map(|finding| {
            let label = finding.labels.first().and_then(|label| usize::try_from(*label).ok());
            let at = finding.wires.first().or(finding.rows.first()).copied().or(label);
            let accepted = self.accepted.iter().find(|a| a.kind == finding.kind && Some(a.at) == at);
            Finding { reason: accepted.map(|a| a.reason.clone()), ..finding }
        }));
    }
}
