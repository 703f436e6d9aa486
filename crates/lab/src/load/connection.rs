//! One connection of the generator.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use memchr::memmem;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Answer, Load};

pub(super) struct Connection {
    stream: TcpStream,
    started: Instant,
    phase: Phase,
}

enum Phase {
    Idle,
    Sending {
        sent: usize,
    },
    /// The first bytes of the answer, as long as its head is not whole.
    Head {
        bytes: Vec<u8>,
    },
    Body {
        left: usize,
        close: bool,
    },
    /// All there; the other side closes.
    Ending,
}

/// How far it came.
pub(super) enum Step {
    /// The socket has no more to give for now.
    Waits,
    /// The answer is complete; whether the other side closes now.
    Answered { close: bool },
    /// There will be no answer.
    Failed,
    /// Closed by the other side between two exchanges.
    IdleClosed,
}

impl Connection {
    /// Begins to connect.
    pub(super) fn open(target: SocketAddr, epoll: &Epoll, number: u64) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&target.into()) {
            Err(error) if error.raw_os_error() != Some(nix::errno::Errno::EINPROGRESS as i32) => {
                return Err(error);
            }
            _ => {}
        }
        let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        epoll.add(socket.as_fd(), EpollEvent::new(events, number))?;
        Ok(Self {
            stream: socket.into(),
            started: Instant::now(),
            phase: Phase::Idle,
        })
    }

    /// Takes up an exchange that was due at `due`.
    pub(super) fn ask(&mut self, due: Instant) {
        self.started = due;
        self.phase = Phase::Sending { sent: 0 };
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    /// Goes as far as the socket lets it.
    pub(super) fn advance(&mut self, load: &Load, scratch: &mut [u8]) -> Step {
        loop {
            let stepped = match &mut self.phase {
                Phase::Idle => return self.look_at_idle(),
                Phase::Sending { .. } => self.send(load),
                Phase::Head { .. } => self.read_head(scratch),
                Phase::Body { .. } => self.discard_body(load, scratch),
                Phase::Ending => self.await_end(scratch),
            };
            match stepped {
                Ok(None) => {}
                Ok(Some(step)) => return step,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Waits,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Failed,
            }
        }
    }

    fn look_at_idle(&self) -> Step {
        let mut byte = [0];
        match self.stream.peek(&mut byte) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Waits,
            // Not connected yet.
            Err(error) if error.kind() == ErrorKind::NotConnected => Step::Waits,
            _ => Step::IdleClosed,
        }
    }

    fn send(&mut self, load: &Load) -> io::Result<Option<Step>> {
        let Phase::Sending { sent } = &mut self.phase else {
            return Ok(None);
        };
        *sent += self.stream.write(&load.request[*sent..])?;
        if *sent == load.request.len() {
            self.phase = match load.answer {
                Answer::Bytes(left) => Phase::Body { left, close: false },
                Answer::Http => Phase::Head { bytes: Vec::new() },
            };
        }
        Ok(None)
    }

    fn read_head(&mut self, scratch: &mut [u8]) -> io::Result<Option<Step>> {
        let Phase::Head { bytes } = &mut self.phase else {
            return Ok(None);
        };
        // A small answer fits; of a large one the rest is discarded unseen.
        let length = self.stream.read(&mut scratch[..4096])?;
        if length == 0 {
            return Ok(Some(Step::Failed));
        }
        // Nearly always whole at once, and then never copied.
        if !bytes.is_empty() || memmem::find(&scratch[..length], b"\r\n\r\n").is_none() {
            bytes.extend(&scratch[..length]);
        }
        let so_far = match bytes.is_empty() {
            true => &scratch[..length],
            false => bytes.as_slice(),
        };
        let Some(end) = memmem::find(so_far, b"\r\n\r\n") else {
            return Ok(None);
        };
        let Some((content, close)) = understand(&so_far[..end]) else {
            return Ok(Some(Step::Failed));
        };
        let Some(left) = content.checked_sub(so_far.len() - end - 4) else {
            return Ok(Some(Step::Failed));
        };
        self.phase = Phase::Body { left, close };
        Ok(None)
    }

    fn discard_body(&mut self, load: &Load, scratch: &mut [u8]) -> io::Result<Option<Step>> {
        let Phase::Body { left, close } = &mut self.phase else {
            return Ok(None);
        };
        if *left > 0 {
            let wanted = (*left).min(scratch.len());
            // With MSG_TRUNC a TCP socket drops the bytes without copying them.
            let flags = MsgFlags::MSG_TRUNC;
            let length = recv(self.stream.as_raw_fd(), &mut scratch[..wanted], flags)?;
            if length == 0 {
                return Ok(Some(Step::Failed));
            }
            *left -= length;
            return Ok(None);
        }
        let close = *close;
        // The side that closes first keeps the port for a minute. HTTP lets the proxy close.
        if load.reconnect && close {
            self.phase = Phase::Ending;
            return Ok(None);
        }
        self.phase = Phase::Idle;
        Ok(Some(Step::Answered { close }))
    }

    fn await_end(&mut self, scratch: &mut [u8]) -> io::Result<Option<Step>> {
        let length = self.stream.read(scratch)?;
        self.phase = Phase::Idle;
        Ok(Some(match length {
            0 => Step::Answered { close: true },
            _ => Step::Failed,
        }))
    }
}

/// The length of the body, and whether the connection ends with it; `None` for what is not a 200
/// with a length.
fn understand(head: &[u8]) -> Option<(usize, bool)> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?;
    if status.split(' ').nth(1) != Some("200") {
        return None;
    }
    let (mut length, mut close) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Some((length?, close))
}

#[cfg(test)]
mod tests {
    use super::understand;

    #[test]
    fn only_a_200_with_a_length_is_an_answer() {
        let read = |head: &str| understand(head.as_bytes());
        let good = "HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 17";
        assert_eq!(read(good), Some((17, false)));
        assert_eq!(
            read(&format!("{good}\r\nConnection: close")),
            Some((17, true))
        );
        assert_eq!(read("HTTP/1.1 200 OK\r\nDate: x"), None);
        assert_eq!(read("HTTP/1.1 503 Busy\r\nContent-Length: 0"), None);
    }
}
