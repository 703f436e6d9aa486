//! What must hold of a cluster with a quorum.

use std::time::Duration;

use crate::Nanos;
use crate::monitor::{Invariant, SLACK, Violation};

/// How the nodes stand at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    pub(super) owners: u32,
    /// Some able node and enough voters hear each other, all of them both ways.
    pub(super) majority: bool,
    /// No noise, and nobody stands still.
    pub(super) calm: bool,
    /// All nodes run and hear each other.
    pub(super) whole: bool,
}

/// Watches over the rules.
#[derive(Debug)]
pub(super) struct Monitor {
    vacancy: Duration,
    settling: Duration,
    disturbed: Nanos,
    vacant_since: Nanos,
    before: Standing,
    /// The longest time without an owner that a majority saw, in calm.
    pub(super) longest: Duration,
}

impl Monitor {
    pub(super) fn new(vacancy: Duration, settling: Duration) -> Self {
        Self {
            vacancy: vacancy + SLACK,
            settling,
            disturbed: Nanos(0),
            vacant_since: Nanos(0),
            before: Standing::default(),
            longest: Duration::ZERO,
        }
    }

    pub(super) fn disturb(&mut self, now: Nanos) {
        self.disturbed = now;
    }

    /// Long enough after the last disturbance that nothing may change any more.
    pub(super) fn is_settled(&self, now: Nanos) -> bool {
        self.before.calm && now.since(self.disturbed) > self.settling
    }

    /// Looks at the nodes after a step; until `now` they stood as after the step before.
    pub(super) fn watch(&mut self, now: Nanos, standing: Standing) -> Result<(), Violation> {
        if standing.owners > 1 {
            let details = format!("{} nodes answer for the addresses", standing.owners);
            return Err(violation(now, Invariant::OneOwnerEver, details));
        }
        let before = self.before;
        if before.owners == 0 && before.majority && before.calm {
            let vacant = now.since(self.vacant_since.max(self.disturbed));
            self.longest = self.longest.max(vacant);
            if vacant > self.vacancy {
                let limit = self.vacancy;
                let details = format!("a majority had no owner for {vacant:?}, {limit:?} at most");
                return Err(violation(now, Invariant::MajorityHolds, details));
            }
        }
        if (before.owners, before.majority) != (standing.owners, standing.majority) {
            self.vacant_since = now;
        }
        if !standing.calm || before.calm != standing.calm {
            self.disturbed = now;
        }
        self.before = standing;
        Ok(())
    }
}

pub(super) fn violation(at: Nanos, invariant: Invariant, details: String) -> Violation {
    Violation {
        at,
        invariant,
        details,
    }
}
