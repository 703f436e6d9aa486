//! IPv4 headers, as raw sockets give and take them (RFC 791 section 3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version|  IHL  |Type of Service|          Total Length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Identification        |Flags|     Fragment Offset     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Time to Live |    Protocol   |        Header Checksum        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Source Address                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      Destination Address                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::net::Ipv4Addr;

use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet, checksum};

use crate::{BufferTooSmall, room};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;

/// Internetwork Control (RFC 2474): what routing protocols mark their packets with.
const DSCP_CS6: u8 = 48;

/// What Halo sets in a header, and reads from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Time to live; VRRP sends and accepts 255 alone.
    pub ttl: u8,
    /// Protocol number of the payload; VRRP is 112.
    pub protocol: u8,
}

/// Why a packet is not IPv4 that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a header, or than the header says there are.
    #[error("the IPv4 packet is cut short")]
    Truncated,
    /// The version field is not 4.
    #[error("the IP version is {0}, not 4")]
    Version(u8),
    /// The header length is below 20 bytes or beyond the total length.
    #[error("the IPv4 header length is impossible")]
    HeaderLength,
    /// A piece of a packet; the kernel puts pieces together before a raw socket sees them.
    #[error("the IPv4 packet is a fragment")]
    Fragment,
}

impl Header {
    /// Writes the header for a payload of `payload_len` bytes at the start of `buf`, with
    /// Don't Fragment and the class of routing protocols (CS6); returns its length.
    ///
    /// # Errors
    /// When `buf` is shorter than [`HEADER_LEN`], or the packet would exceed 65,535 bytes.
    pub fn encode(&self, payload_len: usize, buf: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let total = HEADER_LEN + payload_len;
        let total_length = u16::try_from(total).map_err(|_| BufferTooSmall {
            need: total,
            have: usize::from(u16::MAX),
        })?;
        let bytes = room(buf, HEADER_LEN)?;
        bytes.fill(0);
        let mut packet = MutableIpv4Packet::new(bytes).ok_or(BufferTooSmall {
            need: HEADER_LEN,
            have: 0,
        })?;
        packet.set_version(4);
        packet.set_header_length(5);
        packet.set_dscp(DSCP_CS6);
        packet.set_total_length(total_length);
        packet.set_flags(pnet::packet::ipv4::Ipv4Flags::DontFragment);
        packet.set_ttl(self.ttl);
        packet.set_next_level_protocol(IpNextHeaderProtocol(self.protocol));
        packet.set_source(self.source);
        packet.set_destination(self.destination);
        let sum = checksum(&packet.to_immutable());
        packet.set_checksum(sum);
        Ok(HEADER_LEN)
    }

    /// Reads a header, and the payload behind it. The kernel has verified the header's checksum
    /// before a raw socket gets the packet; it is not looked at here.
    ///
    /// # Errors
    /// When the bytes are not one whole IPv4 packet.
    pub fn decode(packet: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let view = Ipv4Packet::new(packet).ok_or(DecodeError::Truncated)?;
        if view.get_version() != 4 {
            return Err(DecodeError::Version(view.get_version()));
        }
        let header_len = usize::from(view.get_header_length()) * 4;
        let total_len = usize::from(view.get_total_length());
        if header_len < HEADER_LEN || header_len > total_len {
            return Err(DecodeError::HeaderLength);
        }
        let more = view.get_flags() & pnet::packet::ipv4::Ipv4Flags::MoreFragments != 0;
        if more || view.get_fragment_offset() != 0 {
            return Err(DecodeError::Fragment);
        }
        let payload = packet
            .get(header_len..total_len)
            .ok_or(DecodeError::Truncated)?;
        let header = Self {
            source: view.get_source(),
            destination: view.get_destination(),
            ttl: view.get_ttl(),
            protocol: view.get_next_level_protocol().0,
        };
        Ok((header, payload))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::Sum;

    const HEADER: Header = Header {
        source: Ipv4Addr::new(10, 77, 0, 11),
        destination: Ipv4Addr::new(224, 0, 0, 18),
        ttl: 255,
        protocol: 112,
    };

    #[test]
    fn a_header_is_read_back_as_written_and_its_checksum_is_right() {
        let mut buf = [0xaa; 32];
        assert_eq!(HEADER.encode(12, &mut buf), Ok(20));
        assert_eq!(Sum::default().bytes(&buf[..20]).finish(), 0);
        assert_eq!(Header::decode(&buf), Ok((HEADER, &[0xaa; 12][..])));
    }

    #[test]
    fn padding_behind_the_total_length_is_not_payload() {
        let mut buf = [0; 60];
        HEADER.encode(12, &mut buf).unwrap();
        assert_eq!(Header::decode(&buf).unwrap().1.len(), 12);
    }

    #[test]
    fn options_are_skipped() {
        let mut buf = [0; 36];
        HEADER.encode(16, &mut buf).unwrap();
        buf[0] = 0x46;
        assert_eq!(Header::decode(&buf).unwrap().1.len(), 12);
    }

    #[test]
    fn what_is_not_one_whole_ipv4_packet_is_refused_by_name() {
        let mut buf = [0; 32];
        HEADER.encode(12, &mut buf).unwrap();
        assert_eq!(Header::decode(&buf[..19]), Err(DecodeError::Truncated));
        assert_eq!(Header::decode(&buf[..31]), Err(DecodeError::Truncated));
        let with = |at: usize, value: u8| {
            let mut changed = buf;
            changed[at] = value;
            Header::decode(&changed).map(|_| ())
        };
        assert_eq!(with(0, 0x65), Err(DecodeError::Version(6)));
        assert_eq!(with(0, 0x44), Err(DecodeError::HeaderLength));
        assert_eq!(with(3, 10), Err(DecodeError::HeaderLength));
        assert_eq!(with(6, 0x20), Err(DecodeError::Fragment));
        assert_eq!(with(7, 1), Err(DecodeError::Fragment));
    }

    #[test]
    fn a_buffer_without_room_is_refused() {
        let need = BufferTooSmall { need: 20, have: 19 };
        assert_eq!(HEADER.encode(12, &mut [0; 19]), Err(need));
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok((_, payload)) = Header::decode(&bytes) {
                prop_assert!(payload.len() <= bytes.len());
            }
        }
    }
}
