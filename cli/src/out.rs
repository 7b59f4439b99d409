//! Outputs that are named on the command line (contract §1): `-` is standard output.

use crate::outcome::Failure;
use std::path::{Path, PathBuf};
use veilpass_server::files::output::{Target, write_named};
use veilpass_server::files::{Access, FileError, LongFile};

/// The name of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out(PathBuf);

impl From<std::ffi::OsString> for Out {
    fn from(name: std::ffi::OsString) -> Out {
        Out(name.into())
    }
}

impl Out {
    /// Its name.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it is standard output. What can be no output at all is refused here, before anything is done.
    pub fn is_standard_output(&self) -> Result<bool, Failure> {
        let target = Target::of(&self.0);
        target.map(|target| target == Target::StandardOutput).map_err(|e| Failure::Usage(e.to_string()))
    }

    /// Begins to write it bit by bit; it appears when it is finished.
    pub fn begin(&self, access: Access) -> Result<LongFile, Failure> {
        LongFile::begin(&self.0, access).map_err(disk)
    }

    /// Writes it.
    pub fn write(&self, bytes: &[u8], access: Access) -> Result<(), Failure> {
        write_named(&self.0, bytes, access).map_err(disk)
    }
}

impl std::fmt::Display for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == Path::new("-") { f.write_str("standard output") } else { self.0.display().fmt(f) }
    }
}

/// An output that is a folder.
pub fn folder(name: &str) -> Result<PathBuf, String> {
    match name {
        "" => Err("a folder needs a name".to_owned()),
        "-" => Err("- is standard output, and this output is a folder with several files".to_owned()),
        name => Ok(name.into()),
    }
}

/// A file or folder that could not be read or written.
pub fn disk(error: FileError) -> Failure {
    Failure::Fault(error.to_string())
}
