//! Peak memory, each in a process of its own: a process's peak never falls, so whatever ran before would count.

use crate::ark;
use crate::clock::peak_rss;
use crate::error::BenchError;
use crate::fixture::{Holder, dev_key, rng};
use crate::report::{Entry, Impl};
use crate::stats::Summary;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use veilpass_circuits::{Attest, Synthesis};
use veilpass_protocol::field::Fr;
use veilpass_protocol::tree::Tree;
use veilpass_prover::groth16::{Engine, Prover};

/// What a process does before its peak is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Nothing: what the program itself takes.
    Idle,
    /// Loads the key and proves once, self-check included.
    Prove,
    /// Loads the key and proves once with arkworks, the ordinary way.
    ProveArk,
    /// Builds a tree of 2^20 leaves.
    Tree,
}

/// How to start a program that calls [`Probe::run`] with the name that follows its arguments, and prints the
/// number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The program.
    pub program: PathBuf,
    /// Its arguments before the name.
    pub arguments: Vec<String>,
}

const MIB: f64 = 1_048_576.0;

impl Probe {
    /// All of them.
    pub const ALL: [Probe; 4] = [Probe::Idle, Probe::Prove, Probe::ProveArk, Probe::Tree];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Probe::Idle => "idle",
            Probe::Prove => "prove",
            Probe::ProveArk => "prove-ark",
            Probe::Tree => "tree",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Result<Probe, BenchError> {
        let found = Probe::ALL.into_iter().find(|probe| probe.name() == name);
        found.ok_or_else(|| BenchError::UnknownProbe(name.into()))
    }

    /// Does it in this process: most bytes that the process has had in memory, `None` where the system does not
    /// say it.
    pub fn run(self) -> Result<Option<u64>, BenchError> {
        let claim = |circuit| {
            let mut holder = Holder::new(1, circuit)?;
            let request = holder.request("forum.example")?;
            holder.claim(&request)
        };
        match self {
            Probe::Idle => {}
            Probe::Prove => {
                let engine = Engine::new(dev_key()?)?;
                let (statement, witness) = claim(engine.circuit())?;
                black_box(engine.prove(&statement, &witness, &mut rng(8))?);
            }
            Probe::ProveArk => {
                let key = dev_key()?;
                let (statement, witness) = claim(key.circuit_id())?;
                black_box(ark::prove(
                    key.groth16(),
                    Synthesis::new(&Attest, &statement, &witness),
                    &mut rng(8),
                )?);
            }
            Probe::Tree => {
                black_box(Tree::from_leaves((0..1 << 20).map(|i: u64| Fr::from(i)).collect()).root());
            }
        }
        Ok(peak_rss())
    }

    /// Does it in a child; bytes.
    pub fn run_in(self, child: &Child) -> Result<Option<u64>, BenchError> {
        let fault = |cause: String| BenchError::Child { probe: self.name(), cause };
        let output = Command::new(&child.program).args(&child.arguments).arg(self.name()).output();
        let output = output.map_err(|e| fault(format!("{}: {e}", child.program.display())))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(fault(format!("{}: {said}", output.status)));
        }
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match said.as_str() {
            "unknown" => Ok(None),
            number => number.parse().map(Some).map_err(|_| fault(format!("it answered {number:?}"))),
        }
    }

    /// Name and implementation of its result.
    fn result(self) -> (&'static str, Impl) {
        match self {
            Probe::Idle => ("peak_idle", Impl::Veilpass),
            Probe::Prove => ("peak_prove", Impl::Veilpass),
            Probe::ProveArk => ("peak_prove", Impl::Ark),
            Probe::Tree => ("peak_tree_1048576", Impl::Veilpass),
        }
    }

    /// As a result in MiB.
    pub fn entry(self, bytes: u64, threads: usize) -> Entry {
        let (name, by) = self.result();
        let summary = Summary::exact(bytes as f64 / MIB);
        Entry { name: name.into(), by, threads, unit: "MiB".into(), summary }
    }
}
