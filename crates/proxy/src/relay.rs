//! Bytes passed both ways until both sides have ended.

mod flow;
mod plumbing;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::worker::{Alarm, Connection, Phase, Tick, Timers};
use flow::{Broken, Flow};

pub(crate) use plumbing::Plumbing;

/// One side of a relay: the stream, and bytes read from it already.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) tcp: TcpStream,
    pub(crate) read_ahead: Bytes,
}

/// What came of a relay.
#[derive(Debug, Default)]
pub(crate) struct Relayed {
    /// Bytes read from the client, without those read ahead.
    pub(crate) bytes_in: u64,
    /// Bytes written to the client.
    pub(crate) bytes_out: u64,
    /// Why it ended before both sides had.
    pub(crate) fault: Option<Fault>,
}

/// Passes bytes both ways, and counts them for the client's listener. When one side ends its half, the
/// other is told so and may go on. Returns when both have ended, or when nothing moved for as long as
/// `idle`. A side that breaks off has the other one reset, so that it does not take what it got for
/// all.
pub(crate) async fn relay(
    connection: &Connection,
    client: Side,
    server: Side,
    idle: Duration,
) -> Relayed {
    let plumbing = &connection.worker.plumbing;
    let counts = &connection.listener.shared.counts[connection.worker.index];
    let mut up = Flow::new(plumbing, &client.tcp, &server.tcp, client.read_ahead);
    let mut down = Flow::new(plumbing, &server.tcp, &client.tcp, server.read_ahead);
    let mut limits = Limits::new(connection, idle);
    let mut relayed = Relayed::default();
    relayed.fault = poll_fn(|cx| {
        let outcomes = [up.poll(cx, down.has_ended()), down.poll(cx, up.has_ended())];
        let ((read, _), (_, written)) = (up.take_counts(), down.take_counts());
        if read > 0 || written > 0 {
            relayed.bytes_in += read;
            relayed.bytes_out += written;
            counts.bytes_in.add(read);
            counts.bytes_out.add(written);
            limits.moved();
        }
        for (outcome, source) in outcomes.into_iter().zip([Peer::Client, Peer::Server]) {
            if let Poll::Ready(Err(broken)) = outcome {
                return Poll::Ready(Some(fault(broken, source, &client.tcp, &server.tcp)));
            }
        }
        if up.has_ended() && down.has_ended() {
            return Poll::Ready(None);
        }
        limits.poll(cx).map(Some)
    })
    .await;
    relayed
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Client,
    Server,
}

/// Whose fault it is that a flow with this source broke; has the other one reset when it is closed.
fn fault(broken: Broken, source: Peer, client: &TcpStream, server: &TcpStream) -> Fault {
    let (error, client_broke) = match broken {
        Broken::Source(error) => (error, source == Peer::Client),
        Broken::Sink(error) => (error, source == Peer::Server),
    };
    let innocent = if client_broke { server } else { client };
    if let Err(error) = SockRef::from(innocent).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a peer is closed instead of being reset");
    }
    if client_broke {
        Fault::ClientGone
    } else {
        Fault::Truncated(error.to_string())
    }
}

/// What ends a relay from outside.
#[derive(Debug)]
struct Limits<'a> {
    connection: &'a Connection,
    timers: &'a Timers,
    idle: Duration,
    alarm: Alarm,
    /// When it has been idle for too long.
    due: Tick,
    /// How often the worker had called when this last looked at the phase.
    calls: Option<u32>,
    /// When it is cut off, once its listener drains.
    cut_off: Tick,
}

impl<'a> Limits<'a> {
    fn new(connection: &'a Connection, idle: Duration) -> Self {
        let timers = &connection.worker.timers;
        Self {
            connection,
            timers,
            idle,
            alarm: timers.alarm(),
            due: timers.after(idle),
            calls: None,
            cut_off: Tick::NEVER,
        }
    }

    fn moved(&mut self) {
        self.due = self.timers.after(self.idle);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        if self.calls != Some(self.timers.calls()) {
            self.calls = Some(self.timers.calls());
            if let Phase::Draining { until, .. } = *self.connection.phase.borrow() {
                // Not before, so that the drain counts it among those that it cut off.
                self.cut_off = self.timers.tick_of(until).after(Duration::ZERO);
            }
        }
        let now = self.timers.now();
        if now >= self.cut_off {
            return Poll::Ready(Fault::CutOff);
        }
        if now >= self.due {
            return Poll::Ready(Fault::Idle);
        }
        self.alarm.set(self.due.min(self.cut_off), cx.waker());
        Poll::Pending
    }
}
