//! Lines of an import file, one at a time and of bounded length: a quotation mark that is never closed
//! must not pull the rest of a large file into memory.

use std::io::{self, BufRead};

/// No honest row comes near it.
const LONGEST: usize = 16 * 1024;

/// A line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes; `None` if there are more than 16 KiB.
    pub bytes: Option<Vec<u8>>,
}

/// Reads lines that end in LF or CR LF. A byte order mark at the beginning is skipped, and so are
/// blank lines (they count).
pub struct Lines<R> {
    reader: R,
    number: u64,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of a reader.
    pub fn new(reader: R) -> Lines<R> {
        Lines { reader, number: 0, read: 0 }
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next line that is not blank; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let mut too_long = false;
            let ended = loop {
                let chunk = self.reader.fill_buf()?;
                if chunk.is_empty() {
                    break false;
                }
                let end = chunk.iter().position(|b| *b == b'\n');
                let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
                too_long |= bytes.len() + part.len() > LONGEST;
                if !too_long {
                    bytes.extend_from_slice(part);
                }
                let used = part.len() + usize::from(end.is_some());
                self.reader.consume(used);
                self.read += used as u64;
                if end.is_some() {
                    break true;
                }
            };
            if !ended && bytes.is_empty() && !too_long {
                return Ok(None);
            }
            self.number += 1;
            if too_long {
                return Ok(Some(Line { number: self.number, bytes: None }));
            }
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Line { number: self.number, bytes: Some(bytes) }));
            }
            if !ended {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(text: &[u8], buffer: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text));
        let mut out = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            out.push((line.number, line.bytes));
        }
        assert_eq!(lines.bytes_read(), text.len() as u64);
        out
    }

    #[test]
    fn lines_with_their_numbers() {
        let line = |n, text: &str| (n, Some(text.as_bytes().to_vec()));
        for buffer in [1, 2, 3, 4096] {
            assert_eq!(all(b"", buffer), []);
            assert_eq!(all(b"\n \n\t\r\n", buffer), []);
            assert_eq!(all(b"a\nb", buffer), [line(1, "a"), line(2, "b")]);
            assert_eq!(all(b"a\r\n\nb\n", buffer), [line(1, "a"), line(3, "b")]);
            assert_eq!(all("\u{feff}a\n\u{feff}b".as_bytes(), buffer), [line(1, "a"), line(2, "\u{feff}b")]);
        }
    }

    #[test]
    fn a_long_line_is_skipped_and_named() {
        let text = format!("a\n{}\nb\n{}", "x".repeat(LONGEST + 1), "y".repeat(LONGEST));
        let lines = all(text.as_bytes(), 1000);
        assert_eq!(lines[1], (2, None));
        assert_eq!(lines[2], (3, Some(b"b".to_vec())));
        assert_eq!(lines[3].1.as_ref().map(Vec::len), Some(LONGEST));
    }
}
