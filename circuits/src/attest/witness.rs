//! The private inputs of `attest-v1`.

use std::fmt;
use veilpass_protocol::field::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Levels of the tree (protocol.md, Objects).
const DEPTH: usize = 11;
/// Children of a node.
const ARITY: usize = 8;

/// Number of private inputs: they are the wires right after the public ones.
pub const PRIVATE_INPUTS: usize = 5 + DEPTH * ARITY;

/// The circuit's private inputs, nothing else. Any field elements: what does not fit the statement is
/// refused by [`crate::native_check`] and breaks rows of the circuit.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Witness {
    /// Pseudonym secret.
    pub k: Fr,
    /// Device secret.
    pub d: Fr,
    /// Packed attributes `P`.
    pub packed: Fr,
    /// Link `X`.
    pub link: Fr,
    /// Slot of the pseudonym.
    pub slot: Fr,
    /// The 8 children at each of the 11 levels, from the leaf up.
    pub path: [[Fr; ARITY]; DEPTH],
}

impl Witness {
    /// Names of the private inputs, in the order of their wires.
    pub fn names() -> impl Iterator<Item = String> {
        let children = |level| (0..ARITY).map(move |child| format!("path[{level}][{child}]"));
        ["k", "d", "packed", "link", "slot"]
            .map(String::from)
            .into_iter()
            .chain((0..DEPTH).flat_map(children))
    }

    /// The private inputs, in the order of their wires.
    pub fn values(&self) -> impl Iterator<Item = &Fr> {
        let Witness { k, d, packed, link, slot, path } = self;
        [k, d, packed, link, slot].into_iter().chain(path.iter().flatten())
    }
}

impl Default for Witness {
    /// All zero: satisfies nothing, but has the shape.
    fn default() -> Witness {
        let zero = Fr::default();
        Witness { k: zero, d: zero, packed: zero, link: zero, slot: zero, path: [[zero; ARITY]; DEPTH] }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness(redacted)")
    }
}
