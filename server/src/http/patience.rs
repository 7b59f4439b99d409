//! A handler that waits on purpose asks for more time than a request has.

use super::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The time of one request; clones are of the same.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<AtomicU64>);

impl Patience {
    /// This request may take so much longer. The handler keeps to that by itself.
    pub fn extend(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The outcome of `work`, or a timeout once `time` and all extensions are over.
    pub(super) async fn bound<T>(&self, time: Duration, work: impl Future<Output = T>) -> Result<T, Problem> {
        let (begun, mut work) = (Instant::now(), pin!(work));
        let mut granted = 0;
        loop {
            let until = begun + time + Duration::from_millis(granted);
            if let Ok(done) = timeout_at(until, work.as_mut()).await {
                return Ok(done);
            }
            let now_granted = self.0.load(Ordering::Relaxed);
            if now_granted == granted {
                return Err(Problem::new(
                    "timeout",
                    "the request was not complete, or not answered, in time",
                ));
            }
            granted = now_granted;
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Patience {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Patience, Infallible> {
        // Outside a server (a router in a test) there is no limit to extend.
        Ok(parts.extensions.get::<Patience>().cloned().unwrap_or_default())
    }
}
