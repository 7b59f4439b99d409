//! What a command ends with, and how it is written (contract §1).

use crate::explain;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output has a document already, or can have none: it never gets a second one.
static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Who reads a refusal: the table of `veilpass explain` has a sentence for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person with a wallet.
    Person,
    /// An engineer of a platform, or a researcher.
    Engineer,
    /// An operator of a server, or a registrar.
    Operator,
}

/// Where a command's answer goes.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Who reads it.
    pub audience: Audience,
    /// One JSON document instead of a text.
    pub json: bool,
    /// Standard output has an output that the person named `-`: the text goes to standard error.
    pub aside: bool,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// Refused: exit 1, with a code of contract §7.
    Refused {
        /// The code.
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// Wrong use: exit 2.
    Usage(String),
    /// Could not: disk, network, store, own fault. Exit 3.
    Fault(String),
}

impl Failure {
    /// A refusal with a code of contract §7.
    pub fn refused(code: &'static str, detail: impl fmt::Display) -> Failure {
        Failure::Refused { code, detail: detail.to_string() }
    }

    /// For people.
    pub fn detail(&self) -> &str {
        let (Failure::Refused { detail, .. } | Failure::Usage(detail) | Failure::Fault(detail)) = self;
        detail
    }

    /// A fault while doing something.
    pub fn fault(what: &str, cause: impl fmt::Display) -> Failure {
        Failure::Fault(format!("{what}: {cause}"))
    }
}

/// What a command answers: one JSON document, or a text for people.
#[derive(Debug)]
pub struct Reply {
    json: String,
    text: String,
    /// Exit 0, or 1 where the document itself says what was refused.
    refused: bool,
}

impl Reply {
    /// From a value and the text that people get instead.
    pub fn new(value: &impl Serialize, text: impl Into<String>) -> Result<Reply, Failure> {
        let json = serde_json::to_string(value).map_err(|e| Failure::fault("writing JSON", e))?;
        Ok(Reply::raw(json, text))
    }

    /// From JSON that is written already.
    pub fn raw(json: String, text: impl Into<String>) -> Reply {
        Reply { json, text: text.into(), refused: false }
    }

    /// The document reports refusals: exit 1.
    pub fn refusing(self, refused: bool) -> Reply {
        Reply { refused, ..self }
    }

    /// Writes an answer with something in it that is shown only once. That is done before it counts: if it
    /// cannot be written, it was never given. (A standard output that is closed is `/dev/null` to us.)
    pub fn show_once(&self, form: Form) -> Result<(), Failure> {
        check_kept(form)?;
        self.show(form)
    }

    /// Writes the answer.
    pub fn show(&self, form: Form) -> Result<(), Failure> {
        if form.aside {
            tell_line(printable(&self.text));
            return Ok(());
        }
        ANSWERED.store(true, Ordering::Relaxed);
        let document = if form.json { self.json.clone() } else { printable(&self.text) };
        put(format!("{document}\n").as_bytes())
    }
}

/// That what is shown only once does not go to `/dev/null`.
pub fn check_kept(form: Form) -> Result<(), Failure> {
    let nowhere =
        "standard output is /dev/null, where what is shown only once would be lost; nothing was made";
    if !form.aside && is_null_device(&io::stdout()) {
        // Why nothing was made would be lost there too.
        ANSWERED.store(true, Ordering::Relaxed);
        return Err(Failure::Fault(nowhere.into()));
    }
    Ok(())
}

fn is_null_device(out: &impl AsFd) -> bool {
    let about = out.as_fd().try_clone_to_owned().and_then(|out| File::from(out).metadata());
    let null = std::fs::metadata("/dev/null");
    let is_char = |about: &Metadata| about.file_type().is_char_device();
    matches!((about, null), (Ok(a), Ok(b)) if is_char(&a) && a.rdev() == b.rdev())
}

/// Writes to standard output; that it cannot be written is a fault, also where a reader went away early.
pub fn put(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| Failure::fault("standard output", e))
}

/// Writes a formatted line to standard error, as `eprintln!` does, which panics where nobody reads.
macro_rules! tell {
    ($($words:tt)*) => { $crate::outcome::tell_line(format_args!($($words)*)) };
}
pub(crate) use tell;

/// Writes a line to standard error. Where nobody reads it, it is lost and nothing else.
pub fn tell_line(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes the outcome and gives the exit code.
pub fn finish(outcome: Result<Option<Reply>, Failure>, form: Form) -> ExitCode {
    let failure = match outcome {
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(reply)) => match reply.show(form) {
            Ok(()) => return ExitCode::from(u8::from(reply.refused)),
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    let (code, name, detail) = match &failure {
        Failure::Usage(detail) => {
            tell_line(format_args!("error: {}", printable(detail)));
            return ExitCode::from(2);
        }
        Failure::Refused { code, detail } => (1, *code, detail),
        Failure::Fault(detail) => (3, "unavailable", detail),
    };
    if form.json && !ANSWERED.load(Ordering::Relaxed) {
        let document = serde_json::json!({"error": {"code": name, "detail": detail}});
        match put(format!("{document}\n").as_bytes()) {
            Ok(()) => return ExitCode::from(code),
            Err(unwritten) => tell_line(format_args!("could not: {}", printable(unwritten.detail()))),
        }
    }
    match explain::sentence(name, form.audience).filter(|_| code == 1) {
        Some(sentence) => {
            tell_line(format_args!("{sentence} ({name})"));
            // What is particular to this time; a detail that only repeats the code is not shown.
            if detail.as_str() != name {
                tell_line(format_args!("  Here: {}", printable(detail)));
            }
        }
        None => tell_line(format_args!("could not: {}", printable(detail))),
    }
    // A refusal that was to be a document and is none is not one that a program could read.
    ExitCode::from(if form.json { 3 } else { code })
}

/// Indents a JSON text for people.
pub fn pretty(json: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(json);
    value.ok().and_then(|v| serde_json::to_string_pretty(&v).ok()).unwrap_or_else(|| json.to_owned())
}

/// A text in which nothing can steer a terminal: control and formatting characters but line ends are
/// shown as escapes. What others send ends up in messages.
pub fn printable(text: &str) -> String {
    let steers = |c: char| {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{3164}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        (c.is_control() && c != '\n') || hidden
    };
    let shown = |c: char| if steers(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(super::printable("a\u{1b}[2Jb\n论坛\u{202e}"), "a\\u{1b}[2Jb\n论坛\\u{202e}");
    }
}
