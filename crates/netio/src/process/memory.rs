//! Keeping memory where it is: a heartbeat that waits for a page to be read from disk is a heartbeat lost.

use std::hint::black_box;
use std::io;

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

use super::capability::Capability;

/// What the agent's loop may need of its stack: buffers of messages, a few calls deep.
const STACK: usize = 256 * 1024;
/// What its heap grows by after the start: statuses, events and what operators ask, told to the kernel at once.
const HEAP: usize = 2 * 1024 * 1024;

/// Where this process's memory is.
#[derive(Debug)]
pub enum Residence {
    /// Locked: no page is ever taken away, or missing.
    Locked,
    /// Where the kernel likes, because locking was refused.
    Pageable(io::Error),
}

impl Residence {
    /// What an operator should know of it, with the remedy; `None`: all is well.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::Locked => None,
            Self::Pageable(error) => Some(format!(
                "the agent's memory is not locked ({error}), and it may be late when the machine is short \
                 of memory: give halod CAP_IPC_LOCK, or no limit of locked memory (LimitMEMLOCK=infinity)"
            )),
        }
    }
}

/// Locks all memory that this process has and will have, and has it present before it is needed.
/// Children do not inherit it.
///
/// Where there is a limit (`RLIMIT_MEMLOCK`) nothing is locked at all: an allocation beyond it would
/// fail, and end the process, however much memory the machine has.
#[must_use]
pub fn lock_memory() -> Residence {
    match lock() {
        Ok(()) => Residence::Locked,
        Err(error) => Residence::Pageable(error),
    }
}

fn lock() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    if most == RLIM_INFINITY {
        setrlimit(Resource::RLIMIT_MEMLOCK, most, most)?;
    } else if !may_lock_all() {
        return Err(io::Error::other(format!(
            "no more than {} KiB may be locked",
            most / 1024
        )));
    }
    keep_heap();
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?;
    touch_stack();
    touch_heap();
    Ok(())
}

/// `CAP_IPC_LOCK` lifts the limit, but only outside of any user namespace.
fn may_lock_all() -> bool {
    let whole = |map: String| {
        let mut words = map.split_whitespace();
        words.next() == Some("0") && words.next() == Some("0") && map.lines().count() == 1
    };
    Capability::IpcLock.in_force() && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(whole)
}

/// Freed memory stays with this process, where it is present already.
fn keep_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: plain calls without pointers; a parameter that is refused stays as it was.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
    }
}

#[inline(never)]
fn touch_stack() {
    black_box([0_u8; STACK]);
}

fn touch_heap() {
    // Zeroed by writing: fresh pages are zero already, and would not be touched.
    black_box(vec![1_u8; HEAP]);
}
