//! Accepting connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::door::{Door, Moved};
use super::{Configuration, View, Worker};
use crate::snapshot::ListenerEntry;

/// First wait after the system could not give a connection out (no file descriptor, no memory);
/// doubled with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Longest such wait: short enough that clients in the queue do not give up.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The control side of one listening socket.
#[derive(Debug)]
pub(super) struct Acceptor {
    door: Rc<Door>,
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
            door: Rc::new(Door::new(worker, address, configuration)),
            stop,
        };
        let accepting = Accepting {
            socket: TcpListener::from_std(socket.into())?,
            door: acceptor.door.clone(),
            pause: None,
            parked: None,
        };
        accepting.door.worker().born();
        spawn_local(accepting.run(stopped));
        Ok(acceptor)
    }

    /// Follows a changed configuration. If the address belongs to another listener now, the
    /// connections of the old one finish until then.
    pub(super) fn update(&self, view: &Rc<View>, listener: &Arc<ListenerEntry>, until: Instant) {
        self.door.update(view, listener, until);
    }

    /// Stops accepting, after what waits; connections finish until then.
    pub(super) fn close(&self, until: Instant) {
        self.stop.send_replace(true);
        self.door.close(until);
    }

    /// Connections on these addresses finish until then, those to come as well.
    pub(super) fn drain(&self, addresses: &[IpAddr], until: Instant) {
        self.door.drain(addresses, until);
    }

    /// Connections to come on these addresses are ordinary ones again.
    pub(super) fn serve(&self, addresses: &[IpAddr]) {
        self.door.serve_addresses(addresses);
    }

    /// Takes in a connection from another worker, unless it is another listener's.
    pub(super) fn take(&self, moved: Moved) -> Result<(), Moved> {
        self.door.take(moved)
    }
}

/// The task of one listening socket.
struct Accepting {
    socket: TcpListener,
    door: Rc<Door>,
    /// Set while the system cannot give connections out.
    pause: Option<Duration>,
    /// A connection that came in while other workers took the last places below the limit.
    parked: Option<(TcpStream, SocketAddr)>,
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.door.worker().died();
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
            let listener = self.door.listener();
            listener.shared.gate.room().await;
            match self.socket.accept().await {
                Ok(accepted) => {
                    self.parked = Some(accepted);
                    self.pause = None;
                }
                Err(error) => return self.pause = self.pause_after(&error),
            }
        }
        let listener = self.door.listener();
        listener.shared.gate.enter().await;
        match self.parked.take() {
            Some((stream, client)) => self.door.admit(stream, client),
            None => listener.shared.gate.leave(),
        }
    }

    /// Serves the connections that are in the queue already: their clients take them for accepted.
    fn accept_waiting(mut self) {
        let listener = self.door.listener();
        let parked = self.parked.take();
        // Asked directly, since the runtime may not have seen the last of them yet.
        let Accepting { socket, .. } = &self;
        let queued = std::iter::from_fn(|| accept_queued(socket));
        for (stream, client) in parked.into_iter().chain(queued) {
            if !listener.shared.gate.try_enter() {
                return;
            }
            self.door.serve(stream, client);
        }
    }

    fn pause_after(&self, error: &io::Error) -> Option<Duration> {
        if is_transient(error) {
            return None;
        }
        if self.pause.is_none() {
            tracing::error!(
                address = %self.door.address(), %error,
                "cannot accept connections; they wait. Raise the limit of open files (LimitNOFILE, ulimit -n) or lower max_connections"
            );
        }
        Some(
            self.pause
                .map_or(FIRST_PAUSE, |p| (p * 2).min(LONGEST_PAUSE)),
        )
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
