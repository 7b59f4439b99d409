//! `veilpass authority`: the registry's arithmetic on a folder.

use crate::backup::{Backup, Restore};
use crate::common::{WritingClock, run_server, verifying_key};
use crate::network::Network;
use crate::out::{Out, folder};
use crate::outcome::{Failure, Form, Reply, pretty, tell};
use crate::progress;
use crate::serve::ServeAuthority;
use clap::Subcommand;
use rand::rngs::OsRng;
use serde_json::json;
use std::path::PathBuf;
use veilpass_protocol::epoch::{EpochStatement, RemovalReason};
use veilpass_protocol::identity::authority_words;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::scope::Host;
use veilpass_server::authority::{
    Authority as Registry, ImportReport, NewRegistrar, PlaceOrder, platform_key,
};
use veilpass_server::{Blame, RegistryError, typed};

/// What an authority does.
#[derive(Debug, Subcommand)]
pub enum Authority {
    /// Make a new authority: its keys and an empty registry
    Init {
        /// Folder, which must be absent or empty
        #[arg(long)]
        dir: PathBuf,
        /// Name of the authority, such as id.example/veilpass
        #[arg(long)]
        origin: String,
        /// Verifying key file that its epochs will name [default: the DEV key]
        #[arg(long)]
        key: Vec<PathBuf>,
    },
    /// Add a registrar (the token is shown once), list them, or remove one
    Registrar {
        #[arg(long)]
        dir: PathBuf,
        /// The registrar's name
        #[arg(long, required_unless_present_any = ["list", "remove"])]
        name: Option<String>,
        /// Another token for a registrar who is there: the one before, lost or stolen, is worth nothing then
        #[arg(long, requires = "name")]
        new_token: bool,
        /// List the registrars
        #[arg(long, conflicts_with_all = ["name", "remove", "new_token"])]
        list: bool,
        /// Remove a registrar: the token is void, applications that are not confirmed are erased
        #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "new_token"])]
        remove: Option<String>,
        #[command(flatten)]
        clock: WritingClock,
    },
    /// Import people from a CSV or JSONL file (contract §4); can be stopped and run again
    Import {
        #[arg(long)]
        dir: PathBuf,
        /// The file, or - for standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        /// Write the credentials, one a line in the order of the rows
        #[arg(long, value_name = "OUT.jsonl|-")]
        credentials: Option<Out>,
        #[command(flatten)]
        clock: WritingClock,
    },
    /// Seal the changes since the last epoch into a new one
    Seal {
        #[arg(long)]
        dir: PathBuf,
        /// Places in the order of acceptance instead of a random one; for tests only
        #[arg(long)]
        in_order: bool,
        #[command(flatten)]
        clock: WritingClock,
    },
    /// Remove a person at the next seal
    Remove {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long, value_parser = typed::network_number, required_unless_present = "without_record")]
        network_number: Option<NetworkNumber>,
        /// All entries whose person is not on record after a restore, instead of one person's
        #[arg(long, conflicts_with = "network_number")]
        without_record: bool,
        /// withdrawn, replaced, expired, deceased, document_invalid, fraud, court_order or error
        #[arg(long)]
        reason: RemovalReason,
        #[command(flatten)]
        clock: WritingClock,
    },
    /// Show an epoch
    Epoch {
        #[arg(long)]
        dir: PathBuf,
        /// Its number [default: the newest]
        #[arg(long)]
        epoch: Option<u64>,
    },
    /// Sign a platform's entry in the directory
    Platform {
        #[arg(long)]
        dir: PathBuf,
        /// The platform's host
        #[arg(long, value_parser = typed::host)]
        host: Host,
        /// Its Ed25519 public key, as `platform keygen` prints it; it may begin with a hyphen
        #[arg(long, allow_hyphen_values = true)]
        key: String,
        /// The name that people know it by
        #[arg(long)]
        name: String,
        /// What it asks for and why; may be repeated
        #[arg(long, num_args = 1..)]
        purposes: Vec<String>,
    },
    /// Write everything that wallets and platforms read into a folder
    Publish {
        #[arg(long)]
        dir: PathBuf,
        /// The published folder
        #[arg(long, value_parser = folder)]
        out: PathBuf,
    },
    /// Write keys and registry into one encrypted file, also while the authority serves
    Backup(Backup),
    /// Make a folder of a backup, and go on from what was published since
    Restore {
        #[command(flatten)]
        restore: Restore,
        /// The published folder, or the authority's address
        #[arg(long, value_name = "URL|DIR")]
        published: String,
        #[command(flatten)]
        network: Network,
    },
    /// Serve registrars, wallets and platforms over HTTP; seals on a schedule
    Serve(Box<ServeAuthority>),
}

