//! Connections that were used once and now wait.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use memchr::memmem;

/// An answer that takes longer is an error.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Connections kept open by a client that has had one answer over each.
#[derive(Debug)]
pub struct IdleConnections {
    streams: Vec<TcpStream>,
}

impl IdleConnections {
    /// Opens `count`, one after another, and has `request` answered over each.
    ///
    /// # Errors
    /// When one cannot be opened or is not answered by a 200.
    pub fn open(target: SocketAddr, request: &[u8], count: usize) -> io::Result<Self> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = TcpStream::connect(target)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.write_all(request)?;
            let mut answer = Vec::new();
            let mut buffer = [0; 4096];
            // The small answer: its head and body are in it when its last byte is its mark.
            while !is_whole(&answer) {
                match stream.read(&mut buffer)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    length => answer.extend(&buffer[..length]),
                }
            }
            streams.push(stream);
        }
        Ok(Self { streams })
    }

    /// How many of them are still open.
    #[must_use]
    pub fn alive(&self) -> usize {
        let is_open = |stream: &&TcpStream| {
            let quiet = stream
                .set_nonblocking(true)
                .and_then(|()| stream.peek(&mut [0]));
            quiet.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        self.streams.iter().filter(is_open).count()
    }
}

fn is_whole(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200")
        && memmem::find(answer, b"\r\n\r\n").is_some()
        && answer.ends_with(crate::origin::LAST_BYTES)
}
