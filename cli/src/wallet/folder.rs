//! A wallet's folder: `wallet.age` (secrets and credential, contract §4) and `state.age` (what was synced
//! and answered), both encrypted; `prepared.age` (answers to which only the challenge is missing), encrypted as well, which
//! can be deleted at any time; `proving-key.age` (the proving key in a form that is read quickly), sealed so that nobody else
//! writes one, which can be deleted as well.
//!
//! When a change is promoted, both have to be replaced, and a reset even changes the key of the state.
//! Then `state.next.age` is written first, `wallet.age` second, and the next state takes the place of the
//! old one last: killed in between, the wallet opens with whichever state fits it.

use super::{disk, refusal};
use crate::outcome::Failure;
use crate::passphrase;
use clap::Args;
use etcetera::BaseStrategy;
use secrecy::SecretString;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use veilpass_prover::{Wallet as Holder, WorkFactor};
use veilpass_server::files::{
    Access, LARGEST, at, check_regular, create, lock, make_private_folder, read, read_if_there, replace,
    write,
};

/// Which wallet, and its passphrase (`VEILPASS_PASSPHRASE`, a file, or a question).
#[derive(Debug, Clone, Args)]
pub struct At {
    /// The wallet's folder
    #[arg(long, value_name = "DIR", env = "VEILPASS_WALLET", default_value_os_t = default_folder())]
    pub dir: PathBuf,
    /// A file that holds the passphrase
    #[arg(long, value_name = "F")]
    passphrase_file: Option<PathBuf>,
}

/// Where a person's wallet is if no folder is named: below the folder for data of programs (XDG Base Directory
/// Specification), or below the working folder where there is no home.
fn default_folder() -> PathBuf {
    let data = etcetera::choose_base_strategy().map(|folders| folders.data_dir()).unwrap_or_default();
    data.join("veilpass").join("wallet")
}

const WALLET: &str = "wallet.age";
const STATE: &str = "state.age";
const NEXT: &str = "state.next.age";
const PREPARED: &str = "prepared.age";
const PREPARED_KEY: &str = "proving-key.age";
const LOCK: &str = "lock";

impl At {
    /// A command of this wallet, as it is typed.
    pub fn command(&self, name: &str) -> String {
        if self.dir == default_folder() || std::env::var_os("VEILPASS_WALLET").is_some() {
            return format!("veilpass wallet {name}");
        }
        format!("veilpass wallet {name} --dir {}", self.dir.display())
    }

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
        passphrase::read(self.passphrase_file.as_deref(), "wallet", again)
    }

    /// That there is a wallet in the folder.
    pub fn holds_one(&self) -> Result<(), Failure> {
        let absent = || {
            Failure::Usage(format!(
                "there is no wallet in {}. `veilpass wallet new` makes one; --dir names another folder",
                self.dir.display()
            ))
        };
        match check_regular(&self.wallet()) {
            Ok(()) if self.wallet().exists() => Ok(()),
            Ok(()) => Err(absent()),
            Err(e) if e.kind == ErrorKind::NotADirectory => Err(absent()),
            Err(e) => Err(disk(e)),
        }
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
        let file = read(&self.wallet()).map_err(disk)?;
        let there = [STATE, NEXT].map(|name| read_if_there(&self.dir.join(name), LARGEST).map_err(disk));
        let there = there.into_iter().collect::<Result<Vec<_>, _>>()?;
        let states: Vec<Vec<u8>> = there.into_iter().flatten().collect();
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
        make_private_folder(&self.dir).map_err(disk)?;
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
        replace(&next, &state).map_err(disk)
    }

    /// The file of what is prepared, if there is one.
    pub fn read_prepared(&self) -> Result<Option<Vec<u8>>, Failure> {
        read_if_there(&self.prepared(), LARGEST).map_err(disk)
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

    /// That a wallet can be made in the folder; one that holds a wallet already is left alone.
    pub fn check_vacant(&self) -> Result<(), Failure> {
        if [self.wallet(), self.state()].iter().any(|path| path.symlink_metadata().is_ok()) {
            return Err(Failure::Usage(format!(
                "{} holds a wallet already; nothing was changed. --dir names another folder",
                self.dir.display()
            )));
        }
        Ok(())
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(disk(at(path)(e))),
        _ => Ok(()),
    }
}
