//! A local stream that never makes its owner wait: whatever cannot be written now is kept, within
//! a limit, and whatever has come is handed out in whole messages.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::error::{Error, Result};
use crate::payload::Payload;

/// Most that is read in one go before others get their turn, in bytes.
const READ_CHUNK: usize = 64 * 1024;
/// Bytes of a frame's length.
const LENGTH: usize = 4;

/// How much a [`Stream`] keeps, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest message taken.
    pub message: usize,
    /// Most that may wait to be written.
    pub backlog: usize,
}

/// A non-blocking Unix stream socket with bounded buffers.
#[derive(Debug)]
pub struct Stream {
    socket: UnixStream,
    limits: Limits,
    input: Vec<u8>,
    output: Vec<u8>,
    closed: bool,
}

impl Stream {
    /// Makes `socket` non-blocking and wraps it.
    pub fn new(socket: UnixStream, limits: Limits) -> Result<Self> {
        socket
            .set_nonblocking(true)
            .map_err(|source| Error::os("make a socket non-blocking", source))?;
        Ok(Self {
            socket,
            limits,
            input: Vec::new(),
            output: Vec::new(),
            closed: false,
        })
    }

    /// Whether the peer has closed its side, or the connection broke.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether something waits to be written.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads what has come, one chunk at most.
    pub fn receive(&mut self) {
        let start = self.input.len();
        self.input.resize(start + READ_CHUNK, 0);
        let outcome = self.socket.read(&mut self.input[start..]);
        self.input
            .truncate(start + outcome.as_ref().map_or(0, |read| *read));
        match outcome {
            Ok(0) => self.closed = true,
            Ok(_) => {}
            Err(error) if is_transient(&error) => {}
            Err(_) => self.closed = true,
        }
    }

    /// The next whole frame: 4 bytes of length (big-endian), then that many bytes.
    pub fn take_frame(&mut self) -> Result<Option<Payload>> {
        let Some((head, rest)) = self.input.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        self.check_length(length)?;
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = Payload::from(frame);
        self.input.drain(..LENGTH + length);
        Ok(Some(frame))
    }

    /// The next whole line, without its end.
    pub fn take_line(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            self.check_length(self.input.len())?;
            return Ok(None);
        };
        let mut line: Vec<u8> = self.input.drain(..=end).collect();
        line.pop();
        Ok(Some(line))
    }

    /// Sends a frame, or keeps what cannot go now.
    pub fn send_frame(&mut self, frame: &[u8]) -> Result<()> {
        let length = u32::try_from(frame.len()).map_err(|_| Error::MessageTooLong {
            length: frame.len(),
            limit: u32::MAX as usize,
        })?;
        self.queue(&[&length.to_be_bytes(), frame])
    }

    /// Sends a line, or keeps what cannot go now.
    pub fn send_line(&mut self, line: &str) -> Result<()> {
        self.queue(&[line.as_bytes(), b"\n"])
    }

    /// Writes what waits, as far as it goes.
    pub fn flush(&mut self) {
        while !self.output.is_empty() && !self.closed {
            match self.socket.write(&self.output) {
                Ok(written) => {
                    self.output.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_transient(&error) => return,
                Err(_) => self.closed = true,
            }
        }
    }

    fn queue(&mut self, parts: &[&[u8]]) -> Result<()> {
        let length = self.output.len() + parts.iter().map(|part| part.len()).sum::<usize>();
        if length > self.limits.backlog {
            return Err(Error::MessageTooLong {
                length,
                limit: self.limits.backlog,
            });
        }
        for part in parts {
            self.output.extend_from_slice(part);
        }
        self.flush();
        Ok(())
    }

    fn check_length(&self, length: usize) -> Result<()> {
        if length > self.limits.message {
            return Err(Error::MessageTooLong {
                length,
                limit: self.limits.message,
            });
        }
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        message: 1 << 16,
        backlog: 1 << 24,
    };

    fn pair() -> (Stream, Stream) {
        let (left, right) = UnixStream::pair().unwrap();
        (
            Stream::new(left, LIMITS).unwrap(),
            Stream::new(right, LIMITS).unwrap(),
        )
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let (mut left, mut right) = pair();
        left.send_frame(b"one").unwrap();
        left.send_frame(b"").unwrap();
        right.receive();
        assert_eq!(*right.take_frame().unwrap().unwrap(), *b"one");
        assert_eq!(*right.take_frame().unwrap().unwrap(), *b"");
        assert_eq!(right.take_frame().unwrap(), None);
    }

    #[test]
    fn half_a_frame_waits_for_its_rest() {
        let (mut left, mut right) = pair();
        left.queue(&[&[0, 0, 0, 5], b"he"]).unwrap();
        right.receive();
        assert_eq!(right.take_frame().unwrap(), None);
        left.queue(&[b"llo"]).unwrap();
        right.receive();
        assert_eq!(*right.take_frame().unwrap().unwrap(), *b"hello");
    }

    #[test]
    fn a_frame_over_the_limit_is_an_error_before_it_is_read() {
        let (mut left, mut right) = pair();
        left.queue(&[&u32::MAX.to_be_bytes()]).unwrap();
        right.receive();
        assert!(matches!(
            right.take_frame(),
            Err(Error::MessageTooLong { .. })
        ));
    }

    #[test]
    fn a_reader_that_does_not_read_never_blocks_the_writer() {
        let (mut left, mut right) = pair();
        let frame = vec![7; 50_000];
        let mut sent = 0;
        while left.send_frame(&frame).is_ok() {
            sent += 1;
        }
        assert!(left.has_backlog());
        let mut received = 0;
        while left.has_backlog() || received < sent {
            left.flush();
            right.receive();
            while let Some(got) = right.take_frame().unwrap() {
                assert_eq!(*got, *frame);
                received += 1;
            }
        }
        assert_eq!(received, sent);
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let (mut left, mut right) = pair();
        left.queue(&[&vec![b'x'; LIMITS.message + 1]]).unwrap();
        while right.input.len() <= LIMITS.message {
            right.receive();
            left.flush();
        }
        assert!(matches!(
            right.take_line(),
            Err(Error::MessageTooLong { .. })
        ));
    }

    #[test]
    fn the_end_of_the_peer_is_noticed() {
        let (left, mut right) = pair();
        drop(left);
        right.receive();
        assert!(right.is_closed());
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
            cut in 1_usize..30,
        ) {
            let (mut left, mut right) = pair();
            let mut bytes = Vec::new();
            for frame in &frames {
                bytes.extend(u32::try_from(frame.len()).unwrap().to_be_bytes());
                bytes.extend(frame);
            }
            let mut got = Vec::new();
            for piece in bytes.chunks(cut) {
                left.queue(&[piece]).unwrap();
                right.receive();
                while let Some(frame) = right.take_frame().unwrap() {
                    got.push(frame.to_vec());
                }
            }
            prop_assert_eq!(got, frames);
        }

        #[test]
        fn any_bytes_are_frames_and_lines_within_the_limit_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..300)
        ) {
            let (mut left, mut right) = pair();
            left.queue(&[&bytes]).unwrap();
            right.receive();
            let mut framed = 0;
            while let Ok(Some(frame)) = right.take_frame() {
                framed += LENGTH + frame.len();
            }
            prop_assert!(bytes[framed..].ends_with(&right.input));
            prop_assert_eq!(framed + right.input.len(), bytes.len());
            while let Ok(Some(line)) = right.take_line() {
                prop_assert!(!line.contains(&b'\n'));
            }
            prop_assert!(!right.input.contains(&b'\n'));
        }
    }
}
