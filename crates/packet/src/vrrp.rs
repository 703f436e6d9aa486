//! VRRP advertisements: version 3 (RFC 9568 section 5.2) for IPv4 and IPv6, and version 2
//! (RFC 3768 section 5.3) for old peers.
//!
//! Version 3:
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Reserve| Max Advertise Interval|          Checksum             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       IPvX Address(es)                        |
//! +                                                               +
//! ```
//!
//! Version 2:
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Auth Type   |   Adver Int   |          Checksum             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         IP Address(es)                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Authentication Data (1)                   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Authentication Data (2)                   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

mod decode;
mod encode;
mod fields;
mod frame;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use decode::{Accept, Addresses, Advertisement, Arrival, DecodeError, decode};
pub use encode::{EncodeError, Outgoing, encoded_len};
pub use fields::{Centiseconds, Priority, Vrid};
pub use frame::{FRAME_OVERHEAD, MAX_FRAME_LEN, encode_multicast, virtual_mac};

/// IP protocol number of VRRP (RFC 9568 section 5.1.1.4).
pub const PROTOCOL: u8 = 112;
/// The only TTL or hop limit sent and accepted: nothing from beyond the link has it
/// (RFC 9568 sections 5.1.1.3 and 5.1.2.3).
pub const TTL: u8 = 255;
/// Where IPv4 advertisements are multicast (RFC 9568 section 5.1.1.2).
pub const MULTICAST_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where IPv6 advertisements are multicast (RFC 9568 section 5.1.2.2).
pub const MULTICAST_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// Bytes that hold any advertisement Halo sends or accepts: 8, and 255 IPv6 addresses.
pub const MAX_LEN: usize = FIXED_LEN + 255 * 16;

/// Bytes before the addresses, in both versions.
const FIXED_LEN: usize = 8;
/// Bytes of authentication data at the end of a version 2 message.
const AUTH_LEN: usize = 8;
/// The only message type.
const TYPE_ADVERTISEMENT: u8 = 1;

/// Which protocol an advertisement speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RFC 9568: IPv4 and IPv6, intervals in centiseconds.
    V3,
    /// RFC 3768: IPv4, intervals in seconds.
    V2(Authentication),
}

impl Version {
    /// The number in the version field.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V2(_) => 2,
        }
    }
}

/// Authentication of version 2 (RFC 2338 section 5.3.6, of which RFC 3768 kept the first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// Type 0.
    None,
    /// Type 1: a password that everyone on the link can read; only for old peers.
    SimplePassword([u8; AUTH_LEN]),
}

/// What the checksum of an IPv4 version 3 advertisement covers. IPv6 always has the pseudo-header,
/// version 2 never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChecksumMode {
    /// Message and IPv4 pseudo-header, as RFC 5798 was read by keepalived and FRR of Debian 12: the
    /// default, so that they understand Halo.
    #[default]
    PseudoHeader,
    /// The message alone (RFC 9568 section 5.2.8).
    MessageOnly,
}

/// Bytes of one address of this family.
const fn address_len(family: IpAddr) -> usize {
    match family {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}

#[cfg(test)]
mod tests;
