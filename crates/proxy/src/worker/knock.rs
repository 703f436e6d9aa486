//! A small door of each worker's own, its wicket, at which the control thread knocks: whoever is let in knows that this
//! worker accepts connections and writes to them.
//!
//! The configured listeners will not do: a Standby has not got their addresses, and which worker the
//! kernel gives a connection to is not to be chosen.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Unregistered};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What whoever knocks reads.
const ANSWER: u8 = b'!';
/// A wait after the system gave no connection out (no file descriptor, no memory).
const PAUSE: Duration = Duration::from_millis(50);

/// Opens a wicket on the loopback interface.
pub(crate) fn open() -> io::Result<(Unregistered, SocketAddr)> {
    let wicket = Unregistered::bind((Ipv4Addr::LOCALHOST, 0))?;
    wicket.set_nonblocking(true)?;
    let address = wicket.local_addr()?;
    Ok((wicket, address))
}

/// Knocks at a worker's wicket ([`crate::Proxy::wickets`]) and waits for the answer. Whether the worker lets
/// in: what this process lacks itself (file descriptors, memory) says nothing against the worker, and a
/// new process would lack it, too.
pub async fn knock(wicket: SocketAddr) -> bool {
    match answered(wicket).await {
        Ok(answered) => answered,
        Err(error) => matches!(
            error.raw_os_error(),
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
        ),
    }
}

async fn answered(wicket: SocketAddr) -> io::Result<bool> {
    let mut answer = [0];
    let mut stream = TcpStream::connect(wicket).await?;
    Ok(stream.read(&mut answer).await? == 1 && answer == [ANSWER])
}

/// Answers whoever knocks, for as long as the worker lives.
pub(super) async fn answer(wicket: Unregistered) {
    let wicket = match TcpListener::from_std(wicket) {
        Ok(wicket) => wicket,
        Err(error) => {
            tracing::error!(%error, "a worker cannot be asked whether it serves");
            return;
        }
    };
    loop {
        match wicket.accept().await {
            // One byte goes into the socket at once; who does not wait for it is nobody's concern.
            Ok((mut stream, _)) => stream.write_all(&[ANSWER]).await.unwrap_or_default(),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
