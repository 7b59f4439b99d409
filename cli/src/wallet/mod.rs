//! `veilpass wallet`: the holder's side, on folders and files and over the network.

mod change;
mod folder;
mod history;
mod home;
mod key;
mod present;
mod show;
mod sync;

use crate::common::ask;
use crate::network::Network;
use crate::out::{Out, disk};
use crate::outcome::{Failure, Form, Reply, tell};
use clap::Subcommand;
use folder::At;
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde_json::json;
use std::path::PathBuf;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::operation::Operation;
use veilpass_prover::{Refusal, Wallet as Holder, WorkFactor};
use veilpass_server::files::Access;
use veilpass_server::typed;

/// What a holder does.
#[derive(Debug, Subcommand)]
pub enum Wallet {
    /// Make a wallet; its secrets are made on this device
    New {
        #[command(flatten)]
        at: At,
    },
    /// Enrol: with the code that a registrar gave you, or from a file
    Enrol {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        from: EnrolFrom,
    },
    /// Take a new credential for another document or later dates; both secrets stay
    Renew {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        with: change::Redeem,
    },
    /// Move to this device: a new device secret; the pseudonyms stay
    Rotate {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        with: change::Redeem,
    },
    /// Begin anew with other secrets: all pseudonyms are new, after days of waiting
    Reset {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        with: change::Redeem,
    },
    /// Leave: no site accepts this wallet any more
    Withdraw {
        #[command(flatten)]
        at: At,
        /// The authority's address [default: the one that the wallet remembers]
        #[arg(long, value_name = "URL")]
        authority: Option<String>,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        network: Network,
    },
    /// Read the authority's newest list and look for your own entry in it
    Sync {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        sync: sync::SyncOptions,
    },
    /// Show whose wallet this is and whether it is in the authority's list; never a secret
    Show {
        #[command(flatten)]
        at: At,
    },
    /// Show what was asked and what became of it
    History {
        #[command(flatten)]
        at: At,
    },
    /// Answer a request, after agreeing to what it asks
    Present {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        present: present::PresentOptions,
    },
    /// Write the wallet, encrypted, into a file that moves it whole
    Export {
        #[command(flatten)]
        at: At,
        /// The file; - is standard output
        #[arg(long, value_name = "FILE|-")]
        out: Out,
    },
    /// Take a wallet from an exported file into a new folder
    Import {
        #[command(flatten)]
        at: At,
        /// The exported file, or - for standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
}

/// From where a first credential comes.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct EnrolFrom {
    #[command(flatten)]
    redeem: change::Redeem,
    /// The credential: one line of the file that `authority import --credentials` wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["authority", "code"])]
    credential: Option<PathBuf>,
}

fn refusal(refusal: &Refusal) -> Failure {
    Failure::refused(refusal.code(), refusal)
}

/// Asks a question on the terminal; only a yes is one.
fn agree(question: &str) -> Result<bool, Failure> {
    Ok(typed::is_yes(&ask(&format!("{question} [y/N] "))?))
}

impl Wallet {
    /// The output that the person names.
    pub fn out(&self) -> Option<&Out> {
        match self {
            Wallet::Present { present, .. } => present.out.as_ref(),
            Wallet::Export { out, .. } => Some(out),
            _ => None,
        }
    }
}

/// That an export replaces nothing but an older copy of the same wallet.
fn check_own_copy(out: &Out, holder: &Holder, passphrase: &SecretString) -> Result<(), Failure> {
    if !std::fs::metadata(out.path()).is_ok_and(|about| about.is_file() && about.len() > 0) {
        return Ok(());
    }
    let there = crate::common::read(out.path())?;
    let same = |old: &Holder| old.identity_commitment() == holder.identity_commitment();
    match Holder::open(&there, &[], passphrase) {
        Ok(old) if same(&old) => Ok(()),
        _ => Err(Failure::Usage(format!(
            "{out} is there already, and is not a copy of this wallet; name another file"
        ))),
    }
}

