//! What browser pages of other origins may call (CORS, Fetch standard). Nothing here is a guard: a program
//! that is no browser sends what it likes. It only decides which answers a page may read.
//!
//! Routes are open by name and to everybody, or not at all. No route knows cookies, so `*` gives a page
//! nothing that its visitor has; routes that take a server's bearer token stay closed (ADR 16).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Says which methods of a route, by its template, are open to pages. None: the route is not.
pub type Pages = fn(&str) -> Option<&'static str>;

/// Seconds for which a browser remembers the answer to its preflight; browsers cap it at two hours.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

/// The methods of a route that pages may use. The description is open on every server.
pub(super) fn open(pages: Option<Pages>, route: &str) -> Option<&'static str> {
    if route == "/openapi.json" { Some("GET, HEAD") } else { pages?(route) }
}

/// The answer to OPTIONS on a route that is there. The router adds `Allow`.
pub(super) fn options(methods: Option<&'static str>, asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(methods) = methods.filter(|_| asked.contains_key(header::ORIGIN)) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Content-Type, If-None-Match"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    }
    response
}

/// Lets pages read an answer.
pub(super) fn share(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Retry-After"));
}
