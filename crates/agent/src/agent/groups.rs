//! Sync groups: VIPs that move together, and so are judged together.

use halo_api::AdminState;
use halo_netio::Platform;

use super::Agent;

impl<P: Platform> Agent<P> {
    /// The other VIPs that move together with this one.
    pub(super) fn group_of(&self, index: usize) -> impl Iterator<Item = usize> {
        (0..self.vips.len()).filter(move |other| self.moves_with(index, *other))
    }

    /// Whether another VIP moves together with this one.
    pub(super) fn moves_with(&self, index: usize, other: usize) -> bool {
        let group = |index: usize| self.vips[index].config.sync_group.as_ref();
        other != index && group(index).is_some() && group(index) == group(other)
    }

    /// Whether this node is fit for the VIP and all that move together with it: one that another
    /// node is to serve takes the others along.
    pub(super) fn is_fit(&self, index: usize) -> bool {
        self.wish.duty == AdminState::Ready
            && self.and_group(index).all(|name| self.trackers.fit(name))
    }

    /// What trackers take off this node's priority for the VIP: the most of its group, or the
    /// priorities of its members would pull it apart.
    pub(super) fn penalty(&self, index: usize) -> u8 {
        let penalties = self
            .and_group(index)
            .map(|name| self.trackers.penalty(name));
        penalties.max().unwrap_or(0)
    }

    /// The names of the VIP and of all that move together with it.
    fn and_group(&self, index: usize) -> impl Iterator<Item = &str> {
        let all = self.group_of(index).chain([index]);
        all.map(|index| self.vips[index].config.name.as_str())
    }
}
