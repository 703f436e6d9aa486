//! Reading advertisements: every check of RFC 9568 section 7.1 that needs no configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::encode::message_sum;
use super::{
    AUTH_LEN, Authentication, Centiseconds, ChecksumMode, FIXED_LEN, Priority, TTL,
    TYPE_ADVERTISEMENT, Version, Vrid, address_len, encoded_len,
};

/// How a message arrived: what its IP header said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Source address.
    pub source: IpAddr,
    /// Destination address, a member of the same family.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
}

/// Which checksums of IPv4 version 3 advertisements are taken as right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accept {
    /// With and without pseudo-header; the advertisement says which it was.
    #[default]
    Both,
    /// This way alone.
    Only(ChecksumMode),
}

/// A received advertisement. It borrows the addresses from the received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement<'a> {
    /// The protocol version.
    pub version: Version,
    /// The virtual router.
    pub vrid: Vrid,
    /// The sender's priority.
    pub priority: Priority,
    /// Time between the sender's advertisements.
    pub interval: Centiseconds,
    /// The virtual addresses that the sender answers for.
    pub addresses: Addresses<'a>,
    /// What the checksum covered.
    pub checksum: ChecksumMode,
    /// Bytes behind the message; standard senders leave none.
    pub trailer: &'a [u8],
}

/// The virtual addresses of a received advertisement, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses<'a> {
    /// IPv4.
    V4(&'a [[u8; 4]]),
    /// IPv6.
    V6(&'a [[u8; 16]]),
}

impl Addresses<'_> {
    /// How many there are; never 0 in a received advertisement.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::V4(addresses) => addresses.len(),
            Self::V6(addresses) => addresses.len(),
        }
    }

    /// The address at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<IpAddr> {
        match self {
            Self::V4(list) => list.get(index).map(|octets| Ipv4Addr::from(*octets).into()),
            Self::V6(list) => list.get(index).map(|octets| Ipv6Addr::from(*octets).into()),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        (0..self.count()).filter_map(|index| self.get(index))
    }

    /// Whether they are the same set as `others`, in any order (RFC 9568 section 7.1, last check).
    #[must_use]
    pub fn same_as(&self, others: &[IpAddr]) -> bool {
        self.iter().all(|address| others.contains(&address))
            && others
                .iter()
                .all(|other| self.iter().any(|address| address == *other))
    }
}

/// Why a received packet is discarded. It then changes nothing: no timer, no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It came from beyond the link, or its sender is not VRRP.
    #[error("TTL or hop limit {0}, not 255")]
    Ttl(u8),
    /// Fewer bytes than the fixed fields and the counted addresses take.
    #[error("the message is cut short: {have} bytes of {need}")]
    Truncated {
        /// Bytes the message should have.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Neither 2 nor 3; or 2 over IPv6, which does not exist.
    #[error("VRRP version {0} is not spoken here")]
    Version(u8),
    /// Another type than ADVERTISEMENT (RFC 9568 section 5.2.2).
    #[error("VRRP message type {0} is unknown")]
    Type(u8),
    /// The VRID is 0.
    #[error("the VRID is 0")]
    Vrid,
    /// No addresses (RFC 9568 section 5.2.5: the minimum is 1).
    #[error("the message names no address")]
    AddressCount,
    /// The first IPv6 address is not link-local (RFC 9568 section 5.2.9, erratum 8300).
    #[error("the first address is not link-local")]
    LinkLocal,
    /// An interval of 0, with which an Active would count as down at once.
    #[error("the advertisement interval is 0")]
    Interval,
    /// Unknown authentication type (version 2 only).
    #[error("VRRPv2 authentication type {0} is not supported")]
    Authentication(u8),
    /// The checksum is wrong, or covers what is not accepted.
    #[error("the checksum is wrong")]
    Checksum,
}

impl DecodeError {
    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Ttl(_) => "ttl",
            Self::Truncated { .. } => "length",
            Self::Version(_) => "version",
            Self::Type(_) => "type",
            Self::Vrid => "vrid",
            Self::AddressCount => "address_count",
            Self::LinkLocal => "link_local",
            Self::Interval => "interval",
            Self::Authentication(_) => "authentication",
            Self::Checksum => "checksum",
        }
    }
}

