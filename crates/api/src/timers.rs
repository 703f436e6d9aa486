//! How late the agent is.

use serde::{Deserialize, Serialize};

/// How late the timers of the agent's loop fired: heartbeats, and all else that has its time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerLateness {
    /// Timers by their lateness, from the least on; those beyond the last are counted in `fired` alone.
    pub buckets: Vec<LatenessBucket>,
    /// All timers that fired.
    pub fired: u64,
    /// The sum of their lateness, in microseconds.
    pub total_us: u64,
    /// The latest of them, in microseconds.
    pub worst_us: u64,
}

/// Timers of about the same lateness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatenessBucket {
    /// They were late by no more than this, and by more than the bucket before says, in microseconds.
    pub at_most_us: u64,
    /// How many.
    pub timers: u64,
}

impl TimerLateness {
    /// What so many of a thousand timers were late by at most, in microseconds, to the bucket's upper
    /// bound; `None`: no timer has fired.
    #[must_use]
    pub fn permille_us(&self, permille: u64) -> Option<u64> {
        let wanted = (u128::from(self.fired) * u128::from(permille)).div_ceil(1000);
        let mut seen = 0;
        let bucket = self.buckets.iter().find(|bucket| {
            seen += u128::from(bucket.timers);
            seen >= wanted
        });
        let bound = bucket.map_or(self.worst_us, |bucket| bucket.at_most_us);
        (self.fired > 0).then_some(bound.min(self.worst_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_told_to_the_bound_of_its_bucket_and_no_higher_than_the_worst() {
        let timers = |buckets: &[(u64, u64)], fired, worst_us| TimerLateness {
            buckets: buckets
                .iter()
                .map(|(at_most_us, timers)| LatenessBucket {
                    at_most_us: *at_most_us,
                    timers: *timers,
                })
                .collect(),
            fired,
            worst_us,
            ..TimerLateness::default()
        };
        let some = timers(&[(50, 90), (100, 9), (250, 0)], 100, 7_000);
        assert_eq!(some.permille_us(500), Some(50));
        assert_eq!(some.permille_us(901), Some(100));
        assert_eq!(some.permille_us(999), Some(7_000), "beyond every bound");
        assert_eq!(timers(&[(50, 1)], 1, 20).permille_us(500), Some(20));
        assert_eq!(TimerLateness::default().permille_us(500), None);
    }
}
