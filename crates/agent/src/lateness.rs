//! How late the loop's timers fire: what a busy machine costs this process.

use std::time::{Duration, Instant};

use halo_api::{LatenessBucket, TimerLateness};

/// Upper bounds of the buckets, in microseconds: from what a timer costs on an idle machine to what a
/// heartbeat must never be late.
const BOUNDS: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
];

/// Timers by their lateness.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    /// One for each bound, and one for all beyond.
    timers: [u64; BOUNDS.len() + 1],
    total: Duration,
    worst: Duration,
}

impl Lateness {
    /// A timer that was due at `due` is dealt with now.
    pub(crate) fn record(&mut self, due: Instant, now: Instant) {
        let late = now.saturating_duration_since(due);
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(timers) = self.timers.get_mut(bucket) {
            *timers += 1;
        }
        self.total += late;
        self.worst = self.worst.max(late);
    }

    /// For the status.
    pub(crate) fn status(&self) -> TimerLateness {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        TimerLateness {
            buckets: BOUNDS
                .iter()
                .zip(&self.timers)
                .map(|(bound, timers)| LatenessBucket {
                    at_most_us: *bound,
                    timers: *timers,
                })
                .collect(),
            fired: self.timers.iter().sum(),
            total_us: micros(self.total),
            worst_us: micros(self.worst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timer_counts_in_the_bucket_that_its_lateness_is_at_most() {
        let due = Instant::now();
        let mut lateness = Lateness::default();
        for micros in [0, 50, 51, 1_000, 300_000] {
            lateness.record(due, due + Duration::from_micros(micros));
        }
        let status = lateness.status();
        let full: Vec<(u64, u64)> = status
            .buckets
            .iter()
            .filter(|bucket| bucket.timers > 0)
            .map(|bucket| (bucket.at_most_us, bucket.timers))
            .collect();
        assert_eq!(full, [(50, 2), (100, 1), (1_000, 1)]);
        assert_eq!((status.fired, status.worst_us), (5, 300_000));
        assert_eq!(status.total_us, 301_101);
    }
}
