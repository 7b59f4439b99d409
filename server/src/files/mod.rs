//! Files that are there whole or not at all: written beside their place, flushed, renamed, and the
//! folder flushed, so that neither a reader nor a power cut finds half of one.
//!
//! The functions of this module are for files in folders of ours. There a name stands for a regular file:
//! a FIFO would block its reader, and to replace a device or a link would destroy it. Files that a person
//! names on the command line are [`output`]'s.

mod folder;
mod long;
pub mod output;

pub use folder::{NewFolder, is_vacant};
pub use long::LongFile;

use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Only the account that writes it: keys, and what stands for people.
    Private,
}

impl Access {
    pub(crate) fn mode(self) -> u32 {
        match self {
            Access::Public => 0o644,
            Access::Private => 0o600,
        }
    }
}

/// A file or folder that could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// What the system said.
    pub kind: io::ErrorKind,
    /// The same in words.
    pub reason: String,
}

impl FileError {
    /// Names the file in a system's error.
    pub fn new(path: &Path, e: &io::Error) -> FileError {
        FileError { path: path.to_owned(), kind: e.kind(), reason: e.to_string() }
    }

    /// Something at `path` that is not what is needed there.
    pub fn unfit(path: &Path, reason: impl Into<String>) -> FileError {
        FileError { path: path.to_owned(), kind: io::ErrorKind::InvalidInput, reason: reason.into() }
    }
}

/// `map_err` of anything that is done to `path`.
pub fn at(path: &Path) -> impl Fn(io::Error) -> FileError {
    |e| FileError::new(path, &e)
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Flushes a folder's list of names.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(at(folder))
}

fn staged(path: &Path, bytes: &[u8], access: Access) -> Result<NamedTempFile, FileError> {
    let write = || -> io::Result<NamedTempFile> {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(access.mode()))
            .tempfile_in(folder_of(path))?;
        file.write_all(bytes)?;
        // The mode asked for at creation passes through the umask.
        file.as_file().set_permissions(Permissions::from_mode(access.mode()))?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(at(path))
}

/// Largest file that is read whole; a registry is not one of them.
pub const LARGEST: u64 = 64 << 20;

/// What stands where a regular file should, in words; `None` for a regular file.
fn oddity(about: &Metadata) -> Option<&'static str> {
    let kind = about.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_symlink() => Some("a link"),
        () if kind.is_fifo() => Some("a FIFO"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

fn not_regular(path: &Path, what: &str) -> FileError {
    FileError::unfit(path, format!("this is {what}, and a regular file is needed here; move it away"))
}

/// Says no where something else than a regular file stands in the place of one that is to be written.
/// Links are refused too: to write through one would change a file elsewhere, to replace it would cut it.
pub fn check_place(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Ok(about) => oddity(&about).map_or(Ok(()), |what| Err(not_regular(path, what))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(FileError::new(path, &e)),
    }
}

/// Says no where a name stands for something else than a regular file, a link to one, or nothing.
pub fn check_regular(path: &Path) -> Result<(), FileError> {
    match fs::metadata(path).map(|about| oddity(&about)) {
        Ok(Some(what)) => Err(not_regular(path, what)),
        Ok(None) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(FileError::new(path, &e)),
    }
}

/// Opens a regular file, also through a link; anything else is refused without waiting for it.
fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<File, FileError> {
    // Opening a device can have effects, so its kind is looked at first, and again once it is open.
    check_regular(path)?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = options.custom_flags(flags.cast_signed()).open(path).map_err(at(path))?;
    match oddity(&file.metadata().map_err(at(path))?) {
        None => Ok(file),
        Some(what) => Err(not_regular(path, what)),
    }
}

/// Writes a file, in place of an earlier one if there is one.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    check_place(path)?;
    staged(path, bytes, access)?.persist(path).map_err(|e| FileError::new(path, &e.error))?;
    sync_folder(folder_of(path))
}

/// Writes a new file; an existing one is left alone and is an error (`AlreadyExists`).
pub fn create(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    staged(path, bytes, access)?.persist_noclobber(path).map_err(|e| FileError::new(path, &e.error))?;
    sync_folder(folder_of(path))
}

/// Writes a file unless it has these bytes already; says whether it wrote.
pub fn update(path: &Path, bytes: &[u8], access: Access) -> Result<bool, FileError> {
    if read_if_there(path, LARGEST)?.is_some_and(|old| old == bytes) {
        return Ok(false);
    }
    write(path, bytes, access).map(|()| true)
}

/// Puts one file of a folder in the place of another, and flushes the folder.
pub fn replace(from: &Path, to: &Path) -> Result<(), FileError> {
    check_place(to)?;
    fs::rename(from, to).map_err(at(to))?;
    sync_folder(folder_of(to))
}

