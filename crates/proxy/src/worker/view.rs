//! A snapshot as one worker sees it, with the turns of its schedulers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use halo_balance::{Scheduler, Tried};

use crate::snapshot::Snapshot;

/// A snapshot and one worker's state for it. Shared by `Rc`, so that no request touches a reference
/// count that another core writes.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) snapshot: Arc<Snapshot>,
    /// In the order of [`Snapshot::pools`].
    schedulers: Vec<RefCell<Scheduler>>,
    /// Whether each server takes new work.
    available: ById<bool>,
}

impl View {
    /// A view of `snapshot`, in which pools go on with their turns where they were in `before`.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        before: Option<&Self>,
        worker: usize,
        workers: usize,
    ) -> Self {
        let schedulers = snapshot
            .pools
            .iter()
            .map(|pool| {
                let kept = before.and_then(|before| {
                    let same =
                        |p: &Arc<crate::snapshot::PoolEntry>| p.config.name == pool.config.name;
                    let at = before.snapshot.pools.iter().position(same)?;
                    let scheduler = before.schedulers[at].borrow();
                    (scheduler.method() == pool.method()).then(|| scheduler.clone())
                });
                let scheduler =
                    kept.unwrap_or_else(|| Scheduler::new(pool.method(), worker, workers));
                RefCell::new(scheduler)
            })
            .collect();
        let available = snapshot
            .pools
            .iter()
            .flat_map(|pool| &pool.servers)
            .map(|server| (server.shared.id, server.available))
            .collect();
        Self {
            snapshot,
            schedulers,
            available,
        }
    }

    /// The next server of a pool, by index. `latest` is the view in force at the time of the pick, and
    /// what it says of a server counts more; of a server that it does not have any more, what this
    /// one says.
    pub(crate) fn pick(&self, pool: usize, tried: &Tried, latest: &Self) -> Option<usize> {
        let entry = &self.snapshot.pools[pool];
        self.schedulers[pool]
            .borrow_mut()
            .pick(entry.servers.len(), tried, |server| {
                let mut candidate = entry.candidate(server);
                if std::ptr::eq(self, latest) {
                    return candidate;
                }
                let known = latest.available.get(&entry.servers[server].shared.id);
                candidate.available = known.copied().unwrap_or(candidate.available);
                candidate
            })
    }

    /// Whether a server is there and takes new work.
    pub(crate) fn is_available(&self, server: u64) -> bool {
        self.available.get(&server).copied().unwrap_or(false)
    }
}

/// Something for each server, by its number.
pub(crate) type ById<T> = HashMap<u64, T, BuildHasherDefault<NumberHasher>>;

/// Numbers of servers are given out one after the other by ourselves, so that nobody can make them
/// collide; only their high bits, which the table looks at too, want some spreading.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio, as Knuth's multiplicative hashing has it.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
