//! A TCP stream that knows what went through it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::snapshot::ListenerShared;

/// What went through a stream, and when.
#[derive(Debug)]
pub(crate) struct Meter {
    bytes_in: Cell<u64>,
    bytes_out: Cell<u64>,
    last: Cell<Instant>,
    failed: Cell<bool>,
    /// Where the bytes are counted too, and for which worker.
    listener: Option<(Arc<ListenerShared>, usize)>,
}

impl Meter {
    /// For the server's side.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self::with(None))
    }

    /// For the client's side: counts for a listener.
    pub(crate) fn of_listener(listener: Arc<ListenerShared>, worker: usize) -> Rc<Self> {
        Rc::new(Self::with(Some((listener, worker))))
    }

    fn with(listener: Option<(Arc<ListenerShared>, usize)>) -> Self {
        Self {
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            last: Cell::new(Instant::now()),
            failed: Cell::new(false),
            listener,
        }
    }

    /// Bytes read.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.get()
    }

    /// Bytes written.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.get()
    }

    /// When a byte last went either way.
    pub(crate) fn last(&self) -> Instant {
        self.last.get()
    }

    /// Whether a read or write failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    fn read(&self, n: u64) {
        self.bytes_in.set(self.bytes_in.get() + n);
        self.last.set(Instant::now());
        if let Some((listener, worker)) = &self.listener {
            listener.counts[*worker].bytes_in.add(n);
        }
    }

    fn wrote(&self, n: u64) {
        self.bytes_out.set(self.bytes_out.get() + n);
        self.last.set(Instant::now());
        if let Some((listener, worker)) = &self.listener {
            listener.counts[*worker].bytes_out.add(n);
        }
    }
}

/// A TCP stream with a [`Meter`].
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    meter: Rc<Meter>,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, meter: Rc<Meter>) -> Self {
        Self { tcp, meter }
    }

    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(n)) => self.meter.wrote(*n as u64),
            Poll::Ready(Err(_)) => self.meter.failed.set(true),
            Poll::Pending => {}
        }
        written
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.tcp).poll_read(cx, buf));
        if outcome.is_err() {
            self.meter.failed.set(true);
            return Poll::Ready(outcome);
        }
        let read = buf.filled().len() - before;
        if read > 0 {
            self.meter.read(read as u64);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
