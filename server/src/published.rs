//! The published folder (contract §4) as wallets and platforms read it: from disk, or from an
//! authority's address (contract §8).

use crate::client::{Answer, Client, ClientError};
use crate::{files, typed};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Largest file of a published folder. A tile has 128 KiB; the array of all platforms grows.
pub const MAX_PUBLISHED: usize = 16 << 20;

/// Largest epoch note: a day of epochs, one each ten seconds, fills it.
const MAX_NOTE: usize = 1 << 20;

/// Where the published folder is.
#[derive(Debug, Clone)]
pub enum Published {
    /// A folder.
    Folder(PathBuf),
    /// An authority's address.
    Url {
        /// The address, without a slash at its end.
        base: String,
        /// Who asks.
        client: Client,
        /// The newest note that was seen: asked for again only if it has changed.
        newest: Arc<Mutex<Option<Newest>>>,
    },
}

/// A note with the entity tag that it came under.
#[derive(Debug, Clone)]
pub struct Newest {
    etag: String,
    note: String,
}

/// Why it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishedError {
    /// This names neither a folder nor an address.
    #[error("{0:?} is neither a folder nor an address")]
    Place(String),
    /// No file of a published folder has such a name.
    #[error("no published file is called that")]
    Name,
    /// The disk said no.
    #[error("{0}: {1}")]
    Disk(PathBuf, String),
    /// The network said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server answered, but not with the file.
    #[error("the server answers {status}{}", code.as_deref().map(|c| format!(" ({c})")).unwrap_or_default())]
    Status {
        /// The HTTP status.
        status: u16,
        /// The code of contract §7, if it came with one.
        code: Option<String>,
    },
    /// It is longer than any such file.
    #[error("a published file is longer than {0} bytes")]
    TooLong(usize),
    /// A note that is not text.
    #[error("the newest note is not text")]
    Text,
}

impl Published {
    /// An address if it begins like one, else a folder. Nothing is read yet.
    pub fn new(text: &str, client: Client) -> Result<Published, PublishedError> {
        let text = &typed::address(text);
        if text.starts_with("https://") || text.starts_with("http://") {
            if text.contains(['?', '#']) {
                return Err(PublishedError::Place(text.to_owned()));
            }
            let base = text.trim_end_matches('/').to_owned();
            return Ok(Published::Url { base, client, newest: Arc::default() });
        }
        if text.is_empty() || text.contains("://") {
            return Err(PublishedError::Place(text.to_owned()));
        }
        Ok(Published::Folder(text.into()))
    }

    /// The note of the newest epoch; `None` as long as nothing has been sealed.
    pub fn newest_note(&self) -> Result<Option<String>, PublishedError> {
        match self {
            Published::Folder(folder) => newest_in(folder),
            Published::Url { base, client, newest } => {
                let known = newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let etag = known.as_ref().map(|known| known.etag.as_str());
                let answer = client.get_if_changed(&format!("{base}/v1/epochs/latest"), etag, MAX_NOTE)?;
                if let (304, Some(known)) = (answer.status, known) {
                    return Ok(Some(known.note));
                }
                let etag = answer.etag.clone();
                let Some(bytes) = body(answer)? else { return Ok(None) };
                let note = String::from_utf8(bytes).map_err(|_| PublishedError::Text)?;
                *newest.lock().unwrap_or_else(PoisonError::into_inner) =
                    etag.map(|etag| Newest { etag, note: note.clone() });
                Ok(Some(note))
            }
        }
    }

    /// A file by its path in the folder, such as `tiles/7/0/3`; `None` if it is not there.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, PublishedError> {
        if !is_name(path) {
            return Err(PublishedError::Name);
        }
        match self {
            Published::Folder(folder) => read(&folder.join(path)),
            Published::Url { base, client, .. } => {
                body(client.get(&format!("{base}/v1/published/{path}"), MAX_PUBLISHED)?)
            }
        }
    }
}