/// A registry's error as the command's.
pub fn failure(error: RegistryError) -> Failure {
    match (error.blame(), error.code()) {
        (Blame::Refused, Some(code)) => Failure::refused(code, &error),
        (Blame::WrongUse, _) => Failure::Usage(error.to_string()),
        _ => Failure::Fault(error.to_string()),
    }
}

/// Runs one of them.
pub fn run(command: Authority, form: Form) -> Result<Option<Reply>, Failure> {
    run_server(command.run(form))
}

impl Authority {
    /// The output that the person names.
    pub fn out(&self) -> Option<&Out> {
        match self {
            Authority::Import { credentials, .. } => credentials.as_ref(),
            Authority::Backup(backup) => Some(backup.out()),
            _ => None,
        }
    }

    async fn run(self, form: Form) -> Result<Option<Reply>, Failure> {
        let (dir, work) = match self {
            Authority::Serve(serve) => return Box::pin(serve.run()).await,
            Authority::Backup(backup) => return backup.authority().await.map(Some),
            Authority::Restore { restore, published, network } => {
                return restore.authority(&published, &network).await.map(Some);
            }
            Authority::Init { dir, origin, key } => {
                let keys = if key.is_empty() {
                    vec![verifying_key(None)?]
                } else {
                    key.iter().map(|k| verifying_key(Some(k))).collect::<Result<_, _>>()?
                };
                let registry = Registry::init(&dir, &origin, &keys, &mut OsRng).await.map_err(failure)?;
                let (origin, vkey) = (registry.key().origin().to_owned(), registry.key().to_string());
                let words = authority_words(&registry.key()).join(" ");
                let text = format!(
                    "authority {origin} in {}\n{vkey}\nIts six words, which registrars and people compare:\n  {words}",
                    dir.display()
                );
                let reply = Reply::new(
                    &json!({"origin": origin, "vkey": vkey, "circuits": registry.circuits()}),
                    text,
                );
                registry.close().await;
                return reply.map(Some);
            }
            Authority::Registrar { dir, name, new_token, list: _, remove, clock } => match (name, remove) {
                (Some(name), _) => (dir, Work::Registrar(name, new_token, clock)),
                (None, Some(name)) => (dir, Work::RemoveRegistrar(name, clock)),
                (None, None) => (dir, Work::Registrars),
            },
            Authority::Import { dir, file, credentials, clock } => {
                (dir, Work::Import(file, credentials, clock))
            }
            Authority::Seal { dir, in_order, clock } => (dir, Work::Seal(in_order, clock)),
            Authority::Remove { dir, network_number, without_record: _, reason, clock } => {
                (dir, Work::Remove(network_number, reason, clock))
            }
            Authority::Epoch { dir, epoch } => (dir, Work::Epoch(epoch)),
            Authority::Platform { dir, host, key, name, purposes } => {
                (dir, Work::Platform(host, key, name, purposes))
            }
            Authority::Publish { dir, out } => (dir, Work::Publish(out)),
        };
        let registry = Registry::open(&dir).await.map_err(failure)?;
        let reply = work.run(&registry, form).await;
        registry.close().await;
        reply
    }
}

/// What is done on an open registry.
enum Work {
    Registrar(String, bool, WritingClock),
    Registrars,
    RemoveRegistrar(String, WritingClock),
    Import(PathBuf, Option<Out>, WritingClock),
    Seal(bool, WritingClock),
    Remove(Option<NetworkNumber>, RemovalReason, WritingClock),
    Epoch(Option<u64>),
    Platform(Host, String, String, Vec<String>),
    Publish(PathBuf),
}

