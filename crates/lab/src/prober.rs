//! A client that asks every millisecond, and keeps book of when it was not answered.

mod attempt;
mod report;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use halo_netio::netns::NetnsThread;
use nix::poll::{PollFd, PollTimeout, poll};

use crate::{Host, LabError, Turn, wait_until};
use attempt::Attempt;

pub use report::ProberReport;

/// Time between two attempts.
pub const INTERVAL: Duration = Duration::from_millis(1);

/// An attempt that is not answered by then has failed. Long beside every answer in the lab, short
/// beside the second after which TCP sends a lost SYN again: a gap ends with the first *new*
/// connection that is served.
const TIMEOUT: Duration = Duration::from_millis(200);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A TCP connection.
    Connect,
    /// `GET /` over a new connection; answered by a 2xx.
    Http,
    /// A datagram from a new port; answered by another.
    Udp,
}

/// A prober at work. It stops when dropped.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    thread: Option<NetnsThread<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    record: Mutex<Vec<Outcome>>,
}

/// An attempt that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) start: Instant,
    /// `None`: it was answered.
    pub(crate) fault: Option<Fault>,
}

/// Why an attempt was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection was refused or reset, or could not be opened.
    Reset,
    /// It ended before its answer.
    Closed,
    /// The answer was no 2xx.
    Status,
    /// There was none in time.
    Late,
}

impl Prober {
    /// Starts to ask `target` from `host`.
    ///
    /// # Errors
    /// When no thread can be started there.
    pub fn start(host: &Host, target: SocketAddr, ask: Ask) -> Result<Self, LabError> {
        Self::start_with(host, target, ask, Turn::Ordinary)
    }

    /// The same, in the turn that `turn` says.
    ///
    /// # Errors
    /// When no thread can be started there.
    pub fn start_with(
        host: &Host,
        target: SocketAddr,
        ask: Ask,
        turn: Turn,
    ) -> Result<Self, LabError> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = host.thread(move || {
            turn.take();
            run(&theirs, target, ask);
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Everything so far.
    #[must_use]
    pub fn report(&self) -> ProberReport {
        let record = self.shared.record.lock();
        ProberReport::new(&record.unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets everything so far.
    pub fn reset(&self) {
        let record = self.shared.record.lock();
        record.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until every attempt of the last `steady` succeeded.
    ///
    /// # Errors
    /// [`LabError::Deadline`] when that does not happen within `within`.
    pub fn wait_steady(&self, steady: Duration, within: Duration) -> Result<(), LabError> {
        self.wait_steady_from(Instant::now(), steady, within)
    }

    /// The same, counted from an earlier time: several probers are waited for at once.
    ///
    /// # Errors
    /// [`LabError::Deadline`] when that does not happen within `within`.
    pub fn wait_steady_from(
        &self,
        from: Instant,
        steady: Duration,
        within: Duration,
    ) -> Result<(), LabError> {
        wait_until("answers to every request of the prober", within, || {
            let record = self.shared.record.lock();
            let record = record.unwrap_or_else(PoisonError::into_inner);
            let bad = record.iter().rev().find(|outcome| outcome.fault.is_some());
            let since = bad.map_or(from, |outcome| outcome.start.max(from));
            record
                .iter()
                .any(|outcome| outcome.fault.is_none() && outcome.start > since + steady)
        })
        .map_err(|error| match error {
            LabError::Deadline { what, within, .. } => LabError::Deadline {
                what,
                within,
                detail: format!("; {}", self.report()),
            },
            other => other,
        })
    }

    /// Stops, and says how it was.
    #[must_use]
    pub fn stop(mut self) -> ProberReport {
        self.halt();
        self.report()
    }

    fn halt(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.halt();
    }
}

fn run(shared: &Shared, target: SocketAddr, ask: Ask) {
    let mut flying: VecDeque<Attempt> = VecDeque::new();
    let mut done = Vec::new();
    let mut next = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= next {
            flying.push_back(Attempt::start(target, ask, now));
            next += INTERVAL;
            if next < now {
                next = now + INTERVAL; // was not scheduled in time: no burst to catch up
            }
        }
        wait(&flying, next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        flying.retain_mut(|attempt| match attempt.advance(now, TIMEOUT) {
            None => true,
            Some(end) => {
                done.push(Outcome {
                    start: attempt.start,
                    fault: end.err(),
                });
                false
            }
        });
        if !done.is_empty() {
            let record = shared.record.lock();
            record
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut done);
        }
    }
}

/// Waits until a socket has news or `time` has passed.
fn wait(flying: &VecDeque<Attempt>, time: Duration) {
    let mut fds: Vec<PollFd<'_>> = flying
        .iter()
        .filter_map(|attempt| {
            let (socket, flags) = attempt.waits_for()?;
            Some(PollFd::new(socket.as_fd(), flags))
        })
        .collect();
    // Whole milliseconds are all that poll knows; rounded up, so that it does not spin.
    let millis = time.as_micros().div_ceil(1000).min(10);
    let timeout = PollTimeout::from(u8::try_from(millis).unwrap_or(10));
    if poll(&mut fds, timeout).is_err() {
        // Interrupted: the caller looks at everything anyway.
    }
}
