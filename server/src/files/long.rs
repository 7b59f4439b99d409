//! Long files, written bit by bit.

use super::output::Target;
use super::{Access, FileError, at, folder_of, sync_folder};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A long file that is written bit by bit and appears when it is complete. Its unfinished form has a
/// fixed name beside it, so that a run that was killed leaves no copies behind the next one. It is made
/// anew and never opened: a link that somebody laid there leads nowhere.
#[derive(Debug)]
pub struct LongFile {
    file: Option<io::BufWriter<File>>,
    /// Its unfinished form; none where the bytes go through as they come.
    part: Option<PathBuf>,
    place: PathBuf,
    bytes: u64,
}

impl LongFile {
    /// Begins an output that a person named ([`Target`]).
    pub fn begin(named: &Path, access: Access) -> Result<LongFile, FileError> {
        let target = Target::of(named)?;
        if let Some(stream) = target.stream().map_err(at(named))? {
            return Ok(LongFile {
                file: Some(io::BufWriter::new(stream)),
                part: None,
                place: named.to_owned(),
                bytes: 0,
            });
        }
        let place = match &target {
            Target::Whole(place) => place,
            _ => named,
        };
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
        let file = Some(io::BufWriter::new(file));
        Ok(LongFile { file, part: Some(part), place: place.to_owned(), bytes: 0 })
    }

    /// Adds to it.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.write_all(bytes).map_err(at(&self.place))
    }

    /// How many bytes were added.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Flushes it and puts it in its place, where an earlier file is replaced.
    pub fn finish(mut self) -> Result<(), FileError> {
        if let Some(file) = self.file.take() {
            let whole = || -> io::Result<()> {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                match &self.part {
                    Some(part) => file.sync_all().and_then(|()| fs::rename(part, &self.place)),
                    None => Ok(()),
                }
            };
            if let Err(e) = whole() {
                self.give_up();
                return Err(FileError::new(&self.place, &e));
            }
        }
        if self.part.is_none() {
            return Ok(());
        }
        sync_folder(folder_of(&self.place))
    }
}

impl LongFile {
    fn give_up(&self) {
        if let Some(part) = &self.part {
            // What caused it is reported; a remnant that stays is overwritten next time.
            let _ = fs::remove_file(part);
        }
    }
}

impl Write for LongFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let written = file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for LongFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            self.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::super::tests::names;
    use super::*;

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
