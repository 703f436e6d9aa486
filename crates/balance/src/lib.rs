//! Load-balancing schedulers.
//!
//! A [`Scheduler`] belongs to one worker and one pool. It holds only the order of turns; which
//! servers there are, which of them take work and what they weigh is told at each [`pick`], so that
//! a server's state is never older than the snapshot the worker looks at.
//!
//! [`pick`]: Scheduler::pick

mod round_robin;
mod tried;
mod weighted;

use round_robin::RoundRobin;
use weighted::Weighted;

pub use tried::Tried;

/// A server, as a scheduler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Whether it takes new work.
    pub available: bool,
    /// Its share; 0: no new work. Round robin looks only at whether it is 0.
    pub weight: u32,
}

impl Candidate {
    fn takes_work(self) -> bool {
        self.available && self.weight > 0
    }
}

/// How servers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// In turn.
    RoundRobin,
    /// In turn, in proportion to the weights, spread evenly.
    WeightedRoundRobin,
}

/// Chooses among the servers of one pool, for one worker.
#[derive(Debug, Clone)]
pub struct Scheduler(Order);

#[derive(Debug, Clone)]
enum Order {
    RoundRobin(RoundRobin),
    Weighted(Weighted),
}

impl Scheduler {
    /// A scheduler at the start of its order.
    ///
    /// `worker` of `workers` says where: workers begin at different servers, so that the first
    /// requests after a start or reload do not all meet the first one.
    #[must_use]
    pub fn new(method: Method, worker: usize, workers: usize) -> Self {
        Self(match method {
            Method::RoundRobin => Order::RoundRobin(RoundRobin::new(worker, workers)),
            Method::WeightedRoundRobin => Order::Weighted(Weighted::new(worker, workers)),
        })
    }

    /// How this one chooses.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.0 {
            Order::RoundRobin(_) => Method::RoundRobin,
            Order::Weighted(_) => Method::WeightedRoundRobin,
        }
    }

    /// The index of the next server that takes work and was not tried yet; `None`: there is none.
    ///
    /// `servers` is asked for each index below `count`, in no promised order. When the count
    /// changes, the order of turns starts over.
    pub fn pick(
        &mut self,
        count: usize,
        tried: &Tried,
        servers: impl Fn(usize) -> Candidate,
    ) -> Option<usize> {
        match &mut self.0 {
            Order::RoundRobin(order) => {
                order.pick(count, |i| !tried.contains(i) && servers(i).takes_work())
            }
            Order::Weighted(order) => order.pick(count, tried, servers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Method, Scheduler, Tried};

    const METHODS: [Method; 2] = [Method::RoundRobin, Method::WeightedRoundRobin];

    fn up(weight: u32) -> Candidate {
        Candidate {
            available: true,
            weight,
        }
    }

    #[test]
    fn no_server_is_picked_when_all_are_down_or_tried_or_weigh_nothing() {
        for method in METHODS {
            let mut scheduler = Scheduler::new(method, 0, 1);
            let down = Candidate {
                available: false,
                weight: 5,
            };
            assert_eq!(scheduler.pick(3, &Tried::new(), |_| down), None);
            assert_eq!(scheduler.pick(3, &Tried::new(), |_| up(0)), None);
            assert_eq!(scheduler.pick(0, &Tried::new(), |_| up(1)), None);
            let mut tried = Tried::new();
            for i in 0..3 {
                tried.insert(i);
            }
            assert_eq!(scheduler.pick(3, &tried, |_| up(1)), None);
            // None of it keeps the pool from coming back.
            assert!(scheduler.pick(3, &Tried::new(), |_| up(1)).is_some());
        }
    }

    #[test]
    fn a_tried_server_is_not_picked_again_until_every_server_was() {
        for method in METHODS {
            let mut scheduler = Scheduler::new(method, 0, 1);
            let mut tried = Tried::new();
            let mut seen = Vec::new();
            while let Some(i) = scheduler.pick(4, &tried, |i| up(i as u32 + 1)) {
                tried.insert(i);
                seen.push(i);
            }
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn workers_start_at_different_servers() {
        for method in METHODS {
            let mut first: Vec<_> = (0..4)
                .map(|worker| Scheduler::new(method, worker, 4).pick(4, &Tried::new(), |_| up(1)))
                .collect();
            first.sort_unstable();
            assert_eq!(first, [Some(0), Some(1), Some(2), Some(3)], "{method:?}");
        }
    }
}
