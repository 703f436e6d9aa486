//! An accepted connection among the others.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halo_packet::proxy::Endpoints;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{View, Worker};
use crate::fault::Fault;
use crate::log::Record;
use crate::snapshot::ListenerEntry;

/// How the connections of a listener go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// As usual.
    Serving,
    /// They finish what they are doing, and are cut off at `until`.
    Draining { since: Instant, until: Instant },
}

/// A listener, and the view that it is part of.
pub(crate) type Configuration = (Rc<View>, Arc<ListenerEntry>);

/// An accepted connection's place among the others: counted as long as this exists.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    /// As it was when the connection was accepted.
    pub(crate) view: Rc<View>,
    pub(crate) listener: Arc<ListenerEntry>,
    pub(crate) client: SocketAddr,
    /// The address that the client connected to.
    pub(crate) destination: SocketAddr,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl Connection {
    pub(super) fn new(
        worker: Rc<Worker>,
        (view, listener): Configuration,
        ends: Endpoints,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        worker.born();
        let counts = &listener.shared.counts[worker.index];
        counts.connections.add(1);
        counts.connections_total.add(1);
        Self {
            worker,
            view,
            listener,
            client: ends.source,
            destination: ends.destination,
            phase,
        }
    }

    /// The client and the address that it connected to.
    pub(crate) fn ends(&self) -> Endpoints {
        Endpoints {
            source: self.client,
            destination: self.destination,
        }
    }

    pub(super) fn introduce(&mut self, ends: Endpoints) {
        self.client = ends.source;
        self.destination = ends.destination;
    }

    /// Notes that nothing was made of the connection.
    pub(super) fn refuse(&self, fault: &Fault) {
        if !self.worker.view().snapshot.access_log {
            return;
        }
        self.worker.log.write(&Record {
            listener: &self.listener.config.name,
            client: self.client,
            method: None,
            host: None,
            path: None,
            status: None,
            pool: None,
            server: None,
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            upstream: None,
            retries: 0,
            error: Some(&fault.for_log()),
        });
    }
}

impl Connection {
    /// The configuration in force, or if the listener is gone from it, the one that it was accepted
    /// by.
    pub(crate) fn configuration(&self) -> Configuration {
        let now = self.worker.view();
        match now.snapshot.listener(&self.listener.config.name) {
            Some(listener) => {
                let listener = listener.clone();
                (now, listener)
            }
            None => (self.view.clone(), self.listener.clone()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let shared = &self.listener.shared;
        shared.counts[self.worker.index].connections.sub(1);
        shared.gate.leave();
        self.worker.died();
    }
}
