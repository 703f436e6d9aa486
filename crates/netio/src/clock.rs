//! The agent's clock.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Time that goes on while the machine is suspended.
///
/// `Instant::now()` reads `CLOCK_MONOTONIC`, which stands still during a suspend: a node that
/// wakes from one would take itself for Active still, and speak before it listens. This clock
/// hands out instants that advance with `CLOCK_BOOTTIME`.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    boot_origin: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            boot_origin: since_boot(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.origin + since_boot().saturating_sub(self.boot_origin)
    }
}

fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .expect("Linux has had CLOCK_BOOTTIME since 2.6.39")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_runs_backwards() {
        let clock = Clock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
