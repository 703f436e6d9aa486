//! Listening sockets.

use std::io;
use std::net::SocketAddr;

use halo_config::Listener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::ApplyError;

/// Connections that may wait to be accepted, for each worker; the kernel caps it at
/// `net.core.somaxconn` (4096 by default).
const BACKLOG: i32 = 4096;

/// The sockets of one address, one for each worker.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<Socket>,
}

/// Binds an address once for each worker. Nothing is accepted before [`listen`], so that a
/// configuration that fails halfway never took a connection.
pub(crate) fn bind(
    listener: &Listener,
    address: SocketAddr,
    workers: usize,
) -> Result<Bound, ApplyError> {
    let sockets = (0..workers)
        .map(|_| bind_one(address))
        .collect::<io::Result<_>>()
        .map_err(|source| error(listener, address, source))?;
    Ok(Bound { address, sockets })
}

/// Starts to take connections.
pub(crate) fn listen(listener: &Listener, bound: &Bound) -> Result<(), ApplyError> {
    bound
        .sockets
        .iter()
        .try_for_each(|socket| socket.listen(BACKLOG))
        .map_err(|source| error(listener, bound.address, source))
}

fn bind_one(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // A Standby binds the virtual IP before it holds it.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    // Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn error(listener: &Listener, address: SocketAddr, source: io::Error) -> ApplyError {
    ApplyError::Bind {
        listener: listener.name.clone(),
        address,
        source,
    }
}
