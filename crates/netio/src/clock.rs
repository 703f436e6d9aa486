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
    /// What the time namespace adds to the kernel's `CLOCK_BOOTTIME`, in nanoseconds.
    namespace_offset: i128,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            boot_origin: since_boot(),
            // Where there is no such file there are no time namespaces.
            namespace_offset: std::fs::read_to_string("/proc/self/timens_offsets")
                .map_or(0, |text| boot_offset(&text)),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.origin + since_boot().saturating_sub(self.boot_origin)
    }

    /// What `CLOCK_BOOTTIME` shows at an instant of this clock, in nanoseconds, as the kernel itself
    /// counts it.
    pub(crate) fn boot_nanos(&self, at: Instant) -> u64 {
        let here = self.boot_origin + at.saturating_duration_since(self.origin);
        let nanos = i128::try_from(here.as_nanos()).unwrap_or(i128::MAX);
        let kernel = nanos.saturating_sub(self.namespace_offset);
        u64::try_from(kernel.max(0)).unwrap_or(u64::MAX)
    }
}

fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .expect("Linux has had CLOCK_BOOTTIME since 2.6.39")
        .into()
}

/// The offset of `boottime` in `/proc/PID/timens_offsets` (time_namespaces(7)), in nanoseconds.
fn boot_offset(text: &str) -> i128 {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            // Older kernels show the clock's number.
            matches!(words.next()?, "boottime" | "7").then_some(())?;
            let seconds: i128 = words.next()?.parse().ok()?;
            let nanos: i128 = words.next()?.parse().ok()?;
            Some(seconds * 1_000_000_000 + nanos)
        })
        .next()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_as_the_kernel_counts_it() {
        let clock = Clock::new();
        let shown = clock.boot_nanos(clock.now());
        let kernel = u64::try_from(since_boot().as_nanos()).unwrap();
        assert!(kernel.abs_diff(shown) < 1_000_000_000, "{shown} {kernel}");
        let later = clock.boot_nanos(clock.origin + Duration::from_millis(300));
        assert_eq!(later - clock.boot_nanos(clock.origin), 300_000_000);
    }

    #[test]
    fn a_time_namespace_shows_its_offset() {
        assert_eq!(boot_offset("monotonic 0 0\nboottime 0 0\n"), 0);
        assert_eq!(
            boot_offset("monotonic 5 0\nboottime -2 5\n"),
            -1_999_999_995
        );
        assert_eq!(boot_offset(""), 0);
    }

    #[test]
    fn the_clock_never_runs_backwards() {
        let clock = Clock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
