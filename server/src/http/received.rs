//! What handlers take from a request: the body as bytes, never longer than its route allows, and the
//! bearer token. Parsing is the handler's, with the strict reader of the protocol.

use super::Problem;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use zeroize::Zeroizing;

/// Largest body where nothing larger is due.
pub const MAX_BODY: usize = 16 * 1024;

/// A body of at most [`MAX_BODY`] bytes with the media type that it came under.
#[derive(Debug)]
pub struct Received {
    /// The media type without its parameters, in lower case; empty if none was named.
    pub media_type: String,
    /// The body. It may hold secrets and is wiped after use.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Received {
    /// The body as a strict JSON object; `None` if it is not sent as JSON, or not what `T` takes.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, String> {
        if self.media_type != "application/json" {
            return Err("the body must be application/json".into());
        }
        // Messages of the reader quote nothing but names of members and positions… which may still be
        // what the client sent: cut short.
        veilpass_protocol::json::parse(&self.bytes).map_err(|e| e.0.chars().take(200).collect())
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
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(Zeroizing::new(collected.to_bytes().to_vec())),
        Err(e) if e.is::<LengthLimitError>() => {
            Err(Problem::new("too_large", format!("a body has at most {MAX_BODY} bytes")))
        }
        Err(_) => Err(Problem::malformed("the body did not arrive whole")),
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
