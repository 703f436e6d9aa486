//! Changes of links and addresses, as they happen.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::{Address, Link, Messages, NetlinkError, RECEIVE_BUFFER, try_receive};

/// Room for bursts (hundreds of changes), well below the kernel's `rmem_max` default of 208 KiB.
const SOCKET_BUFFER: u32 = 128 * 1024;

/// Something changed in the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetlinkEvent {
    /// An interface appeared or changed; its addresses are not listed here.
    LinkChanged(Link),
    /// An interface has gone.
    LinkRemoved(Link),
    /// An address appeared, or its lifetime was renewed.
    AddressAdded(Address),
    /// An address has gone: removed, or its lifetime ran out.
    AddressRemoved(Address),
    /// The kernel dropped notifications, because the reader was too slow: list everything again
    /// ([`super::Netlink::links`], [`super::Netlink::addresses`]).
    Lost,
}

/// Reports changes of links and addresses in the namespace in which it was opened.
///
/// Non-blocking: poll [`AsFd::as_fd`] for readability, then call [`Monitor::next_event`] until
/// it returns `None`. Open it before reading the tables, so that nothing falls between.
pub struct Monitor {
    socket: Socket,
    buffer: Vec<u8>,
    events: VecDeque<NetlinkEvent>,
}

impl Monitor {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the kernel gives no socket.
    pub fn open() -> Result<Self, NetlinkError> {
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(NetlinkError::Open)?;
        socket.set_non_blocking(true).map_err(NetlinkError::Open)?;
        socket
            .set_rx_buf_sz(SOCKET_BUFFER)
            .map_err(NetlinkError::Open)?;
        // The groups are a bit mask; libc types them as a signed integer.
        socket
            .bind(&SocketAddr::new(0, groups.cast_unsigned()))
            .map_err(NetlinkError::Open)?;
        Ok(Self {
            socket,
            buffer: vec![0; RECEIVE_BUFFER],
            events: VecDeque::new(),
        })
    }

    /// The next change, `None` when there is none for now.
    ///
    /// # Errors
    /// When the socket fails. What cannot be decoded counts as [`NetlinkEvent::Lost`].
    pub fn next_event(&mut self) -> Result<Option<NetlinkEvent>, NetlinkError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match try_receive(&self.socket, &mut self.buffer) {
                Ok(None) => return Ok(None),
                Ok(Some(length)) => self.events.extend(events(&self.buffer[..length])),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Ok(Some(NetlinkEvent::Lost));
                }
                Err(source) => {
                    return Err(NetlinkError::Request {
                        what: "read changes of links and addresses".into(),
                        source,
                    });
                }
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn events(datagram: &[u8]) -> impl Iterator<Item = NetlinkEvent> {
    Messages::new(datagram).filter_map(|message| match message {
        Err(_) => Some(NetlinkEvent::Lost),
        Ok(message) => match message.payload {
            NetlinkPayload::InnerMessage(inner) => event(inner),
            NetlinkPayload::Overrun(_) => Some(NetlinkEvent::Lost),
            _ => None,
        },
    })
}

fn event(message: RouteNetlinkMessage) -> Option<NetlinkEvent> {
    match message {
        RouteNetlinkMessage::NewLink(link) => {
            Some(NetlinkEvent::LinkChanged(Link::from_message(&link)))
        }
        RouteNetlinkMessage::DelLink(link) => {
            Some(NetlinkEvent::LinkRemoved(Link::from_message(&link)))
        }
        RouteNetlinkMessage::NewAddress(address) => {
            Address::from_message(address).map(NetlinkEvent::AddressAdded)
        }
        RouteNetlinkMessage::DelAddress(address) => {
            Address::from_message(address).map(NetlinkEvent::AddressRemoved)
        }
        _ => None,
    }
}
