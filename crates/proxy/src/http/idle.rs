//! Connections to servers, and those that wait for their next request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halo_config::Pool;
use hyper::client::conn::http1::{Builder, Parts, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, interval, timeout};

use super::body::RequestBody;
use crate::fault::Fault;
use crate::snapshot::ServerShared;
use crate::stream::{Meter, Stream};
use crate::worker::{View, Worker};

/// Largest header section taken from a server: four times what most servers send at most.
const MAX_RESPONSE_HEADER: usize = 64 * 1024;

/// How often connections that are too old or closed are dropped.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// How long a connection may take to be ready again after the end of a response.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// A connection to a server. Closed when dropped.
#[derive(Debug)]
pub(super) struct ServerConnection {
    pub(super) server: Arc<ServerShared>,
    pub(super) sender: SendRequest<RequestBody>,
    /// The stream, once the connection stopped speaking HTTP.
    pub(super) parts: oneshot::Receiver<Parts<TokioIo<Stream>>>,
    pub(super) meter: Rc<Meter>,
    /// Whether it has carried a request before.
    pub(super) reused: bool,
    task: AbortOnDrop,
}

#[derive(Debug)]
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ServerConnection {
    /// Speaks HTTP on an established connection.
    pub(super) async fn open(tcp: TcpStream, server: Arc<ServerShared>) -> Result<Self, Fault> {
        let meter = Meter::new();
        let io = TokioIo::new(Stream::new(tcp, meter.clone()));
        let (sender, connection) = Builder::new()
            .max_header_size(MAX_RESPONSE_HEADER)
            .handshake(io)
            .await
            .map_err(|_| Fault::ServerClosed)?;
        let (finished, parts) = oneshot::channel();
        let task = spawn_local(async move {
            match connection.without_shutdown().await {
                // If nobody waits for it, the stream is closed, which is right.
                Ok(parts) => drop(finished.send(parts)),
                Err(error) => tracing::trace!(%error, "a server connection ended"),
            }
        });
        Ok(Self {
            server,
            sender,
            parts,
            meter,
            reused: false,
            task: AbortOnDrop(task.abort_handle()),
        })
    }

    fn is_usable(&self) -> bool {
        self.sender.is_ready() && !self.task.0.is_finished()
    }
}

/// A worker's idle connections, by server.
#[derive(Debug, Default)]
pub(crate) struct Upstreams(RefCell<HashMap<u64, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    connection: ServerConnection,
    expires: Instant,
}

impl Upstreams {
    /// The connection that was used last: it is the least likely to be closed, and the others get to
    /// grow old.
    pub(super) fn take(&self, server: u64) -> Option<ServerConnection> {
        let now = Instant::now();
        let mut all = self.0.borrow_mut();
        let idle = all.get_mut(&server)?;
        while let Some(Idle {
            connection,
            expires,
        }) = idle.pop()
        {
            if expires > now && connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request, as soon as it is ready for one.
    pub(super) fn give_back(
        &self,
        worker: &Rc<Worker>,
        connection: ServerConnection,
        pool: &Arc<Pool>,
    ) {
        if connection.is_usable() {
            self.keep(worker, connection, pool);
        } else if !connection.sender.is_closed() {
            let (worker, pool, mut connection) = (worker.clone(), pool.clone(), connection);
            spawn_local(async move {
                let ready = poll_fn(|cx| connection.sender.poll_ready(cx));
                if let Ok(Ok(())) = timeout(READY_WITHIN, ready).await {
                    worker.upstreams.keep(&worker, connection, &pool);
                }
            });
        }
    }

    fn keep(&self, worker: &Worker, mut connection: ServerConnection, pool: &Pool) {
        let server = connection.server.id;
        if !worker.view().is_available(server) {
            return;
        }
        let most = pool.max_idle.div_ceil(worker.workers);
        let mut all = self.0.borrow_mut();
        let idle = all.entry(server).or_default();
        if idle.len() >= most {
            return;
        }
        connection.reused = true;
        idle.push(Idle {
            connection,
            expires: Instant::now() + pool.timeouts.idle,
        });
    }

    /// Closes the connections to servers that take no new work.
    pub(crate) fn keep_only(&self, view: &View) {
        self.0
            .borrow_mut()
            .retain(|&server, _| view.is_available(server));
    }

    /// Drops connections that are closed or too old, for as long as the worker runs.
    pub(crate) async fn reap(&self) {
        let mut tick = interval(REAP_EVERY);
        loop {
            tick.tick().await;
            let now = Instant::now();
            self.0.borrow_mut().retain(|_, idle| {
                idle.retain(|i| i.expires > now && i.connection.is_usable());
                !idle.is_empty()
            });
        }
    }
}
