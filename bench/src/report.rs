//! The report: contract §9 as types, and its JSON and CSV. The schema is in `docs/bench.schema.json`.

use crate::error::BenchError;
use crate::fit::Fit;
use crate::machine::Machine;
use crate::stats::Summary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Name of the schema.
pub const SCHEMA: &str = "veilpass-bench-v1";

/// Whose code was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Impl {
    /// Ours.
    Veilpass,
    /// arkworks' Groth16, used the ordinary way.
    Ark,
    /// Semaphore's own packages in Node.
    Semaphore,
    /// snarkjs in Node, given Semaphore's key and witness.
    Snarkjs,
}

impl fmt::Display for Impl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Impl::Veilpass => "veilpass",
            Impl::Ark => "ark",
            Impl::Semaphore => "semaphore",
            Impl::Snarkjs => "snarkjs",
        })
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What was measured; `_cpu` at the end: its processor time.
    pub name: String,
    /// Whose code.
    #[serde(rename = "impl")]
    pub by: Impl,
    /// Threads of the pool in which it ran.
    pub threads: usize,
    /// Unit of the four figures: `ms`, `rows`, `MiB`.
    pub unit: String,
    /// Median, spread, count.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// A proof.
    pub proof: u64,
    /// A presentation in its binary form.
    pub presentation: u64,
    /// The file of the proving key.
    pub proving_key: u64,
    /// The file of the verifying key.
    pub verifying_key: u64,
    /// Most memory that a process had which loads the key and proves once; absent where the system does not say it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_rss: Option<u64>,
}

/// Everything that one run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Where and with what.
    pub machine: Machine,
    /// Fewer repetitions and smaller trees.
    pub quick: bool,
    /// All figures.
    pub results: Vec<Entry>,
    /// Sizes.
    pub sizes: Sizes,
    /// Growth with size.
    pub fits: Vec<Fit>,
    /// Ours over the other's, as contract §9 names them; only those of which both sides were measured.
    pub ratios: BTreeMap<String, f64>,
}

