//! Ethernet frames as they are, out and in.

mod answers;
#[cfg(test)]
pub(crate) mod interpreter;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socket};

use crate::error::{Error, Result};

pub use answers::AnswerListener;

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
        let Some(destination) = frame.first_chunk().filter(|_| frame.len() >= HEADER) else {
            return Err(failed(std::io::ErrorKind::InvalidInput.into()));
        };
        let ethertype = u16::from_be_bytes([frame[12], frame[13]]);
        let to = link_address(index, ethertype, *destination).map_err(failed)?;
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

/// An `AF_PACKET` socket that hears one EtherType on one interface, whoever it is meant for.
#[derive(Debug)]
pub struct FrameListener(OwnedFd);

impl FrameListener {
    /// Opens it on the interface `index`. Needs `CAP_NET_RAW`.
    pub fn open(index: u32, ethertype: u16) -> Result<Self> {
        let failed = |source| Error::os(format!("hear frames on interface {index}"), source);
        let FrameSocket(socket) = FrameSocket::open()?;
        let at = link_address(index, ethertype, [0; 6]).map_err(failed)?;
        // SAFETY: `at` is valid for the call, with its true length.
        let bound = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const at).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if bound < 0 {
            return Err(failed(std::io::Error::last_os_error()));
        }
        Ok(Self(socket))
    }

    /// Lets through only the frames that `program` accepts.
    pub fn filter(&self, program: &[Step]) -> Result<()> {
        attach_filter(self.0.as_raw_fd(), program)
            .map_err(|source| Error::os("filter frames", source))
    }

    /// The next frame, its Ethernet header included, at the start of `buffer`; its length there.
    /// `None`: there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        match recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            // The interface went down or away: netlink tells that, too.
            Err(Errno::ENETDOWN | Errno::ENODEV) => Ok(None),
            Err(source) => Err(Error::os("hear a frame", source)),
        }
    }
}

impl AsFd for FrameListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An instruction of a packet filter (classic BPF), over one register. A load beyond the frame's end
/// drops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The register is the 32 bits at this offset.
    LoadWord(u32),
    /// The register is the 16 bits at this offset.
    LoadHalf(u32),
    /// The register is the byte at this offset.
    LoadByte(u32),
    /// The register is whom the frame is for: 0 is this host alone (`PACKET_HOST`, packet(7)).
    LoadPacketType,
    /// If the register is this value, so many steps are left out.
    SkipIf(u32, u8),
    /// If the register is another value, so many steps are left out.
    SkipUnless(u32, u8),
    /// The frame passes.
    Accept,
    /// It does not.
    Drop,
}

impl Step {
    /// Codes: Linux, `Documentation/networking/filter.rst`.
    fn instruction(&self) -> libc::sock_filter {
        const LOAD_WORD: u16 = 0x20;
        const LOAD_HALF: u16 = 0x28;
        const LOAD_BYTE: u16 = 0x30;
        /// Where `skb->pkt_type` is found (linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE).
        const PACKET_TYPE: u32 = (-0x1000_i32 + 4).cast_unsigned();
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        let (code, jt, jf, k) = match *self {
            Self::LoadWord(at) => (LOAD_WORD, 0, 0, at),
            Self::LoadHalf(at) => (LOAD_HALF, 0, 0, at),
            Self::LoadByte(at) => (LOAD_BYTE, 0, 0, at),
            Self::LoadPacketType => (LOAD_BYTE, 0, 0, PACKET_TYPE),
            Self::SkipIf(value, steps) => (JUMP_IF_EQUAL, steps, 0, value),
            Self::SkipUnless(value, steps) => (JUMP_IF_EQUAL, 0, steps, value),
            Self::Accept => (RETURN, 0, 0, u32::MAX),
            Self::Drop => (RETURN, 0, 0, 0),
        };
        libc::sock_filter { code, jt, jf, k }
    }
}

fn link_address(
    index: u32,
    ethertype: u16,
    destination: [u8; 6],
) -> std::io::Result<libc::sockaddr_ll> {
    let mut address = [0_u8; 8];
    address[..6].copy_from_slice(&destination);
    Ok(libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: i32::try_from(index).map_err(std::io::Error::other)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: address,
    })
}

/// Lets only what a classic BPF program accepts reach a socket.
pub(crate) fn attach_filter(socket: std::os::fd::RawFd, program: &[Step]) -> std::io::Result<()> {
    let mut code: Vec<libc::sock_filter> = program.iter().map(Step::instruction).collect();
    let program = libc::sock_fprog {
        len: libc::c_ushort::try_from(code.len()).map_err(std::io::Error::other)?,
        filter: code.as_mut_ptr(),
    };
    // SAFETY: the program and its instructions are valid for the call, with their true lengths; the
    // kernel copies and checks them.
    let attached = unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if attached < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
