//! A request in flight: all that it needs, kept for the next one.

use std::cell::RefCell;
use std::fmt;

use halo_http1::{BodyFraming, Exchange, Limits, RequestHead, RequestParser, ResponseParser};

use super::buffer::{Buffer, Outgoing};
use super::serve::{self, Work};
use super::story::Story;
use super::transfer::Progress;

/// Jobs that a worker keeps for requests to come: 256 of them take 8 MiB, and are more than are in
/// flight at a time where latencies are low. More than these are made when needed, and freed.
const KEPT: usize = 256;

/// A request in flight. Lives from the first byte of a request to the last of its response; nothing
/// of it is held by a connection that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) requests: RequestParser,
    pub(super) responses: ResponseParser,
    /// Its front holds the request's head as long as the request lasts.
    pub(super) from_client: Buffer,
    pub(super) from_server: Buffer,
    pub(super) to_client: Outgoing,
    pub(super) to_server: Outgoing,
    /// Whether a request's head has been accepted; the exchange is about it.
    accepted: bool,
    pub(super) exchange: Exchange,
    pub(super) progress: Progress,
    pub(super) story: Story,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            requests: RequestParser::new(),
            responses: ResponseParser::new(),
            from_client: Buffer::default(),
            from_server: Buffer::default(),
            to_client: Outgoing::default(),
            to_server: Outgoing::default(),
            accepted: false,
            exchange: Exchange::new(&RequestHead::default(), false, &Limits::default()),
            progress: Progress::default(),
            story: Story::default(),
        }
    }
}

impl Job {
    /// A head has been parsed that is a request's.
    pub(super) fn accept(&mut self, len: usize, limits: &Limits) {
        self.accepted = true;
        self.from_client.hold(len);
        self.begin(limits);
    }

    /// Begins with the request, or begins again for another server. An upgrade that the route does
    /// not pass on is refused before anything is sent.
    pub(super) fn begin(&mut self, limits: &Limits) {
        self.exchange = Exchange::new(self.requests.head(), true, limits);
        self.story.bytes_in = 0;
    }

    /// The request's head, once it is accepted.
    pub(super) fn head(&self) -> Option<&RequestHead> {
        self.accepted.then(|| self.requests.head())
    }

    /// Whether all of the request's body has been received, or there is none.
    pub(super) fn upload_is_done(&self) -> bool {
        self.accepted && self.exchange.request_body.is_done()
    }

    /// Whether the request has no body at all.
    pub(super) fn has_no_body(&self) -> bool {
        matches!(
            self.head().map(RequestHead::framing),
            Some(BodyFraming::None | BodyFraming::Length(0))
        )
    }

    /// Makes room for the next request; what has been received of it stays.
    pub(super) fn next(&mut self) {
        self.requests.reset();
        self.accepted = false;
        self.progress = Progress::default();
        self.from_client.let_go();
    }

    fn clear(&mut self) {
        self.next();
        self.responses.reset();
        self.from_client.clear();
        self.from_server.clear();
        self.from_client.shrink();
        self.from_server.shrink();
        self.to_client.clear();
        self.to_server.clear();
    }
}

/// A job, and the memory to do it in.
pub(super) type Equipped = (Box<Job>, Box<dyn Work>);

/// A worker's jobs that are not in use.
#[derive(Default)]
pub(crate) struct Jobs(RefCell<Vec<Equipped>>);

impl Jobs {
    /// The one that was used last, whose memory is still in the cache.
    pub(super) fn take(&self) -> Equipped {
        let kept = self.0.borrow_mut().pop();
        kept.unwrap_or_else(|| (Box::default(), serve::work()))
    }

    pub(super) fn put(&self, mut job: Box<Job>, work: Box<dyn Work>) {
        job.clear();
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push((job, work));
        }
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jobs({})", self.0.borrow().len())
    }
}
