//! Which wires of a circuit its inputs are, as circom 2 numbers them.
//!
//! The compiler gives every signal of the source a label: 0 is the constant one, then come the outputs, the
//! public inputs and the private inputs of `main`, then everything else. The header counts the signals of
//! the *source*. Simplification takes wires away, private inputs among them, and the wires behind a missing
//! one move up. So the place of a wire does not say whether it is an input; its label does. Outputs and
//! public inputs are never taken away.

use super::{FormatError, R1cs, Symbol};
use std::collections::BTreeMap;

/// Inputs without a wire that are listed. The header may announce four billion.
const MOST_DROPPED: usize = 100_000;

/// The inputs of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Wires of public inputs.
    pub public: Vec<usize>,
    /// Wires of private inputs.
    pub private: Vec<usize>,
    /// Labels of private inputs without a wire. No row uses such an input, or the compiler replaced it by
    /// other wires; the files do not say which of the two.
    pub dropped: Vec<u64>,
}

impl Inputs {
    /// The wires of all inputs, ascending.
    pub fn wires(&self) -> Vec<usize> {
        self.public.iter().chain(&self.private).copied().collect()
    }
}

impl R1cs {
    /// The inputs: what an honest prover chooses. Everything else should follow from them. Refused if the
    /// labels are not numbered as in the files of circom 2, because the header alone does not tell the inputs.
    pub fn inputs(&self) -> Result<Inputs, FormatError> {
        let unclear = |detail: String| Err(FormatError::Inputs(detail));
        let public = 1 + self.outputs + self.public_inputs;
        let end = public + self.private_inputs;
        let mut wires = BTreeMap::new();
        for (wire, label) in self.labels.iter().enumerate() {
            if let Some(other) = wires.insert(*label, wire) {
                return unclear(format!("wires {other} and {wire} have the same label {label}"));
            }
            if wire < public && *label != wire as u64 {
                return unclear(format!(
                    "wire {wire} is an output or public input by the header, but has label {label} instead of {wire}"
                ));
            }
        }
        let private: Vec<usize> = wires.range(public as u64..end as u64).map(|(_, wire)| *wire).collect();
        if let Some((wire, at)) = private.iter().zip(public..).find(|(wire, at)| *wire != at) {
            return unclear(format!(
                "wire {wire} is a private input by its label, but the inputs before it end at wire {}",
                at - 1
            ));
        }
        let missing = self.private_inputs - private.len();
        if missing > MOST_DROPPED {
            return unclear(format!("{missing} private inputs have no wire, more than {MOST_DROPPED}"));
        }
        let dropped = (public as u64..end as u64).filter(|label| !wires.contains_key(label)).collect();
        Ok(Inputs { public: (1 + self.outputs..public).collect(), private, dropped })
    }

    /// Holds a `.sym` file against this circuit. Refused if it gives a signal another wire than the labels of
    /// the circuit do, leaves out a wire or an input, or has inputs that are not signals of `main`.
    pub fn check_symbols(&self, symbols: &[Symbol]) -> Result<(), FormatError> {
        let other = |detail: String| Err(FormatError::Symbols(detail));
        let wires: BTreeMap<u64, usize> =
            self.labels.iter().enumerate().skip(1).map(|(wire, label)| (*label, wire)).collect();
        let mut seen: BTreeMap<u64, &Symbol> = BTreeMap::new();
        for symbol in symbols {
            let Symbol { label, wire, name, .. } = symbol;
            if *label == 0 || *label >= self.label_count {
                return other(format!("{name} has the impossible label {label}"));
            }
            if seen.insert(*label, symbol).is_some() {
                return other(format!("label {label} has two lines"));
            }
            let theirs = wire.map(|wire| wire as usize);
            let ours = wires.get(label).copied();
            if ours != theirs {
                let said = |wire: Option<usize>| wire.map_or("no wire".to_owned(), |w| format!("wire {w}"));
                return other(format!("{name} has {}, but {} in the .r1cs file", said(theirs), said(ours)));
            }
        }
        if let Some(label) = wires.keys().find(|label| !seen.contains_key(label)) {
            return other(format!("label {label} has a wire and no line"));
        }
        let main = seen.get(&1).map(|symbol| symbol.component);
        for label in 1..=(self.outputs + self.public_inputs + self.private_inputs) as u64 {
            match seen.get(&label) {
                None => return other(format!("label {label} is an output or input and has no line")),
                Some(symbol) if Some(symbol.component) != main || !symbol.name.starts_with("main.") => {
                    return other(format!(
                        "{} is an output or input by the header, but not a signal of main",
                        symbol.name
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
