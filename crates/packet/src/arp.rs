//! ARP for IPv4 over Ethernet (RFC 826): telling the network where a VIP is, and hearing who else
//! says so.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Ethernet destination ...                   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     ... destination           |      Ethernet source ...      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       ... source                              |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      EtherType 0x0806         |      Hardware type 1          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Protocol type 0x0800      | HW length 6   | Prot. length 4|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Operation 1 request, 2 reply |   Sender hardware address ... |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    ... sender hardware address                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Sender protocol address                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Target hardware address ...                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | ... target hardware address   |   Target protocol address ... |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | ... target protocol address   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::net::Ipv4Addr;

use pnet::packet::Packet;
use pnet::packet::arp::{
    ArpHardwareTypes, ArpOperation, ArpOperations, ArpPacket, MutableArpPacket,
};
use pnet::packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::util::MacAddr;

use crate::{BufferTooSmall, room};

/// Bytes of an Ethernet frame that carries ARP; network cards pad it to 60.
pub const FRAME_LEN: usize = ETHERNET_LEN + ARP_LEN;

const ETHERNET_LEN: usize = 14;
const ARP_LEN: usize = 28;

/// What an ARP packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// "Who has the target address?"
    Request,
    /// "The sender has it."
    Reply,
}

/// An ARP packet in its Ethernet frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// The frame's destination.
    pub destination: MacAddr,
    /// The frame's source.
    pub source: MacAddr,
    /// What it is.
    pub operation: Operation,
    /// Link-layer address of the sender.
    pub sender_mac: MacAddr,
    /// IPv4 address that the sender says it has; 0.0.0.0 in a probe (RFC 5227 section 2.1.1).
    pub sender_ip: Ipv4Addr,
    /// Link-layer address of the target, as far as the sender knows it.
    pub target_mac: MacAddr,
    /// IPv4 address asked for or told.
    pub target_ip: Ipv4Addr,
}

/// Why a frame is not ARP that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than an ARP frame has.
    #[error("the frame is cut short")]
    Truncated,
    /// Another EtherType.
    #[error("the frame does not carry ARP")]
    NotArp,
    /// Not IPv4 over Ethernet.
    #[error("the ARP packet is not for IPv4 over Ethernet")]
    OtherProtocol,
    /// Neither request nor reply.
    #[error("ARP operation {0} is neither request nor reply")]
    Operation(u16),
}

impl Arp {
    /// "`ip` is at `mac`", to everyone (RFC 9568 sections 6.4.1 and 8.1.2): sender and target are the
    /// same. Some switches and hosts learn from requests only and some from replies only, so a
    /// claim sends both.
    #[must_use]
    pub fn gratuitous(operation: Operation, mac: MacAddr, ip: Ipv4Addr) -> Self {
        Self {
            destination: MacAddr::broadcast(),
            source: mac,
            operation,
            sender_mac: mac,
            sender_ip: ip,
            target_mac: mac,
            target_ip: ip,
        }
    }

    /// "Does anyone have `ip`?", without saying that the asker has it (RFC 5227 section 2.1.1).
    #[must_use]
    pub fn probe(mac: MacAddr, ip: Ipv4Addr) -> Self {
        Self {
            destination: MacAddr::broadcast(),
            source: mac,
            operation: Operation::Request,
            sender_mac: mac,
            sender_ip: Ipv4Addr::UNSPECIFIED,
            target_mac: MacAddr::zero(),
            target_ip: ip,
        }
    }

    /// "Who has `target`? Tell `sender`" (RFC 826).
    #[must_use]
    pub fn request(mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self {
            sender_ip: sender,
            ..Self::probe(mac, target)
        }
    }

    /// Whether the sender says that it has `vip`, and is not the holder of `own`: a foreign claim.
    #[must_use]
    pub fn is_foreign_claim(&self, vip: Ipv4Addr, own: MacAddr) -> bool {
        self.sender_ip == vip && self.sender_mac != own
    }

    /// Writes the frame at the start of `buf`; returns its length, [`FRAME_LEN`].
    ///
    /// # Errors
    /// When `buf` is shorter than that.
    pub fn encode(&self, buf: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let too_small = BufferTooSmall {
            need: FRAME_LEN,
            have: buf.len(),
        };
        let (ethernet, arp) = room(buf, FRAME_LEN)?.split_at_mut(ETHERNET_LEN);
        let mut frame = MutableEthernetPacket::new(ethernet).ok_or(too_small)?;
        frame.set_destination(self.destination);
        frame.set_source(self.source);
        frame.set_ethertype(EtherTypes::Arp);
        let mut packet = MutableArpPacket::new(arp).ok_or(too_small)?;
        packet.set_hardware_type(ArpHardwareTypes::Ethernet);
        packet.set_protocol_type(EtherTypes::Ipv4);
        packet.set_hw_addr_len(6);
        packet.set_proto_addr_len(4);
        packet.set_operation(match self.operation {
            Operation::Request => ArpOperations::Request,
            Operation::Reply => ArpOperations::Reply,
        });
        packet.set_sender_hw_addr(self.sender_mac);
        packet.set_sender_proto_addr(self.sender_ip);
        packet.set_target_hw_addr(self.target_mac);
        packet.set_target_proto_addr(self.target_ip);
        Ok(FRAME_LEN)
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// When it is not ARP for IPv4 over Ethernet.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let ethernet = EthernetPacket::new(frame).ok_or(DecodeError::Truncated)?;
        if ethernet.get_ethertype() != EtherTypes::Arp {
            return Err(DecodeError::NotArp);
        }
        let packet = ArpPacket::new(ethernet.payload()).ok_or(DecodeError::Truncated)?;
        let ipv4_over_ethernet = packet.get_hardware_type() == ArpHardwareTypes::Ethernet
            && packet.get_protocol_type() == EtherTypes::Ipv4
            && packet.get_hw_addr_len() == 6
            && packet.get_proto_addr_len() == 4;
        if !ipv4_over_ethernet {
            return Err(DecodeError::OtherProtocol);
        }
        Ok(Self {
            destination: ethernet.get_destination(),
            source: ethernet.get_source(),
            operation: operation(packet.get_operation())?,
            sender_mac: packet.get_sender_hw_addr(),
            sender_ip: packet.get_sender_proto_addr(),
            target_mac: packet.get_target_hw_addr(),
            target_ip: packet.get_target_proto_addr(),
        })
    }
}

