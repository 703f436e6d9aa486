//! Whether the workers go on.

use std::time::{Duration, Instant};

use halo_netio::process::Standing;

/// Who looks at the workers every 20 ms and comes so late was not running itself: the whole process, or
/// the machine, was paused, and so were the workers.
const PAUSED: Duration = Duration::from_millis(500);

/// How long a worker may show no sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// One that could: it waits for something, or runs and runs.
    pub(super) able: Duration,
    /// One that waits for a processor, or of which that is not known.
    pub(super) starved: Duration,
}

/// Notices workers whose count of signs does not rise any more.
#[derive(Debug)]
pub(super) struct Turning {
    /// What a worker does that gives none, for "a worker ...".
    what: &'static str,
    patience: Patience,
    seen: Vec<Seen>,
    looked: Option<Instant>,
    stuck: bool,
}

/// What was last seen of a worker.
#[derive(Debug)]
struct Seen {
    count: u64,
    /// When the count last changed.
    since: Instant,
    /// How long it had run when half of the patience was over, and when that was.
    ran: Option<(Duration, Instant)>,
}

impl Seen {
    fn new(count: u64, since: Instant) -> Self {
        Self {
            count,
            since,
            ran: None,
        }
    }

    /// Whether it hangs, for all that `thread` says.
    fn hangs(
        &mut self,
        patience: Patience,
        thread: impl FnOnce() -> Option<Standing>,
        now: Instant,
    ) -> bool {
        let silent = now.saturating_duration_since(self.since);
        if silent >= patience.starved {
            return true;
        }
        if silent < patience.able / 2 || (silent < patience.able && self.ran.is_some()) {
            return false;
        }
        let Some(thread) = thread() else {
            return false;
        };
        let (ran, from) = *self.ran.get_or_insert((thread.ran, now));
        // A fifth of its time on a processor is many turns' worth.
        let busy = (thread.ran.saturating_sub(ran)) * 5 >= now.saturating_duration_since(from);
        silent >= patience.able && (!thread.runnable || busy)
    }
}

impl Turning {
    pub(super) fn new(what: &'static str, patience: Patience) -> Self {
        Self {
            what,
            patience,
            seen: Vec::new(),
            looked: None,
            stuck: false,
        }
    }

    /// Looks at the workers' counts, and at the threads of those whose count stays. What one of them does
    /// that is stuck; `None`: all go on.
    pub(super) fn handle_pulses(
        &mut self,
        pulses: impl Iterator<Item = u64>,
        thread: impl Fn(usize) -> Option<Standing>,
        now: Instant,
    ) -> Option<&'static str> {
        let looked = self.looked.replace(now).unwrap_or(now);
        let paused = now.saturating_duration_since(looked) >= PAUSED;
        let mut stuck = None;
        for (worker, count) in pulses.enumerate() {
            match self.seen.get_mut(worker) {
                None => self.seen.push(Seen::new(count, now)),
                Some(seen) if paused || seen.count != count => *seen = Seen::new(count, now),
                Some(seen) => {
                    if seen.hangs(self.patience, || thread(worker), now) {
                        stuck = Some(worker);
                    }
                }
            }
        }
        match (stuck, self.stuck) {
            (Some(worker), false) => tracing::error!(
                worker,
                "a worker {}; the agent gives this node's virtual IPs up and starts the data plane again",
                self.what
            ),
            (None, true) => tracing::warn!("every worker goes on again"),
            (Some(_), true) | (None, false) => {}
        }
        self.stuck = stuck.is_some();
        stuck.map(|_| self.what)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use halo_netio::process::Standing;

    use super::{Patience, Turning};

    const PATIENCE: Patience = Patience {
        able: Duration::from_millis(800),
        starved: Duration::from_secs(2),
    };

    /// Milliseconds after which a worker is noticed that gives no sign, if its thread stands like this
    /// after so many milliseconds.
    fn noticed_after(thread: impl Fn(u64) -> Option<Standing>) -> u64 {
        let (mut turning, start) = (Turning::new("hangs", PATIENCE), Instant::now());
        let good = Some(Standing {
            runnable: false,
            ran: Duration::ZERO,
        });
        for millis in (0..10_000).step_by(20) {
            let of = |worker| if worker == 1 { thread(millis) } else { good };
            let now = start + Duration::from_millis(millis);
            let hangs = turning.handle_pulses([millis, 7].into_iter(), of, now);
            if let Some(what) = hangs {
                assert_eq!(what, "hangs");
                return millis;
            }
        }
        panic!("not noticed");
    }

    fn thread(runnable: bool, ran: u64) -> Option<Standing> {
        Some(Standing {
            runnable,
            ran: Duration::from_millis(ran),
        })
    }

    #[test]
    fn a_worker_that_waits_or_runs_without_turning_is_noticed_within_a_second() {
        assert_eq!(noticed_after(|_| thread(false, 5)), 800);
        assert_eq!(noticed_after(|millis| thread(true, 5 + millis)), 800);
        assert_eq!(noticed_after(|millis| thread(true, 5 + millis / 4)), 800);
    }

    #[test]
    fn a_worker_that_waits_for_a_processor_is_given_twice_as_long() {
        assert_eq!(noticed_after(|_| thread(true, 5)), 2000);
        assert_eq!(noticed_after(|millis| thread(true, 5 + millis / 10)), 2000);
        assert_eq!(noticed_after(|_| None), 2000);
    }

    #[test]
    fn workers_that_turn_go_on_and_are_not_looked_at() {
        let (mut turning, start) = (Turning::new("hangs", PATIENCE), Instant::now());
        let nobody = |_| -> Option<Standing> { panic!("nothing to look at") };
        for millis in (0..5000).step_by(100) {
            let now = start + Duration::from_millis(millis);
            let hangs = turning.handle_pulses([millis / 300, millis].into_iter(), nobody, now);
            assert_eq!(hangs, None);
        }
        assert_eq!(
            turning.handle_pulses(std::iter::empty(), nobody, start),
            None
        );
    }

    #[test]
    fn after_a_pause_of_the_whole_process_no_worker_is_to_blame() {
        let (mut turning, start) = (Turning::new("hangs", PATIENCE), Instant::now());
        let mut look = |millis| {
            let now = start + Duration::from_millis(millis);
            turning.handle_pulses([1].into_iter(), |_| thread(false, 0), now)
        };
        assert_eq!(look(0), None);
        for millis in (9000..9800).step_by(20) {
            assert_eq!(look(millis), None);
        }
        assert_eq!(look(9800), Some("hangs"));
    }
}
