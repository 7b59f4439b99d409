//! The routes of the built-in wallet: one for programs, and a page for browsers.

use super::form::{fields, own_request};
use super::page;
use super::people::Person;
use super::wallet::{Outcome, Said, Wallets};
use crate::outcome::Failure;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use veilpass_prover::Channel;
use veilpass_server::http::{Problem, ProblemDocument, Received, status_of};

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    wallets: Arc<Wallets>,
    /// Scheme, host and port of every `request_uri` of this server.
    base: Arc<str>,
}

#[derive(OpenApi)]
#[openapi(tags((name = "test", description = "The built-in wallet of test mode")))]
struct Description;

/// Both routes.
pub fn router(wallets: Arc<Wallets>, base: &str) -> OpenApiRouter {
    let shared = Shared { wallets, base: base.into() };
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(answer))
        .routes(routes!(show))
        .layer(from_fn(from_this_machine))
        .with_state(shared)
}

/// Only programs of this machine, and pages of this server: no page of another origin that a developer looks
/// at, nor one whose name was turned to this address, answers in anybody's place.
async fn from_this_machine(request: Request, next: Next) -> Response {
    if is_own(request.headers()) {
        return next.run(request).await;
    }
    Problem::malformed(
        "a page of another origin may not call this, nor under a name other than a loopback name; call it from your \
         site's server",
    )
    .into_response()
}

fn is_own(headers: &HeaderMap) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
        match (values.next(), values.next()) {
            (Some(Ok(value)), None) => Some(value),
            _ => None,
        }
    };
    let Some(host) = one(header::HOST).filter(|host| is_loopback(host)) else { return false };
    !headers.contains_key(header::ORIGIN)
        || one(header::ORIGIN).is_some_and(|origin| origin.strip_prefix("http://") == Some(host))
}

/// Whether a `Host` header names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
    name == "localhost"
        || name.ends_with(".localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Which request the built-in wallet answers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestQuestion,
         example = json!({"request_uri": "http://localhost:8444/v1/requests/3f0c6b1e9d2a4758b6c1d0e2f3a49586"}))]
struct Asked {
    /// As `POST /v1/requests` gave it
    request_uri: String,
    /// The person scanned it from another screen; then wallets answer `none` only
    #[serde(default)]
    #[schema(required = false)]
    scanned: bool,
}

/// What the built-in wallet did, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = TestAnswered, example = json!({"test": true, "person": "minor", "outcome": "declined",
    "code": "not_satisfied", "detail": "your age does not fit",
    "why": "The statement is false for this person. You see a decline, and nothing else.",
    "person_reads": "What the site asks is not true for you. The site only learns that you did not answer."}))]
struct Answered<'a> {
    /// Who answered
    person: &'a str,
    /// `accepted`, `declined` (by the wallet or the person), or `refused` (by the platform)
    outcome: &'a str,
    /// Unless accepted: the code that the platform is not told in life
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<&'a str>,
    /// Unless accepted: what is particular to this time
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<&'a str>,
    /// For the platform's engineer
    why: &'a str,
    /// Unless accepted: what the person reads
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    person_reads: Option<&'a str>,
}

