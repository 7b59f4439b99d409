//! `veilpass wallet sync`: once, or again and again with jitter.

use super::At;
use super::key::{self, Key};
use crate::common::{Clock, authority_key, runtime};
use crate::network::{Network, Reader};
use crate::outcome::{Failure, Reply, printable, tell};
use crate::progress;
use crate::prompt;
use clap::Args;
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::operation::Operation;
use veilpass_prover::{Synced, Wallet as Holder, next_sync};

/// From where, and how often.
#[derive(Debug, Args)]
pub struct SyncOptions {
    /// The authority's address, or a published folder
    #[arg(long, value_name = "URL|DIR")]
    from: String,
    /// The authority's vkey line, or a file that holds it
    #[arg(long)]
    authority: String,
    /// Go on until stopped, about every so many seconds (between half and one and a half times that)
    #[arg(long, value_name = "S", conflicts_with = "now", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    every: Option<u64>,
    /// Proving key, for the answers that are prepared [default: the DEV key]
    #[arg(long, value_name = "FILE")]
    pk: Option<PathBuf>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    clock: Clock,
}

/// Everything that one sync needs.
struct Plan {
    at: At,
    source: Reader,
    authority: AuthorityKey,
    passphrase: SecretString,
    pk: Option<PathBuf>,
}

/// Runs it.
pub fn run(at: At, sync: &SyncOptions) -> Result<Reply, Failure> {
    at.holds_one()?;
    let authority = authority_key(&sync.authority)?;
    let source = Reader::new(&sync.from, &sync.network)?;
    let passphrase = at.passphrase(false)?;
    if let Some(pk) = &sync.pk {
        Key::check(pk)?;
    }
    let plan = Plan { at, source, authority, passphrase, pk: sync.pk.clone() };
    let Some(every) = sync.every else {
        return reply(&plan.once(sync.clock.now()?)?);
    };
    let last = runtime()?.block_on(repeat(Arc::new(plan), sync.clock, every))?;
    reply(&last?)
}

impl Plan {
    /// One sync, with the lock held and the wallet opened anew: it may have changed since the last one.
    fn once(&self, now: Timestamp) -> Result<Synced, Failure> {
        let lock = self.at.lock()?;
        let mut holder = self.at.open_with(&self.passphrase)?;
        let spinner = progress::spinner("reading what is published");
        let synced = holder.sync(&self.source, &self.authority, now);
        spinner.finish_and_clear();
        match &synced {
            Ok(Synced { promoted: Some(_), .. }) => self.at.save_promoted(&holder, &self.passphrase)?,
            // Also after a refusal: notes that contradict each other are kept as evidence.
            _ => self.at.save_state(&holder)?,
        }
        if holder.contradictions() > 0 {
            tell!(
                "warning: this authority has signed {} pairs of epoch statements that contradict each other; the \
                 wallet keeps them as evidence",
                holder.contradictions()
            );
        }
        let key = synced.is_ok().then(|| self.prepare(&mut holder, now)).flatten();
        drop(lock);
        if let Some(key) = key {
            key.keep_prepared();
        }
        synced.map_err(|e| match e.code() {
            "unavailable" => Failure::Fault(e.to_string()),
            code => Failure::refused(code, &e),
        })
    }

    /// Answers for the platforms that were answered before, on the epoch that is there, for the day that it is.
    /// A sync does not depend on it.
    fn prepare(&self, holder: &mut Holder, now: Timestamp) -> Option<Key> {
        match Key::read(self.pk.as_deref(), &self.at, holder) {
            Ok(key) => {
                if holder.has_answered() || self.at.prepared().exists() {
                    key::take_prepared(&self.at, holder, &key, now);
                    key::prepare(&self.at, holder, &key, now);
                }
                Some(key)
            }
            Err(failure) => {
                tell!("warning: nothing was prepared: {}", printable(failure.detail()));
                None
            }
        }
    }

    /// Midnight: what is prepared is of yesterday. Nothing is fetched, so nobody sees it.
    fn new_day(&self, now: Timestamp) -> Result<(), Failure> {
        let _lock = self.at.lock()?;
        let mut holder = self.at.open_with(&self.passphrase)?;
        self.prepare(&mut holder, now);
        Ok(())
    }
}