/// Reads a file whole.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let absent = || FileError::new(path, &io::ErrorKind::NotFound.into());
    read_if_there(path, LARGEST)?.ok_or_else(absent)
}

/// Reads a file of at most `most` bytes; `None` if there is nothing of this name. A link to nothing is an
/// error: a file that was put on another disk is not forgotten because the disk is missing.
pub fn read_if_there(path: &Path, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match open_regular(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(e) if e.kind == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            return Err(FileError::unfit(path, "this is a link to a file that is not there"));
        }
        Err(e) if e.kind == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(at(path))?;
    if bytes.len() as u64 > most {
        return Err(FileError {
            kind: io::ErrorKind::FileTooLarge,
            ..FileError::unfit(
                path,
                format!("this file is longer than {most} bytes, the most that it can be"),
            )
        });
    }
    Ok(Some(bytes))
}

/// Reads a text file whole.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read(path)?).map_err(|_| FileError::unfit(path, "this is not UTF-8 text"))
}

/// Makes a folder that only its owner can enter, unless it is there already.
pub fn make_private_folder(path: &Path) -> Result<(), FileError> {
    make_folder(folder_of(path))?;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(FileError::new(path, &e)),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(at(path))
}

/// Longest name of a file, in bytes, on the file systems that matter.
pub const LONGEST_NAME: usize = 255;

/// How long to wait for another program that holds a lock.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Takes a lock on a private file that is made for it; released when the result is dropped. Waits ten
/// seconds at most.
pub fn lock(path: &Path) -> Result<File, FileError> {
    let mut options = File::options();
    let file = open_regular(path, options.create(true).append(true).mode(Access::Private.mode()))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => {
                return Err(FileError::new(path, &io::ErrorKind::WouldBlock.into()));
            }
            Err(TryLockError::Error(e)) => return Err(FileError::new(path, &e)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes a FIFO.
    pub(crate) fn fifo(path: &Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }

    pub(crate) fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn whole_files_with_their_modes_and_nothing_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, public) = (folder.path().join("secret"), folder.path().join("public"));
        create(&secret, b"1", Access::Private).unwrap();
        write(&public, b"2", Access::Public).unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&secret), mode(&public)), (0o600, 0o644));
        assert_eq!(create(&secret, b"3", Access::Private).unwrap_err().kind, io::ErrorKind::AlreadyExists);
        assert_eq!(read(&secret).unwrap(), b"1");
        write(&secret, b"4", Access::Private).unwrap();
        assert_eq!((read_text(&secret).unwrap(), mode(&secret)), ("4".into(), 0o600));
        assert!(!update(&public, b"2", Access::Public).unwrap());
        assert!(update(&public, b"5", Access::Public).unwrap());
        assert_eq!(names(folder.path()), ["public", "secret"]);
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fifo(&path("fifo"));
        fs::create_dir(path("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/full", path("device")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("nowhere link")).unwrap();
        for (name, what) in
            [("fifo", "a FIFO"), ("folder", "a folder"), ("socket", "a socket"), ("device", "a device")]
        {
            let path = path(name);
            let before = fs::symlink_metadata(&path).unwrap().file_type();
            let told = |e: FileError| {
                assert!(e.to_string().contains(name), "{e}");
                e.reason
            };
            for reason in [
                told(read(&path).unwrap_err()),
                told(read_if_there(&path, 9).unwrap_err()),
                told(update(&path, b"1", Access::Public).unwrap_err()),
                told(lock(&path).unwrap_err()),
            ] {
                assert!(reason.contains(what), "{name}: {reason}");
            }
            write(&path, b"1", Access::Public).unwrap_err();
            replace(&path, &path).unwrap_err();
            assert_eq!(fs::symlink_metadata(&path).unwrap().file_type(), before, "{name}");
        }
        let link = path("nowhere link");
        assert!(read_if_there(&link, 9).unwrap_err().reason.contains("not there"));
        assert!(write(&link, b"1", Access::Public).unwrap_err().reason.contains("a link"));
        assert_eq!(read_if_there(&path("absent"), 9), Ok(None));
        write(&path("long"), b"0123456789", Access::Public).unwrap();
        assert_eq!(read_if_there(&path("long"), 10), Ok(Some(b"0123456789".to_vec())));
        assert_eq!(read_if_there(&path("long"), 9).unwrap_err().kind, io::ErrorKind::FileTooLarge);
        // The control: a link to a regular file is read.
        std::os::unix::fs::symlink("long", path("link")).unwrap();
        assert_eq!(read(&path("link")).unwrap(), b"0123456789");
    }
}
