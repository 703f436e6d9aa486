//! How the kernel treats a process (proc_pid_stat(5), `Documentation/scheduler/sched-stats`).

use std::fs;
use std::time::Duration;

/// How the first thread of a process stands with the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// It runs, or waits for a processor; else it waits for something else, or is stopped.
    pub runnable: bool,
    /// How long it has run so far.
    pub ran: Duration,
}

impl Standing {
    /// Of the process with this number; `None`: there is none, or the kernel does not tell.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let schedule = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        Self::parse(&stat, &schedule)
    }

    fn parse(stat: &str, schedule: &str) -> Option<Self> {
        // The name, in parentheses, may have spaces and parentheses in it.
        let (_, behind) = stat.rsplit_once(") ")?;
        let nanos = schedule.split_whitespace().next()?.parse().ok()?;
        Some(Self {
            runnable: behind.starts_with('R'),
            ran: Duration::from_nanos(nanos),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_time_are_read() {
        let waits = Standing::parse("12 (a) b) S 1 2 3", "1500000 20 3\n").unwrap();
        let expected = Standing {
            runnable: false,
            ran: Duration::from_micros(1500),
        };
        assert_eq!(waits, expected);
        assert!(Standing::parse("12 (a) R 1", "0 0 0").unwrap().runnable);
        assert_eq!(Standing::parse("12", "0 0 0"), None);
        assert_eq!(Standing::parse("12 (a) R 1", ""), None);
    }

    #[test]
    fn a_process_is_found_by_its_number() {
        assert!(Standing::of(std::process::id()).is_some());
        assert_eq!(Standing::of(u32::MAX), None);
    }
}
