//! The proving key of a wallet: read once, and decoded only when a proof has to be made from the beginning.

use super::At;
use crate::common::read;
use crate::outcome::{Failure, printable};
use crate::progress;
use rand::rngs::OsRng;
use rand::{CryptoRng, RngCore};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::Path;
use veilpass_circuits::Witness;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{Engine, ProveError, Prover};
use veilpass_prover::{KeyFile, Wallet as Holder};
use veilpass_verifier::PreparedKey;

/// A proving key file.
pub struct Key {
    file: Cow<'static, [u8]>,
    check: PreparedKey,
    engine: OnceCell<Engine>,
}

impl Key {
    /// Reads the file, and the verifying key inside; the embedded DEV key where none is named.
    pub fn read(path: Option<&Path>) -> Result<Key, Failure> {
        let file = match path {
            Some(path) => Cow::Owned(read(path)?),
            None => Cow::Borrowed(dev::proving_key_bytes()),
        };
        let inside = ProvingKey::verifying_key_in(&file).map_err(|e| Failure::refused(e.code(), &e))?;
        let check = PreparedKey::new(inside).map_err(|e| Failure::refused("key_unsafe", e))?;
        Ok(Key { file, check, engine: OnceCell::new() })
    }

    /// The engine: decodes and checks the whole key when it is asked for first, some tenths of a second.
    pub fn engine(&self) -> Result<&Engine, Failure> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let key = ProvingKey::from_bytes(&self.file).map_err(|e| Failure::refused(e.code(), &e))?;
        let engine = Engine::new(key).map_err(|e| Failure::Fault(e.to_string()))?;
        Ok(self.engine.get_or_init(|| engine))
    }

    /// The file's name, by which what is prepared is held to it.
    fn name(&self) -> KeyFile {
        KeyFile::of(&self.file)
    }
}

impl Prover for Key {
    fn circuit(&self) -> CircuitId {
        self.check.circuit_id()
    }

    fn verifying_key(&self) -> Option<&PreparedKey> {
        Some(&self.check)
    }

    fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let engine = self.engine().map_err(|failure| ProveError::Engine(failure.detail().to_owned()))?;
        engine.prove(statement, witness, rng)
    }
}

/// Takes what is prepared into the wallet, with the lock held. A file that is damaged is dropped: answers are then proved
/// as if there had been none.
pub fn take_prepared(at: &At, holder: &mut Holder, key: &Key, now: Timestamp) {
    let file = at.read_prepared().unwrap_or_else(|failure| {
        warn("what was prepared cannot be read", &failure);
        None
    });
    if let Err(damage) = holder.use_prepared(file.as_deref(), key.name(), now) {
        warn("dropped, and made anew when there is time", &Failure::Fault(damage.to_string()));
        drop_prepared(at);
    }
}

/// Prepares what is missing and writes it, with the lock held. Nobody waits for it, and an answer never depends on it: what
/// goes wrong is said, no more.
pub fn prepare(at: &At, holder: &mut Holder, key: &Key, now: Timestamp) {
    let missing = holder.unprepared(key.circuit(), now);
    if missing > 0 {
        let bar = progress::bar(missing as u64, "preparing");
        let made = key.engine().and_then(|engine| {
            holder
                .prepare(engine, now, &mut OsRng, |made| bar.set_position(made as u64))
                .map_err(|e| Failure::Fault(e.to_string()))
        });
        bar.finish_and_clear();
        if let Err(failure) = made {
            warn("answers could not be prepared", &failure);
        }
    }
    if holder.prepared_changed()
        && let Err(failure) = at.save_prepared(holder)
    {
        warn("what was prepared could not be written", &failure);
    }
}

/// Removes what is prepared, because the credential that it is for changes.
pub fn drop_prepared(at: &At) {
    if let Err(failure) = at.remove_prepared() {
        warn("what was prepared could not be removed; delete prepared.age", &failure);
    }
}

fn warn(what: &str, failure: &Failure) {
    eprintln!("warning: {what}: {}", printable(failure.detail()));
}
