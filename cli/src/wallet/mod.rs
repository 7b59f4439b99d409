//! `veilpass wallet`: the holder's side, on folders and files and over the network.

mod change;
mod folder;
mod history;
mod key;
mod present;
mod sync;

use crate::network::Network;
use crate::out::{Out, disk};
use crate::outcome::{Failure, Form, Reply, pretty, tell};
use clap::Subcommand;
use folder::At;
use rand::rngs::OsRng;
use serde_json::json;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::operation::Operation;
use veilpass_prover::{Refusal, Wallet as Holder, WorkFactor};
use veilpass_server::files::Access;
use veilpass_server::typed;

/// What a holder does.
#[derive(Debug, Subcommand)]
pub enum Wallet {
    /// Make a wallet: its two secrets are born here
    New {
        #[command(flatten)]
        at: At,
    },
    /// Take a credential from the authority: with a registrar's code, or from a file
    Enrol {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        from: EnrolFrom,
        #[command(flatten)]
        network: Network,
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
    /// Leave: the leaf is removed with the next epoch
    Withdraw {
        #[command(flatten)]
        at: At,
        /// The authority's address
        #[arg(long, value_name = "URL")]
        authority: String,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        network: Network,
    },
    /// Read the newest epoch and look for one's own leaf in it
    Sync {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        sync: sync::SyncOptions,
    },
    /// Show the credential and the newest epoch; never a secret
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
    /// The authority's address
    #[arg(long, value_name = "URL", requires = "code", required_unless_present = "credential")]
    authority: Option<String>,
    /// The code that the registrar gave; case, dashes and spaces do not count
    #[arg(long, requires = "authority", env = "VEILPASS_CODE", hide_env_values = true)]
    code: Option<String>,
    /// The credential file, as an import wrote it
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

fn ask(prompt: &str) -> Result<String, Failure> {
    let mut line = String::new();
    let fault = |e| Failure::fault("the terminal", e);
    let mut shown = std::io::stderr().lock();
    shown.write_all(prompt.as_bytes()).and_then(|()| shown.flush()).map_err(fault)?;
    std::io::stdin().lock().read_line(&mut line).map_err(fault)?;
    Ok(line)
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

/// Runs one of them.
pub fn run(command: Wallet, form: Form) -> Result<Option<Reply>, Failure> {
    let reply = match command {
        Wallet::New { at } => {
            at.check_vacant()?;
            let holder = Holder::new(&mut OsRng);
            let file = holder.wallet_file(&at.passphrase(true)?, WorkFactor::PRODUCTION);
            let file = file.map_err(|e| Failure::Fault(e.to_string()))?;
            let (c, d) = (to_hex(&holder.identity_commitment()), to_hex(&holder.device_commitment()));
            let text =
                format!("wallet in {}\nidentity commitment {c}\ndevice commitment   {d}", at.dir.display());
            // No other command shows them, so that it is done first.
            Reply::new(&json!({"identity_commitment": c, "device_commitment": d}), text)?.show(form)?;
            let void = |e: Failure| Failure::Fault(format!("there is no such wallet: {}", e.detail()));
            at.create_wallet(&file).map_err(void)?;
            return Ok(None);
        }
        Wallet::Enrol { at, from, network } => match (from.credential, from.authority, from.code) {
            (Some(file), _, _) => change::from_file(&at, &file),
            (None, Some(authority), Some(code)) => {
                change::redeem(&at, Operation::Enrol, &change::Redeem { authority, code, network })
            }
            _ => Err(Failure::Usage("--authority with --code, or --credential".into())),
        },
        Wallet::Renew { at, with } => change::redeem(&at, Operation::Renew, &with),
        Wallet::Rotate { at, with } => change::redeem(&at, Operation::Rotate, &with),
        Wallet::Reset { at, with } => change::redeem(&at, Operation::Reset, &with),
        Wallet::Withdraw { at, authority, yes, network } => change::withdraw(&at, &authority, &network, yes),
        Wallet::Sync { at, sync } => sync::run(at, &sync),
        Wallet::Show { at } => {
            let (holder, _) = at.open()?;
            let value =
                json!({"credential": change::value(holder.credential())?, "epoch": holder.show().epoch});
            let text = pretty(&value.to_string());
            Reply::new(&value, text)
        }
        Wallet::History { at } => history::run(&at),
        Wallet::Present { at, present } => present::run(&at, &present),
        Wallet::Export { at, out } => {
            let (holder, passphrase) = at.open()?;
            let pending: Vec<&str> = holder.pending().map(Operation::as_str).collect();
            if !pending.is_empty() {
                tell!(
                    "warning: begun and not found in a sealed tree yet: {}. The file holds only the secrets and the \
                     credential in use: export again after the sync that puts the new ones in force.",
                    pending.join(", ")
                );
            }
            let file = holder.wallet_file(&passphrase, WorkFactor::PRODUCTION);
            out.write(&file.map_err(|e| Failure::Fault(e.to_string()))?, Access::Private)?;
            Reply::new(&json!({"file": out.path()}), format!("the whole wallet, encrypted, is in {out}"))
        }
        Wallet::Import { at, file } => {
            at.check_vacant()?;
            let bytes = crate::common::read(&file)?;
            // Opening it proves that the passphrase fits and that nothing is damaged.
            Holder::open(&bytes, &[], &at.passphrase(false)?).map_err(|e| refusal(&e))?;
            at.create_wallet(&bytes)?;
            let text = format!(
                "wallet in {}\nIt does not know what was answered elsewhere: one-time pseudonyms may be drawn again, and \
                 agreements start anew. Use one device at a time.",
                at.dir.display()
            );
            Reply::new(&json!({"file": at.wallet()}), text)
        }
    };
    reply.map(Some)
}
