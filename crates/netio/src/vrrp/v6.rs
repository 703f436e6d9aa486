//! IPv6: the socket hands over the payload alone; destination and hop limit come beside it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use socket2::{Domain, Socket, Type};

use super::{Datagram, TRAFFIC_CLASS, TTL, protocol};

pub(super) fn open(name: &str, interface: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(protocol()))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.set_unicast_hops_v6(TTL)?;
    socket.set_tclass_v6(TRAFFIC_CLASS)?;
    socket.set_multicast_hops_v6(TTL)?;
    socket.set_multicast_if_v6(interface)?;
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
    let info = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: source.octets(),
        },
        ipi6_ifindex: interface,
    };
    sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(payload)],
        &[ControlMessage::Ipv6PacketInfo(&info)],
        MsgFlags::MSG_DONTWAIT,
        Some(&SockaddrIn6::from(SocketAddrV6::new(
            destination,
            0,
            0,
            interface,
        ))),
    )?;
    Ok(())
}

/// `None`: a datagram without what was asked for.
pub(super) fn receive(
    socket: &Socket,
    interface: u32,
    buffer: &mut [u8],
) -> nix::Result<Option<Datagram>> {
    let mut space = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
    let (mut destination, mut hop_limit) = (None, None);
    let (source, length) = {
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrIn6>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_DONTWAIT,
        )?;
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                }
                ControlMessageOwned::Ipv6HopLimit(limit) => hop_limit = u8::try_from(limit).ok(),
                _ => {}
            }
        }
        (message.address.map(|from| from.ip()), message.bytes)
    };
    let datagram = || {
        Some(Datagram {
            interface,
            source: IpAddr::V6(source?),
            destination: IpAddr::V6(destination?),
            ttl: hop_limit?,
            payload: buffer.get(..length)?.to_vec(),
        })
    };
    Ok(datagram())
}
