//! What the prober saw.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Fault, Outcome};

/// Attempts, failures and gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProberReport {
    /// Attempts that are over.
    pub attempts: usize,
    /// Those without an answer.
    pub failures: usize,
    /// How many of them for each cause.
    pub faults: BTreeMap<Fault, usize>,
    /// From an attempt that was answered to the next that was, where all between failed; in order.
    pub gaps: Vec<Duration>,
}

impl ProberReport {
    pub(super) fn new(record: &[Outcome]) -> Self {
        let mut sorted = record.to_vec();
        sorted.sort_by_key(|outcome| outcome.start);
        let mut gaps = Vec::new();
        let mut faults = BTreeMap::new();
        let mut failing = false;
        let mut last_good = sorted.first().map(|first| first.start);
        for outcome in &sorted {
            if let Some(fault) = outcome.fault {
                *faults.entry(fault).or_default() += 1;
                failing = true;
                continue;
            }
            if failing && let Some(last) = last_good {
                gaps.push(outcome.start - last);
            }
            failing = false;
            last_good = Some(outcome.start);
        }
        if failing && let (Some(good), Some(last)) = (last_good, sorted.last()) {
            gaps.push(last.start - good);
        }
        Self {
            attempts: sorted.len(),
            failures: faults.values().sum(),
            faults,
            gaps,
        }
    }

    /// The longest gap; zero when every attempt was answered.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        self.gaps.iter().max().copied().unwrap_or_default()
    }
}

impl fmt::Display for ProberReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} failures, longest gap {} ms",
            self.attempts,
            self.failures,
            self.longest_gap().as_millis()
        )?;
        for (fault, count) in &self.faults {
            let what = match fault {
                Fault::Reset => "reset or refused",
                Fault::Closed => "closed without an answer",
                Fault::Status => "answered, and not by 2xx",
                Fault::Late => "not answered in time",
            };
            write!(f, "; {count} {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn report(pattern: &str) -> ProberReport {
        let start = Instant::now();
        let outcome = |(n, answer): (usize, char)| Outcome {
            start: start + Duration::from_millis(n as u64),
            fault: (answer != '+').then_some(Fault::Late),
        };
        let mut record: Vec<Outcome> = pattern.chars().enumerate().map(outcome).collect();
        record.reverse(); // the order in which they ended does not matter
        ProberReport::new(&record)
    }

    #[test]
    fn gaps_reach_from_answer_to_answer() {
        let millis = |pattern: &str| -> Vec<u128> {
            report(pattern)
                .gaps
                .iter()
                .map(Duration::as_millis)
                .collect()
        };
        assert_eq!(millis("+++++"), Vec::<u128>::new());
        assert_eq!(millis("++---++"), [4]);
        assert_eq!(millis("+-+--+"), [2, 3]);
        assert_eq!(millis("--++"), [2], "never answered at first");
        assert_eq!(millis("++---"), [3], "not answered in the end");
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let report = report("++---++");
        assert_eq!(
            report.to_string(),
            "7 requests, 3 failures, longest gap 4 ms; 3 not answered in time"
        );
    }
}
