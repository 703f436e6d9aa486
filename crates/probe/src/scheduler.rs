//! Checking many servers, each at its own interval.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Duration;

use halo_config::HealthCheck;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use crate::{Pass, ProbeError, probe};

/// Results that may wait to be taken; a prober that finds no room waits, and checks later.
const QUEUE: usize = 256;

/// A server to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<K> {
    /// By what the caller knows it.
    pub key: K,
    /// Where it listens.
    pub server: SocketAddr,
    /// How it is checked.
    pub check: HealthCheck,
}

/// What a check found.
#[derive(Debug)]
pub struct Report<K> {
    /// The server.
    pub key: K,
    /// What its check found.
    pub result: Result<Pass, ProbeError>,
}

/// Checks servers until it is dropped. It must live on a tokio runtime.
///
/// A new server is checked at once, so that a node's start takes no longer than its slowest check;
/// from its second check on, the servers added together are spread over their interval, so that
/// they are not all checked in the same millisecond. Checks of one server never overlap: one that
/// takes longer than the interval delays the next.
#[derive(Debug)]
pub struct Scheduler<K> {
    probers: HashMap<K, Prober<K>>,
    /// Tells a prober's reports from those of an earlier one of the same key.
    last_serial: u64,
    sender: mpsc::Sender<(u64, Report<K>)>,
    reports: mpsc::Receiver<(u64, Report<K>)>,
}

#[derive(Debug)]
struct Prober<K> {
    serial: u64,
    target: Target<K>,
    _task: AbortOnDropHandle<()>,
}

impl<K: Clone + Eq + Hash + Send + 'static> Scheduler<K> {
    /// A scheduler that checks nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let (sender, reports) = mpsc::channel(QUEUE);
        Self {
            probers: HashMap::new(),
            last_serial: 0,
            sender,
            reports,
        }
    }

    /// Checks exactly these servers from now on. One that was there and is unchanged keeps its
    /// rhythm; the check of one that is gone or changed is broken off, and nothing of it is
    /// reported any more.
    pub fn set(&mut self, targets: Vec<Target<K>>) {
        let mut old = std::mem::take(&mut self.probers);
        let mut fresh = Vec::new();
        for target in targets {
            match old.remove(&target.key) {
                Some(prober) if prober.target == target => {
                    self.probers.insert(target.key.clone(), prober);
                }
                Some(_) | None => fresh.push(target),
            }
        }
        let count = fresh.len();
        for (index, target) in fresh.into_iter().enumerate() {
            let second = spread(target.check.interval, index, count);
            self.start(target, second);
        }
    }

    /// The next result. Safe to cancel.
    pub async fn next(&mut self) -> Report<K> {
        loop {
            let Some((serial, report)) = self.reports.recv().await else {
                // Unreachable: `self` holds a sender. Waiting for ever is what "no result" means.
                return std::future::pending().await;
            };
            let current = self.probers.get(&report.key);
            if current.is_some_and(|prober| prober.serial == serial) {
                return report;
            }
        }
    }

    fn start(&mut self, target: Target<K>, second: Duration) {
        self.last_serial += 1;
        let serial = self.last_serial;
        let task = run(serial, target.clone(), second, self.sender.clone());
        self.probers.insert(
            target.key.clone(),
            Prober {
                serial,
                target,
                _task: AbortOnDropHandle::new(tokio::spawn(task)),
            },
        );
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> Default for Scheduler<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// When the second check of server `index` out of `count` starts, counted from the first.
fn spread(interval: Duration, index: usize, count: usize) -> Duration {
    let share = (index + 1) as f64 / count.max(1) as f64;
    interval.mul_f64(share)
}

async fn run<K: Clone>(
    serial: u64,
    target: Target<K>,
    second: Duration,
    reports: mpsc::Sender<(u64, Report<K>)>,
) {
    let start = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval_at(start + second, target.check.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let result = probe(target.server, &target.check).await;
        let key = target.key.clone();
        if reports
            .send((serial, Report { key, result }))
            .await
            .is_err()
        {
            return;
        }
        ticks.tick().await;
    }
}

#[cfg(test)]
#[path = "scheduler/tests.rs"]
mod tests;
