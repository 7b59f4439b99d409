//! Marks every answer of a server as one of a test. Only test mode puts this layer around a server
//! ([`super::Server::with_outermost`]); a server in production does not have it.

use super::Problem;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

/// The header that stands on every answer.
const MARK: (HeaderName, HeaderValue) =
    (HeaderName::from_static("veilpass-test"), HeaderValue::from_static("true"));

/// The description of the routes. OpenAPI has no member `test`, so this document keeps its own form.
const DESCRIPTION: &str = "/openapi.json";

/// Largest JSON document that is marked. No route of a platform writes a longer one.
const LARGEST: usize = 1 << 20;

/// Puts the layer around all routes: a header on every answer, and `"test":true` first in every JSON
/// document, problem documents included.
pub fn mark(routes: Router) -> Router {
    routes.layer(from_fn(marked))
}

async fn marked(request: Request, next: Next) -> Response {
    let described = request.uri().path() == DESCRIPTION;
    let mut response = next.run(request).await;
    if !described && is_json(&response) {
        let (mut parts, body) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        response = match to_bytes(body, LARGEST).await {
            Ok(document) => Response::from_parts(parts, Body::from(with_member(&document))),
            Err(_) => Problem::unavailable("the answer broke off").into_response(),
        };
    }
    let (name, value) = MARK;
    response.headers_mut().insert(name, value);
    response
}

fn is_json(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media = media.and_then(|v| v.split(';').next()).unwrap_or_default();
    matches!(media.trim(), "application/json" | "application/problem+json")
}

/// The document with the member `test` in front; what is not an object stays as it is.
fn with_member(document: &[u8]) -> Vec<u8> {
    let Some(rest) = document.strip_prefix(b"{") else { return document.to_vec() };
    let comma: &[u8] = if rest.trim_ascii_start().starts_with(b"}") { b"" } else { b"," };
    [br#"{"test":true"#, comma, rest].concat()
}

#[cfg(test)]
mod tests {
    use super::with_member;

    #[test]
    fn the_member_stands_first() {
        for (document, marked) in [
            (r#"{"state":"pending"}"#, r#"{"test":true,"state":"pending"}"#),
            ("{}", r#"{"test":true}"#),
            ("[1]", "[1]"),
            ("", ""),
        ] {
            assert_eq!(with_member(document.as_bytes()), marked.as_bytes());
        }
    }
}
