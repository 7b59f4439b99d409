//! `veilpass params`: keys and the circuit's figures.

use crate::audit::{self, Audit};
use crate::common::{read, verifying_key};
use crate::export::{self, Export};
use crate::out::{disk, folder};
use crate::outcome::{Failure, Reply, pretty};
use crate::progress;
use clap::Subcommand;
use rand::rngs::OsRng;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use veilpass_circuits::{Attest, Circuit, Stats};
use veilpass_params::{inspect, setup};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_server::files::{Access, make_folder, write};
use veilpass_verifier::{Origin, VerifyingKey};

/// Key files and figures.
#[derive(Debug, Subcommand)]
pub enum Params {
    /// Make a development key pair from the system's randomness: attest-v1.vk and attest-v1.pk
    Setup {
        /// Folder that gets the two files
        #[arg(long, value_parser = folder)]
        out: PathBuf,
    },
    /// What a key file is
    Inspect {
        /// Proving or verifying key
        file: PathBuf,
    },
    /// Write a key, the circuit or an assignment in another system's form
    Export(Export),
    /// Rows, wires and entries of the circuit, gadget by gadget
    Stats,
    /// Look mechanically for freedoms and faults in the circuit, or in one of your own
    Audit(Audit),
}

/// Runs one of them.
pub fn run(command: Params) -> Result<Reply, Failure> {
    match command {
        Params::Setup { out } => {
            if ["attest-v1.pk", "attest-v1.vk"].iter().any(|name| out.join(name).symlink_metadata().is_ok()) {
                let text = format!("{} holds a key pair already; nothing was changed", out.display());
                return Err(Failure::Usage(text));
            }
            let spinner = progress::spinner("setup");
            let key = setup(Attest, Origin::Dev, &mut OsRng, |stage| spinner.set_message(stage.to_string()));
            spinner.finish_and_clear();
            let key = key.map_err(|e| Failure::Fault(e.to_string()))?;
            make_folder(&out).map_err(disk)?;
            let (vk, pk) = (key.verifying_key().to_bytes(), key.to_bytes());
            write(&out.join("attest-v1.pk"), &pk, Access::Public).map_err(disk)?;
            write(&out.join("attest-v1.vk"), &vk, Access::Public).map_err(disk)?;
            let id = key.circuit_id();
            let text = format!(
                "development key pair {id} in {}: {} and {} bytes",
                out.display(),
                vk.len(),
                pk.len()
            );
            Reply::new(&json!({"circuit": "attest-v1", "circuit_id": id, "origin": "dev"}), text)
        }
        Params::Inspect { file } => {
            let inspection = inspect(&read(&file)?).map_err(|e| Failure::refused(e.code(), &e))?;
            let json = serde_json::to_string(&inspection).map_err(|e| Failure::fault("writing JSON", e))?;
            let text = pretty(&json);
            Ok(Reply::raw(json, text))
        }
        Params::Export(what) => export::run(&what),
        Params::Audit(what) => audit::run(&what),
        Params::Stats => {
            let key = VerifyingKey::from_bytes(&verifying_key(None)?);
            let key = key.map_err(|e| Failure::refused(e.code(), &e))?;
            let stats = Attest.shape().stats();
            let value = StatsReply { circuit: "attest-v1", circuit_id: key.circuit_id(), stats };
            let stats = &value.stats;
            let mut text =
                format!("attest-v1: {} rows, {} wires, domain {}\n", stats.rows, stats.wires, stats.domain);
            for g in &stats.gadgets {
                let clauses: Vec<&str> = g.clauses.iter().map(|c| c.as_str()).collect();
                text += &format!("  {:<12} {:>5}  {}\n", g.name, g.rows, clauses.join(" "));
            }
            Reply::new(&value, text.trim_end())
        }
    }
}

/// Contract §9.
#[derive(Serialize)]
struct StatsReply {
    circuit: &'static str,
    circuit_id: CircuitId,
    #[serde(flatten)]
    stats: Stats,
}
