//! A VIP that moves on purpose: what its former and its next holder need to know.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_vrrp::{DisableReason, Reason};

/// After its successor was heard, a former holder still takes new connections for this long: the
/// successor's announcements (the last of its burst comes after 400 ms) are to reach every client.
const ANNOUNCED: Duration = Duration::from_millis(500);

/// How often the kernel is asked whether connections are left.
const CHECK: Duration = Duration::from_millis(100);

/// The addresses of a VIP that moved on purpose, still on the interface so that connections can finish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retiring {
    /// Nothing is waited for beyond this.
    pub(crate) until: Instant,
    /// By then a successor has been heard, or there is none.
    successor_by: Instant,
    /// When a successor was heard.
    succeeded: Option<Instant>,
    check_at: Instant,
}

impl Retiring {
    /// From `now` on, for at most `drain`. A successor takes no longer than `election`.
    pub(crate) fn new(now: Instant, drain: Duration, election: Duration) -> Self {
        Self {
            until: now + drain,
            successor_by: now + election,
            succeeded: None,
            check_at: now + CHECK.min(drain),
        }
    }

    /// Another node is Active.
    pub(crate) fn handle_successor(&mut self, now: Instant) {
        self.succeeded.get_or_insert(now);
    }

    /// From when on no new connection is to be expected.
    pub(crate) fn quiet_at(&self) -> Instant {
        let from = self.succeeded.unwrap_or(self.successor_by);
        (from + ANNOUNCED).min(self.until)
    }

    /// When to look again.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.check_at
    }

    /// Whether it is over, if connections are `left` or not; asked at [`Self::poll_timeout`].
    pub(crate) fn is_over(&mut self, left: impl FnOnce() -> bool, now: Instant) -> bool {
        if now >= self.until || (now >= self.quiet_at() && !left()) {
            return true;
        }
        self.check_at = (now + CHECK).min(self.until);
        false
    }
}

/// Whether a node that loses its VIP for this reason goes on well enough to finish what it has begun.
pub(crate) fn lost_on_purpose(reason: Reason) -> bool {
    match reason {
        Reason::Shutdown
        | Reason::Yielded
        | Reason::Unfit
        | Reason::WithGroup
        | Reason::Outranked { .. }
        | Reason::TieLost { .. }
        | Reason::Disabled(DisableReason::GroupMember) => true,
        Reason::Disabled(_)
        | Reason::Paused { .. }
        | Reason::Enabled
        | Reason::Owner
        | Reason::NoActive { .. }
        | Reason::Silent { .. }
        | Reason::Dead { .. }
        | Reason::LeaseEnded { .. }
        | Reason::Resigned { .. }
        | Reason::Appointed { .. }
        | Reason::Preempted { .. }
        | Reason::NoMajority
        | Reason::TookOver => false,
    }
}

/// The node that finishes its connections when this one becomes Active for this reason: a former
/// Active (`holder`, as last known) that did not fall silent.
pub(crate) fn former_holder(reason: Reason, holder: Option<IpAddr>) -> Option<IpAddr> {
    match reason {
        Reason::Resigned { active }
        | Reason::Appointed { by: active }
        | Reason::Preempted { active, .. } => Some(active),
        Reason::TookOver | Reason::WithGroup | Reason::Owner => holder,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(10);
    const ELECTION: Duration = Duration::from_millis(200);

    /// Looks when it is time to, up to `end`; when it was over.
    fn over(retiring: &mut Retiring, left_until: Instant) -> Instant {
        loop {
            let at = retiring.poll_timeout();
            if retiring.is_over(|| at < left_until, at) {
                return at;
            }
        }
    }

    #[test]
    fn new_connections_are_taken_until_the_successor_has_announced_itself() {
        let now = Instant::now();
        let mut retiring = Retiring::new(now, DRAIN, ELECTION);
        let heard = now + Duration::from_millis(60);
        retiring.handle_successor(heard);
        retiring.handle_successor(heard + ANNOUNCED);
        assert_eq!(retiring.quiet_at(), heard + ANNOUNCED);
        let over = over(&mut retiring, now);
        assert!(over >= heard + ANNOUNCED && over <= heard + ANNOUNCED + CHECK);
    }

    #[test]
    fn connections_are_waited_for_but_not_beyond_the_drain_timeout() {
        let now = Instant::now();
        let mut retiring = Retiring::new(now, DRAIN, ELECTION);
        let end = now + Duration::from_secs(4);
        let at = over(&mut retiring, end);
        assert!(at >= end && at <= end + CHECK);
        let mut retiring = Retiring::new(now, DRAIN, ELECTION);
        assert_eq!(over(&mut retiring, now + DRAIN * 2), now + DRAIN);
    }

    #[test]
    fn a_successor_that_does_not_come_is_waited_for_no_longer_than_an_election_takes() {
        let now = Instant::now();
        let mut retiring = Retiring::new(now, DRAIN, ELECTION);
        let at = over(&mut retiring, now);
        assert!(at >= now + ELECTION + ANNOUNCED && at <= now + ELECTION + ANNOUNCED + CHECK);
        let mut brief = Retiring::new(now, ELECTION / 4, ELECTION);
        assert_eq!(over(&mut brief, now + DRAIN), now + ELECTION / 4);
    }
}
