//! Whether the machine itself stood still.
//!
//! A hypervisor may leave a virtual processor aside for as long as it likes, and the guest's own account of
//! stolen time shows only some of it. A processor that writes to a slow serial console looks the same, and for
//! some milliseconds one in a kernel that cannot be preempted. Whatever was due there meanwhile was late, and no
//! program of this machine could help it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use halo_netio::process::{Precedence, take_precedence_as_watch};

use crate::usage::pin_thread;

/// How often each processor has to show that it runs.
const BEAT: Duration = Duration::from_millis(2);
/// Lateness that a busy kernel causes too.
const NOTABLE: Duration = Duration::from_millis(3);

/// A watch over all processors. It ends when dropped.
#[derive(Debug)]
pub struct StandstillWatch {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    pauses: Mutex<Vec<Pause>>,
}

/// A processor did not run from here to there.
#[derive(Debug, Clone, Copy)]
struct Pause {
    from: Instant,
    to: Instant,
}

impl StandstillWatch {
    /// Starts to watch, with precedence over the agents' heartbeats: no program makes it late, not even an
    /// agent that spins.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let cores = thread::available_parallelism()?.get();
        let mut watch = Self {
            shared,
            threads: Vec::with_capacity(cores),
        };
        for core in 0..cores {
            let shared = watch.shared.clone();
            let thread = thread::Builder::new().name(format!("standstill-{core}"));
            watch
                .threads
                .push(thread.spawn(move || shared.watch(core))?);
        }
        Ok(watch)
    }

    /// The longest time for which a processor stood still since `from`.
    #[must_use]
    pub fn longest_since(&self, from: Instant) -> Duration {
        self.longest_between(from, Instant::now())
    }

    /// The longest time for which a processor stood still between two times.
    #[must_use]
    pub fn longest_between(&self, from: Instant, to: Instant) -> Duration {
        let pauses = self.shared.pauses.lock();
        let pauses = pauses.unwrap_or_else(PoisonError::into_inner);
        pauses
            .iter()
            .map(|pause| {
                pause
                    .to
                    .min(to)
                    .saturating_duration_since(pause.from.max(from))
            })
            .max()
            .unwrap_or_default()
    }
}

impl Drop for StandstillWatch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that has panicked has nothing to say any more.
            thread.join().ok();
        }
    }
}

impl Shared {
    fn watch(&self, core: usize) {
        if let Err(error) = pin_thread(core) {
            return eprintln!("cannot watch processor {core}: {error}");
        }
        if let Precedence::Nice(error) | Precedence::None(error) = take_precedence_as_watch() {
            return eprintln!("cannot tell whether processor {core} stands still: {error}");
        }
        let mut due = Instant::now() + BEAT;
        while !self.stop.load(Ordering::Relaxed) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let now = Instant::now();
            if now.saturating_duration_since(due) > NOTABLE {
                let pauses = self.pauses.lock();
                let pause = Pause { from: due, to: now };
                pauses.unwrap_or_else(PoisonError::into_inner).push(pause);
            }
            due = now + BEAT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_or_after_does_not_count() {
        let watch = StandstillWatch {
            shared: Arc::default(),
            threads: Vec::new(),
        };
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        *watch.shared.pauses.lock().unwrap() = vec![
            Pause {
                from: at(10),
                to: at(50),
            },
            Pause {
                from: at(100),
                to: at(120),
            },
        ];
        let longest = |from, to| watch.longest_between(at(from), at(to)).as_millis();
        assert_eq!(longest(0, 200), 40);
        assert_eq!(longest(40, 200), 20);
        assert_eq!(longest(110, 200), 10);
        assert_eq!(longest(130, 200), 0);
        assert_eq!(longest(0, 30), 20);
        assert_eq!(longest(60, 105), 5);
    }
}
