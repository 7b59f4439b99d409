//! What a platform's database holds, for whoever wants to see for themselves.

use super::store::PlatformStore;
use crate::store::StoreError;
use std::path::Path;
use veilpass_protocol::field::Fr;

/// What a platform has learnt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Requests that were made, as far as they are still remembered.
    pub requests: usize,
    /// Answers that were accepted.
    pub accepted: usize,
    /// Answers that were declines.
    pub declined: usize,
    /// The pseudonyms of the accepted answers, in the order of their requests.
    pub pseudonyms: Vec<Fr>,
}

/// Reads the database in a platform's folder. It can be in use.
pub async fn inspect(folder: &Path) -> Result<Inspection, StoreError> {
    let store = PlatformStore::open(&folder.join(super::service::DATABASE)).await?;
    let inspected = store.inspect().await;
    store.close().await;
    inspected
}
