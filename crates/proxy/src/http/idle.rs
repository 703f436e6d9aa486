//! A worker's idle connections to servers.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use halo_config::Pool;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::snapshot::ServerShared;
use crate::worker::{ById, Tick, Timers, View, Worker};

/// How often connections that are too old or closed are dropped.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// A connection to a server. Closed when dropped.
#[derive(Debug)]
pub(super) struct ServerConnection {
    pub(super) tcp: TcpStream,
    pub(super) server: Arc<ServerShared>,
}

impl ServerConnection {
    pub(super) fn new(tcp: TcpStream, server: Arc<ServerShared>) -> Self {
        Self { tcp, server }
    }

    /// Whether it is open and nothing was sent on it unasked. Costs a system call only when the
    /// event loop has heard something of it.
    fn is_usable(&self) -> bool {
        matches!(self.tcp.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The same, and asks the system, which may know what the event loop has not heard yet.
    fn is_surely_usable(&self) -> bool {
        let peeked = SockRef::from(&self.tcp).peek(&mut [MaybeUninit::uninit()]);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A worker's idle connections, by server.
#[derive(Debug, Default)]
pub(crate) struct Upstreams(RefCell<ById<Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    connection: ServerConnection,
    expires: Tick,
}

impl Upstreams {
    /// The connection that was used last: it is the least likely to be closed, and the others get to
    /// grow old. `careful`: a system call is worth knowing that it is open.
    pub(super) fn take(&self, server: u64, careful: bool) -> Option<ServerConnection> {
        let mut all = self.0.borrow_mut();
        let idle = all.get_mut(&server)?;
        while let Some(Idle { connection, .. }) = idle.pop() {
            if connection.is_usable() && (!careful || connection.is_surely_usable()) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn give_back(&self, worker: &Worker, connection: ServerConnection, pool: &Pool) {
        let server = connection.server.id;
        // Such a connection says whose it is.
        let is_its_clients = pool.proxy_protocol.is_some() || pool.transparent;
        if is_its_clients || !worker.view().is_available(server) {
            return;
        }
        let most = pool.max_idle.div_ceil(worker.workers);
        let mut all = self.0.borrow_mut();
        let idle = all.entry(server).or_default();
        if idle.len() < most {
            let expires = worker.timers.after(pool.timeouts.idle);
            idle.push(Idle {
                connection,
                expires,
            });
        }
    }

    /// Closes the connections to servers that take no new work.
    pub(crate) fn keep_only(&self, view: &View) {
        self.0
            .borrow_mut()
            .retain(|&server, _| view.is_available(server));
    }

    /// Drops connections that are closed or too old, for as long as the worker runs.
    pub(crate) async fn reap(&self, timers: &Timers) {
        let mut tick = interval(REAP_EVERY);
        loop {
            tick.tick().await;
            let now = timers.now();
            for idle in self.0.borrow_mut().values_mut() {
                idle.retain(|i| i.expires > now && i.connection.is_usable());
            }
        }
    }
}
