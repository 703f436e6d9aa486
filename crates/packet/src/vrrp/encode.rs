//! Writing advertisements.

use std::net::IpAddr;

use super::{
    AUTH_LEN, Authentication, Centiseconds, ChecksumMode, FIXED_LEN, PROTOCOL, Priority,
    TYPE_ADVERTISEMENT, Version, Vrid, address_len,
};
use crate::checksum::Sum;
use crate::{BufferTooSmall, room};

/// An advertisement to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The protocol version.
    pub version: Version,
    /// The virtual router.
    pub vrid: Vrid,
    /// The sender's priority; [`Priority::RESIGN`] gives the addresses up.
    pub priority: Priority,
    /// Time between the sender's advertisements.
    pub interval: Centiseconds,
    /// The virtual addresses, 1 to 255, all of the family it is sent over. For IPv6 the link-local one is first.
    pub addresses: &'a [IpAddr],
}

/// Why an advertisement cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// No room.
    #[error(transparent)]
    Buffer(#[from] BufferTooSmall),
    /// The count has eight bits and may not be 0 (RFC 9568 section 5.2.5).
    #[error("an advertisement carries 1 to 255 addresses, not {0}")]
    AddressCount(usize),
    /// Source, destination and addresses are not all IPv4 or all IPv6; or IPv6 in version 2.
    #[error(
        "source, destination and virtual addresses must be of one IP version, in VRRPv2 of IPv4"
    )]
    MixedFamilies,
    /// Version 2 knows whole seconds from 1 to 255 only.
    #[error("VRRPv2 advertises in whole seconds, 1 to 255; {0} does not fit")]
    Interval(Centiseconds),
}

/// Bytes of an advertisement with `count` addresses of the family of `source`.
#[must_use]
pub const fn encoded_len(version: Version, source: IpAddr, count: usize) -> usize {
    let addresses = count * address_len(source);
    match version {
        Version::V3 => FIXED_LEN + addresses,
        Version::V2(_) => FIXED_LEN + addresses + AUTH_LEN,
    }
}

impl Outgoing<'_> {
    /// Writes the advertisement, without IP header, at the start of `buf`; returns its length.
    /// Source and destination are those of the IP packet: the checksum may cover them.
    ///
    /// # Errors
    /// When it does not fit the buffer or the protocol; see [`EncodeError`].
    pub fn encode(
        &self,
        source: IpAddr,
        destination: IpAddr,
        checksum: ChecksumMode,
        buf: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let count = self.address_count()?;
        self.check_families(source, destination)?;
        let len = encoded_len(self.version, source, self.addresses.len());
        let message = room(buf, len)?;
        message[0] = self.version.number() << 4 | TYPE_ADVERTISEMENT;
        message[1] = self.vrid.get();
        message[2] = self.priority.get();
        message[3] = count;
        message[4..6].copy_from_slice(&self.timing()?);
        message[6..8].fill(0);
        let addresses_end = self.write_addresses(message);
        if let Version::V2(authentication) = self.version {
            message[addresses_end..].copy_from_slice(&match authentication {
                Authentication::None => [0; AUTH_LEN],
                Authentication::SimplePassword(password) => password,
            });
        }
        let sum = message_sum(message, source, destination, self.covers(source, checksum));
        message[6..8].copy_from_slice(&sum.finish().to_be_bytes());
        Ok(len)
    }

    fn address_count(&self) -> Result<u8, EncodeError> {
        match u8::try_from(self.addresses.len()) {
            Ok(count) if count > 0 => Ok(count),
            Ok(_) | Err(_) => Err(EncodeError::AddressCount(self.addresses.len())),
        }
    }

    fn check_families(&self, source: IpAddr, destination: IpAddr) -> Result<(), EncodeError> {
        let v4 = source.is_ipv4();
        let same = destination.is_ipv4() == v4 && self.addresses.iter().all(|a| a.is_ipv4() == v4);
        let version_2_over_v6 = !v4 && matches!(self.version, Version::V2(_));
        if same && !version_2_over_v6 {
            Ok(())
        } else {
            Err(EncodeError::MixedFamilies)
        }
    }

    /// Bytes 4 and 5: the interval, with version 2's authentication type.
    fn timing(&self) -> Result<[u8; 2], EncodeError> {
        let kind = match self.version {
            // Section 5.2.6: the four reserved bits are sent as zero.
            Version::V3 => return Ok(self.interval.get().to_be_bytes()),
            Version::V2(Authentication::None) => 0,
            Version::V2(Authentication::SimplePassword(_)) => 1,
        };
        let centiseconds = self.interval.get();
        match u8::try_from(centiseconds / 100) {
            Ok(seconds) if centiseconds.is_multiple_of(100) => Ok([kind, seconds]),
            Ok(_) | Err(_) => Err(EncodeError::Interval(self.interval)),
        }
    }

    /// Returns where the addresses end.
    fn write_addresses(&self, message: &mut [u8]) -> usize {
        let mut at = FIXED_LEN;
        for address in self.addresses {
            match address {
                IpAddr::V4(address) => message[at..at + 4].copy_from_slice(&address.octets()),
                IpAddr::V6(address) => message[at..at + 16].copy_from_slice(&address.octets()),
            }
            at += address_len(*address);
        }
        at
    }

    fn covers(&self, source: IpAddr, mode: ChecksumMode) -> ChecksumMode {
        match (self.version, source) {
            (Version::V2(_), _) => ChecksumMode::MessageOnly,
            (Version::V3, IpAddr::V6(_)) => ChecksumMode::PseudoHeader,
            (Version::V3, IpAddr::V4(_)) => mode,
        }
    }
}

/// The sum of a message, as `mode` has it.
pub(super) fn message_sum(
    message: &[u8],
    source: IpAddr,
    destination: IpAddr,
    mode: ChecksumMode,
) -> Sum {
    let sum = Sum::default().bytes(message);
    match mode {
        ChecksumMode::MessageOnly => sum,
        ChecksumMode::PseudoHeader => {
            // The longest message is `MAX_LEN`, 4088 bytes.
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            sum.pseudo_header(source, destination, PROTOCOL, length)
        }
    }
}
