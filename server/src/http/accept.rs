//! The accept loop. `axum::serve` has neither a cap on connections nor limits on how long they stand.

use super::metrics::Metrics;
use super::seats::{Room, Seat};
use super::stream::{Limits, Paced, Turn};
use super::tls::Tls;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// Most bytes and lines of a request's head. A token has 43 characters, an address 16.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// What is read ahead, and written behind, for one connection.
const BUFFER: usize = 64 * 1024;

/// Pause after an accept that failed for want of files or memory.
const SHORT_OF_FILES: Duration = Duration::from_millis(50);

/// A listener with what stands behind it.
pub(super) struct Front {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) routes: Router,
    pub(super) connections: usize,
    pub(super) limits: Limits,
    pub(super) grace: Duration,
    pub(super) counts: Option<Metrics>,
}

/// Whose request it is; an extension of every request.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) peer: IpAddr,
    pub(super) seat: Arc<Seat>,
    pub(super) turn: Turn,
}

/// What every connection needs.
struct Shared {
    tls: Option<Arc<Tls>>,
    routes: Router,
    limits: Limits,
}

/// Serves until told to stop, and then until what is under way is done or the grace is over.
pub(super) async fn serve(front: Front, stopping: watch::Receiver<bool>) {
    let room = Room::new(front.connections, front.counts);
    let shared = Arc::new(Shared { tls: front.tls, routes: front.routes, limits: front.limits });
    let mut open = JoinSet::new();
    let mut stop = stopping.clone();
    let accepting = async {
        loop {
            let (stream, address) = match front.listener.accept().await {
                Ok(accepted) => accepted,
                Err(e) if is_of_the_peer(&e) => continue,
                Err(e) => {
                    // No more files, most likely: whoever waits longest makes room, and nothing spins.
                    tracing::warn!(kind = ?e.kind(), "a connection could not be accepted");
                    room.clear_one();
                    sleep(SHORT_OF_FILES).await;
                    continue;
                }
            };
            let caller = Caller {
                peer: address.ip().to_canonical(),
                seat: Arc::new(room.seat().await),
                turn: Turn::default(),
            };
            open.spawn(connection(stream, caller, Arc::clone(&shared), stopping.clone()));
            while open.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accepting => {},
        _ = stop.wait_for(|stop| *stop) => {},
    }
    drop(front.listener);
    if timeout(front.grace, async { while open.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(connections = open.len(), "connections were cut off: the grace is over");
    }
    open.shutdown().await;
}

/// Errors of one connection that went away before it was taken; the next accept may do.
fn is_of_the_peer(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn connection(stream: TcpStream, caller: Caller, shared: Arc<Shared>, stopping: watch::Receiver<bool>) {
    let seat = Arc::clone(&caller.seat);
    // Small answers, one at a time: nothing to gather.
    let _ = stream.set_nodelay(true);
    let serving = async {
        let Some(tls) = &shared.tls else { return exchange(stream, caller, &shared, stopping).await };
        // Whoever shakes hands too slowly or speaks no TLS is gone without a word, as on the wire.
        if let Ok(Ok(stream)) = timeout(shared.limits.head, tls.current().accept(stream)).await {
            exchange(stream, caller, &shared, stopping).await;
        }
    };
    tokio::select! {
        () = serving => {},
        () = seat.wanted() => {},
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    caller: Caller,
    shared: &Shared,
    mut stopping: watch::Receiver<bool>,
) {
    let turn = caller.turn.clone();
    let service = service_fn(|mut request: Request<Incoming>| {
        caller.turn.begin_work();
        request.extensions_mut().insert(caller.clone());
        shared.routes.clone().oneshot(request)
    });
    let stream = TokioIo::new(Paced::new(stream, turn, shared.limits));
    let connection = http1::Builder::new()
        // `Paced` times heads.
        .header_read_timeout(None)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    // How a connection ends is the client's affair, and whatever could be told of it is about the client.
    let told = tokio::select! {
        _ = connection.as_mut() => return,
        told = stopping.wait_for(|stop| *stop) => told.is_ok(),
    };
    if told {
        connection.as_mut().graceful_shutdown();
    }
    let _ = connection.await;
}
