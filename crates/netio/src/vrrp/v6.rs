//! IPv6: the socket hands over the payload alone; destination and hop limit come beside it.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::{Datagram, TRAFFIC_CLASS, TTL, message, protocol};

pub(super) fn open(name: &str, interface: u32) -> io::Result<Socket> {
    let socket = unbound()?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.set_multicast_if_v6(interface)?;
    Ok(socket)
}

/// One of no interface.
pub(super) fn unbound() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(protocol()))?;
    socket.set_nonblocking(true)?;
    socket.set_unicast_hops_v6(TTL)?;
    socket.set_tclass_v6(TRAFFIC_CLASS)?;
    socket.set_multicast_hops_v6(TTL)?;
    socket.set_multicast_loop_v6(false)?;
    // Only what this socket joined, not what others on the machine did.
    socket.set_multicast_all_v6(false)?;
    socket.set_recv_hoplimit_v6(true)?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    // A virtual MAC's interface sends from its parent's link-local address, which it does not have.
    socket.set_freebind_v6(true)?;
    Ok(socket)
}

pub(super) fn send(
    socket: &Socket,
    interface: u32,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload: &[u8],
) -> io::Result<()> {
    let address = |address: Ipv6Addr| libc::in6_addr {
        s6_addr: address.octets(),
    };
    let info = libc::in6_pktinfo {
        ipi6_addr: address(source),
        ipi6_ifindex: interface,
    };
    let to = libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: address(destination),
        sin6_scope_id: interface,
    };
    let kind = (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO);
    message::send(socket, &to, payload, kind, info)
}

/// `None`: a datagram without what was asked for.
pub(super) fn receive(
    socket: &Socket,
    interface: u32,
    buffer: &mut [u8],
) -> nix::Result<Option<Datagram>> {
    let (mut destination, mut hop_limit) = (None, None);
    let (length, source) = message::receive(socket, buffer, |level, kind, said| {
        match (level, kind) {
            // RFC 3542 section 6.1: the address comes first.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                destination = said
                    .first_chunk::<16>()
                    .map(|octets| Ipv6Addr::from(*octets));
            }
            (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                let limit = said.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
                hop_limit = limit.and_then(|limit| u8::try_from(limit).ok());
            }
            _ => {}
        }
    })?;
    let datagram = || {
        Some(Datagram {
            interface,
            source: IpAddr::V6(Ipv6Addr::from(source.sin6_addr.s6_addr)),
            destination: IpAddr::V6(destination?),
            ttl: hop_limit?,
            payload: buffer.get(..length)?.into(),
        })
    };
    Ok(datagram())
}
