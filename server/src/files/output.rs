//! Outputs that a person names on the command line: `-`, a file, a link to one, or something that takes
//! bytes as they come, such as a FIFO or a terminal.

use super::{Access, FileError, at, oddity, write};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Names of the standard output that the system has.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Where the bytes of an output go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To standard output.
    StandardOutput,
    /// Into a regular file, which appears whole, in place of an earlier one if there is one. A link to it
    /// stays a link.
    Whole(PathBuf),
    /// Into a FIFO or a character device, as they come; it is opened and never replaced.
    Through(PathBuf),
}

impl Target {
    /// What a name stands for. Folders, sockets, disks and links to nothing are refused.
    pub fn of(path: &Path) -> Result<Target, FileError> {
        if STANDARD_OUTPUT.iter().any(|name| path == Path::new(name)) {
            return Ok(Target::StandardOutput);
        }
        let link = match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Target::Whole(path.to_owned())),
            about => about.map_err(at(path))?.is_symlink(),
        };
        let about = match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(FileError::unfit(path, "this is a link to a file that is not there"));
            }
            about => about.map_err(at(path))?,
        };
        let kind = about.file_type();
        if !kind.is_char_device() && is_standard_output(&about) {
            return Ok(Target::StandardOutput);
        }
        match oddity(&about) {
            None if link => {
                let place = fs::canonicalize(path).map_err(at(path))?;
                same_file(&fs::metadata(&place).map_err(at(path))?, &about)
                    .then_some(Target::Whole(place))
                    .ok_or_else(|| FileError::unfit(path, "the file behind this link has lost its name"))
            }
            None => Ok(Target::Whole(path.to_owned())),
            Some(_) if kind.is_fifo() || kind.is_char_device() => Ok(Target::Through(path.to_owned())),
            Some(what) => Err(FileError::unfit(path, format!("this is {what}; name a file for the output"))),
        }
    }

    /// Opens what takes bytes as they come; `None` for a file that appears whole.
    pub(super) fn stream(&self) -> io::Result<Option<File>> {
        match self {
            Target::StandardOutput => standard_output().map(Some),
            Target::Through(path) => OpenOptions::new().write(true).open(path).map(Some),
            Target::Whole(_) => Ok(None),
        }
    }
}

/// Writes an output to where its name says.
pub fn write_named(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let target = Target::of(path)?;
    if let Target::Whole(place) = &target {
        return write(place, bytes, access);
    }
    let through = || match target.stream()? {
        Some(mut file) => file.write_all(bytes),
        None => Ok(()),
    };
    through().map_err(at(path))
}

fn standard_output() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

fn same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn is_standard_output(about: &Metadata) -> bool {
    standard_output().and_then(|out| out.metadata()).is_ok_and(|out| same_file(&out, about))
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::super::tests::{fifo, names};
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_stays_a_link_and_its_file_is_replaced_whole() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, file) = (folder.path().join("link"), elsewhere.path().join("file"));
        write_named(&file, b"old", Access::Public).unwrap();
        symlink(&file, &link).unwrap();
        let old = File::open(&file).unwrap();
        write_named(&link, b"new", Access::Private).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            (read(&file).unwrap(), names(elsewhere.path())),
            (b"new".to_vec(), vec!["file".to_owned()])
        );
        let mut text = String::new();
        (&old).read_to_string(&mut text).unwrap();
        assert_eq!(text, "old", "replaced, not written over");
    }

    #[test]
    fn devices_and_fifos_take_the_bytes_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, full) = (folder.path().join("pipe"), folder.path().join("full"));
        fifo(&pipe);
        symlink("/dev/full", &full).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_named(&pipe, b"through", Access::Public).unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        let e = write_named(&full, b"1", Access::Public).unwrap_err();
        assert_eq!(e.kind, io::ErrorKind::StorageFull, "{e}");
        assert!(fs::metadata(&full).unwrap().file_type().is_char_device());
    }

    #[test]
    fn what_is_no_place_for_an_output_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        symlink("nowhere", path("nothing")).unwrap();
        fs::create_dir(path("below")).unwrap();
        for (name, what) in [("socket", "a socket"), ("nothing", "not there"), ("below", "a folder")] {
            let e = write_named(&path(name), b"1", Access::Public).unwrap_err();
            assert!(e.to_string().contains(name) && e.reason.contains(what), "{e}");
        }
        assert_eq!(names(folder.path()), ["below", "nothing", "socket"]);
        for name in STANDARD_OUTPUT {
            assert_eq!(Target::of(Path::new(name)), Ok(Target::StandardOutput));
        }
    }
}
