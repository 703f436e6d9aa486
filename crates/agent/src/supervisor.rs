//! Whether the data plane runs, and when it is to be started again: decisions only, no processes.
//!
//! ```text
//!           Start                Ready
//!   Down ----------> Starting ----------> Ready
//!    ^                  |                   |
//!    |   ended, refused,|                   | ended, silent
//!    |   slow to start  |                   |
//!    +------------------+-------------------+      (Stop from any: Stopping)
//! ```

use std::time::{Duration, Instant};

use halo_api::ProcessState;
use halo_netio::process::Standing;

/// A ready data plane says every 20 ms that it is alive. One that is silent for this long serves
/// nobody; shorter would take a busy machine for a hanging process.
const SILENCE: Duration = Duration::from_secs(1);
/// One that would speak and gets no processor is given this long: to kill it would cost its clients more,
/// and the one that is started in its place would wait for a processor as well.
const STARVED: Duration = Duration::from_secs(3);
/// Reading a configuration and binding its listeners takes milliseconds; on a slow and busy
/// machine perhaps seconds.
const STARTUP: Duration = Duration::from_secs(10);
/// The first restart is at once; the following wait this long, doubling ...
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// ... up to this.
const BACKOFF_MOST: Duration = Duration::from_secs(5);
/// A data plane that was ready for this long was not at fault at its start.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);
/// A stopping data plane gets its drain timeout, and this to end by itself.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// What to do with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Start it.
    Start,
    /// See how it stands with the kernel, and tell [`Supervisor::handle_standing`].
    Look,
    /// Kill it: it is as good as dead.
    Kill {
        /// Why, for "the data plane ...".
        why: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down {
        start_at: Instant,
    },
    Starting {
        until: Instant,
    },
    Ready {
        since: Instant,
        heard: Instant,
        doubt: Doubt,
    },
    Stopping {
        until: Instant,
    },
    Stopped,
    /// A witness has none.
    Absent,
}

/// What is known of a ready one that is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Nothing,
    /// How long it had run when half of the time was over, and when that was.
    Seen {
        ran: Duration,
        at: Instant,
    },
    /// It gets no processor.
    Starved,
}

/// The data plane's life.
#[derive(Debug)]
pub(crate) struct Supervisor {
    phase: Phase,
    pid: Option<u32>,
    starts: u64,
    backoff: Duration,
}

