//! The proving key of a wallet: read once, and decoded only when a proof has to be made from the beginning; and then
//! from a prepared form of it, which the wallet keeps in its folder.

use super::At;
use crate::common::read;
use crate::outcome::{Failure, printable, tell};
use crate::progress;
use rand::rngs::OsRng;
use rand::{CryptoRng, RngCore};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use veilpass_circuits::Attest;
use veilpass_circuits::Witness;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{Engine, PreparedProvingKey, ProveError, Prover};
use veilpass_prover::{KeyFile, KeySeal, Wallet as Holder};
use veilpass_server::files::{Access, LARGEST, read_if_there, write};
use veilpass_verifier::{PreparedKey, VerifyingKey};

/// A proving key file, and where its prepared form is.
pub struct Key {
    file: Cow<'static, [u8]>,
    /// By which what is prepared is held to it.
    name: KeyFile,
    inside: VerifyingKey,
    check: PreparedKey,
    prepared_file: PathBuf,
    seal: KeySeal,
    /// From the prepared form, where there is one.
    quick: OnceCell<Option<Arc<Engine>>>,
    /// From the file itself.
    whole: OnceCell<Arc<Engine>>,
}

impl Key {
    /// Reads the file, and the verifying key inside; the embedded DEV key where none is named.
    pub fn read(path: Option<&Path>, at: &At, holder: &Holder) -> Result<Key, Failure> {
        let (file, inside, check) = checked(path)?;
        Ok(Key {
            name: KeyFile::of(&file),
            file,
            inside,
            check,
            prepared_file: at.prepared_key(),
            seal: holder.key_seal(),
            quick: OnceCell::new(),
            whole: OnceCell::new(),
        })
    }

    /// Whether a file can be read, as [`Key::read`] does it.
    pub fn check(path: &Path) -> Result<(), Failure> {
        checked(Some(path)).map(drop)
    }

    /// The engine: reads the prepared form, or decodes and checks the whole key, when it is asked for first.
    pub fn engine(&self) -> Result<&Arc<Engine>, Failure> {
        if let Some(engine) = self.quick() {
            return Ok(engine);
        }
        if let Some(engine) = self.whole.get() {
            return Ok(engine);
        }
        let engine = Engine::new(self.decode()?).map_err(|e| Failure::Fault(e.to_string()))?;
        Ok(self.whole.get_or_init(|| Arc::new(engine)))
    }

    fn decode(&self) -> Result<ProvingKey, Failure> {
        ProvingKey::from_bytes(Attest, &self.file).map_err(|e| Failure::refused(e.code(), &e))
    }

    /// An engine of the prepared form. What is wrong with its file is said, and then it is as if there were none.
    fn quick(&self) -> Option<&Arc<Engine>> {
        let made = || {
            let Some(file) = read_if_there(&self.prepared_file, LARGEST).map_err(super::disk)? else {
                return Ok(None);
            };
            let key =
                self.seal.open(&file, &self.inside, self.name).map_err(|e| Failure::Fault(e.to_string()))?;
            let engine = key.map(Engine::new).transpose();
            engine.map(|engine| engine.map(Arc::new)).map_err(|e| Failure::Fault(e.to_string()))
        };
        let quick = self.quick.get_or_init(|| {
            made().unwrap_or_else(|failure| {
                warn("the prepared proving key is not used, and made anew when there is time", &failure);
                None
            })
        });
        quick.as_ref()
    }

    /// Writes the prepared form, if it is not in use: about a second of work, for which nobody needs to wait and the
    /// wallet need not be locked.
    pub fn keep_prepared(&self) {
        if self.quick().is_some() {
            return;
        }
        let spinner = progress::spinner("preparing the proving key");
        let kept = self.decode().and_then(|key| {
            let file = self.seal.seal(&PreparedProvingKey::new(&key));
            let file = file.map_err(|e| Failure::Fault(e.to_string()))?;
            write(&self.prepared_file, &file, Access::Private).map_err(super::disk)
        });
        spinner.finish_and_clear();
        if let Err(failure) = kept {
            warn("the prepared proving key could not be made", &failure);
        }
    }
}

/// The file, the verifying key inside, and that as it checks proofs.
fn checked(path: Option<&Path>) -> Result<(Cow<'static, [u8]>, VerifyingKey, PreparedKey), Failure> {
    let file = match path {
        Some(path) => Cow::Owned(read(path)?),
        None => Cow::Borrowed(dev::proving_key_bytes()),
    };
    let inside = ProvingKey::verifying_key_in(&Attest, &file).map_err(|e| Failure::refused(e.code(), &e))?;
    let check = PreparedKey::new(inside.clone()).map_err(|e| Failure::refused("key_unsafe", e))?;
    Ok((file, inside, check))
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
    if let Err(damage) = holder.use_prepared(file.as_deref(), key.name, now) {
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
    keep(at, holder);
}

/// Writes what is prepared, if it has changed, with the lock held.
pub fn keep(at: &At, holder: &Holder) {
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
    tell!("warning: {what}: {}", printable(failure.detail()));
}
