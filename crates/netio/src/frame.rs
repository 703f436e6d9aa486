//! Sending Ethernet frames as they are.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, socket};

use crate::error::{Error, Result};

/// Shortest thing that can be an Ethernet frame: two addresses and a type.
const HEADER: usize = 14;

/// An `AF_PACKET` socket that only sends.
#[derive(Debug)]
pub struct FrameSocket(OwnedFd);

impl FrameSocket {
    /// Opens it. Needs `CAP_NET_RAW`.
    pub fn open() -> Result<Self> {
        // Protocol 0: the kernel queues no received frame on this socket.
        socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        )
        .map(Self)
        .map_err(|source| Error::os("open a packet socket", source))
    }

    /// Sends `frame`, which starts with its Ethernet header, out of the interface `index`.
    pub fn send(&self, index: u32, frame: &[u8]) -> Result<()> {
        let failed = |source: std::io::Error| {
            Error::os(format!("send a frame on interface {index}"), source)
        };
        let Some(destination) = frame.get(..6).filter(|_| frame.len() >= HEADER) else {
            return Err(failed(std::io::ErrorKind::InvalidInput.into()));
        };
        let mut address = [0_u8; 8];
        address[..6].copy_from_slice(destination);
        let to = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: u16::from_be_bytes([frame[12], frame[13]]).to_be(),
            sll_ifindex: i32::try_from(index)
                .map_err(|error| failed(std::io::Error::other(error)))?,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 6,
            sll_addr: address,
        };
        // SAFETY: `frame` and `to` are valid for the call, with their true lengths.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                MsgFlags::MSG_DONTWAIT.bits(),
                (&raw const to).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 {
            return Err(failed(std::io::Error::last_os_error()));
        }
        Ok(())
    }
}
