//! A connection that a client cannot hold by not writing or not reading, and that is closed so that the
//! answer arrives. hyper's own timeout for heads also ends connections that rest between two requests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a client must take of an answer within one time of patience, or all that is left of it.
const PACE: usize = 64 * 1024;

/// What is read and thrown away after the last answer, and for how long. A socket that is closed with
/// bytes unread is reset, and then the client may never see why its body was refused.
const LINGER: (usize, Duration) = (1 << 20, Duration::from_secs(1));

/// Whose turn it is on a connection; clones are of the same connection.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<AtomicU8>);

/// A head is due or has begun to arrive. A new connection begins here.
const HEAD: u8 = 0;
/// The request is being answered; other limits hold.
const WORK: u8 = 1;
/// The answer is handed over; what is left of it is on its way.
const SENT: u8 = 2;
/// The answer has left, and no next request has begun.
const IDLE: u8 = 3;

impl Turn {
    /// The head of a request has arrived.
    pub(super) fn begin_work(&self) {
        self.0.store(WORK, Ordering::Relaxed);
    }

    /// The answer is handed over; once it has left, the connection rests.
    pub(super) fn rest(&self) {
        self.0.store(SENT, Ordering::Relaxed);
    }
}

/// How long a connection may be left standing.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// From the first byte of a head to its end; a new connection has begun its first head.
    pub(super) head: Duration,
    /// From one answer to the next request.
    pub(super) idle: Duration,
    /// From one piece of an answer that the client takes to the next.
    pub(super) answer: Duration,
}

/// A stream with limits on how it is left standing.
pub(super) struct Paced<S> {
    inner: S,
    turn: Turn,
    limits: Limits,
    /// The client's turn that is timed, and its end.
    due: Option<(u8, Pin<Box<Sleep>>)>,
    stalled: Option<Pin<Box<Sleep>>>,
    taken: usize,
    lingering: Option<Pin<Box<Sleep>>>,
    thrown_away: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(inner: S, turn: Turn, limits: Limits) -> Paced<S> {
        let (due, stalled, lingering) = (None, None, None);
        Paced { inner, turn, limits, due, stalled, taken: 0, lingering, thrown_away: 0 }
    }

    /// Whether the client has used up the time of its turn.
    fn is_overdue(&mut self, cx: &mut Context<'_>, turn: u8) -> bool {
        if matches!(turn, WORK | SENT) {
            self.due = None;
            return false;
        }
        if self.due.as_ref().is_none_or(|(timed, _)| *timed != turn) {
            let time = if turn == IDLE { self.limits.idle } else { self.limits.head };
            self.due = Some((turn, Box::pin(sleep(time))));
        }
        self.due.as_mut().is_some_and(|(_, end)| end.as_mut().poll(cx).is_ready())
    }

    /// Nothing could be written: for how long yet?
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let patience = self.limits.answer;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn took(&mut self, written: &io::Result<usize>) {
        self.taken = self.taken.saturating_add(written.as_ref().map_or(0, |n| *n));
        if self.taken >= PACE {
            (self.taken, self.stalled) = (0, None);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turn = self.turn.0.load(Ordering::Relaxed);
        if self.is_overdue(cx, turn) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if turn == IDLE && buf.filled().len() > before {
            // The next head has begun: its own time runs from here, also if no further byte comes.
            self.turn.0.store(HEAD, Ordering::Relaxed);
            self.is_overdue(cx, HEAD);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = Pin::new(&mut self.inner).poll_write(cx, buf) else {
            return self.wait(cx);
        };
        self.took(&written);
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        let Poll::Ready(written) = written else { return self.wait(cx) };
        self.took(&written);
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(flushed) = Pin::new(&mut self.inner).poll_flush(cx) else { return self.wait(cx) };
        (self.taken, self.stalled) = (0, None);
        if flushed.is_ok() && self.turn.0.load(Ordering::Relaxed) == SENT {
            // hyper need not read again before something comes: the time is set here, and wakes it.
            self.turn.0.store(IDLE, Ordering::Relaxed);
            self.is_overdue(cx, IDLE);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let Poll::Ready(shut) = Pin::new(&mut self.inner).poll_shutdown(cx) else { return self.wait(cx) };
            shut?;
        }
        let this = &mut *self;
        let lingering = this.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER.1)));
        let mut rubbish = [0u8; 4096];
        while this.thrown_away < LINGER.0 {
            if lingering.as_mut().poll(cx).is_ready() {
                break;
            }
            let mut buf = ReadBuf::new(&mut rubbish);
            match ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => this.thrown_away += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