/// Reads a VRRP message (the payload of the IP packet).
///
/// What needs the configuration is left to the caller: whether the VRID is configured here, whether
/// version, interval, addresses and password are those of the virtual router.
///
/// # Errors
/// The first check of RFC 9568 section 7.1 that failed.
pub fn decode<'a>(
    message: &'a [u8],
    arrival: Arrival,
    accept: Accept,
) -> Result<Advertisement<'a>, DecodeError> {
    if arrival.ttl != TTL {
        return Err(DecodeError::Ttl(arrival.ttl));
    }
    let fixed: &[u8; FIXED_LEN] = message.first_chunk().ok_or(DecodeError::Truncated {
        need: FIXED_LEN,
        have: message.len(),
    })?;
    let [version_type, vrid, priority, count, high, low, ..] = *fixed;
    let version = version_type >> 4;
    match (version, arrival.source) {
        (3, _) | (2, IpAddr::V4(_)) => {}
        (other, _) => return Err(DecodeError::Version(other)),
    }
    if version_type & 0x0f != TYPE_ADVERTISEMENT {
        return Err(DecodeError::Type(version_type & 0x0f));
    }
    let (version, message, trailer) = split(message, version, arrival.source, count)?;
    let checksum = verify(message, arrival, version, accept)?;
    let interval = match version {
        // RFC 9568 section 5.2.6: the reserved bits are ignored on reception.
        Version::V3 => u16::from_be_bytes([high & 0x0f, low]),
        // Version 2 may say up to 255 s; what is beyond the 40.95 s of our type is taken as that.
        Version::V2(_) => (u16::from(low) * 100).min(Centiseconds::MAX),
    };
    let addresses = addresses(message, arrival.source, count).ok_or(DecodeError::AddressCount)?;
    if matches!(addresses.get(0), Some(IpAddr::V6(first)) if !first.is_unicast_link_local()) {
        return Err(DecodeError::LinkLocal);
    }
    Ok(Advertisement {
        version,
        vrid: Vrid::new(vrid).ok_or(DecodeError::Vrid)?,
        priority: Priority(priority),
        interval: Centiseconds::new(interval).ok_or(DecodeError::Interval)?,
        addresses,
        checksum,
        trailer,
    })
}

/// Parts the message from what is behind it, and reads version 2's authentication.
fn split(
    bytes: &[u8],
    version: u8,
    source: IpAddr,
    count: u8,
) -> Result<(Version, &[u8], &[u8]), DecodeError> {
    let v2 = Version::V2(Authentication::None);
    let shape = if version == 2 { v2 } else { Version::V3 };
    let need = encoded_len(shape, source, usize::from(count));
    let (message, trailer) = bytes.split_at_checked(need).ok_or(DecodeError::Truncated {
        need,
        have: bytes.len(),
    })?;
    let version = match (shape, message[4], message.last_chunk::<AUTH_LEN>()) {
        (Version::V3, _, _) => Version::V3,
        (Version::V2(_), 0, _) => v2,
        (Version::V2(_), 1, Some(password)) => {
            Version::V2(Authentication::SimplePassword(*password))
        }
        (Version::V2(_), other, _) => return Err(DecodeError::Authentication(other)),
    };
    Ok((version, message, trailer))
}

/// Finds what the checksum covers, among what is possible and accepted.
fn verify(
    message: &[u8],
    arrival: Arrival,
    version: Version,
    accept: Accept,
) -> Result<ChecksumMode, DecodeError> {
    let possible: &[ChecksumMode] = match (version, arrival.source, accept) {
        (Version::V2(_), _, _) => &[ChecksumMode::MessageOnly],
        (Version::V3, IpAddr::V6(_), _) => &[ChecksumMode::PseudoHeader],
        (Version::V3, IpAddr::V4(_), Accept::Both) => {
            &[ChecksumMode::PseudoHeader, ChecksumMode::MessageOnly]
        }
        (Version::V3, IpAddr::V4(_), Accept::Only(ChecksumMode::PseudoHeader)) => {
            &[ChecksumMode::PseudoHeader]
        }
        (Version::V3, IpAddr::V4(_), Accept::Only(ChecksumMode::MessageOnly)) => {
            &[ChecksumMode::MessageOnly]
        }
    };
    possible
        .iter()
        .copied()
        .find(|mode| message_sum(message, arrival.source, arrival.destination, *mode).finish() == 0)
        .ok_or(DecodeError::Checksum)
}

/// `None` when there are none.
fn addresses(message: &[u8], source: IpAddr, count: u8) -> Option<Addresses<'_>> {
    let len = usize::from(count) * address_len(source);
    let bytes = message.get(FIXED_LEN..FIXED_LEN + len)?;
    if count == 0 {
        return None;
    }
    Some(match source {
        IpAddr::V4(_) => Addresses::V4(bytes.as_chunks().0),
        IpAddr::V6(_) => Addresses::V6(bytes.as_chunks().0),
    })
}
