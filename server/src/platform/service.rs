//! `platform serve`: a platform's requests over HTTP, with its own store, following the epochs of one
//! authority.

use super::counts::Counts;
use super::desk::{Desk, DeskSettings};
use super::epochs::{FollowError, Follower};
use super::in_test::as_test;
use super::routes::{Shared, pages, routes};
use super::store::PlatformStore;
use super::{DEFAULT_TTL, PlatformKeys};
use crate::error::RegistryError;
use crate::http::openapi::docs;
use crate::http::{self, ServeError, Server, now};
use crate::published::Published;
use crate::store::StoreError;
use rand::Rng;
use rand::rngs::OsRng;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use utoipa_axum::router::OpenApiRouter;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::scope::Host;
use veilpass_verifier::{KeyError, Policy, Verifier, VerifyingKey};

/// Seconds between two readings of the newest epoch, where nothing else is said. Readings are regular whatever people
/// do, and so frequent that an answer can wait for the next one.
pub const EPOCHS_EVERY: u64 = 10;
/// Longest life of a request. Its `valid_on` is accepted for a day at most.
const MAX_TTL: u64 = 24 * 3600;
/// Longest time between two readings: a platform that learns of an epoch late accepts who was removed.
const MAX_EPOCHS_EVERY: u64 = 3600;
/// How long the start waits for the first epoch.
const FIRST_READING: Duration = Duration::from_secs(10);
/// Seconds between two looks at what may be forgotten.
const HOUSEKEEPING_EVERY: u64 = 60;
/// Clients that may wait for an outcome at one time.
const MAX_WAITING: usize = 1024;
pub(super) const DATABASE: &str = "platform.db";

/// How a platform serves.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// The folder that `platform keygen` made; the database lies in it.
    pub folder: PathBuf,
    /// Who asks: the host that wallets see.
    pub host: Host,
    /// How it listens.
    pub http: http::Settings,
    /// The authority whose epochs count.
    pub authority: AuthorityKey,
    /// Where they are read.
    pub epochs: Published,
    /// How often, in seconds.
    pub epochs_every: u64,
    /// The verifying key file.
    pub verifying_key: Vec<u8>,
    /// Grace, greatest age, floor, DEV keys.
    pub policy: Policy,
    /// Seconds until a request expires.
    pub ttl: u64,
}

impl PlatformSettings {
    /// These, with the protocol's own bounds and the defaults of everything else.
    pub fn new(
        folder: PathBuf,
        host: Host,
        http: http::Settings,
        authority: AuthorityKey,
        epochs: Published,
        verifying_key: Vec<u8>,
    ) -> PlatformSettings {
        PlatformSettings {
            folder,
            host,
            http,
            authority,
            epochs,
            epochs_every: EPOCHS_EVERY,
            verifying_key,
            policy: Policy::default(),
            ttl: DEFAULT_TTL,
        }
    }
}

/// Why a platform's service does not start, or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformServiceError {
    /// A setting that cannot be.
    #[error("{0}")]
    Setting(&'static str),
    /// The folder or the keys in it.
    #[error(transparent)]
    Folder(#[from] RegistryError),
    /// The verifying key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The epochs that were saved, for instance under another authority's key.
    #[error("saved epochs: {0}")]
    Epochs(FollowError),
    /// The address.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl PlatformServiceError {
    /// The code of contract §7, where there is one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            PlatformServiceError::Key(e) => Some(e.code()),
            PlatformServiceError::Epochs(e) => Some(e.code()),
            PlatformServiceError::Folder(e) => e.code(),
            PlatformServiceError::Store(_) | PlatformServiceError::Serve(_) => Some("unavailable"),
            PlatformServiceError::Setting(_) => None,
        }
    }
}

/// A platform that listens already; requests wait until it runs.
pub struct PlatformService {
    server: Server,
    shared: Shared,
    epochs_every: u64,
    /// The routes that test mode adds.
    test: Option<OpenApiRouter>,
}

impl fmt::Debug for PlatformService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlatformService({})", self.address())
    }
}

