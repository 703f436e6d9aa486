//! Accepting connections.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halo_config::Protocol;
use halo_packet::proxy::{Endpoints, Header};
use socket2::Socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::phases::Phases;
use super::{View, Worker};
use crate::fault::Fault;
use crate::log::Record;
use crate::snapshot::ListenerEntry;
use crate::{http, preamble, tcp};

/// First wait after the system could not give a connection out (no file descriptor, no memory);
/// doubled with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Longest such wait: short enough that clients in the queue do not give up.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

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

/// The control side of one listening socket.
#[derive(Debug)]
pub(super) struct Acceptor {
    configuration: Rc<RefCell<Configuration>>,
    phases: Rc<Phases>,
    stop: watch::Sender<bool>,
}

impl Acceptor {
    pub(super) fn start(
        worker: Rc<Worker>,
        address: SocketAddr,
        socket: Socket,
        configuration: Configuration,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let acceptor = Self {
            configuration: Rc::new(RefCell::new(configuration)),
            phases: Rc::new(Phases::new(address)),
            stop,
        };
        let accepting = Accepting {
            socket: TcpListener::from_std(socket.into())?,
            address,
            configuration: acceptor.configuration.clone(),
            phases: acceptor.phases.clone(),
            worker,
            pause: None,
            parked: None,
        };
        accepting.worker.born();
        spawn_local(accepting.run(stopped));
        Ok(acceptor)
    }

    /// Follows a changed configuration. If the address belongs to another listener now, the
    /// connections of the old one finish until then.
    pub(super) fn update(&self, view: &Rc<View>, listener: &Arc<ListenerEntry>, until: Instant) {
        let now = (view.clone(), listener.clone());
        let (_, before) = self.configuration.replace(now);
        if before.config.name != listener.config.name
            || before.config.protocol != listener.config.protocol
        {
            self.phases.replace(until);
        }
    }

    /// Stops accepting, after what waits; connections finish until then.
    pub(super) fn close(&self, until: Instant) {
        self.stop.send_replace(true);
        self.phases.close(until);
    }

    /// Connections on these addresses finish until then, those to come as well.
    pub(super) fn drain(&self, addresses: &[IpAddr], until: Instant) {
        self.phases.drain(addresses, until);
    }

    /// Connections to come on these addresses are ordinary ones again.
    pub(super) fn serve(&self, addresses: &[IpAddr]) {
        self.phases.serve(addresses);
    }
}

/// The task of one listening socket.
struct Accepting {
    socket: TcpListener,
    address: SocketAddr,
    configuration: Rc<RefCell<Configuration>>,
    phases: Rc<Phases>,
    worker: Rc<Worker>,
    /// Set while the system cannot give connections out.
    pause: Option<Duration>,
    /// A connection that came in while other workers took the last places below the limit.
    parked: Option<(TcpStream, SocketAddr)>,
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.worker.died();
    }
}

