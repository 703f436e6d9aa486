//! Datagrams, many a system call (recvmmsg(2), sendmmsg(2)), with the kernel's own batches: a train of
//! datagrams of one sender and one size arrives as one (GRO) and leaves as one (GSO).

mod control;
mod name;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use control::Control;
use name::Name;

/// Most messages taken or given with one system call.
pub const BATCH: usize = 32;

/// Room for one message: the largest datagram, or train of datagrams, that there is.
const ROOM: usize = 65_536;

/// From one message's room to the next one's. Not a power of two, so that the beginnings of messages do not
/// all compete for the same lines of the processor's cache.
const STRIDE: usize = ROOM + 5 * 64;

/// A datagram, or a train of them, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// What it carries.
    pub data: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// The address that it was sent to, where the socket was told to say ([`tell_destination`]).
    pub to: Option<IpAddr>,
    /// A train: each datagram has this many bytes, the last at most.
    pub segment: Option<u16>,
}

/// A datagram, or a train of them, to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// What it carries.
    pub data: &'a [u8],
    /// Where it goes; `None` on a connected socket.
    pub to: Option<SocketAddr>,
    /// The address that it is to come from; `None`: the socket's.
    pub from: Option<IpAddr>,
    /// A train, as in [`Datagram::segment`].
    pub segment: Option<u16>,
}

/// Makes `socket` say to which address each datagram was sent: what a socket bound to every address
/// must know to answer from the right one.
///
/// # Errors
/// The kernel's.
pub fn tell_destination(socket: impl AsFd, v6: bool) -> io::Result<()> {
    if v6 {
        set_flag(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        set_flag(socket, libc::IPPROTO_IP, libc::IP_PKTINFO)
    }
}

/// Makes `socket` take trains of datagrams as they are (Linux 5.0).
///
/// # Errors
/// The kernel's; one that does not know trains gives each datagram alone.
pub fn take_trains(socket: impl AsFd) -> io::Result<()> {
    set_flag(socket, libc::SOL_UDP, libc::UDP_GRO)
}

fn set_flag(socket: impl AsFd, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is borrowed for the call, and the value is an int of the given length.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// What a message header points to, and the header.
///
/// The headers' pointers are set right before each system call, from references that outlive it, so
/// that none can dangle in between.
struct Slots {
    headers: Vec<libc::mmsghdr>,
    parts: Vec<libc::iovec>,
    names: Vec<Name>,
    controls: Vec<Control>,
}

impl Slots {
    fn new() -> Self {
        // SAFETY: both are plain C structures, for which all zeros is a value.
        let (header, part) = unsafe {
            (
                std::mem::zeroed::<libc::mmsghdr>(),
                std::mem::zeroed::<libc::iovec>(),
            )
        };
        Self {
            headers: vec![header; BATCH],
            parts: vec![part; BATCH],
            names: vec![Name::EMPTY; BATCH],
            controls: vec![Control::EMPTY; BATCH],
        }
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slots").finish_non_exhaustive()
    }
}

/// Room for datagrams that come in. It has 2 MiB, of which the system gives pages as they are used.
#[derive(Debug)]
pub struct Receiver {
    buffer: Vec<u8>,
    slots: Slots,
    received: usize,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// Makes room.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: vec![0; BATCH * STRIDE],
            slots: Slots::new(),
            received: 0,
        }
    }

    /// Takes what has come, at most [`BATCH`] messages, in place of what was taken before. Returns how
    /// many there are.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `ConnectionRefused` when a connected socket's peer said that
    /// nobody listens there; otherwise the kernel's.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        self.received = 0;
        let Slots {
            headers,
            parts,
            names,
            controls,
        } = &mut self.slots;
        let rooms = self.buffer.chunks_mut(STRIDE);
        for ((((header, part), name), control), room) in headers
            .iter_mut()
            .zip(parts)
            .zip(names)
            .zip(controls)
            .zip(rooms)
        {
            part.iov_base = room.as_mut_ptr().cast();
            part.iov_len = ROOM;
            let header = &mut header.msg_hdr;
            header.msg_iov = part;
            header.msg_iovlen = 1;
            header.msg_name = name.as_mut_ptr();
            header.msg_namelen = Name::LEN;
            header.msg_control = control.as_mut_ptr();
            header.msg_controllen = Control::LEN;
            header.msg_flags = 0;
        }
        // SAFETY: every header was just set to point to room of the stated length in this struct, which
        // is mutably borrowed until the call returns.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.slots.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        self.received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// How many messages were taken last.
    #[must_use]
    pub fn len(&self) -> usize {
        self.received
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// What one of the messages taken last carries, to be changed in place.
    pub fn data_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        if index >= self.received {
            return None;
        }
        let start = index * STRIDE;
        let length = (self.slots.headers[index].msg_len as usize).min(ROOM);
        Some(&mut self.buffer[start..start + length])
    }

    /// The datagrams taken last.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.received).filter_map(|index| self.get(index))
    }

    /// One of the datagrams taken last; `None` beyond them, and for one from no address that IP has.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Datagram<'_>> {
        if index >= self.received {
            return None;
        }
        let header = &self.slots.headers[index];
        let start = index * STRIDE;
        let length = (header.msg_len as usize).min(ROOM);
        let facts = self.slots.controls[index].read(header.msg_hdr.msg_controllen);
        Some(Datagram {
            data: &self.buffer[start..start + length],
            from: self.slots.names[index].get()?,
            to: facts.destination,
            segment: facts
                .segment
                .filter(|size| *size > 0 && usize::from(*size) < length),
        })
    }
}

/// Sends datagrams.
#[derive(Debug)]
pub struct Sender {
    slots: Slots,
}

impl Default for Sender {
    fn default() -> Self {
        Self::new()
    }
}

impl Sender {
    /// Makes room for headers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: Slots::new(),
        }
    }

    /// Sends the first of `messages`, at most [`BATCH`] of them. Returns how many went; it is at least one.
    ///
    /// # Errors
    /// The first message's: `WouldBlock` when the socket takes no more; `ConnectionRefused` when a
    /// connected socket's peer had said that nobody listens there, in answer to an earlier message.
    pub fn send(&mut self, socket: impl AsFd, messages: &[Outgoing<'_>]) -> io::Result<usize> {
        let count = messages.len().min(BATCH);
        if count == 0 {
            return Ok(0);
        }
        let Slots {
            headers,
            parts,
            names,
            controls,
        } = &mut self.slots;
        for ((((header, part), name), control), message) in headers
            .iter_mut()
            .zip(parts)
            .zip(names)
            .zip(controls)
            .zip(messages)
        {
            part.iov_base = message.data.as_ptr().cast_mut().cast();
            part.iov_len = message.data.len();
            let header = &mut header.msg_hdr;
            header.msg_iov = part;
            header.msg_iovlen = 1;
            header.msg_namelen = name.set(message.to);
            header.msg_name = match message.to {
                Some(_) => name.as_mut_ptr(),
                None => std::ptr::null_mut(),
            };
            header.msg_controllen = control.write(message.from, message.segment);
            header.msg_control = match header.msg_controllen {
                0 => std::ptr::null_mut(),
                _ => control.as_mut_ptr(),
            };
            header.msg_flags = 0;
        }
        // SAFETY: the first `count` headers were just set to point to names and control data in this
        // struct, mutably borrowed until the call returns, and to the messages' bytes, borrowed as long
        // and only read by the kernel.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_fd().as_raw_fd(),
                self.slots.headers.as_mut_ptr(),
                count as libc::c_uint,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

#[cfg(test)]
#[path = "udp/tests.rs"]
mod tests;
