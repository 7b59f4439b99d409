//! Folders that come into being whole.

use super::{FileError, at, folder_of, make_folder, sync_folder};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

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
    staged: Option<tempfile::TempDir>,
    place: PathBuf,
    last: &'static str,
    inside: bool,
    /// Folders above `place` that were made for it, outermost first.
    above: Vec<PathBuf>,
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
        let mut above: Vec<PathBuf> = beside
            .ancestors()
            .take_while(|p| !p.as_os_str().is_empty() && !p.exists())
            .map(Path::to_owned)
            .collect();
        above.reverse();
        // From here on whatever is made is removed again unless it is finished.
        let mut folder = NewFolder { staged: None, place: place.to_owned(), last, inside, above };
        make_folder(beside)?;
        let staged = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(beside)
            .map_err(at(place))?;
        folder.staged = Some(staged);
        Ok(folder)
    }

    /// Where to put its files.
    pub fn path(&self) -> &Path {
        self.staged.as_ref().map_or(&self.place, tempfile::TempDir::path)
    }

    /// Puts everything in its place, `last` at the end. Nothing that is there is overwritten.
    pub fn finish(mut self) -> Result<(), FileError> {
        sync_folder(self.path())?;
        if !self.inside {
            fs::rename(self.path(), &self.place).map_err(at(&self.place))?;
            // Nothing is left at the old path for the guard to remove.
            drop(self.staged.take().map(tempfile::TempDir::keep));
            return sync_folder(folder_of(&self.place));
        }
        let entries =
            || fs::read_dir(self.path())?.map(|e| Ok(e?.file_name())).collect::<io::Result<Vec<_>>>();
        let mut names = entries().map_err(at(&self.place))?;
        names.sort_by_key(|name| name.as_os_str() == self.last);
        let mut done: Vec<(PathBuf, PathBuf)> = Vec::new();
        for name in names {
            let (from, to) = (self.path().join(&name), self.place.join(&name));
            // A link, unlike a rename, refuses to replace a file; a folder is replaced only if empty.
            let moved = if from.is_dir() { fs::rename(&from, &to) } else { fs::hard_link(&from, &to) };
            if let Err(e) = moved {
                // The first error is the one to report. What was a file still stands at both places.
                for (from, to) in done {
                    _ = if from.exists() { fs::remove_file(&to) } else { fs::rename(&to, &from) };
                }
                return Err(FileError::new(&to, &e));
            }
            done.push((from, to));
        }
        sync_folder(&self.place)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // The error that led here is the one to report; a folder that somebody has filled stays.
        drop(self.staged.take());
        self.above.iter().rev().for_each(|path| _ = fs::remove_dir(path));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::names;
    use super::super::{Access, read, write};
    use super::*;

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
        assert_eq!(names(parent.path()), [""; 0], "nor the folders above it");
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
        write(&folder.path().join("0"), b"1", Access::Private).unwrap();
        make_folder(&folder.path().join("1")).unwrap();
        // Somebody else's file came in between: it stays, `a`, which marks the folder, never comes, and what
        // came before is taken back.
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
}
