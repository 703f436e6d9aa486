//! Codecs for what Halo reads and writes on the wire: Ethernet, ARP, Neighbor Discovery, IPv4 and VRRP
//! packets, PROXY headers and TLS client hellos.
//!
//! Pure: bytes in, values out, and back. Encoders write into the caller's buffer and decoders
//! borrow from it, so that the failover agent allocates nothing while it runs. Decoders never
//! panic, whatever the bytes; each names the reason for which it refuses a packet.

pub mod arp;
mod checksum;
pub mod client_hello;
pub mod dns;
pub mod ipv4;
pub mod ndp;
pub mod peer;
pub mod proxy;
pub mod vrrp;

pub use pnet::util::MacAddr;

/// The caller's buffer is too small for what is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the buffer holds {have} bytes, the packet needs {need}")]
pub struct BufferTooSmall {
    /// Bytes needed.
    pub need: usize,
    /// Bytes in the buffer.
    pub have: usize,
}

/// The first `need` bytes of `buf`.
pub(crate) fn room(buf: &mut [u8], need: usize) -> Result<&mut [u8], BufferTooSmall> {
    let have = buf.len();
    buf.get_mut(..need).ok_or(BufferTooSmall { need, have })
}
