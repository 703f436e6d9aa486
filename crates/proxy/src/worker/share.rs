//! Which of a listener's connections are one worker's share.
//!
//! The kernel spreads connections by a hash, so that of 64 one of two workers gets 36 as a rule, and
//! keeps them for as long as they live. One that has more than its share passes new ones on.

use std::cell::Cell;
use std::time::Duration;

use super::{Tick, Timers};

/// How many connections a worker may have of `total`, among `workers`, before it passes new ones on.
/// It accepted `recent` of them within a second.
///
/// Moving one costs three system calls. That is nothing for a connection that lives for minutes, and
/// too much for one that carries a single request: of those, which even out by themselves, few move.
pub(super) fn share(total: u64, workers: u64, own: u64, recent: u64) -> u64 {
    let even = total.div_ceil(workers.max(1));
    let short_lived = recent > 2 * own + 16;
    even + if short_lived {
        8 + even / 4
    } else {
        1 + even / 32
    }
}

/// How many connections were accepted lately.
#[derive(Debug, Default)]
pub(super) struct Recent {
    count: Cell<u64>,
    until: Cell<Tick>,
}

impl Recent {
    /// Notes one more; returns how many there were within the present second.
    pub(super) fn note(&self, timers: &Timers) -> u64 {
        if timers.now() >= self.until.get() {
            self.until.set(timers.after(Duration::from_secs(1)));
            self.count.set(0);
        }
        self.count.set(self.count.get() + 1);
        self.count.get()
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_nearly_even_and_covers_all_connections() {
        for workers in 1..=64 {
            for total in 1..=2000 {
                let share = share(total, workers, total, 0);
                assert!(share * workers >= total, "{total} of {workers}");
                assert!(share <= total.div_ceil(workers) * 33 / 32 + 1);
            }
        }
        assert_eq!(share(64, 2, 32, 32), 34);
        assert_eq!(share(64, 4, 16, 16), 17);
    }

    #[test]
    fn connections_that_come_and_go_are_left_where_they_are() {
        assert_eq!(share(64, 2, 32, 5000), 48);
    }
}
