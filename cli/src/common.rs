//! Arguments and files that several commands share.

use crate::outcome::Failure;
use clap::Args;
use rustix::termios::{QueueSelector, tcflush};
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use veilpass_circuits::Attest;
use veilpass_params::ProvingKey;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::MAX_SKEW;
use veilpass_protocol::note::AuthorityKey;
use veilpass_server::typed;

/// Largest file that is read whole: proving keys are below 2 MB.
const MAX_FILE: u64 = 64 << 20;

/// The clock of a one-shot command.
#[derive(Debug, Clone, Copy, Args)]
pub struct Clock {
    /// Take this time instead of the system clock's (2026-11-22T08:00:00Z)
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

impl Clock {
    /// The time.
    pub fn now(self) -> Result<Timestamp, Failure> {
        if let Some(now) = self.now {
            return Ok(now);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.map_err(|_| Failure::Fault("the system clock stands before 1970".into()))?;
        Ok(Timestamp::new(since.as_secs()))
    }
}

/// The clock of a command that changes a registry. A time that lies ahead would stay in it: nothing could be
/// sealed until then, and what has had its time by then is erased.
#[derive(Debug, Clone, Copy, Args)]
pub struct WritingClock {
    #[command(flatten)]
    clock: Clock,
    /// Accept a time that lies ahead of the system clock; for tests only
    #[arg(long)]
    allow_future: bool,
}

impl WritingClock {
    /// The time: at most two minutes ahead of the system clock, as for epoch statements.
    pub fn now(self) -> Result<Timestamp, Failure> {
        let (now, system) = (self.clock.now()?, Clock { now: None }.now()?);
        if now > system.plus(MAX_SKEW) && !self.allow_future {
            return Err(Failure::Usage(format!(
                "--now {now} lies ahead of this machine's clock ({system}); nothing was changed. If the clock is \
                 wrong, set it; in a test, add --allow-future"
            )));
        }
        Ok(now)
    }
}

/// Whether standard input was read already.
static INPUT_TAKEN: AtomicBool = AtomicBool::new(false);

/// Reads a file that a person named, `-` being standard input, which can be named once.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let fault = |e| Failure::fault(&path.display().to_string(), e);
    let mut bytes = Vec::new();
    let size = if path == Path::new("-") {
        if INPUT_TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Failure::Usage("- stands for standard input, which can be read only once".into()));
        }
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fault)?
    } else {
        let file = std::fs::File::open(path).map_err(fault)?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fault)?
    };
    if size as u64 > MAX_FILE {
        return Err(Failure::Fault(format!("{} is longer than {MAX_FILE} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads a document that a person named, without the byte order mark that Windows may have put before it.
pub fn document(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    if typed::is_utf16(&bytes) {
        return Err(Failure::Fault(format!("{} is text in UTF-16; save it as UTF-8", path.display())));
    }
    Ok(typed::unmarked(bytes))
}

/// Reads a text file that a person named.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(document(path)?)
        .map_err(|_| Failure::Fault(format!("{} is not text in UTF-8", path.display())))
}

/// The authority's key: a vkey line, or a file that holds one.
pub fn authority_key(text: &str) -> Result<AuthorityKey, Failure> {
    if let Ok(key) = typed::line(text).parse() {
        return Ok(key);
    }
    let path = Path::new(text);
    if path != Path::new("-") && (path.is_dir() || !path.exists()) {
        return Err(Failure::Usage("--authority is neither a vkey line nor a file that holds one".into()));
    }
    typed::line(&read_text(path)?).parse().map_err(|e| Failure::Usage(format!("--authority: {e}")))
}

/// The verifying key file: the embedded DEV key where none is named.
pub fn verifying_key(path: Option<&PathBuf>) -> Result<Vec<u8>, Failure> {
    match path {
        Some(path) => read(path),
        None => Ok(veilpass_params::dev::verifying_key_bytes().to_vec()),
    }
}

/// Whether a question can be asked.
pub fn terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on the terminal; the line that was typed. What was typed before the question was shown does not
/// answer it.
pub fn ask(prompt: &str) -> Result<String, Failure> {
    let mut line = String::new();
    let fault = |e| Failure::fault("the terminal", e);
    if std::io::stdin().is_terminal() {
        tcflush(std::io::stdin(), QueueSelector::IFlush).map_err(|e| fault(e.into()))?;
    }
    let mut shown = std::io::stderr().lock();
    shown.write_all(prompt.as_bytes()).and_then(|()| shown.flush()).map_err(fault)?;
    std::io::stdin().lock().read_line(&mut line).map_err(fault)?;
    Ok(line)
}

/// The runtime for commands that use the store.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::fault("the runtime", e))
}

/// Runs a server to its end. A fetch that still hangs then does not keep the program: what it would have
/// brought is asked for again at the next start.
pub fn run_server<T>(server: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(server);
    runtime.shutdown_background();
    outcome
}

/// A proving key: the embedded DEV key where none is named.
pub fn proving_key(path: Option<&PathBuf>) -> Result<ProvingKey, Failure> {
    let read_key = path.map(|p| read(p)).transpose()?;
    let key = ProvingKey::from_bytes(
        Attest,
        read_key.as_deref().unwrap_or(veilpass_params::dev::proving_key_bytes()),
    );
    key.map_err(|e| Failure::refused(e.code(), &e))
}
