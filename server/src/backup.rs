//! One encrypted file that holds a server's folder as it was at one moment (contract §5, `backup`).
//!
//! Inside age (scrypt, a passphrase) lies a tar archive: `backup.json` first, then the files. `age -d F | tar
//! -t` lists it. Only files that the manifest names are unpacked, and it can only name plain files.

use crate::error::RegistryError;
use crate::files::{self, Access, FileError};
use age::scrypt::{Identity, Recipient};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::iter::once;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tar::{Archive, Builder, EntryType, Header};
use veilpass_protocol::day::Timestamp;

/// A guess at the passphrase costs scrypt with N = 2^17, r = 8: as for wallets.
const WORK: u8 = 17;
/// The most that is accepted when reading: a file must not keep its reader busy for minutes.
const MAX_WORK: u8 = 20;
const MANIFEST: &str = "backup.json";
const MAX_MANIFEST: u64 = 1 << 20;

/// Whose backup a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An authority's.
    Authority,
    /// A platform's.
    Platform,
}

/// The first entry of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    v: u32,
    /// Whose it is.
    pub kind: Kind,
    /// When the database was copied.
    pub made_at: Timestamp,
    /// The files that follow, in their order.
    pub files: Vec<String>,
}

impl Manifest {
    /// Of a backup that is made now.
    pub fn new(kind: Kind, made_at: Timestamp, files: Vec<String>) -> Manifest {
        Manifest { v: 1, kind, made_at, files }
    }
}

/// Why a backup cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Another passphrase.
    #[error("the passphrase does not open this backup. Type the one that the backup was made with")]
    Passphrase,
    /// Not a backup, or a damaged one.
    #[error("this file is not a whole backup of a Veilpass server: {0}. Take another copy of it")]
    Damaged(String),
    /// A backup of the other kind of server.
    #[error("this is the backup of another kind of server. Use `veilpass {0} restore`")]
    OtherKind(&'static str),
    /// The disk said no.
    #[error("the backup: {0}")]
    Disk(String),
}

/// Writes the files, named relative to their folder, to `out`; the database's file may lie elsewhere.
pub(crate) fn write(
    out: &mut dyn Write,
    passphrase: &SecretString,
    manifest: &Manifest,
    sources: &[PathBuf],
) -> Result<(), BackupError> {
    let mut recipient = Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    let disk = |e: io::Error| BackupError::Disk(e.to_string());
    let encryptor =
        Encryptor::with_recipients(once(&recipient as _)).map_err(|e| disk(io::Error::other(e)))?;
    let mut archive = Builder::new(encryptor.wrap_output(out).map_err(disk)?);
    let json = serde_json::to_vec(manifest).map_err(|e| disk(e.into()))?;
    append(&mut archive, MANIFEST, json.len() as u64, &mut json.as_slice()).map_err(disk)?;
    for (name, source) in manifest.files.iter().zip(sources) {
        let mut add = || -> io::Result<()> {
            let mut file = File::open(source)?;
            let size = file.metadata()?.len();
            append(&mut archive, name, size, &mut file)
        };
        add().map_err(|e| BackupError::Disk(format!("{}: {e}", source.display())))?;
    }
    let encrypted = archive.into_inner().map_err(disk)?;
    encrypted.finish().map_err(disk)?.flush().map_err(disk)
}

fn append(archive: &mut Builder<impl Write>, name: &str, size: u64, from: &mut dyn Read) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, from)
}

