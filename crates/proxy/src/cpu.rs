//! Cores, and threads pinned to them.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The cores that this process may use, in order.
pub(crate) fn usable() -> Vec<usize> {
    match sched_getaffinity(Pid::from_raw(0)) {
        Ok(set) => (0..CpuSet::count())
            .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "cannot read the set of usable cores; workers are not pinned");
            Vec::new()
        }
    }
}

/// Pins the calling thread to one of `cores`: worker `index` takes them in turn, so that more
/// workers than cores share them. Not being allowed to costs speed, not service.
pub(crate) fn pin(index: usize, cores: &[usize]) {
    if cores.is_empty() {
        return;
    }
    let core = cores[index % cores.len()];
    let mut set = CpuSet::new();
    let pinned = set
        .set(core)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
    if let Err(error) = pinned {
        tracing::warn!(worker = index, core, %error, "cannot pin a worker to its core");
    }
}
