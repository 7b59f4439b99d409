//! The corpora on disk: `fuzz/corpus/<target>/`, a file each, named by its hash.

use crate::Target;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Where the corpora lie.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
}

/// The files of a target in the order of their names, then the seeds that are not among them.
pub fn inputs(target: &Target, folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let folder = folder.join(target.name);
    let mut files: Vec<PathBuf> = Vec::new();
    if folder.exists() {
        for entry in std::fs::read_dir(&folder)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let mut inputs: Vec<Vec<u8>> = files.iter().map(std::fs::read).collect::<io::Result<_>>()?;
    let known: BTreeSet<Vec<u8>> = inputs.iter().cloned().collect();
    inputs.extend((target.seeds)().into_iter().filter(|seed| !known.contains(seed)));
    Ok(inputs)
}

/// Writes an input into a folder, under its hash.
pub fn keep(folder: &Path, input: &[u8]) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let name: String = Sha256::digest(input)[..8].iter().map(|b| format!("{b:02x}")).collect();
    let path = folder.join(name);
    std::fs::write(&path, input)?;
    Ok(path)
}
