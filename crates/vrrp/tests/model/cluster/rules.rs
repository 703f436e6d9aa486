//! What must hold.

use stateright::Property;

use super::node::{Node, Run, address};
use super::{Cluster, State, TICKS};

pub(crate) const ONE_OWNER: &str = "in calm two owners never stand side by side for long";
pub(crate) const HELD: &str = "in calm the addresses are never without an owner for long";
pub(crate) const SETTLES: &str =
    "once settled there is one owner, the right one, and everyone knows";
pub(crate) const NO_FLAP: &str = "once settled nothing changes";
pub(crate) const LISTENS: &str = "a node that stood still listens before it speaks";
const CONTRACT: &str = "a node holds the addresses exactly while it is Active";

/// Ticks of calm in which two owners find each other: an interval.
const OVERLAP: u8 = TICKS;
/// Ticks of calm without an owner: Active_Down_Interval at priority 50.
const VACANCY: u8 = 4 * TICKS;
/// Ticks of calm after which nothing changes any more.
const SETTLED: u8 = 6 * TICKS;

/// Rules that were broken on the way here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Broken {
    pub(super) contract: bool,
    pub(super) flap: bool,
    pub(super) spoke: bool,
}

impl State {
    /// Something was done to the cluster.
    pub(super) fn disturb(&mut self) {
        self.calm = 0;
        self.vacant = 0;
        self.rivals = 0;
    }

    fn owners(&self) -> usize {
        self.nodes.iter().filter(|node| node.owns()).count()
    }

    fn is_disturbed(&self) -> bool {
        let frozen = |node: &Node| matches!(node.run, Run::Frozen { .. });
        self.cut.iter().any(|cut| *cut != 0)
            || self.nodes.iter().any(frozen)
            || self.flights.iter().any(|flight| flight.left > 0)
    }
}

impl Cluster {
    /// A tick has gone by.
    pub(super) fn count(&self, state: &mut State) {
        if state.is_disturbed() {
            return state.disturb();
        }
        let count = |ticks: u8, longest: u8, goes_on: bool| match goes_on {
            true => longest.min(ticks + 1),
            false => 0,
        };
        let owners = state.owners();
        let able = state.nodes.iter().any(Node::is_able);
        state.calm = count(state.calm, SETTLED, true);
        state.vacant = count(state.vacant, VACANCY + 1, owners == 0 && able);
        state.rivals = count(state.rivals, OVERLAP + 1, owners > 1);
        state.moved |= self.is_settled(state) && state.faults > 0;
    }

    pub(super) fn is_settled(&self, state: &State) -> bool {
        state.calm == SETTLED
    }

    /// Whether a settled cluster is as it should be.
    fn is_right(&self, state: &State) -> bool {
        let able = || state.nodes.iter().filter(|node| node.is_able());
        let owner = state.nodes.iter().position(Node::owns);
        let Some(owner) = owner.filter(|_| state.owners() == 1) else {
            return able().next().is_none();
        };
        let priority = |node: &Node| node.router.effective_priority();
        let highest = priority(&state.nodes[owner]);
        let outranked = self.bounds.preempt && able().any(|node| priority(node) > highest);
        let known = |node: &Node| !node.runs() || node.router.holder() == Some(address(owner));
        !outranked && state.nodes.iter().all(known)
    }
}

pub(super) fn all() -> Vec<Property<Cluster>> {
    vec![
        Property::always(ONE_OWNER, |_, state: &State| state.rivals <= OVERLAP),
        Property::always(HELD, |_, state: &State| state.vacant <= VACANCY),
        Property::always(SETTLES, |cluster: &Cluster, state: &State| {
            !cluster.is_settled(state) || cluster.is_right(state)
        }),
        Property::always(NO_FLAP, |_, state: &State| !state.broken.flap),
        Property::always(LISTENS, |_, state: &State| !state.broken.spoke),
        Property::always(CONTRACT, |_, state: &State| !state.broken.contract),
        Property::sometimes("the first node is the owner", |_, state: &State| {
            state.nodes[0].owns()
        }),
        Property::sometimes("the last node is the owner", |_, state: &State| {
            state.nodes.last().is_some_and(Node::owns)
        }),
        Property::sometimes("two are owners at a time", |_, state: &State| {
            state.owners() > 1
        }),
        Property::sometimes("it settles after faults", |_, state: &State| state.moved),
    ]
}
