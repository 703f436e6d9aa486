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
    /// The first read since [`Meter::expect_first_byte`].
    first: Cell<Option<Instant>>,
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
            first: Cell::new(None),
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

    /// Forgets the first read, to note the next one.
    pub(crate) fn expect_first_byte(&self) {
        self.first.set(None);
    }

    /// When the first read since then happened.
    pub(crate) fn first_byte(&self) -> Option<Instant> {
        self.first.get()
    }

    /// Notes that something moved at `now`, without counting it.
    pub(crate) fn touch(&self, now: Instant) {
        self.last.set(now);
    }

    /// Counts bytes that were read from and written to the stream by others, at `now`.
    pub(crate) fn passed(&self, read: u64, written: u64, now: Instant) {
        if read == 0 && written == 0 {
            return;
        }
        self.last.set(now);
        self.bytes_in.set(self.bytes_in.get() + read);
        self.bytes_out.set(self.bytes_out.get() + written);
        if let Some((listener, worker)) = &self.listener {
            let counts = &listener.counts[*worker];
            counts.bytes_in.add(read);
            counts.bytes_out.add(written);
        }
    }

    fn read(&self, n: u64) {
        let now = Instant::now();
        self.bytes_in.set(self.bytes_in.get() + n);
        self.last.set(now);
        if self.first.get().is_none() {
            self.first.set(Some(now));
        }
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

    /// The socket, for those who count themselves.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = &written {
            self.meter.wrote(*n as u64);
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
