//! Names of what the circuit enforces: clauses of protocol.md and lines of the cost ledger.

use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$item])* $variant),+ }

        impl $type {
            /// All of them, in their order.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The name, as in contract §9.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $text),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
    };
}

names! {
    /// A clause of statement `attest-v1`. Ordered by number: of several failing clauses the lowest
    /// is named.
    Clause {
        /// The leaf is in the tree of `root`.
        S1 = "S1",
        /// The leaf is `H_4(C, D, P, X)`, and `P` is the sum of its fields in their widths.
        S2 = "S2",
        /// `C = H_1(k)`, `D = H_1(d)`. Defines C and D, so it never fails by itself.
        S3 = "S3",
        /// `pseudonym = H_3(k, scope, slot)`.
        S4 = "S4",
        /// `slot < slots`.
        S5 = "S5",
        /// `enrolled_on ≤ valid_on ≤ expires_on`.
        S6 = "S6",
        /// `born_on_or_after ≤ birth_date ≤ born_on_or_before`.
        S7 = "S7",
        /// `enrolled_on ≤ enrolled_on_or_before`.
        S8 = "S8",
        /// `generation ≤ generation_at_most`.
        S9 = "S9",
        /// `sex` is in the 4-bit set `sexes`.
        S10 = "S10",
        /// `document_class` is in the 16-bit set `document_classes`.
        S11 = "S11",
        /// `nationality` is not asked or equal.
        S12 = "S12",
        /// `province` is not asked or equal.
        S13 = "S13",
        /// The proof is bound to `challenge`. Holds by the shape of the matrices, in no row.
        S14 = "S14",
    }
}

names! {
    /// A line of the cost ledger.
    Gadget {
        /// Membership and node hashes, 11 levels.
        Path = "path",
        /// `C` and `D`.
        Commitments = "commitments",
        /// The fields of `P`.
        Unpacking = "unpacking",
        /// `H_4(C, D, P, X)`.
        Leaf = "leaf",
        /// `H_3(k, scope, slot)`.
        Pseudonym = "pseudonym",
        /// S5 to S9.
        Comparisons = "comparisons",
        /// S10 to S13.
        Sets = "sets",
    }
}

/// What a row of the matrices belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The clause that fails when the row does.
    pub clause: Clause,
    /// The line of the ledger on which the row is counted.
    pub gadget: Gadget,
}