/// Answer a request as one of the people: `adult`, `minor`, `expired` or `declines`
///
/// As JSON for programs. As a form, which the page `/test/wallet` sends, the answer is a page.
#[utoipa::path(
    post,
    path = "/test/wallet/{person}",
    tag = "test",
    params(("person" = String, Path, description = "`adult`, `minor`, `expired` or `declines`")),
    request_body(content = Asked, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of it", body = Answered<'static>),
        (status = 400, description = "`request_syntax`, also for a `request_uri` of another server", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: no such person", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn answer(
    State(shared): State<Shared>,
    person: Result<Path<String>, PathRejection>,
    received: Received,
) -> Result<Response, Problem> {
    let person = person.ok().and_then(|Path(name)| Person::from_name(&name));
    let nobody = || Problem::new("not_found", "the people are `adult`, `minor`, `expired` and `declines`");
    let person = person.ok_or_else(nobody)?;
    let form = received.media_type == "application/x-www-form-urlencoded";
    let asked = if form {
        let text = std::str::from_utf8(&received.bytes).ok();
        asked(text)?.ok_or_else(|| Problem::malformed("`request_uri` is missing"))?
    } else {
        received.json().map_err(Problem::malformed)?
    };
    let uri = shared.own(&asked.request_uri)?;
    let channel = Channel { origin: None, scanned: asked.scanned };
    let outcome = shared.with_wallets(move |wallets| match wallets.fetch(&uri)? {
        Ok(fetched) => wallets.answer(person, &fetched, &channel),
        Err(said) => Ok(Outcome::Refused(said)),
    });
    let outcome = outcome.await?;
    Ok(if form { page::answered(person, &outcome) } else { document(person, &outcome) })
}

/// A page for browsers: what the people would be told, and a button for each
#[utoipa::path(
    get,
    path = "/test/wallet",
    tag = "test",
    params(
        ("request_uri" = Option<String>, Query, description = "As `POST /v1/requests` gave it"),
        ("scanned" = Option<String>, Query, description = "`true`: as if it were scanned from another screen"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 400, description = "`request_syntax`", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn show(State(shared): State<Shared>, uri: Uri) -> Result<Response, Problem> {
    let Some(Asked { request_uri, scanned }) = asked(Some(uri.query().unwrap_or_default()))? else {
        return Ok(page::empty());
    };
    let uri = shared.own(&request_uri)?;
    let address = uri.clone();
    let preview = shared.with_wallets(move |wallets| {
        let channel = Channel { origin: None, scanned };
        Ok(match wallets.fetch(&address)? {
            Ok(fetched) => Ok(wallets.preview(&fetched, &channel)?),
            Err(said) => Err(said),
        })
    });
    let preview = preview.await?;
    Ok(match preview {
        Ok(people) => page::asks(&uri, scanned, &people),
        Err(said) => {
            let known = if said.code == "request_expired" { "request_expired" } else { "not_found" };
            page::refused(status_of(known), known, &said)
        }
    })
}

/// The fields of a form or query; nothing if none names a request.
fn asked(text: Option<&str>) -> Result<Option<Asked>, Problem> {
    let wrong = || Problem::malformed("the fields are `request_uri` and `scanned`, each once");
    let (mut request_uri, mut scanned) = (None, None);
    for (name, value) in text.and_then(fields).ok_or_else(wrong)? {
        let before = match name.as_str() {
            "request_uri" => request_uri.replace(value),
            "scanned" => scanned.replace(value),
            _ => return Err(wrong()),
        };
        if before.is_some() {
            return Err(wrong());
        }
    }
    let scanned = match scanned.as_deref() {
        None | Some("" | "false") => false,
        Some("true" | "on") => true,
        Some(_) => return Err(wrong()),
    };
    Ok(request_uri.map(|request_uri| Asked { request_uri, scanned }))
}

impl Shared {
    /// The address of a request of this server.
    fn own(&self, request_uri: &str) -> Result<String, Problem> {
        own_request(&self.base, request_uri).ok_or_else(|| {
            let base = &self.base;
            Problem::malformed(format!(
                "`request_uri` must be an address that this server gave: {base}/v1/requests/ and 32 hex digits"
            ))
        })
    }

    /// Work that blocks: the wallet waits for the platform and proves.
    async fn with_wallets<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Wallets) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        let wallets = Arc::clone(&self.wallets);
        let done = tokio::task::spawn_blocking(move || work(&wallets)).await;
        let done = done.map_err(|_| Problem::unavailable("the test wallet broke off"))?;
        done.map_err(|failure| {
            tracing::error!("test wallet: {}", failure.detail());
            Problem::unavailable("the test wallet failed; the server's log says why")
        })
    }
}

/// The answer for programs. The member `test` is put in by the layer that marks every answer.
fn document(person: Person, outcome: &Outcome) -> Response {
    let (name, said) = match outcome {
        Outcome::Accepted => ("accepted", None),
        Outcome::Declined(said) => ("declined", Some(said)),
        Outcome::Refused(said) => ("refused", Some(said)),
    };
    let answered = Answered {
        person: person.name(),
        outcome: name,
        code: said.map(|said| said.code.as_str()),
        detail: said.map(|said| said.detail.as_str()),
        why: said
            .map_or("The wallet proved what was asked, and the platform accepted it.", Said::to_engineer),
        person_reads: said.map(Said::to_person),
    };
    let mut response = (StatusCode::OK, veilpass_protocol::json::to_string(&answered)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_and_rebound_names_are_refused() {
        let of = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
            }
            is_own(&headers)
        };
        for host in
            ["localhost:8444", "LOCALHOST", "shop.localhost:1", "127.0.0.1:8444", "[::1]:8444", "[::1]"]
        {
            assert!(of(host, None), "{host}");
            assert!(of(host, Some(&format!("http://{host}"))), "{host}");
            assert!(!of(host, Some("null")), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:8444", "evillocalhost", "10.0.0.1:8444", "", "[::2]"]
        {
            assert!(!of(host, None), "{host}");
        }
        assert!(!of("localhost:8444", Some("http://localhost:3000")));
        assert!(!of("localhost:8444", Some("http://evil.example")));
        assert!(!is_own(&HeaderMap::new()));
    }
}
