//! What is looked at after each step, and in the end.

use halo_vrrp::VirtualRouter;

use super::super::monitor::{Standing, violation};
use super::super::node::Node;
use super::{Place, World};
use crate::monitor::{Invariant, SLACK, Violation};
use crate::network::Noise;
use crate::process::Run;

impl World<'_> {
    /// An owner that follows another has a higher epoch, unless voters have forgotten.
    pub(super) fn check_epoch(&mut self, at: Place) -> Result<(), Violation> {
        let (index, vip) = at;
        let now = self.clock(index);
        let epoch = self.seat(at).member.view(now).epoch;
        let before = self.latest[vip].replace((index, epoch));
        let fell = before.is_some_and(|(owner, before)| owner != index && epoch <= before);
        if fell && !self.restarted && self.mutant.is_none() {
            let details = format!("lb{index} took over with epoch {epoch}, after {before:?}");
            return Err(violation(self.now, Invariant::EpochGrows, details));
        }
        Ok(())
    }

    /// Looks at each router's owners, and at the group.
    pub(super) fn watch(&mut self) -> Result<(), Violation> {
        for vip in 0..self.plan.vips {
            let standing = self.standing(vip);
            self.monitors[vip].watch(self.now, standing)?;
        }
        let Some((one, two)) = self
            .split()
            .filter(|_| self.network.noise == Noise::default())
        else {
            self.split_since = None;
            return Ok(());
        };
        let since = *self.split_since.get_or_insert(self.now);
        let (lasting, limit) = (self.now.since(since), self.plan.longest_split() + SLACK);
        if lasting <= limit {
            return Ok(());
        }
        let details = format!(
            "lb{one} and lb{two} have each owned some of the group for {lasting:?}, at most {limit:?}"
        );
        Err(violation(self.now, Invariant::GroupTogether, details))
    }

    /// Two nodes that hear each other, and each own some of the group.
    fn split(&self) -> Option<(usize, usize)> {
        if self.plan.vips == 1 {
            return None;
        }
        let owners = (0..self.nodes.len()).filter(|node| self.nodes[*node].owned(self.now) > 0);
        let owners: Vec<usize> = owners.collect();
        let pairs = owners.windows(2).map(|pair| (pair[0], pair[1]));
        let both_ways = |(one, two): &(usize, usize)| {
            self.network.is_open(*one, *two) && self.network.is_open(*two, *one)
        };
        pairs.into_iter().find(both_ways)
    }

    fn standing(&self, vip: usize) -> Standing {
        let owners = self.nodes.iter().filter(|node| node.owns(vip, self.now));
        Standing {
            owners: u32::try_from(owners.count()).unwrap_or(u32::MAX),
            majority: (0..self.nodes.len()).any(|node| self.could_own(node, vip)),
            calm: self.network.noise == Noise::default(),
            whole: self.network.is_calm() && self.nodes.iter().all(|n| n.run == Run::Running),
        }
    }

    /// Whether an able node and a majority that may vote hear each other.
    fn could_own(&self, node: usize, vip: usize) -> bool {
        let reached = (0..self.nodes.len()).filter(|voter| {
            self.nodes[*voter].votes(self.now)
                && self.network.is_open(node, *voter)
                && self.network.is_open(*voter, node)
        });
        self.nodes[node].is_able(vip) && reached.count() > self.nodes.len() / 2
    }

    /// The plan left the time to settle.
    pub(super) fn check_end(&self) -> Result<(), Violation> {
        if !self.settled {
            let details = "the run ended before its nodes could settle: the plan is wrong";
            let invariant = Invariant::MajorityHolds;
            return Err(violation(self.now, invariant, details.to_owned()));
        }
        if let Some((one, two)) = self.split() {
            let details = format!("lb{one} and lb{two} each own some of the group in the end");
            return Err(violation(self.now, Invariant::GroupTogether, details));
        }
        (0..self.plan.vips).try_for_each(|vip| self.check_owner(vip))
    }

    fn check_owner(&self, vip: usize) -> Result<(), Violation> {
        let standing = self.standing(vip);
        if standing.majority && standing.owners == 0 {
            let details = "a majority has no owner in the end".to_owned();
            return Err(violation(self.now, Invariant::MajorityHolds, details));
        }
        if standing.whole && self.nodes.iter().all(Node::preempts) {
            self.check_preference(vip)?;
        }
        Ok(())
    }

    fn check_preference(&self, vip: usize) -> Result<(), Violation> {
        let able = self.nodes.iter().filter(|node| node.is_able(vip));
        let priority = |node: &Node| {
            let router = node.seats[vip].router.as_ref();
            router.map(VirtualRouter::effective_priority)
        };
        let highest = able.filter_map(priority).max();
        let owner = self.nodes.iter().find(|node| node.owns(vip, self.now));
        if owner.and_then(priority) < highest {
            let details = format!(
                "the owner has {:?}, not {highest:?}",
                owner.and_then(priority)
            );
            return Err(violation(self.now, Invariant::HighestPriority, details));
        }
        Ok(())
    }
}
