//! A place among the connections that a server may have.

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

use halo_config::Pool;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::snapshot::ServerShared;
use crate::worker::Worker;

/// A place among the connections to a server: taken as long as this exists.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) server: Arc<ServerShared>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.server.seats.release();
    }
}

/// An idle connection that goes to whoever waits for one, in this worker or another.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) tcp: TcpStream,
    pub(crate) seat: Seat,
    /// Whose event loop knows it.
    pub(crate) worker: usize,
}

impl Handed {
    /// The connection as `worker` can use it, if it is still open.
    pub(crate) fn adopt(self, worker: usize) -> Result<(TcpStream, Seat), Seat> {
        let Self {
            tcp,
            seat,
            worker: home,
        } = self;
        if !is_surely_usable(&tcp) {
            return Err(seat);
        }
        if home == worker {
            return Ok((tcp, seat));
        }
        match tcp.into_std().and_then(TcpStream::from_std) {
            Ok(tcp) => Ok((tcp, seat)),
            Err(error) => {
                tracing::debug!(%error, "a connection could not go to another worker");
                Err(seat)
            }
        }
    }
}

/// Whether a connection is open and nothing was sent on it unasked. Asks the system, which may know
/// what the event loop has not heard yet.
pub(crate) fn is_surely_usable(tcp: &TcpStream) -> bool {
    let peeked = SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]);
    matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// What one gets who wants to connect.
#[derive(Debug)]
pub(crate) enum Seated {
    /// Leave to open a connection.
    Free(Seat),
    /// A connection that was idle.
    Kept(Handed),
}

/// A place for a connection to the server. When it has as many as it may, an idle connection of another
/// worker's, or the next place that becomes free.
pub(crate) async fn take_seat(
    worker: &Worker,
    server: &Arc<ServerShared>,
    pool: &Pool,
) -> Result<Seated, Fault> {
    let free = || {
        Seated::Free(Seat {
            server: server.clone(),
        })
    };
    if server.seats.try_take() {
        return Ok(free());
    }
    let waiting = server
        .seats
        .join(pool.max_queue)
        .map_err(|_| Fault::QueueFull)?;
    worker.ask_for_idle(server);
    Ok(match waiting.await {
        Some(handed) => Seated::Kept(handed),
        None => free(),
    })
}
