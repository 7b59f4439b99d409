//! `veilpass debug`: the system's values one by one, for an implementation of one's own (contract §9).

mod compute;
pub mod eval;
mod present;

use crate::common::Clock;
use crate::crowd;
use crate::out::Out;
use crate::outcome::{Failure, Reply};
use clap::Subcommand;
use serde::Serialize;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use veilpass_protocol::day::Day;
use veilpass_server::files::Access;

/// The debugging commands.
#[derive(Debug, Subcommand)]
pub enum Debug {
    /// Values of contract §2: JSON lines {"op","in"} in, {"out"} or {"error"} out
    Compute {
        #[command(flatten)]
        clock: Clock,
    },
    /// Statement S1-S14 on any field elements: the plain check and the rows of the circuit, line by line
    Eval,
    /// An import file of 4,800 invented people, for trials: a wallet answers nobody before the authority's list
    /// has 1,000 people
    Crowd {
        /// Where the file goes; - is standard output
        #[arg(long, value_name = "FILE|-")]
        out: Out,
        #[command(flatten)]
        clock: Clock,
    },
    /// Proves whatever the circuit allows, with none of the wallet's refusals
    Present {
        /// The request, JSON or JWS
        #[arg(long)]
        request: PathBuf,
        /// Root to prove against
        #[arg(long)]
        root: String,
        /// Epoch to name
        #[arg(long, value_parser = clap::value_parser!(u64).range(..1 << 53))]
        epoch: u64,
        /// The private inputs as JSON: k, d, packed, link, slot, path
        #[arg(long)]
        private: PathBuf,
        /// Proving key [default: the DEV key]
        #[arg(long)]
        pk: Option<PathBuf>,
        /// Where the presentation goes; - is standard output
        #[arg(long, value_name = "FILE|-")]
        out: Out,
    },
}

impl Debug {
    /// The output that the person names.
    pub fn out(&self) -> Option<&Out> {
        match self {
            Debug::Present { out, .. } | Debug::Crowd { out, .. } => Some(out),
            _ => None,
        }
    }
}

/// Runs one of them.
pub fn run(command: Debug) -> Result<Option<Reply>, Failure> {
    match command {
        Debug::Compute { clock } => {
            let now = clock.now()?;
            lines(|line| compute::line(line, now))
        }
        Debug::Eval => lines(eval::line),
        Debug::Crowd { out, clock } => {
            let file = crowd::crowd(Day::of(clock.now()?))
                .ok_or_else(|| Failure::Usage("the clock is too early for people of these ages".into()))?;
            out.write(file.as_bytes(), Access::Public)?;
            let people = file.lines().count() - 1;
            let text = format!(
                "{people} invented people in {out}. Never import them into a registry of real people."
            );
            Ok(Some(Reply::new(&serde_json::json!({"people": people}), text)?))
        }
        Debug::Present { request, root, epoch, private, pk, out } => {
            present::run(&request, &root, epoch, &private, pk.as_ref(), &out).map(Some)
        }
    }
}

/// An error of one line.
#[derive(Debug, Serialize)]
pub struct LineError {
    code: &'static str,
    detail: String,
}

impl LineError {
    /// With a code of contract §7.
    pub fn new(code: &'static str, detail: impl std::fmt::Display) -> LineError {
        LineError { code, detail: detail.to_string() }
    }
}

/// Longest line, in bytes: an evaluation is about 7 KB.
const MAX_LINE: usize = 1 << 20;

/// Answers standard input line by line.
fn lines<T: Serialize>(answer: impl Fn(&[u8]) -> Result<T, LineError>) -> Result<Option<Reply>, Failure> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = input.read_until(b'\n', &mut line).map_err(|e| Failure::fault("standard input", e))?;
        if length == 0 {
            return Ok(None);
        }
        let answered = match line.len() > MAX_LINE {
            true => Err(LineError::new("too_large", "a line of more than 1 MiB")),
            false => answer(&line),
        };
        let document = match answered {
            Ok(value) => serde_json::to_string(&value),
            Err(error) => serde_json::to_string(&serde_json::json!({ "error": error })),
        };
        let document = document.map_err(|e| Failure::fault("writing JSON", e))?;
        writeln!(output, "{document}").map_err(|e| Failure::fault("standard output", e))?;
    }
}

impl LineError {
    /// The code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// For people.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
