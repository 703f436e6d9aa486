//! Raw sockets for VRRP, IP protocol 112 (RFC 9568 section 5.1.1).

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::error::{Error, Result};

/// RFC 9568 section 5.1.1.4.
const PROTOCOL: i32 = 112;
/// RFC 9568 section 5.1.1.3: any other value means that a router was in between.
const TTL: u32 = 255;
/// RFC 9568 section 5.1.1.2.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// RFC 2474: class selector 6, network control, as routing protocols use it.
const TRAFFIC_CLASS: u32 = 0xc0;
/// Longest datagram looked at; an advertisement of 255 addresses has 1,028 bytes with its header.
const LONGEST: usize = 2048;

/// A received datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Index of the interface it came in by.
    pub interface: u32,
    /// Sender, as the IP header says.
    pub source: Ipv4Addr,
    /// Whom it was sent to.
    pub destination: Ipv4Addr,
    /// Time to live on arrival.
    pub ttl: u8,
    /// What is behind the IP header.
    pub payload: Vec<u8>,
}

/// A raw socket for VRRP on one interface.
#[derive(Debug)]
pub struct VrrpSocket {
    socket: Socket,
    interface: u32,
}

impl VrrpSocket {
    /// Opens it on the interface of this name and index. Needs `CAP_NET_RAW`.
    ///
    /// It carries no packet filter: the kernel hands over protocol 112 of this interface only, and
    /// what is wrong with such a packet is to be counted by reason, not to vanish.
    pub fn open(name: &str, interface: u32) -> Result<Self> {
        let open = || -> std::io::Result<Socket> {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL)))?;
            socket.set_nonblocking(true)?;
            socket.bind_device(Some(name.as_bytes()))?;
            socket.set_ttl_v4(TTL)?;
            socket.set_tos_v4(TRAFFIC_CLASS)?;
            socket.set_multicast_ttl_v4(TTL)?;
            socket.set_multicast_loop_v4(false)?;
            // Only what this socket joined, not what others on the machine did.
            socket.set_multicast_all_v4(false)?;
            Ok(socket)
        };
        let socket =
            open().map_err(|source| Error::os(format!("open a VRRP socket on {name}"), source))?;
        Ok(Self { socket, interface })
    }

    /// Receives what is sent to [`GROUP`], too.
    pub fn join_group(&self) -> Result<()> {
        self.socket
            .join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(self.interface))
            .or_else(|error| match error.raw_os_error() {
                // Already a member.
                Some(libc::EADDRINUSE) => Ok(()),
                _ => Err(error),
            })
            .map_err(|source| {
                Error::os(
                    format!("join {GROUP} on interface {}", self.interface),
                    source,
                )
            })
    }

    /// Sends `payload` from `source`: always the node's own address, never a VIP that happens to
    /// be on the interface.
    pub fn send(&self, source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::os(format!("send an advertisement to {destination}"), error)
        };
        let info = libc::in_pktinfo {
            ipi_ifindex: i32::try_from(self.interface)
                .map_err(|error| failed(std::io::Error::other(error)))?,
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from(source).to_be(),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        sendmsg(
            self.socket.as_raw_fd(),
            &[IoSlice::new(payload)],
            &[ControlMessage::Ipv4PacketInfo(&info)],
            MsgFlags::MSG_DONTWAIT,
            Some(&SockaddrIn::from(SocketAddrV4::new(destination, 0))),
        )
        .map(drop)
        .map_err(|error| failed(error.into()))
    }

    /// The next datagram that has come, if any. What is not a whole IPv4 datagram is skipped: the
    /// kernel has checked the header before, so that this does not happen.
    pub fn receive(&self) -> Result<Option<Datagram>> {
        let mut buffer = [0_u8; LONGEST];
        loop {
            match nix::sys::socket::recv(
                self.socket.as_raw_fd(),
                &mut buffer,
                MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(length) => {
                    if let Some(datagram) = parse(self.interface, &buffer[..length]) {
                        return Ok(Some(datagram));
                    }
                }
                Err(nix::errno::Errno::EAGAIN) => return Ok(None),
                Err(nix::errno::Errno::EINTR) => {}
                // The interface went down or away: netlink tells that, too.
                Err(nix::errno::Errno::ENETDOWN | nix::errno::Errno::ENODEV) => return Ok(None),
                Err(error) => {
                    return Err(Error::os("receive advertisements", error));
                }
            }
        }
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A raw IPv4 socket hands over the IP header (RFC 791 section 3.1) with the payload.
fn parse(interface: u32, packet: &[u8]) -> Option<Datagram> {
    let header_length = usize::from(packet.first()? & 0x0f) * 4;
    let header = packet.get(..20)?;
    let address =
        |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    Some(Datagram {
        interface,
        source: address(12),
        destination: address(16),
        ttl: header[8],
        payload: packet.get(header_length.max(20)..)?.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_received_packet_is_read() {
        let mut packet = vec![0x46, 0, 0, 27, 0, 0, 0, 0, 255, 112, 0, 0];
        packet.extend([10, 0, 0, 1, 224, 0, 0, 18, 1, 1, 1, 1, 9, 8, 7]);
        assert_eq!(
            parse(3, &packet).unwrap(),
            Datagram {
                interface: 3,
                source: Ipv4Addr::new(10, 0, 0, 1),
                destination: GROUP,
                ttl: 255,
                payload: vec![9, 8, 7],
            }
        );
    }

    #[test]
    fn a_packet_shorter_than_its_header_is_skipped() {
        assert_eq!(parse(3, &[0x45; 19]), None);
        assert_eq!(parse(3, &[0x4f; 20]), None);
    }
}
