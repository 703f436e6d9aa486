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

/// A ready data plane says every 20 ms that it is alive. One that is silent for this long serves
/// nobody; shorter would take a busy machine for a hanging process.
const SILENCE: Duration = Duration::from_secs(1);
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
    },
    Stopping {
        until: Instant,
    },
    Stopped,
    /// A witness has none.
    Absent,
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
        if let Phase::Ready { heard, .. } = &mut self.phase {
            *heard = now;
        }
    }

    /// It serves.
    pub(crate) fn handle_ready(&mut self, now: Instant) {
        if let Phase::Starting { .. } = self.phase {
            self.phase = Phase::Ready {
                since: now,
                heard: now,
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
            Phase::Ready { .. } => Some(Order::Kill {
                why: "was silent for 1 s",
            }),
            Phase::Stopping { .. } => Some(Order::Kill {
                why: "was not given more time to end",
            }),
            Phase::Stopped | Phase::Absent => None,
        }
    }

    /// When [`Supervisor::poll_order`] has something to say.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Down { start_at } => Some(start_at),
            Phase::Starting { until } | Phase::Stopping { until } => Some(until),
            Phase::Ready { heard, .. } => Some(heard + SILENCE),
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
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(10);

    fn ready(now: Instant) -> Supervisor {
        let mut supervisor = Supervisor::new(now);
        supervisor.handle_starting(now);
        supervisor.handle_started(7);
        supervisor.handle_ready(now);
        supervisor
    }

    #[test]
    fn it_is_started_at_once_and_again_at_once() {
        let now = Instant::now();
        let mut supervisor = Supervisor::new(now);
        assert_eq!(supervisor.poll_order(now), Some(Order::Start));
        supervisor.handle_starting(now);
        supervisor.handle_started(7);
        assert_eq!(supervisor.poll_order(now), None);
        supervisor.handle_ended(now);
        assert_eq!(supervisor.poll_order(now), Some(Order::Start));
    }

    #[test]
    fn restarts_wait_longer_and_longer_up_to_five_seconds() {
        let mut now = Instant::now();
        let mut supervisor = Supervisor::new(now);
        let mut waits = Vec::new();
        for _ in 0..9 {
            supervisor.handle_starting(now);
            supervisor.handle_started(7);
            supervisor.handle_ended(now);
            let next = supervisor.poll_timeout().unwrap();
            waits.push((next - now).as_millis());
            now = next;
        }
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(supervisor.restarts(), 8);
    }

    #[test]
    fn ten_good_seconds_forget_the_bad_starts() {
        let now = Instant::now();
        let mut supervisor = ready(now);
        supervisor.handle_ended(now);
        supervisor.handle_starting(now);
        supervisor.handle_started(8);
        supervisor.handle_ready(now);
        let later = now + SETTLED;
        supervisor.handle_ended(later);
        assert_eq!(supervisor.poll_timeout(), Some(later));
    }

    #[test]
    fn a_second_of_silence_of_a_ready_one_is_death() {
        let now = Instant::now();
        let mut supervisor = ready(now);
        let heard = now + Duration::from_millis(900);
        supervisor.handle_heard(heard);
        assert_eq!(supervisor.poll_order(now + SILENCE), None);
        assert!(matches!(
            supervisor.poll_order(heard + SILENCE),
            Some(Order::Kill { .. })
        ));
    }

    #[test]
    fn silence_while_the_agent_itself_was_paused_means_nothing() {
        let now = Instant::now();
        let mut supervisor = ready(now);
        let woken = now + Duration::from_secs(60);
        supervisor.handle_clock_gap(woken);
        assert_eq!(supervisor.poll_order(woken), None);
    }

    #[test]
    fn a_stopping_one_is_killed_after_its_drain_timeout_and_not_started_again() {
        let now = Instant::now();
        let mut supervisor = ready(now);
        supervisor.stop(DRAIN, now);
        assert_eq!(supervisor.state(), ProcessState::Stopping);
        assert_eq!(supervisor.poll_order(now + DRAIN), None);
        let over = now + DRAIN + STOP_GRACE;
        assert!(matches!(
            supervisor.poll_order(over),
            Some(Order::Kill { .. })
        ));
        supervisor.handle_ended(over);
        assert!(supervisor.is_stopped());
        assert_eq!(supervisor.poll_order(over), None);
    }

    #[test]
    fn a_second_stop_waits_no_longer() {
        let now = Instant::now();
        let mut supervisor = ready(now);
        supervisor.stop(DRAIN, now);
        supervisor.stop(DRAIN, now);
        assert!(matches!(
            supervisor.poll_order(now),
            Some(Order::Kill { .. })
        ));
    }

    #[test]
    fn a_stop_without_a_process_is_done() {
        let now = Instant::now();
        let mut supervisor = Supervisor::new(now);
        supervisor.stop(DRAIN, now);
        assert!(supervisor.is_stopped());
    }
}
