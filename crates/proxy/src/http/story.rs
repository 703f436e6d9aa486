//! What is counted and logged of a request.

use std::time::{Duration, Instant};

use halo_http1::Limits;

use super::client::Client;
use super::job::Job;
use crate::fault::Fault;
use crate::log::Record;
use crate::upstream::{Attempts, Lease};
use crate::worker::Connection;

/// What is known of a request so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// When it arrived; known only when a log line is wanted.
    started: Option<Instant>,
    status: Option<u16>,
    pub(super) attempts: Option<Attempts>,
    /// The server that it was given to.
    pub(super) lease: Option<Lease>,
    /// When a server was chosen.
    chosen: Option<Instant>,
    /// From then to the head of the response.
    upstream: Option<Duration>,
    /// Bytes of the request's body.
    pub(super) bytes_in: u64,
    /// Bytes of the response's body.
    pub(super) bytes_out: u64,
    pub(super) fault: Option<Fault>,
}

impl Story {
    /// A request arrived, or what claims to be one.
    pub(super) fn begin(&mut self, client: &Client) {
        client.counts().requests.add(1);
        *self = Self::default();
        if client.last.0.snapshot.access_log {
            self.started = Some(Instant::now());
        }
    }

    /// A server was chosen.
    pub(super) fn chose(&mut self, lease: Lease) {
        self.lease = Some(lease);
        if self.started.is_some() {
            self.chosen = Some(Instant::now());
        }
    }

    /// What a response may cost, by the pool that it comes from.
    pub(super) fn response_limits(&self) -> Result<&Limits, Fault> {
        let attempts = self.attempts.as_ref().ok_or(Fault::NoServer)?;
        Ok(&attempts.pool().limits)
    }

    /// The head of the response is there; `from_server`: it is a server's.
    pub(super) fn answered(&mut self, client: &Client, status: u16, from_server: bool) {
        self.status = Some(status);
        if from_server {
            self.upstream = self.chosen.map(|at| at.elapsed());
        }
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|c| client.counts().responses.get(c)) {
            counter.add(1);
        }
    }
}

/// A request came to its end, whatever that is.
pub(super) fn end(connection: &Connection, job: &mut Job) {
    if let Some(started) = job.story.started {
        log(connection, job, started);
    }
    // The server's share ends here.
    job.story = Story::default();
}

fn log(connection: &Connection, job: &Job, started: Instant) {
    let story = &job.story;
    let head = job.head();
    let buf = job.from_client.held();
    let attempts = story.attempts.as_ref();
    let error = story.fault.as_ref().map(Fault::for_log);
    // The target as it was sent, except that what an absolute one says of the host stands in `host`.
    let path = head.map(|head| text(head.path_and_query(buf)));
    connection.worker.log.write(&Record {
        listener: &connection.listener.config.name,
        client: connection.client,
        method: head.map(|head| text(head.method_bytes(buf))),
        host: head.and_then(|head| head.host(buf)).map(text),
        path,
        status: story.status,
        pool: attempts.map(|a| a.pool().config.name.as_str()),
        server: story.lease.as_ref().map(|l| l.server.name.as_str()),
        bytes_in: story.bytes_in,
        bytes_out: story.bytes_out,
        duration: started.elapsed(),
        upstream: story.upstream,
        retries: attempts.map_or(0, Attempts::retries),
        error: error.as_deref(),
    });
}

/// Parts of a head that was accepted are ASCII.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
