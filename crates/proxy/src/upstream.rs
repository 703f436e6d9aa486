//! Reaching a server: choice, connect, and the next one when that fails.

mod dial;
mod seat;

use std::rc::Rc;
use std::sync::Arc;

use halo_balance::Tried;

use crate::fault::Fault;
use crate::snapshot::{PoolEntry, ServerShared};
use crate::worker::{View, Worker};

pub(crate) use dial::{dial, greet};
pub(crate) use seat::{Handed, Seat, Seated, is_surely_usable, take_seat};

/// One request's or connection's way through the servers of a pool.
#[derive(Debug)]
pub(crate) struct Attempts {
    worker: Rc<Worker>,
    view: Rc<View>,
    pool: usize,
    tried: Tried,
    retries: u32,
    /// The first server that was passed over as it has as many connections as it may.
    full: Option<usize>,
    /// The server that failed last, and how.
    failed: Option<(Arc<ServerShared>, Fault)>,
}

impl Attempts {
    pub(crate) fn new(worker: Rc<Worker>, view: Rc<View>, pool: usize) -> Self {
        Self {
            worker,
            view,
            pool,
            tried: Tried::new(),
            retries: 0,
            full: None,
            failed: None,
        }
    }

    pub(crate) fn pool(&self) -> &Arc<PoolEntry> {
        &self.view.snapshot.pools[self.pool]
    }

    /// How many servers failed and were followed by another.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }

    /// The next server; counts the request as given to it. After [`Attempts::failed`], another one,
    /// unless the pool's retries are used up or no other is available. One that has as many connections
    /// as it may is chosen only when all others have, too, or none are.
    pub(crate) fn next(&mut self) -> Result<Lease, Fault> {
        let failed = match self.failed.take() {
            Some((_, fault)) if self.retries >= self.pool().config.retries => return Err(fault),
            failed => failed,
        };
        let latest = self.worker.view();
        let Some(server) = self.pick(&latest) else {
            return Err(failed.map_or(Fault::NoServer, |(_, fault)| fault));
        };
        if let Some((server, _)) = failed {
            self.retries += 1;
            server.counts[self.worker.index].retries.add(1);
        }
        let server = self.pool().servers[server].shared.clone();
        Ok(Lease::new(server, self.worker.index))
    }

    fn pick(&mut self, latest: &View) -> Option<usize> {
        while let Some(server) = self.view.pick(self.pool, &self.tried, latest) {
            self.tried.insert(server);
            if self.pool().servers[server].shared.has_room() {
                return Some(server);
            }
            self.full.get_or_insert(server);
        }
        self.full.take()
    }

    /// Notes that a server failed. The fault comes back when no other may be tried.
    pub(crate) fn failed(&mut self, lease: Lease, fault: Fault) -> Result<(), Fault> {
        if !fault.may_try_another() {
            return Err(fault);
        }
        lease.server.counts[self.worker.index]
            .connect_failures
            .add(1);
        self.failed = Some((lease.server.clone(), fault));
        Ok(())
    }
}

/// A server's share in a request or connection: counted as in flight as long as this exists.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) server: Arc<ServerShared>,
    worker: usize,
}

impl Lease {
    pub(crate) fn new(server: Arc<ServerShared>, worker: usize) -> Self {
        let counts = &server.counts[worker];
        counts.active.add(1);
        counts.total.add(1);
        Self { server, worker }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.server.counts[self.worker].active.sub(1);
    }
}
