//! How long leases and promises last, and what is assumed of clocks.

use std::time::Duration;

/// The times of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// How long a lease lasts for its owner, from when it sent the request.
    pub lease: Duration,
    /// The longest lease that any node of the cluster may ask for, now or before a change of its
    /// configuration: as long a voter that has just started keeps silent.
    pub longest: Duration,
    /// By what part a promise is longer than the lease that it is for: an eighth is 8.
    pub margin: u32,
}

impl Timing {
    /// The most that two clocks' rates may differ from the true one, in parts per thousand. Crystals
    /// stay below 0.1, NTP slews by 0.5 at most.
    pub const DRIFT: u32 = 10;

    /// A promise is longer than its lease by one part in this many: 3.1 %. The fastest and the slowest
    /// clock within [`Timing::DRIFT`] differ by (1 + 0.01) / (1 - 0.01), which is 2.02 %.
    pub const MARGIN: u32 = 32;

    /// The longest lease. It bounds how long a cluster that starts from nothing has no owner.
    pub const LONGEST: Duration = Duration::from_secs(2);

    /// The longest advertisement interval with which a cluster may have a quorum.
    pub const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

    /// A lease never is shorter: an owner that is late by a few scheduler ticks does not lose it.
    const SHORTEST: Duration = Duration::from_millis(50);

    /// Intervals that a lease lasts. The owner renews it each interval, so two renewals may be lost; a
    /// Backup waits for as many adverts, and so finds the promises lapsed.
    const INTERVALS: u32 = 3;

    /// The owner gives up this part of a lease before its end, to have the addresses off by then.
    const GUARD: u32 = 16;

    /// The times for adverts at this interval.
    #[must_use]
    pub fn for_interval(interval: Duration) -> Self {
        let lease = interval.saturating_mul(Self::INTERVALS);
        Self {
            lease: lease.clamp(Self::SHORTEST, Self::LONGEST),
            longest: Self::LONGEST,
            margin: Self::MARGIN,
        }
    }

    /// How long a voter keeps a promise that is for a lease of this length.
    #[must_use]
    pub fn promise(&self, lease: Duration) -> Duration {
        lease + lease / self.margin
    }

    /// How long a voter that has just started promises nothing.
    #[must_use]
    pub fn silence_after_start(&self) -> Duration {
        self.promise(self.longest)
    }

    /// How long before the end of its lease an owner gives up.
    #[must_use]
    pub fn guard(&self) -> Duration {
        self.lease / Self::GUARD
    }

    /// How often the lease is renewed.
    #[must_use]
    pub fn renewal(&self) -> Duration {
        self.lease / Self::INTERVALS
    }

    /// How long to wait for answers, and after a failed attempt.
    #[must_use]
    pub fn retry(&self) -> Duration {
        self.lease / 6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_outlasts_its_lease_whatever_clocks_within_the_bound_do() {
        let timing = Timing::for_interval(Duration::from_millis(100));
        let rate = |parts: u32| f64::from(parts) / 1000.0;
        // In true time: the slowest owner's lease, and the fastest voter's promise.
        let lease = timing.lease.as_secs_f64() / rate(1000 - Timing::DRIFT);
        let promise = timing.promise(timing.lease).as_secs_f64() / rate(1000 + Timing::DRIFT);
        assert!(promise > lease, "{promise} s is not longer than {lease} s");
    }

    #[test]
    fn no_interval_makes_a_lease_longer_than_a_voter_keeps_silent() {
        for millis in [1, 10, 100, 500, 1000, 40_950] {
            let timing = Timing::for_interval(Duration::from_millis(millis));
            assert!(timing.promise(timing.lease) <= timing.silence_after_start());
        }
        let longest = Timing::for_interval(Timing::LONGEST_INTERVAL);
        assert_eq!(longest.lease, 3 * Timing::LONGEST_INTERVAL);
    }

    #[test]
    fn an_owner_can_lose_two_renewals_and_still_renew_in_time() {
        let timing = Timing::for_interval(Duration::from_millis(100));
        assert!(2 * timing.renewal() + timing.guard() < timing.lease);
    }
}
