//! How the kernel treats a process or thread (proc_pid_stat(5), `Documentation/scheduler/sched-stats`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a thread stands with the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// It runs, or waits for a processor; else it waits for something else, or is stopped.
    pub runnable: bool,
    /// How long it has run so far.
    pub ran: Duration,
}

impl Standing {
    /// Of the first thread of the process with this number; `None`: there is none, or the kernel does
    /// not tell.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Self::read(&Path::new("/proc").join(pid.to_string()))
    }

    /// Of the thread of this process with this name; `None`: there is none, or the kernel does not tell.
    #[must_use]
    pub fn of_thread(name: &str) -> Option<Self> {
        Self::read(&thread_directory(name)?)
    }

    fn read(directory: &Path) -> Option<Self> {
        let stat = fs::read_to_string(directory.join("stat")).ok()?;
        let schedule = fs::read_to_string(directory.join("schedstat")).ok()?;
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

fn thread_directory(name: &str) -> Option<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks.filter_map(Result::ok).find_map(|task| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        (comm.trim_end() == name).then(|| task.path())
    })
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

    #[test]
    fn a_thread_of_this_process_is_found_by_its_name() {
        let looked = std::thread::Builder::new()
            .name("seeks-itself".to_owned())
            .spawn(|| Standing::of_thread("seeks-itself"));
        assert!(looked.unwrap().join().unwrap().unwrap().runnable);
        assert_eq!(Standing::of_thread("nobody"), None);
    }
}
