//! Checks proofs with as many workers as there are processors. A worker that becomes free takes all presentations
//! that wait, up to [`BATCH`], and checks them together: alone, a presentation is checked at once; under load, each
//! costs less.

use rand::rngs::OsRng;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;
use veilpass_verifier::{Screened, VerifiedPresentation, VerifyError};

/// Most presentations in one batch. A larger one costs little less for each, and the first waits for the last.
const BATCH: usize = 128;
/// Presentations that wait for a worker; one more waits for a place.
const WAITING: usize = 256;
/// How long a presentation waits for a place before it is turned away, uncounted.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

type Verdict = Result<VerifiedPresentation, VerifyError>;

struct Job {
    screened: Screened,
    verdict: oneshot::Sender<Verdict>,
}

/// The queue in front of the workers. They end when it is dropped.
#[derive(Debug, Clone)]
pub struct Checker {
    queue: mpsc::Sender<Job>,
}

/// A place in the queue.
pub struct Place(OwnedPermit<Job>);

impl Checker {
    /// Starts the workers; needs a running tokio runtime.
    pub fn start() -> Checker {
        let (queue, jobs) = mpsc::channel(WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            tokio::spawn(work(Arc::clone(&jobs)));
        }
        Checker { queue }
    }

    /// A place in the queue; `None` if none becomes free for five seconds.
    pub async fn place(&self) -> Option<Place> {
        timeout(LONGEST_WAIT, self.queue.clone().reserve_owned()).await.ok()?.ok().map(Place)
    }
}

impl Place {
    /// The verdict that [`Screened::check_proof`] has. `None` if the check panicked.
    pub async fn check(self, screened: Screened) -> Option<Verdict> {
        let (verdict, checked) = oneshot::channel();
        self.0.send(Job { screened, verdict });
        checked.await.ok()
    }
}

async fn work(jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let mut batch = Vec::new();
        if jobs.lock().await.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let (screened, verdicts): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|job: Job| (job.screened, job.verdict)).unzip();
        let checked = tokio::task::spawn_blocking(move || Screened::check_all(screened, &mut OsRng)).await;
        // A check that panicked has no outcomes: the senders are dropped, and each place says `None`.
        for (verdict, outcome) in verdicts.into_iter().zip(checked.into_iter().flatten()) {
            // Nobody waits any more if the server is ending.
            let _ = verdict.send(outcome);
        }
    }
}
