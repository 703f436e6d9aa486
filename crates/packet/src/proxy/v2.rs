//! Version 2, binary (section 2.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------------------------------------------------------+
//! |            Signature: 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A      |
//! |                                                               |
//! |                                                               |
//! +-------+-------+-------+-------+-------------------------------+
//! |Version|Command|Family |Protoc.|       Length of the rest      |
//! +-------+-------+-------+-------+-------------------------------+
//! |      Source address, destination address, ports; TLVs ...     |
//! +---------------------------------------------------------------+
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{DecodeError, Endpoints, Header, MAX_LEN, crc32c};
use crate::{BufferTooSmall, room};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes before the addresses.
const FIXED: usize = 16;

const VERSION: u8 = 0x2;
const LOCAL: u8 = 0x0;
const PROXY: u8 = 0x1;

/// Address family and transport protocol, as one byte.
const UNSPEC: u8 = 0x00;
const TCP4: u8 = 0x11;
const UDP4: u8 = 0x12;
const TCP6: u8 = 0x21;
const UDP6: u8 = 0x22;
const UNIX_STREAM: u8 = 0x31;
const UNIX_DATAGRAM: u8 = 0x32;

/// PP2_TYPE_CRC32C.
const TYPE_CRC32C: u8 = 0x03;

pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, DecodeError> {
    // Judged as soon as they are there, so that nothing impossible is waited for.
    let command = match bytes.get(12) {
        Some(byte) if byte >> 4 != VERSION => return Err(DecodeError::Version(byte >> 4)),
        Some(byte) if byte & 0xf > PROXY => return Err(DecodeError::Command(byte & 0xf)),
        Some(byte) => byte & 0xf,
        None => return Ok(None),
    };
    let Some((&family, length)) = bytes.get(13).zip(bytes.get(14..FIXED)) else {
        return Ok(None);
    };
    let total = FIXED + usize::from(u16::from_be_bytes([length[0], length[1]]));
    if total > MAX_LEN {
        return Err(DecodeError::TooLong(total));
    }
    let Some(header) = bytes.get(..total) else {
        return Ok(None);
    };
    if command == LOCAL {
        // "The receiver must discard the protocol block including the family".
        return Ok(Some((Header::Direct, total)));
    }
    let (addresses, tlvs) = split(family, &header[FIXED..])?;
    check_tlvs(header, header.len() - tlvs.len())?;
    Ok(Some((endpoints(family, addresses)?, total)))
}

/// The family's addresses, and what comes behind them.
fn split(family: u8, payload: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let length = match family {
        UNSPEC => 0,
        TCP4 | UDP4 => 12,
        TCP6 | UDP6 => 36,
        UNIX_STREAM | UNIX_DATAGRAM => 216,
        other => return Err(DecodeError::Family(other)),
    };
    payload.split_at_checked(length).ok_or(DecodeError::Short)
}

fn endpoints(family: u8, addresses: &[u8]) -> Result<Header, DecodeError> {
    let header = match family {
        TCP4 => ends(addresses, |a: [u8; 4]| Ipv4Addr::from(a).into()),
        TCP6 => ends(addresses, |a: [u8; 16]| Ipv6Addr::from(a).into()),
        UDP4 | UDP6 | UNIX_DATAGRAM => return Err(DecodeError::Datagram),
        _ => return Ok(Header::Direct),
    };
    header.map(Header::Proxied).ok_or(DecodeError::Short)
}

/// Two addresses of `N` bytes, and two ports.
fn ends<const N: usize>(bytes: &[u8], ip: impl Fn([u8; N]) -> IpAddr) -> Option<Endpoints> {
    let (source, rest) = bytes.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let to = rest.first_chunk::<2>()?;
    Some(Endpoints {
        source: SocketAddr::new(ip(*source), u16::from_be_bytes(*from)),
        destination: SocketAddr::new(ip(*destination), u16::from_be_bytes(*to)),
    })
}

/// Walks the TLVs (section 2.2.1) from `start` to the end, and verifies the checksum if there is one.
fn check_tlvs(header: &[u8], start: usize) -> Result<(), DecodeError> {
    let mut at = start;
    while at < header.len() {
        let [kind, high, low] = *header[at..].first_chunk::<3>().ok_or(DecodeError::Tlv)?;
        let value = at + 3;
        at = value + usize::from(u16::from_be_bytes([high, low]));
        let value_bytes = header.get(value..at).ok_or(DecodeError::Tlv)?;
        if kind == TYPE_CRC32C {
            let sent: [u8; 4] = value_bytes.try_into().map_err(|_| DecodeError::Tlv)?;
            // Over the whole header, with the checksum's own bytes as zeros (section 2.2.3).
            let sum = crc32c::of(&[&header[..value], &[0; 4], &header[at..]]);
            if sum != u32::from_be_bytes(sent) {
                return Err(DecodeError::Checksum);
            }
        }
    }
    Ok(())
}

pub(super) fn encode(
    endpoints: Option<Endpoints>,
    buf: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let mut payload = [0; 36];
    let (command, family, length) = match endpoints {
        Some(Endpoints {
            source: SocketAddr::V4(source),
            destination: SocketAddr::V4(destination),
        }) => {
            payload[..4].copy_from_slice(&source.ip().octets());
            payload[4..8].copy_from_slice(&destination.ip().octets());
            payload[8..10].copy_from_slice(&source.port().to_be_bytes());
            payload[10..12].copy_from_slice(&destination.port().to_be_bytes());
            (PROXY, TCP4, 12_u8)
        }
        Some(Endpoints {
            source: SocketAddr::V6(source),
            destination: SocketAddr::V6(destination),
        }) => {
            payload[..16].copy_from_slice(&source.ip().octets());
            payload[16..32].copy_from_slice(&destination.ip().octets());
            payload[32..34].copy_from_slice(&source.port().to_be_bytes());
            payload[34..36].copy_from_slice(&destination.port().to_be_bytes());
            (PROXY, TCP6, 36)
        }
        Some(_) | None => (LOCAL, UNSPEC, 0),
    };
    let total = FIXED + usize::from(length);
    let bytes = room(buf, total)?;
    bytes[..12].copy_from_slice(SIGNATURE);
    bytes[12..FIXED].copy_from_slice(&[VERSION << 4 | command, family, 0, length]);
    bytes[FIXED..].copy_from_slice(&payload[..usize::from(length)]);
    Ok(total)
}
