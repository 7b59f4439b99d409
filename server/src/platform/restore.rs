//! Backup and restore of a platform's folder (contract §5).

use super::keys::{PlatformKeys, REQUEST_KEY, TOKEN_HASH};
use super::service::DATABASE;
use super::store::PlatformStore;
use crate::backup::{self, Kind, Manifest, Scratch};
use crate::error::RegistryError;
use crate::files::{Access, FileError, NewFolder};
use age::secrecy::SecretString;
use serde::Serialize;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use veilpass_protocol::day::Timestamp;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoredPlatform {
    /// Pseudonyms that are known as accepted.
    pub pseudonyms: u64,
    /// Requests that were open in the backup and cannot be answered any more: they may have been answered.
    pub requests_closed: u64,
    /// Since when accepted pseudonyms are not known: a question that takes each person once can be answered
    /// again by those who answered from here on …
    pub forgotten_from: Option<Timestamp>,
    /// … until the restore.
    pub forgotten_until: Timestamp,
}

/// Writes one encrypted file with keys and database at one moment, also while a server uses the folder.
pub async fn backup<W: Write + Send + 'static>(
    folder: &Path,
    mut out: W,
    passphrase: SecretString,
    now: Timestamp,
) -> Result<W, RegistryError> {
    PlatformKeys::open(folder)?;
    let mut names: Vec<String> = [REQUEST_KEY, TOKEN_HASH].map(String::from).into();
    let scratch = Scratch::in_folder(folder)?;
    // A platform that has never served has no database.
    if folder.join(DATABASE).exists() {
        let store = PlatformStore::open(&folder.join(DATABASE)).await?;
        let copied = store.snapshot(scratch.path()).await;
        store.close().await;
        copied?;
        names.push(DATABASE.to_owned());
    }
    let folder = folder.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let path =
            |name: &String| if name == DATABASE { scratch.path().to_owned() } else { folder.join(name) };
        let sources: Vec<_> = names.iter().map(path).collect();
        backup::write(&mut out, &passphrase, &Manifest::new(Kind::Platform, now, names), &sources)?;
        Ok(out)
    });
    written.await.map_err(|e| RegistryError::Internal(e.to_string()))?
}

/// Unpacks a backup into `folder`, which must be absent or empty. Without success nothing is left
/// there, unless the program is killed: then a folder `.new-…` beside it.
pub async fn restore(
    folder: &Path,
    from: impl Read,
    passphrase: &SecretString,
    now: Timestamp,
) -> Result<RestoredPlatform, RegistryError> {
    let vacant = |e: FileError| match e.kind {
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
            RegistryError::NotVacant(folder.display().to_string())
        }
        _ => RegistryError::File(e),
    };
    let staged = NewFolder::begin(folder, REQUEST_KEY).map_err(vacant)?;
    let access = |name: &str| [REQUEST_KEY, TOKEN_HASH, DATABASE].contains(&name).then_some(Access::Private);
    let manifest = backup::unpack(from, passphrase, Kind::Platform, staged.path(), access)?;
    PlatformKeys::open(staged.path())?;
    let restored = settle(staged.path(), Some(manifest.made_at), now).await?;
    staged.finish().map_err(vacant)?;
    Ok(restored)
}

/// Makes a folder usable that was copied or put back as it is.
pub async fn restore_in_place(folder: &Path, now: Timestamp) -> Result<RestoredPlatform, RegistryError> {
    PlatformKeys::open(folder)?;
    settle(folder, None, now).await
}

async fn settle(
    folder: &Path,
    made_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<RestoredPlatform, RegistryError> {
    let database = folder.join(DATABASE);
    let mut restored =
        RestoredPlatform { pseudonyms: 0, requests_closed: 0, forgotten_from: made_at, forgotten_until: now };
    if database.exists() {
        let store = PlatformStore::open_copy(&database).await?;
        let settled = store.settle().await;
        store.close().await;
        (restored.pseudonyms, restored.requests_closed) = settled?;
    }
    Ok(restored)
}
