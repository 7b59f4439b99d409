//! Who plays: an authority on its folder, two platforms, and wallets.

use super::Tried;
use crate::authority::failure;
use crate::outcome::Failure;
use crate::wallet::Folder;
use rand::rngs::OsRng;
use std::path::{Path, PathBuf};
use veilpass_circuits::Witness;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::pseudonym;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_protocol::scope::{Host, LinkKind};
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{ArkProver, ProveError, Prover};
use veilpass_prover::{AnswerError, Channel, Wallet};
use veilpass_server::platform::{MadeRequest, PlatformKeys, RequestOptions};
use veilpass_verifier::{AcceptError, AcceptedEpochs, InMemory, Policy, Reuse, Verifier, VerifyError};

/// A platform: its keys, pinned verifying key, epochs and store.
pub struct Platform {
    /// Its host.
    pub host: Host,
    /// What it knows of the authority.
    pub epochs: AcceptedEpochs,
    /// Everything that it ever received, as bytes.
    pub received: Vec<Vec<u8>>,
    /// The pseudonyms that it accepted.
    pub pseudonyms: Vec<Fr>,
    keys: PlatformKeys,
    verifier: Verifier,
    memory: InMemory,
    circuit: CircuitId,
}

/// 18 or older.
pub fn adult() -> Predicates {
    at_least(18)
}

/// So old or older.
pub fn at_least(age: u32) -> Predicates {
    Predicates { age: Some(AgePredicate { at_least: Some(age), below: None }), ..Predicates::valid() }
}

impl Platform {
    /// A platform with a folder for its keys; gives the public key for the directory as well.
    pub fn new(
        folder: &Path,
        host: &str,
        authority: &AuthorityKey,
        verifying_key: &[u8],
    ) -> Result<(Platform, String), Failure> {
        let host: Host = host.parse().map_err(|e| Failure::fault("host", e))?;
        let made = PlatformKeys::generate(folder, &mut OsRng).map_err(failure)?;
        let policy = Policy::default().allowing_dev_keys();
        let verifier = Verifier::new(policy).with_key(verifying_key).map_err(|e| Failure::fault("key", e))?;
        let circuit = verifier.circuits().next().ok_or_else(|| Failure::Fault("no circuit".into()))?;
        let platform = Platform {
            host,
            epochs: AcceptedEpochs::starting_without_memory(authority.clone()),
            received: Vec::new(),
            pseudonyms: Vec::new(),
            keys: PlatformKeys::open(folder).map_err(failure)?,
            verifier,
            memory: InMemory::new(),
            circuit,
        };
        Ok((platform, made.key))
    }

    /// Installs a note as at a time; the code of a refusal.
    pub fn install(&mut self, note: &str, now: Timestamp) -> Result<(), String> {
        self.epochs.install(note, self.verifier.policy(), now).map(|_| ()).map_err(|e| e.code().to_owned())
    }

    /// From now on with another, stricter grace.
    pub fn with_grace(&mut self, seconds: u64, verifying_key: &[u8]) -> Result<(), Failure> {
        let policy = Policy::default()
            .allowing_dev_keys()
            .with_grace(seconds)
            .map_err(|e| Failure::fault("grace", e))?;
        self.verifier =
            Verifier::new(policy).with_key(verifying_key).map_err(|e| Failure::fault("key", e))?;
        Ok(())
    }

    /// A signed request.
    pub fn ask(
        &self,
        link: LinkKind,
        predicates: Predicates,
        now: Timestamp,
    ) -> Result<MadeRequest, Failure> {
        let mut options = RequestOptions::new(self.host.clone(), self.circuit, predicates);
        options.link = link;
        options.make(Some(&self.keys), now, &mut OsRng).map_err(failure)
    }

    /// A request with members changed, signed all the same: what a dishonest platform would send.
    pub fn sign(&self, request: &Request) -> String {
        veilpass_protocol::request::SignedRequest::sign(request, self.keys.signing_key())
    }

