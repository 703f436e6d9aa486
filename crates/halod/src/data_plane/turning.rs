//! Whether the workers go on.

use std::time::{Duration, Instant};

/// How long a worker's event loop may take for one turn. It turns fifty times a second under any load
/// that is not a fault, so that a second without a turn is a loop, a lock or a core that is gone.
const STUCK_AFTER: Duration = Duration::from_secs(1);

/// Notices workers whose event loop does not turn any more.
#[derive(Debug, Default)]
pub(super) struct Turning {
    /// Each worker's count of turns, and when it last changed.
    seen: Vec<(u64, Instant)>,
    stuck: bool,
}

impl Turning {
    /// Looks at the workers' counts of turns. Whether all of them go on.
    pub(super) fn handle_pulses(
        &mut self,
        pulses: impl Iterator<Item = u64>,
        now: Instant,
    ) -> bool {
        let mut stuck = None;
        for (worker, pulse) in pulses.enumerate() {
            match self.seen.get_mut(worker) {
                None => self.seen.push((pulse, now)),
                Some(seen) if seen.0 != pulse => *seen = (pulse, now),
                Some(&mut (_, since)) if now.saturating_duration_since(since) >= STUCK_AFTER => {
                    stuck = Some(worker);
                }
                Some(_) => {}
            }
        }
        match (stuck, self.stuck) {
            (Some(worker), false) => tracing::error!(
                worker,
                "a worker's event loop does not turn any more; the agent will give this node's \
                 virtual IPs up and restart the data plane"
            ),
            (None, true) => tracing::warn!("every worker's event loop turns again"),
            (Some(_), true) | (None, false) => {}
        }
        self.stuck = stuck.is_some();
        !self.stuck
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Turning;

    #[test]
    fn workers_that_turn_go_on_and_one_that_does_not_is_noticed_after_a_second() {
        let (mut turning, start) = (Turning::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(turning.handle_pulses([1, 1].into_iter(), at(0)));
        assert!(turning.handle_pulses([2, 2].into_iter(), at(500)));
        assert!(turning.handle_pulses([3, 2].into_iter(), at(1499)));
        assert!(!turning.handle_pulses([4, 2].into_iter(), at(1500)));
        assert!(turning.handle_pulses([5, 3].into_iter(), at(1520)));
    }

    #[test]
    fn no_workers_are_no_reason_to_worry() {
        assert!(Turning::default().handle_pulses(std::iter::empty(), Instant::now()));
    }
}
