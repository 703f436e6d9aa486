//! The least that a client must move.

use std::time::Duration;

use crate::worker::Tick;

/// Bytes that move within a window of time.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// When the window began, and with how many bytes moved before it.
    window: Option<(Tick, u64)>,
}

impl Rate {
    /// Looks at the bytes that moved so far and the least a second; `None`: nothing is expected at
    /// present, or any rate will do. When to look again; `None`: it was less.
    pub(super) fn check(
        &mut self,
        moved: Option<(u64, u64)>,
        now: Tick,
        window: Duration,
    ) -> Option<Tick> {
        let Some((moved, least)) = moved.filter(|&(_, least)| least > 0) else {
            self.window = None;
            return Some(Tick::NEVER);
        };
        let (began, before) = *self.window.get_or_insert((now, moved));
        let ends = began.after(window);
        if now < ends {
            return Some(ends);
        }
        if u128::from(moved - before) * 1000 < u128::from(least) * window.as_millis() {
            return None;
        }
        self.window = Some((now, moved));
        Some(now.after(window))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rate;
    use crate::worker::Tick;

    const WINDOW: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Tick {
        Tick::at(Duration::from_secs(seconds))
    }

    #[test]
    fn what_moves_fast_enough_on_average_goes_on() {
        let mut rate = Rate::default();
        for window in 0..5 {
            let moved = window * 640;
            let again = rate.check(Some((moved, 64)), at(11 * window), WINDOW);
            assert!(again > Some(at(11 * window + 9)), "{again:?}");
        }
    }

    #[test]
    fn what_is_slower_for_a_whole_window_ends() {
        let mut rate = Rate::default();
        assert!(rate.check(Some((1000, 64)), at(0), WINDOW).is_some());
        assert!(rate.check(Some((1001, 64)), at(9), WINDOW).is_some());
        assert_eq!(rate.check(Some((1639, 64)), at(11), WINDOW), None);
    }

    #[test]
    fn a_window_begins_anew_when_nothing_was_expected_in_between() {
        let mut rate = Rate::default();
        assert!(rate.check(Some((0, 64)), at(0), WINDOW).is_some());
        assert_eq!(rate.check(None, at(9), WINDOW), Some(Tick::NEVER));
        assert!(rate.check(Some((0, 64)), at(11), WINDOW).is_some());
        assert_eq!(rate.check(Some((0, 0)), at(30), WINDOW), Some(Tick::NEVER));
    }
}
