//! One request from its arrival to the end of its response: what is counted and logged.

use std::rc::Rc;
use std::time::Duration;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};
use tokio::time::Instant;

use super::body::Upload;
use super::client::Client;
use super::idle::ServerConnection;
use crate::fault::Fault;
use crate::log::Record;
use crate::upstream::{Attempts, Lease};
use crate::worker::Connection;

/// What is known of a request. Counted and logged when it is dropped.
pub(super) struct Exchange {
    pub(super) connection: Rc<Connection>,
    pub(super) client: Rc<Client>,
    pub(super) upload: Rc<Upload>,
    started: Instant,
    line: Option<RequestLine>,
    status: Option<StatusCode>,
    pub(super) attempts: Option<Attempts>,
    /// The server that answers.
    pub(super) lease: Option<Lease>,
    /// From the choice of a server to the head of its response.
    pub(super) upstream: Option<Duration>,
    pub(super) bytes_out: u64,
    pub(super) fault: Option<Fault>,
}

/// What was asked for; cheap to hold, since all of it is shared with the request.
struct RequestLine {
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
}

impl Exchange {
    pub(super) fn new(
        connection: Rc<Connection>,
        client: Rc<Client>,
        request: Option<&Parts>,
    ) -> Self {
        let upload = Rc::new(Upload::default());
        client.request_began(upload.clone());
        let counts = &connection.listener.shared.counts[connection.worker.index];
        counts.requests.add(1);
        Self {
            connection,
            client,
            upload,
            started: Instant::now(),
            line: request.map(|request| RequestLine {
                method: request.method.clone(),
                uri: request.uri.clone(),
                host: request.headers.get(HOST).cloned(),
            }),
            status: None,
            attempts: None,
            lease: None,
            upstream: None,
            bytes_out: 0,
            fault: None,
        }
    }

    /// The head of the response is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.client.response_began();
        let counts = &self.connection.listener.shared.counts[self.connection.worker.index];
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = class.checked_sub(1).and_then(|c| counts.responses.get(c)) {
            counter.add(1);
        }
    }

    pub(super) fn upload_is_done(&self) -> bool {
        self.upload.done_at().is_some()
    }

    /// Counts what a tunnel received from the client.
    pub(super) fn upload_tunnelled(&self, bytes: u64) {
        self.upload.add(bytes);
    }

    /// Keeps the server's connection for the next request.
    pub(super) fn give_back(&self, connection: ServerConnection) {
        let worker = &self.connection.worker;
        let Some(attempts) = &self.attempts else {
            return;
        };
        worker
            .upstreams
            .give_back(worker, connection, &attempts.pool().config);
    }

    /// Ends the request; `complete`: the client was given the whole response.
    pub(super) fn finish(mut self, complete: bool) {
        if !complete && self.fault.is_none() {
            self.fault = Some(self.client.why_ended());
        }
    }

    fn log(&self) {
        let worker = &self.connection.worker;
        if !worker.view().snapshot.access_log {
            return;
        }
        let line = self.line.as_ref();
        let error = self.fault.as_ref().map(Fault::for_log);
        let attempts = self.attempts.as_ref();
        worker.log.write(&Record {
            listener: &self.connection.listener.config.name,
            client: self.connection.client,
            method: line.map(|l| l.method.as_str()),
            host: line
                .and_then(|l| l.host.as_ref())
                .and_then(|host| host.to_str().ok()),
            path: line.map(|l| l.uri.path_and_query().map_or(l.uri.path(), |p| p.as_str())),
            status: self.status.map(|s| s.as_u16()),
            pool: attempts.map(|a| a.pool().config.name.as_str()),
            server: self.lease.as_ref().map(|l| l.server.name.as_str()),
            bytes_in: self.upload.bytes(),
            bytes_out: self.bytes_out,
            duration: self.started.elapsed(),
            upstream: self.upstream,
            retries: attempts.map_or(0, Attempts::retries),
            error: error.as_deref(),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.status.is_none() && self.fault.is_none() {
            // Dropped while it waited for a server.
            self.fault = Some(self.client.why_ended());
        }
        self.client.request_ended();
        self.log();
    }
}
