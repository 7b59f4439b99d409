//! `veilpass params export`: keys, circuit and assignments in other systems' forms.

use crate::common::{read, verifying_key};
use crate::debug::eval;
use crate::out::{disk, folder};
use crate::outcome::{Failure, Reply};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use veilpass_circuits::attest::PRIVATE_INPUTS;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::circom::{R1cs, symbols, write_r1cs, write_sym, write_wtns};
use veilpass_params::snarkjs;
use veilpass_server::files::{Access, make_folder, write};
use veilpass_verifier::VerifyingKey;

/// What to export.
#[derive(Debug, Args)]
pub struct Export {
    /// The form
    #[arg(long)]
    format: Format,
    /// snarkjs: verifying key file [default: the DEV key]
    #[arg(long)]
    key: Option<PathBuf>,
    /// wtns: public and private inputs as JSON, a line of `debug eval`; `-` is standard input
    #[arg(long)]
    input: Option<PathBuf>,
    /// Folder that gets the files
    #[arg(long, value_parser = folder)]
    out: PathBuf,
}

/// Forms of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// verification_key.json
    Snarkjs,
    /// The circuit: attest-v1.r1cs, and the names of its wires in attest-v1.sym
    R1cs,
    /// The value of every wire for given inputs: attest-v1.wtns, which holds secrets
    Wtns,
}

/// Writes the files.
pub fn run(export: &Export) -> Result<Reply, Failure> {
    let Export { format, key, input, out } = export;
    let file = |name: &str, bytes: &[u8], access| {
        let path = out.join(name);
        make_folder(out).and_then(|()| write(&path, bytes, access)).map_err(disk)?;
        Ok(path)
    };
    match (format, key, input) {
        (Format::Snarkjs, key, None) => {
            let key = VerifyingKey::from_bytes(&verifying_key(key.as_ref())?);
            let key = key.map_err(|e| Failure::refused(e.code(), &e))?;
            let json = snarkjs::verification_key(&key);
            let file = file("verification_key.json", json.as_bytes(), Access::Public)?;
            Reply::new(&json!({"file": file}), format!("{}", file.display()))
        }
        (Format::R1cs, None, None) => {
            let r1cs = R1cs::new(Attest.shape().matrices().clone(), PRIVATE_INPUTS);
            let names = write_sym(&symbols(&Attest.wire_names()));
            let files = [
                file("attest-v1.r1cs", &write_r1cs(&r1cs), Access::Public)?,
                file("attest-v1.sym", names.as_bytes(), Access::Public)?,
            ];
            let json = json!({
                "files": files,
                "rows": r1cs.matrices.rows(),
                "wires": r1cs.matrices.wires,
                "public_inputs": r1cs.public_inputs,
                "private_inputs": r1cs.private_inputs,
            });
            Reply::new(&json, files.map(|file| file.display().to_string()).join("\n"))
        }
        (Format::Wtns, None, Some(input)) => {
            let claim = eval::claim(&read(input)?);
            let (statement, witness) = claim.map_err(|e| Failure::refused(e.code(), e.detail()))?;
            let assignment = Attest.assign(&statement, &witness);
            if let Some(clause) = Attest.shape().failing_clause(&assignment) {
                return Err(Failure::refused("not_satisfied", format!("clause {clause} does not hold")));
            }
            let file = file("attest-v1.wtns", &write_wtns(&assignment), Access::Private)?;
            Reply::new(&json!({"file": file, "wires": assignment.len()}), format!("{}", file.display()))
        }
        _ => {
            let text = "--key goes with --format snarkjs alone, --input with --format wtns, which needs it";
            Err(Failure::Usage(text.into()))
        }
    }
}
