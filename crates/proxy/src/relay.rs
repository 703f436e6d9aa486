//! Bytes passed both ways until both sides have ended.

mod flow;
mod plumbing;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::fault::Fault;
use crate::stream::{Meter, Stream};
use crate::worker::{Phase, cut_off};
use flow::{Broken, Flow};

pub(crate) use plumbing::Plumbing;

/// One side of a relay: the stream, and bytes read from it already.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) stream: Stream,
    pub(crate) read_ahead: Bytes,
}

/// Passes bytes both ways; `meter` is the client's. When one side ends its half, the other is told so and may go on. Returns
/// when both have ended. A side that breaks off has the other one reset, so that it does not take
/// what it got for all.
pub(crate) async fn relay(
    plumbing: &Plumbing,
    client: Side,
    server: Side,
    meter: &Meter,
    idle: Duration,
    phase: watch::Receiver<Phase>,
) -> Result<(), Fault> {
    let (client_tcp, server_tcp) = (client.stream.tcp(), server.stream.tcp());
    let mut up = Flow::new(plumbing, client_tcp, server_tcp, client.read_ahead);
    let mut down = Flow::new(plumbing, server_tcp, client_tcp, server.read_ahead);
    meter.touch(Instant::now());
    let timer = pin!(sleep_until(meter.last() + idle));
    let cut_off = pin!(cut_off(phase.clone()));
    let mut limits = Limits {
        idle,
        timer,
        phase,
        cut_off,
        waker: None,
    };
    poll_fn(|cx| {
        let mut outcomes = [
            (!up.has_ended()).then(|| up.poll(cx, down.has_ended())),
            (!down.has_ended()).then(|| down.poll(cx, up.has_ended())),
        ];
        let now = Instant::now();
        let ((read, _), (_, written)) = (up.take_counts(), down.take_counts());
        meter.passed(read, written, now);
        for (outcome, source) in outcomes.iter_mut().zip([Peer::Client, Peer::Server]) {
            if let Some(Poll::Ready(Err(broken))) = outcome.take() {
                return Poll::Ready(Err(fault(broken, source, client_tcp, server_tcp)));
            }
        }
        if up.has_ended() && down.has_ended() {
            return Poll::Ready(Ok(()));
        }
        limits.poll(cx, meter, now).map(Err)
    })
    .await
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Client,
    Server,
}

/// Whose fault it is that a flow with this source broke; resets the one whose fault it is not.
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

/// What ends a relay from outside. Looked at when bytes move, which is often, and yet seldom due:
/// so the timer and the phase are polled when there is something new about them, and to leave the
/// task's waker with them.
struct Limits<'a, C> {
    idle: Duration,
    timer: Pin<&'a mut Sleep>,
    phase: watch::Receiver<Phase>,
    cut_off: Pin<&'a mut C>,
    /// The waker that they have.
    waker: Option<Waker>,
}

impl<C: Future<Output = ()>> Limits<'_, C> {
    fn poll(&mut self, cx: &mut Context<'_>, meter: &Meter, now: Instant) -> Poll<Fault> {
        let fresh = !matches!(&self.waker, Some(waker) if waker.will_wake(cx.waker()));
        if fresh {
            self.waker = Some(cx.waker().clone());
        }
        // An error says that the sender is gone, which the future knows to judge.
        if (fresh || self.phase.has_changed().unwrap_or(true))
            && self.cut_off.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Fault::CutOff);
        }
        while fresh || now >= self.timer.deadline() {
            if self.timer.as_mut().poll(cx).is_pending() {
                break;
            }
            let deadline = meter.last() + self.idle;
            if deadline <= now {
                return Poll::Ready(Fault::Idle);
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
