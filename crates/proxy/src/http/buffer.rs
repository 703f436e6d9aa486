//! Bytes on their way through.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::sys::socket::{MsgFlags, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// What a buffer begins with: the head of nearly every message, and a small body behind it.
const USUAL: usize = 16 * 1024;

/// What a buffer grows to for a body that goes by in pieces. Larger ones fall out of the cache of
/// the core before they are sent.
const LARGE: usize = 64 * 1024;

/// Bytes received and not yet sent on. What is held stays in front until it is let go: a head, which
/// is looked at until its message is over.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    held: usize,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.bytes[..self.held]
    }

    /// What has been received and neither held nor consumed.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Holds the first `count` unread bytes. Nothing may be held already.
    pub(super) fn hold(&mut self, count: usize) {
        self.held = count;
        self.consume(count);
    }

    /// Lets go what is held; what is unread moves to the front.
    pub(super) fn let_go(&mut self) {
        self.held = 0;
        self.compact();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.held = 0;
        self.start = 0;
        self.end = 0;
    }

    /// The first `count` unread bytes are dealt with.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            self.start = self.held;
            self.end = self.held;
        }
    }

    fn compact(&mut self) {
        if self.start > self.held {
            self.bytes.copy_within(self.start..self.end, self.held);
            self.end -= self.start - self.held;
            self.start = self.held;
        }
    }

    /// Makes room for at least one byte more, unless `most` bytes are unread already: `false`.
    pub(super) fn make_room(&mut self, most: usize) -> bool {
        if self.end < self.bytes.len() {
            return true;
        }
        self.compact();
        if self.end < self.bytes.len() {
            return true;
        }
        if self.end - self.start >= most {
            return false;
        }
        self.grow((self.bytes.len() * 2).clamp(USUAL, self.held.saturating_add(most).max(USUAL)));
        true
    }

    /// Gets larger, for a body of which `left` bytes are to come.
    pub(super) fn expect(&mut self, left: u64) {
        if left > USUAL as u64 && self.bytes.len() < LARGE {
            self.grow(LARGE);
        }
    }

    fn grow(&mut self, len: usize) {
        if len > self.bytes.len() {
            let mut bytes = std::mem::take(&mut self.bytes).into_vec();
            bytes.resize(len, 0);
            self.bytes = bytes.into_boxed_slice();
        }
    }

    /// Gives memory back that only an unusual message needed.
    pub(super) fn shrink(&mut self) {
        if self.bytes.len() > LARGE && self.is_empty() && self.held == 0 {
            *self = Self::default();
        }
    }

    /// Receives what there is room for, after [`Buffer::make_room`]; 0 at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut TcpStream,
    ) -> Poll<io::Result<usize>> {
        // Through `poll_read`, which takes a read that did not fill the buffer for the last one
        // until the socket is readable again, and so saves a system call for each message.
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        ready!(Pin::new(from).poll_read(cx, &mut room))?;
        let received = room.filled().len();
        self.end += received;
        Poll::Ready(Ok(received))
    }
}

/// What is to be sent to one side: bytes of our own, some of the other side's buffer, and a tail.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    own: Vec<u8>,
    sent: usize,
    pass: usize,
    tail: &'static [u8],
    is_end: bool,
}

impl Outgoing {
    /// Our own bytes, to be added to. Only while nothing is to be passed.
    pub(super) fn own(&mut self) -> &mut Vec<u8> {
        &mut self.own
    }

    /// Sends the first `count` unread bytes of the other side's buffer behind our own.
    pub(super) fn pass(&mut self, count: usize) {
        self.pass = count;
    }

    /// Sends this behind what is passed.
    pub(super) fn tail(&mut self, tail: &'static [u8]) {
        self.tail = tail;
    }

    /// Nothing follows what is to be sent now: the system may hold it back until our half of the
    /// connection is closed, so that both go in one packet. That must be soon.
    pub(super) fn ends(&mut self) {
        self.is_end = true;
    }

    /// Whether something may have been held back.
    pub(super) fn is_held_back(&self) -> bool {
        self.is_end
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.pass == 0 && self.tail.is_empty()
    }

    /// Whether some of the other side's buffer is to be passed.
    pub(super) fn is_passing(&self) -> bool {
        self.pass > 0
    }

