//! Where a wallet reads from. The library does no IO: the command line implements this on folders, and
//! on an authority's address.

/// A published folder (contract §4), on disk or over HTTP. No call names a leaf, a commitment or a
/// place; which tiles are asked for is decided in `tiles.rs` (W9).
pub trait Source {
    /// The note of the newest epoch.
    fn newest_note(&self) -> Result<String, SourceError>;

    /// A file by its path in the folder, such as `tiles/7/0/3`; `None` if it is not there.
    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;
}

/// The source could not be read (exit 3): disk, network, or a file that every published folder has is
/// missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
