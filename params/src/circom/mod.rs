//! The files of the circom world: `.r1cs` (matrices), `.wtns` (an assignment), `.sym` (names of wires).
//!
//! They let snarkjs and other tools look at the circuit, and `params audit` at other people's circuits.
//! All are for BN254's scalar field and hold its elements in their canonical form, little-endian; the
//! numbers of both binary formats are little-endian, unlike everything that this project hashes.
//!
//! Readers take hostile bytes: no length is believed before the bytes behind it are there, so what is
//! allocated is at most in proportion to the file, and one file has one reading. Where the format leaves
//! a choice, it is taken so:
//!
//! - sections in any order, unknown ones skipped, any section twice refused, bytes after the last refused;
//! - a wire twice in one combination is refused: some readers add the two, snarkjs takes the later;
//! - a combination that is not in ascending order is sorted, and zero coefficients are dropped: neither
//!   changes what it means;
//! - a file with custom gates is refused: its rows are not all that it says.

mod container;
mod inputs;
mod r1cs;
mod sym;
mod wtns;

pub use inputs::Inputs;
pub use r1cs::{R1cs, read_r1cs, write_r1cs};
pub use sym::{Symbol, read_sym, symbols, write_sym};
pub use wtns::{read_wtns, write_wtns};

/// Why bytes are not a file of the circom world that can be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// It does not begin with the name of the format.
    #[error("not a .{0} file")]
    Magic(&'static str),
    /// A version of the format that is not read.
    #[error("version {0} of the format is not read")]
    Version(u32),
    /// It ends before something that it announces.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// There is more than it announces.
    #[error("bytes are left after {0}")]
    Trailing(&'static str),
    /// A section is there twice.
    #[error("section {0} is there twice")]
    SectionTwice(u32),
    /// A section is missing.
    #[error("section {0} is missing")]
    SectionMissing(u32),
    /// Field elements of another length than 32 bytes.
    #[error("field elements of {0} bytes, not 32")]
    FieldSize(u32),
    /// Another field than that of BN254's scalars; the modulus in hex.
    #[error("made for the prime 0x{0}, which is not the order of BN254")]
    Prime(String),
    /// A number that is not below the modulus.
    #[error("{0} is not below the modulus")]
    NotCanonical(&'static str),
    /// The counts of the header contradict each other.
    #[error("the counts of the header contradict each other: {0}")]
    Counts(&'static str),
    /// A combination names a wire that does not exist.
    #[error("row {row} names wire {wire}, which does not exist")]
    NoSuchWire {
        /// The row.
        row: usize,
        /// The wire.
        wire: u32,
    },
    /// A combination names a wire twice.
    #[error("row {row} names wire {wire} twice in one combination")]
    WireTwice {
        /// The row.
        row: usize,
        /// The wire.
        wire: usize,
    },
    /// Wire 0 has another label than 0, or a label is not below their number.
    #[error("wire {0} has an impossible label")]
    Label(usize),
    /// The labels do not say which wires the inputs are.
    #[error(
        "the file does not say which wires the inputs are, because its signals are not numbered as by circom 2: {0}"
    )]
    Inputs(String),
    /// A `.sym` file that contradicts the circuit.
    #[error("the names do not belong to this circuit: {0}")]
    Symbols(String),
    /// Custom gates, which are no rows.
    #[error("the file has custom gates, so its rows are not all that it says")]
    CustomGates,
    /// An assignment whose wire 0 is not one. The assignment of zeros fits all rows.
    #[error("wire 0 of the assignment is not one")]
    NotOne,
    /// A line of a `.sym` file that is none.
    #[error("line {0} is no symbol")]
    Line(usize),
}
