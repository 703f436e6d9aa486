//! One after the other.

/// Takes the servers in turn and passes over those that take no work.
#[derive(Debug, Clone)]
pub(crate) struct RoundRobin {
    worker: usize,
    workers: usize,
    /// Where the next search starts.
    next: usize,
    /// How many servers there were at the last pick.
    count: usize,
}

impl RoundRobin {
    pub(crate) fn new(worker: usize, workers: usize) -> Self {
        Self {
            worker,
            workers: workers.max(1),
            next: 0,
            count: 0,
        }
    }

    pub(crate) fn pick(&mut self, count: usize, usable: impl Fn(usize) -> bool) -> Option<usize> {
        if self.count != count {
            self.count = count;
            self.next = first(count, self.worker, self.workers);
        }
        let picked = (self.next..count)
            .chain(0..self.next)
            .find(|&i| usable(i))?;
        self.next = (picked + 1) % count;
        Some(picked)
    }
}

/// Where a worker starts: workers spread evenly over the servers.
pub(crate) fn first(count: usize, worker: usize, workers: usize) -> usize {
    if workers <= count {
        worker * count / workers
    } else if count > 0 {
        worker % count
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::{RoundRobin, first};

    fn sequence(order: &mut RoundRobin, picks: usize, usable: &[bool]) -> Vec<usize> {
        (0..picks)
            .filter_map(|_| order.pick(usable.len(), |i| usable[i]))
            .collect()
    }

    #[test]
    fn servers_are_taken_in_turn() {
        let mut order = RoundRobin::new(0, 1);
        assert_eq!(
            sequence(&mut order, 7, &[true, true, true]),
            [0, 1, 2, 0, 1, 2, 0]
        );
    }

    #[test]
    fn a_server_that_takes_no_work_is_passed_over_and_comes_back_in_its_place() {
        let mut order = RoundRobin::new(0, 1);
        assert_eq!(sequence(&mut order, 4, &[true, false, true]), [0, 2, 0, 2]);
        assert_eq!(sequence(&mut order, 3, &[true, true, true]), [0, 1, 2]);
    }

    #[test]
    fn a_changed_number_of_servers_starts_the_order_over() {
        let mut order = RoundRobin::new(0, 1);
        assert_eq!(sequence(&mut order, 2, &[true, true, true]), [0, 1]);
        assert_eq!(sequence(&mut order, 3, &[true, true]), [0, 1, 0]);
    }

    #[test]
    fn workers_are_spread_over_the_servers() {
        let starts = |count, workers| -> Vec<usize> {
            (0..workers).map(|w| first(count, w, workers)).collect()
        };
        assert_eq!(starts(4, 2), [0, 2]);
        assert_eq!(starts(3, 4), [0, 1, 2, 0]);
        assert_eq!(starts(0, 2), [0, 0]);
    }
}
