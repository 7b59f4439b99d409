//! `veilpass wallet`: the holder's side, on folders and files.
//!
//! A wallet's folder has two files, both encrypted: `wallet.age` (secrets and credential, contract §4) and
//! `state.age` (what was synced and answered).

use crate::common::{Clock, authority_key, proving_key, read, read_text, terminal};
use crate::outcome::{Failure, Reply, pretty, printable};
use crate::progress;
use clap::{Args, Subcommand};
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::scope::Host;
use veilpass_prover::groth16::{ArkProver, Prover};
use veilpass_prover::{
    AnswerError, Channel, Question, Refusal, Source, SourceError, Wallet as Holder, WorkFactor,
};
use veilpass_server::files::{Access, FileError, create, lock, make_private_folder, write};
use zeroize::Zeroizing;

/// What a holder does.
#[derive(Debug, Subcommand)]
pub enum Wallet {
    /// Make a wallet: its two secrets are born here
    New {
        #[command(flatten)]
        at: At,
    },
    /// Take a credential from the authority
    Enrol {
        #[command(flatten)]
        at: At,
        /// The credential file
        #[arg(long)]
        credential: PathBuf,
    },
    /// Read the newest epoch from a published folder and look for one's own leaf in it
    Sync {
        #[command(flatten)]
        at: At,
        /// The published folder
        #[arg(long)]
        from: PathBuf,
        /// The authority's vkey line, or a file that holds it
        #[arg(long)]
        authority: String,
        #[command(flatten)]
        clock: Clock,
    },
    /// Show the credential and the newest epoch; never a secret
    Show {
        #[command(flatten)]
        at: At,
    },
    /// Answer a request, after agreeing to what it asks
    Present {
        #[command(flatten)]
        at: At,
        /// The request: JSON, or a signed request
        #[arg(long)]
        request: PathBuf,
        /// The host that the transport vouches for; an unsigned request needs it
        #[arg(long, value_name = "HOST")]
        origin: Option<Host>,
        /// The request was scanned from another screen
        #[arg(long)]
        scanned: bool,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
        /// Answer an age question although it tells roughly when the birthday is; once for each platform
        #[arg(long)]
        this_month: bool,
        /// Proving key [default: the DEV key]
        #[arg(long, value_name = "FILE")]
        pk: Option<PathBuf>,
        /// The file that gets the presentation, or the decline
        #[arg(long)]
        out: Option<PathBuf>,
        #[command(flatten)]
        clock: Clock,
    },
    /// Write the wallet, encrypted, into a file that moves it whole
    Export {
        #[command(flatten)]
        at: At,
        /// The file
        #[arg(long)]
        out: PathBuf,
    },
    /// Take a wallet from an exported file into a new folder
    Import {
        #[command(flatten)]
        at: At,
        /// The exported file
        file: PathBuf,
    },
}

/// Which wallet, and its passphrase (`VEILPASS_PASSPHRASE`, a file, or a question).
#[derive(Debug, Args)]
pub struct At {
    /// The wallet's folder
    #[arg(long)]
    dir: PathBuf,
    /// A file that holds the passphrase
    #[arg(long, value_name = "F")]
    passphrase_file: Option<PathBuf>,
}

const WALLET: &str = "wallet.age";
const STATE: &str = "state.age";
const LOCK: &str = "lock";

/// Largest published file that is read; a tile has 128 KiB, a note at most 1 MB.
const MAX_PUBLISHED: u64 = 16 << 20;

fn refusal(refusal: &Refusal) -> Failure {
    Failure::refused(refusal.code(), refusal)
}

fn disk(error: FileError) -> Failure {
    Failure::Fault(error.to_string())
}

