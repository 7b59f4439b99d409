//! A connection that a client cannot hold by not reading, and that is closed so that the answer arrives.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a client must take of an answer within one time of patience, or all that is left of it.
const PACE: usize = 64 * 1024;

/// What is read and thrown away after the last answer, and for how long. A socket that is closed with
/// bytes unread is reset, and then the client may never see why its body was refused.
const LINGER: (usize, Duration) = (1 << 20, Duration::from_secs(1));

/// A stream with limits on how it is left standing.
pub(super) struct Paced<S> {
    inner: S,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    taken: usize,
    lingering: Option<Pin<Box<Sleep>>>,
    thrown_away: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(inner: S, patience: Duration) -> Paced<S> {
        Paced { inner, patience, stalled: None, taken: 0, lingering: None, thrown_away: 0 }
    }

    /// Nothing could be written: for how long yet?
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let patience = self.patience;
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
        Pin::new(&mut self.inner).poll_read(cx, buf)
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
