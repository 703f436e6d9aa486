//! Where the connections of a listening socket come in: which worker serves one, and by what.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use halo_config::Protocol;
use halo_packet::proxy::{Endpoints, Header};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::connection::{Configuration, Connection};
use super::phases::Phases;
use super::share::{Recent, share};
use super::{Command, View, Worker};
use crate::snapshot::{ListenerEntry, Place, Snapshot};
use crate::{http, preamble, tcp};

/// One worker's side of a place.
#[derive(Debug)]
pub(super) struct Door {
    worker: Rc<Worker>,
    address: SocketAddr,
    configuration: RefCell<Configuration>,
    phases: Phases,
    recent: Recent,
}

/// A connection that goes from one worker to another, in its place below the listener's limit.
#[derive(Debug)]
pub(crate) struct Moved {
    stream: std::net::TcpStream,
    client: SocketAddr,
    pub(super) place: Place,
    /// What it was accepted by.
    snapshot: Arc<Snapshot>,
    listener: Arc<ListenerEntry>,
}

impl Door {
    pub(super) fn new(
        worker: Rc<Worker>,
        address: SocketAddr,
        configuration: Configuration,
    ) -> Self {
        Self {
            worker,
            address,
            configuration: RefCell::new(configuration),
            phases: Phases::new(address),
            recent: Recent::default(),
        }
    }

    pub(super) fn worker(&self) -> &Worker {
        &self.worker
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listener(&self) -> Arc<ListenerEntry> {
        self.configuration.borrow().1.clone()
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

    /// Connections finish until then, those to come as well.
    pub(super) fn close(&self, until: Instant) {
        self.phases.close(until);
    }

    /// Connections on these addresses finish until then, those to come as well.
    pub(super) fn drain(&self, addresses: &[IpAddr], until: Instant) {
        self.phases.drain(addresses, until);
    }

    /// Connections to come on these addresses are ordinary ones again.
    pub(super) fn serve_addresses(&self, addresses: &[IpAddr]) {
        self.phases.serve(addresses);
    }

    /// Takes in a connection that has its place: to serve it here, or where there are fewer.
    pub(super) fn admit(&self, stream: TcpStream, client: SocketAddr) {
        match self.less_busy() {
            Some(other) => self.pass_on(other, stream, client),
            None => self.serve(stream, client),
        }
    }

    /// Another worker that is to serve the next connection.
    fn less_busy(&self) -> Option<usize> {
        let workers = self.worker.workers;
        if workers == 1 {
            return None;
        }
        let recent = self.recent.note(&self.worker.timers);
        let configuration = self.configuration.borrow();
        let shared = &configuration.1.shared;
        let own = shared.load(self.worker.index) + 1;
        if own <= share(shared.gate.taken(), workers as u64, own, recent) {
            return None;
        }
        let loads = (0..workers).map(|worker| (shared.load(worker), worker));
        let (load, other) = loads.min()?;
        (load + 1 < own).then_some(other)
    }

    fn pass_on(&self, other: usize, stream: TcpStream, client: SocketAddr) {
        let Some(commands) = self.worker.peers[other].upgrade() else {
            return self.serve(stream, client);
        };
        let (view, listener) = self.configuration.borrow().clone();
        let shared = listener.shared.clone();
        let stream = match stream.into_std() {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(address = %self.address, %error, "a connection is lost on its way to another worker");
                return shared.gate.leave();
            }
        };
        let moved = Moved {
            stream,
            client,
            place: Place {
                address: self.address,
                datagrams: false,
            },
            snapshot: view.snapshot.clone(),
            listener,
        };
        shared.incoming[other].fetch_add(1, Ordering::Relaxed);
        if commands.send(Command::Serve(Box::new(moved))).is_err() {
            // It is gone with all that it had; so is the data plane, in a moment.
            shared.gate.leave();
        }
    }

    /// Takes in a connection from another worker, unless it is another listener's.
    pub(super) fn take(&self, moved: Moved) -> Result<(), Moved> {
        if !Arc::ptr_eq(
            &self.configuration.borrow().1.shared,
            &moved.listener.shared,
        ) {
            return Err(moved);
        }
        moved.arrive(self);
        Ok(())
    }

    /// Starts the task of a connection that has its place.
    pub(super) fn serve(&self, stream: TcpStream, client: SocketAddr) {
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
}

impl Moved {
    /// Serves a connection whose listener is not here any more: it finishes like the others that the
    /// listener had.
    pub(super) fn finish(self, worker: &Rc<Worker>) {
        let view = worker.view_of(&self.snapshot);
        let until = Instant::now() + view.snapshot.drain_timeout;
        let door = Door::new(
            worker.clone(),
            self.place.address,
            (view, self.listener.clone()),
        );
        door.close(until);
        self.arrive(&door);
    }

    fn arrive(self, door: &Door) {
        let shared = &self.listener.shared;
        shared.incoming[door.worker.index].fetch_sub(1, Ordering::Relaxed);
        match TcpStream::from_std(self.stream) {
            Ok(stream) => door.serve(stream, self.client),
            Err(error) => {
                tracing::error!(address = %door.address, %error, "a connection from another worker is lost");
                shared.gate.leave();
            }
        }
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
