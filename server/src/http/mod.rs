//! What both servers stand on: an accept loop with limits, errors as problem+json, bodies of bounded
//! size, logs and metrics that hold nothing of a person.
//!
//! A service binds a [`Server`], builds its routes (with its own counters in [`Server::metrics`] and
//! [`openapi::docs`] merged in) and hands them to [`Server::run`], which puts limits, logs and the form
//! of errors around every one of them.

mod accept;
mod around;
mod limit;
pub mod log;
mod marking;
#[cfg(test)]
pub(crate) mod memory;
mod metrics;
pub mod openapi;
mod pages;
mod patience;
mod problem;
mod received;
mod seats;
mod server;
mod stream;
mod tls;

pub use marking::mark;
pub use metrics::{Counter, Gauge, Metrics, Outcomes};
pub use pages::Pages;
pub use patience::Patience;
pub use problem::{Problem, ProblemCode, ProblemDocument, status_of};
pub use received::{Bearer, MAX_BODY, NOT_JSON, Received};
pub use server::{Outermost, ServeError, Server, Settings, TlsFiles};

use std::time::{SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{Signal, SignalKind, signal};
use veilpass_protocol::day::Timestamp;

/// The system clock, in whole seconds. A clock that stands before 1970 reads as 1970: every request and
/// epoch is then from the future and refused.
pub fn now() -> Timestamp {
    Timestamp::new(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Ready on SIGTERM or SIGINT. The signals are caught from the call on, which needs a runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| match signal(kind) {
        Ok(signal) => Some(signal),
        Err(e) => {
            // Then the signal ends the process at once, as it does by default.
            tracing::warn!(kind = ?e.kind(), "a signal cannot be caught");
            None
        }
    });
    async {
        let [mut terminate, mut interrupt] = signals;
        tokio::select! {
            () = one(&mut terminate) => {},
            () = one(&mut interrupt) => {},
        }
    }
}

async fn one(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