impl Supervisor {
    /// To be started at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Down { start_at: now },
            pid: None,
            starts: 0,
            backoff: Duration::ZERO,
        }
    }

    /// There is none on this node, and will be none.
    pub(crate) fn without_data_plane() -> Self {
        Self {
            phase: Phase::Absent,
            pid: None,
            starts: 0,
            backoff: Duration::ZERO,
        }
    }

    /// It is known by its number.
    pub(crate) fn handle_started(&mut self, pid: u32) {
        self.pid = Some(pid);
    }

    /// It is being started.
    pub(crate) fn handle_starting(&mut self, now: Instant) {
        self.pid = None;
        self.starts += 1;
        self.phase = Phase::Starting {
            until: now + STARTUP,
        };
    }

    /// It said something.
    pub(crate) fn handle_heard(&mut self, now: Instant) {
        if let Phase::Ready { heard, doubt, .. } = &mut self.phase {
            *heard = now;
            *doubt = Doubt::Nothing;
        }
    }

    /// It serves.
    pub(crate) fn handle_ready(&mut self, now: Instant) {
        if let Phase::Starting { .. } = self.phase {
            self.phase = Phase::Ready {
                since: now,
                heard: now,
                doubt: Doubt::Nothing,
            };
        }
    }

    /// It ended, was killed, or could not be started.
    pub(crate) fn handle_ended(&mut self, now: Instant) {
        self.pid = None;
        self.phase = match self.phase {
            Phase::Stopping { .. } | Phase::Stopped => Phase::Stopped,
            Phase::Ready { since, .. } => {
                if now.saturating_duration_since(since) >= SETTLED {
                    self.backoff = Duration::ZERO;
                }
                self.down(now)
            }
            Phase::Absent => Phase::Absent,
            Phase::Down { .. } | Phase::Starting { .. } => self.down(now),
        };
    }

    /// This process did not run for a while: the data plane may have been paused with it, and its
    /// silence means nothing.
    pub(crate) fn handle_clock_gap(&mut self, now: Instant) {
        self.handle_heard(now);
    }

    /// The node stops; a ready data plane is told and gets `drain` to end. One that has served
    /// nobody yet, or that is told for the second time, gets no time.
    pub(crate) fn stop(&mut self, drain: Duration, now: Instant) {
        self.phase = match self.phase {
            Phase::Down { .. } | Phase::Stopped | Phase::Absent => Phase::Stopped,
            Phase::Ready { .. } => Phase::Stopping {
                until: now + drain + STOP_GRACE,
            },
            Phase::Starting { .. } | Phase::Stopping { .. } => Phase::Stopping { until: now },
        };
    }

    /// What to do with the process now.
    pub(crate) fn poll_order(&self, now: Instant) -> Option<Order> {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if !due {
            return None;
        }
        match self.phase {
            Phase::Down { .. } => Some(Order::Start),
            Phase::Starting { .. } => Some(Order::Kill {
                why: "was not ready within 10 s of its start",
            }),
            Phase::Ready { doubt, .. } => Some(match doubt {
                Doubt::Nothing | Doubt::Seen { .. } => Order::Look,
                Doubt::Starved => Order::Kill {
                    why: "got no processor for 3 s",
                },
            }),
            Phase::Stopping { .. } => Some(Order::Kill {
                why: "was not given more time to end",
            }),
            Phase::Stopped | Phase::Absent => None,
        }
    }

    /// How a ready one that is silent stands with the kernel. What to do with it, if that is clear now.
    pub(crate) fn handle_standing(
        &mut self,
        standing: Option<Standing>,
        now: Instant,
    ) -> Option<Order> {
        let Phase::Ready { doubt, .. } = &mut self.phase else {
            return None;
        };
        match *doubt {
            Doubt::Nothing => {
                let ran = standing.map_or(Duration::ZERO, |standing| standing.ran);
                *doubt = Doubt::Seen { ran, at: now };
                None
            }
            Doubt::Seen { ran, at } => {
                // With a fifth of its time on a processor it could have spoken many times.
                let starved = standing.is_some_and(|standing| {
                    let since = now.saturating_duration_since(at);
                    standing.runnable && standing.ran.saturating_sub(ran) * 5 < since
                });
                if starved {
                    *doubt = Doubt::Starved;
                    return None;
                }
                let why = "was silent for 1 s";
                Some(Order::Kill { why })
            }
            Doubt::Starved => None,
        }
    }

    /// When [`Supervisor::poll_order`] has something to say.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Down { start_at } => Some(start_at),
            Phase::Starting { until } | Phase::Stopping { until } => Some(until),
            Phase::Ready { heard, doubt, .. } => Some(match doubt {
                Doubt::Nothing => heard + SILENCE / 2,
                Doubt::Seen { .. } => heard + SILENCE,
                Doubt::Starved => heard + STARVED,
            }),
            Phase::Stopped | Phase::Absent => None,
        }
    }

    pub(crate) fn state(&self) -> ProcessState {
        match self.phase {
            Phase::Down { .. } | Phase::Stopped | Phase::Absent => ProcessState::Down,
            Phase::Starting { .. } => ProcessState::Starting,
            Phase::Ready { .. } => ProcessState::Ready,
            Phase::Stopping { .. } => ProcessState::Stopping,
        }
    }

    /// Whether it has died more than once without having been ready for long in between.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.backoff > BACKOFF_FIRST
    }

    /// Whether there will be no process any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    /// Whether there is one, though it may not be known yet by its number.
    pub(crate) fn is_running(&self) -> bool {
        match self.phase {
            Phase::Starting { .. } | Phase::Ready { .. } | Phase::Stopping { .. } => true,
            Phase::Down { .. } | Phase::Stopped | Phase::Absent => false,
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// How often it was started after the first time.
    pub(crate) fn restarts(&self) -> u64 {
        self.starts.saturating_sub(1)
    }

    fn down(&mut self, now: Instant) -> Phase {
        let start_at = now + self.backoff;
        self.backoff = if self.backoff.is_zero() {
            BACKOFF_FIRST
        } else {
            (self.backoff * 2).min(BACKOFF_MOST)
        };
        Phase::Down { start_at }
    }
}

#[cfg(test)]
mod tests;
