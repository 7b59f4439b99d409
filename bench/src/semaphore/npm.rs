//! The packages, and the program that measures them in Node.

use super::SemaphoreError;
use crate::error::BenchError;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Circuit and key, in the folder of the packages.
const ZKEY: &str = "node_modules/@zk-kit/semaphore-artifacts/semaphore-32.zkey";
/// What npm writes at the end of an installation.
const INSTALLED: &str = "node_modules/.package-lock.json";
/// Lines of what a program said that an error repeats.
const SAID: usize = 6;

/// Installed packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Semaphore {
    folder: PathBuf,
}

/// Wall and processor time in milliseconds of every run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    pub semaphore_prove: Vec<[f64; 2]>,
    pub semaphore_verify: Vec<[f64; 2]>,
    pub snarkjs_prove: Vec<[f64; 2]>,
    pub snarkjs_verify: Vec<[f64; 2]>,
}

/// What one run in Node gives.
pub(super) struct Run {
    pub times: Times,
    pub zkey: Vec<u8>,
    pub witness: Vec<u8>,
}

impl Semaphore {
    /// Installs what `package-lock.json` names into its folder, if it is not there yet.
    pub fn install(folder: &Path) -> Result<Semaphore, BenchError> {
        if !["package.json", "package-lock.json", "measure.mjs"].iter().all(|f| folder.join(f).is_file()) {
            return Err(SemaphoreError::Folder(folder.into()).into());
        }
        let there = [ZKEY, INSTALLED].iter().all(|file| folder.join(file).is_file());
        if !there {
            let output = started("npm", folder, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
            if !output.status.success() {
                return Err(SemaphoreError::Install(said(&output)).into());
            }
        }
        Ok(Semaphore { folder: folder.into() })
    }

    /// Measures in Node for about this time.
    pub(super) fn run(&self, time: Duration) -> Result<Run, BenchError> {
        let temporary = tempfile::tempdir().map_err(|e| BenchError::file(std::env::temp_dir(), e))?;
        let (seconds, place) =
            (time.as_secs_f64().to_string(), temporary.path().to_string_lossy().into_owned());
        let output = started("node", &self.folder, &["measure.mjs", &place, &seconds])?;
        if !output.status.success() {
            return Err(SemaphoreError::Node(said(&output)).into());
        }
        let times =
            serde_json::from_slice(&output.stdout).map_err(|e| SemaphoreError::Node(e.to_string()))?;
        let read = |path: PathBuf| std::fs::read(&path).map_err(|e| BenchError::file(path, e));
        Ok(Run {
            times,
            zkey: read(self.folder.join(ZKEY))?,
            witness: read(temporary.path().join("witness.wtns"))?,
        })
    }
}

fn started(program: &'static str, folder: &Path, arguments: &[&str]) -> Result<Output, SemaphoreError> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    output.map_err(|e| SemaphoreError::Missing { program, cause: e.to_string() })
}

/// The end of what it said.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(SAID)..).unwrap_or_default();
    if last.is_empty() { output.status.to_string() } else { last.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_none_is_said_to_be_none() {
        let elsewhere = tempfile::tempdir().unwrap();
        let said = Semaphore::install(elsewhere.path()).unwrap_err().to_string();
        assert!(said.contains("--semaphore"), "{said}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let said = started("veilpass-no-such-program", Path::new("."), &[]).unwrap_err().to_string();
        assert!(said.starts_with("veilpass-no-such-program could not be started"), "{said}");
    }

    #[test]
    fn an_installation_that_fails_repeats_what_npm_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("package.json"), "not json").unwrap();
        std::fs::write(folder.path().join("package-lock.json"), "not json").unwrap();
        std::fs::write(folder.path().join("measure.mjs"), "").unwrap();
        let fault = Semaphore::install(folder.path()).unwrap_err();
        assert!(matches!(
            fault,
            BenchError::Semaphore(
                SemaphoreError::Install(_) | SemaphoreError::Missing { program: "npm", .. }
            )
        ));
    }
}
