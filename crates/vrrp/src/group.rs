//! Sync groups: virtual routers that move together.
//!
//! Each keeps its own election. What one of them decides is passed on to the others of its group on the
//! same node, at once, so that all are Active in the same place. What disables one disables all: that is
//! the driver's, which knows what every one of them needs.
//!
//! A node that was told to give the group away, and has some of it again because the other seemed dead, holds
//! that at the lowest priority: it says so to the others, which then stay with whoever lives.
//!
//! Availability comes first: when another node insists on one address of the group (it advertises it with
//! a priority that wins), that one is not taken from it, and the others are not given up for its sake.
//!
//! Of two that each hold some of the group, and stay there, the one that outranks the other takes the rest:
//! who is Active says so to the others of its group with each advert, not just when it becomes so.

use halo_packet::vrrp::Priority;

use crate::{Action, Event, Reason, State};

/// What the other virtual routers of a sync group are told when one of them asks for this. None: nothing.
///
/// Of several actions of one event the last that tells something counts.
#[must_use]
pub fn group_event(action: &Action) -> Option<Event> {
    match *action {
        Action::Transition { from, to, reason } => transition(from, to, reason),
        Action::SendAdvert { priority, .. } if priority != Priority::RESIGN => {
            Some(Event::GroupActive { priority })
        }
        Action::SendAdvert { .. }
        | Action::Claim
        | Action::Release
        | Action::Probe(_)
        | Action::Reannounce(_)
        | Action::SeekMandate { .. }
        | Action::DropMandate { .. } => None,
    }
}

fn transition(from: State, to: State, reason: Reason) -> Option<Event> {
    match (from, to, reason) {
        (_, State::Active, Reason::TookOver) => Some(Event::TakeOver),
        // Its first advert has said so.
        (_, State::Active, _) => None,
        (State::Active, State::Backup, Reason::Yielded) => Some(Event::Yield),
        (
            State::Active,
            State::Backup,
            Reason::Outranked { .. } | Reason::TieLost { .. } | Reason::Unfit,
        ) => Some(Event::GroupLost),
        // A pause is noticed by each of them, and passed over without a word by all.
        (State::Active, State::Backup, _) => None,
        // Disabled or stopping: so are the others, by the driver.
        (_, State::Initialize, _) | (State::Initialize | State::Backup, State::Backup, _) => None,
    }
}
