//! `.r1cs`, iden3's binary format, version 1.

use super::FormatError;
use super::container::{Reader, Sections, begin, put_field, put_fr, section};
use ark_ff::AdditiveGroup;
use veilpass_circuits::shape::Matrices;
use veilpass_protocol::field::Fr;

const MAGIC: &str = "r1cs";
const VERSION: u32 = 1;
const HEADER: u32 = 1;
const ROWS: u32 = 2;
const LABELS: u32 = 3;
const CUSTOM_GATES: [u32; 2] = [4, 5];
/// Bytes of the header: the field, four counts of wires, the number of labels, the number of rows.
const HEADER_LENGTH: usize = 36 + 4 * 4 + 8 + 4;
/// Bytes of a coefficient with its wire.
const ENTRY: usize = 4 + 32;

/// A circuit as the circom world writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R1cs {
    /// The rows. Wires: one, public outputs, public inputs, then all others.
    pub matrices: Matrices,
    /// Number of public outputs: public wires that the circuit computes. Ours has none.
    pub outputs: usize,
    /// Number of public inputs, the constant one not included.
    pub public_inputs: usize,
    /// Number of private inputs of the source. Some may have no wire: see [`R1cs::inputs`].
    pub private_inputs: usize,
    /// For each wire the number under which a `.sym` file has its names.
    pub labels: Vec<u64>,
    /// Number of labels. Wires that a compiler did away with have labels too.
    pub label_count: u64,
}

impl R1cs {
    /// Matrices without outputs, each wire with its own number as label.
    pub fn new(matrices: Matrices, private_inputs: usize) -> R1cs {
        R1cs {
            outputs: 0,
            public_inputs: matrices.inputs.saturating_sub(1),
            private_inputs,
            labels: (0..matrices.wires as u64).collect(),
            label_count: matrices.wires as u64,
            matrices,
        }
    }
}

/// Writes the file.
pub fn write_r1cs(r1cs: &R1cs) -> Vec<u8> {
    let Matrices { abc: [a, b, c], wires, .. } = &r1cs.matrices;
    let entries: usize = [a, b, c].into_iter().flatten().map(Vec::len).sum();
    let rows_length = r1cs.matrices.rows() * 3 * 4 + entries * ENTRY;
    let labels_length = r1cs.labels.len() * 8;
    let mut out = Vec::with_capacity(12 + 3 * 12 + HEADER_LENGTH + rows_length + labels_length);
    begin(&mut out, MAGIC, VERSION, 3);

    section(&mut out, HEADER, HEADER_LENGTH);
    put_field(&mut out);
    for count in [*wires, r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs] {
        out.extend((count as u32).to_le_bytes());
    }
    out.extend(r1cs.label_count.to_le_bytes());
    out.extend((r1cs.matrices.rows() as u32).to_le_bytes());

    section(&mut out, ROWS, rows_length);
    for combination in a.iter().zip(b).zip(c).flat_map(|((a, b), c)| [a, b, c]) {
        out.extend((combination.len() as u32).to_le_bytes());
        for (coefficient, wire) in combination {
            out.extend((*wire as u32).to_le_bytes());
            put_fr(&mut out, coefficient);
        }
    }

    section(&mut out, LABELS, labels_length);
    r1cs.labels.iter().for_each(|label| out.extend(label.to_le_bytes()));
    out
}

/// Reads the file.
pub fn read_r1cs(bytes: &[u8]) -> Result<R1cs, FormatError> {
    let sections = Sections::read(bytes, MAGIC, VERSION)?;
    let mut header = sections.reader(HEADER, "the header")?;
    header.field()?;
    let mut count = || header.u32();
    let (wires, outputs, public, private) = (count()?, count()?, count()?, count()?);
    let (label_count, rows) = (header.u64()?, header.u32()?);
    header.end()?;
    let public_wires = 1 + u64::from(outputs) + u64::from(public);
    if public_wires > wires.into() {
        return Err(FormatError::Counts("fewer wires than public inputs and outputs"));
    }
    if public_wires + u64::from(private) > label_count {
        return Err(FormatError::Counts("fewer labels than inputs and outputs"));
    }
    // No tool writes other files, but none refuses them either.
    for kind in CUSTOM_GATES {
        if sections.get(kind).is_some_and(|gates| gates != 0u32.to_le_bytes()) {
            return Err(FormatError::CustomGates);
        }
    }
    let labels = labels(sections.reader(LABELS, "the labels")?, wires, label_count)?;

    let mut reader = sections.reader(ROWS, "the rows")?;
    let mut abc = [(); 3].map(|()| Vec::with_capacity(reader.room(rows, 3 * 4)));
    for row in 0..rows as usize {
        for matrix in &mut abc {
            matrix.push(combination(&mut reader, row, wires)?);
        }
    }
    reader.end()?;
    Ok(R1cs {
        matrices: Matrices { abc, inputs: public_wires as usize, wires: wires as usize },
        outputs: outputs as usize,
        public_inputs: public as usize,
        private_inputs: private as usize,
        labels,
        label_count,
    })
}

fn combination(reader: &mut Reader<'_>, row: usize, wires: u32) -> Result<Vec<(Fr, usize)>, FormatError> {
    let count = reader.u32()?;
    let mut entries = Vec::with_capacity(reader.room(count, ENTRY));
    for _ in 0..count {
        let wire = reader.u32()?;
        if wire >= wires {
            return Err(FormatError::NoSuchWire { row, wire });
        }
        entries.push((reader.fr()?, wire as usize));
    }
    entries.sort_unstable_by_key(|(_, wire)| *wire);
    let twice = entries.iter().zip(entries.iter().skip(1)).find(|((_, wire), (_, next))| wire == next);
    if let Some(((_, wire), _)) = twice {
        return Err(FormatError::WireTwice { row, wire: *wire });
    }
    entries.retain(|(coefficient, _)| *coefficient != Fr::ZERO);
    Ok(entries)
}

/// One per wire; that they are there is what bounds the number of wires by the length of the file.
fn labels(mut reader: Reader<'_>, wires: u32, label_count: u64) -> Result<Vec<u64>, FormatError> {
    let mut labels = Vec::with_capacity(reader.room(wires, 8));
    for wire in 0..wires as usize {
        let label = reader.u64()?;
        if label >= label_count || (wire == 0) != (label == 0) {
            return Err(FormatError::Label(wire));
        }
        labels.push(label);
    }
    reader.end()?;
    Ok(labels)
}
