//! Neighbor Discovery for IPv6 over Ethernet (RFC 4861): telling the network where a VIP is, and
//! hearing who else says so. Solicitations (section 4.3) and advertisements (section 4.4) only.
//!
//! Behind an Ethernet header (EtherType 0x86dd) and an IPv6 header (next header 58, hop limit 255):
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Type 135, 136 |    Code 0     |          Checksum             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|S|O|  (136)                 Reserved                         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                                                               +
//! |                        Target Address                         |
//! +                                                               +
//! |                                                               |
//! +                                                               +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Option 1, 2  |   Length 1    |    Link-Layer Address ...     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  ... Link-Layer Address                       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::net::{IpAddr, Ipv6Addr};

use pnet::util::MacAddr;

use crate::checksum::Sum;
use crate::{BufferTooSmall, room};

/// Bytes of the longest frame written: with a link-layer address.
pub const FRAME_LEN: usize = MESSAGE + MESSAGE_LEN + OPTION_LEN;
/// Everyone on the link (RFC 4291 section 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const ETHERTYPE: [u8; 2] = [0x86, 0xdd];
/// Where the ICMPv6 message begins: behind Ethernet's 14 bytes and IPv6's 40.
const MESSAGE: usize = 14 + 40;
/// Bytes of the ICMPv6 message without options.
const MESSAGE_LEN: usize = 24;
const OPTION_LEN: usize = 8;
const ICMPV6: u8 = 58;
/// The only hop limit sent and accepted: nothing from beyond the link has it (sections 7.1.1, 7.1.2).
const HOP_LIMIT: u8 = 255;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// "Who has the target address?"
    Solicitation,
    /// "The target address is at this link-layer address."
    Advertisement {
        /// The sender forwards packets.
        router: bool,
        /// It answers a solicitation.
        solicited: bool,
        /// It replaces what is in a neighbour's cache.
        overrides: bool,
    },
}

/// A solicitation or advertisement in its Ethernet frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ndp {
    /// The frame's destination.
    pub destination: MacAddr,
    /// The frame's source.
    pub source: MacAddr,
    /// Sender; unspecified in duplicate address detection (RFC 4862 section 5.4.2).
    pub source_ip: Ipv6Addr,
    /// Receiver.
    pub destination_ip: Ipv6Addr,
    /// What it is.
    pub kind: Kind,
    /// The address asked for or told.
    pub target: Ipv6Addr,
    /// The sender's link-layer address in a solicitation, the target's in an advertisement.
    pub link_layer: Option<MacAddr>,
}

/// Why a frame is not a neighbour's solicitation or advertisement that can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than its headers say.
    #[error("the frame is cut short")]
    Truncated,
    /// Another EtherType, next header or ICMPv6 type.
    #[error("the frame carries no neighbour solicitation or advertisement")]
    NotNdp,
    /// It came from beyond the link.
    #[error("hop limit {0}, not 255")]
    HopLimit(u8),
    /// The checksum is wrong.
    #[error("the checksum is wrong")]
    Checksum,
    /// A code, an address, a flag or an option that sections 7.1.1 and 7.1.2 forbid.
    #[error("the neighbour's message breaks RFC 4861 section 7.1")]
    Invalid,
}

impl Ndp {
    /// "`ip` is at `mac`", to everyone, unasked (RFC 9568 section 6.4.1): the sender is the address
    /// itself, and what others have cached is replaced. The Router flag is clear, as in the kernel's
    /// own answers: hosts would take a load balancer for a router.
    #[must_use]
    pub fn unsolicited(mac: MacAddr, ip: Ipv6Addr) -> Self {
        Self {
            destination: multicast_mac(ALL_NODES),
            source: mac,
            source_ip: ip,
            destination_ip: ALL_NODES,
            kind: Kind::Advertisement {
                router: false,
                solicited: false,
                overrides: true,
            },
            target: ip,
            link_layer: Some(mac),
        }
    }

