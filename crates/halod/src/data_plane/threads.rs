//! How the kernel treats a thread of this process (proc_pid_stat(5), `Documentation/scheduler/sched-stats`).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::turning::Thread;

/// The thread of this name; `None`: there is none, or the kernel does not tell.
pub(super) fn thread(name: &str) -> Option<Thread> {
    let directory = directory_of(name)?;
    let stat = fs::read_to_string(directory.join("stat")).ok()?;
    let schedule = fs::read_to_string(directory.join("schedstat")).ok()?;
    parse(&stat, &schedule)
}

fn directory_of(name: &str) -> Option<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks.filter_map(Result::ok).find_map(|task| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        (comm.trim_end() == name).then(|| task.path())
    })
}

fn parse(stat: &str, schedule: &str) -> Option<Thread> {
    // The name, in parentheses, may have spaces and parentheses in it.
    let (_, behind) = stat.rsplit_once(") ")?;
    let nanos = schedule.split_whitespace().next()?.parse().ok()?;
    Some(Thread {
        runnable: behind.starts_with('R'),
        ran: Duration::from_nanos(nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_time_are_read() {
        let waits = parse("12 (a) b) S 1 2 3", "1500000 20 3\n").unwrap();
        let expected = Thread {
            runnable: false,
            ran: Duration::from_micros(1500),
        };
        assert_eq!(waits, expected);
        assert!(parse("12 (a) R 1", "0 0 0").unwrap().runnable);
        assert_eq!(parse("12", "0 0 0"), None);
        assert_eq!(parse("12 (a) R 1", ""), None);
    }

    #[test]
    fn a_thread_of_this_process_is_found_by_its_name() {
        let looked = std::thread::Builder::new()
            .name("seeks-itself".to_owned())
            .spawn(|| thread("seeks-itself"));
        assert!(looked.unwrap().join().unwrap().unwrap().runnable);
        assert_eq!(thread("nobody"), None);
    }
}