/// Decrypts a backup into a folder that is empty, and gives its manifest. `access` knows the names that such a
/// backup may hold; every other name is damage.
pub(crate) fn unpack(
    from: impl Read,
    passphrase: &SecretString,
    kind: Kind,
    into: &Path,
    access: impl Fn(&str) -> Option<Access>,
) -> Result<Manifest, RegistryError> {
    let damaged = |e: &dyn std::fmt::Display| BackupError::Damaged(e.to_string());
    let mut identity = Identity::new(passphrase.clone());
    identity.set_max_work_factor(MAX_WORK);
    let decryptor = Decryptor::new_buffered(io::BufReader::new(from)).map_err(|e| damaged(&e))?;
    if !decryptor.is_scrypt() {
        return Err(damaged(&"it is not encrypted with a passphrase").into());
    }
    let plain = decryptor.decrypt(once(&identity as _)).map_err(|e| match e {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => BackupError::Passphrase,
        other => damaged(&other),
    })?;
    let mut archive = Archive::new(plain);
    let mut entries = archive.entries().map_err(|e| damaged(&e))?;
    let mut manifest: Option<Manifest> = None;
    let mut unpacked = Vec::new();
    for entry in &mut entries {
        let mut entry = entry.map_err(|e| damaged(&e))?;
        let name = entry.path().map_err(|e| damaged(&e))?.to_string_lossy().into_owned();
        let Some(manifest) = &manifest else {
            if name != MANIFEST || entry.size() > MAX_MANIFEST {
                return Err(damaged(&"it does not begin with its manifest").into());
            }
            let mut json = Vec::new();
            entry.read_to_end(&mut json).map_err(|e| damaged(&e))?;
            let read: Manifest = veilpass_protocol::json::parse(&json).map_err(|e| damaged(&e))?;
            if read.v != 1 {
                return Err(
                    damaged(&format!("its form is version {}, and this program reads 1", read.v)).into()
                );
            }
            if read.kind != kind {
                let other = if read.kind == Kind::Authority { "authority" } else { "platform" };
                return Err(BackupError::OtherKind(other).into());
            }
            manifest = Some(read);
            continue;
        };
        let expected = manifest.files.get(unpacked.len());
        let access = access(&name).filter(|_| expected == Some(&name));
        let (Some(access), EntryType::Regular) = (access, entry.header().entry_type()) else {
            return Err(damaged(&format!("{name} should not be in it")).into());
        };
        unpack_one(&mut entry, &into.join(&name), access)?;
        unpacked.push(name);
    }
    let manifest = manifest.ok_or_else(|| damaged(&"it is empty"))?;
    if unpacked != manifest.files {
        return Err(damaged(&"files are missing at its end").into());
    }
    // What follows the archive is read as well: the last chunk of an age file authenticates its end.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|e| damaged(&e))?;
    Ok(manifest)
}

fn unpack_one(entry: &mut impl Read, to: &Path, access: Access) -> Result<(), RegistryError> {
    files::make_folder(files::folder_of(to))?;
    let mut file =
        File::options().write(true).create_new(true).mode(access.mode()).open(to).map_err(files::at(to))?;
    io::copy(entry, &mut file).map_err(|e| match e.kind() {
        // The archive's, not the disk's.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            BackupError::Damaged(e.to_string()).into()
        }
        _ => RegistryError::File(FileError::new(to, &e)),
    })?;
    file.sync_all().map_err(files::at(to))?;
    Ok(())
}

/// The plain copy of a database while it is encrypted. One backup of a folder at a time.
pub(crate) struct Scratch {
    path: PathBuf,
    _lock: File,
}

const SCRATCH: &str = ".backup.db";
const LOCK: &str = "backup.lock";

impl Scratch {
    /// An empty private file in `folder`, in place of what a killed backup may have left.
    pub fn in_folder(folder: &Path) -> Result<Scratch, FileError> {
        let lock = files::lock(&folder.join(LOCK))?;
        let path = folder.join(SCRATCH);
        remove(&path)?;
        files::create(&path, b"", Access::Private)?;
        Ok(Scratch { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a killed backup has left: it may hold what was erased since.
    pub fn clear(folder: &Path) -> Result<(), FileError> {
        let path = folder.join(SCRATCH);
        if !path.exists() {
            return Ok(());
        }
        let lock = folder.join(LOCK);
        let file = File::options().create(true).append(true).mode(Access::Private.mode()).open(&lock);
        match file.map_err(files::at(&lock))?.try_lock() {
            Ok(()) => remove(&path),
            // A backup is under way.
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(e)) => Err(FileError::new(&lock, &e)),
        }
    }
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::new(path, &e)),
        _ => Ok(()),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Where this fails, the next use of the folder does it.
        let _ = fs::remove_file(&self.path);
    }
}