    /// "Who has `ip`?", asked by `from` at `mac`, to the solicited-node group (section 7.2.2).
    #[must_use]
    pub fn question(mac: MacAddr, from: Ipv6Addr, ip: Ipv6Addr) -> Self {
        let group = solicited_node(ip);
        Self {
            destination: multicast_mac(group),
            source: mac,
            source_ip: from,
            destination_ip: group,
            kind: Kind::Solicitation,
            target: ip,
            link_layer: (!from.is_unspecified()).then_some(mac),
        }
    }

    /// The same to whoever is at `mac` alone, as a neighbour that was seen there is asked (section 7.3.3).
    #[must_use]
    pub fn at(self, mac: MacAddr) -> Self {
        Self {
            destination: mac,
            destination_ip: self.target,
            ..self
        }
    }

    /// Whether the sender says that it has `vip`, or is about to, and is not the holder of `own`: a
    /// foreign claim. It says so by advertising it, by asking from it, and by duplicate address
    /// detection.
    #[must_use]
    pub fn is_foreign_claim(&self, vip: Ipv6Addr, own: MacAddr) -> bool {
        let claims = match self.kind {
            Kind::Advertisement { .. } => self.target == vip,
            Kind::Solicitation => {
                self.source_ip == vip || self.source_ip.is_unspecified() && self.target == vip
            }
        };
        claims && self.claimant() != own
    }

    /// The link-layer address that the sender says it has.
    #[must_use]
    pub fn claimant(&self) -> MacAddr {
        self.link_layer.unwrap_or(self.source)
    }

    /// Writes the frame at the start of `buf`; returns its length, at most [`FRAME_LEN`].
    ///
    /// # Errors
    /// When `buf` is shorter than that.
    pub fn encode(&self, buf: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let option = self.link_layer.map_or(0, |_| OPTION_LEN);
        let len = MESSAGE + MESSAGE_LEN + option;
        let frame = room(buf, len)?;
        frame.fill(0);
        frame[..6].copy_from_slice(&self.destination.octets());
        frame[6..12].copy_from_slice(&self.source.octets());
        frame[12..14].copy_from_slice(&ETHERTYPE);
        frame[14] = 0x60;
        // 24 or 32.
        frame[19] = (MESSAGE_LEN + option) as u8;
        frame[20] = ICMPV6;
        frame[21] = HOP_LIMIT;
        frame[22..38].copy_from_slice(&self.source_ip.octets());
        frame[38..54].copy_from_slice(&self.destination_ip.octets());
        let message = &mut frame[MESSAGE..];
        let (kind, flags, option_kind) = match self.kind {
            Kind::Solicitation => (SOLICITATION, 0, SOURCE_LINK_LAYER),
            Kind::Advertisement {
                router,
                solicited,
                overrides,
            } => {
                let flag = |set: bool, bit: u8| if set { bit } else { 0 };
                let flags =
                    flag(router, ROUTER) | flag(solicited, SOLICITED) | flag(overrides, OVERRIDE);
                (ADVERTISEMENT, flags, TARGET_LINK_LAYER)
            }
        };
        message[0] = kind;
        message[4] = flags;
        message[8..24].copy_from_slice(&self.target.octets());
        if let Some(mac) = self.link_layer {
            message[24] = option_kind;
            message[25] = 1; // in units of 8 bytes
            message[26..32].copy_from_slice(&mac.octets());
        }
        let sum = sum(message, self.source_ip, self.destination_ip).finish();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        Ok(len)
    }

