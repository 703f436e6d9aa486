//! What a connection begins with before anything is passed on: a PROXY header, a TLS client hello.
//!
//! Both are looked at where they are, in the kernel's buffer, and only the header is taken from there.
//! So whatever serves the connection afterwards reads it from its first byte.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use halo_packet::client_hello;
use halo_packet::proxy::{self, Header};
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::relay::Plumbing;

/// Takes the PROXY header from the start of a connection.
pub(crate) async fn take_proxy_header(
    plumbing: &Plumbing,
    stream: &TcpStream,
    within: Duration,
) -> Result<Header, Fault> {
    let peeked = peek(plumbing, stream, proxy::MAX_LEN, |bytes| {
        proxy::decode(bytes).map_err(Fault::ProxyHeader)
    });
    let (header, length) = timeout(within, peeked)
        .await
        .map_err(|_elapsed| Fault::HeaderTimeout)??;
    let taken = plumbing.with_scratch(|scratch| {
        recv(
            stream.as_raw_fd(),
            &mut scratch[..length],
            MsgFlags::empty(),
        )
    });
    match taken {
        Ok(taken) if taken == length => Ok(header),
        // It was there a moment ago, and nobody else reads.
        Ok(_) | Err(_) => Err(Fault::ClientGone),
    }
}

/// The server name that a TLS client asks for, if any.
pub(crate) async fn peek_server_name(
    plumbing: &Plumbing,
    stream: &TcpStream,
    within: Duration,
) -> Result<Option<String>, Fault> {
    let peeked = peek(plumbing, stream, client_hello::MAX_LEN, |bytes| {
        client_hello::server_name(bytes).map_err(Fault::ClientHello)
    });
    timeout(within, peeked)
        .await
        .map_err(|_elapsed| Fault::HeaderTimeout)?
}

/// Waits until `read` makes something of the first `most` bytes, and leaves them where they are.
async fn peek<T>(
    plumbing: &Plumbing,
    stream: &TcpStream,
    most: usize,
    read: impl Fn(&[u8]) -> Result<Option<T>, Fault>,
) -> Result<T, Fault> {
    loop {
        let ready = stream
            .ready(Interest::READABLE)
            .await
            .map_err(|_| Fault::ClientGone)?;
        let outcome = stream.try_io(Interest::READABLE, || {
            plumbing.with_scratch(|scratch| {
                let length = recv(stream.as_raw_fd(), &mut scratch[..most], MsgFlags::MSG_PEEK)?;
                match read(&scratch[..length]).transpose() {
                    Some(outcome) => Ok(outcome),
                    None if length == 0 || ready.is_read_closed() => Ok(Err(Fault::ClientGone)),
                    // What is there was seen; more of it will make a new event.
                    None => Err(io::ErrorKind::WouldBlock.into()),
                }
            })
        });
        match outcome {
            Ok(outcome) => return outcome,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Fault::ClientGone),
        }
    }
}
