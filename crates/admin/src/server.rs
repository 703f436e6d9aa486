//! Accepting connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::AdminError;
use crate::control::Control;
use crate::handle::handle;
use crate::socket::{self, SocketFile};

/// Where the admin API listens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Unix socket.
    pub socket: PathBuf,
    /// The TCP address, if any; it needs a token.
    pub listen: Option<SocketAddr>,
    /// The bearer token of the TCP address.
    pub token: Option<String>,
    /// Limits on clients.
    pub limits: Limits,
}

/// Limits on clients of the admin API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, for the Unix socket and the TCP address each; further ones wait
    /// in the kernel's queue. Default 64: people and scrapers, never traffic.
    pub connections: usize,
    /// Most bytes of a request's header section. Default 16 KiB, as for listeners.
    pub headers: usize,
    /// Most bytes of a request's body. Default 16 KiB: the longest command is a few names.
    pub body: usize,
    /// Longest wait for a request's header section, and then for its body; also how long an idle
    /// connection is kept. Default 10 s, below the usual pause between scrapes, so that scrapers
    /// do not hold connections.
    pub request_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            headers: 16 * 1024,
            body: 16 * 1024,
            request_time: Duration::from_secs(10),
        }
    }
}

/// The running admin API. Dropping it closes its sockets and connections.
#[derive(Debug)]
pub struct Server {
    token: Token,
    listen: Option<SocketAddr>,
    _tasks: Vec<AbortOnDropHandle<()>>,
    _socket: SocketFile,
}

/// The token in force, shared with the connections.
type Token = Arc<RwLock<Option<Arc<str>>>>;

/// What every connection needs.
#[derive(Debug)]
struct Shared<C> {
    control: C,
    limits: Limits,
    /// `None`: no token is asked for.
    token: Option<Token>,
}

impl Server {
    /// Listens, and answers from `control` on the current runtime.
    ///
    /// # Errors
    /// When an address cannot be bound, or the TCP address has no token.
    pub async fn start<C: Control + Clone>(
        control: C,
        settings: Settings,
    ) -> Result<Self, AdminError> {
        let token: Token = Arc::default();
        let (unix, socket) = socket::listen(&settings.socket).await?;
        let mut listen = None;
        let mut tasks = Vec::new();
        if let Some(address) = settings.listen {
            if settings.token.as_deref().is_none_or(str::is_empty) {
                return Err(AdminError::NoToken { address });
            }
            let (tcp, bound) = bind(address).await?;
            listen = Some(bound);
            let shared = Arc::new(Shared {
                control: control.clone(),
                limits: settings.limits,
                token: Some(token.clone()),
            });
            tasks.push(AbortOnDropHandle::new(tokio::spawn(accept(tcp, shared))));
        }
        let shared = Arc::new(Shared {
            control,
            limits: settings.limits,
            token: None,
        });
        tasks.push(AbortOnDropHandle::new(tokio::spawn(accept(unix, shared))));
        let server = Self {
            token,
            listen,
            _tasks: tasks,
            _socket: socket,
        };
        server.set_token(settings.token.as_deref());
        Ok(server)
    }

    /// Asks for this token from now on; without one the TCP address refuses what needs it.
    pub fn set_token(&self, token: Option<&str>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token.map(Arc::from);
    }

    /// The TCP address in use.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AdminError> {
    let failed = |source| AdminError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// A listening socket of either kind.
trait Listener: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        Ok(Self::accept(self).await?.0)
    }
}

impl Listener for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        Ok(Self::accept(self).await?.0)
    }
}

async fn accept<L: Listener, C: Control>(listener: L, shared: Arc<Shared<C>>) {
    let room = Arc::new(Semaphore::new(shared.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok(stream) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    serve(stream, &shared).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, mostly: the connection stays in the queue, and trying again
                // at once would only burn the processor.
                tracing::warn!("admin API: accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve<S, C>(stream: S, shared: &Shared<C>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    C: Control,
{
    let service = service_fn(|request: Request<Incoming>| async {
        let token = shared.token.as_ref().map(current);
        let reply = handle(request, &shared.control, token.as_deref(), shared.limits).await;
        Ok::<_, Infallible>(reply)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.request_time)
        .max_buf_size(shared.limits.headers)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("admin API: connection: {error}");
    }
}

/// The token to ask for. None set: an empty one, which no request can carry.
fn current(token: &Token) -> Arc<str> {
    let token = token.read().unwrap_or_else(PoisonError::into_inner);
    token.clone().unwrap_or_else(|| Arc::from(""))
}
