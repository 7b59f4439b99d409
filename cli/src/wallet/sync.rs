//! `veilpass wallet sync`: once, or again and again with jitter.

use super::key::{self, Key};
use super::{At, home, refusal, show};
use crate::common::{Clock, authority_key, runtime};
use crate::explain::sentence;
use crate::network::{Network, Reader};
use crate::outcome::{Audience, Failure, Reply, printable, tell};
use crate::progress;
use crate::prompt;
use clap::Args;
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::operation::Operation;
use veilpass_prover::{Home, Standing, Synced, Wallet as Holder, next_sync};

/// From where, and how often.
#[derive(Debug, Args)]
pub struct SyncOptions {
    /// Read from this address or published folder [default: the authority that the wallet remembers]
    #[arg(long, value_name = "URL|DIR")]
    from: Option<String>,
    /// The authority's vkey line, or a file that holds it [default: the one that the wallet remembers]
    #[arg(long, value_name = "VKEY")]
    authority: Option<String>,
    /// Go on until stopped, about every so many seconds (between half and one and a half times that)
    #[arg(long, value_name = "S", conflicts_with = "now", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    every: Option<u64>,
    /// Afterwards prepare the next answers for sites that were answered before; --every does it always
    #[arg(long)]
    prepare: bool,
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
    from: Option<String>,
    authority: Option<AuthorityKey>,
    network: Network,
    /// What the three above come to, known when the wallet has been opened.
    source: OnceLock<(Reader, Home)>,
    passphrase: SecretString,
    prepare: bool,
    pk: Option<PathBuf>,
}

/// What a sync came to, as it is told.
struct Done {
    synced: Synced,
    /// For people.
    summary: String,
}

/// Runs it.
pub fn run(at: At, sync: &SyncOptions) -> Result<Reply, Failure> {
    at.holds_one()?;
    // What is wrong with the arguments is said before the passphrase is asked for.
    let authority = sync.authority.as_deref().map(authority_key).transpose()?;
    sync.from.as_deref().map(|place| Reader::new(place, &sync.network)).transpose()?;
    let passphrase = at.passphrase(false)?;
    if let Some(pk) = &sync.pk {
        Key::check(pk)?;
    }
    let plan = Plan {
        at,
        from: sync.from.clone(),
        authority,
        network: sync.network.clone(),
        source: OnceLock::new(),
        passphrase,
        prepare: sync.prepare || sync.every.is_some(),
        pk: sync.pk.clone(),
    };
    let Some(every) = sync.every else {
        return reply(&plan.once(sync.clock.now()?)?);
    };
    let last = runtime()?.block_on(repeat(Arc::new(plan), sync.clock, every))?;
    reply(&last?)
}

impl Plan {
    /// One sync, with the lock held and the wallet opened anew: it may have changed since the last one.
    fn once(&self, now: Timestamp) -> Result<Done, Failure> {
        let lock = self.at.lock()?;
        let mut holder = self.at.open_with(&self.passphrase)?;
        let spinner = progress::spinner("reading the authority's list");
        let (source, home) = self.source(&holder)?;
        let synced = holder.sync(source, &home.key, now);
        spinner.finish_and_clear();
        let first = match &synced {
            Ok(_) => holder.settle_at(home.clone()).map_err(|e| refusal(&e))?,
            Err(_) => false,
        };
        match &synced {
            Ok(Synced { promoted: Some(_), .. }) => self.at.save_promoted(&holder, &self.passphrase)?,
            // Also after a refusal: notes that contradict each other are kept as evidence.
            _ => self.at.save_state(&holder)?,
        }
        if first {
            self.at.save_wallet(&holder, &self.passphrase)?;
            tell!("This wallet belongs to the authority with these six words: {}", home::told(home));
        }
        if holder.contradictions() > 0 {
            tell!(
                "warning: this authority has signed {} pairs of epoch statements that contradict each other; the \
                 wallet keeps them as evidence",
                holder.contradictions()
            );
        }
        let synced = synced.map_err(|e| match e.code() {
            "unavailable" => Failure::Fault(e.to_string()),
            code => Failure::refused(code, &e),
        })?;
        let done = Done { summary: summary(&self.at, &holder, &synced), synced };
        if self.prepare {
            let key = self.prepare(&mut holder, now);
            drop(lock);
            if let Some(key) = key {
                key.keep_prepared();
            }
        }
        Ok(done)
    }

    /// From where is read, and the authority that the wallet belongs to afterwards.
    fn source(&self, holder: &Holder) -> Result<&(Reader, Home), Failure> {
        if let Some(source) = self.source.get() {
            return Ok(source);
        }
        let found = home::read_from(holder, self.from.as_deref(), self.authority.as_ref(), &self.network)?;
        Ok(self.source.get_or_init(|| found))
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
async fn repeat(plan: Arc<Plan>, clock: Clock, every: u64) -> Result<Result<Done, Failure>, Failure> {
    let listen = |kind| signal(kind).map_err(|e| Failure::fault("listening for signals", e));
    let (mut terminated, mut interrupted) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    prompt::signals_are_handled();
    let mut last: Option<Result<Done, Failure>> = None;
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
            Ok(done) => tell!("{now} {} Next sync in {wait} s.", done.summary),
            Err(failure) => {
                tell!("{now} Not synced: {} Next try in {wait} s.", printable(&told(failure)))
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

/// What went wrong, as one line for people.
fn told(failure: &Failure) -> String {
    match failure {
        Failure::Refused { code, detail } => match sentence(code, Audience::Person) {
            Some(sentence) => format!("{sentence} ({code}: {detail})"),
            None => format!("{detail} ({code})"),
        },
        Failure::Usage(detail) | Failure::Fault(detail) => format!("{detail}."),
    }
}

fn summary(at: &At, holder: &Holder, synced: &Synced) -> String {
    let promoted = match synced.promoted {
        Some(Operation::Enrol) => "Your enrolment is in force. ",
        Some(Operation::Renew) => "Your renewed document is in force. ",
        Some(Operation::Rotate) => "This device is in force; the one before is not any more. ",
        Some(Operation::Reset) => "The reset is in force: sites will not recognise you. ",
        None => "",
    };
    let pending: Vec<&str> = holder.pending().map(Operation::as_str).collect();
    let pending = match pending.is_empty() {
        true => String::new(),
        false => format!(" Waiting for the list: {}.", pending.join(", ")),
    };
    let state = show::state(at, holder);
    let dot = if state.ends_with('.') || holder.standing() == Standing::Unenrolled { "" } else { "." };
    format!("{promoted}You are {state}{dot}{pending}")
}

fn reply(done: &Done) -> Result<Reply, Failure> {
    let Done { synced, summary } = done;
    let answer = json!({"epoch": synced.epoch, "root": to_hex(&synced.root), "enrolled": synced.enrolled});
    Reply::new(&answer, summary)
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
