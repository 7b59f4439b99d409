//! The proving key of a wallet: read once, and decoded only when a proof has to be made from the beginning; from the
//! second time on from a prepared form of it, which the wallet keeps in its folder.

use super::At;
use crate::common::read;
use crate::outcome::{Failure, printable};
use crate::progress;
use rand::rngs::OsRng;
use rand::{CryptoRng, RngCore};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use veilpass_circuits::Witness;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{Engine, PreparedKeyError, PreparedProvingKey, ProveError, Prover};
use veilpass_prover::{KeyFile, Wallet as Holder};
use veilpass_server::files::{Access, write};
use veilpass_verifier::{PreparedKey, VerifyingKey};

/// A proving key file, and where its prepared form is.
pub struct Key {
    file: Cow<'static, [u8]>,
    inside: VerifyingKey,
    check: PreparedKey,
    prepared_file: PathBuf,
    /// From the prepared form, where that can be read.
    quick: OnceCell<Option<Engine>>,
    /// Made a proof that the verifier refuses: used no more.
    quick_failed: Cell<bool>,
    /// From the file itself.
    whole: OnceCell<Engine>,
}

impl Key {
    /// Reads the file, and the verifying key inside; the embedded DEV key where none is named.
    pub fn read(path: Option<&Path>, at: &At) -> Result<Key, Failure> {
        let file = match path {
            Some(path) => Cow::Owned(read(path)?),
            None => Cow::Borrowed(dev::proving_key_bytes()),
        };
        let inside = ProvingKey::verifying_key_in(&file).map_err(|e| Failure::refused(e.code(), &e))?;
        let check = PreparedKey::new(inside.clone()).map_err(|e| Failure::refused("key_unsafe", e))?;
        let (quick, quick_failed, whole) = (OnceCell::new(), Cell::new(false), OnceCell::new());
        Ok(Key { file, inside, check, prepared_file: at.prepared_key(), quick, quick_failed, whole })
    }

    /// The engine: reads the prepared form, or decodes and checks the whole key, when it is asked for first.
    pub fn engine(&self) -> Result<&Engine, Failure> {
        if !self.quick_failed.get()
            && let Some(engine) = self.quick.get_or_init(|| self.read_prepared())
        {
            return Ok(engine);
        }
        if let Some(engine) = self.whole.get() {
            return Ok(engine);
        }
        let engine = Engine::new(self.decode()?).map_err(|e| Failure::Fault(e.to_string()))?;
        Ok(self.whole.get_or_init(|| engine))
    }

    fn decode(&self) -> Result<ProvingKey, Failure> {
        ProvingKey::from_bytes(&self.file).map_err(|e| Failure::refused(e.code(), &e))
    }

    /// The file's name, by which what is prepared is held to it.
    fn name(&self) -> KeyFile {
        KeyFile::of(&self.file)
    }

    /// An engine of the prepared form. What is wrong with its file is said, and then it is as if there were none.
    fn read_prepared(&self) -> Option<Engine> {
        if !self.prepared_file.exists() {
            return None;
        }
        let made = read(&self.prepared_file).and_then(|file| {
            match PreparedProvingKey::from_bytes(&file, &self.inside, self.name()) {
                Ok(key) => Engine::new(key).map(Some).map_err(|e| Failure::Fault(e.to_string())),
                // Another key file was named before.
                Err(PreparedKeyError::OtherKey) => Ok(None),
                Err(other) => Err(Failure::Fault(other.to_string())),
            }
        });
        made.unwrap_or_else(|failure| {
            warn("the prepared proving key is not used, and made anew when there is time", &failure);
            None
        })
    }

    /// After a proof that the verifier refused: whether it came of the prepared form, which is then used no more.
    fn distrust_prepared(&self) -> bool {
        let used = matches!(self.quick.get(), Some(Some(_))) && !self.quick_failed.replace(true);
        if used {
            warn("the prepared proving key is dropped", &Failure::Fault(ProveError::SelfCheck.to_string()));
        }
        used
    }

    /// Writes the prepared form if it is not there, or not in use: about a second of work.
    fn keep_prepared(&self) -> Result<(), Failure> {
        if !self.quick_failed.get() && matches!(self.quick.get_or_init(|| self.read_prepared()), Some(_)) {
            return Ok(());
        }
        let spinner = progress::spinner("preparing the proving key");
        let file = PreparedProvingKey::new(&self.decode()?).to_bytes();
        spinner.finish_and_clear();
        write(&self.prepared_file, &file, Access::Private).map_err(super::disk)
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
        let engine = || self.engine().map_err(|failure| ProveError::Engine(failure.detail().to_owned()));
        match engine()?.prove(statement, witness, rng) {
            Err(ProveError::SelfCheck) if self.distrust_prepared() => {
                engine()?.prove(statement, witness, rng)
            }
            made => made,
        }
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
        let mut attempt = || {
            let engine = key.engine()?;
            let made = holder.prepare(engine, now, &mut OsRng, |made| bar.set_position(made as u64));
            Ok(made.map(|_| ()))
        };
        let made = match attempt() {
            Ok(Err(ProveError::SelfCheck)) if key.distrust_prepared() => attempt(),
            made => made,
        };
        bar.finish_and_clear();
        let made = made.and_then(|made| made.map_err(|e| Failure::Fault(e.to_string())));
        if let Err(failure) = made {
            warn("answers could not be prepared", &failure);
        } else if let Err(failure) = key.keep_prepared() {
            warn("the proving key could not be prepared", &failure);
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