impl Work {
    async fn run(self, registry: &Registry, form: Form) -> Result<Option<Reply>, Failure> {
        let reply = match self {
            Work::Registrar(name, new_token, clock) => {
                let now = clock.now()?;
                let new = registry.draw_registrar(&name, new_token, &mut OsRng).await.map_err(failure)?;
                registrar_reply(&new)?.show_once(form)?;
                registry.keep_registrar(&new, now).await.map_err(|e| void(&e))?;
                return Ok(None);
            }
            Work::Registrars => {
                let registrars = registry.registrars().await.map_err(failure)?;
                let lines: Vec<String> =
                    registrars.iter().map(|(name, since)| format!("{name}, since {since}")).collect();
                let list: Vec<_> = registrars
                    .iter()
                    .map(|(name, since)| json!({"registrar": name, "added_at": since}))
                    .collect();
                let text = if lines.is_empty() { "there are no registrars".into() } else { lines.join("\n") };
                Reply::new(&json!({"registrars": list}), text)
            }
            Work::RemoveRegistrar(name, clock) => {
                let erased = registry.remove_registrar(&name, clock.now()?).await.map_err(failure)?;
                let text = format!(
                    "{name} is no registrar any more: the token is void, {erased} unconfirmed applications are \
                     erased, confirmed ones are sealed"
                );
                Reply::new(&json!({"registrar": name, "state": "removed", "erased": erased}), text)
            }
            Work::Import(file, credentials, clock) => {
                let bar = progress::bar(0, "importing");
                let report = registry
                    .import(&file, credentials.as_ref().map(Out::path), clock.now()?, &mut OsRng, &mut |p| {
                        bar.set_length(p.total_bytes);
                        bar.set_position(p.bytes);
                    })
                    .await;
                bar.finish_and_clear();
                import_reply(&report.map_err(failure)?)
            }
            Work::Seal(in_order, clock) => {
                let order = if in_order { PlaceOrder::AsAccepted } else { PlaceOrder::Random };
                let spinner = progress::spinner("sealing");
                let epoch = registry.seal(clock.now()?, order, &mut OsRng).await;
                spinner.finish_and_clear();
                let epoch = epoch.map_err(failure)?;
                if !epoch.erased {
                    tell!(
                        "warning: another program reads the registry; what was erased leaves its files with the next command"
                    );
                }
                Ok(Reply::raw(epoch.to_json(), epoch_text(&epoch.statement)))
            }
            Work::Remove(None, reason, clock) => {
                clock.now()?;
                let leaves = registry.remove_without_record(reason).await.map_err(failure)?;
                let text = format!("{leaves} entries without a record leave at the next seal ({reason})");
                Reply::new(&json!({"leaves": leaves, "reason": reason, "state": "pending"}), text)
            }
            Work::Remove(Some(number), reason, clock) => {
                registry.remove(&number, reason, clock.now()?).await.map_err(failure)?;
                let text = format!("{number} leaves the tree at the next seal ({reason})");
                Reply::new(&json!({"network_number": number, "reason": reason, "state": "pending"}), text)
            }
            Work::Epoch(number) => {
                let epoch = registry.epoch(number).await.map_err(failure)?;
                Ok(Reply::raw(epoch.to_json(), epoch_text(&epoch.statement)))
            }
            Work::Platform(host, key, name, purposes) => {
                let key = platform_key(typed::line(&key)).map_err(failure)?;
                let entry = registry.put_platform(host, &key, &name, &purposes).await.map_err(failure)?;
                let json = entry.to_json();
                let text = pretty(&json);
                Ok(Reply::raw(json, text))
            }
            Work::Publish(out) => {
                let spinner = progress::spinner("publishing");
                let published = registry.publish(&out).await;
                spinner.finish_and_clear();
                let published = published.map_err(failure)?;
                let text = format!(
                    "epoch {} in {}: {} files, {} bytes",
                    published.epoch,
                    out.display(),
                    published.files,
                    published.bytes
                );
                Reply::new(&published, text)
            }
        };
        reply.map(Some)
    }
}

fn registrar_reply(new: &NewRegistrar) -> Result<Reply, Failure> {
    let (name, token) = (new.name(), new.token());
    let text = format!("registrar {name}; the token is shown this once:\n{token}");
    Reply::new(&json!({"registrar": name, "token": token}), text)
}

/// A token was shown, and what it is for could not be kept.
pub fn void(error: &RegistryError) -> Failure {
    Failure::Fault(format!("the token that was shown is void: {error}"))
}

fn import_reply(report: &ImportReport) -> Result<Reply, Failure> {
    let mut text = format!(
        "{} rows read: {} added, {} already there, {} rejected",
        report.read,
        report.added,
        report.already,
        report.rejected.len()
    );
    for r in &report.rejected {
        text += &format!("\n  line {}: {} ({})", r.line, r.detail, r.code);
    }
    Ok(Reply::new(report, text)?.refusing(!report.rejected.is_empty()))
}

fn epoch_text(statement: &EpochStatement) -> String {
    format!(
        "epoch {} sealed at {}: {} live, {} added, {} removed\nroot {}",
        statement.epoch,
        statement.sealed_at,
        statement.live,
        statement.added,
        statement.removed.total(),
        veilpass_protocol::field::to_hex(&statement.root)
    )
}