/// Runs one of them.
pub fn run(command: Wallet, form: Form) -> Result<Option<Reply>, Failure> {
    let reply = match command {
        Wallet::New { at } => {
            at.check_vacant()?;
            let holder = Holder::new(&mut OsRng);
            let file = holder.wallet_file(&at.passphrase(true)?, WorkFactor::PRODUCTION);
            let file = file.map_err(|e| Failure::Fault(e.to_string()))?;
            let (c, d) = (to_hex(&holder.identity_commitment()), to_hex(&holder.device_commitment()));
            let text = format!(
                "Your new wallet is in {}.\n\n\
                 1. Go to a registrar with your document. The registrar gives you a code and the authority's address.\n\n\
                 2. Type\n\n     {} --authority ADDRESS\n\n\
                 3. When you are in the authority's list, make a copy and store it away from this device:\n\n     \
                 {} --out FILE\n\n   \
                 Nobody can open wallet or copy without your passphrase, and nobody can reset it.",
                at.dir.display(),
                at.command("enrol"),
                at.command("export")
            );
            // No other command shows the commitments, so that it is done first.
            Reply::new(&json!({"identity_commitment": c, "device_commitment": d}), text)?.show(form)?;
            let void = |e: Failure| Failure::Fault(format!("there is no such wallet: {}", e.detail()));
            at.create_wallet(&file).map_err(void)?;
            return Ok(None);
        }
        Wallet::Enrol { at, from: EnrolFrom { credential: Some(file), .. } } => change::from_file(&at, &file),
        Wallet::Enrol { at, from } => change::redeem(&at, Operation::Enrol, &from.redeem),
        Wallet::Renew { at, with } => change::redeem(&at, Operation::Renew, &with),
        Wallet::Rotate { at, with } => change::redeem(&at, Operation::Rotate, &with),
        Wallet::Reset { at, with } => change::redeem(&at, Operation::Reset, &with),
        Wallet::Withdraw { at, authority, yes, network } => {
            change::withdraw(&at, authority.as_deref(), &network, yes)
        }
        Wallet::Sync { at, sync } => sync::run(at, &sync),
        Wallet::Show { at } => show::run(&at),
        Wallet::History { at } => history::run(&at),
        Wallet::Present { at, present } => present::run(&at, &present),
        Wallet::Export { at, out } => {
            let (holder, passphrase) = at.open()?;
            let pending: Vec<&str> = holder.pending().map(Operation::as_str).collect();
            if !pending.is_empty() {
                tell!(
                    "warning: not in the authority's list yet: {}. The file holds only what is in force now. Export \
                     again after the sync that says it is in force.",
                    pending.join(", ")
                );
            }
            check_own_copy(&out, &holder, &passphrase)?;
            let file = holder.wallet_file(&passphrase, WorkFactor::PRODUCTION);
            out.write(&file.map_err(|e| Failure::Fault(e.to_string()))?, Access::Private)?;
            Reply::new(
                &json!({"file": out.path()}),
                format!(
                    "The whole wallet, encrypted, is in {out}. Whoever has it needs your passphrase to open it."
                ),
            )
        }
        Wallet::Import { at, file } => {
            at.check_vacant()?;
            let bytes = crate::common::read(&file)?;
            // Opening it proves that the passphrase fits and that nothing is damaged.
            Holder::open(&bytes, &[], &at.passphrase(false)?).map_err(|e| refusal(&e))?;
            at.create_wallet(&bytes)?;
            let text = format!(
                "The wallet is in {}.\nIt does not know what was answered elsewhere. Use one device at a time: two could \
                 answer a site with the same one-time number.\nNext: {}",
                at.dir.display(),
                at.command("sync")
            );
            Reply::new(&json!({"file": at.wallet()}), text)
        }
    };
    reply.map(Some)
}
