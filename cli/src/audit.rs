//! `veilpass params audit`: the mechanical checks of `attest-v1`, or of somebody else's circuit.

use crate::common::read;
use crate::outcome::{Failure, Reply};
use crate::progress;
use clap::Args;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use veilpass_circuits::attest::agreement::{Agreement, agreement};
use veilpass_circuits::attest::audit as attest;
use veilpass_circuits::attest::controls::{self, Outcome};
use veilpass_circuits::audit::{Accepted, Engine, EngineReport, Kind, Report, Subject, Unsatisfied, audit};
use veilpass_circuits::shape::Matrices;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::circom::{FormatError, read_r1cs, read_sym, read_wtns};

/// What to look at, and how long.
#[derive(Debug, Args)]
pub struct Audit {
    /// Random statements on which the plain check and the circuit must agree; a million take an hour of processor time
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    statements: u64,
    /// What all random choices follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Another circuit instead of attest-v1: its .r1cs file
    #[arg(long, requires = "wtns", conflicts_with = "statements")]
    r1cs: Option<PathBuf>,
    /// A good assignment of it, as .wtns; several times for several
    #[arg(long, requires = "r1cs")]
    wtns: Vec<PathBuf>,
    /// Names of its wires, as .sym
    #[arg(long, requires = "r1cs")]
    sym: Option<PathBuf>,
    /// Findings that have a reason, as JSON: [{"kind":"row_linear","at":12,"reason":"…"}]
    #[arg(long, requires = "r1cs")]
    accepted: Option<PathBuf>,
}

/// Statements whose matrices are made anew and compared with the pinned ones.
const SHAPES: u64 = 100;
/// Statements that each broken circuit is tried on.
const TRIED_ON_CONTROLS: u64 = 80;

/// Runs the engines; exit 1 if something is found that nobody gave a reason for.
pub fn run(arguments: &Audit) -> Result<Reply, Failure> {
    let bar = progress::spinner("reading");
    let answer = match &arguments.r1cs {
        None => own(arguments, &bar)?,
        Some(path) => foreign(arguments, path, &bar)?,
    };
    bar.finish_and_clear();
    let (text, ok) = (answer.text(), answer.ok);
    Ok(Reply::new(&answer, text.trim_end())?.refusing(!ok))
}

fn own(arguments: &Audit, bar: &ProgressBar) -> Result<Answer, Failure> {
    let Audit { statements, seed, .. } = *arguments;
    let (witnesses, accepted) = (attest::witnesses(seed), attest::accepted());
    let subject = attest::subject(&witnesses, &accepted, seed);
    let report = engines(&subject, bar)?;
    bar.set_message(format!("the matrices of {SHAPES} statements"));
    let same_shape = SameShape { statements: SHAPES, same: attest::same_shape(seed, SHAPES) };
    let mut outcomes = Vec::new();
    for control in controls::controls() {
        bar.set_message(format!("a circuit broken on purpose: {}", control.name));
        outcomes.push(control.run(seed, TRIED_ON_CONTROLS).map_err(|e| Failure::fault(control.name, e))?);
    }
    let agreement = agreement(seed, statements, &|done| {
        if done.is_multiple_of(256) {
            bar.set_message(format!("plain check and circuit: {done} of {statements} statements"));
        }
    });
    let statements = Statements { same_shape, agreement, controls: outcomes };
    let wires: BTreeMap<usize, String> = Attest.wire_names().into_iter().enumerate().collect();
    let names = Names { wires, labels: BTreeMap::new(), inputs_from: InputsFrom::Statement };
    Ok(Answer::new("attest-v1".to_owned(), subject.matrices, seed, report, &names, Some(statements)))
}

fn foreign(arguments: &Audit, path: &Path, bar: &ProgressBar) -> Result<Answer, Failure> {
    let refused = |path: &Path| {
        let path = path.display().to_string();
        move |e: FormatError| Failure::refused("file_damaged", format!("{path}: {e}"))
    };
    let circuit = read_r1cs(&read(path)?).map_err(refused(path))?;
    let mut witnesses = Vec::new();
    for path in &arguments.wtns {
        let witness = read_wtns(&read(path)?).map_err(refused(path))?;
        if witness.len() != circuit.matrices.wires {
            let counts = format!("{} values for {} wires", witness.len(), circuit.matrices.wires);
            return Err(Failure::refused("file_damaged", format!("{}: {counts}", path.display())));
        }
        witnesses.push(witness.to_vec());
    }
    let inputs = circuit.inputs().map_err(refused(path))?;
    let mut names =
        Names { wires: BTreeMap::new(), labels: BTreeMap::new(), inputs_from: InputsFrom::Labels };
    if let Some(path) = &arguments.sym {
        let symbols = read_sym(&read(path)?).map_err(refused(path))?;
        circuit.check_symbols(&symbols).map_err(refused(path))?;
        names.inputs_from = InputsFrom::LabelsAndNames;
        for symbol in symbols {
            match symbol.wire {
                Some(wire) => names.wires.insert(wire as usize, symbol.name),
                None => names.labels.insert(symbol.label, symbol.name),
            };
        }
    }
    let accepted = match &arguments.accepted {
        None => Vec::new(),
        Some(path) => reasons(path)?,
    };
    let chosen = attest::chosen(arguments.seed);
    let subject = Subject {
        matrices: &circuit.matrices,
        given: inputs.wires(),
        dropped: &inputs.dropped,
        witnesses: &witnesses,
        accepted: &accepted,
        chosen,
    };
    let report = engines(&subject, bar)?;
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Answer::new(name, &circuit.matrices, arguments.seed, report, &names, None))
}

