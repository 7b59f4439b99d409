//! Whether the process lives, and whether it does its work.

use super::Service;
use super::openapi::PlainRefusals;
use crate::http::Problem;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Healthy {
    /// Always true: who cannot answer, does not.
    ok: bool,
}

#[derive(Serialize, ToSchema)]
struct Ready {
    /// Always true; a server that is not ready answers `unavailable` and says why.
    ready: bool,
    /// The newest published epoch, none before the first.
    epoch: Option<u64>,
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/healthz", tag = "server",
    responses((status = 200, description = "It does", body = Healthy), PlainRefusals)
)]
pub(super) async fn healthz() -> Response {
    json(&Healthy { ok: true })
}

/// Whether it does its work
///
/// Not while a duty fails (sealing, publishing, housekeeping, reading the registry), while changes do not
/// reach the disk, or before the published folder is up to date.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses((status = 200, description = "It does", body = Ready), PlainRefusals)
)]
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let mut standing = service.keeper.standing();
    if let Err(e) = service.authority.store().probe().await {
        tracing::error!(cause = %e, "the registry takes no changes");
        standing.wrong.push("writing to the registry");
    }
    if standing.wrong.is_empty() {
        return Ok(json(&Ready { ready: true, epoch: standing.epoch }));
    }
    Err(Problem::unavailable(format!("not ready: {}", standing.wrong.join(", "))))
}

fn json<T: Serialize>(value: &T) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, veilpass_protocol::json::to_string(value)).into_response()
}
