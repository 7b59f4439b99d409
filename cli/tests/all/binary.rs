//! Runs `veilpass` as anybody would.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use veilpass_prover::{SecretString, Wallet, WorkFactor};

/// What a run ended with.
#[derive(Debug)]
pub struct Run {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The one JSON document of `--json`.
    pub fn json(&self) -> Value {
        let text =
            self.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no newline at the end: {self:?}"));
        assert!(!text.contains('\n'), "more than one line: {self:?}");
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The JSON document of a run that ended well.
    pub fn ok(&self) -> Value {
        assert_eq!(self.exit, 0, "{self:?}");
        self.json()
    }

    /// The code of a refusal.
    pub fn code(&self) -> String {
        assert_eq!(self.exit, 1, "{self:?}");
        let json = self.json();
        let code = json["error"]["code"].as_str().or_else(|| json["code"].as_str());
        code.unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }
}

/// Runs with standard input; the passphrase of every wallet is the same.
pub fn run_with(folder: &Path, arguments: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(arguments)
        .current_dir(folder)
        .env("VEILPASS_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A program that refuses its arguments closes its input early.
    let _ = writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { exit: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The passphrase of every wallet.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// Encrypts a wallet anew so that opening it costs nothing: half a second for each command would make
/// up most of a test that has many.
pub fn quicken(wallet: &Path) {
    let passphrase = SecretString::from(PASSPHRASE.to_owned());
    let file = wallet.join("wallet.age");
    let holder = Wallet::open(&std::fs::read(&file).unwrap(), &[], &passphrase).unwrap();
    std::fs::write(file, holder.wallet_file(&passphrase, WorkFactor::new(2).unwrap()).unwrap()).unwrap();
}

/// Runs without input, with `--json`.
pub fn run(folder: &Path, arguments: &[&str]) -> Run {
    run_with(folder, &[arguments, &["--json"]].concat(), b"")
}

/// Splits a line into arguments at spaces and runs it with `--json`.
pub fn veilpass(folder: &Path, line: &str) -> Run {
    run(folder, &line.split_whitespace().collect::<Vec<_>>())
}