fn engines(subject: &Subject<'_>, bar: &ProgressBar) -> Result<Report, Failure> {
    let progress = |engine: Engine, done: usize, total: usize| {
        if done.is_multiple_of(32) {
            bar.set_message(format!("{}: {done} of {total}", engine.as_str()));
        }
    };
    let unsatisfied = |e: Unsatisfied| Failure::refused("not_satisfied", e);
    audit(subject, &progress).map_err(unsatisfied)
}

/// A line of the file with reasons.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    kind: String,
    at: usize,
    reason: String,
}

fn reasons(path: &Path) -> Result<Vec<Accepted>, Failure> {
    let bad = |detail: String| Failure::Usage(format!("--accepted {}: {detail}", path.display()));
    let listed: Vec<Reason> = serde_json::from_slice(&read(path)?).map_err(|e| bad(e.to_string()))?;
    let accepted = listed.into_iter().map(|Reason { kind, at, reason }| {
        let known = Kind::ALL.into_iter().find(|k| k.as_str() == kind);
        let kind = known.ok_or_else(|| bad(format!("there is no finding of kind {kind:?}")))?;
        if reason.trim().is_empty() {
            return Err(bad(format!("no reason is given for {} at {at}", kind.as_str())));
        }
        Ok(Accepted { kind, at, reason })
    });
    accepted.collect()
}

/// What tells which wires are inputs.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum InputsFrom {
    /// The statement of `attest-v1`.
    Statement,
    /// The labels of the `.r1cs` file, which count inputs as circom 2 does.
    Labels,
    /// The same, held against the `.sym` file.
    LabelsAndNames,
}

/// Names of wires, and of signals without a wire by their label.
struct Names {
    wires: BTreeMap<usize, String>,
    labels: BTreeMap<u64, String>,
    inputs_from: InputsFrom,
}

impl Names {
    fn wire(&self, wire: usize) -> NamedWire {
        NamedWire { wire, name: self.wires.get(&wire).cloned().unwrap_or_default() }
    }

    fn label(&self, label: u64) -> NamedLabel {
        NamedLabel { label, name: self.labels.get(&label).cloned().unwrap_or_default() }
    }
}

/// Contract §9.
#[derive(Serialize)]
struct Answer {
    circuit: String,
    shape: String,
    ok: bool,
    seed: u64,
    rows: usize,
    wires: usize,
    given: usize,
    inputs: Vec<NamedWire>,
    inputs_from: InputsFrom,
    witnesses: usize,
    engines: Vec<EngineReport>,
    findings: Vec<NamedFinding>,
    #[serde(flatten)]
    statements: Option<Statements>,
}

/// What can be asked only of a circuit whose statement is known.
#[derive(Serialize)]
struct Statements {
    same_shape: SameShape,
    agreement: Agreement,
    controls: Vec<Outcome>,
}

#[derive(Serialize)]
struct SameShape {
    statements: u64,
    same: u64,
}

impl Statements {
    fn ok(&self) -> bool {
        let cried: BTreeSet<Engine> = self.controls.iter().flat_map(|c| c.cried.iter().copied()).collect();
        self.same_shape.same == self.same_shape.statements
            && self.agreement.differing == 0
            && self.controls.iter().all(|control| control.as_expected)
            && cried == BTreeSet::from(Engine::ALL)
    }
}

#[derive(Serialize)]
struct NamedFinding {
    kind: Kind,
    wires: Vec<NamedWire>,
    rows: Vec<usize>,
    signals: Vec<NamedLabel>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct NamedWire {
    wire: usize,
    name: String,
}

/// A signal without a wire.
#[derive(Serialize)]
struct NamedLabel {
    label: u64,
    name: String,
}

/// `wire 12 (main.x)`, or the number alone.
fn place(what: &str, number: impl std::fmt::Display, name: &str) -> String {
    if name.is_empty() { format!("{what} {number}") } else { format!("{what} {number} ({name})") }
}

impl Answer {
    fn new(
        circuit: String,
        matrices: &Matrices,
        seed: u64,
        report: Report,
        names: &Names,
        statements: Option<Statements>,
    ) -> Answer {
        let ok = report.faults().next().is_none() && statements.as_ref().is_none_or(Statements::ok);
        let Report { rows, wires, given, witnesses, engines, findings } = report;
        let findings = findings.into_iter().map(|finding| NamedFinding {
            kind: finding.kind,
            wires: finding.wires.into_iter().map(|wire| names.wire(wire)).collect(),
            rows: finding.rows,
            signals: finding.labels.into_iter().map(|label| names.label(label)).collect(),
            reason: finding.reason,
        });
        Answer {
            circuit,
            shape: matrices.digest().iter().map(|byte| format!("{byte:02x}")).collect(),
            ok,
            seed,
            rows,
            wires,
            given: given.len(),
            inputs: given.into_iter().map(|wire| names.wire(wire)).collect(),
            inputs_from: names.inputs_from,
            witnesses,
            engines,
            findings: findings.collect(),
            statements,
        }
    }

