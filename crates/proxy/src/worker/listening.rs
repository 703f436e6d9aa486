//! One socket that clients come to, for connections or for datagrams.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use socket2::Socket;
use tokio::time::Instant;

use super::accept::Acceptor;
use super::door::Moved;
use super::{Configuration, View, Worker};
use crate::snapshot::{ListenerEntry, Place};
use crate::udp::Port;

/// The control side of a socket.
#[derive(Debug)]
pub(super) enum Listening {
    Connections(Acceptor),
    Datagrams(Port),
}

impl Listening {
    pub(super) fn start(
        worker: Rc<Worker>,
        place: Place,
        socket: Socket,
        configuration: Configuration,
    ) -> io::Result<Self> {
        let Place { address, datagrams } = place;
        Ok(if datagrams {
            Self::Datagrams(Port::start(worker, address, socket, configuration)?)
        } else {
            Self::Connections(Acceptor::start(worker, address, socket, configuration)?)
        })
    }

    /// Takes in a connection from another worker, unless it is another listener's.
    pub(super) fn take(&self, moved: Moved) -> Result<(), Moved> {
        match self {
            Self::Connections(acceptor) => acceptor.take(moved),
            Self::Datagrams(_) => Err(moved),
        }
    }

    /// Follows a changed configuration. What an old listener began finishes until then.
    pub(super) fn update(&self, view: &Rc<View>, listener: &Arc<ListenerEntry>, until: Instant) {
        match self {
            Self::Connections(acceptor) => acceptor.update(view, listener, until),
            Self::Datagrams(port) => port.update(view, listener),
        }
    }

    /// Takes nothing new, after what waits; the rest finishes until then.
    pub(super) fn close(&self, until: Instant) {
        match self {
            Self::Connections(acceptor) => acceptor.close(until),
            Self::Datagrams(port) => port.close(until),
        }
    }

    /// What came to these addresses finishes until then. Datagrams go wherever the addresses went, and
    /// there is nothing to finish here.
    pub(super) fn drain(&self, addresses: &[IpAddr], until: Instant) {
        match self {
            Self::Connections(acceptor) => acceptor.drain(addresses, until),
            Self::Datagrams(_) => {}
        }
    }

    /// What comes to these addresses is served as usual again.
    pub(super) fn serve(&self, addresses: &[IpAddr]) {
        match self {
            Self::Connections(acceptor) => acceptor.serve(addresses),
            Self::Datagrams(_) => {}
        }
    }
}
