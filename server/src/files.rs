//! Files that are there whole or not at all: written beside their place, flushed, renamed, and the
//! folder flushed, so that neither a reader nor a power cut finds half of one.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
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

/// Writes a file, in place of an earlier one if there is one.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
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
    match fs::read(path) {
        Ok(old) if old == bytes => Ok(false),
        Ok(_) => write(path, bytes, access).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => write(path, bytes, access).map(|()| true),
        Err(e) => Err(FileError::new(path, &e)),
    }
}

/// Reads a file whole.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(at(path))
}

/// Reads a text file whole.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(at(path))
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

/// Whether a folder may be filled: it is not there, or it is there and empty.
pub fn is_vacant(path: &Path) -> Result<bool, FileError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(e) => Err(FileError::new(path, &e)),
    }
}

/// A folder that comes into being whole: filled aside, then put in its place. Dropped before
/// [`NewFolder::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct NewFolder {
    staged: tempfile::TempDir,
    place: PathBuf,
    last: &'static str,
    inside: bool,
}

impl NewFolder {
    /// Begins a folder, readable by its owner only. `place` must be vacant. `last` is the file by which
    /// the folder is known for what it is.
    pub fn begin(place: &Path, last: &'static str) -> Result<NewFolder, FileError> {
        if !is_vacant(place)? {
            return Err(FileError::new(place, &io::ErrorKind::AlreadyExists.into()));
        }
        // A folder that is there may be a mount point or somebody's working folder: it is filled, not
        // replaced.
        let inside = place.is_dir();
        let beside = if inside { place } else { folder_of(place) };
        make_folder(beside)?;
        let staged = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(beside)
            .map_err(at(place))?;
        Ok(NewFolder { staged, place: place.to_owned(), last, inside })
    }

    /// Where to put its files.
    pub fn path(&self) -> &Path {
        self.staged.path()
    }

    /// Puts everything in its place, `last` at the end. Nothing that is there is overwritten.
    pub fn finish(self) -> Result<(), FileError> {
        sync_folder(self.staged.path())?;
        if !self.inside {
            fs::rename(self.staged.path(), &self.place).map_err(at(&self.place))?;
            // Nothing is left at the old path for the guard to remove.
            drop(self.staged.keep());
            return sync_folder(folder_of(&self.place));
        }
        let entries =
            || fs::read_dir(self.staged.path())?.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>();
        let mut names = entries().map_err(at(&self.place))?;
        names.sort_by_key(|name| name.as_os_str() == self.last);
        for name in names {
            let (from, to) = (self.staged.path().join(&name), self.place.join(&name));
            // A link, unlike a rename, refuses to replace a file; a folder is replaced only if empty.
            let moved = if from.is_dir() { fs::rename(&from, &to) } else { fs::hard_link(&from, &to) };
            moved.map_err(at(&to))?;
        }
        sync_folder(&self.place)
    }
}

/// Longest name of a file, in bytes, on the file systems that matter.
pub const LONGEST_NAME: usize = 255;

/// How long to wait for another program that holds a lock.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Takes a lock on a private file that is made for it; released when the result is dropped. Waits ten
/// seconds at most.
pub fn lock(path: &Path) -> Result<File, FileError> {
    let open = File::options().create(true).append(true).mode(Access::Private.mode()).open(path);
    let file = open.map_err(at(path))?;
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

/// A long file that is written bit by bit and appears when it is complete. Its unfinished form has a
/// fixed name beside it, so that a run that was killed leaves no copies behind the next one. It is made
/// anew and never opened: a link that somebody laid there leads nowhere.
#[derive(Debug)]
pub struct LongFile {
    file: Option<io::BufWriter<File>>,
    part: PathBuf,
    place: PathBuf,
}

impl LongFile {
    /// Begins a file.
    pub fn begin(place: &Path, access: Access) -> Result<LongFile, FileError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(
            place.file_name().ok_or_else(|| FileError::new(place, &io::ErrorKind::InvalidInput.into()))?,
        );
        name.push(".part");
        let part = place.with_file_name(name);
        let open = || -> io::Result<File> {
            match fs::remove_file(&part) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => (),
            }
            let file = File::options().create_new(true).write(true).mode(access.mode()).open(&part)?;
            file.set_permissions(Permissions::from_mode(access.mode()))?;
            Ok(file)
        };
        let file = open().map_err(at(place))?;
        Ok(LongFile { file: Some(io::BufWriter::new(file)), part, place: place.to_owned() })
    }

    /// Adds to it.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(at(&self.place)),
            None => Ok(()),
        }
    }

    /// Flushes it and puts it in its place, where an earlier file is replaced.
    pub fn finish(mut self) -> Result<(), FileError> {
        if let Some(file) = self.file.take() {
            let whole = || -> io::Result<()> {
                file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
                fs::rename(&self.part, &self.place)
            };
            if let Err(e) = whole() {
                // The first error is the one to report.
                let _ = fs::remove_file(&self.part);
                return Err(FileError::new(&self.place, &e));
            }
        }
        sync_folder(folder_of(&self.place))
    }
}