/// Numerator and denominator of each ratio: name, implementation, threads.
type Side = (&'static str, Impl, usize);
const RATIOS: [(&str, Side, Side); 6] = [
    ("prove_cold_1t", ("prove_cold", Impl::Veilpass, 1), ("prove_cold", Impl::Ark, 1)),
    ("prove_cold_2t", ("prove_cold", Impl::Veilpass, 2), ("prove_cold", Impl::Ark, 2)),
    ("present_repeat", ("present_repeat", Impl::Veilpass, 1), ("prove_cold", Impl::Ark, 1)),
    ("present_repeat_checked", ("present_repeat_checked", Impl::Veilpass, 1), ("prove_cold", Impl::Ark, 1)),
    ("verify_single", ("verify_single", Impl::Veilpass, 1), ("verify_single", Impl::Ark, 1)),
    ("verify_batch_1024", ("verify_batch_1024", Impl::Veilpass, 1), ("verify_single", Impl::Ark, 1)),
];

impl Report {
    /// An empty one of this machine.
    pub fn new(quick: bool) -> Report {
        Report {
            schema: SCHEMA.into(),
            machine: Machine::here(),
            quick,
            results: Vec::new(),
            sizes: Sizes::default(),
            fits: Vec::new(),
            ratios: BTreeMap::new(),
        }
    }

    /// A result by its name.
    pub fn get(&self, name: &str, by: Impl, threads: usize) -> Option<&Entry> {
        self.results.iter().find(|e| e.name == name && e.by == by && e.threads == threads)
    }

    /// Computes the ratios of which both sides are there.
    ///
    /// On one thread they are of processor time, which is wall time where nothing else runs. Where something else
    /// does, the system takes the processor away every few milliseconds: short work ends before that and long work
    /// does not, so that wall time would favour whichever is short. On several threads they are of wall time.
    pub fn find_ratios(&mut self) {
        let found = RATIOS
            .into_iter()
            .filter_map(|(name, ours, theirs)| Some((name.to_owned(), self.ratio(ours, theirs)?)));
        self.ratios = found.collect();
    }

    fn ratio(&self, ours: Side, theirs: Side) -> Option<f64> {
        let median = |(name, by, threads): Side, ending: &str| {
            Some(self.get(&format!("{name}{ending}"), by, threads)?.summary.median)
        };
        let over = |ending| Some((median(ours, ending)?, median(theirs, ending)?));
        let processor = if ours.2 == 1 { over("_cpu") } else { None };
        let (ours, theirs) = processor.or_else(|| over(""))?;
        (theirs > 0.0).then_some(ours / theirs)
    }

    /// The JSON of contract §9.
    pub fn to_json(&self) -> Result<String, BenchError> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Reads it again; of this schema only.
    pub fn from_json(text: &str) -> Result<Report, BenchError> {
        let report: Report = serde_json::from_str(text).map_err(|e| BenchError::Report(e.to_string()))?;
        if report.schema == SCHEMA {
            Ok(report)
        } else {
            Err(BenchError::Report(format!("its schema is {:?}, not {SCHEMA:?}", report.schema)))
        }
    }

    /// The figures as CSV, with a line of names. No field holds a comma or a quote.
    pub fn to_csv(&self) -> String {
        let mut out = "name,impl,threads,unit,median,p10,p90,n\n".to_owned();
        for Entry { name, by, threads, unit, summary: s } in &self.results {
            out += &format!("{name},{by},{threads},{unit},{},{},{},{}\n", s.median, s.p10, s.p90, s.n);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// A report with every member.
    fn full() -> Report {
        let mut report = Report::new(true);
        for (_, ours, theirs) in RATIOS {
            for ((name, by, threads), median) in [(ours, 2.0), (theirs, 8.0)] {
                if report.get(name, by, threads).is_none() {
                    let summary = Summary::exact(median);
                    report.results.push(Entry { name: name.into(), by, threads, unit: "ms".into(), summary });
                }
            }
        }
        report.sizes.peak_rss = Some(1);
        report.fits.extend(Fit::through("tree_build", vec![(1.0, 1.0), (2.0, 2.0)]));
        report.find_ratios();
        report
    }

    #[test]
    fn ratios_are_ours_over_theirs_by_their_names() {
        let report = full();
        let names: Vec<&str> = report.ratios.keys().map(String::as_str).collect();
        let mut expected = RATIOS.map(|(name, ..)| name);
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(report.ratios["prove_cold_1t"], 0.25);
        let mut partly = Report::new(true);
        partly.find_ratios();
        assert!(partly.ratios.is_empty(), "nothing is made up");
    }

    #[test]
    fn on_one_thread_processor_time_decides() {
        let mut report = full();
        for (by, median) in [(Impl::Veilpass, 1.0), (Impl::Ark, 10.0)] {
            for threads in [1, 2] {
                let (name, unit, summary) = ("prove_cold_cpu".into(), "ms".into(), Summary::exact(median));
                report.results.push(Entry { name, by, threads, unit, summary });
            }
        }
        report.find_ratios();
        assert_eq!((report.ratios["prove_cold_1t"], report.ratios["prove_cold_2t"]), (0.1, 0.25));
    }

    #[test]
    fn json_reads_back_and_csv_has_a_line_each() {
        let report = full();
        assert_eq!(Report::from_json(&report.to_json().unwrap()).unwrap(), report);
        let other = report.to_json().unwrap().replace(SCHEMA, "another");
        assert!(Report::from_json(&other).unwrap_err().to_string().contains("another"));
        assert!(Report::from_json("{}").is_err());
        assert_eq!(report.to_csv().lines().count(), 1 + report.results.len());
        assert!(report.to_csv().contains("prove_cold,ark,2,ms,8,8,8,1\n"));
    }

    /// The documented schema and the types name the same members.
    #[test]
    fn the_schema_is_the_one_documented() {
        let schema: Value = serde_json::from_str(include_str!("../../docs/bench.schema.json")).unwrap();
        let value = serde_json::to_value(full()).unwrap();
        fn names(value: &Value) -> Vec<&String> {
            value.as_object().into_iter().flat_map(|o| o.keys()).collect()
        }
        let members = &schema["properties"];
        assert_eq!(names(members), names(&value));
        for (part, shape) in [("machine", &members["machine"]), ("sizes", &members["sizes"])] {
            assert_eq!(names(&shape["properties"]), names(&value[part]), "{part}");
        }
        for part in ["results", "fits"] {
            assert_eq!(names(&members[part]["items"]["properties"]), names(&value[part][0]), "{part}");
        }
        assert_eq!(names(&members["ratios"]["properties"]), names(&value["ratios"]));
        assert_eq!(members["schema"]["const"], value["schema"]);
    }
}
