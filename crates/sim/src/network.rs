//! The simulated link: who hears whom, and in what shape.

use std::time::Duration;

use crate::plan::Fault;
use crate::{Nanos, Rng};

/// Latency of an undisturbed link, least and most.
const LATENCY: (Duration, Duration) = (Duration::from_micros(30), Duration::from_micros(300));

/// What noise does to a packet, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Noise {
    pub(crate) loss: u16,
    pub(crate) duplicate: u16,
    pub(crate) corrupt: u16,
    /// Most that is added to the latency; more than an interval reorders.
    pub(crate) delay: Duration,
}

/// The link between the nodes.
#[derive(Debug)]
pub(crate) struct Network {
    /// `cut[from][to]`: nothing gets through in this direction.
    cut: Vec<Vec<bool>>,
    /// `arrived[from][to]`: when the last packet arrives that is on its way.
    arrived: Vec<Vec<Nanos>>,
    pub(crate) noise: Noise,
}

/// A copy of a packet on its way.
pub(crate) struct Flight {
    pub(crate) arrival: Nanos,
    /// The byte and bit that flip, if any.
    pub(crate) corrupt: Option<(usize, u8)>,
}

impl Network {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            cut: vec![vec![false; nodes]; nodes],
            arrived: vec![vec![Nanos(0); nodes]; nodes],
            noise: Noise::default(),
        }
    }

    pub(crate) fn set_cut(&mut self, from: usize, to: usize, cut: bool) {
        self.cut[from][to] = cut;
    }

    /// Parts the nodes whose bit is set from the others.
    pub(crate) fn partition(&mut self, side: u8) {
        for from in 0..self.cut.len() {
            for to in 0..self.cut.len() {
                if (side >> from) & 1 != (side >> to) & 1 {
                    self.cut[from][to] = true;
                }
            }
        }
    }

    pub(crate) fn mend(&mut self) {
        for row in &mut self.cut {
            row.fill(false);
        }
    }

    /// Takes a fault of the network; of others it knows nothing.
    pub(crate) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Cut { from, to } => self.set_cut(from, to, true),
            Fault::Partition(side) => self.partition(side),
            Fault::Mend => self.mend(),
            Fault::Noise {
                loss,
                duplicate,
                corrupt,
                delay,
            } => {
                self.noise = Noise {
                    loss,
                    duplicate,
                    corrupt,
                    delay,
                };
            }
            Fault::Silence => self.noise = Noise::default(),
            _ => {}
        }
    }

    /// Whether packets get from one node to the other, or to itself.
    pub(crate) fn is_open(&self, from: usize, to: usize) -> bool {
        !self.cut[from][to]
    }

    /// Nothing is cut and nothing is lost.
    pub(crate) fn is_calm(&self) -> bool {
        self.noise == Noise::default() && self.cut.iter().flatten().all(|cut| !cut)
    }

    /// What becomes of one packet sent `now`: none, one or two copies.
    pub(crate) fn carry(
        &mut self,
        now: Nanos,
        (from, to): (usize, usize),
        len: usize,
        rng: &mut Rng,
    ) -> Vec<Flight> {
        if self.cut[from][to] || rng.chance(self.noise.loss) {
            return Vec::new();
        }
        let copies = if rng.chance(self.noise.duplicate) {
            2
        } else {
            1
        };
        (0..copies)
            .map(|_| {
                let latency = LATENCY.0 + rng.duration(LATENCY.1 - LATENCY.0);
                let corrupt = rng.chance(self.noise.corrupt).then(|| {
                    let bit = rng.pick(&[1, 2, 4, 8, 16, 32, 64, 128]);
                    (rng.index(len), bit)
                });
                let delay = rng.duration(self.noise.delay);
                let arrival = self.arrival(now.after(latency), delay, (from, to));
                Flight { arrival, corrupt }
            })
            .collect()
    }

    /// A link keeps the order of its packets, as a switch does, unless noise delays them.
    fn arrival(&mut self, at: Nanos, delay: Duration, (from, to): (usize, usize)) -> Nanos {
        if !delay.is_zero() {
            return at.after(delay);
        }
        let last = &mut self.arrived[from][to];
        *last = at.max(last.after(Duration::from_nanos(1)));
        *last
    }
}
