//! Times, counted in buckets.

use std::time::Duration;

/// Buckets to each doubling: a time is known to 1/32 of itself.
const STEPS: u64 = 32;
/// Up to 2^26 microseconds: a minute.
const DOUBLINGS: usize = 26;

/// How often each time was seen; microseconds, to 3 percent.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; DOUBLINGS * STEPS as usize].into(),
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts a time.
    pub fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let last = self.counts.len() - 1;
        self.counts[bucket(micros).min(last)] += 1;
        self.total += 1;
    }

    /// The time that `share` of all (0.99) stayed within, in microseconds.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return middle(bucket as u64);
            }
        }
        0.0
    }
}

/// Single microseconds at first, then as many to each doubling.
fn bucket(micros: u64) -> usize {
    if micros < 2 * STEPS {
        return micros as usize;
    }
    let shift = u64::from(micros.ilog2() - STEPS.ilog2());
    (shift * STEPS + (micros >> shift)) as usize
}

fn middle(bucket: u64) -> f64 {
    if bucket < 2 * STEPS {
        return bucket as f64;
    }
    let shift = bucket / STEPS - 1;
    (((bucket - shift * STEPS) << shift) + (1 << shift) / 2) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_known_to_a_thirtieth() {
        for micros in (0..200_000).chain((200_000..60_000_000).step_by(9973)) {
            let told = middle(bucket(micros) as u64);
            let off = (told - micros as f64).abs();
            assert!(off <= micros as f64 / 30.0, "{micros} told as {told}");
        }
    }

    #[test]
    fn quantiles_are_of_all_that_was_recorded() {
        let mut histogram = Histogram::default();
        assert!(histogram.quantile(0.5) == 0.0);
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros * 10));
        }
        let near = |share, expected: f64| {
            let told = histogram.quantile(share);
            assert!((told - expected).abs() < expected / 30.0, "{share}: {told}");
        };
        near(0.5, 500.0);
        near(0.99, 990.0);
        near(1.0, 1000.0);
    }
}
