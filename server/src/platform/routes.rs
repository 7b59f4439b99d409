//! The platform's routes, as contract §8 has them.

use super::counts::Counts;
use super::described::{AnswerDoc, RequestDoc, WantedDoc};
use super::desk::{Asked, Desk, DeskError, Form, Outcome};
use super::epochs::Follower;
use super::health::{__path_healthz, __path_readyz, healthz, readyz};
use super::store::PlatformStore;
use super::waiting::MAX_WAIT;
use crate::http::openapi::one_of;
use crate::http::{Bearer, NOT_JSON, Patience, Problem, ProblemDocument, Received, now};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rand::rngs::OsRng;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::openapi::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema, openapi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::json;
use veilpass_verifier::{Malformed, Misconfigured, VerifyError};

/// Media type of a signed request.
const SIGNED_REQUEST: &str = "application/oauth-authz-req+jwt";

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Asks and takes answers.
    pub desk: Arc<Desk>,
    /// Follows the epochs.
    pub epochs: Arc<Follower>,
    /// Remembers.
    pub store: PlatformStore,
    /// Counts.
    pub counts: Counts,
}

/// What describes all routes together.
#[derive(OpenApi)]
#[openapi(
    info(title = "Veilpass platform", description = "Requests, presentations and results (contract §8)."),
    servers((url = "/", description = "The platform that serves this description")),
    tags(
        (name = "platform", description = "The platform's own program, with its tokens"),
        (name = "wallets", description = "Wallets; open to pages of other origins"),
        (name = "server", description = "How the server is"),
    ),
    modifiers(&Tokens)
)]
struct Description;

/// The two bearer tokens.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut openapi::OpenApi) {
        let parts = api.components.get_or_insert_default();
        for name in ["platform_token", "result_token"] {
            let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            parts.add_security_scheme(name, bearer);
        }
    }
}

/// What pages of other origins may call: the routes of wallets. `POST /v1/requests` and the result take
/// tokens of the platform's own program (ADR 16).
pub fn pages(route: &str) -> Option<&'static str> {
    match route {
        "/v1/requests/{id}" => Some("GET, HEAD"),
        "/v1/requests/{id}/presentation" => Some("POST"),
        _ => None,
    }
}

/// Every route, with its description.
pub fn routes(shared: Shared) -> OpenApiRouter {
    described().with_state(shared)
}

/// What `/openapi.json` says of a platform.
pub fn description() -> String {
    json::to_string(&described().into_openapi())
}

fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(ask))
        .routes(routes!(signed_request))
        .routes(routes!(present))
        .routes(routes!(result))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}

impl From<DeskError> for Problem {
    fn from(e: DeskError) -> Problem {
        match e {
            DeskError::Refused(e) => Problem::new(e.code(), detail(&e)).with_blame(e.blame().as_str()),
            DeskError::NotFound => Problem::not_found(),
            DeskError::Unauthorised => Problem::unauthorised(),
            DeskError::Busy => Problem::unavailable("too many presentations at one time"),
            DeskError::Store(e) => {
                tracing::error!("store: {e}");
                Problem::unavailable("the platform's store failed")
            }
            DeskError::Internal(e) => {
                tracing::error!("{e}");
                Problem::unavailable("the platform failed")
            }
        }
    }
}

/// Longest text of a reader that is passed on.
const LONGEST_DETAIL: usize = 400;

/// Readers quote what they stumble over, and a presentation holds a pseudonym: nothing of it goes back.
fn detail(e: &VerifyError) -> String {
    match e {
        VerifyError::Malformed(Malformed::Presentation(_)) if e.code() == "presentation_syntax" => {
            "not a presentation in one of its two forms".into()
        }
        VerifyError::Misconfigured(Misconfigured::RequestSyntax(_)) => {
            e.to_string().chars().take(LONGEST_DETAIL).collect()
        }
        _ => e.to_string(),
    }
}

