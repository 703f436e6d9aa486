//! Smooth weighted round robin: in proportion to the weights, and never a long run of one server.

use crate::round_robin::first;
use crate::{Candidate, Tried};

/// At each pick every server that takes work earns its weight; the richest is picked and pays what
/// all of them earned (the method of nginx). So a server of weight 5 beside two of weight 1 is
/// picked as `a a b a c a a`, not `a a a a a b c`.
#[derive(Debug, Clone)]
pub(crate) struct Weighted {
    worker: usize,
    workers: usize,
    credit: Vec<i64>,
}

impl Weighted {
    pub(crate) fn new(worker: usize, workers: usize) -> Self {
        Self {
            worker,
            workers: workers.max(1),
            credit: Vec::new(),
        }
    }

    pub(crate) fn pick(
        &mut self,
        count: usize,
        tried: &Tried,
        servers: impl Fn(usize) -> Candidate,
    ) -> Option<usize> {
        if self.credit.len() != count {
            self.credit = vec![0; count];
        }
        let mut earned = 0;
        let mut richest: Option<usize> = None;
        // Of two equally rich the first is picked, and each worker counts from another one.
        let start = first(count, self.worker, self.workers);
        for i in (start..count).chain(0..start) {
            let server = servers(i);
            if !server.takes_work() {
                // What it earned long ago must not make it the favourite when it is back.
                self.credit[i] = 0;
                continue;
            }
            if tried.contains(i) {
                continue;
            }
            let weight = i64::from(server.weight);
            earned += weight;
            self.credit[i] += weight;
            if richest.is_none_or(|r| self.credit[i] > self.credit[r]) {
                richest = Some(i);
            }
        }
        self.credit[richest?] -= earned;
        richest
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Tried, Weighted};

    fn up(weights: &[u32]) -> Vec<Candidate> {
        weights
            .iter()
            .map(|&weight| Candidate {
                available: true,
                weight,
            })
            .collect()
    }

    fn sequence(order: &mut Weighted, picks: usize, servers: &[Candidate]) -> Vec<usize> {
        (0..picks)
            .filter_map(|_| order.pick(servers.len(), &Tried::new(), |i| servers[i]))
            .collect()
    }

    fn counts(order: &mut Weighted, picks: usize, servers: &[Candidate]) -> Vec<usize> {
        let mut counts = vec![0; servers.len()];
        for i in sequence(order, picks, servers) {
            counts[i] += 1;
        }
        counts
    }

    #[test]
    fn the_heavy_server_is_spread_between_the_light_ones() {
        let mut order = Weighted::new(0, 1);
        assert_eq!(
            sequence(&mut order, 14, &up(&[5, 1, 1])),
            [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]
        );
    }

    #[test]
    fn equal_weights_take_turns() {
        let mut order = Weighted::new(0, 1);
        assert_eq!(sequence(&mut order, 6, &up(&[3, 3, 3])), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn shares_are_exact_over_a_whole_round() {
        for worker in 0..4 {
            let mut order = Weighted::new(worker, 4);
            assert_eq!(
                counts(&mut order, 256 + 100 + 7 + 1, &up(&[256, 100, 7, 1])),
                [256, 100, 7, 1]
            );
        }
    }

    #[test]
    fn a_changed_weight_counts_from_the_next_pick() {
        let mut order = Weighted::new(0, 1);
        assert_eq!(counts(&mut order, 40, &up(&[1, 1])), [20, 20]);
        assert_eq!(counts(&mut order, 40, &up(&[3, 1])), [30, 10]);
        assert_eq!(counts(&mut order, 40, &up(&[0, 1])), [0, 40]);
    }

    #[test]
    fn a_server_that_comes_back_gets_its_share_and_no_more() {
        let mut order = Weighted::new(0, 1);
        let mut servers = up(&[1, 1]);
        servers[1].available = false;
        assert_eq!(counts(&mut order, 1000, &servers), [1000, 0]);
        servers[1].available = true;
        assert_eq!(counts(&mut order, 10, &servers), [5, 5]);
    }

    #[test]
    fn retries_do_not_upset_the_shares() {
        let mut order = Weighted::new(0, 1);
        let servers = up(&[2, 1, 1]);
        let mut firsts = [0; 3];
        for _ in 0..400 {
            let mut tried = Tried::new();
            let Some(picked) = order.pick(3, &tried, |i| servers[i]) else {
                continue;
            };
            firsts[picked] += 1;
            // Server 1 refuses every connect.
            if picked == 1 {
                tried.insert(1);
                assert_ne!(order.pick(3, &tried, |i| servers[i]), Some(1));
            }
        }
        assert!((190..=210).contains(&firsts[0]), "{firsts:?}");
        assert!((90..=110).contains(&firsts[1]), "{firsts:?}");
    }
}
