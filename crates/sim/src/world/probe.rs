//! Questions to an Active whose advert is late, and their answers, over the same lossy network.

use std::net::IpAddr;
use std::time::Duration;

use halo_vrrp::{Answer, Centiseconds, Detection, Event, Reason, State};

use crate::monitor::{Invariant, Violation};
use crate::process::Run;

use super::{Mutant, Step, World};

/// Bytes of a question or an answer; only that damage needs a place to hit.
const LENGTH: usize = 64;

/// What an Active that can be asked leases its addresses for, with each advert.
pub(super) fn lease(interval: Centiseconds) -> Duration {
    let interval = interval.duration();
    interval + (interval * 3 / 5).max(Duration::from_millis(15))
}

impl World {
    /// Asks the agent and the kernel of a node.
    pub(super) fn probe(&mut self, from: usize, target: IpAddr) {
        if let Some(to) = self.index_of(target) {
            self.note(|| format!("lb{from} asks lb{to}"));
            self.carry_step(from, to, Step::Question { from, to });
        }
    }

    /// Its kernel answers while the machine runs, its agent while that runs.
    pub(super) fn asked(&mut self, from: usize, to: usize) {
        if self.mutant == Some(Mutant::Unanswered) {
            return;
        }
        let node = &self.nodes[to];
        let router = &node.router;
        let agent = match (node.run, router.state()) {
            (Run::Down | Run::Suspended { .. } | Run::Frozen { queues: false, .. }, _) => return,
            (Run::Frozen { queues: true, .. }, _) => None,
            // The agent is as late as it is with its adverts.
            (Run::Running, _) if !node.busy.is_zero() => None,
            (Run::Running, State::Active) => Some(Answer::Active(router.effective_priority())),
            (Run::Running, State::Initialize | State::Backup) => Some(Answer::NotActive),
        };
        for answer in [Some(Answer::Kernel), agent].into_iter().flatten() {
            let (from, to) = (to, from);
            self.carry_step(from, to, Step::Answer { from, to, answer });
        }
    }

    pub(super) fn answered(
        &mut self,
        from: usize,
        to: usize,
        answer: Answer,
    ) -> Result<(), Violation> {
        if self.nodes[to].run != Run::Running {
            return Ok(());
        }
        let from = self.nodes[from].address;
        self.handle(to, Event::Answer { from, answer })
    }

    /// Tells a node's virtual router how the Active that it hears can be asked, when that has changed.
    pub(super) fn update_detection(&mut self, index: usize) {
        if !self.fast {
            return;
        }
        let node = &self.nodes[index];
        let detection = node
            .router
            .heard()
            .and_then(|heard| self.index_of(heard.from))
            .map(|active| Detection {
                active: self.nodes[active].address,
                lease: Some(lease(self.nodes[active].router.config().interval)),
                rank: self.rank(index, active),
            });
        if detection != node.detection {
            let now = node.clock.at(self.now);
            let node = &mut self.nodes[index];
            node.detection = detection;
            node.router.handle_event(Event::Detection(detection), now);
        }
    }

    /// Live Backups that go before this one.
    fn rank(&self, index: usize, active: usize) -> u8 {
        let key = |at: usize| {
            let node = &self.nodes[at];
            (node.router.effective_priority(), node.address)
        };
        let before = (0..self.nodes.len()).filter(|other| {
            let node = &self.nodes[*other];
            ![index, active].contains(other)
                && node.run == Run::Running
                && node.router.state() == State::Backup
                && key(*other) > key(index)
        });
        u8::try_from(before.count()).unwrap_or(u8::MAX)
    }

    /// A takeover for silence needs an Active that is silent; and while its kernel runs, the end of its
    /// lease.
    pub(super) fn check_cause(&self, index: usize, reason: Reason) -> Result<(), Violation> {
        let (Reason::Dead { active, .. }
        | Reason::LeaseEnded { active, .. }
        | Reason::Silent { active, .. }) = reason
        else {
            return Ok(());
        };
        let calm = self.standing().calm && self.monitor.is_over(self.disturbed, self.now);
        let Some(active) = self.index_of(active).filter(|_| calm) else {
            return Ok(());
        };
        let former = &self.nodes[active];
        let undisturbed = self.monitor.is_undisturbed(self.now);
        let details = match former.run {
            Run::Running if former.holds && undisturbed => "is Active and undisturbed",
            Run::Frozen { queues: true, .. } if former.holds && former.leased > self.now => {
                "still answers for the addresses"
            }
            Run::Running | Run::Frozen { .. } | Run::Suspended { .. } | Run::Down => return Ok(()),
        };
        let details = format!("lb{index} takes over, but lb{active} {details}: {reason}");
        Err(self.violation(Invariant::Cause, details))
    }

    /// The longest after a loss of the Active that the first Backup is silent; `None`: as the RFC has it.
    pub(super) fn fast_bound(&self, active: usize, kernel_lives: bool) -> Option<Duration> {
        let interval = self.nodes[active].router.config().interval;
        let late = interval.duration() * 3 / 2 + Duration::from_millis(30);
        let ended = lease(interval) + Duration::from_millis(2);
        self.fast
            .then_some(if kernel_lives { late.max(ended) } else { late })
    }

    fn carry_step(&mut self, from: usize, to: usize, step: Step) {
        for flight in self
            .network
            .carry(self.now, (from, to), LENGTH, &mut self.rng)
        {
            // A damaged one fails its checksum, or its signature.
            if flight.corrupt.is_none() {
                self.agenda.plan(flight.arrival, step.clone());
            }
        }
    }

    fn index_of(&self, address: IpAddr) -> Option<usize> {
        self.nodes.iter().position(|node| node.address == address)
    }

    /// Each advert of an Active renews the lease of its addresses.
    pub(super) fn renew_lease(&mut self, index: usize, interval: Centiseconds) {
        let times = if self.mutant == Some(Mutant::Outstays) {
            2
        } else {
            1
        };
        self.nodes[index].leased = self.now.after(lease(interval) * times);
    }
}