    /// For people. Findings with a reason are shown as well: a reason is an opinion.
    fn text(&self) -> String {
        let mut out = format!(
            "{}: {} rows, {} wires of which {} are inputs, {} good assignments\n",
            self.circuit, self.rows, self.wires, self.given, self.witnesses
        );
        let from = match self.inputs_from {
            InputsFrom::Statement => "",
            InputsFrom::Labels => ", by the labels of the .r1cs file; a .sym file would name and check them",
            InputsFrom::LabelsAndNames => ", by the labels of the .r1cs file, which agree with the .sym file",
        };
        let mut inputs: Vec<String> =
            self.inputs.iter().take(SHOWN).map(|input| place("wire", input.wire, &input.name)).collect();
        match self.inputs.len() {
            0 => inputs.push("none".to_owned()),
            all if all > SHOWN => inputs.push(format!("{} more (--json shows all)", all - SHOWN)),
            _ => {}
        }
        _ = writeln!(out, "  taken for inputs{from}: {}", inputs.join(", "));
        for EngineReport { engine, counts, findings } in &self.engines {
            let counts: Vec<String> =
                counts.iter().map(|(name, count)| format!("{} {count}", name.replace('_', " "))).collect();
            _ = writeln!(out, "  {:<12} {:>2} found   {}", engine.as_str(), findings, counts.join(", "));
        }
        for finding in self.findings.iter().take(SHOWN) {
            _ = writeln!(out, "  {}", finding.text());
        }
        if self.findings.len() > SHOWN {
            _ = writeln!(out, "  and {} more findings: --json shows all", self.findings.len() - SHOWN);
        }
        if let Some(Statements { same_shape, agreement, controls }) = &self.statements {
            _ = writeln!(
                out,
                "  shape        the same for {} of {} statements",
                same_shape.same, same_shape.statements
            );
            let refused: Vec<String> =
                agreement.refused.iter().map(|(clause, times)| format!("{clause} {times}")).collect();
            _ = writeln!(
                out,
                "  plain check  {} statements from seed {}: {} true; false by {}; {} on which the circuit differs",
                agreement.statements,
                agreement.seed,
                agreement.satisfied,
                refused.join(", "),
                agreement.differing
            );
            for d in &agreement.differences {
                let said = |clause: Option<_>| clause.map_or("true".to_owned(), |c| format!("false by {c}"));
                _ = writeln!(
                    out,
                    "    seed {}: plain check {}, circuit {}",
                    d.seed,
                    said(d.native),
                    said(d.circuit)
                );
            }
            _ = writeln!(out, "  circuits broken on purpose, and who cried:");
            for control in controls {
                let mut cried: Vec<&str> = control.cried.iter().map(|engine| engine.as_str()).collect();
                if control.differing > 0 {
                    cried.push("plain check");
                }
                let mark = if control.as_expected { "as expected" } else { "NOT AS EXPECTED" };
                _ = writeln!(out, "    {:<20} {mark}: {}", control.name, cried.join(", "));
            }
        }
        out += if self.ok { "Nothing without a reason." } else { "Something was found." };
        out
    }
}

/// Findings that the text shows.
const SHOWN: usize = 20;

impl NamedFinding {
    fn text(&self) -> String {
        let what = match self.kind {
            Kind::InputDropped => {
                "this input has no wire: no row uses it, or the compiler replaced it by other wires; compile with --O0 \
                 to have every input audited"
            }
            Kind::WireUnused => "in no row",
            Kind::WireDangling => "computed, and used by nothing",
            Kind::RowTrivial => "holds whatever the wires are",
            Kind::RowLinear => "a combination would do",
            Kind::RowDuplicate => "says the same",
            Kind::MutationUnnoticed => "can be changed, and no row breaks",
            Kind::WireUndetermined => "does not follow from the inputs",
            Kind::WiresFree => "can move together",
            Kind::RowIdle => "without it nothing changes",
        };
        let wires = self.wires.iter().take(8).map(|wire| place("wire", wire.wire, &wire.name));
        let signals = self.signals.iter().map(|signal| place("label", signal.label, &signal.name));
        let rows = self.rows.iter().map(|row| format!("row {row}"));
        let mut places: Vec<String> = wires.chain(rows).chain(signals).collect();
        if self.wires.len() > 8 {
            places.push(format!("{} more wires", self.wires.len() - 8));
        }
        let reason =
            self.reason.as_ref().map_or("no reason is known".to_owned(), |r| format!("accepted: {r}"));
        format!("{} [{}]: {what} – {reason}", places.join(", "), self.kind.as_str())
    }
}
