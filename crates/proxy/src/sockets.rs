//! Listening sockets.

use std::io;
use std::net::SocketAddr;

use halo_config::Listener;
use halo_netio::udp;
use socket2::{Domain, Protocol, Socket, Type};

use crate::ApplyError;
use crate::snapshot::Place;

/// Connections that may wait to be accepted, for each worker; the kernel caps it at
/// `net.core.somaxconn` (4096 by default).
const BACKLOG: i32 = 4096;

/// Bytes of datagrams that may wait to be received, for each worker: some milliseconds of a flood.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// The sockets of one place, one for each worker.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) place: Place,
    pub(crate) sockets: Vec<Socket>,
}

/// Binds a place once for each worker. No connection is accepted before [`listen`], so that a
/// configuration that fails halfway never took one.
pub(crate) fn bind(listener: &Listener, place: Place, workers: usize) -> Result<Bound, ApplyError> {
    let sockets = (0..workers)
        .map(|_| bind_one(place))
        .collect::<io::Result<_>>()
        .map_err(|source| error(listener, place.address, source))?;
    Ok(Bound { place, sockets })
}

/// Starts to take connections.
pub(crate) fn listen(listener: &Listener, bound: &Bound) -> Result<(), ApplyError> {
    if bound.place.datagrams {
        return Ok(());
    }
    bound
        .sockets
        .iter()
        .try_for_each(|socket| socket.listen(BACKLOG))
        .map_err(|source| error(listener, bound.place.address, source))
}

fn bind_one(place: Place) -> io::Result<Socket> {
    let Place { address, datagrams } = place;
    let (kind, protocol) = if datagrams {
        (Type::DGRAM, Protocol::UDP)
    } else {
        (Type::STREAM, Protocol::TCP)
    };
    let socket = Socket::new(
        Domain::for_address(address),
        kind.nonblocking(),
        Some(protocol),
    )?;
    socket.set_reuse_port(true)?;
    // A Standby binds the virtual IP before it holds it.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    if datagrams {
        prepare_for_datagrams(&socket, address)?;
    } else {
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit it, which saves a system call for each.
        socket.set_tcp_nodelay(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn prepare_for_datagrams(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.ip().is_unspecified() {
        udp::tell_destination(socket, address.is_ipv6())?;
    }
    // Both are a matter of speed: the kernel may know no trains, and caps buffers at net.core.rmem_max.
    for outcome in [
        udp::take_trains(socket),
        socket.set_recv_buffer_size(RECEIVE_BUFFER),
    ] {
        if let Err(error) = outcome {
            tracing::debug!(%address, %error, "a UDP socket is not as fast as it could be");
        }
    }
    Ok(())
}

fn error(listener: &Listener, address: SocketAddr, source: io::Error) -> ApplyError {
    ApplyError::Bind {
        listener: listener.name.clone(),
        address,
        source,
    }
}
