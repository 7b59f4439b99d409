//! The verifier's own arithmetic over BN254: what arkworks does, in fewer steps. Each part has arkworks'
//! way as its twin in the tests; `docs/notes/verifying.md` has the formulas and their sources.
//!
//! Nothing here is constant-time or needs to be: keys, statements and proofs are public.

pub(crate) mod decode;
pub(crate) mod fe;
pub(crate) mod fe12;
pub(crate) mod fe2;
pub(crate) mod g1;
pub(crate) mod g2;
pub(crate) mod miller;
pub(crate) mod point;
pub(crate) mod wide;

/// `x` of the curve, 4965661367192848881, in signed digits with odd values up to 7, from the highest.
const X_DIGITS: [i8; 63] = [
    1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, -3, 0, 0, 0, 3, 0, 0, 0, 0, 5, 0, 0, 0, -5, 0, 0, 0, -3, 0, 0, 0, 1, 0,
    0, 0, 0, 5, 0, 0, 0, 0, 7, 0, 0, 0, -7, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, -1, 0, 0, 0, 1,
];
