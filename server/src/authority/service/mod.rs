//! `authority serve`: the registry over HTTP (contract §8), and what it does by itself.
//!
//! Handlers read a body, ask the registry, and write the answer; the rules are the registry's.

mod bodies;
mod health;
mod holder;
mod keeper;
mod names;
mod openapi;
mod published;
mod registrar;
pub(crate) mod reread;

use super::Authority;
use crate::error::{Blame, RegistryError};
use crate::http::{self, Problem, ServeError, Server};
use axum::Router;
use keeper::Keeper;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The published folder of a serving authority, in its own.
pub const PUBLISHED: &str = "published";

/// How long a stop waits for the database.
const CLOSING: Duration = Duration::from_secs(5);

/// What `authority serve` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritySettings {
    /// The authority's folder.
    pub folder: PathBuf,
    /// How it listens.
    pub http: http::Settings,
    /// Seconds from one epoch to the next; 0 seals only on demand (`authority seal`).
    pub seal_every: u64,
}

/// Why the service did not start or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityServiceError {
    /// The authority's folder.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The network.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// An authority that listens already; requests wait until it runs.
pub struct AuthorityService {
    server: Server,
    service: Arc<Service>,
}

impl AuthorityService {
    /// Opens the folder, holds its rows against what was signed and published, brings what it publishes up
    /// to date, and listens.
    pub async fn bind(settings: AuthoritySettings) -> Result<AuthorityService, AuthorityServiceError> {
        let authority = Authority::open(&settings.folder).await?.with_seal_interval(settings.seal_every);
        authority.check().await?;
        let server = Server::bind(settings.http).await?.with_pages(pages);
        let service = Arc::new(Service {
            authority: Arc::new(authority),
            published: settings.folder.join(PUBLISHED),
            keeper: Keeper::new(settings.seal_every, &server.metrics()),
        });
        // A first wallet asks for the key before there is an epoch.
        service.authority.publish_key(&service.published).await?;
        // Whoever is told that it listens finds the newest epoch. What fails here is tried again by the
        // keeper, and shows in `/readyz`.
        service.keeper.round(&service).await;
        Ok(AuthorityService { server, service })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where it gives its metrics, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.server.metrics_address()
    }

    /// Serves until `shutdown` is ready; then requests under way, and a seal under way, come to their end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), AuthorityServiceError> {
        let (stop, stopped) = watch::channel(false);
        let keeper = tokio::spawn(Keeper::keep(self.service.clone(), stopped));
        let store = self.service.authority.store().clone();
        let served = self.server.run(router(self.service), shutdown).await;
        stop.send_replace(true);
        keeper.await.map_err(|e| RegistryError::Internal(e.to_string()))?;
        // The log is merged into the database file. A handler that was cut off may still hold a
        // connection; then the next start does it.
        if tokio::time::timeout(CLOSING, store.close()).await.is_err() {
            tracing::warn!("the database was still in use");
        }
        Ok(served?)
    }
}

/// What handlers and keeper share.
struct Service {
    authority: Arc<Authority>,
    published: PathBuf,
    keeper: Keeper,
}

/// What pages of other origins may call: what is published.
fn pages(route: &str) -> Option<&'static str> {
    (route.starts_with("/v1/published/") || route == "/v1/epochs/latest").then_some("GET, HEAD")
}

/// All routes. Each comes with its description, so that none can be without; what describes them and
/// shows the description (`/openapi.json`, `/docs/`) stands beside.
fn router(service: Arc<Service>) -> Router {
    let (router, description) = described().with_state(service).split_for_parts();
    router.merge(http::openapi::docs(description))
}

/// What `/openapi.json` says of an authority.
pub fn description() -> String {
    veilpass_protocol::json::to_string(&described().into_openapi())
}

fn described() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(registrar::file_application))
        .routes(routes!(registrar::confirm))
        .routes(routes!(registrar::remove))
        .routes(routes!(holder::enrol))
        .routes(routes!(holder::withdraw))
        .routes(routes!(published::vkey))
        .routes(routes!(published::epochs))
        .routes(routes!(published::tiles))
        .routes(routes!(published::circuits))
        .routes(routes!(published::hosts))
        .routes(routes!(published::platforms))
        .routes(routes!(published::latest))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
}

/// Something that should have worked: it is told in the log, and as `unavailable` to the client.
struct Failure;

impl Failure {
    fn new(what: &'static str, cause: &dyn fmt::Display) -> Failure {
        tracing::error!(what, cause = %cause, "failed");
        Failure
    }
}

impl From<Failure> for Problem {
    fn from(_: Failure) -> Problem {
        Problem::unavailable("this cannot be done at the moment")
    }
}

/// A refusal has its code; whatever else the registry says is no client's business.
fn refusal(e: RegistryError) -> Problem {
    match (e.blame(), e.code()) {
        (Blame::Refused, Some(code)) => Problem::new(code, e.to_string()),
        _ => Failure::new("the registry", &e).into(),
    }
}
