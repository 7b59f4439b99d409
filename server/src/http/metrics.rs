//! What a server counts, for Prometheus. Names, words and labels are the program's own, never a
//! client's: that is what the types ask for, and why labels of services are `&'static str`.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter as Number;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as Level;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counters of a server; clones count into the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<Answered, Number>,
    seconds: Family<Route, Histogram>,
    in_flight: Level,
    open: Level,
    driven_out: Number,
    rate_limited: Number,
}

/// Something that is counted.
#[derive(Debug, Clone, Default)]
pub struct Counter(Number);

/// Something that is counted apart for each of its outcomes.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(Family<Outcome, Number>);

/// Something that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Level);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.0.inc();
    }

    /// So many more.
    pub fn add(&self, number: u64) {
        self.0.inc_by(number);
    }
}

impl Outcomes {
    /// One more of this outcome: a word of the program, such as a code of contract §7.
    pub fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&Outcome { outcome }).inc();
    }
}

impl Gauge {
    /// It is so much now.
    pub fn set(&self, value: i64) {
        self.0.set(value);
    }
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let metrics = Metrics {
            registry: Arc::new(Mutex::new(Registry::with_prefix("veilpass"))),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| {
                Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
            }),
            in_flight: Level::default(),
            open: Level::default(),
            driven_out: Number::default(),
            rate_limited: Number::default(),
        };
        metrics.register(
            "http_requests",
            "Answers by route, method, class of status and code",
            &metrics.requests,
        );
        metrics.register("http_request_seconds", "Time until an answer was sent, by route", &metrics.seconds);
        metrics.register("http_requests_in_flight", "Requests that are being answered", &metrics.in_flight);
        metrics.register("http_connections", "Connections that are open", &metrics.open);
        let help = "Connections that were closed to make room for others";
        metrics.register("http_connections_driven_out", help, &metrics.driven_out);
        metrics.register("http_rate_limited", "Requests over a client's limit", &metrics.rate_limited);
        metrics
    }

    /// A counter of a service: `veilpass_<name>_total`. Each name is asked for once.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        let counter = Counter::default();
        self.register(name, help, &counter.0);
        counter
    }

    /// Counters with the label `outcome`: `veilpass_<name>_total{outcome="…"}`.
    pub fn outcomes(&self, name: &'static str, help: &'static str) -> Outcomes {
        let outcomes = Outcomes::default();
        self.register(name, help, &outcomes.0);
        outcomes
    }

    /// A level of a service: `veilpass_<name>`.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        let gauge = Gauge::default();
        self.register(name, help, &gauge.0);
        gauge
    }

    /// Everything, in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match text::encode(&mut out, &registry) {
            Ok(()) => out,
            // Writing to a string does not fail; an empty page is seen at once.
            Err(std::fmt::Error) => String::new(),
        }
    }

    fn register(&self, name: &str, help: &str, metric: &(impl Metric + Clone)) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric.clone());
    }

    pub(super) fn connection_opened(&self) {
        self.open.inc();
    }

    pub(super) fn connection_closed(&self) {
        self.open.dec();
    }

    pub(super) fn connection_driven_out(&self) {
        self.driven_out.inc();
    }

    pub(super) fn rate_limited(&self) {
        self.rate_limited.inc();
    }

    pub(super) fn request_begun(&self) {
        self.in_flight.inc();
    }

    pub(super) fn request_done(
        &self,
        route: &str,
        method: &'static str,
        status: u16,
        code: &'static str,
        took: Duration,
    ) {
        self.in_flight.dec();
        let status = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => "none",
        };
        self.requests.get_or_create(&Answered { route: route.to_owned(), method, status, code }).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }
}

pub(super) fn routes(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(page)).with_state(metrics)
}

async fn page(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_count_beside_the_server() {
        let metrics = Metrics::new();
        let (enrolments, seen) =
            (metrics.counter("enrolments", "Enrolments"), metrics.gauge("epoch", "Epoch"));
        let presentations = metrics.outcomes("presentations", "Presentations by outcome");
        enrolments.count();
        enrolments.clone().add(2);
        seen.set(7);
        presentations.count("accepted");
        presentations.count("proof_invalid");
        presentations.count("accepted");
        metrics.request_begun();
        metrics.request_done("/v1/enrolments", "POST", 201, "", Duration::from_millis(3));
        let text = metrics.text();
        for line in [
            "veilpass_enrolments_total 3",
            "veilpass_epoch 7",
            "veilpass_presentations_total{outcome=\"accepted\"} 2",
            "veilpass_presentations_total{outcome=\"proof_invalid\"} 1",
            "veilpass_http_requests_in_flight 0",
            "veilpass_http_requests_total{route=\"/v1/enrolments\",method=\"POST\",status=\"2xx\",code=\"\"} 1",
            "veilpass_http_request_seconds_count{route=\"/v1/enrolments\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
