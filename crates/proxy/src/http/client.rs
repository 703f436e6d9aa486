//! A client's connection: its socket, and until when it may wait.

use std::io;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::buffer::{Buffer, Outgoing};
use crate::counters::ListenerCounts;
use crate::worker::{Alarm, Configuration, Connection, Phase, Tick};

/// How long an idle connection is left open when it is to finish: a request that is already on its
/// way is still answered, with `Connection: close`.
const GRACE: Duration = Duration::from_secs(1);

/// A client's connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) tcp: TcpStream,
    pub(super) connection: Connection,
    /// The configuration that the last request went by.
    pub(super) last: Configuration,
    /// Until when it may wait for its next request.
    pub(super) due: Tick,
    alarm: Alarm,
    /// How often the worker had called when this last looked at its phase.
    calls: Option<u32>,
    /// Set when the connection is to finish: when it is closed if idle, and when it is cut off.
    draining: Option<(Tick, Tick)>,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The time is over.
    Time,
    /// The drain timeout is over.
    CutOff,
}

impl Client {
    pub(super) fn new(connection: Connection, tcp: TcpStream) -> Self {
        Self {
            tcp,
            last: (connection.view.clone(), connection.listener.clone()),
            due: Tick::NEVER,
            alarm: connection.worker.timers.alarm(),
            connection,
            calls: None,
            draining: None,
        }
    }

    /// Goes by the configuration in force, or if the listener is gone from it, by the last that had
    /// it.
    pub(super) fn follow_configuration(&mut self) {
        let now = self.connection.worker.view();
        if !Rc::ptr_eq(&now, &self.last.0)
            && let Some(listener) = now.snapshot.listener(&self.last.1.config.name)
        {
            let listener = listener.clone();
            self.last = (now, listener);
        }
    }

    /// This worker's counters of the listener.
    pub(super) fn counts(&self) -> &ListenerCounts {
        &self.connection.listener.shared.counts[self.connection.worker.index]
    }

    /// Whether responses are to say `Connection: close`.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// When this much time will have passed.
    pub(super) fn after(&self, time: Duration) -> Tick {
        self.connection.worker.timers.after(time)
    }

    /// Waits for `due`. To be asked whenever a task would wait; what it otherwise waits for is
    /// asked first.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>, due: Tick) -> Poll<Due> {
        self.look_at_phase();
        let (due, what) = match self.draining {
            Some((_, cut_off)) if cut_off < due => (cut_off, Due::CutOff),
            _ => (due, Due::Time),
        };
        if self.connection.worker.timers.now() >= due {
            return Poll::Ready(what);
        }
        self.alarm.set(due, cx.waker());
        Poll::Pending
    }

    /// As [`Client::poll_due`], for a connection without a request: it has less time when it is to
    /// finish.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>, due: Tick) -> Poll<Due> {
        self.look_at_phase();
        let due = match self.draining {
            Some((idle, _)) => due.min(idle),
            None => due,
        };
        self.poll_due(cx, due)
    }

    fn look_at_phase(&mut self) {
        let timers = &self.connection.worker.timers;
        if self.calls == Some(timers.calls()) {
            return;
        }
        self.calls = Some(timers.calls());
        if let Phase::Draining { since, until } = *self.connection.phase.borrow() {
            let idle = timers.tick_of(since).after(GRACE);
            // Not before, so that the drain counts it among those that it cut off.
            self.draining = Some((idle, timers.tick_of(until).after(Duration::ZERO)));
        }
    }

    /// Whether the client has gone, while nothing is read from it. Wakes the task when that may change; one
    /// behind bytes that nobody has read yet is not seen.
    pub(super) fn has_gone(&self, cx: &mut Context<'_>) -> bool {
        while self.tcp.poll_read_ready(cx).is_ready() {
            let peek = || SockRef::from(&self.tcp).peek(&mut [MaybeUninit::uninit()]);
            match self.tcp.try_io(Interest::READABLE, peek) {
                Ok(0) => return true,
                Ok(_) => return false,
                // Then it waits for more.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return true,
            }
        }
        false
    }

    /// Receives what there is room for; 0 at the end of the stream.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        let received = into.poll_fill(cx, &mut self.tcp);
        if let Poll::Ready(Ok(n)) = received {
            self.counts().bytes_in.add(n as u64);
        }
        received
    }

    /// Sends until nothing is left.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Outgoing,
        source: &mut Buffer,
    ) -> (u64, Poll<io::Result<()>>) {
        let mut sent = 0;
        let outcome = out.poll_send(cx, &mut self.tcp, source, &mut sent);
        if sent > 0 {
            self.counts().bytes_out.add(sent);
        }
        (sent, outcome)
    }
}
