//! What travels between the nodes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use halo_quorum::{Message, Standing};

/// A message with its sender and its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Packet {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Encoded, which orders messages.
    body: [u8; halo_quorum::MAX_LEN],
    len: usize,
}

impl Packet {
    /// What travels. Whom a voter has promised, and how long it says to wait, only changes when its asker
    /// tries again, which may be at any time here: without it there are fewer states.
    pub(super) fn new(from: usize, to: usize, message: Message) -> Option<Self> {
        let message = match message {
            Message::Poll { .. } | Message::Stance { .. } | Message::Challenge { .. } => {
                return None;
            }
            Message::Refusal {
                ticket,
                epoch,
                standing: Standing::Promised { .. } | Standing::Starting { .. },
            } => Message::Refusal {
                ticket,
                epoch,
                standing: Standing::Starting {
                    wait: Duration::ZERO,
                },
            },
            Message::Refusal { .. }
            | Message::Request { .. }
            | Message::Grant { .. }
            | Message::Release { .. } => message,
        };
        let mut body = [0; halo_quorum::MAX_LEN];
        let len = message.encode(&mut body);
        Some(Self {
            from,
            to,
            body,
            len,
        })
    }

    pub(super) fn message(&self) -> Option<Message> {
        Message::decode(&self.body[..self.len]).ok()
    }
}

pub(super) fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(node).unwrap_or(0)))
}

pub(super) fn index(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(address) => usize::from(address.octets()[3]),
        IpAddr::V6(_) => 0,
    }
}
