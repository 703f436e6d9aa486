//! Bodies on their way through, a chunk at a time.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::exchange::Exchange;
use super::idle::ServerConnection;
use crate::fault::Fault;

/// Why a body broke off; only hyper sees it, and ends the connection.
#[derive(Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// How far a request body has come; shared by the body, which a server connection owns, and the
/// request that waits for the response.
#[derive(Debug, Default)]
pub(super) struct Upload {
    bytes: Cell<u64>,
    done: Cell<Option<Instant>>,
    failure: Cell<Option<UploadFailure>>,
}

/// Why a request body broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadFailure {
    TooLarge,
    ClientGone,
}

impl Upload {
    /// Bytes received so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// When the last byte was received.
    pub(super) fn done_at(&self) -> Option<Instant> {
        self.done.get()
    }

    pub(super) fn failure(&self) -> Option<UploadFailure> {
        self.failure.get()
    }

    /// Counts bytes that came by another way.
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    fn finish(&self) {
        if self.done.get().is_none() {
            self.done.set(Some(Instant::now()));
        }
    }
}

/// Something to wait for before the client is asked for its body.
pub(super) type Hold = Pin<Box<dyn Future<Output = ()>>>;

/// A request body on its way from the client to a server.
pub(super) struct RequestBody {
    /// `None`: there is none.
    incoming: Option<Incoming>,
    hold: Option<Hold>,
    /// Most bytes taken.
    limit: u64,
    upload: Rc<Upload>,
}

impl RequestBody {
    /// `limit` 0: no limit.
    pub(super) fn new(incoming: Incoming, limit: u64, upload: Rc<Upload>) -> Self {
        let incoming = Some(incoming).filter(|body| !body.is_end_stream());
        if incoming.is_none() {
            upload.finish();
        }
        Self {
            incoming,
            hold: None,
            limit: if limit == 0 { u64::MAX } else { limit },
            upload,
        }
    }

    /// A body of nothing, for a request that is sent again.
    pub(super) fn none(upload: Rc<Upload>) -> Self {
        Self {
            incoming: None,
            hold: None,
            limit: 0,
            upload,
        }
    }

    /// Waits for `hold` before it asks the client for the body.
    pub(super) fn hold_until(&mut self, hold: Hold) {
        self.hold = Some(hold);
    }

    pub(super) fn is_none(&self) -> bool {
        self.incoming.is_none()
    }

    fn note(&mut self, frame: &Frame<Bytes>) -> Result<(), BrokenOff> {
        if let Some(data) = frame.data_ref() {
            let bytes = self.upload.bytes.get() + data.len() as u64;
            if bytes > self.limit {
                self.upload.failure.set(Some(UploadFailure::TooLarge));
                return Err(BrokenOff);
            }
            self.upload.bytes.set(bytes);
        }
        Ok(())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(hold) = &mut self.hold {
            ready!(hold.as_mut().poll(cx));
            self.hold = None;
        }
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
        let ended = incoming.is_end_stream();
        let frame = match frame {
            Some(Ok(frame)) => Some(self.note(&frame).map(|()| frame)),
            Some(Err(_)) => {
                self.upload.failure.set(Some(UploadFailure::ClientGone));
                Some(Err(BrokenOff))
            }
            None => None,
        };
        if frame.is_none() || (ended && matches!(frame, Some(Ok(_)))) {
            self.upload.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A response body on its way to the client. The request ends when this is dropped.
pub(super) struct ResponseBody {
    content: Content,
    /// `None`: the request goes on, as a tunnel.
    exchange: Option<Exchange>,
}

enum Content {
    /// From the proxy itself.
    Own(Bytes),
    /// From a server; the connection is kept for the next request if all goes well.
    Server {
        incoming: Incoming,
        connection: Box<ServerConnection>,
        done: bool,
    },
}

impl ResponseBody {
    pub(super) fn own(content: Bytes, exchange: Option<Exchange>) -> Self {
        Self {
            content: Content::Own(content),
            exchange,
        }
    }

    pub(super) fn from_server(
        incoming: Incoming,
        connection: ServerConnection,
        exchange: Exchange,
    ) -> Self {
        Self {
            content: Content::Server {
                incoming,
                connection: Box::new(connection),
                done: false,
            },
            exchange: Some(exchange),
        }
    }

    fn sent(&mut self, bytes: usize) {
        if let Some(exchange) = &mut self.exchange {
            exchange.bytes_out += bytes as u64;
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut self.content {
            Content::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Own(bytes) => {
                let bytes = std::mem::take(bytes);
                self.sent(bytes.len());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Server { incoming, done, .. } => {
                match ready!(Pin::new(incoming).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        let bytes = frame.data_ref().map_or(0, Bytes::len);
                        self.sent(bytes);
                        Poll::Ready(Some(Ok(frame)))
                    }
                    Some(Err(error)) => {
                        if let Some(exchange) = &mut self.exchange {
                            exchange.fault = Some(Fault::Truncated(error.to_string()));
                        }
                        Poll::Ready(Some(Err(BrokenOff)))
                    }
                    None => {
                        *done = true;
                        Poll::Ready(None)
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(bytes) => bytes.is_empty(),
            Content::Server { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Server { incoming, .. } => incoming.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        match std::mem::replace(&mut self.content, Content::Own(Bytes::new())) {
            Content::Own(left) => exchange.finish(left.is_empty()),
            Content::Server {
                incoming,
                connection,
                done,
            } => {
                let complete = done || incoming.is_end_stream();
                // A server that answered before it had the whole request is not asked again on this
                // connection: the rest of the body would have to follow first.
                if complete && exchange.upload_is_done() {
                    exchange.give_back(*connection);
                }
                exchange.finish(complete);
            }
        }
    }
}
