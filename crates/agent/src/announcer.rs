//! When gratuitous ARP frames go out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// After a claim: one at once, for the failover that nobody is to notice, and more for switches
/// that drop the first frames of a port or learn slowly, and for frames that are lost. Later ones
/// come from the virtual router (1 s after the claim, then each minute).
const CLAIM: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// After a rival: as sure as a claim, in fewer frames.
const REPEAT: [Duration; 2] = [Duration::ZERO, Duration::from_millis(100)];

/// A schedule of announcements, each for every address of a VIP.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    due: VecDeque<Instant>,
}

impl Announcer {
    /// The addresses have just been put on.
    pub(crate) fn claim(&mut self, now: Instant) {
        self.schedule(&CLAIM, now);
    }

    /// Others may have been told something else.
    pub(crate) fn repeat(&mut self, now: Instant) {
        self.schedule(&REPEAT, now);
    }

    /// Now and then.
    pub(crate) fn refresh(&mut self, now: Instant) {
        self.schedule(&[Duration::ZERO], now);
    }

    /// The addresses are gone.
    pub(crate) fn stop(&mut self) {
        self.due.clear();
    }

    /// When the next one is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.front().copied()
    }

    /// Whether to announce now. However many were missed, one announcement makes up for them.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        let missed = self.due.iter().take_while(|at| **at <= now).count();
        self.due.drain(..missed);
        missed > 0
    }

    fn schedule(&mut self, offsets: &[Duration], now: Instant) {
        // What was scheduled before is not put off: the new schedule starts now.
        self.due = offsets.iter().map(|offset| now + *offset).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_announced_five_times_and_at_once() {
        let start = Instant::now();
        let mut announcer = Announcer::default();
        announcer.claim(start);
        let mut times = Vec::new();
        while let Some(at) = announcer.poll_timeout() {
            assert!(announcer.take_due(at));
            times.push(at - start);
        }
        assert_eq!(times, CLAIM);
    }

    #[test]
    fn a_late_wake_up_announces_once() {
        let start = Instant::now();
        let mut announcer = Announcer::default();
        announcer.claim(start);
        assert!(announcer.take_due(start + Duration::from_secs(1)));
        assert!(!announcer.take_due(start + Duration::from_secs(1)));
        assert_eq!(announcer.poll_timeout(), None);
    }

    #[test]
    fn nothing_is_announced_after_a_stop() {
        let start = Instant::now();
        let mut announcer = Announcer::default();
        announcer.claim(start);
        announcer.stop();
        assert!(!announcer.take_due(start));
    }
}
