//! Virtual time, and the clocks of the nodes, which run fast or slow.

use std::time::{Duration, Instant};

/// Nanoseconds since the start of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// This much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Milliseconds, for people.
    #[must_use]
    pub fn millis(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64() * 1000.0
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A node's clock. All share one opaque epoch; each drifts on its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: Instant,
    /// Parts per million that it runs fast.
    drift: i32,
    /// Nanoseconds by which it has leapt ahead; below 0, it has stood still.
    leapt: i128,
}

impl Clock {
    pub(crate) fn new(epoch: Instant, drift: i32) -> Self {
        Self {
            epoch,
            drift,
            leapt: 0,
        }
    }

    /// It shows so much more from now on.
    pub(crate) fn leap(&mut self, by: Duration) {
        self.leapt += i128::from(nanos(by));
    }

    /// It has not gone on in this time.
    pub(crate) fn stood_still(&mut self, since: Nanos, now: Nanos) {
        self.leapt += self.shown(since) - self.shown(now);
    }

    /// Nanoseconds since the epoch that it shows at a time.
    fn shown(&self, time: Nanos) -> i128 {
        i128::from(time.0) * (1_000_000 + i128::from(self.drift)) / 1_000_000 + self.leapt
    }

    /// What it shows at a time.
    pub(crate) fn at(&self, time: Nanos) -> Instant {
        self.epoch + Duration::from_nanos(u64::try_from(self.shown(time)).unwrap_or(0))
    }

    /// The first time at which it shows at least `shown`.
    pub(crate) fn when(&self, shown: Instant) -> Nanos {
        let local = i128::from(nanos(shown.saturating_duration_since(self.epoch))) - self.leapt;
        let rate = 1_000_000 + i128::from(self.drift);
        let time = (local * 1_000_000 + rate - 1) / rate;
        let unreached = if time < 0 { 0 } else { u64::MAX };
        Nanos(u64::try_from(time).unwrap_or(unreached))
    }
}
