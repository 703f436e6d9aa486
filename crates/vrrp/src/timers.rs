//! The times of RFC 9568 section 6.1.

use std::time::Duration;

use halo_packet::vrrp::{Centiseconds, Priority};

/// Skew_Time: the lower the priority, the longer a Backup waits beyond three missed adverts, up to
/// one interval. Not rounded to centiseconds, or all Backups would be alike at short intervals.
#[must_use]
pub fn skew_time(active_interval: Centiseconds, priority: Priority) -> Duration {
    active_interval.duration() * (256 - u32::from(priority.get())) / 256
}

/// Skew_Time of version 2 (RFC 3768 section 6.1): a fraction of a second, whatever the interval.
#[must_use]
pub fn skew_time_v2(priority: Priority) -> Duration {
    skew_time(Centiseconds::SECOND, priority)
}

/// Active_Down_Interval: how long a Backup hears nothing before it takes over.
#[must_use]
pub fn active_down_interval(active_interval: Centiseconds, priority: Priority) -> Duration {
    active_interval.duration() * 3 + skew_time(active_interval, priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_6_1_skew_time_is_the_fraction_of_the_interval_that_priority_leaves() {
        let skew = |priority| skew_time(Centiseconds::SECOND, Priority(priority));
        assert_eq!(skew(0), Duration::from_secs(1));
        assert_eq!(skew(128), Duration::from_millis(500));
        assert_eq!(skew(255), Duration::from_nanos(3_906_250));
    }

    #[test]
    fn rfc_3768_section_6_1_skew_time_is_a_fraction_of_a_second() {
        assert_eq!(skew_time_v2(Priority(128)), Duration::from_millis(500));
        assert_eq!(
            skew_time_v2(Priority::LOWEST),
            Duration::from_nanos(996_093_750)
        );
    }

    #[test]
    fn backups_of_different_priority_differ_even_at_the_shortest_interval() {
        let shortest = Centiseconds::new(1).unwrap();
        let down = |priority| active_down_interval(shortest, Priority(priority));
        assert!(down(200) < down(199));
        assert_eq!(down(192), Duration::from_micros(32_500));
    }
}
