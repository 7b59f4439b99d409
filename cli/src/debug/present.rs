//! `debug present`: a wallet without rules, to test what circuit and platform refuse.

use super::eval::Private;
use crate::common::{proving_key, read};
use crate::out::Out;
use crate::outcome::{Failure, Reply};
use rand::rngs::OsRng;
use std::path::{Path, PathBuf};
use veilpass_protocol::field::{Fr, from_hex};
use veilpass_protocol::identity::{PseudonymSecret, pseudonym};
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::AnyRequest;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{Engine, ProveError};
use veilpass_server::files::Access;

/// Proves the request's statement against any root, with any private inputs.
pub fn run(
    request: &Path,
    root: &str,
    epoch: u64,
    private: &Path,
    pk: Option<&PathBuf>,
    out: &Out,
) -> Result<Reply, Failure> {
    let syntax = |e: &dyn std::fmt::Display| Failure::refused("request_syntax", e);
    let request = AnyRequest::read(&read(request)?).map_err(|e| syntax(&e))?;
    let request = request.request();
    let root: Fr = from_hex(root).map_err(|e| Failure::Usage(format!("--root: {e}")))?;
    let private: Private = veilpass_protocol::json::parse(&read(private)?).map_err(|e| syntax(&e))?;
    let witness = private.witness().map_err(|e| Failure::refused(e.code(), e.detail()))?;
    let scope = request.scope().map_err(|e| syntax(&e))?;
    // A slot that is no small number has no pseudonym of the request; then the circuit refuses.
    let slot = veilpass_protocol::field::to_u64(&witness.slot).and_then(|n| u32::try_from(n).ok());
    let k = PseudonymSecret::from_fr(witness.k);
    let (Some(slot), Some(k)) = (slot, k) else {
        return Err(Failure::refused("not_satisfied", "the pseudonym secret is zero or the slot is no slot"));
    };
    let pseudonym = pseudonym(&k, &scope, slot);
    let statement = Statement::for_request(request, root, pseudonym).map_err(|e| syntax(&e))?;
    let prover = Engine::new(proving_key(pk)?).map_err(|e| Failure::Fault(e.to_string()))?;
    let proof = prover.prove(&statement, &witness, &mut OsRng).map_err(|e| match e {
        ProveError::Unsatisfied(_) => Failure::refused("not_satisfied", e),
        other => Failure::Fault(other.to_string()),
    })?;
    let json = Presentation { circuit: request.circuit, epoch, pseudonym, proof }.to_json();
    out.write(json.as_bytes(), Access::Public)?;
    Ok(Reply::raw(json, format!("presentation in {out}")))
}
