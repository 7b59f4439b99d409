//! `backup` and `restore` of a server's folder (contract §5).

use crate::authority::failure;
use crate::common::Clock;
use crate::network::{Network, Reader};
use crate::out::{Out, disk};
use crate::outcome::{Failure, Reply};
use crate::{passphrase, progress};
use clap::Args;
use secrecy::SecretString;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use veilpass_server::authority::Authority as Registry;
use veilpass_server::files::{Access, LongFile};
use veilpass_server::platform;

/// What `backup` takes.
#[derive(Debug, Args)]
#[group(id = "what_is_backed_up")]
pub struct Backup {
    /// The server's folder; the server may go on running
    #[arg(long)]
    dir: PathBuf,
    /// The encrypted file that is written; - is standard output
    #[arg(long, value_name = "FILE|-")]
    out: Out,
    /// A file that holds the passphrase of the backup
    #[arg(long, value_name = "F")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    clock: Clock,
}

impl Backup {
    /// The output that the person names.
    pub fn out(&self) -> &Out {
        &self.out
    }

    fn passphrase(&self) -> Result<SecretString, Failure> {
        passphrase::read(self.passphrase_file.as_deref(), "backup", true)
    }

    /// Of an authority.
    pub async fn authority(self) -> Result<Reply, Failure> {
        let (passphrase, now) = (self.passphrase()?, self.clock.now()?);
        let registry = Registry::open(&self.dir).await.map_err(failure)?;
        let spinner = progress::spinner("copying and encrypting");
        let made = registry.backup(self.out.begin(Access::Private)?, passphrase, now).await;
        spinner.finish_and_clear();
        registry.close().await;
        self.written(made.map_err(failure)?)
    }

    /// Of a platform.
    pub async fn platform(self) -> Result<Reply, Failure> {
        let (passphrase, now) = (self.passphrase()?, self.clock.now()?);
        let spinner = progress::spinner("copying and encrypting");
        let made = platform::backup(&self.dir, self.out.begin(Access::Private)?, passphrase, now).await;
        spinner.finish_and_clear();
        self.written(made.map_err(failure)?)
    }

    fn written(&self, backup: LongFile) -> Result<Reply, Failure> {
        let bytes = backup.bytes();
        backup.finish().map_err(disk)?;
        let text = format!(
            "{}: {} bytes, keys included, encrypted with the passphrase.\nKeep it on another machine, and the \
             passphrase in another place. Try it now and then: `restore` into an empty folder.",
            self.out, bytes
        );
        Reply::new(&json!({"file": self.out.to_string(), "bytes": bytes}), text)
    }
}

/// What `restore` takes.
#[derive(Debug, Args)]
#[group(id = "what_is_restored")]
pub struct Restore {
    /// The folder that is made, absent or empty; without FILE, the folder that was copied or put back
    #[arg(long)]
    dir: PathBuf,
    /// The backup; - is standard input
    #[arg(value_name = "FILE|-")]
    file: Option<PathBuf>,
    /// A file that holds the passphrase of the backup
    #[arg(long, value_name = "F")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    clock: Clock,
}

/// A backup and its passphrase.
type Encrypted = (Box<dyn Read + Send>, SecretString);

impl Restore {
    fn backup(&self) -> Result<Option<Encrypted>, Failure> {
        let Some(file) = &self.file else { return Ok(None) };
        let fault = |e| Failure::fault(&file.display().to_string(), e);
        let bytes: Box<dyn Read + Send> = match file == Path::new("-") {
            true => Box::new(std::io::stdin()),
            false => Box::new(File::open(file).map_err(fault)?),
        };
        Ok(Some((bytes, passphrase::read(self.passphrase_file.as_deref(), "backup", false)?)))
    }

    /// Of an authority, which goes on from what it has published.
    pub async fn authority(self, published: &str, network: &Network) -> Result<Reply, Failure> {
        let (backup, now) = (self.backup()?, self.clock.now()?);
        let Reader(published) = Reader::new(published, network)?;
        let spinner = progress::spinner("restoring");
        let restored = match backup {
            Some((bytes, passphrase)) => {
                Registry::restore(&self.dir, bytes, &passphrase, published, now).await
            }
            None => Registry::restore_in_place(&self.dir, published, now).await,
        };
        spinner.finish_and_clear();
        let restored = restored.map_err(failure)?;
        let found = &restored.adopted;
        let mut text = format!(
            "{}: epoch {} as it was published; the next seal is epoch {}.\n{} people are on record.",
            self.dir.display(),
            restored.epoch,
            restored.epoch + 1,
            found.people
        );
        if restored.epoch > restored.from_epoch {
            text += &format!(
                "\nSince the copy (epoch {}): {} old entries are gone, {} waiting changes were sealed.",
                restored.from_epoch, found.removed_since, found.sealed_since
            );
        }
        if found.without_record > 0 {
            text += &format!(
                "\n{} entries belong to people who are not on record. They stay valid, and nobody new can enter \
                 beside them. Remove them first; these people are examined again afterwards, and enter two to \
                 three days later:\n  veilpass authority remove --dir {} --without-record --reason error",
                found.without_record,
                self.dir.display()
            );
        }
        if found.dropped > 0 {
            text +=
                &format!("\n{} changes under way were dropped; they have to be filed again.", found.dropped);
        }
        text += &format!(
            "\nRegistrars examine again everybody who came to them between {} and {}.\nAll tokens of \
             registrars and open one-time codes are void: give each registrar a new token \
             (`veilpass authority registrar --name NAME --new-token`).",
            restored.examine_from, restored.examine_until
        );
        Reply::new(&restored, text)
    }

    /// Of a platform.
    pub async fn platform(self) -> Result<Reply, Failure> {
        let (backup, now) = (self.backup()?, self.clock.now()?);
        let restored = match backup {
            Some((bytes, passphrase)) => platform::restore(&self.dir, bytes, &passphrase, now).await,
            None => platform::restore_in_place(&self.dir, now).await,
        };
        let restored = restored.map_err(failure)?;
        let since = restored.forgotten_from.map_or("the copy".to_owned(), |from| from.to_string());
        let text = format!(
            "{}: {} answers are remembered; {} open requests are closed.\nAnswers between {since} and {} are \
             forgotten: people who answered a question that counts once can answer that question again.",
            self.dir.display(),
            restored.pseudonyms,
            restored.requests_closed,
            restored.forgotten_until
        );
        Reply::new(&restored, text)
    }
}
