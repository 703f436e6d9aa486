//! Datagrams with what belongs beside them (cmsg(3)), without an allocation for it.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// Room for the control messages of a datagram: packet info, and a number.
#[repr(C, align(16))]
struct Control([u8; 128]);

impl Control {
    const EMPTY: Self = Self([0; 128]);
}

/// Sends `payload` to `address` with one control message.
pub(super) fn send<A, T: Copy>(
    socket: &Socket,
    address: &A,
    payload: &[u8],
    (level, kind): (c_int, c_int),
    said: T,
) -> io::Result<()> {
    const {
        assert!(size_of::<T>() <= 64, "it fits Control with its header");
    }
    let length = size_of::<T>() as u32;
    let mut control = Control::EMPTY;
    let mut part = libc::iovec {
        iov_base: payload.as_ptr().cast_mut().cast::<c_void>(),
        iov_len: payload.len(),
    };
    // SAFETY: a header of zeros is one of nothing; all that it points to outlives the call, with its true
    // length, and the kernel only reads it. The control message fits its room (checked above), so that
    // there is a first header, with room for a `T` behind it.
    let sent = unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_name = std::ptr::from_ref(address).cast_mut().cast::<c_void>();
        header.msg_namelen = size_of::<A>() as libc::socklen_t;
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast::<c_void>();
        header.msg_controllen = libc::CMSG_SPACE(length) as _;
        let first = libc::CMSG_FIRSTHDR(&raw const header);
        (*first).cmsg_level = level;
        (*first).cmsg_type = kind;
        (*first).cmsg_len = libc::CMSG_LEN(length) as _;
        libc::CMSG_DATA(first).cast::<T>().write_unaligned(said);
        libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT)
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Receives a datagram into `buffer`: its length and its source. `each` is told the control messages: level,
/// type, and what they say.
pub(super) fn receive(
    socket: &Socket,
    buffer: &mut [u8],
    mut each: impl FnMut(c_int, c_int, &[u8]),
) -> nix::Result<(usize, libc::sockaddr_in6)> {
    let mut control = Control::EMPTY;
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast::<c_void>(),
        iov_len: buffer.len(),
    };
    // SAFETY: as for sending, but that the kernel writes. The control messages are read where the kernel's
    // own lengths say that they are, within the room that it was given.
    unsafe {
        let mut source: libc::sockaddr_in6 = std::mem::zeroed();
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_name = (&raw mut source).cast::<c_void>();
        header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast::<c_void>();
        header.msg_controllen = control.0.len() as _;
        let length = libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT);
        let length = nix::errno::Errno::result(length)?.unsigned_abs();
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(one) = message.as_ref() {
            let said = libc::CMSG_DATA(one);
            let head = libc::CMSG_LEN(0) as usize;
            let length = one.cmsg_len.saturating_sub(head);
            let said = std::slice::from_raw_parts(said, length);
            each(one.cmsg_level, one.cmsg_type, said);
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
        Ok((length, source))
    }
}