    /// Reads a frame, with every check of sections 7.1.1 and 7.1.2.
    ///
    /// # Errors
    /// When it is no solicitation or advertisement, or one that a host must discard.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let headers: &[u8; MESSAGE] = frame.first_chunk().ok_or(DecodeError::Truncated)?;
        if headers[12..14] != ETHERTYPE || headers[14] >> 4 != 6 || headers[20] != ICMPV6 {
            return Err(DecodeError::NotNdp);
        }
        let length = usize::from(u16::from_be_bytes([headers[18], headers[19]]));
        // What is behind it pads a short frame.
        let message = frame
            .get(MESSAGE..MESSAGE + length)
            .ok_or(DecodeError::Truncated)?;
        let kind = kind(message)?;
        if headers[21] != HOP_LIMIT {
            return Err(DecodeError::HopLimit(headers[21]));
        }
        let [destination, source] = [0, 6].map(|at| mac(&headers[at..]));
        let [source_ip, destination_ip] = [22, 38].map(|at| ip(&headers[at..]));
        if sum(message, source_ip, destination_ip).finish() != 0 {
            return Err(DecodeError::Checksum);
        }
        let (fixed, options) = message
            .split_at_checked(MESSAGE_LEN)
            .ok_or(DecodeError::Truncated)?;
        let packet = Self {
            destination,
            source,
            source_ip,
            destination_ip,
            kind,
            target: ip(&fixed[8..]),
            link_layer: link_layer(kind, options)?,
        };
        if fixed[1] != 0 || !packet.is_valid() {
            return Err(DecodeError::Invalid);
        }
        Ok(packet)
    }

    fn is_valid(&self) -> bool {
        let detection = self.source_ip.is_unspecified();
        let flags = match self.kind {
            Kind::Solicitation if detection => {
                self.destination_ip == solicited_node(self.target) && self.link_layer.is_none()
            }
            Kind::Solicitation => true,
            Kind::Advertisement { solicited, .. } => {
                !(solicited && self.destination_ip.is_multicast())
            }
        };
        flags && !self.target.is_multicast()
    }
}

/// The group that a host with the address `ip` listens to (RFC 4291 section 2.7.1).
#[must_use]
pub const fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = ip.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

/// The Ethernet address of an IPv6 multicast group (RFC 2464 section 7).
#[must_use]
pub const fn multicast_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr(0x33, 0x33, a, b, c, d)
}

fn kind(message: &[u8]) -> Result<Kind, DecodeError> {
    match message {
        [SOLICITATION, ..] => Ok(Kind::Solicitation),
        [ADVERTISEMENT, _, _, _, flags, ..] => Ok(Kind::Advertisement {
            router: flags & ROUTER != 0,
            solicited: flags & SOLICITED != 0,
            overrides: flags & OVERRIDE != 0,
        }),
        [ADVERTISEMENT, ..] | [] => Err(DecodeError::Truncated),
        _ => Err(DecodeError::NotNdp),
    }
}

/// The link-layer address among the options; others are skipped (section 4.6).
fn link_layer(kind: Kind, mut options: &[u8]) -> Result<Option<MacAddr>, DecodeError> {
    let wanted = match kind {
        Kind::Solicitation => SOURCE_LINK_LAYER,
        Kind::Advertisement { .. } => TARGET_LINK_LAYER,
    };
    let mut found = None;
    while let [option, units, ..] = *options {
        let length = usize::from(units) * OPTION_LEN;
        let (body, rest) = options
            .split_at_checked(length)
            .filter(|_| length > 0)
            .ok_or(DecodeError::Invalid)?;
        if option == wanted && length == OPTION_LEN {
            found = Some(mac(&body[2..]));
        }
        options = rest;
    }
    if options.is_empty() {
        Ok(found)
    } else {
        Err(DecodeError::Invalid)
    }
}

/// RFC 4443 section 2.3. A message has at most 65,535 bytes: its length came in 16 bits.
fn sum(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> Sum {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
    Sum::default()
        .bytes(message)
        .pseudo_header(source, destination, ICMPV6, length)
}

/// The first six of at least six bytes.
fn mac(bytes: &[u8]) -> MacAddr {
    let octets: [u8; 6] = *bytes.first_chunk().unwrap_or(&[0; 6]);
    MacAddr::from(octets)
}

/// The first sixteen of at least sixteen bytes.
fn ip(bytes: &[u8]) -> Ipv6Addr {
    Ipv6Addr::from(*bytes.first_chunk::<16>().unwrap_or(&[0; 16]))
}

#[cfg(test)]
mod tests;
