//! Addresses, links and routes of a network namespace, over rtnetlink.
//!
//! Synchronous: the kernel answers a request before `send` returns, so a reply is never waited
//! for. One [`Netlink`] belongs to the network namespace in which it was opened, for good.

mod address;
mod bridge;
mod connections;
mod filter;
mod link;
mod monitor;
mod neighbour;
mod route;

use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::sys::socket::{NetlinkAddr, recvfrom};

pub use address::{Address, HALO_ADDRESS_PROTOCOL};
pub use bridge::PortState;
pub use connections::has_connections;
pub use filter::FilterPoint;
pub use link::{Link, LinkChange};
pub use monitor::{Monitor, NetlinkEvent};

/// Larger than any datagram that the kernel builds for a dump (at most 32 KiB).
const RECEIVE_BUFFER: usize = 64 * 1024;

/// A dump that changed while it was read is read again this often before it is an error.
const DUMP_ATTEMPTS: usize = 8;

/// Why a netlink operation failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket could not be set up.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[source] io::Error),
    /// The kernel refused, or the socket failed.
    #[error("cannot {what}: {source}")]
    Request {
        /// What was asked, with the interface.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel's answer could not be read.
    #[error("cannot {what}: the kernel's answer is not understood: {detail}")]
    Answer {
        /// What was asked, with the interface.
        what: String,
        /// What is wrong with the answer.
        detail: String,
    },
    /// The table changed each time it was read.
    #[error("cannot {what}: it changed while it was read, {DUMP_ATTEMPTS} times in a row")]
    Unsteady {
        /// What was asked.
        what: String,
    },
}

impl NetlinkError {
    /// The kernel's error number, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Open(source) | Self::Request { source, .. } => source.raw_os_error(),
            Self::Answer { .. } | Self::Unsteady { .. } => None,
        }
    }
}

/// A socket for requests to the kernel about the namespace in which it was opened.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket in the caller's network namespace.
    ///
    /// # Errors
    /// When the kernel gives no socket.
    pub fn open() -> Result<Self, NetlinkError> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(NetlinkError::Open)?;
        socket.bind_auto().map_err(NetlinkError::Open)?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .map_err(NetlinkError::Open)?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: vec![0; RECEIVE_BUFFER],
        })
    }

    /// Sends a request that changes something, and waits for the kernel's yes or no.
    fn change(
        &mut self,
        what: impl Fn() -> String,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), NetlinkError> {
        let failed = |source| NetlinkError::Request {
            what: what(),
            source,
        };
        self.send(message, flags | NLM_F_ACK).map_err(failed)?;
        loop {
            let length = receive(&self.socket, &mut self.buffer).map_err(failed)?;
            for message in Messages::new(&self.buffer[..length]) {
                let message = message.map_err(|detail| NetlinkError::Answer {
                    what: what(),
                    detail,
                })?;
                if message.header.sequence_number != self.sequence {
                    continue; // a late answer to a request that was given up
                }
                if let NetlinkPayload::Error(answer) = message.payload {
                    return match answer.code {
                        None => Ok(()),
                        Some(_) => Err(failed(answer.to_io())),
                    };
                }
            }
        }
    }

    /// Sends a request that has one answer.
    fn ask(
        &mut self,
        what: &str,
        message: RouteNetlinkMessage,
    ) -> Result<RouteNetlinkMessage, NetlinkError> {
        let failed = |source| NetlinkError::Request {
            what: what.into(),
            source,
        };
        self.send(message, 0).map_err(failed)?;
        loop {
            let length = receive(&self.socket, &mut self.buffer).map_err(failed)?;
            for message in Messages::new(&self.buffer[..length]) {
                let message = message.map_err(|detail| NetlinkError::Answer {
                    what: what.into(),
                    detail,
                })?;
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => return Ok(answer),
                    NetlinkPayload::Error(answer) => return Err(failed(answer.to_io())),
                    _ => {} // no-operation and overrun messages carry nothing
                }
            }
        }
    }

    /// Reads a whole table.
    fn dump(
        &mut self,
        what: &str,
        message: &RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(table) = self.dump_once(what, message.clone())? {
                return Ok(table);
            }
        }
        Err(NetlinkError::Unsteady { what: what.into() })
    }

    /// `None`: the table changed while it was read.
    fn dump_once(
        &mut self,
        what: &str,
        message: RouteNetlinkMessage,
    ) -> Result<Option<Vec<RouteNetlinkMessage>>, NetlinkError> {
        let failed = |source| NetlinkError::Request {
            what: what.into(),
            source,
        };
        self.send(message, NLM_F_DUMP).map_err(failed)?;
        let mut table = Vec::new();
        let mut steady = true;
        loop {
            let length = receive(&self.socket, &mut self.buffer).map_err(failed)?;
            for message in Messages::new(&self.buffer[..length]) {
                let message = message.map_err(|detail| NetlinkError::Answer {
                    what: what.into(),
                    detail,
                })?;
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                steady &= message.header.flags & NLM_F_DUMP_INTR == 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(entry) => table.push(entry),
                    NetlinkPayload::Error(answer) => return Err(failed(answer.to_io())),
                    NetlinkPayload::Done(_) => return Ok(steady.then_some(table)),
                    _ => {} // no-operation and overrun messages carry nothing
                }
            }
        }
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }
}

/// One datagram from the kernel; what another process sent is dropped.
fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let (length, from) = match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), buffer) {
            Err(nix::Error::EINTR) => continue,
            other => other?,
        };
        if from.is_some_and(|from| from.pid() == 0) {
            return Ok(length);
        }
    }
}

/// Like [`receive`], but `None` when nothing is there.
fn try_receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match receive(socket, buffer) {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The messages of a datagram.
struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<NetlinkMessage<RouteNetlinkMessage>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        const ALIGN: usize = 4;
        if self.rest.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut self.rest);
        let length = rest.first_chunk().map_or(0, |b| u32::from_ne_bytes(*b)) as usize;
        let Some(message) = rest.get(..length).filter(|_| length >= 16) else {
            return Some(Err(format!(
                "message of {length} bytes in a datagram of {}",
                rest.len()
            )));
        };
        self.rest = rest.get(length.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        Some(NetlinkMessage::deserialize(message).map_err(|error| error.to_string()))
    }
}

/// `eth0 (2)`, or `interface 2` when it has gone.
fn interface(index: u32) -> String {
    match nix::net::if_::if_indextoname(index) {
        Ok(name) if !name.is_empty() => format!("{} ({index})", name.to_string_lossy()),
        _ => format!("interface {index}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_datagram_with_a_length_that_lies_is_an_error_and_ends_the_walk() {
        let mut lie = vec![0u8; 16];
        lie[0] = 200;
        let found: Vec<_> = Messages::new(&lie).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_err());
    }

    #[test]
    fn an_error_names_the_operation_the_interface_and_the_cause() {
        let mut netlink = Netlink::open().unwrap();
        let error = netlink
            .address_add(0x7fff_fff0, "192.0.2.1/24".parse().unwrap(), None)
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot add address 192.0.2.1/24 to interface 2147483632: "),
            "{text}"
        );
        assert!(error.errno().is_some());
    }

    proptest! {
        #[test]
        fn the_walk_over_any_bytes_ends(
            mut bytes in prop::collection::vec(any::<u8>(), 0..300), length in 0_u8..64,
        ) {
            if let Some(first) = bytes.first_chunk_mut() {
                *first = u32::from(length).to_ne_bytes();
            }
            // No message is shorter than its header.
            prop_assert!(Messages::new(&bytes).count() <= bytes.len().div_ceil(16));
        }
    }
}