    /// Whether a part of our own bytes is sent and a part is not.
    pub(super) fn is_cut(&self) -> bool {
        self.sent > 0
    }

    pub(super) fn clear(&mut self) {
        self.own.clear();
        self.sent = 0;
        self.pass = 0;
        self.tail = &[];
        self.is_end = false;
    }

    /// Sends until nothing is left; adds to `sent` what the system took, also when this waits.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut TcpStream,
        source: &mut Buffer,
        sent: &mut u64,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let own = &self.own[self.sent..];
            let pass = &source.unread()[..self.pass];
            let n = match (own.is_empty(), pass.is_empty(), self.tail.is_empty()) {
                (false, true, true) => ready!(self.poll_write(cx, to, own))?,
                (true, false, true) => ready!(self.poll_write(cx, to, pass))?,
                _ => {
                    let parts = [own, pass, self.tail].map(IoSlice::new);
                    ready!(Pin::new(&mut *to).poll_write_vectored(cx, &parts))?
                }
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += n as u64;
            self.advance(n, source);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        to: &mut TcpStream,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_end {
            return Pin::new(to).poll_write(cx, bytes);
        }
        loop {
            ready!(to.poll_write_ready(cx))?;
            // `nix` does not name the second.
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::from_bits_retain(libc::MSG_MORE);
            let sent = to.try_io(Interest::WRITABLE, || {
                Ok(send(to.as_raw_fd(), bytes, flags)?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn advance(&mut self, mut n: usize, source: &mut Buffer) {
        let own = n.min(self.own.len() - self.sent);
        self.sent += own;
        n -= own;
        if self.sent == self.own.len() {
            self.own.clear();
            self.sent = 0;
        }
        let pass = n.min(self.pass);
        if pass > 0 {
            source.consume(pass);
            self.pass -= pass;
            n -= pass;
        }
        self.tail = &self.tail[n.min(self.tail.len())..];
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, LARGE, Outgoing, USUAL};

    fn with(text: &[u8]) -> Buffer {
        let mut buffer = Buffer::default();
        for &byte in text {
            assert!(buffer.make_room(LARGE));
            buffer.bytes[buffer.end] = byte;
            buffer.end += 1;
        }
        buffer
    }

    #[test]
    fn what_is_held_stays_in_front_while_the_rest_goes_by() {
        let mut buffer = with(b"head");
        buffer.hold(4);
        assert!(buffer.is_empty());
        buffer.bytes[4..9].copy_from_slice(b"body1");
        buffer.end = 9;
        buffer.consume(5);
        assert_eq!((buffer.held(), buffer.unread()), (&b"head"[..], &b""[..]));
        buffer.bytes[4..9].copy_from_slice(b"body2");
        buffer.end = 9;
        buffer.consume(3);
        buffer.let_go();
        assert_eq!((buffer.held(), buffer.unread()), (&b""[..], &b"y2"[..]));
    }

    #[test]
    fn a_buffer_grows_to_its_limit_and_no_further() {
        let mut buffer = Buffer::default();
        assert!(buffer.make_room(20_000));
        assert_eq!(buffer.bytes.len(), USUAL);
        buffer.end = USUAL;
        assert!(buffer.make_room(20_000));
        assert_eq!(buffer.bytes.len(), 20_000);
        buffer.end = 20_000;
        assert!(!buffer.make_room(20_000));
        buffer.consume(1);
        assert!(buffer.make_room(20_000));
        assert_eq!(buffer.end, 19_999);
    }

    #[test]
    fn parts_are_sent_in_their_order_however_they_are_cut() {
        for cut in 1..12 {
            let mut buffer = with(b"passed on");
            let mut out = Outgoing::default();
            out.own().extend_from_slice(b"own");
            out.pass(6);
            out.tail(b"\r\n");
            let mut sent = Vec::new();
            while !out.is_empty() {
                let all = [&out.own[out.sent..], &buffer.unread()[..out.pass], out.tail].concat();
                let n = cut.min(all.len());
                sent.extend_from_slice(&all[..n]);
                out.advance(n, &mut buffer);
            }
            assert_eq!(sent, b"ownpassed\r\n", "{cut}");
            assert_eq!(buffer.unread(), b" on", "{cut}");
        }
    }
}
