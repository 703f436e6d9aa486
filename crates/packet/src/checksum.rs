//! The Internet checksum (RFC 1071), with and without an IP pseudo-header.

use std::net::IpAddr;

/// A running one's-complement sum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(u32);

impl Sum {
    /// Adds bytes, as big-endian 16-bit words; an odd last byte is padded with zero.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        let (words, odd) = bytes.as_chunks::<2>();
        for word in words {
            self = self.word(u16::from_be_bytes(*word));
        }
        if let [last] = odd {
            self = self.word(u16::from_be_bytes([*last, 0]));
        }
        self
    }

    /// Adds a word, folding the carry back at once, so that the sum never overflows.
    fn word(self, word: u16) -> Self {
        let sum = self.0 + u32::from(word);
        Self((sum & 0xffff) + (sum >> 16))
    }

    /// Adds the pseudo-header of RFC 8200 section 8.1 (IPv6) or RFC 793 section 3.1 (IPv4).
    /// Addresses of two families add nothing: no such packet exists.
    pub(crate) fn pseudo_header(
        self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        length: u16,
    ) -> Self {
        let addresses = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.bytes(&source.octets()).bytes(&destination.octets())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.bytes(&source.octets()).bytes(&destination.octets())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => self,
        };
        addresses.word(u16::from(protocol)).word(length)
    }

    /// The checksum to write; 0 when the summed bytes held a right checksum.
    pub(crate) fn finish(self) -> u16 {
        // `word` keeps the sum at 16 bits, except that one fold may leave exactly 0x10000.
        let folded = (self.0 & 0xffff) + (self.0 >> 16);
        !u16::try_from(folded & 0xffff).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_section_3_sums_as_printed_there() {
        let sum = Sum::default().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn an_odd_byte_counts_as_the_high_half_of_a_word() {
        assert_eq!(Sum::default().bytes(&[0x12]).finish(), !0x1200);
    }

    #[test]
    fn a_message_with_its_checksum_sums_to_zero() {
        let mut message = [0x31, 51, 200, 1, 0, 10, 0, 0, 10, 77, 0, 100];
        let checksum = Sum::default().bytes(&message).finish();
        message[6..8].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(Sum::default().bytes(&message).finish(), 0);
    }
}