impl At {
    /// The passphrase; `again`: typed twice.
    fn passphrase(&self, again: bool) -> Result<SecretString, Failure> {
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

    fn open(&self) -> Result<(Holder, SecretString), Failure> {
        if !self.dir.join(WALLET).is_file() {
            return Err(Failure::Usage(format!("{} is no wallet's folder", self.dir.display())));
        }
        let passphrase = self.passphrase(false)?;
        let file = read(&self.dir.join(WALLET))?;
        let state = self.dir.join(STATE);
        let state = if state.is_file() { Some(read(&state)?) } else { None };
        let holder = Holder::open(&file, state.as_deref(), &passphrase).map_err(|e| refusal(&e))?;
        Ok((holder, passphrase))
    }

    fn save_wallet(&self, holder: &Holder, passphrase: &SecretString) -> Result<(), Failure> {
        let file = holder
            .wallet_file(passphrase, WorkFactor::PRODUCTION)
            .map_err(|e| Failure::Fault(e.to_string()))?;
        write(&self.dir.join(WALLET), &file, Access::Private).map_err(disk)
    }

    fn save_state(&self, holder: &Holder) -> Result<(), Failure> {
        let file = holder.state_file().map_err(|e| Failure::Fault(e.to_string()))?;
        write(&self.dir.join(STATE), &file, Access::Private).map_err(disk)
    }

    /// Held while the wallet changes: two answers at one time could draw the same slot.
    fn lock(&self) -> Result<std::fs::File, Failure> {
        let path = self.dir.join(LOCK);
        if !self.dir.join(WALLET).is_file() {
            return Err(Failure::Usage(format!("{} is no wallet's folder", self.dir.display())));
        }
        lock(&path).map_err(disk)
    }

    /// A folder for a wallet that is to be made; one that holds a wallet already is left alone.
    fn vacant(&self) -> Result<(), Failure> {
        if self.dir.join(WALLET).exists() || self.dir.join(STATE).exists() {
            return Err(Failure::Usage(format!(
                "{} holds a wallet already; nothing was changed",
                self.dir.display()
            )));
        }
        make_private_folder(&self.dir).map_err(disk)
    }
}

/// A published folder.
pub struct Folder(pub PathBuf);

impl Source for Folder {
    fn newest_note(&self) -> Result<String, SourceError> {
        let folder = self.0.join("epochs");
        let problem = |e: &dyn std::fmt::Display| SourceError(format!("{}: {e}", folder.display()));
        let mut newest = None;
        for entry in std::fs::read_dir(&folder).map_err(|e| problem(&e))? {
            let name = entry.map_err(|e| problem(&e))?.file_name().to_string_lossy().into_owned();
            let number = name.strip_suffix(".note").and_then(|n| n.parse::<u64>().ok());
            newest = newest.max(number);
        }
        let newest = newest.ok_or_else(|| problem(&"there is no epoch"))?;
        let file = self
            .file(&format!("epochs/{newest}.note"))?
            .ok_or_else(|| problem(&"the newest note went away"))?;
        String::from_utf8(file).map_err(|e| problem(&e))
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let file = self.0.join(path);
        let read = |file: std::fs::File| {
            let mut bytes = Vec::new();
            file.take(MAX_PUBLISHED + 1).read_to_end(&mut bytes).map(|_| bytes)
        };
        match std::fs::File::open(&file).and_then(read) {
            Ok(bytes) if bytes.len() as u64 > MAX_PUBLISHED => {
                Err(SourceError(format!("{} is longer than {MAX_PUBLISHED} bytes", file.display())))
            }
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SourceError(format!("{}: {e}", file.display()))),
        }
    }
}

/// Runs one of them.
pub fn run(command: Wallet) -> Result<Reply, Failure> {
    match command {
        Wallet::New { at } => {
            at.vacant()?;
            let holder = Holder::new(&mut OsRng);
            let file = holder.wallet_file(&at.passphrase(true)?, WorkFactor::PRODUCTION);
            // Never over another wallet, not even one that is being made at the same time.
            let file = file.map_err(|e| Failure::Fault(e.to_string()))?;
            create(&at.dir.join(WALLET), &file, Access::Private).map_err(disk)?;
            let (c, d) = (to_hex(&holder.identity_commitment()), to_hex(&holder.device_commitment()));
            let text =
                format!("wallet in {}\nidentity commitment {c}\ndevice commitment   {d}", at.dir.display());
            Reply::new(&json!({"identity_commitment": c, "device_commitment": d}), text)
        }
        Wallet::Enrol { at, credential } => {
            let _lock = at.lock()?;
            let (mut holder, passphrase) = at.open()?;
            holder.enrol(&read(&credential)?).map_err(|e| refusal(&e))?;
            at.save_wallet(&holder, &passphrase)?;
            at.save_state(&holder)?;
            let words = holder.words();
            let text = format!("credential taken; the pairing words are\n  {}", words.join(" "));
            Reply::new(&json!({"credential": credential_value(&holder)?, "words": words}), text)
        }
        Wallet::Sync { at, from, authority, clock } => {
            let authority = authority_key(&authority)?;
            let _lock = at.lock()?;
            let (mut holder, _) = at.open()?;
            let spinner = progress::spinner("reading the published folder");
            let synced = holder.sync(&Folder(from), &authority, clock.now()?);
            spinner.finish_and_clear();
            // Also after a refusal: notes that contradict each other are kept as evidence.
            at.save_state(&holder)?;
            if holder.contradictions() > 0 {
                eprintln!(
                    "warning: this authority has signed {} pairs of epoch statements that contradict each other; the \
                     wallet keeps them as evidence",
                    holder.contradictions()
                );
            }
            let synced = synced.map_err(|e| match e.code() {
                "unavailable" => Failure::Fault(e.to_string()),
                code => Failure::refused(code, &e),
            })?;
            let found =
                if synced.enrolled { "your leaf is in it: enrolled" } else { "your leaf is not in it (yet)" };
            let answer =
                json!({"epoch": synced.epoch, "root": to_hex(&synced.root), "enrolled": synced.enrolled});
            Reply::new(&answer, format!("epoch {}; {found}", synced.epoch))
        }
        Wallet::Show { at } => {
            let (holder, _) = at.open()?;
            let value = json!({"credential": credential_value(&holder)?, "epoch": holder.show().epoch});
            let text = pretty(&value.to_string());
            Reply::new(&value, text)
        }
        Wallet::Present { at, request, origin, scanned, yes, this_month, pk, out, clock } => {
            let asked = Asked { request: read(&request)?, channel: Channel { origin, scanned }, this_month };
            let outcome = present(&at, &asked, yes, pk.as_ref(), clock);
            let (file, reply) = match outcome {
                Ok(presentation) => (presentation.clone(), Ok(Reply::raw(presentation, "presented"))),
                // Whatever the reason, the platform gets the same bytes.
                Err(Failure::Refused { code, detail }) => {
                    let decline = veilpass_protocol::presentation::DECLINE.to_owned();
                    (decline, Err(Failure::Refused { code, detail }))
                }
                Err(other) => return Err(other),
            };
            if let Some(out) = &out {
                write(out, file.as_bytes(), Access::Public).map_err(disk)?;
            }
            reply
        }
        Wallet::Export { at, out } => {
            let (holder, passphrase) = at.open()?;
            let file = holder.wallet_file(&passphrase, WorkFactor::PRODUCTION);
            write(&out, &file.map_err(|e| Failure::Fault(e.to_string()))?, Access::Private).map_err(disk)?;
            Reply::new(&json!({"file": out}), format!("the whole wallet, encrypted, is in {}", out.display()))
        }
        Wallet::Import { at, file } => {
            at.vacant()?;
            let bytes = read(&file)?;
            // Opening it proves that the passphrase fits and that nothing is damaged.
            Holder::open(&bytes, None, &at.passphrase(false)?).map_err(|e| refusal(&e))?;
            create(&at.dir.join(WALLET), &bytes, Access::Private).map_err(disk)?;
            let text = format!(
                "wallet in {}\nIt does not know what was answered elsewhere: one-time pseudonyms may be drawn again, and \
                 agreements start anew. Use one device at a time.",
                at.dir.display()
            );
            Reply::new(&json!({"file": at.dir.join(WALLET)}), text)
        }
    }
}

