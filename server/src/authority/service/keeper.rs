//! What the service does by itself: sealing on schedule, housekeeping, and keeping the published folder
//! up to date, also after another process has sealed or changed the directory.
//!
//! Once a second it looks at what is due. What fails is logged, counted, shown by `/readyz` and tried
//! again; the server goes on answering meanwhile.

use super::Service;
use super::published::Document;
use crate::RegistryError;
use crate::authority::{Authority, PlaceOrder, Revision};
use crate::http::{self, Gauge, Metrics, Outcomes};
use rand::rngs::OsRng;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;
use veilpass_protocol::day::Timestamp;

/// How often it looks.
const TICK: Duration = Duration::from_secs(1);
/// How often personal data that has to go is looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// A duty that failed rests so long, twice as long after each further failure, up to a minute.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// Asks the store what has changed.
    Look,
    Seal,
    Housekeeping,
    Publish,
}

impl Duty {
    const ALL: [Duty; 4] = [Duty::Look, Duty::Seal, Duty::Housekeeping, Duty::Publish];

    /// What `/readyz` and the log say of it.
    fn words(self) -> &'static str {
        match self {
            Duty::Look => "reading the registry",
            Duty::Seal => "sealing",
            Duty::Housekeeping => "housekeeping",
            Duty::Publish => "publishing",
        }
    }
}

/// How often a duty worked and failed, and how it stands.
#[derive(Debug)]
struct Record {
    counts: Outcomes,
    /// Failures since it last worked.
    in_a_row: u32,
    /// It rests until then.
    not_before: Option<Instant>,
}

/// The keeper's state, which handlers read.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Seconds from one epoch to the next; 0 leaves sealing to others.
    seal_every: u64,
    epoch: Gauge,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    records: [Record; Duty::ALL.len()],
    /// What the published folder shows.
    published: Option<Revision>,
    /// The newest note in it.
    note: Option<Document>,
    /// Whether the registry holds something that is not published yet.
    behind: bool,
    looked: bool,
    /// The newest epoch of the registry and when it was sealed.
    sealed: Option<(u64, Timestamp)>,
    next_housekeeping: Option<Instant>,
}

/// How the service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The newest published epoch.
    pub epoch: Option<u64>,
    /// What keeps it from being ready.
    pub wrong: Vec<&'static str>,
}

impl Keeper {
    pub(super) fn new(seal_every: u64, metrics: &Metrics) -> Keeper {
        let record =
            |name, help| Record { counts: metrics.outcomes(name, help), in_a_row: 0, not_before: None };
        let records = [
            record("registry_looks", "Looks at what has changed in the registry"),
            record("seals", "Epochs that this server was to seal"),
            record("housekeepings", "Rounds of erasing what has to go"),
            record("publications", "Changes of the published folder"),
        ];
        let inner = Inner {
            records,
            published: None,
            note: None,
            behind: false,
            looked: false,
            sealed: None,
            next_housekeeping: None,
        };
        let epoch = metrics.gauge("epoch", "The newest published epoch");
        Keeper { seal_every, epoch, inner: Mutex::new(inner) }
    }

    /// The newest published note.
    pub(super) fn latest(&self) -> Option<Document> {
        self.inner().note.clone()
    }

    /// What `/readyz` tells.
    pub(super) fn standing(&self) -> Standing {
        let inner = self.inner();
        let mut wrong: Vec<&str> = Duty::ALL
            .iter()
            .zip(&inner.records)
            .filter(|(_, r)| r.in_a_row > 0)
            .map(|(d, _)| d.words())
            .collect();
        // Later on the folder is behind for moments, and what it shows is whole.
        let at_first = !inner.looked || (inner.behind && inner.published.is_none());
        if wrong.is_empty() && at_first {
            wrong.push("bringing the published folder up to date");
        }
        Standing { epoch: inner.published.map(|revision| revision.epoch), wrong }
    }

