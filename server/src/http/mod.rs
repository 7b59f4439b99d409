//! What both servers stand on: an accept loop with limits, errors as problem+json, bodies of bounded
//! size, logs and metrics that hold nothing of a person.
//!
//! `axum::serve` installs no timer, so hyper's header timeout does nothing under it: the loop in
//! [`Server::run`] is our own.

mod problem;
mod received;
mod server;

pub use problem::{Problem, ProblemCode, status_of};
pub use received::{Bearer, MAX_BODY, Received};
pub use server::{ServeError, Server, Settings, TlsFiles};

use std::time::{SystemTime, UNIX_EPOCH};
use veilpass_protocol::day::Timestamp;

/// The system clock, in whole seconds. A clock that stands before 1970 reads as 1970: every request and
/// epoch is then from the future and refused.
pub fn now() -> Timestamp {
    Timestamp::new(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
