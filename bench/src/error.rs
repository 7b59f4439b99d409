//! Why there is no figure.

use std::io;
use std::path::PathBuf;
use veilpass_params::{ProvingKeyError, SetupError};
use veilpass_prover::groth16::{EngineError, PreparedKeyError, ProveError};
use veilpass_verifier::{KeyError, KeyFault};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The proving key does not load.
    #[error("proving key: {0}")]
    ProvingKey(#[from] ProvingKeyError),
    /// The prepared proving key does not load.
    #[error("prepared proving key: {0}")]
    PreparedProvingKey(#[from] PreparedKeyError),
    /// The verifying key does not load.
    #[error("verifying key: {0}")]
    VerifyingKey(#[from] KeyError),
    /// The verifying key is unsafe.
    #[error("verifying key: {0}")]
    Unsafe(#[from] KeyFault),
    /// There is no engine for the key.
    #[error("proving: {0}")]
    Engine(#[from] EngineError),
    /// A setup made no key pair.
    #[error("setup: {0}")]
    Setup(#[from] SetupError),
    /// Our engine made no proof.
    #[error("proving: {0}")]
    Prove(#[from] ProveError),
    /// arkworks made no proof, no key, or could not check one.
    #[error("arkworks: {0}")]
    Ark(String),
    /// A statement for the measurement could not be made.
    #[error("the statement to measure: {0}")]
    Fixture(String),
    /// Something that was measured gave a wrong answer, so its time means nothing.
    #[error("{0} gave a wrong answer; its time means nothing")]
    Wrong(&'static str),
    /// A thread pool could not be made.
    #[error("no pool of {threads} threads: {cause}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        cause: String,
    },
    /// A child process that measures its own memory did not answer.
    #[error("the child process that measures memory ({probe}): {cause}")]
    Child {
        /// What it was to do.
        probe: &'static str,
        /// What went wrong.
        cause: String,
    },
    /// No probe has this name.
    #[error("nothing to measure the memory of is called {0:?}")]
    UnknownProbe(String),
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A picture could not be drawn.
    #[error("the picture {name}: {cause}")]
    Picture {
        /// Its name.
        name: &'static str,
        /// What the library said.
        cause: String,
    },
    /// The report could not be written as JSON.
    #[error("writing JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Bytes that are no report.
    #[error("not a report of this bench: {0}")]
    Report(String),
    /// Semaphore could not be installed, or did not run.
    #[error(transparent)]
    Semaphore(#[from] crate::semaphore::SemaphoreError),
}

impl BenchError {
    /// A fault of a file.
    pub fn file(path: impl Into<PathBuf>, cause: io::Error) -> BenchError {
        BenchError::File { path: path.into(), cause }
    }

    /// What arkworks said.
    pub fn ark(cause: impl std::fmt::Display) -> BenchError {
        BenchError::Ark(cause.to_string())
    }

    /// Why a statement could not be made.
    pub fn fixture(cause: impl std::fmt::Display) -> BenchError {
        BenchError::Fixture(cause.to_string())
    }
}