    /// Works until it is told to stop; what is under way is brought to its end.
    pub(super) async fn keep(service: Arc<Service>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            service.keeper.round(&service).await;
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// One look at everything.
    pub(super) async fn round(&self, service: &Service) {
        let Some(mut revision) = self.look(service).await else { return };
        if self.seal_is_due() {
            let sealed = self
                .attempt(Duty::Seal, service, |authority| async move {
                    authority.seal(http::now(), PlaceOrder::Random, &mut OsRng).await
                })
                .await;
            if let Some(epoch) = sealed {
                tracing::info!(epoch = epoch.statement.epoch, erased = epoch.erased, "sealed");
                self.inner().next_housekeeping = None;
                match self.look(service).await {
                    Some(newer) => revision = newer,
                    None => return,
                }
            }
        }
        if self.inner().next_housekeeping.is_none_or(|at| at <= Instant::now()) {
            let kept = self
                .attempt(Duty::Housekeeping, service, |authority| async move {
                    authority.housekeeping(http::now()).await
                })
                .await;
            if kept.is_some() {
                self.inner().next_housekeeping = Some(Instant::now() + HOUSEKEEPING);
            }
        }
        if self.inner().behind {
            self.publish(service, revision).await;
        }
    }

    async fn look(&self, service: &Service) -> Option<Revision> {
        let known = self.inner().sealed;
        let look = move |authority: Arc<Authority>| async move {
            let revision = authority.revision().await?;
            let sealed = match known {
                Some((epoch, _)) if epoch == revision.epoch => known,
                _ if revision.epoch == 0 => None,
                _ => Some((revision.epoch, authority.epoch(Some(revision.epoch)).await?.statement.sealed_at)),
            };
            Ok((revision, sealed))
        };
        let (revision, sealed) = self.attempt(Duty::Look, service, look).await?;
        let mut inner = self.inner();
        (inner.looked, inner.sealed) = (true, sealed);
        // Before the first epoch there is nothing to publish.
        inner.behind = revision.epoch > 0 && inner.published != Some(revision);
        Some(revision)
    }

    /// Restarts keep the schedule: it counts from the newest epoch, whoever sealed it.
    fn seal_is_due(&self) -> bool {
        let due = |(_, sealed_at): (u64, Timestamp)| sealed_at.plus(self.seal_every) <= http::now();
        self.seal_every > 0 && self.inner().sealed.is_none_or(due)
    }

    async fn publish(&self, service: &Service, revision: Revision) {
        let same_epoch = self.inner().published.is_some_and(|before| before.epoch == revision.epoch);
        let folder = service.published.clone();
        let published = self
            .attempt(Duty::Publish, service, move |authority| async move {
                if same_epoch {
                    // Only the directory has changed: no tree for that.
                    authority.publish_directory(&folder).await?;
                    return Ok((revision.epoch, None));
                }
                let published = authority.publish(&folder).await?;
                let note = authority.epoch(Some(published.epoch)).await?.note;
                Ok((published.epoch, Some(Document::new(note.into_bytes()))))
            })
            .await;
        let Some((epoch, note)) = published else { return };
        tracing::info!(epoch, "published");
        self.epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
        let mut inner = self.inner();
        // An epoch that came after the look is in the folder; the next look sees to the rest.
        inner.published = Some(Revision { epoch, ..revision });
        inner.behind = epoch != revision.epoch;
        if note.is_some() {
            inner.note = note;
        }
    }

    /// Does a duty beside the threads that answer requests, unless it rests after a failure.
    async fn attempt<T, F, Work>(&self, duty: Duty, service: &Service, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Authority>) -> Work + Send + 'static,
        Work: Future<Output = Result<T, RegistryError>>,
    {
        if self.record(duty, |record| record.not_before).is_some_and(|at| Instant::now() < at) {
            return None;
        }
        let (authority, runtime) = (service.authority.clone(), Handle::current());
        let cause = match tokio::task::spawn_blocking(move || runtime.block_on(work(authority))).await {
            Ok(Ok(done)) => {
                self.record(duty, |record| {
                    record.counts.count("done");
                    record.in_a_row = 0;
                    record.not_before = None;
                });
                return Some(done);
            }
            Ok(Err(e)) => e.to_string(),
            Err(e) => e.to_string(),
        };
        let rest = self.record(duty, |record| {
            record.counts.count("failed");
            let rest = FIRST_REST.saturating_mul(1 << record.in_a_row.min(6)).min(LONGEST_REST);
            record.in_a_row = record.in_a_row.saturating_add(1);
            record.not_before = Some(Instant::now() + rest);
            rest
        });
        tracing::error!(duty = duty.words(), cause, again_in_seconds = rest.as_secs(), "failed");
        None
    }

    fn record<T>(&self, duty: Duty, look: impl FnOnce(&mut Record) -> T) -> T {
        let mut inner = self.inner();
        let [first, second, third, fourth] = &mut inner.records;
        look(match duty {
            Duty::Look => first,
            Duty::Seal => second,
            Duty::Housekeeping => third,
            Duty::Publish => fourth,
        })
    }

    /// What stands in it is whole after every step, so a panic elsewhere has damaged nothing.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