/// Names of contract §4 have letters, digits, `-`, `_` and `.` only, and no part of them begins with a dot: so
/// none leads out of the folder. (Names of hosts come from what others wrote.)
pub(crate) fn is_name(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    path.len() <= 400 && path.split('/').all(part)
}

/// The epoch of a file that is called like a note, `7.note`; `None` for every other name, such as those of
/// the side files (`._7.note`) that macOS leaves on disks of others.
pub fn note_number(path: &Path) -> Option<u64> {
    let number = path.file_name()?.to_str()?.strip_suffix(".note")?;
    number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()
}

fn newest_in(folder: &Path) -> Result<Option<String>, PublishedError> {
    let epochs = folder.join("epochs");
    let problem = |e: std::io::Error| PublishedError::Disk(epochs.clone(), e.to_string());
    let mut newest: Option<(u64, PathBuf)> = None;
    for entry in std::fs::read_dir(&epochs).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        newest = newest.max(note_number(&path).map(|number| (number, path)));
    }
    let Some((_, path)) = newest else { return Ok(None) };
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let note = String::from_utf8(bytes).map_err(|_| PublishedError::Text)?;
    // Signed with LF; a folder may have passed through Windows.
    Ok(Some(typed::lines(&note)))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, PublishedError> {
    files::read_if_there(path, MAX_PUBLISHED as u64).map_err(|e| match e.kind {
        ErrorKind::FileTooLarge => PublishedError::TooLong(MAX_PUBLISHED),
        _ => PublishedError::Disk(e.path, e.reason),
    })
}

fn body(answer: Answer) -> Result<Option<Vec<u8>>, PublishedError> {
    match answer.status {
        200 => Ok(Some(answer.body)),
        404 if answer.problem_code().as_deref() == Some("not_found") => Ok(None),
        status => Err(PublishedError::Status { status, code: answer.problem_code() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientSettings;

    fn client() -> Client {
        Client::new(ClientSettings::default()).unwrap()
    }

    #[test]
    fn a_folder_gives_its_newest_note_and_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Published::new(dir.path().to_str().unwrap(), client()).unwrap();
        assert!(matches!(folder.newest_note(), Err(PublishedError::Disk(..))));
        std::fs::create_dir(dir.path().join("epochs")).unwrap();
        assert_eq!(folder.newest_note(), Ok(None));
        for (name, text) in [
            ("9.note", "nine"),
            ("10.note", "ten"),
            ("x.note", "x"),
            ("._12.note", "\0"),
            ("+13.note", "x"),
            ("11.cells", "cells"),
        ] {
            std::fs::write(dir.path().join("epochs").join(name), text).unwrap();
        }
        assert_eq!(folder.newest_note(), Ok(Some("ten".into())));
        assert_eq!(folder.file("epochs/11.cells"), Ok(Some(b"cells".to_vec())));
        assert_eq!(folder.file("epochs/12.cells"), Ok(None));
        std::fs::write(dir.path().join("vkey"), vec![0; MAX_PUBLISHED + 1]).unwrap();
        assert_eq!(folder.file("vkey"), Err(PublishedError::TooLong(MAX_PUBLISHED)));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Published::Folder(dir.path().join("published"));
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        for name in
            ["../secret", "/etc/passwd", "", "a//b", "./vkey", "platforms/..", "a\\b", "a b", "vkey?x", "%2e"]
        {
            assert_eq!(folder.file(name), Err(PublishedError::Name), "{name}");
        }
    }

    #[test]
    fn addresses_and_folders_are_told_apart() {
        assert!(matches!(Published::new("https://id.example/", client()), Ok(Published::Url { base, .. })
            if base == "https://id.example"));
        assert!(matches!(Published::new(" HTTPS://Id.Example\n", client()), Ok(Published::Url { base, .. })
            if base == "https://id.example"));
        assert!(matches!(Published::new("published", client()), Ok(Published::Folder(_))));
        for text in ["", "ftp://id.example", "https://id.example/?a", "https://id.example/#a"] {
            assert!(matches!(Published::new(text, client()), Err(PublishedError::Place(_))), "{text}");
        }
    }
}