impl PlatformService {
    /// Opens folder and store, checks the key, takes up the epochs of the last time, and listens.
    pub async fn bind(settings: PlatformSettings) -> Result<PlatformService, PlatformServiceError> {
        if !(1..=MAX_TTL).contains(&settings.ttl) {
            return Err(PlatformServiceError::Setting("requests expire after 1 second to 24 hours"));
        }
        if !(1..=MAX_EPOCHS_EVERY).contains(&settings.epochs_every) {
            return Err(PlatformServiceError::Setting("epochs are read every second to every hour"));
        }
        let key = VerifyingKey::from_bytes(&settings.verifying_key)?;
        let circuit = key.circuit_id();
        let verifier = Verifier::new(settings.policy).with_verifying_key(key)?;
        let keys = PlatformKeys::open(&settings.folder)?;
        let store = PlatformStore::open(&settings.folder.join(DATABASE)).await?;
        let epochs = Follower::restore(store.clone(), settings.epochs, settings.authority, settings.policy);
        let epochs = Arc::new(epochs.await.map_err(PlatformServiceError::Epochs)?);
        let tls = settings.http.tls.is_some();
        let server = Server::bind(settings.http).await?.with_pages(pages);
        let base = base(&settings.host, tls, server.address());
        // Who waits keeps a connection; three quarters of them stay for everybody else.
        let waiting = (server.connections() / 4).clamp(1, MAX_WAITING);
        let desk = DeskSettings { host: settings.host, base, circuit, ttl: settings.ttl, waiting };
        let desk = Arc::new(Desk::new(desk, keys, verifier, store.clone(), Arc::clone(&epochs)));
        let counts = Counts::new(&server.metrics());
        let shared = Shared { desk, epochs, store, counts };
        Ok(PlatformService { server, shared, epochs_every: settings.epochs_every, test: None })
    }

    /// Test mode: adds these routes and marks every answer ([`http::mark`]). Nothing else of the platform
    /// changes.
    pub fn with_test(self, routes: OpenApiRouter) -> PlatformService {
        PlatformService { server: self.server.with_outermost(http::mark), test: Some(routes), ..self }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where it gives its metrics, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.server.metrics_address()
    }

    /// Serves until `shutdown` is ready. The epochs are read once before the first request is taken;
    /// where that fails, presentations are refused by code until a later reading succeeds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), PlatformServiceError> {
        tokio::pin!(shutdown);
        let PlatformService { server, shared, epochs_every, test } = self;
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            first = timeout(FIRST_READING, read(&shared)) => if first.is_err() {
                tracing::warn!("the newest epoch could not be read yet");
            }
        }
        let mut background = JoinSet::new();
        background.spawn(follow(shared.clone(), epochs_every));
        background.spawn(keep_house(shared.store.clone()));
        let store = shared.store.clone();
        let desk = Arc::clone(&shared.desk);
        let shutdown = async {
            shutdown.await;
            desk.waiting().close();
        };
        let routes = match test {
            Some(test) => as_test(routes(shared).merge(test)),
            None => routes(shared),
        };
        let (router, description) = routes.split_for_parts();
        let served = server.run(router.merge(docs(description)), shutdown).await;
        background.shutdown().await;
        store.close().await;
        Ok(served?)
    }
}

/// Where wallets reach the platform: https on its host, and on loopback names, which mean this machine,
/// the port that it listens on (contract §5).
fn base(host: &Host, tls: bool, listens: SocketAddr) -> String {
    match (host.is_loopback(), tls) {
        (false, _) => format!("https://{host}"),
        (true, true) => format!("https://{host}:{}", listens.port()),
        (true, false) => format!("http://{host}:{}", listens.port()),
    }
}

/// Reads the newest epoch for ever, somewhat irregularly: platforms do not all come at one moment.
async fn follow(shared: Shared, every: u64) {
    loop {
        let milliseconds = every.saturating_mul(1000);
        let jitter = OsRng.gen_range(0..=milliseconds / 5);
        sleep(Duration::from_millis(milliseconds - milliseconds / 10 + jitter)).await;
        read(&shared).await;
    }
}

/// One reading of the newest epoch. The follower logs what fails, and `/readyz` tells it.
async fn read(shared: &Shared) {
    let outcome = shared.epochs.read(now()).await;
    shared.counts.read(&outcome, &shared.epochs);
}

async fn keep_house(store: PlatformStore) {
    loop {
        if let Err(e) = store.housekeeping(now()).await {
            tracing::warn!("what is over could not be forgotten: {e}");
        }
        sleep(Duration::from_secs(HOUSEKEEPING_EVERY)).await;
    }
}