    /// Checks what came and remembers it.
    pub fn receive(&mut self, request: &Request, presentation: &[u8], now: Timestamp) -> Tried {
        self.received.push(presentation.to_vec());
        let accepted =
            self.verifier.accept(request, presentation, &self.epochs, &self.memory, Reuse::MayReturn, now);
        let (verdict, said) = match accepted {
            Ok(verified) => {
                self.pseudonyms.push(*verified.pseudonym());
                let proven: Vec<String> = verified.proven().iter().map(|p| p.to_string()).collect();
                (Ok(()), proven.join(", "))
            }
            Err(AcceptError::Refused(e)) => (Err(code(&e)), e.to_string()),
            Err(AcceptError::Store(never)) => match never {},
        };
        Tried { actor: "platform", verdict, bytes: presentation.len(), said }
    }
}

fn code(e: &VerifyError) -> String {
    e.code().to_owned()
}

/// A person with a wallet that keeps to its rules.
pub struct Holder {
    /// The wallet.
    pub wallet: Wallet,
}

impl Holder {
    /// A new wallet.
    pub fn new() -> Holder {
        Holder { wallet: Wallet::new(&mut OsRng) }
    }

    /// Reads the published folder.
    pub fn sync(
        &mut self,
        published: &Path,
        authority: &AuthorityKey,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let source = Folder(PathBuf::from(published));
        let synced = self.wallet.sync(&source, authority, now).map_err(|e| Failure::fault("sync", e))?;
        Ok(synced.enrolled)
    }

    /// Answers a request, agreeing to whatever the rules let through.
    pub fn present(
        &mut self,
        request: &[u8],
        channel: &Channel,
        prover: &ArkProver,
        now: Timestamp,
    ) -> Result<Result<Presentation, Tried>, Failure> {
        let refused = |code: &str, said: String| Tried {
            actor: "wallet",
            verdict: Err(code.to_owned()),
            bytes: request.len(),
            said,
        };
        let question = match self.wallet.examine(request, channel, false, prover.circuit(), now) {
            Ok(question) => question,
            Err(refusal) => return Ok(Err(refused(refusal.code(), refusal.to_string()))),
        };
        // The state would be written here; in the demo it stays in memory.
        let persist = |_: &[u8]| Ok::<(), std::convert::Infallible>(());
        match self.wallet.answer(&question, true, prover, now, &mut OsRng, persist) {
            Ok(presentation) => Ok(Ok(presentation)),
            Err(AnswerError::Refused(refusal)) => Ok(Err(refused(refusal.code(), refusal.to_string()))),
            Err(other) => Err(Failure::Fault(other.to_string())),
        }
    }
}

/// A wallet without rules: proves whatever the circuit allows for this witness.
pub fn hostile(
    request: &Request,
    root: Fr,
    epoch: u64,
    witness: &Witness,
    prover: &ArkProver,
) -> Result<Result<Presentation, Tried>, Failure> {
    let fault = |e: &dyn std::fmt::Display| Failure::Fault(e.to_string());
    let k = veilpass_protocol::identity::PseudonymSecret::from_fr(witness.k)
        .ok_or_else(|| fault(&"k is zero"))?;
    let scope = request.scope().map_err(|e| fault(&e))?;
    let slot = veilpass_protocol::field::to_u64(&witness.slot).and_then(|n| u32::try_from(n).ok());
    let slot = slot.ok_or_else(|| fault(&"the slot is no slot"))?;
    let statement =
        Statement::for_request(request, root, pseudonym(&k, &scope, slot)).map_err(|e| fault(&e))?;
    match prover.prove(&statement, witness, &mut OsRng) {
        Ok(proof) => {
            Ok(Ok(Presentation { circuit: request.circuit, epoch, pseudonym: statement.pseudonym, proof }))
        }
        Err(ProveError::Unsatisfied(clause)) => {
            let said = format!("the circuit allows no such proof: {clause}");
            Ok(Err(Tried { actor: "circuit", verdict: Err("not_satisfied".into()), bytes: 0, said }))
        }
        Err(other) => Err(fault(&other)),
    }
}
