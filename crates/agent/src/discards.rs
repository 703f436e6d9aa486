//! Heartbeats that were not heeded: counted by reason, and what of it an operator should know.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longer than the longest interval between heartbeats, 40.95 s: an alarm stands while its cause does,
/// and a while longer.
const ALARM_LASTS: Duration = Duration::from_secs(60);

/// However often the cause returns, the sentence is made anew no more often than this.
const ALARM_RENEWED: Duration = Duration::from_secs(1);

/// What two nodes disagree about. It does not go away by itself, so people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mismatch {
    /// The VRRP version.
    Version,
    /// The time between heartbeats.
    Interval,
    /// The virtual addresses.
    Addresses,
    /// The kind of authentication, or the password.
    Authentication,
    /// What is to be signed is not, or wrongly.
    Signature,
    /// Both nodes have priority 255.
    Owner,
    /// Somebody else says that they have an address that this node holds.
    Claim,
}

/// Counts and alarms of one VIP.
#[derive(Debug, Default)]
pub(crate) struct Discards {
    counts: BTreeMap<&'static str, u64>,
    alarms: BTreeMap<Mismatch, Alarm>,
}

#[derive(Debug)]
struct Alarm {
    sentence: String,
    made: Instant,
    last: Instant,
}

impl Discards {
    /// One more, for this reason.
    pub(crate) fn count(&mut self, reason: &'static str) {
        *self.counts.entry(reason).or_default() += 1;
    }

    /// Counts by reason.
    pub(crate) fn by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Another node disagrees with this one. Gives the sentence when that is news.
    pub(crate) fn alarm(
        &mut self,
        mismatch: Mismatch,
        now: Instant,
        sentence: impl FnOnce() -> String,
    ) -> Option<&str> {
        let known = self.alarms.get_mut(&mismatch);
        if let Some(alarm) = known
            && now < alarm.last + ALARM_LASTS
        {
            alarm.last = now;
            if now >= alarm.made + ALARM_RENEWED {
                alarm.made = now;
                alarm.sentence = sentence();
            }
            return None;
        }
        let alarm = Alarm {
            sentence: sentence(),
            made: now,
            last: now,
        };
        self.alarms.insert(mismatch, alarm);
        self.alarms
            .get(&mismatch)
            .map(|alarm| alarm.sentence.as_str())
    }

    /// What stands at the moment, in sentences.
    pub(crate) fn warnings(&self, now: Instant) -> impl Iterator<Item = &str> + '_ {
        self.alarms
            .values()
            .filter(move |alarm| now < alarm.last + ALARM_LASTS)
            .map(|alarm| alarm.sentence.as_str())
    }
}

/// Events that a stranger on the network can cause at will: told up to a rate, and then no more.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    since: Option<Instant>,
    told: u32,
}

impl Budget {
    /// More than failovers that happen; a flood reaches it in milliseconds.
    const MOST: u32 = 20;
    const WITHIN: Duration = Duration::from_secs(10);

    /// Whether one more may be told.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now >= since + Self::WITHIN) {
            self.since = Some(now);
            self.told = 0;
        }
        self.told = self.told.saturating_add(1);
        self.told <= Self::MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_news_once_and_goes_away_a_minute_after_its_last_cause() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut discards = Discards::default();
        let told = |discards: &mut Discards, now| {
            discards
                .alarm(Mismatch::Version, now, || "v2".to_owned())
                .is_some()
        };
        assert!(told(&mut discards, start));
        assert!(!told(&mut discards, start + 30 * second));
        assert_eq!(discards.warnings(start + 89 * second).count(), 1);
        assert_eq!(discards.warnings(start + 90 * second).count(), 0);
        assert!(told(&mut discards, start + 90 * second), "news again");
    }

    #[test]
    fn a_flood_makes_one_sentence_a_second() {
        let start = Instant::now();
        let mut discards = Discards::default();
        let mut made = 0;
        for millis in 0..5_000 {
            let now = start + Duration::from_millis(millis);
            discards.alarm(Mismatch::Version, now, || {
                made += 1;
                String::new()
            });
        }
        assert_eq!(made, 5);
    }

    #[test]
    fn a_budget_is_for_ten_seconds() {
        let start = Instant::now();
        let mut budget = Budget::default();
        let taken = (0..1_000).filter(|_| budget.take(start)).count();
        assert_eq!(taken, 20);
        assert!(budget.take(start + Duration::from_secs(10)));
    }
}
