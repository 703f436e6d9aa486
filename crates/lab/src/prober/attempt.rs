//! One connection of the prober, without ever blocking.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Ask, Fault};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n";

/// `HTTP/1.1 200`: enough to know.
const STATUS: usize = 12;

pub(super) struct Attempt {
    pub(super) start: Instant,
    ask: Ask,
    /// `None`: could not even be opened.
    socket: Option<Socket>,
    phase: Phase,
}

enum Phase {
    Connecting,
    Reading { answer: Vec<u8> },
}

impl Attempt {
    pub(super) fn start(target: SocketAddr, ask: Ask, start: Instant) -> Self {
        Self {
            start,
            ask,
            socket: open(target, ask).ok(),
            phase: Phase::Connecting,
        }
    }

    /// What to poll for.
    pub(super) fn waits_for(&self) -> Option<(&Socket, PollFlags)> {
        let flags = match self.phase {
            Phase::Connecting => PollFlags::POLLOUT,
            Phase::Reading { .. } => PollFlags::POLLIN,
        };
        Some((self.socket.as_ref()?, flags))
    }

    /// Goes as far as it can; `Some` when it is over.
    pub(super) fn advance(&mut self, now: Instant, timeout: Duration) -> Option<Result<(), Fault>> {
        let Some(socket) = &mut self.socket else {
            return Some(Err(Fault::Reset));
        };
        if let Phase::Connecting = self.phase {
            match socket.take_error() {
                Ok(None) => {}
                _ => return Some(Err(Fault::Reset)),
            }
            if socket.peer_addr().is_ok() {
                match self.ask {
                    Ask::Connect => return Some(Ok(())),
                    Ask::Http | Ask::Udp => {
                        if socket.write_all(REQUEST).is_err() {
                            return Some(Err(Fault::Reset));
                        }
                        let answer = Vec::with_capacity(STATUS);
                        self.phase = Phase::Reading { answer };
                    }
                }
            }
        }
        if let Phase::Reading { answer } = &mut self.phase {
            let mut buffer = [0; 4096];
            match socket.read(&mut buffer) {
                Ok(0) => return Some(Err(Fault::Closed)),
                Ok(_) if self.ask == Ask::Udp => return Some(Ok(())),
                Ok(length) => answer.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Some(Err(Fault::Reset)),
            }
            if let Some(status) = answer.get(..STATUS) {
                let good = status.starts_with(b"HTTP/1.1 2");
                return Some(if good { Ok(()) } else { Err(Fault::Status) });
            }
        }
        let late = now.saturating_duration_since(self.start) >= timeout;
        late.then_some(Err(Fault::Late))
    }
}

fn open(target: SocketAddr, ask: Ask) -> std::io::Result<Socket> {
    if ask == Ask::Udp {
        let kind = Type::DGRAM.nonblocking();
        let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::UDP))?;
        socket.connect(&target.into())?;
        return Ok(socket);
    }
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    // Closed by a reset: a thousand connections a second would leave no port otherwise.
    socket.set_linger(Some(Duration::ZERO))?;
    match socket.connect(&target.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}
