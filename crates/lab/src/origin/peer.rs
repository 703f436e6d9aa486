//! A connection to the server.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;

use memchr::memmem;
use nix::sys::sendfile::sendfile;

use super::{Answers, MEGABYTE, SHORT, Service};

pub(super) struct Peer {
    stream: TcpStream,
    service: Service,
    /// A request that is not whole yet.
    input: Vec<u8>,
    /// Answers, and how much of each has been sent.
    owed: VecDeque<(Kind, usize)>,
    ends: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Small,
    Medium,
    Large,
    Echo,
    Bulk,
}

impl Peer {
    pub(super) fn new(stream: TcpStream, service: Service) -> Self {
        Self {
            stream,
            service,
            input: Vec::new(),
            owed: VecDeque::new(),
            ends: false,
        }
    }

    /// Reads and answers as much as the socket lets it; `false` when the connection is over.
    pub(super) fn serve(&mut self, answers: &Answers, scratch: &mut [u8]) -> bool {
        loop {
            match self.send(answers) {
                Ok(()) if self.ends => return false,
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            match self.stream.read(scratch) {
                Ok(0) => return false,
                Ok(length) => {
                    self.take(&scratch[..length]);
                    // A short read emptied the socket; what comes next is another edge.
                    if length < scratch.len() && self.owed.is_empty() {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.input.is_empty() {
            let used = self.understand(bytes);
            self.input.extend(&bytes[used..]);
        } else {
            let mut input = std::mem::take(&mut self.input);
            input.extend(bytes);
            let used = self.understand(&input);
            input.drain(..used);
            self.input = input;
        }
    }

    /// Owes an answer to each request; how many bytes they had.
    fn understand(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        match self.service {
            Service::Http => {
                while let Some(end) = memmem::find(&bytes[used..], b"\r\n\r\n") {
                    let head = &bytes[used..used + end];
                    let kind = match head {
                        [b'G', b'E', b'T', b' ', b'/', b'1', b'm', ..] => Kind::Large,
                        [b'G', b'E', b'T', b' ', b'/', b'1', b'0', b'k', ..] => Kind::Medium,
                        _ => Kind::Small,
                    };
                    self.owed.push_back((kind, 0));
                    self.ends |= memmem::find(head, b"onnection: close").is_some();
                    used += end + 4;
                }
            }
            Service::Echo | Service::Bulk => {
                let kind = match self.service {
                    Service::Bulk => Kind::Bulk,
                    _ => Kind::Echo,
                };
                for _ in 0..bytes.len() / SHORT {
                    self.owed.push_back((kind, 0));
                    used += SHORT;
                }
            }
        }
        used
    }

    fn send(&mut self, answers: &Answers) -> io::Result<()> {
        while let Some((kind, sent)) = self.owed.front_mut() {
            let length = match kind {
                Kind::Small => answers.small.len(),
                Kind::Medium => answers.medium.len(),
                Kind::Large => answers.large_length,
                Kind::Echo => SHORT,
                Kind::Bulk => MEGABYTE,
            };
            let mut write = |bytes: &[u8]| self.stream.write(&bytes[*sent..]);
            *sent += match kind {
                Kind::Small => write(&answers.small)?,
                Kind::Medium => write(&answers.medium)?,
                Kind::Echo => write(&answers.small[answers.small.len() - SHORT..])?,
                Kind::Large | Kind::Bulk => {
                    let file = match kind {
                        Kind::Large => &answers.large,
                        _ => &answers.bulk,
                    };
                    let mut offset = i64::try_from(*sent).map_err(io::Error::other)?;
                    let left = length - *sent;
                    sendfile(self.stream.as_fd(), file.as_fd(), Some(&mut offset), left)?
                }
            };
            if *sent >= length {
                self.owed.pop_front();
            }
        }
        Ok(())
    }
}
