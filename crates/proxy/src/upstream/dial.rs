//! A connection to a server, from its first packet to the header that says who the client is.

use std::io;
use std::net::SocketAddr;

use halo_config::{Pool, ProxyProtocol};
use halo_packet::proxy::{self, Endpoints, MAX_ENCODED, Version};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::fault::Fault;

/// Connects to a server of `pool` for the connection between these ends.
///
/// The kernel holds back the packet that would complete the handshake, so that it goes with the first
/// bytes. Who has none to send calls [`greet`].
pub(crate) async fn dial(
    server: SocketAddr,
    pool: &Pool,
    ends: Endpoints,
) -> Result<TcpStream, Fault> {
    let mut stream = connect(server, pool, ends).await.map_err(Fault::connect)?;
    if let Some(version) = pool.proxy_protocol {
        let version = match version {
            ProxyProtocol::V1 => Version::V1,
            ProxyProtocol::V2 => Version::V2,
        };
        let mut header = [0; MAX_ENCODED];
        let length = proxy::encode(version, Some(ends), &mut header)
            .map_err(|error| Fault::Connect(io::Error::other(error)))?;
        stream
            .write_all(&header[..length])
            .await
            .map_err(Fault::connect)?;
    }
    Ok(stream)
}

/// Completes the handshake at once: the server may be the one that speaks first.
pub(crate) fn greet(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_tcp_quickack(true) {
        // The kernel does it too, within 40 ms.
        tracing::debug!(%error, "cannot hurry a handshake");
    }
}

async fn connect(server: SocketAddr, pool: &Pool, ends: Endpoints) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    // In this mode an acknowledgement waits for data to go with.
    socket.set_tcp_quickack(false)?;
    if pool.transparent {
        impersonate(&socket, server, ends.source)?;
    }
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        outcome => outcome?,
    }
    let stream = TcpStream::from_std(socket.into())?;
    let ready = stream.ready(Interest::WRITABLE).await?;
    // A failed connect has ended its stream; the kernel is asked only then.
    if ready.is_write_closed()
        && let Some(error) = stream.take_error()?
    {
        return Err(error);
    }
    Ok(stream)
}

/// Makes the connection come from the client's address; with a port of its own, as the client's may be
/// in use towards this server.
fn impersonate(socket: &Socket, server: SocketAddr, client: SocketAddr) -> io::Result<()> {
    let ip = client.ip().to_canonical();
    if ip.is_ipv4() != server.is_ipv4() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a transparent pool has no server of the client's address family",
        ));
    }
    if server.is_ipv4() {
        socket.set_ip_transparent_v4(true)?;
    } else {
        socket.set_ip_transparent_v6(true)?;
    }
    socket.bind(&SocketAddr::new(ip, 0).into())
}
