//! Advertisements as Ethernet frames: from the virtual router's MAC address, which no socket of the
//! kernel's IP sends from (RFC 9568 sections 7.2 and 7.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet::util::MacAddr;

use super::{MAX_LEN, MULTICAST_V4, MULTICAST_V6, PROTOCOL, TTL, Vrid};
use crate::ipv4::{self, Header};
use crate::ndp::multicast_mac;
use crate::{BufferTooSmall, room};

/// Bytes before the message, at most: Ethernet and IPv6.
pub const FRAME_OVERHEAD: usize = ETHERNET_LEN + IPV6_LEN;
/// Bytes of the longest frame without a trailer.
pub const MAX_FRAME_LEN: usize = FRAME_OVERHEAD + MAX_LEN;

const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// Class selector 6 (RFC 2474), as [`ipv4::Header`] has it.
const TRAFFIC_CLASS: u8 = 0xc0;

/// The MAC address of a virtual router (RFC 9568 section 7.3): one for each IP version.
#[must_use]
pub const fn virtual_mac(vrid: Vrid, ipv6: bool) -> MacAddr {
    MacAddr(0, 0, 0x5e, 0, if ipv6 { 2 } else { 1 }, vrid.get())
}

/// Writes the frame that carries `message` from `source` to the group of its family at the start of
/// `buf`; returns its length.
///
/// # Errors
/// When `buf` is shorter than that, or the message longer than a packet can be.
pub fn encode_multicast(
    mac: MacAddr,
    source: IpAddr,
    message: &[u8],
    buf: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    match source {
        IpAddr::V4(source) => encode_ipv4(mac, source, message, buf),
        IpAddr::V6(source) => encode_ipv6(mac, source, message, buf),
    }
}

fn encode_ipv4(
    mac: MacAddr,
    source: Ipv4Addr,
    message: &[u8],
    buf: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let start = ETHERNET_LEN + ipv4::HEADER_LEN;
    let frame = room(buf, start + message.len())?;
    // RFC 1112 section 6.4: the low 23 bits of the group.
    let [_, b, c, d] = MULTICAST_V4.octets();
    ethernet(frame, MacAddr(0x01, 0, 0x5e, b & 0x7f, c, d), mac, IPV4);
    let header = Header {
        source,
        destination: MULTICAST_V4,
        ttl: TTL,
        protocol: PROTOCOL,
    };
    header.encode(message.len(), &mut frame[ETHERNET_LEN..])?;
    frame[start..].copy_from_slice(message);
    Ok(frame.len())
}

fn encode_ipv6(
    mac: MacAddr,
    source: Ipv6Addr,
    message: &[u8],
    buf: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let start = ETHERNET_LEN + IPV6_LEN;
    let payload = u16::try_from(message.len()).map_err(|_| BufferTooSmall {
        need: message.len(),
        have: usize::from(u16::MAX),
    })?;
    let frame = room(buf, start + message.len())?;
    ethernet(frame, multicast_mac(MULTICAST_V6), mac, IPV6);
    let header = &mut frame[ETHERNET_LEN..start];
    header.fill(0);
    header[0] = 0x60 | TRAFFIC_CLASS >> 4;
    header[1] = TRAFFIC_CLASS << 4;
    header[4..6].copy_from_slice(&payload.to_be_bytes());
    header[6] = PROTOCOL;
    header[7] = TTL;
    header[8..24].copy_from_slice(&source.octets());
    header[24..].copy_from_slice(&MULTICAST_V6.octets());
    frame[start..].copy_from_slice(message);
    Ok(frame.len())
}

fn ethernet(frame: &mut [u8], to: MacAddr, from: MacAddr, ethertype: [u8; 2]) {
    frame[..6].copy_from_slice(&to.octets());
    frame[6..12].copy_from_slice(&from.octets());
    frame[12..ETHERNET_LEN].copy_from_slice(&ethertype);
}

#[cfg(test)]
mod tests {
    use super::*;

    const VRID: Vrid = Vrid::new(0x33).unwrap();

    #[test]
    fn section_7_3_the_mac_address_has_the_vrid_and_tells_the_ip_version() {
        assert_eq!(virtual_mac(VRID, false).to_string(), "00:00:5e:00:01:33");
        assert_eq!(virtual_mac(VRID, true).to_string(), "00:00:5e:00:02:33");
    }

    #[test]
    fn section_7_2_an_ipv4_advertisement_comes_from_the_virtual_mac_address() {
        let source = Ipv4Addr::new(10, 77, 0, 11);
        let mut buf = [0xff; MAX_FRAME_LEN];
        let mac = virtual_mac(VRID, false);
        let length = encode_multicast(mac, source.into(), b"message", &mut buf).unwrap();
        let frame = &buf[..length];
        assert_eq!(frame[..6], [0x01, 0, 0x5e, 0, 0, 18]);
        assert_eq!(frame[6..12], [0, 0, 0x5e, 0, 1, 0x33]);
        assert_eq!(frame[12..14], [8, 0]);
        let (header, payload) = Header::decode(&frame[14..]).unwrap();
        assert_eq!(header.source, source);
        assert_eq!(header.destination, MULTICAST_V4);
        assert_eq!((header.ttl, header.protocol), (255, 112));
        assert_eq!(payload, b"message");
    }

    #[test]
    fn section_7_2_an_ipv6_advertisement_comes_from_the_virtual_mac_address() {
        let source: Ipv6Addr = "fe80::11".parse().unwrap();
        let mut buf = [0xff; MAX_FRAME_LEN];
        let mac = virtual_mac(VRID, true);
        let length = encode_multicast(mac, source.into(), b"message", &mut buf).unwrap();
        let mut expected = vec![
            0x33, 0x33, 0, 0, 0, 0x12, 0, 0, 0x5e, 0, 2, 0x33, 0x86, 0xdd,
        ];
        expected.extend([0x6c, 0, 0, 0, 0, 7, 112, 255]);
        expected.extend(source.octets());
        expected.extend(MULTICAST_V6.octets());
        expected.extend(b"message");
        assert_eq!(buf[..length], expected);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_refused() {
        let mac = virtual_mac(VRID, false);
        let four = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(encode_multicast(mac, four, b"message", &mut [0; 40]).is_err());
        let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
        assert!(encode_multicast(mac, six, b"message", &mut [0; 60]).is_err());
    }
}
