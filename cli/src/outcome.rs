//! What a command ends with, and how it is written (contract §1).

use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

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
    afterwards: Option<Afterwards>,
    keep: Option<Keep>,
}

/// What makes a secret count that the answer shows.
struct Keep(Box<dyn FnOnce() -> Result<(), Failure>>);

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keep")
    }
}

/// Work that nobody waits for.
struct Afterwards(Box<dyn FnOnce()>);

impl fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Afterwards")
    }
}

impl Reply {
    /// From a value and the text that people get instead.
    pub fn new(value: &impl Serialize, text: impl Into<String>) -> Result<Reply, Failure> {
        let json = serde_json::to_string(value).map_err(|e| Failure::fault("writing JSON", e))?;
        Ok(Reply::raw(json, text))
    }

    /// From JSON that is written already.
    pub fn raw(json: String, text: impl Into<String>) -> Reply {
        Reply { json, text: text.into(), refused: false, afterwards: None, keep: None }
    }

    /// The document reports refusals: exit 1.
    pub fn refusing(self, refused: bool) -> Reply {
        Reply { refused, ..self }
    }

    /// The answer shows a secret, which counts only once it is written.
    pub fn then_keep(self, keep: impl FnOnce() -> Result<(), Failure> + 'static) -> Reply {
        Reply { keep: Some(Keep(Box::new(keep))), ..self }
    }

    /// With work that is done when the answer has been written.
    pub fn afterwards(self, work: impl FnOnce() + 'static) -> Reply {
        Reply { afterwards: Some(Afterwards(Box::new(work))), ..self }
    }
}

/// Writes the outcome and gives the exit code.
pub fn finish(outcome: Result<Option<Reply>, Failure>, json: bool) -> ExitCode {
    let (document, code, afterwards) = match outcome {
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(Reply { keep: Some(Keep(keep)), json: document, text, .. })) => {
            let document = if json { document } else { printable(&text) };
            let mut out = std::io::stdout().lock();
            let written = writeln!(out, "{document}").and_then(|()| out.flush());
            let kept = written.map_err(|e| Failure::fault("standard output", e)).and_then(|()| keep());
            // What was shown is void then, and the failure is told on standard error.
            let Err(failure) = kept else { return ExitCode::SUCCESS };
            eprintln!("could not, and what was shown does not count: {}", printable(failure.detail()));
            return ExitCode::from(3);
        }
        Ok(Some(reply)) => {
            let document = if json { reply.json } else { printable(&reply.text) };
            (document, u8::from(reply.refused), reply.afterwards)
        }
        Err(failure) => {
            let (code, name, detail) = match &failure {
                Failure::Refused { code, detail } => (1, *code, detail),
                Failure::Usage(detail) => {
                    eprintln!("error: {}", printable(detail));
                    return ExitCode::from(2);
                }
                Failure::Fault(detail) => (3, "unavailable", detail),
            };
            if !json {
                let what = if code == 1 { format!("refused ({name})") } else { "could not".to_owned() };
                eprintln!("{what}: {}", printable(detail));
                return ExitCode::from(code);
            }
            (serde_json::json!({"error": {"code": name, "detail": detail}}).to_string(), code, None)
        }
    };
    // A reader that went away early is no fault of ours.
    let _ = writeln!(std::io::stdout().lock(), "{document}");
    if let Some(Afterwards(work)) = afterwards {
        work();
    }
    ExitCode::from(code)
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
