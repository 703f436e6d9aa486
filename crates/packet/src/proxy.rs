//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`, 2020/03/05): a header
//! before the first byte of a connection that says between whom it really is.
//!
//! Decoding is strict, as the specification demands of receivers: what is not a header in every byte
//! is refused, so that no client passes for another by bytes of its own.

mod crc32c;
mod v1;
mod v2;

use std::net::SocketAddr;

use crate::BufferTooSmall;

/// Longest header that is taken. Version 1 has at most 107 bytes; of version 2 this leaves room for
/// what proxies send along in TLVs, a client's certificate included.
pub const MAX_LEN: usize = 4096;

/// Longest header that [`encode`] writes.
pub const MAX_ENCODED: usize = v1::MAX_LEN;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text (section 2.1).
    V1,
    /// Binary (section 2.2).
    V2,
}

/// The two ends of a TCP connection; both of one address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The client.
    pub source: SocketAddr,
    /// The address that it connected to.
    pub destination: SocketAddr,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The connection is relayed for this client.
    Proxied(Endpoints),
    /// It is the proxy's own (a health check), or of a kind that has no address here: its real
    /// ends count (`UNKNOWN` and `LOCAL`, UNSPEC and UNIX addresses).
    Direct,
}

/// Why bytes are not a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Neither version's signature.
    #[error("the connection does not begin with a PROXY header")]
    Signature,
    /// Version 1: no CR LF within 107 bytes.
    #[error("the line of the PROXY header has no end within 107 bytes")]
    LineTooLong,
    /// Version 1: not the words, spaces, addresses and ports of section 2.1.
    #[error("the line of the PROXY header is malformed")]
    Line,
    /// Version 2: the version nibble is not 2.
    #[error("the version of the binary PROXY header is {0}, not 2")]
    Version(u8),
    /// Version 2: neither LOCAL nor PROXY.
    #[error("the command {0} of the PROXY header is not assigned")]
    Command(u8),
    /// Version 2: address family and protocol are not assigned.
    #[error("the address family and protocol {0:#04x} of the PROXY header are not assigned")]
    Family(u8),
    /// Version 2: the family's addresses do not fit into the length.
    #[error("the PROXY header is too short for its addresses")]
    Short,
    /// Version 2: longer than [`MAX_LEN`].
    #[error("the PROXY header has {0} bytes; at most {MAX_LEN} are taken")]
    TooLong(usize),
    /// Version 2: TLVs do not fill the rest exactly.
    #[error("a TLV of the PROXY header goes beyond its end")]
    Tlv,
    /// Version 2: the sender's CRC32c is another.
    #[error("the checksum of the PROXY header is wrong")]
    Checksum,
    /// Version 2, over a datagram protocol.
    #[error("the PROXY header is of a datagram protocol, on a stream")]
    Datagram,
}

/// Reads a header at the start of a stream: what it says, and its length in bytes. `None`: so far
/// it can become one, but more bytes are needed.
///
/// # Errors
/// As soon as the bytes cannot become a header.
pub fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, DecodeError> {
    if starts_alike(bytes, v2::SIGNATURE) {
        v2::decode(bytes)
    } else if starts_alike(bytes, v1::SIGNATURE) {
        v1::decode(bytes)
    } else {
        Err(DecodeError::Signature)
    }
}

/// Writes a header into `buf` and returns its length. Without endpoints, or with those of two
/// address families, it is the one of a connection of the proxy's own.
///
/// # Errors
/// When `buf` is too short; [`MAX_ENCODED`] bytes are always enough.
pub fn encode(
    version: Version,
    endpoints: Option<Endpoints>,
    buf: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    match version {
        Version::V1 => v1::encode(endpoints, buf),
        Version::V2 => v2::encode(endpoints, buf),
    }
}

/// Whether one is the beginning of the other.
fn starts_alike(bytes: &[u8], signature: &[u8]) -> bool {
    let shared = bytes.len().min(signature.len());
    bytes[..shared] == signature[..shared]
}

#[cfg(test)]
#[path = "proxy/tests.rs"]
mod tests;
