//! Errors over HTTP: `application/problem+json` (RFC 9457) with the codes of contract §7 and the status
//! that contract §8 gives each of them. Handlers return [`Problem`]; nothing else writes an error.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal or fault as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: &'static str,
    status: StatusCode,
    detail: String,
    blame: Option<&'static str>,
    retry_after: Option<u64>,
}

/// The code of a response that reports a problem, kept beside it for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemCode(pub &'static str);

/// A problem as it is sent: `application/problem+json`, contract §8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// `urn:veilpass:error:<code>`.
    #[schema(example = "urn:veilpass:error:not_found")]
    pub r#type: String,
    /// A short name of the class.
    #[schema(example = "Not found")]
    pub title: String,
    /// The HTTP status, once more.
    #[schema(example = 404)]
    pub status: u16,
    /// A code of contract §7.
    #[schema(example = "not_found")]
    pub code: String,
    /// The same in words.
    pub detail: String,
    /// Whose fault it is; platforms only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub blame: Option<String>,
}

impl Problem {
    /// A code of contract §7 with the same in words. The words go to the client: they repeat nothing
    /// that it sent, and nothing about the inside.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { code, status: status_of(code), detail: detail.into(), blame: None, retry_after: None }
    }

    /// A body that is not what the route takes, where contract §7 has no code of its own for it (the
    /// authority's routes): `request_syntax` with status 400, because asking again will not help.
    pub fn malformed(detail: impl Into<String>) -> Problem {
        Problem { status: StatusCode::BAD_REQUEST, ..Problem::new("request_syntax", detail) }
    }

    /// No credentials, or wrong ones; never which.
    pub fn unauthorised() -> Problem {
        Problem::new("unauthorised", "the credentials are missing or wrong")
    }

    /// No such thing.
    pub fn not_found() -> Problem {
        Problem::new("not_found", "there is nothing here")
    }

    /// The server cannot do it now. `what` is for people and says nothing about the inside: the cause
    /// belongs in the log.
    pub fn unavailable(what: impl Into<String>) -> Problem {
        Problem { retry_after: Some(5), ..Problem::new("unavailable", what) }
    }

    /// Too many requests; the client may come again after so many seconds.
    pub fn rate_limited(seconds: u64) -> Problem {
        Problem { retry_after: Some(seconds), ..Problem::new("rate_limited", "too many requests") }
    }

    /// The same with the time after which to come again.
    pub fn retry_after(self, seconds: u64) -> Problem {
        Problem { retry_after: Some(seconds), ..self }
    }

    /// Whose fault it is, as platforms say (contract §6).
    pub fn with_blame(self, blame: &'static str) -> Problem {
        Problem { blame: Some(blame), ..self }
    }

    /// Codes that blame a misconfigured server name the caller where the request is the caller's own: then
    /// the status is 400.
    pub fn at_caller(self) -> Problem {
        match self.code {
            "request_syntax" | "request_policy" => Problem { status: StatusCode::BAD_REQUEST, ..self },
            _ => self,
        }
    }

    /// The code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            r#type: format!("urn:veilpass:error:{}", self.code),
            title: title_of(self.status).to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail,
            blame: self.blame.map(str::to_owned),
        };
        let body = veilpass_protocol::json::to_string(&document);
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(ProblemCode(self.code));
        response
    }
}

/// The status of a code (contract §8). A code that is named there goes before its class.
pub fn status_of(code: &str) -> StatusCode {
    match code {
        "presentation_syntax" | "version_unsupported" | "not_canonical" | "proof_point" => {
            StatusCode::BAD_REQUEST
        }
        "unauthorised" => StatusCode::UNAUTHORIZED,
        "circuit_unknown" | "epoch_unknown" | "epoch_replaced" | "pseudonym_spent" | "proof_invalid" => {
            StatusCode::FORBIDDEN
        }
        "not_found" | "person_unknown" | "code_unknown" | "network_number_unknown" => StatusCode::NOT_FOUND,
        "timeout" => StatusCode::REQUEST_TIMEOUT,
        "request_replayed" | "document_used" | "code_used" | "commitment_used" | "person_pending"
        | "reset_waits" | "already_removed" => StatusCode::CONFLICT,
        "request_expired" | "code_expired" => StatusCode::GONE,
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "document_invalid" | "commitment_invalid" | "words_differ" => StatusCode::UNPROCESSABLE_ENTITY,
        "rate_limited" => StatusCode::TOO_MANY_REQUESTS,
        // misconfigured, and `unavailable`.
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A short name for people.
fn title_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Malformed",
        401 => "Not authorised",
        403 => "Refused",
        404 => "Not found",
        408 => "Too slow",
        409 => "Already done, or under way",
        410 => "Expired",
        413 => "Too large",
        422 => "Not acceptable",
        429 => "Too many requests",
        _ => "Not available",
    }
}
