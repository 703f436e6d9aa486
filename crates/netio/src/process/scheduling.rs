//! Getting the processor when it is needed: a heartbeat that waits for a turn is a heartbeat lost.

use std::io;
use std::time::Duration;

/// Priority among real-time processes, 1 to 99. Any beats every ordinary process; a low one leaves
/// room for the kernel's own threads and for watchdogs.
const REALTIME_PRIORITY: libc::c_int = 10;
/// That of what watches the machine: no agent makes it late.
const WATCH_PRIORITY: libc::c_int = 20;
/// That of what only measures: it is not to delay what it measures.
const INSTRUMENT_PRIORITY: libc::c_int = 1;
/// The best that an ordinary process can have.
const BEST_NICE: libc::c_int = -20;

/// Nanoseconds that an ordinary process runs at a time if it may choose, least of what the kernel allows: one
/// that runs for less is scheduled sooner when it wakes up (Linux 6.12; older kernels do not mind).
const SLICE: u64 = 100_000;

/// How this process is scheduled.
#[derive(Debug)]
pub enum Precedence {
    /// `SCHED_RR`: before every ordinary process.
    Realtime,
    /// Ordinary, at nice -20, because real-time scheduling was refused.
    Nice(io::Error),
    /// Ordinary and no better than others, because both were refused.
    None(io::Error),
}

impl Precedence {
    /// How late this process may be on a machine without a core to spare, and not be taken for dead. One
    /// that is first waits for what cannot be interrupted; at nice -20 it can be one of several; without
    /// precedence it waits for its turn, which others have as well.
    #[must_use]
    pub const fn lateness(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Realtime => 15,
            Self::Nice(_) => 50,
            Self::None(_) => 100,
        })
    }

    /// What an operator should know of it, with the remedy; `None`: all is well.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::Realtime => None,
            Self::Nice(error) => Some(format!(
                "the agent runs at nice -20, since real-time scheduling is refused ({error}): on a \
                 busy machine give its cgroup a real-time budget (cpu.rt_runtime_us)"
            )),
            Self::None(error) => Some(format!(
                "the agent has no precedence over other processes ({error}), and may be late on a \
                 busy machine: give halod CAP_SYS_NICE"
            )),
        }
    }
}

/// Puts this process before others, as far as it is permitted. Children do not inherit it.
#[must_use]
pub fn take_precedence() -> Precedence {
    take(REALTIME_PRIORITY)
}

/// Puts a thread that measures before ordinary processes, and behind every [`take_precedence`].
#[must_use]
pub fn take_precedence_as_instrument() -> Precedence {
    take(INSTRUMENT_PRIORITY)
}

/// Puts a thread that watches the machine before every [`take_precedence`]. It is to run for moments only.
#[must_use]
pub fn take_precedence_as_watch() -> Precedence {
    take(WATCH_PRIORITY)
}

fn take(priority: libc::c_int) -> Precedence {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: plain system call for this process; `parameters` lives across it.
    if unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } == 0 {
        return Precedence::Realtime;
    }
    let refused = io::Error::last_os_error();
    let ordinary = libc::sched_param { sched_priority: 0 };
    let policy = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
    // SAFETY: as above; then a plain system call without pointers.
    let nice = unsafe {
        libc::sched_setscheduler(0, policy, &raw const ordinary) == 0
            && libc::setpriority(libc::PRIO_PROCESS, 0, BEST_NICE) == 0
    };
    let precedence = if nice {
        Precedence::Nice(refused)
    } else {
        Precedence::None(io::Error::last_os_error())
    };
    choose_slice();
    precedence
}

/// What `sched_setattr(2)` takes, in its first version.
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Asks for short turns, at the nice value that this thread has. Needs no privilege; it is no harm where the
/// kernel does not take it.
fn choose_slice() {
    // SAFETY: plain system call without pointers.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: libc::SCHED_OTHER.unsigned_abs(),
        flags: libc::SCHED_FLAG_RESET_ON_FORK as u64,
        nice,
        priority: 0,
        runtime: SLICE,
        deadline: 0,
        period: 0,
    };
    // SAFETY: `attributes` has the size that it says, and lives across the call.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread of its own: on Linux both settings are the calling thread's.
    #[test]
    fn precedence_is_as_reported_and_children_do_not_inherit_it() {
        std::thread::spawn(|| {
            let precedence = take_precedence();
            // SAFETY: plain system calls without pointers.
            let (policy, nice) = unsafe {
                (
                    libc::sched_getscheduler(0) & !libc::SCHED_RESET_ON_FORK,
                    libc::getpriority(libc::PRIO_PROCESS, 0),
                )
            };
            match precedence {
                Precedence::Realtime => assert_eq!(policy, libc::SCHED_RR),
                Precedence::Nice(_) => assert_eq!((policy, nice), (libc::SCHED_OTHER, BEST_NICE)),
                Precedence::None(_) => assert_eq!(policy, libc::SCHED_OTHER),
            }
            let child = std::process::Command::new("cat")
                .arg("/proc/self/stat")
                .output()
                .expect("cat runs");
            let stat = String::from_utf8(child.stdout).expect("numbers");
            // proc(5): fields 19 (nice) and 41 (policy), counted from 1; the name has no blanks.
            let fields: Vec<&str> = stat.split_whitespace().collect();
            assert_eq!((fields[18], fields[40]), ("0", "0"));
        })
        .join()
        .expect("no assertion failed");
    }
}
