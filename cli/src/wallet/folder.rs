//! A wallet's folder: `wallet.age` (secrets and credential, contract §4) and `state.age` (what was synced
//! and answered), both encrypted; `prepared.age` (answers to which only the challenge is missing), encrypted as well, which
//! can be deleted at any time; `proving-key.age` (the proving key in a form that is read quickly), sealed so that nobody else
//! writes one, which can be deleted as well.
//!
//! When a change is promoted, both have to be replaced, and a reset even changes the key of the state.
//! Then `state.next.age` is written first, `wallet.age` second, and the next state takes the place of the
//! old one last: killed in between, the wallet opens with whichever state fits it.

use super::{disk, refusal};
use crate::common::{read, read_text, terminal};
use crate::outcome::Failure;
use clap::Args;
use secrecy::SecretString;
use std::fs::File;
use std::path::{Path, PathBuf};
use veilpass_prover::{Wallet as Holder, WorkFactor};
use veilpass_server::files::{Access, at, create, lock, make_private_folder, sync_folder, write};
use zeroize::Zeroizing;

/// Which wallet, and its passphrase (`VEILPASS_PASSPHRASE`, a file, or a question).
#[derive(Debug, Clone, Args)]
pub struct At {
    /// The wallet's folder
    #[arg(long)]
    pub dir: PathBuf,
    /// A file that holds the passphrase
    #[arg(long, value_name = "F")]
    passphrase_file: Option<PathBuf>,
}

const WALLET: &str = "wallet.age";
const STATE: &str = "state.age";
const NEXT: &str = "state.next.age";
const PREPARED: &str = "prepared.age";
const PREPARED_KEY: &str = "proving-key.age";
const LOCK: &str = "lock";

impl At {
    /// Where the wallet file is.
    pub fn wallet(&self) -> PathBuf {
        self.dir.join(WALLET)
    }

    /// Where the state is.
    pub fn state(&self) -> PathBuf {
        self.dir.join(STATE)
    }

    /// Where prepared answers are.
    pub fn prepared(&self) -> PathBuf {
        self.dir.join(PREPARED)
    }

    /// Where the prepared form of the proving key is.
    pub fn prepared_key(&self) -> PathBuf {
        self.dir.join(PREPARED_KEY)
    }

    /// The passphrase; `again`: typed twice.
    pub fn passphrase(&self, again: bool) -> Result<SecretString, Failure> {
        let text = self.passphrase_text(again)?;
        if text.is_empty() {
            return Err(Failure::Usage("an empty passphrase protects nothing".into()));
        }
        Ok(SecretString::from((*text).clone()))
    }

    fn passphrase_text(&self, again: bool) -> Result<Zeroizing<String>, Failure> {
        if let Some(file) = &self.passphrase_file {
            let text = Zeroizing::new(read_text(file)?);
            return Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()));
        }
        if let Ok(text) = std::env::var("VEILPASS_PASSPHRASE") {
            return Ok(Zeroizing::new(text));
        }
        if !terminal() {
            return Err(Failure::Usage("a wallet needs VEILPASS_PASSPHRASE or --passphrase-file".into()));
        }
        let ask = |prompt: &str| {
            rpassword::prompt_password(prompt).map_err(|e| Failure::fault("the passphrase", e))
        };
        let first = Zeroizing::new(ask("Passphrase of the wallet: ")?);
        if again && *first != *Zeroizing::new(ask("Once more: ")?) {
            return Err(Failure::Usage("the two passphrases differ".into()));
        }
        Ok(first)
    }

    /// That there is a wallet in the folder.
    pub fn holds_one(&self) -> Result<(), Failure> {
        if self.wallet().is_file() {
            return Ok(());
        }
        Err(Failure::Usage(format!("{} is no wallet's folder", self.dir.display())))
    }

    /// Opens the wallet.
    pub fn open(&self) -> Result<(Holder, SecretString), Failure> {
        self.holds_one()?;
        let passphrase = self.passphrase(false)?;
        Ok((self.open_with(&passphrase)?, passphrase))
    }

    /// Opens the wallet with a passphrase that is known.
    pub fn open_with(&self, passphrase: &SecretString) -> Result<Holder, Failure> {
        self.holds_one()?;
        let file = read(&self.wallet())?;
        let there = [STATE, NEXT].map(|name| self.dir.join(name)).into_iter().filter(|path| path.is_file());
        let states = there.map(|path| read(&path)).collect::<Result<Vec<_>, _>>()?;
        let states: Vec<&[u8]> = states.iter().map(Vec::as_slice).collect();
        Holder::open(&file, &states, passphrase).map_err(|e| refusal(&e))
    }

    /// Writes the wallet file.
    pub fn save_wallet(&self, holder: &Holder, passphrase: &SecretString) -> Result<(), Failure> {
        let file = holder
            .wallet_file(passphrase, WorkFactor::PRODUCTION)
            .map_err(|e| Failure::Fault(e.to_string()))?;
        write(&self.wallet(), &file, Access::Private).map_err(disk)
    }

    /// Makes the wallet file; another wallet that is there, or comes at the same time, is left alone.
    pub fn create_wallet(&self, file: &[u8]) -> Result<(), Failure> {
        create(&self.wallet(), file, Access::Private).map_err(disk)
    }

    /// Writes the state.
    pub fn save_state(&self, holder: &Holder) -> Result<(), Failure> {
        let file = holder.state_file().map_err(|e| Failure::Fault(e.to_string()))?;
        write(&self.state(), &file, Access::Private).map_err(disk)?;
        // What a promotion that was killed left behind is older from now on.
        remove(&self.dir.join(NEXT))
    }

    /// Writes both files after a promotion, in an order in which it may be killed anywhere.
    pub fn save_promoted(&self, holder: &Holder, passphrase: &SecretString) -> Result<(), Failure> {
        // What is prepared is for the credential until now, and sealed with its secret.
        self.remove_prepared()?;
        remove(&self.prepared_key())?;
        let (next, state) = (self.dir.join(NEXT), self.state());
        let file = holder.state_file().map_err(|e| Failure::Fault(e.to_string()))?;
        write(&next, &file, Access::Private).map_err(disk)?;
        self.save_wallet(holder, passphrase)?;
        std::fs::rename(&next, &state).map_err(at(&state)).map_err(disk)?;
        sync_folder(&self.dir).map_err(disk)
    }

    /// The file of what is prepared, if there is one.
    pub fn read_prepared(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.prepared();
        if path.exists() { read(&path).map(Some) } else { Ok(None) }
    }

    /// Writes what is prepared.
    pub fn save_prepared(&self, holder: &Holder) -> Result<(), Failure> {
        let file = holder.prepared_file().map_err(|e| Failure::Fault(e.to_string()))?;
        write(&self.prepared(), &file, Access::Private).map_err(disk)
    }

    /// Removes what is prepared.
    pub fn remove_prepared(&self) -> Result<(), Failure> {
        remove(&self.prepared())
    }

    /// Held while the wallet changes: two answers at one time could draw the same slot.
    pub fn lock(&self) -> Result<File, Failure> {
        self.holds_one()?;
        lock(&self.dir.join(LOCK)).map_err(disk)
    }

    /// A folder for a wallet that is to be made; one that holds a wallet already is left alone.
    pub fn vacant(&self) -> Result<(), Failure> {
        if self.wallet().exists() || self.state().exists() {
            return Err(Failure::Usage(format!(
                "{} holds a wallet already; nothing was changed",
                self.dir.display()
            )));
        }
        make_private_folder(&self.dir).map_err(disk)
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(disk(at(path)(e))),
        _ => Ok(()),
    }
}
