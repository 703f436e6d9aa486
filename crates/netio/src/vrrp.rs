//! Raw sockets for VRRP, IP protocol 112 (RFC 9568 sections 5.1.1 and 5.1.2).

mod message;
mod v4;
mod v6;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Protocol, Socket};

use crate::error::{Error, Result};
use crate::frame::{Step, attach_filter};
use crate::payload::Payload;

/// RFC 9568 sections 5.1.1.4 and 5.1.2.4.
const PROTOCOL: i32 = 112;
/// RFC 9568 sections 5.1.1.3 and 5.1.2.3: any other value means that a router was in between.
const TTL: u32 = 255;
/// RFC 9568 section 5.1.1.2.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// RFC 9568 section 5.1.2.2.
pub const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// RFC 2474: class selector 6, network control, as routing protocols use it.
const TRAFFIC_CLASS: u32 = 0xc0;
/// Longest datagram looked at; an advertisement of 255 IPv6 addresses has 4,088 bytes.
const LONGEST: usize = 4608;

/// The IP version that heartbeats travel by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Where advertisements of this family are multicast.
    #[must_use]
    pub const fn group(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(GROUP),
            Self::V6 => IpAddr::V6(GROUP6),
        }
    }
}

/// A received datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Index of the interface it came in by.
    pub interface: u32,
    /// Sender, as the IP header says.
    pub source: IpAddr,
    /// Whom it was sent to, of the same family.
    pub destination: IpAddr,
    /// Time to live or hop limit on arrival.
    pub ttl: u8,
    /// What is behind the IP header.
    pub payload: Payload,
}

/// A raw socket for VRRP of one family on one interface.
#[derive(Debug)]
pub struct VrrpSocket {
    socket: Socket,
    interface: u32,
    family: Family,
}

impl VrrpSocket {
    /// Opens it on the interface of this name and index. Needs `CAP_NET_RAW`.
    ///
    /// It carries no packet filter: the kernel hands over protocol 112 of this interface only, and
    /// what is wrong with such a packet is to be counted by reason, not to vanish.
    pub fn open(name: &str, interface: u32, family: Family) -> Result<Self> {
        let opened = match family {
            Family::V4 => v4::open(name),
            Family::V6 => v6::open(name, interface),
        };
        let socket =
            opened.map_err(|source| Error::os(format!("open a VRRP socket on {name}"), source))?;
        Ok(Self {
            socket,
            interface,
            family,
        })
    }

    /// Receives what is sent to the family's group, too.
    pub fn join_group(&self) -> Result<()> {
        let joined = match self.family {
            Family::V4 => v4::join(&self.socket, self.interface),
            Family::V6 => self.socket.join_multicast_v6(&GROUP6, self.interface),
        };
        joined
            .or_else(|error| match error.raw_os_error() {
                // Already a member.
                Some(libc::EADDRINUSE) => Ok(()),
                _ => Err(error),
            })
            .map_err(|source| {
                let group = self.family.group();
                Error::os(
                    format!("join {group} on interface {}", self.interface),
                    source,
                )
            })
    }

    /// Sends `payload` from `source`: always the node's own address, never a VIP that happens to
    /// be on the interface. Both addresses are of the socket's family.
    pub fn send(&self, source: IpAddr, destination: IpAddr, payload: &[u8]) -> Result<()> {
        send_from(&self.socket, self.interface, source, destination, payload)
            .map_err(|error| Error::os(format!("send an advertisement to {destination}"), error))
    }

    /// The next datagram that has come, if any. What is not a whole datagram is skipped: the kernel
    /// has checked the header before, so that this does not happen.
    pub fn receive(&self) -> Result<Option<Datagram>> {
        let mut buffer = [0_u8; LONGEST];
        loop {
            let received = match self.family {
                Family::V4 => v4::receive(&self.socket, self.interface, &mut buffer),
                Family::V6 => v6::receive(&self.socket, self.interface, &mut buffer),
            };
            match received {
                Ok(Some(datagram)) => return Ok(Some(datagram)),
                Ok(None) | Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN) => return Ok(None),
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

/// A socket that sends from any interface and receives nothing, for a process that is to have no more
/// than that; `None`: the machine does not speak this family. Needs `CAP_NET_RAW`.
pub(crate) fn open_sender(family: Family) -> Result<Option<Socket>> {
    let opened = match family {
        Family::V4 => v4::unbound(),
        Family::V6 => v6::unbound(),
    };
    let deaf = opened.and_then(|socket| {
        attach_filter(socket.as_raw_fd(), &[Step::Drop])?;
        Ok(socket)
    });
    match deaf {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(None),
        Err(source) => Err(Error::os("open a VRRP socket", source)),
    }
}

/// Sends `payload` by a socket of the family of both addresses.
pub(crate) fn send_from(
    socket: &Socket,
    interface: u32,
    source: IpAddr,
    destination: IpAddr,
    payload: &[u8],
) -> std::io::Result<()> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            v4::send(socket, interface, source, destination, payload)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            v6::send(socket, interface, source, destination, payload)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            Err(std::io::ErrorKind::InvalidInput.into())
        }
    }
}

fn protocol() -> Protocol {
    Protocol::from(PROTOCOL)
}
