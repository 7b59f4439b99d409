//! The formats, one function each.

mod bodies;
mod documents;
mod epochs;
mod keys;
mod platforms;
mod presentations;
mod requests;
mod rows;
mod texts;
mod wallets;

use crate::Target;

/// Every target.
pub const ALL: &[Target] = &[
    presentations::JSON,
    presentations::BINARY,
    presentations::PROOF,
    requests::JSON,
    requests::SIGNED,
    epochs::TEXT,
    epochs::NOTE,
    epochs::SAVED,
    epochs::CELLS,
    epochs::TILE,
    keys::VERIFYING,
    keys::PROVING,
    keys::PREPARED,
    keys::AUTHORITY,
    wallets::CREDENTIAL,
    wallets::WALLET,
    wallets::STATE,
    wallets::PREPARED,
    rows::CSV,
    rows::JSON_LINES,
    documents::RESIDENT,
    documents::MRZ,
    bodies::AUTHORITY,
    bodies::PLATFORM,
    bodies::PROBLEM,
    platforms::ENTRY,
    platforms::HOSTS,
    texts::NETWORK_NUMBER,
    texts::CODE,
    texts::NAMES,
];

/// Codes of contract §7.
#[rustfmt::skip]
const CODES: &[&str] = &[
    "presentation_syntax", "version_unsupported", "not_canonical", "proof_point", "circuit_unknown", "epoch_unknown",
    "epoch_replaced", "request_expired", "request_replayed", "pseudonym_spent", "proof_invalid", "request_syntax",
    "request_policy", "request_date", "key_syntax", "key_mismatch", "key_unsafe", "key_dev", "epochs_syntax",
    "epoch_signature", "epochs_conflict", "epochs_stale", "epochs_from_future", "epoch_below_floor", "file_damaged",
    "document_invalid", "row_syntax", "birth_date", "expires_on", "enrolled_on", "attribute_range", "commitment_invalid",
];

/// A refusal names one of the codes that it may have.
fn code_of(code: &str, allowed: &[&str]) {
    assert!(CODES.contains(&code) && allowed.contains(&code), "an error with code {code}");
}
