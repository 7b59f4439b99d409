//! Whether the platform runs, and whether it can judge presentations.

use super::routes::{Shared, document};
use crate::http::{ProblemCode, now};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use veilpass_protocol::day::Timestamp;
use veilpass_verifier::EpochsError;

/// Whether it runs.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    /// Always true.
    ok: bool,
}

/// Whether it runs at all
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "It runs", body = inline(Alive))))]
pub async fn healthz() -> Response {
    document(StatusCode::OK, &Alive { ok: true })
}

/// Whether presentations can be judged.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Whether it is.
    ready: bool,
    /// Why not: what presentations are refused with, or `epochs_conflict` if the authority was caught.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// Pairs of notes kept that the authority signed and that contradict each other; 0 is good.
    contradictions: usize,
    /// Number of the newest epoch in use.
    epoch: Option<u64>,
    /// When that was sealed.
    #[schema(value_type = Option<String>)]
    sealed_at: Option<Timestamp>,
    /// When the newest epoch was asked for last.
    #[schema(value_type = Option<String>)]
    epochs_read_at: Option<Timestamp>,
    /// When that last went well.
    #[schema(value_type = Option<String>)]
    epochs_succeeded_at: Option<Timestamp>,
    /// What was wrong the last time, although older epochs may still be in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    epochs_problem: Option<&'static str>,
}

/// What an operator is told whose platform holds evidence.
const CAUGHT: &str = "the authority has signed notes that contradict each other; the evidence is in the \
                      database: publish it, and decide whether to go on with this authority";

/// Whether it can judge presentations now
///
/// Not while it holds evidence against the authority either: presentations are still judged then, but a
/// person has to look.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    responses(
        (status = 200, description = "It can", body = inline(Readiness)),
        (status = 503, description = "It cannot; `code` says why", body = inline(Readiness)),
    )
)]
pub async fn readyz(State(shared): State<Shared>) -> Response {
    let usable = shared.epochs.usable(now());
    // Both: a store that takes changes may have lost what it should know.
    let stored = shared.store.probe().await.is_ok() && shared.store.saved_epochs().await.is_ok();
    let following = shared.epochs.following();
    let contradictions = following.epochs.equivocations().len();
    let (code, detail) = match (&usable, stored) {
        (_, false) => (Some("unavailable"), Some("the database cannot be read or written".to_owned())),
        (Err(e), true) => (Some(EpochsError::code(e)), Some(e.to_string())),
        (Ok(_), true) if contradictions > 0 => (Some("epochs_conflict"), Some(CAUGHT.to_owned())),
        (Ok(_), true) => (None, None),
    };
    let newest = following.epochs.newest();
    let status = if code.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Readiness {
        ready: code.is_none(),
        code,
        detail,
        contradictions,
        epoch: newest.map(|newest| newest.epoch),
        sealed_at: newest.map(|newest| newest.sealed_at),
        epochs_read_at: following.read_at,
        epochs_succeeded_at: following.succeeded_at,
        epochs_problem: following.problem.as_ref().map(|problem| problem.code()),
    };
    let mut response = document(status, &readiness);
    if let Some(code) = code {
        // It says its code in a form of its own, which is to stay; the log gets the code.
        response.extensions_mut().insert(ProblemCode(code));
    }
    response
}
