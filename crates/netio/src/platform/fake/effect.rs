//! What was done to the fake.

use std::net::IpAddr;
use std::time::Instant;

use ipnet::IpNet;

use super::super::ClientId;

/// Something that was done to the fake, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An address was put on that had not been there; renewals leave no trace.
    AddressPut(IpNet),
    /// An address was taken off.
    AddressRemoved(IpNet),
    /// An interface was set up or down.
    InterfaceUp {
        /// Which.
        interface: u32,
        /// Whether up.
        up: bool,
    },
    /// A guarded address was leased, or its lease renewed.
    Leased {
        /// The address.
        address: IpAddr,
        /// When it was.
        at: Instant,
        /// The lease's end.
        until: Instant,
    },
    /// The lease of a guarded address was ended.
    LeaseEnded(IpAddr),
    /// The lease of a guarded address was ended, and its connections may finish.
    Draining {
        /// The address.
        address: IpAddr,
        /// When that ends.
        until: Instant,
    },
    /// Unknown connections of a guarded address are sent elsewhere.
    Forwarding {
        /// The address.
        address: IpAddr,
        /// Where to.
        to: [u8; 6],
        /// When that ends.
        until: Instant,
    },
    /// A VRRP message was sent.
    Advert {
        /// The interface.
        interface: u32,
        /// Sender.
        source: IpAddr,
        /// Receiver.
        destination: IpAddr,
        /// The VRRP message.
        message: Vec<u8>,
    },
    /// A message between Halo nodes was sent: VRRP of type 15.
    PeerMessage {
        /// Sender.
        source: IpAddr,
        /// Receiver.
        destination: IpAddr,
        /// The message.
        message: Vec<u8>,
    },
    /// A frame was sent.
    Frame(Vec<u8>),
    /// A check was started.
    CheckStarted {
        /// Its number.
        id: u64,
        /// A script's program and arguments; empty for a question.
        command: Vec<String>,
    },
    /// The data plane was started.
    DataPlaneStarted,
    /// The data plane was sent a message.
    ToDataPlane(Vec<u8>),
    /// The data plane was killed.
    DataPlaneKilled,
    /// The data plane was told to reopen its logs.
    LogsReopened,
    /// A client got a line.
    Reply(ClientId, String),
}