impl Drop for LongFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Given up: what caused it is reported, a remnant that stays is overwritten next time.
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
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
    fn vacant_is_absent_or_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_vacant(folder.path()).unwrap());
        assert!(is_vacant(&folder.path().join("absent")).unwrap());
        let file = folder.path().join("file");
        write(&file, b"", Access::Public).unwrap();
        assert!(!is_vacant(folder.path()).unwrap());
        assert!(!is_vacant(&file).unwrap());
        assert_eq!(
            write(&file.join("below"), b"", Access::Public).unwrap_err().kind,
            io::ErrorKind::NotADirectory
        );
    }

    #[test]
    fn a_folder_comes_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("deep/new");
        let deep = parent.path().join("deep");
        let folder = NewFolder::begin(&place, "a").unwrap();
        write(&folder.path().join("a"), b"1", Access::Private).unwrap();
        assert!(!place.exists());
        drop(folder);
        assert_eq!(names(&deep), [""; 0]);
        let fill = |folder: &NewFolder, text: &[u8]| {
            write(&folder.path().join("a"), text, Access::Private).unwrap();
            make_folder(&folder.path().join("b")).unwrap();
            write(&folder.path().join("b/c"), text, Access::Private).unwrap();
        };
        let (first, late) = (NewFolder::begin(&place, "a").unwrap(), NewFolder::begin(&place, "a").unwrap());
        fill(&first, b"1");
        fill(&late, b"2");
        first.finish().unwrap();
        assert_eq!(NewFolder::begin(&place, "a").unwrap_err().kind, io::ErrorKind::AlreadyExists);
        assert_eq!(late.finish().unwrap_err().kind, io::ErrorKind::DirectoryNotEmpty);
        assert_eq!(
            (names(&deep), names(&place)),
            (vec!["new".to_owned()], vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(read(&place.join("b/c")).unwrap(), b"1");
    }

    #[test]
    fn an_empty_folder_is_filled() {
        let place = tempfile::tempdir().unwrap();
        drop(NewFolder::begin(place.path(), "a").unwrap());
        assert_eq!(names(place.path()), [""; 0]);
        let folder = NewFolder::begin(place.path(), "a").unwrap();
        assert_eq!(NewFolder::begin(place.path(), "a").unwrap_err().kind, io::ErrorKind::AlreadyExists);
        write(&folder.path().join("a"), b"1", Access::Private).unwrap();
        write(&folder.path().join("b"), b"1", Access::Private).unwrap();
        // Somebody else's file came in between: it stays, and `a`, which marks the folder, never comes.
        fs::write(place.path().join("b"), b"mine").unwrap();
        assert_eq!(folder.finish().unwrap_err().kind, io::ErrorKind::AlreadyExists);
        assert_eq!(
            (names(place.path()), read(&place.path().join("b")).unwrap()),
            (vec!["b".to_owned()], b"mine".to_vec())
        );
        fs::remove_file(place.path().join("b")).unwrap();
        let folder = NewFolder::begin(place.path(), "a").unwrap();
        write(&folder.path().join("a"), b"1", Access::Private).unwrap();
        make_folder(&folder.path().join("c")).unwrap();
        folder.finish().unwrap();
        assert_eq!(names(place.path()), ["a", "c"]);
    }

    #[test]
    fn a_long_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out.jsonl");
        let mut file = LongFile::begin(&place, Access::Private).unwrap();
        file.append(b"1\n").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), [""; 0]);
        fs::write(folder.path().join(".out.jsonl.part"), b"what a killed run left behind").unwrap();
        let mut file = LongFile::begin(&place, Access::Private).unwrap();
        file.append(b"1\n").unwrap();
        file.append(b"2\n").unwrap();
        assert!(!place.exists());
        file.finish().unwrap();
        assert_eq!(
            (read(&place).unwrap(), names(folder.path())),
            (b"1\n2\n".to_vec(), vec!["out.jsonl".to_owned()])
        );
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
