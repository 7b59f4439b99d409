//! What stands around every handler: limits of rate and time, panics, the form of errors, headers, and
//! the record of the request.

use super::accept::Caller;
use super::limit::Limiter;
use super::log::{NO_ROUTE, Record};
use super::metrics::Metrics;
use super::pages::{self, Pages};
use super::patience::Patience;
use super::problem::{Problem, ProblemCode};
use super::seats::Seat;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Whether the server is alive is asked by machines on a schedule, from one address.
const NOT_LIMITED: &str = "/healthz";

/// Where nothing else is said: an answer runs nothing, is framed by nobody and is guessed at by nobody.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// What it needs.
pub(super) struct Around {
    pub(super) limiter: Option<Arc<Limiter>>,
    pub(super) request_timeout: Duration,
    /// Where requests are counted; those of the metrics' own listener are neither counted nor logged.
    pub(super) metrics: Option<Metrics>,
    /// What pages of other origins may call.
    pub(super) pages: Option<Pages>,
}

/// Puts it around all routes, and around those that are not there.
pub(super) fn wrap(routes: Router, around: Around) -> Router {
    let nothing = || async { Problem::not_found() };
    let routes = routes.fallback(nothing).method_not_allowed_fallback(nothing);
    routes.layer(from_fn_with_state(Arc::new(around), handle))
}

async fn handle(State(around): State<Arc<Around>>, request: Request, next: Next) -> Response {
    let mut record = Record::begin(&request, around.metrics.clone());
    let caller = request.extensions().get::<Caller>().cloned();
    let open = pages::open(around.pages, record.route());
    let response = around.answer(request, next, &record, caller.as_ref().map(|c| &c.seat), open).await;
    let mut response = in_form(response);
    if open.is_some() {
        pages::share(response.headers_mut());
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    record.answered(&response);
    response.map(|inner| Body::new(Leaving { inner, record, caller }))
}

impl Around {
    async fn answer(
        &self,
        request: Request,
        next: Next,
        record: &Record,
        seat: Option<&Arc<Seat>>,
        open: Option<&'static str>,
    ) -> Response {
        if let Some(limiter) = &self.limiter
            && let Some(caller) = request.extensions().get::<Caller>()
            && record.route() != NOT_LIMITED
            && let Err(problem) = limiter.admit(caller, request.headers())
        {
            if let Some(metrics) = &self.metrics {
                metrics.rate_limited();
            }
            return problem.into_response();
        }
        if request.method() == Method::OPTIONS && record.route() != NO_ROUTE {
            return pages::options(open, request.headers());
        }
        let patience = Patience::default();
        let mut request = request.map(|inner| {
            let arriving = Arriving { inner, seat: seat.cloned(), bytes: record.bytes_in() };
            if let Some(seat) = seat {
                if arriving.inner.is_end_stream() { seat.works() } else { seat.waits() }
            }
            Body::new(arriving)
        });
        request.extensions_mut().insert(patience.clone());
        match patience.bound(self.request_timeout, survive(next.run(request))).await {
            Ok(Some(response)) => response,
            Ok(None) => {
                record.panicked();
                Problem::unavailable("something went wrong here").into_response()
            }
            Err(late) => late.into_response(),
        }
    }
}

/// The future's outcome, or none if it panics; then it is dropped and never polled again.
async fn survive<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(outcome)) => Poll::Ready(Some(outcome)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Errors that the framework wrote become problems too: contract §8 knows no other form.
fn in_form(response: Response) -> Response {
    if response.extensions().get::<ProblemCode>().is_some() {
        return response;
    }
    match response.status().as_u16() {
        404 | 405 => Problem::not_found().into_response(),
        408 => Problem::new("timeout", "too slow").into_response(),
        413 => Problem::new("too_large", "too large").into_response(),
        429 => Problem::rate_limited(1).into_response(),
        400..=499 => Problem::malformed("the request cannot be read").into_response(),
        500..=599 => Problem::unavailable("something went wrong here").into_response(),
        _ => response,
    }
}

/// A request's body on its way in. As long as it has not arrived the client keeps us waiting.
struct Arriving {
    inner: Body,
    seat: Option<Arc<Seat>>,
    bytes: Arc<AtomicU64>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        let whole = self.inner.is_end_stream() || !matches!(frame, Some(Ok(_)));
        if let Some(seat) = self.seat.take_if(|_| whole) {
            seat.works();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body on its way out; when it is dropped the request is over.
struct Leaving {
    inner: Body,
    record: Record,
    caller: Option<Caller>,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.record.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(caller) = &self.caller {
            caller.turn.rest();
            caller.seat.waits();
        }
    }
}
