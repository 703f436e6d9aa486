//! IPv4: the socket hands over the IP header with the payload.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};

use super::{Datagram, GROUP, TRAFFIC_CLASS, TTL, message, protocol};

pub(super) fn open(name: &str) -> io::Result<Socket> {
    let socket = unbound()?;
    socket.bind_device(Some(name.as_bytes()))?;
    Ok(socket)
}

/// One of no interface.
pub(super) fn unbound() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol()))?;
    socket.set_nonblocking(true)?;
    socket.set_ttl_v4(TTL)?;
    socket.set_tos_v4(TRAFFIC_CLASS)?;
    socket.set_multicast_ttl_v4(TTL)?;
    socket.set_multicast_loop_v4(false)?;
    // Only what this socket joined, not what others on the machine did.
    socket.set_multicast_all_v4(false)?;
    Ok(socket)
}

pub(super) fn join(socket: &Socket, interface: u32) -> io::Result<()> {
    socket.join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(interface))
}

pub(super) fn send(
    socket: &Socket,
    interface: u32,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    payload: &[u8],
) -> io::Result<()> {
    let address = |address: Ipv4Addr| libc::in_addr {
        s_addr: u32::from(address).to_be(),
    };
    let info = libc::in_pktinfo {
        ipi_ifindex: i32::try_from(interface).map_err(io::Error::other)?,
        ipi_spec_dst: address(source),
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: address(destination),
        sin_zero: [0; 8],
    };
    let kind = (libc::IPPROTO_IP, libc::IP_PKTINFO);
    message::send(socket, &to, payload, kind, info)
}

/// `None`: not a datagram.
pub(super) fn receive(
    socket: &Socket,
    interface: u32,
    buffer: &mut [u8],
) -> nix::Result<Option<Datagram>> {
    let length = recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?;
    Ok(buffer
        .get(..length)
        .and_then(|packet| parse(interface, packet)))
}

/// RFC 791 section 3.1.
fn parse(interface: u32, packet: &[u8]) -> Option<Datagram> {
    let header_length = usize::from(packet.first()? & 0x0f) * 4;
    let header = packet.get(..20)?;
    let address =
        |at: usize| IpAddr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    Some(Datagram {
        interface,
        source: address(12),
        destination: address(16),
        ttl: header[8],
        payload: packet.get(header_length.max(20)..)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_header_of_a_received_packet_is_read() {
        let mut packet = vec![0x46, 0, 0, 27, 0, 0, 0, 0, 255, 112, 0, 0];
        packet.extend([10, 0, 0, 1, 224, 0, 0, 18, 1, 1, 1, 1, 9, 8, 7]);
        assert_eq!(
            parse(3, &packet).unwrap(),
            Datagram {
                interface: 3,
                source: [10, 0, 0, 1].into(),
                destination: GROUP.into(),
                ttl: 255,
                payload: vec![9, 8, 7].into(),
            }
        );
    }

    #[test]
    fn a_packet_shorter_than_its_header_is_skipped() {
        assert_eq!(parse(3, &[0x45; 19]), None);
        assert_eq!(parse(3, &[0x4f; 20]), None);
    }

    proptest! {
        #[test]
        fn any_packet_is_skipped_or_has_its_payload_at_its_end(
            packet in prop::collection::vec(any::<u8>(), 0..100)
        ) {
            if let Some(datagram) = parse(3, &packet) {
                prop_assert!(packet.len() - datagram.payload.len() >= 20);
                prop_assert!(packet.ends_with(&datagram.payload));
            }
        }
    }
}
