//! `veilpass demo`: the whole story, with everything that should be refused as well.
//!
//! Nothing here is pretended: the authority and the platforms are servers of their own, child processes of
//! this binary, reached over HTTP only; the wallets are its commands. No clock is moved: what has to be
//! waited for is waited for.

mod cast;
mod guide;
mod people;
mod process;
mod seen;
mod stage;
mod story;

use crate::outcome::{Failure, Reply};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// The arguments.
#[derive(Debug, Args)]
pub struct Demo {
    /// How many people are imported, at least 1,200
    #[arg(long, default_value_t = 2400, value_parser = clap::value_parser!(u64).range(1200..=1_000_000))]
    people: u64,
    /// Keep everything in this folder (absent or empty) instead of a temporary one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Keep the servers running at the end, until Ctrl-C, and print a story to type at them
    #[arg(long)]
    serve: bool,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub struct Step {
    id: &'static str,
    /// Who decided: wallet or platform.
    actor: &'static str,
    outcome: &'static str,
    code: Option<String>,
    ms: u128,
    bytes: usize,
    #[serde(skip)]
    as_expected: bool,
    #[serde(skip)]
    said: String,
}

/// What happened when a step was tried.
pub struct Tried {
    /// Who decided.
    pub actor: &'static str,
    /// Accepted, or the code of the refusal.
    pub verdict: Result<(), String>,
    /// What went over the wire.
    pub bytes: usize,
    /// In words.
    pub said: String,
}

/// What should happen.
#[derive(Clone, Copy)]
pub enum Expect {
    /// Accepted.
    Accepted,
    /// Refused by this actor with one of these codes.
    Refused(&'static str, &'static [&'static str]),
}

/// The steps so far.
#[derive(Default)]
pub struct Table {
    steps: Vec<Step>,
    quiet: bool,
}

impl Table {
    /// Tells people what goes on.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            // A reader that went away early is no fault of ours.
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    }

    /// Tries something, prints its line, and notes whether it came out as it should.
    pub fn step(
        &mut self,
        id: &'static str,
        expect: Expect,
        try_it: impl FnOnce() -> Result<Tried, Failure>,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let tried = try_it()?;
        let ms = begun.elapsed().as_millis();
        let code = tried.verdict.err();
        let as_expected = match expect {
            Expect::Accepted => code.is_none(),
            Expect::Refused(actor, codes) => {
                tried.actor == actor && code.as_deref().is_some_and(|c| codes.contains(&c))
            }
        };
        let outcome = if code.is_none() { "accepted" } else { "refused" };
        let step = Step {
            id,
            actor: tried.actor,
            outcome,
            code,
            ms,
            bytes: tried.bytes,
            as_expected,
            said: tried.said,
        };
        let mark = if step.as_expected { "✓" } else { "✗ NOT AS EXPECTED" };
        let verdict = step.code.clone().map_or("accepted".to_owned(), |c| format!("refused: {c}"));
        let (id, actor, bytes, said) = (step.id, step.actor, step.bytes, &step.said);
        self.say(&format!("{mark} {id:<32} {actor:<9} {verdict:<28} {ms:>5} ms {bytes:>4} B  {said}"));
        self.steps.push(step);
        Ok(())
    }
}

/// Runs the story.
pub fn run(demo: &Demo, json: bool) -> Result<Reply, Failure> {
    let temporary = tempfile::tempdir().map_err(|e| Failure::fault("a temporary folder", e))?;
    let folder = demo.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).map_err(|e| Failure::fault(&folder.display().to_string(), e))?;
    let folder = folder.canonicalize().map_err(|e| Failure::fault(&folder.display().to_string(), e))?;
    let occupied =
        std::fs::read_dir(&folder).map_err(|e| Failure::fault(&folder.display().to_string(), e))?.next();
    if occupied.is_some() {
        return Err(Failure::Usage(format!("{} is not empty; nothing was changed", folder.display())));
    }
    let mut table = Table { quiet: json, ..Table::default() };
    let begun = Instant::now();
    table.say(&format!(
        "Veilpass on this machine: an authority with {} made-up people and two platforms, each a server of its own,\n\
         and four wallets, in {}\n",
        demo.people,
        folder.display()
    ));
    let binary = process::Binary::new(&folder)?;
    let mut stage = stage::Stage::set(binary, demo.people as usize, &table)?;
    table.say("");
    story::tell(&mut stage, &mut table)?;
    let took = begun.elapsed();
    if demo.serve {
        linger(&stage)?;
    }
    let seen = stage.end()?;
    let ok = table.steps.iter().all(|s| s.as_expected) && seen.joined.matches == 0;
    let mut text = format!("\n{}\n", seen.text());
    text += &match ok {
        true => format!("Everything came out as it should, in {:.1} s.", took.as_secs_f64()),
        false => "Something did NOT come out as it should: see the lines marked ✗.".to_owned(),
    };
    if let Some(kept) = &demo.keep {
        text += &guide::kept(kept);
    }
    let document = serde_json::json!({"ok": ok, "people": demo.people, "steps": table.steps, "seen": seen});
    Ok(Reply::new(&document, text)?.refusing(!ok))
}

/// Prints a story to type and waits to be told to stop.
fn linger(stage: &stage::Stage) -> Result<(), Failure> {
    guide::print(stage)?;
    // Inside the runtime, which the signals need.
    crate::common::runtime()?.block_on(async { veilpass_server::http::shutdown_signal().await });
    Ok(())
}
