//! The clauses of statement `attest-v1` (protocol.md).

use crate::core::clause::Clause;

/// The leaf is in the tree of `root`.
pub const S1: Clause = Clause::new("S1");
/// The leaf is `H_4(C, D, P, X)`, and `P` is the sum of its fields in their widths.
pub const S2: Clause = Clause::new("S2");
/// `C = H_1(k)`, `D = H_1(d)`. Defines C and D, so it never fails by itself.
pub const S3: Clause = Clause::new("S3");
/// `pseudonym = H_3(k, scope, slot)`.
pub const S4: Clause = Clause::new("S4");
/// `slot < slots`.
pub const S5: Clause = Clause::new("S5");
/// `enrolled_on ≤ valid_on ≤ expires_on`.
pub const S6: Clause = Clause::new("S6");
/// `born_on_or_after ≤ birth_date ≤ born_on_or_before`.
pub const S7: Clause = Clause::new("S7");
/// `enrolled_on ≤ enrolled_on_or_before`.
pub const S8: Clause = Clause::new("S8");
/// `generation ≤ generation_at_most`.
pub const S9: Clause = Clause::new("S9");
/// `sex` is in the 4-bit set `sexes`.
pub const S10: Clause = Clause::new("S10");
/// `document_class` is in the 16-bit set `document_classes`.
pub const S11: Clause = Clause::new("S11");
/// `nationality` is not asked or equal.
pub const S12: Clause = Clause::new("S12");
/// `province` is not asked or equal.
pub const S13: Clause = Clause::new("S13");
/// The proof is bound to `challenge`. Holds by the shape of the matrices, in no row.
pub const S14: Clause = Clause::new("S14");

/// All of them, in their order.
pub const ALL: [Clause; 14] = [S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, S12, S13, S14];