/// How long it takes until another day begins.
fn until_midnight(now: Timestamp) -> Duration {
    Duration::from_secs(DAY - now.second_of_day())
}

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Syncs until the process is told to stop; a sync that is under way is finished. What fails is said and
/// tried again: the last success is the result, or the last failure if there was none.
async fn repeat(plan: Arc<Plan>, clock: Clock, every: u64) -> Result<Result<Synced, Failure>, Failure> {
    let listen = |kind| signal(kind).map_err(|e| Failure::fault("listening for signals", e));
    let (mut terminated, mut interrupted) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    prompt::signals_are_handled();
    let mut last: Option<Result<Synced, Failure>> = None;
    'syncs: loop {
        let (now, once) = (clock.now()?, plan.clone());
        let synced = tokio::task::spawn_blocking(move || once.once(now)).await;
        let synced = synced.map_err(|e| Failure::fault("a sync", e))?;
        // Waiting mends no wrong passphrase.
        if let Err(Failure::Usage(_) | Failure::Refused { code: "passphrase_wrong" | "file_damaged", .. }) =
            &synced
        {
            return Ok(synced);
        }
        let wait = next_sync(every, &mut OsRng);
        match &synced {
            Ok(synced) => tell!("{now} {}; next in {wait} s", summary(synced)),
            Err(failure) => {
                tell!("{now} not synced: {}; next try in {wait} s", printable(&told(failure)))
            }
        }
        if synced.is_ok() || !matches!(last, Some(Ok(_))) {
            last = Some(synced);
        }
        let mut left = Duration::from_secs(wait);
        while !left.is_zero() {
            let nap = left.min(until_midnight(clock.now()?));
            tokio::select! {
                _ = terminated.recv() => break 'syncs,
                _ = interrupted.recv() => break 'syncs,
                () = tokio::time::sleep(nap) => left = left.saturating_sub(nap),
            }
            if !left.is_zero() {
                let (now, plan) = (clock.now()?, plan.clone());
                let prepared = tokio::task::spawn_blocking(move || plan.new_day(now)).await;
                if let Err(failure) = prepared.map_err(|e| Failure::fault("a new day", e))? {
                    tell!("{now} nothing prepared for this day: {}", printable(&told(&failure)));
                }
            }
        }
    }
    last.ok_or_else(|| Failure::Fault("nothing was synced".into()))
}

fn told(failure: &Failure) -> String {
    match failure {
        Failure::Refused { code, detail } => format!("refused ({code}): {detail}"),
        Failure::Usage(detail) | Failure::Fault(detail) => detail.clone(),
    }
}

fn summary(synced: &Synced) -> String {
    let found = if synced.enrolled { "your leaf is in it: enrolled" } else { "your leaf is not in it (yet)" };
    let promoted = match synced.promoted {
        Some(Operation::Enrol) => "; the new enrolment is in force",
        Some(Operation::Renew) => "; the renewed credential is in force",
        Some(Operation::Rotate) => "; the new device secret is in force",
        Some(Operation::Reset) => "; the reset is in force: your pseudonyms are new",
        None => "",
    };
    let pending = match synced.pending {
        0 => String::new(),
        n => format!("; {n} begun and not found yet"),
    };
    format!("epoch {}; {found}{promoted}{pending}", synced.epoch)
}

fn reply(synced: &Synced) -> Result<Reply, Failure> {
    let answer = json!({"epoch": synced.epoch, "root": to_hex(&synced.root), "enrolled": synced.enrolled});
    Reply::new(&answer, summary(synced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_that_of_utc_plus_8() {
        for (now, left) in
            [("2026-11-22T16:00:00Z", DAY), ("2026-11-22T15:59:59Z", 1), ("2026-11-22T08:00:00Z", DAY / 3)]
        {
            assert_eq!(until_midnight(now.parse().unwrap()), Duration::from_secs(left), "{now}");
        }
    }
}
