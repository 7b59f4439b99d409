//! What handlers take from a request: the body as bytes, never longer than its route allows, and the
//! bearer token. Parsing is the handler's, with the strict reader of the protocol.

use super::Problem;
use crate::explain;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Largest body where nothing larger is due.
pub const MAX_BODY: usize = 16 * 1024;

/// Why a body under another media type is refused.
pub const NOT_JSON: &str = "the body must be JSON under `Content-Type: application/json`";

/// A body of at most [`MAX_BODY`] bytes with the media type that it came under.
pub struct Received {
    /// The media type without its parameters, in lower case; empty if none was named.
    pub media_type: String,
    /// The body. It may hold secrets and is wiped after use.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Received {
    /// The body as a strict JSON object. The error names the member and what it takes, never a value.
    pub fn json<T: serde::de::DeserializeOwned + utoipa::ToSchema>(&self) -> Result<T, String> {
        if self.media_type != "application/json" {
            return Err(NOT_JSON.into());
        }
        veilpass_protocol::json::parse(&self.bytes)
            .map_err(|e| explain::object::<T>(&self.bytes).unwrap_or_else(|| in_general(&e.0)))
    }
}

/// What no schema explains. The reader's messages quote values that were sent: of them, only the name of a
/// member that stands twice is told, which is one of ours, and otherwise where the reader stopped.
fn in_general(message: &str) -> String {
    let twice = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
    if let Some(name) = twice {
        return format!("`{name}` stands twice");
    }
    let place = place(message).map(|(line, column)| format!(" (line {line}, column {column})"));
    format!("the body is not the JSON object that this route takes{}", place.unwrap_or_default())
}

/// Where the reader stopped, from the end of its message.
fn place(message: &str) -> Option<(u64, u64)> {
    let (line, column) = message.rsplit_once(" at line ")?.1.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// A body may be a secret: only its length is shown.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequest<S> for Received {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Received, Problem> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media_type = media_type.and_then(|v| v.split(';').next()).unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        Ok(Received { media_type, bytes: read(request.into_body()).await? })
    }
}

async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let too_large = || Problem::new("too_large", format!("a body has at most {MAX_BODY} bytes"));
    // One that says how long it is need not be read to be refused.
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    // With room for everything at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BODY));
    let mut body = Limited::new(body, MAX_BODY);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => frame.into_data().into_iter().for_each(|data| take(data, &mut bytes)),
            Err(e) if e.is::<LengthLimitError>() => return Err(too_large()),
            Err(_) => return Err(Problem::malformed("the body did not arrive whole")),
        }
    }
    Ok(bytes)
}

/// Adds a piece of a body, and wipes it unless it is a part of the connection's own buffer.
fn take(data: Bytes, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&data);
    if let Ok(mut ours) = data.try_into_mut() {
        ours.as_mut().zeroize();
    }
}

/// The token of an `Authorization: Bearer` header. Compare only hashes of it, in constant time.
pub struct Bearer(pub Zeroizing<String>);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Bearer, Problem> {
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Problem::unauthorised());
        };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match token {
            Some(token) if !token.is_empty() => Ok(Bearer(Zeroizing::new(token.to_owned()))),
            _ => Err(Problem::unauthorised()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::memory::{ALONE, Planted};

    #[tokio::test]
    async fn no_copy_of_a_body_stays_in_memory() {
        let _alone = ALONE.lock().await;
        let (wiped, left) = (Planted::new(), Planted::new());
        let received = read(Body::from(wiped.clear())).await.unwrap();
        assert!(wiped.is_in_memory(), "as long as it is used");
        drop(received);
        assert!(!wiped.is_in_memory());
        // The control: what is only dropped can be found.
        drop(Body::from(left.clear()).collect().await.unwrap().to_bytes());
        assert!(left.is_in_memory());
    }
}