fn operation(field: ArpOperation) -> Result<Operation, DecodeError> {
    match field {
        ArpOperations::Request => Ok(Operation::Request),
        ArpOperations::Reply => Ok(Operation::Reply),
        ArpOperation(other) => Err(DecodeError::Operation(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: MacAddr = MacAddr(2, 0, 0, 0, 0, 11);
    const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);

    fn frame(arp: Arp) -> [u8; FRAME_LEN] {
        let mut buf = [0xff; FRAME_LEN];
        assert_eq!(arp.encode(&mut buf), Ok(FRAME_LEN));
        buf
    }

    #[test]
    fn a_gratuitous_request_is_broadcast_with_sender_and_target_alike() {
        #[rustfmt::skip]
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 11, 0x08, 0x06,
            0, 1, 0x08, 0, 6, 4, 0, 1,
            2, 0, 0, 0, 0, 11, 10, 77, 0, 100,
            2, 0, 0, 0, 0, 11, 10, 77, 0, 100,
        ];
        assert_eq!(
            frame(Arp::gratuitous(Operation::Request, MAC, VIP)),
            expected
        );
    }

    #[test]
    fn a_gratuitous_reply_differs_in_the_operation_alone() {
        let request = frame(Arp::gratuitous(Operation::Request, MAC, VIP));
        let mut reply = frame(Arp::gratuitous(Operation::Reply, MAC, VIP));
        assert_eq!(reply[21], 2);
        reply[21] = 1;
        assert_eq!(request, reply);
    }

    #[test]
    fn a_probe_claims_nothing() {
        let probe = Arp::decode(&frame(Arp::probe(MAC, VIP))).unwrap();
        assert_eq!(probe.target_ip, VIP);
        assert!(!probe.is_foreign_claim(VIP, MacAddr::zero()));
    }

    #[test]
    fn a_claim_is_foreign_when_another_card_makes_it() {
        let claim = Arp::gratuitous(Operation::Reply, MAC, VIP);
        assert!(claim.is_foreign_claim(VIP, MacAddr(2, 0, 0, 0, 0, 12)));
        assert!(!claim.is_foreign_claim(VIP, MAC));
        assert!(!claim.is_foreign_claim(Ipv4Addr::new(10, 77, 0, 101), MacAddr::zero()));
    }

    #[test]
    fn what_is_not_arp_for_ipv4_is_refused_by_name() {
        let good = frame(Arp::gratuitous(Operation::Request, MAC, VIP));
        let with = |at: usize, value: u8| {
            let mut changed = good;
            changed[at] = value;
            Arp::decode(&changed)
        };
        assert_eq!(Arp::decode(&good[..13]), Err(DecodeError::Truncated));
        assert_eq!(Arp::decode(&good[..41]), Err(DecodeError::Truncated));
        assert_eq!(with(13, 0), Err(DecodeError::NotArp));
        assert_eq!(with(15, 6), Err(DecodeError::OtherProtocol));
        assert_eq!(with(16, 0x86), Err(DecodeError::OtherProtocol));
        assert_eq!(with(18, 8), Err(DecodeError::OtherProtocol));
        assert_eq!(with(19, 16), Err(DecodeError::OtherProtocol));
        assert_eq!(with(21, 3), Err(DecodeError::Operation(3)));
    }

    #[test]
    fn a_buffer_without_room_is_refused() {
        let error = Arp::probe(MAC, VIP).encode(&mut [0; 41]);
        assert_eq!(error, Err(BufferTooSmall { need: 42, have: 41 }));
    }

    fn any_mac() -> impl Strategy<Value = MacAddr> {
        any::<[u8; 6]>().prop_map(MacAddr::from)
    }

    proptest! {
        #[test]
        fn every_packet_is_read_back_as_written(
            (destination, source, sender_mac, target_mac) in (any_mac(), any_mac(), any_mac(), any_mac()),
            (sender_ip, target_ip, reply) in (any::<Ipv4Addr>(), any::<Ipv4Addr>(), any::<bool>()),
        ) {
            let operation = if reply { Operation::Reply } else { Operation::Request };
            let arp = Arp { destination, source, operation, sender_mac, sender_ip, target_mac, target_ip };
            prop_assert_eq!(Arp::decode(&frame(arp)), Ok(arp));
        }

        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if Arp::decode(&bytes).is_ok() {
                prop_assert!(bytes.len() >= FRAME_LEN);
            }
        }
    }
}
