//! A worker's idle connections to servers.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use halo_config::Pool;
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::snapshot::ServerShared;
use crate::upstream::{Handed, Seat, is_surely_usable};
use crate::worker::{ById, Tick, Timers, View, Worker};

/// How often connections that are too old or closed are dropped.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// A connection to a server. Closed when dropped.
#[derive(Debug)]
pub(super) struct ServerConnection {
    pub(super) tcp: TcpStream,
    pub(super) seat: Seat,
}

impl ServerConnection {
    pub(super) fn new(tcp: TcpStream, seat: Seat) -> Self {
        Self { tcp, seat }
    }

    pub(super) fn server(&self) -> &ServerShared {
        &self.seat.server
    }

    /// Whether it is open and nothing was sent on it unasked. Costs a system call only when the
    /// event loop has heard something of it.
    fn is_usable(&self) -> bool {
        matches!(self.tcp.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A worker's idle connections, by server.
#[derive(Debug)]
pub(crate) struct Upstreams {
    worker: usize,
    idle: RefCell<ById<Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: ServerConnection,
    expires: Tick,
}

/// Whether a connection belongs to one client: it says whose it is.
pub(super) fn is_its_clients(pool: &Pool) -> bool {
    pool.proxy_protocol.is_some() || pool.transparent
}

impl Upstreams {
    pub(crate) fn new(worker: usize) -> Self {
        Self {
            worker,
            idle: RefCell::default(),
        }
    }

    /// The connection that was used last: it is the least likely to be closed, and the others get to
    /// grow old. `careful`: a system call is worth knowing that it is open.
    pub(super) fn take(&self, server: &ServerShared, careful: bool) -> Option<ServerConnection> {
        let mut all = self.idle.borrow_mut();
        let idle = all.get_mut(&server.id)?;
        let mut found = None;
        while let Some(Idle { connection, .. }) = idle.pop() {
            if connection.is_usable() && (!careful || is_surely_usable(&connection.tcp)) {
                found = Some(connection);
                break;
            }
        }
        self.count(server, idle);
        found
    }

    /// Keeps a connection for the next request, or gives it to whoever waits for one.
    pub(super) fn give_back(&self, worker: &Worker, connection: ServerConnection, pool: &Pool) {
        let id = connection.server().id;
        if is_its_clients(pool) || !worker.view().is_available(id) {
            return;
        }
        let most = pool.max_idle.div_ceil(worker.workers);
        let mut all = self.idle.borrow_mut();
        let idle = all.entry(id).or_default();
        let is_limited = connection.server().seats.is_limited();
        // Who waits for one gets it, also where none are kept.
        if idle.len() < most || is_limited {
            let expires = worker.timers.after(pool.timeouts.idle);
            let server = is_limited.then(|| connection.seat.server.clone());
            idle.push(Idle {
                connection,
                expires,
            });
            if let Some(last) = idle.last() {
                self.count(last.connection.server(), idle);
            }
            if let Some(server) = server {
                self.lend(&server, idle);
                if idle.len() > most {
                    idle.truncate(most);
                    self.count(&server, idle);
                }
            }
        }
    }

    /// Gives idle connections to those who wait for one, whichever worker they are in.
    pub(crate) fn lend_all(&self) {
        for idle in self.idle.borrow_mut().values_mut() {
            if let Some(first) = idle.first() {
                let server = first.connection.seat.server.clone();
                self.lend(&server, idle);
            }
        }
    }

    /// Gives idle connections to a server away as long as somebody waits, or there are too many.
    fn lend(&self, server: &ServerShared, idle: &mut Vec<Idle>) {
        while !idle.is_empty() && server.seats.is_pressed() {
            let Some(Idle { connection, .. }) = idle.pop() else {
                break;
            };
            self.count(server, idle);
            if connection.is_usable() {
                let ServerConnection { tcp, seat } = connection;
                let worker = self.worker;
                // Who waited may have given up; then there is one connection less.
                drop(server.seats.pass_on(Handed { tcp, seat, worker }));
            }
        }
    }

    /// Tells the other workers how many connections to a server are idle here.
    fn count(&self, server: &ServerShared, idle: &[Idle]) {
        server.counts[self.worker].idle.set(idle.len() as u64);
    }

    /// Closes the connections to servers that take no new work.
    pub(crate) fn keep_only(&self, view: &View) {
        self.idle.borrow_mut().retain(|&id, idle| {
            let stays = view.is_available(id);
            if !stays && let Some(first) = idle.first() {
                self.count(first.connection.server(), &[]);
            }
            stays
        });
    }

    /// Drops connections that are closed or too old, for as long as the worker runs.
    pub(crate) async fn reap(&self, timers: &Timers) {
        let mut tick = interval(REAP_EVERY);
        loop {
            tick.tick().await;
            let now = timers.now();
            for idle in self.idle.borrow_mut().values_mut() {
                let Some(first) = idle.first() else {
                    continue;
                };
                let server = first.connection.seat.server.clone();
                idle.retain(|i| i.expires > now && i.connection.is_usable());
                self.count(&server, idle);
            }
        }
    }
}
