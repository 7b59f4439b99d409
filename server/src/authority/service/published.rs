//! The published folder over HTTP (contract §8): files with strong ETags, and how long they keep.
//!
//! A file is read whole and its ETag is the hash of what was read, so that content and ETag always
//! agree; files are renamed into their place, so that nobody reads half of one.

use super::names::{Caching, Name};
use super::{Failure, Service};
use crate::files;
use crate::http::Problem;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::sync::Arc;

/// Below this the published folder is served.
const PREFIX: &str = "/v1/published/";

/// Bytes with their ETag.
#[derive(Debug, Clone)]
pub(super) struct Document {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Document {
    pub(super) fn new(bytes: Vec<u8>) -> Document {
        let etag = format!("\"{}\"", hex::encode(Sha256::digest(&bytes)));
        // Quoted hex is a header value.
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Document { bytes: bytes.into(), etag }
    }

    /// The answer to a conditional or plain GET; without its body it answers HEAD.
    pub(super) fn answer(&self, asked: &HeaderMap, media_type: HeaderValue, caching: Caching) -> Response {
        let common = [(header::ETAG, self.etag.clone()), (header::CACHE_CONTROL, caching.header())];
        if self.is_known(asked) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(header::CONTENT_TYPE, media_type)], self.bytes.clone()).into_response()
    }

    /// Whether `If-None-Match` names it (RFC 9110, 13.1.2: compared weakly).
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let values = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
        values
            .flat_map(|v| v.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.etag.as_bytes())
    }
}

/// The file that the path of the request names.
async fn file(service: Arc<Service>, uri: Uri, asked: HeaderMap) -> Result<Response, Problem> {
    // The path as it was sent: names hold nothing that would have to be escaped.
    let name = uri.path().strip_prefix(PREFIX).and_then(Name::parse).ok_or_else(Problem::not_found)?;
    let path = service.published.join(name.to_string());
    let read = move || files::read_if_there(&path, files::LARGEST).map(|file| file.map(Document::new));
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(Some(document))) => Ok(document.answer(&asked, name.media_type(), name.caching())),
        Ok(Ok(None)) => Err(Problem::not_found()),
        Ok(Err(e)) if e.kind == ErrorKind::NotADirectory => Err(Problem::not_found()),
        Ok(Err(e)) => Err(Failure::new("a published file cannot be read", &e).into()),
        Err(e) => Err(Failure::new("reading a published file", &e).into()),
    }
}

/// Which routes there are is written in their annotations; what they do is always the same.
macro_rules! published {
    ($($(#[$doc:meta])* $name:ident: $path:literal ($($parameter:tt)*) $media:literal;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            get, path = $path, tag = "published", params($($parameter)*),
            responses(
                (status = 200, description = "The file", content_type = $media,
                 headers(("etag" = String, description = "Strong: the hash of the content"),
                         ("cache-control" = String, description = "`immutable` or `no-cache`"))),
                (status = 304, description = "`If-None-Match` names its ETag"),
                super::openapi::FileRefusals,
            )
        )]
        pub(super) async fn $name(
            State(service): State<Arc<Service>>,
            uri: Uri,
            asked: HeaderMap,
        ) -> Result<Response, Problem> {
            file(service, uri, asked).await
        }
    )+};
}

published! {
    /// The authority's public key line
    vkey: "/v1/published/vkey" () "text/plain";
    /// An epoch's signed note, or its cells
    epochs: "/v1/published/epochs/{file}"
        (("file" = String, Path, description = "`<n>.note` or `<n>.cells`")) "text/plain";
    /// A tile of an epoch's tree
    ///
    /// Wallets fetch whole aligned blocks of them, on a schedule.
    tiles: "/v1/published/tiles/{epoch}/{level}/{tile}" (
        ("epoch" = u64, Path, description = "The epoch: the newest or the one before"),
        ("level" = u8, Path, description = "0, 1 or 2"),
        ("tile" = u64, Path, description = "The tile's number within the level")
    ) "application/octet-stream";
    /// A verifying key
    circuits: "/v1/published/circuits/{file}"
        (("file" = String, Path, description = "`<circuit id>.vk`")) "application/octet-stream";
    /// All hosts of the platform directory
    hosts: "/v1/published/platforms.json" () "application/json";
    /// A platform's signed entry
    platforms: "/v1/published/platforms/{file}"
        (("file" = String, Path, description = "`<host>.json`")) "application/json";
}

/// The newest epoch's signed note
///
/// It is there once its cells and tiles are.
#[utoipa::path(
    get, path = "/v1/epochs/latest", tag = "published",
    responses(
        (status = 200, description = "The note", content_type = "text/plain",
         headers(("etag" = String, description = "Strong: the hash of the content"))),
        (status = 304, description = "`If-None-Match` names its ETag"),
        super::openapi::FileRefusals,
    )
)]
pub(super) async fn latest(
    State(service): State<Arc<Service>>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    match service.keeper.latest() {
        Some(note) => {
            Ok(note.answer(&asked, HeaderValue::from_static("text/plain; charset=utf-8"), Caching::Ask))
        }
        None if service.keeper.standing().wrong.is_empty() => Err(Problem::not_found()),
        None => Err(Problem::unavailable("the newest epoch is not published yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let document = Document::new(b"content".to_vec());
        let etag = document.etag.to_str().unwrap().to_owned();
        assert_eq!(etag.len(), 66);
        for (condition, known) in [
            (etag.clone(), true),
            (format!("W/{etag}"), true),
            (format!("\"other\" , {etag}"), true),
            ("*".into(), true),
            ("\"other\"".into(), false),
            (etag.trim_matches('"').to_owned(), false),
            (String::new(), false),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::IF_NONE_MATCH, condition.parse().unwrap());
            assert_eq!(document.is_known(&asked), known, "{condition}");
        }
        assert!(!document.is_known(&HeaderMap::new()));
    }
}