fn credential_value(holder: &Holder) -> Result<Option<Value>, Failure> {
    let text = holder.credential().map(|c| c.to_json());
    text.map(|t| serde_json::from_str(&t)).transpose().map_err(|e| Failure::fault("the credential", e))
}

/// A request as it came.
struct Asked {
    request: Vec<u8>,
    channel: Channel,
    this_month: bool,
}

/// Judges, asks, proves; the presentation in JSON.
fn present(at: &At, asked: &Asked, yes: bool, pk: Option<&PathBuf>, clock: Clock) -> Result<String, Failure> {
    if !yes && !terminal() {
        // Before the request is even looked at: whether it could be answered must not show.
        return Err(Failure::Usage("nobody can be asked here: nothing was sent; --yes agrees".into()));
    }
    let _lock = at.lock()?;
    let (mut holder, _) = at.open()?;
    let prover = ArkProver::new(proving_key(pk)?).map_err(|e| Failure::Fault(e.to_string()))?;
    let question = holder
        .examine(&asked.request, &asked.channel, asked.this_month, prover.circuit(), clock.now()?)
        .map_err(|e| refusal(&e))?;
    show(&question);
    let agreed = yes || agree()?;
    let spinner = progress::spinner("proving");
    let persist = |state: &[u8]| write(&at.dir.join(STATE), state, Access::Private);
    let answered = holder.answer(&question, agreed, &prover, clock.now()?, &mut OsRng, persist);
    spinner.finish_and_clear();
    answered.map(|p| p.to_json()).map_err(|e| match e {
        AnswerError::Refused(e) => refusal(&e),
        AnswerError::Persist(e) => disk(e),
        other => Failure::Fault(other.to_string()),
    })
}

/// What is asked, in plain words, before anything is agreed to.
fn show(q: &Question) {
    let mut text = String::new();
    let mut say = |line: &str| {
        text += line;
        text.push('\n');
    };
    let name = q.known_as.as_ref().map_or("not in the platform directory", |(name, _)| name);
    let part = if q.context.is_empty() { String::new() } else { format!(", part “{}”", q.context) };
    say(&format!("{} ({name}{part}) asks. Your answer would tell it:", q.host));
    q.told.iter().chain([&q.link]).for_each(|sentence| say(&format!("  · {sentence}")));
    for purpose in q.known_as.iter().flat_map(|(_, purposes)| purposes) {
        say(&format!("It says that it needs this for: {purpose}"));
    }
    if let Some(together) = &q.together {
        say("You have answered other questions of this host. Together it would then know:");
        together.iter().for_each(|sentence| say(&format!("  · {sentence}")));
    }
    if q.tells_birthday {
        say("Careful: because your birthday is near, this tells roughly when it is.");
    }
    say(&format!("About {} people fit what is asked now.", q.crowd));
    eprint!("{}", printable(&text));
}

fn agree() -> Result<bool, Failure> {
    eprint!("Answer? [y/N] ");
    let mut line = String::new();
    let fault = |e| Failure::fault("the terminal", e);
    std::io::stderr().flush().map_err(fault)?;
    std::io::stdin().lock().read_line(&mut line).map_err(fault)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
