//! Connects to an address each millisecond, and remembers when that worked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::exit::Failure;

/// Time between attempts.
const EVERY: Duration = Duration::from_millis(1);
/// An attempt that takes longer has failed; a client would have noticed long since.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Attempts that have ended.
    pub(super) attempts: u64,
    /// Those that failed.
    pub(super) failed: u64,
    /// The longest time between the beginnings of two attempts that worked, next to each other.
    pub(super) longest_gap: Duration,
    last_good: Instant,
    last_bad: Instant,
}

impl Seen {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            attempts: 0,
            failed: 0,
            longest_gap: Duration::ZERO,
            last_good: now,
            last_bad: now,
        }
    }

    fn note(&mut self, began: Instant, good: bool) {
        self.attempts += 1;
        if good {
            // Attempts end in another order than they began.
            let gap = began.saturating_duration_since(self.last_good);
            self.longest_gap = self.longest_gap.max(gap);
            self.last_good = self.last_good.max(began);
        } else {
            self.failed += 1;
            self.last_bad = self.last_bad.max(began);
        }
    }
}

/// A running prober.
#[derive(Debug)]
pub(super) struct Prober {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Prober {
    pub(super) fn start(target: SocketAddr) -> Self {
        let seen = Arc::new(Mutex::new(Seen::new()));
        let task = tokio::spawn(probe(target, seen.clone()));
        Self { seen, task }
    }

    /// Forgets what was seen so far.
    pub(super) fn reset(&self) {
        *lock(&self.seen) = Seen::new();
    }

    /// Waits until every attempt has worked for `span`.
    pub(super) async fn steady(&self, span: Duration, patience: Duration) -> Result<(), Failure> {
        let since = Instant::now();
        loop {
            let seen = *lock(&self.seen);
            let good = seen
                .last_good
                .saturating_duration_since(seen.last_bad.max(since));
            if good >= span {
                return Ok(());
            }
            if since.elapsed() > patience + span {
                return Err(Failure::Failed(format!(
                    "connecting does not work steadily: {} of {} attempts failed; is the port right, \
                     and may this machine connect to the virtual IP?",
                    seen.failed, seen.attempts
                )));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn stop(self) -> Seen {
        self.task.abort();
        *lock(&self.seen)
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn probe(target: SocketAddr, seen: Arc<Mutex<Seen>>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let seen = seen.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let connected = timeout(PATIENCE, TcpStream::connect(target)).await;
            let good = matches!(connected, Ok(Ok(_)));
            lock(&seen).note(began, good);
        });
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_between_two_attempts_that_worked() {
        let mut seen = Seen::new();
        let start = seen.last_good;
        let at = |millis| start + Duration::from_millis(millis);
        seen.note(at(1), true);
        seen.note(at(2), false);
        seen.note(at(30), true);
        seen.note(at(29), true);
        seen.note(at(31), true);
        assert_eq!((seen.attempts, seen.failed), (5, 1));
        assert_eq!(seen.longest_gap, Duration::from_millis(29));
    }
}