impl Accepting {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                biased;
                // An error means that the worker ends; then nothing more is accepted either.
                _ = stopped.wait_for(|stop| *stop) => break,
                () = self.accept_next() => {}
            }
            if let Some(pause) = self.pause {
                sleep(pause).await;
            }
        }
        self.accept_waiting();
    }

    /// Waits for a connection and for a place below the listener's limit. Nothing is lost when this
    /// is dropped at any point.
    async fn accept_next(&mut self) {
        if self.parked.is_none() {
            // At the limit, connections stay in the kernel's queue.
            let listener = self.listener();
            listener.shared.gate.room().await;
            match self.socket.accept().await {
                Ok(accepted) => {
                    self.parked = Some(accepted);
                    self.pause = None;
                }
                Err(error) => return self.pause = self.pause_after(&error),
            }
        }
        let listener = self.listener();
        listener.shared.gate.enter().await;
        match self.parked.take() {
            Some((stream, client)) => self.serve(stream, client),
            None => listener.shared.gate.leave(),
        }
    }

    /// Serves the connections that are in the queue already: their clients take them for accepted.
    fn accept_waiting(mut self) {
        let listener = self.listener();
        let parked = self.parked.take();
        // Asked directly, since the runtime may not have seen the last of them yet.
        let Accepting { socket, .. } = &self;
        let queued = std::iter::from_fn(|| accept_queued(socket));
        for (stream, client) in parked.into_iter().chain(queued) {
            if !listener.shared.gate.try_enter() {
                return;
            }
            self.serve(stream, client);
        }
    }

    /// Starts the task of a connection that has its place.
    fn serve(&self, stream: TcpStream, client: SocketAddr) {
        let configuration = self.configuration.borrow().clone();
        let protocol = configuration.1.config.protocol;
        let destination = self.destination(&stream);
        let phase = self.phases.subscribe(destination.ip());
        let ends = Endpoints {
            source: client,
            destination,
        };
        let networks = &configuration.1.config.proxy_protocol;
        let client = client.ip().to_canonical();
        let is_proxy = networks.iter().any(|network| network.contains(&client));
        let connection = Connection::new(self.worker.clone(), configuration, ends, phase);
        match (is_proxy, protocol) {
            (true, _) => spawn_local(introduced(connection, stream)),
            (false, Protocol::Http) => spawn_local(http::serve(connection, stream)),
            // Datagrams have sockets of their own.
            (false, Protocol::Tcp | Protocol::Udp) => spawn_local(tcp::serve(connection, stream)),
        };
    }

    /// The address that a client connected to. The kernel is asked only where the listener does not
    /// say it.
    fn destination(&self, stream: &TcpStream) -> SocketAddr {
        if self.address.ip().is_unspecified() {
            stream.local_addr().unwrap_or(self.address)
        } else {
            self.address
        }
    }

    fn listener(&self) -> Arc<ListenerEntry> {
        self.configuration.borrow().1.clone()
    }

    fn pause_after(&self, error: &io::Error) -> Option<Duration> {
        if is_transient(error) {
            return None;
        }
        if self.pause.is_none() {
            tracing::error!(
                address = %self.address, %error,
                "cannot accept connections; they wait. Raise the limit of open files (LimitNOFILE, ulimit -n) or lower max_connections"
            );
        }
        Some(
            self.pause
                .map_or(FIRST_PAUSE, |p| (p * 2).min(LONGEST_PAUSE)),
        )
    }
}

/// Serves a connection from a proxy, for the client that its header names.
async fn introduced(mut connection: Connection, stream: TcpStream) {
    let plumbing = &connection.worker.plumbing;
    let within = connection.listener.config.timeouts.header;
    match preamble::take_proxy_header(plumbing, &stream, within).await {
        Ok(Header::Proxied(ends)) => connection.introduce(ends),
        Ok(Header::Direct) => {}
        Err(fault) => return connection.refuse(&fault),
    }
    match connection.listener.config.protocol {
        Protocol::Http => http::serve(connection, stream).await,
        Protocol::Tcp | Protocol::Udp => tcp::serve(connection, stream).await,
    }
}

/// Whether the failure is that of one connection (accept(2): errors of the new socket), so that the
/// next may be accepted at once.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPERM
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
        )
    )
}

/// The next connection of the queue, if there is one.
fn accept_queued(socket: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    let socket = socket2::SockRef::from(socket);
    loop {
        match socket.accept4(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) {
            Ok((stream, client)) => {
                let stream = TcpStream::from_std(stream.into()).ok()?;
                return Some((stream, client.as_socket()?));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) if is_transient(&error) => {}
            Err(_) => return None,
        }
    }
}

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
    fn new(
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

    fn introduce(&mut self, ends: Endpoints) {
        self.client = ends.source;
        self.destination = ends.destination;
    }

    /// Notes that nothing was made of the connection.
    fn refuse(&self, fault: &Fault) {
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
