//! What a node needs to be fit to hold VIPs: when it is checked, and what the results come to.
//!
//! Decisions only. Whoever owns the clock and the kernel asks [`Tracker::is_due`], and reports what
//! it found to [`Tracker::handle_result`].

use std::time::Instant;

use halo_api::{TrackerState, UnixMillis};
use halo_config::Track;

/// What a check found, in a sentence either way.
pub(crate) type Finding = Result<String, String>;

/// One tracker.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub(crate) config: Track,
    state: TrackerState,
    /// Results in a row that speak against the state.
    against: u32,
    due: Instant,
    /// The number of the check under way, which has an answer of its own.
    pub(crate) running: Option<u64>,
    /// What the last check found.
    pub(crate) finding: String,
    /// Since when it has been in its state.
    pub(crate) since: UnixMillis,
}

impl Tracker {
    /// To be checked at once. Until something is found it counts as failed: a node that does not
    /// know whether it is fit leaves the VIPs to others.
    pub(crate) fn new(config: Track, now: Instant, since: UnixMillis) -> Self {
        Self {
            config,
            state: TrackerState::Unknown,
            against: 0,
            due: now,
            running: None,
            finding: "not checked yet".to_owned(),
            since,
        }
    }

    /// When the next check is due; `None`: one is under way.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.running.is_none().then_some(self.due)
    }

    /// Whether a check is due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.poll_timeout().is_some_and(|due| due <= now)
    }

    /// A check begins now.
    pub(crate) fn handle_started(&mut self, now: Instant) {
        self.due = now + self.config.interval;
    }

    /// Takes what a check found; says whether the state changed. The first result counts at once,
    /// later ones against the state after `rise` or `fall` in a row.
    pub(crate) fn handle_result(&mut self, finding: Finding, at: UnixMillis) -> bool {
        let (found, needed, text) = match finding {
            Ok(text) => (TrackerState::Good, self.config.rise, text),
            Err(text) => (TrackerState::Failed, self.config.fall, text),
        };
        self.finding = text;
        if found == self.state {
            self.against = 0;
            return false;
        }
        self.against += 1;
        if self.state != TrackerState::Unknown && self.against < needed {
            return false;
        }
        self.state = found;
        self.since = at;
        self.against = 0;
        true
    }

    pub(crate) fn state(&self) -> TrackerState {
        self.state
    }

    /// Whether the VIP depends on it.
    pub(crate) fn concerns(&self, vip: &str) -> bool {
        self.config.vips.iter().any(|name| name == vip)
    }

    /// Whether it makes the node unfit.
    pub(crate) fn is_fault(&self) -> bool {
        self.config.weight.is_none() && self.state != TrackerState::Good
    }

    /// What it takes off the priority.
    pub(crate) fn penalty(&self) -> u8 {
        match self.state {
            TrackerState::Failed => self.config.weight.unwrap_or(0),
            TrackerState::Unknown | TrackerState::Good => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use halo_config::TrackCheck;

    use super::*;

    fn tracker(weight: Option<u8>, rise: u32, fall: u32) -> Tracker {
        let config = Track {
            name: "uplink".into(),
            check: TrackCheck::Interface {
                name: "eth1".into(),
                address: None,
            },
            vips: vec!["web".into()],
            weight,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise,
            fall,
        };
        Tracker::new(config, Instant::now(), 0)
    }

    fn good() -> Finding {
        Ok("up".into())
    }

    fn bad() -> Finding {
        Err("no carrier".into())
    }

    #[test]
    fn a_node_that_does_not_know_whether_it_is_fit_is_not() {
        assert!(tracker(None, 1, 1).is_fault());
        let weighted = tracker(Some(50), 1, 1);
        assert!(!weighted.is_fault());
        assert_eq!(weighted.penalty(), 0);
    }

    #[test]
    fn the_first_result_counts_at_once_and_later_ones_when_there_are_enough_in_a_row() {
        let mut tracker = tracker(None, 3, 2);
        assert!(tracker.handle_result(good(), 1));
        assert!(!tracker.handle_result(bad(), 2));
        assert!(!tracker.handle_result(good(), 3));
        assert!(!tracker.handle_result(bad(), 4));
        assert!(!tracker.is_fault(), "never two in a row");
        assert!(tracker.handle_result(bad(), 5));
        assert!(tracker.is_fault());
        assert_eq!((tracker.since, tracker.finding.as_str()), (5, "no carrier"));
        assert!(!tracker.handle_result(good(), 6));
        assert!(!tracker.handle_result(good(), 7));
        assert!(tracker.handle_result(good(), 8));
        assert!(!tracker.is_fault());
    }

    #[test]
    fn a_weighted_one_costs_priority_and_is_no_fault() {
        let mut tracker = tracker(Some(50), 1, 1);
        tracker.handle_result(bad(), 1);
        assert_eq!((tracker.penalty(), tracker.is_fault()), (50, false));
    }

    #[test]
    fn it_is_due_an_interval_after_it_began_and_not_while_it_runs() {
        let mut tracker = tracker(None, 1, 1);
        let now = tracker.poll_timeout().unwrap();
        assert!(tracker.is_due(now));
        tracker.handle_started(now);
        tracker.running = Some(1);
        assert!(!tracker.is_due(now + Duration::from_secs(5)));
        tracker.running = None;
        assert!(!tracker.is_due(now + Duration::from_millis(999)));
        assert!(tracker.is_due(now + Duration::from_secs(1)));
    }
}