/// Whoever has the platform token; asked for before the body is read.
struct Platform;

impl FromRequestParts<Shared> for Platform {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Platform, Problem> {
        let Bearer(token) = Bearer::from_request_parts(parts, shared).await?;
        let known = shared.desk.is_token(&token).await?;
        if known { Ok(Platform) } else { Err(Problem::unauthorised()) }
    }
}

/// The id in a path: 32 hex digits, or nothing is there.
struct RequestId(String);

impl FromRequestParts<Shared> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<RequestId, Problem> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, shared).await;
        let Path(id) = path.map_err(|_| Problem::not_found())?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let good = id.len() == 32 && id.bytes().all(hex);
        if good { Ok(RequestId(id)) } else { Err(Problem::not_found()) }
    }
}

/// A JSON document that nobody keeps.
pub fn document<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut response = (status, json::to_string(value)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A new request.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestMade)]
struct NewRequestMade<'a> {
    /// Names it in the other routes.
    id: &'a str,
    /// Reads its result; shown this once.
    result_token: &'a str,
    /// Give this address to the wallet.
    request_uri: &'a str,
    /// The request itself.
    #[schema(value_type = RequestDoc)]
    request: Box<RawValue>,
}

/// Ask for a presentation
#[utoipa::path(
    post,
    path = "/v1/requests",
    tag = "platform",
    request_body(content = WantedDoc, content_type = "application/json"),
    security(("platform_token" = [])),
    responses(
        (status = 201, description = "The request was made", body = NewRequestMade<'static>),
        (status = 400, description = "`request_syntax`, `request_policy`; `detail` names the member and what it takes", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn ask(State(shared): State<Shared>, _: Platform, received: Received) -> Result<Response, Problem> {
    // Both are the caller's to mend, and asking again unchanged does not help: 400, whatever their class.
    let wrong = |e: DeskError| Problem::from(e).at_caller();
    if received.media_type != "application/json" {
        return Err(wrong(DeskError::syntax(NOT_JSON)));
    }
    let wanted = Desk::wanted(&received.bytes).map_err(wrong)?;
    let asked = shared.desk.ask(wanted, now(), &mut OsRng).await.map_err(wrong)?;
    let Asked { id, result_token, request_uri, request } = asked;
    let request = RawValue::from_string(request.to_json()).map_err(|e| DeskError::Internal(e.to_string()))?;
    let made = NewRequestMade { id: &id, result_token: &result_token, request_uri: &request_uri, request };
    shared.counts.asked.count();
    Ok(document(StatusCode::CREATED, &made))
}

/// The signed request, for wallets
#[utoipa::path(
    get,
    path = "/v1/requests/{id}",
    tag = "wallets",
    params(("id" = String, Path, description = "32 hex digits")),
    responses(
        (status = 200, description = "A compact JWS", body = String, content_type = "application/oauth-authz-req+jwt"),
        (status = 404, description = "`not_found`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "`request_expired`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn signed_request(State(shared): State<Shared>, RequestId(id): RequestId) -> Result<Response, Problem> {
    let mut response = shared.desk.signed(&id, now()).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SIGNED_REQUEST));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// An answer was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = Received, example = json!({"received": true}))]
struct Taken {
    /// Always true.
    received: bool,
}

/// Answer a request: a presentation as JSON or as 201 bytes, or `{"v":1,"declined":true}`
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/presentation",
    tag = "wallets",
    params(("id" = String, Path, description = "32 hex digits")),
    request_body(content(
        (AnswerDoc = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "Accepted, or the decline is noted", body = Taken),
        (status = 400, description = "malformed: `presentation_syntax`, `version_unsupported`, `not_canonical`, `proof_point`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "`circuit_unknown`, `epoch_unknown`, `epoch_replaced`, `pseudonym_spent`, `proof_invalid`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "`request_replayed`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "`request_expired`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "misconfigured, or `unavailable`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn present(
    State(shared): State<Shared>,
    RequestId(id): RequestId,
    received: Received,
) -> Result<Response, Problem> {
    let form = match received.media_type.as_str() {
        "application/json" => Form::Json,
        "application/octet-stream" => Form::Binary,
        _ => Form::Other,
    };
    match shared.desk.receive(&id, form, &received.bytes, now()).await {
        Ok(received) => {
            shared.counts.answers.count(received.as_str());
            Ok(document(StatusCode::OK, &Taken { received: true }))
        }
        Err(e) => {
            let problem = Problem::from(e);
            shared.counts.answers.count(problem.code());
            Err(problem)
        }
    }
}

fn states() -> Schema {
    one_of("What became of the request", ["pending", "accepted", "refused", "declined", "expired"])
}

/// What became of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = Result, example = json!({"state": "accepted",
    "pseudonym": "0a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff"}))]
struct Told {
    #[schema(schema_with = states)]
    state: &'static str,
    /// Of an accepted one: 64 hex digits
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pseudonym: Option<String>,
    /// Of a refused one: why the fifth try was refused
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
}

/// What became of a request
///
/// With `wait` the answer comes as soon as the state is no longer `pending`, or after so many seconds.
#[utoipa::path(
    get,
    path = "/v1/requests/{id}/result",
    tag = "platform",
    params(
        ("id" = String, Path, description = "32 hex digits"),
        ("wait" = Option<u64>, Query, description = "Seconds to wait while it is pending", minimum = 0, maximum = 30, example = 30),
    ),
    security(("result_token" = [])),
    responses(
        (status = 200, description = "The outcome so far", body = Told),
        (status = 400, description = "`request_syntax`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorised`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`, also when too many clients wait", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn result(
    State(shared): State<Shared>,
    RequestId(id): RequestId,
    Bearer(token): Bearer,
    patience: Patience,
    uri: Uri,
) -> Result<Response, Problem> {
    let wait = wait(uri.query())?;
    let mut outcome = shared.desk.outcome(&id, &token, now()).await?;
    if matches!(outcome, Outcome::Pending(_)) && !wait.is_zero() {
        // Whoever comes so far has the token of a pending request.
        let place = shared.desk.waiting().join(&id).ok_or_else(too_many_wait)?;
        patience.extend(wait);
        let until = Instant::now() + wait;
        loop {
            let change = place.watch();
            outcome = shared.desk.outcome(&id, &token, now()).await?;
            let Outcome::Pending(expires_at) = outcome else { break };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || place.is_closed() {
                break;
            }
            let expires_in = expires_at.seconds().saturating_sub(now().seconds()).max(1);
            place.wait(change, left.min(Duration::from_secs(expires_in))).await;
        }
    }
    let (state, pseudonym, code) = match outcome {
        Outcome::Pending(_) => ("pending", None, None),
        Outcome::Accepted(pseudonym) => ("accepted", Some(to_hex(&pseudonym)), None),
        Outcome::Refused(code) => ("refused", None, Some(code)),
        Outcome::Declined => ("declined", None, None),
        Outcome::Expired => ("expired", None, None),
    };
    Ok(document(StatusCode::OK, &Told { state, pseudonym, code }))
}

fn too_many_wait() -> Problem {
    let what = "too many programs wait for results; ask again in a few seconds, or without `wait`";
    Problem::new("rate_limited", what).retry_after(5)
}

/// The query of a result: `wait=30`, or nothing.
fn wait(query: Option<&str>) -> Result<Duration, Problem> {
    let wrong = || {
        let what = format!("a result takes one parameter: `wait`, a number of seconds from 0 to {MAX_WAIT}");
        Problem::malformed(what)
    };
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(Duration::ZERO) };
    let digits =
        query.strip_prefix("wait=").filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    let seconds = digits.and_then(|digits| digits.parse().ok()).filter(|seconds| *seconds <= MAX_WAIT);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}
