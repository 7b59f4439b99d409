//! Logs: JSON lines on stderr, one for each request. Of a request there is the method, the route's
//! template, what came of it, sizes and times; never a path, a query, the value of a header or an
//! address, because any of them may name a person, a request or a secret.

use super::metrics::Metrics;
use super::problem::ProblemCode;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Starts logging to stderr for the whole process; a second call changes nothing. From then on a panic
/// is one line too, with its place in the code and without its message, which may quote what a client sent.
pub fn init() {
    if subscriber(std::io::stderr).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
            tracing::error!(place, "panic");
        }));
    }
}

/// What [`init`] installs, writing elsewhere. Only this project's own lines pass: what libraries say
/// about requests and statements is not ours to vouch for.
pub fn subscriber<W>(writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A line that cannot be written is lost; to say so where lines cannot be written would be a panic.
    let lines = fmt::layer()
        .json()
        .log_internal_errors(false)
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    let ours = Targets::new().with_target("veilpass", LevelFilter::INFO).with_default(LevelFilter::OFF);
    tracing_subscriber::registry().with(lines.with_writer(writer).with_filter(ours))
}

/// In place of a route's template, where a path belongs to no route.
pub(super) const NO_ROUTE: &str = "-";

/// A request that is being answered; it is logged and counted when this is dropped: after the last byte
/// of the answer, or when the client has gone.
pub(super) struct Record {
    metrics: Option<Metrics>,
    begun: Instant,
    route: String,
    method: &'static str,
    trace: Option<String>,
    status: u16,
    code: &'static str,
    bytes_in: Arc<AtomicU64>,
    bytes_out: u64,
}

impl Record {
    pub(super) fn begin(request: &Request, metrics: Option<Metrics>) -> Record {
        if let Some(metrics) = &metrics {
            metrics.request_begun();
        }
        let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
        Record {
            metrics,
            begun: Instant::now(),
            route: route.to_owned(),
            method: method(request.method()),
            trace: trace(request.headers()),
            status: 0,
            code: "",
            bytes_in: Arc::default(),
            bytes_out: 0,
        }
    }

    pub(super) fn route(&self) -> &str {
        &self.route
    }

    /// Where the bytes of the body are counted.
    pub(super) fn bytes_in(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_in)
    }

    pub(super) fn answered(&mut self, response: &Response) {
        self.status = response.status().as_u16();
        self.code = response.extensions().get::<ProblemCode>().map_or("", |code| code.0);
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes_out = self.bytes_out.saturating_add(bytes as u64);
    }

    pub(super) fn panicked(&self) {
        tracing::error!(method = self.method, route = self.route, "a handler panicked");
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(metrics) = &self.metrics else { return };
        let took = self.begun.elapsed();
        metrics.request_done(&self.route, self.method, self.status, self.code, took);
        // Status 0: the client went before it was answered.
        tracing::info!(
            method = self.method,
            route = self.route,
            status = self.status,
            code = self.code,
            ms = (took.as_secs_f64() * 1e6).round() / 1e3,
            bytes_in = self.bytes_in.load(Ordering::Relaxed),
            bytes_out = self.bytes_out,
            trace = self.trace,
            "request"
        );
    }
}

/// A method by its name; one that nobody knows may be any text.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// The trace id of a W3C `traceparent`, in its strict form: `00-<32>-<16>-<2>` of lower-case hex digits,
/// neither id zero.
fn trace(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let parts: Vec<&str> = value.to_str().ok()?.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return None };
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let id = |text: &str, length| hex(text, length) && text.bytes().any(|b| b != b'0');
    (*version == "00" && id(trace, 32) && id(parent, 16) && hex(flags, 2)).then(|| (*trace).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_a_strict_trace_id_is_taken() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_str(value).unwrap());
            trace(&headers)
        };
        assert_eq!(of(&good), Some(id.to_owned()));
        for bad in [
            "",
            "00",
            id,
            &good.to_uppercase(),
            &good.replace("00-", "01-"),
            &good.replace(id, &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", "0000000000000000"),
            &format!("{good}-x"),
            &good.replace('f', "g"),
            "00-secret-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        let mut twice = HeaderMap::new();
        twice.append("traceparent", HeaderValue::from_str(&good).unwrap());
        twice.append("traceparent", HeaderValue::from_str(&good).unwrap());
        assert_eq!(trace(&twice), None);
    }
}
