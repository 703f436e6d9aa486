//! Ancillary data of a datagram (cmsg(3)): its local address, and the size of a train's parts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for what is asked for, aligned as the kernel's headers are.
#[derive(Clone, Copy)]
pub(super) struct Control([u64; 12]);

/// What ancillary data says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) destination: Option<IpAddr>,
    pub(super) segment: Option<u16>,
}

/// A control message's header in 64-bit Linux: length, level and type; data follow, padded to 8 bytes.
const HEADER: usize = size_of::<libc::cmsghdr>();

impl Control {
    pub(super) const LEN: usize = size_of::<Self>();

    pub(super) const EMPTY: Self = Self([0; 12]);

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().cast()
    }

    /// Reads the first `length` bytes, which the kernel has written.
    pub(super) fn read(&self, length: usize) -> Facts {
        let mut facts = Facts::default();
        // SAFETY: plain data; the bytes are a part of the array.
        let bytes: &[u8; Self::LEN] = unsafe { &*self.0.as_ptr().cast() };
        let mut rest = &bytes[..length.min(Self::LEN)];
        while let Some((header, payload)) = rest.split_at_checked(HEADER) {
            // SAFETY: `HEADER` bytes are there; an unaligned read needs no alignment, and all bit
            // patterns are values of this C structure.
            let header: libc::cmsghdr =
                unsafe { header.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
            let Some(data) = header
                .cmsg_len
                .checked_sub(HEADER)
                .and_then(|length| payload.get(..length))
            else {
                break;
            };
            match (header.cmsg_level, header.cmsg_type) {
                // struct in_pktinfo: interface, local address, destination of the header.
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    if let Some(address) = data.get(8..12).and_then(|a| a.first_chunk::<4>()) {
                        facts.destination = Some(Ipv4Addr::from(*address).into());
                    }
                }
                // struct in6_pktinfo: address, interface.
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    if let Some(address) = data.first_chunk::<16>() {
                        facts.destination = Some(Ipv6Addr::from(*address).into());
                    }
                }
                // An int.
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    if let Some(size) = data.first_chunk::<4>() {
                        facts.segment = u16::try_from(i32::from_ne_bytes(*size)).ok();
                    }
                }
                _ => {}
            }
            let next = data.len().next_multiple_of(align_of::<libc::cmsghdr>());
            rest = payload.get(next..).unwrap_or_default();
        }
        facts
    }

    /// Writes what the kernel is to do; returns its length in bytes.
    pub(super) fn write(&mut self, source: Option<IpAddr>, segment: Option<u16>) -> usize {
        let mut length = 0;
        match source {
            Some(IpAddr::V4(address)) => {
                // Interface 0: whichever the route takes.
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&address.octets());
                length += self.push(length, libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            Some(IpAddr::V6(address)) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&address.octets());
                length += self.push(length, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            None => {}
        }
        if let Some(size) = segment {
            length += self.push(
                length,
                libc::SOL_UDP,
                libc::UDP_SEGMENT,
                &size.to_ne_bytes(),
            );
        }
        length
    }

    fn push(&mut self, at: usize, level: libc::c_int, kind: libc::c_int, data: &[u8]) -> usize {
        let mut header = [0; HEADER];
        // The length, then level and type, as `cmsghdr` has them.
        let (length, rest) = header.split_at_mut(size_of::<usize>());
        length.copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
        rest[..4].copy_from_slice(&level.to_ne_bytes());
        rest[4..8].copy_from_slice(&kind.to_ne_bytes());
        // SAFETY: plain data; the bytes are the array's, which is mutably borrowed.
        let bytes: &mut [u8; Self::LEN] = unsafe { &mut *self.0.as_mut_ptr().cast() };
        bytes[at..at + HEADER].copy_from_slice(&header);
        bytes[at + HEADER..at + HEADER + data.len()].copy_from_slice(data);
        (HEADER + data.len()).next_multiple_of(align_of::<libc::cmsghdr>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_read_from_nothing_or_from_a_header_cut_short() {
        let mut control = Control::EMPTY;
        let length = control.write(None, Some(1200));
        assert_eq!(control.read(0), Facts::default());
        for cut in 0..HEADER {
            assert_eq!(control.read(cut), Facts::default());
        }
        assert!(length <= Control::LEN);
    }

    #[test]
    fn the_longest_control_data_fit() {
        let mut control = Control::EMPTY;
        let length = control.write(Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), Some(u16::MAX));
        assert!(length <= Control::LEN);
        assert_eq!(
            control.read(length).destination,
            Some(Ipv6Addr::LOCALHOST.into())
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_no_more_is_read_than_was_written(
            source in any::<Option<IpAddr>>(), others: [u64; 12], length in 0..2 * Control::LEN,
        ) {
            let mut control = Control(others);
            control.read(length);
            let written = control.write(source, None);
            let read = control.read(written);
            prop_assert_eq!(read.segment, None);
            // An IPv4 source stands where the kernel looks for it, not where it writes a destination.
            let expected = source.map(|source| match source {
                IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) => source,
            });
            prop_assert_eq!(read.destination, expected);
        }
    }
}
