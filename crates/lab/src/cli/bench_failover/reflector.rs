//! A program on a node that answers datagrams: the node's processes are frozen or killed, and this is
//! one of them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;

use anyhow::Context;
use halo_lab::{Host, LabError, Process};
use socket2::{Domain, Protocol, Socket, Type};

/// Where it listens, on the virtual address.
pub(super) const PORT: u16 = 7007;

/// Sends every datagram for `address` back, until killed.
pub(in crate::cli) fn run(address: SocketAddr) -> anyhow::Result<ExitCode> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // The address may be another node's now.
    socket.set_freebind_v4(true)?;
    socket
        .bind(&address.into())
        .with_context(|| format!("cannot listen on {address}"))?;
    let socket = UdpSocket::from(socket);
    let mut datagram = [0; 2048];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut datagram) else {
            continue; // what ICMP says of an earlier answer
        };
        if let Err(error) = socket.send_to(&datagram[..length], client) {
            eprintln!("reflector: cannot answer {client}: {error}");
        }
    }
}

/// Starts one on `host`.
pub(super) fn start(host: &Host, vip: Ipv4Addr) -> Result<Process, LabError> {
    let this = std::env::current_exe().map_err(|source| LabError::Io {
        what: "find the running program".into(),
        source,
    })?;
    host.spawn(
        "reflector",
        this,
        ["reflect".to_owned(), format!("{vip}:{PORT}")],
    )
}
