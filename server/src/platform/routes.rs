//! The platform's routes, as contract §8 has them.

use super::counts::Counts;
use super::desk::{Asked, Desk, DeskError, Form, Outcome, same};
use super::epochs::Follower;
use super::health::{__path_healthz, __path_readyz, healthz, readyz};
use super::store::PlatformStore;
use crate::http::{Bearer, Problem, ProblemDocument, Received, now};
use crate::token;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rand::rngs::OsRng;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
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

/// Every route, with its description.
pub fn routes(shared: Shared) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(ask))
        .routes(routes!(signed_request))
        .routes(routes!(present))
        .routes(routes!(result))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .with_state(shared)
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
const LONGEST_DETAIL: usize = 200;

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
        let known = same(&token::hash(&token), shared.desk.token_hash());
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

/// What is asked. Only `predicates` is required.
#[derive(ToSchema)]
#[schema(as = NewRequest)]
#[allow(dead_code)] // the description of `desk::Wanted`
struct WantedDoc {
    /// `valid` (true) and any of `age`, `sex`, `documents`, `nationality`, `province`,
    /// `enrolled_on_or_before`, `generation_at_most`
    #[schema(value_type = Object, example = json!({"valid": true, "age": {"at_least": 18}}))]
    predicates: (),
    /// `none` (two visits do not meet), `tokens` (n pseudonyms a period) or `account` (one that lasts)
    #[schema(default = "none")]
    link: Option<String>,
    /// The platform's own subdivision, part of the pseudonym's scope
    context: Option<String>,
    /// Period of `tokens`
    period: Option<u64>,
    /// Pseudonyms a period, of `tokens`
    slots: Option<u32>,
    /// A pseudonym is accepted one time in its scope (`tokens` and `none` imply it)
    once: Option<bool>,
}

/// A new request.
#[derive(Serialize, ToSchema)]
struct NewRequestMade<'a> {
    /// Names it in the other routes.
    id: &'a str,
    /// Reads its result; shown this once.
    result_token: &'a str,
    /// Give this address to the wallet.
    request_uri: &'a str,
    /// The request itself.
    #[schema(value_type = Object)]
    request: Box<RawValue>,
}

/// Ask for a presentation
#[utoipa::path(
    post,
    path = "/v1/requests",
    request_body(content = inline(WantedDoc), content_type = "application/json"),
    security(("platform_token" = [])),
    responses(
        (status = 201, description = "The request was made", body = inline(NewRequestMade<'static>)),
        (status = 401, description = "`unauthorised`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`request_syntax`, `request_policy`, `unavailable`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn ask(State(shared): State<Shared>, _: Platform, received: Received) -> Result<Response, Problem> {
    if received.media_type != "application/json" {
        let what = "the body must be application/json".to_owned();
        return Err(DeskError::from(VerifyError::from(Misconfigured::RequestSyntax(what))).into());
    }
    let wanted = Desk::wanted(&received.bytes)?;
    let Asked { id, result_token, request_uri, request } = shared.desk.ask(wanted, now(), &mut OsRng).await?;
    let request = RawValue::from_string(request.to_json()).map_err(|e| DeskError::Internal(e.to_string()))?;
    let made = NewRequestMade { id: &id, result_token: &result_token, request_uri: &request_uri, request };
    shared.counts.asked.count();
    Ok(document(StatusCode::CREATED, &made))
}

/// The signed request, for wallets
#[utoipa::path(
    get,
    path = "/v1/requests/{id}",
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
struct Taken {
    /// Always true.
    received: bool,
}

/// Answer a request: a presentation as JSON or as 201 bytes, or `{"v":1,"declined":true}`
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/presentation",
    params(("id" = String, Path, description = "32 hex digits")),
    request_body(content(
        (Object = "application/json", example = json!({"v": 1, "declined": true})),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "Accepted, or the decline is noted", body = inline(Taken)),
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

/// What became of a request.
#[derive(Serialize, ToSchema)]
struct Told {
    /// `pending`, `accepted`, `refused`, `declined` or `expired`
    state: &'static str,
    /// Of an accepted one: 64 hex digits
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudonym: Option<String>,
    /// Of a refused one: why the fifth try was refused
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// What became of a request
#[utoipa::path(
    get,
    path = "/v1/requests/{id}/result",
    params(("id" = String, Path, description = "32 hex digits")),
    security(("result_token" = [])),
    responses(
        (status = 200, description = "The outcome so far", body = inline(Told)),
        (status = 401, description = "`unauthorised`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn result(
    State(shared): State<Shared>,
    RequestId(id): RequestId,
    Bearer(token): Bearer,
) -> Result<Response, Problem> {
    let (state, pseudonym, code) = match shared.desk.outcome(&id, &token, now()).await? {
        Outcome::Pending => ("pending", None, None),
        Outcome::Accepted(pseudonym) => ("accepted", Some(to_hex(&pseudonym)), None),
        Outcome::Refused(code) => ("refused", None, Some(code)),
        Outcome::Declined => ("declined", None, None),
        Outcome::Expired => ("expired", None, None),
    };
    Ok(document(StatusCode::OK, &Told { state, pseudonym, code }))
}
