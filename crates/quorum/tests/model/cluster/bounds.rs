//! How far the checks look, and the defects that they are to find.

use std::time::Duration;

use super::TICK;

/// What is explored. Runs may take as long as they like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Nodes that seek the lease; the others are witnesses.
    pub(crate) candidates: usize,
    /// How long a lease lasts.
    pub(crate) lease: Duration,
    /// Questions that a process asks: a poll and a request are two, a renewal is one more.
    pub(crate) questions: u32,
    /// Questions that all processes ask together, of all lives.
    pub(crate) all_questions: u32,
    /// Crashes, all nodes.
    pub(crate) crashes: u8,
    /// Planned hand-overs.
    pub(crate) resignations: u8,
}

impl Bounds {
    /// Two nodes and a witness; the one hands over to the other.
    pub(crate) const PLANNED: Self = Self {
        candidates: 2,
        lease: TICK,
        questions: 2,
        all_questions: 4,
        crashes: 0,
        resignations: 1,
    };

    /// A lease of two ticks, so that it can be renewed, and answers may be late and still count.
    pub(crate) const LONGER: Self = Self {
        lease: Duration::from_millis(200),
        questions: 3,
        all_questions: 5,
        resignations: 0,
        ..Self::PLANNED
    };

    /// Two nodes and a witness, of which one crashes and starts anew; two attempts to get the lease, by
    /// whichever processes.
    pub(crate) const CRASH: Self = Self {
        crashes: 1,
        resignations: 0,
        ..Self::PLANNED
    };

    /// The same with three nodes that all want the addresses.
    pub(crate) const THREE: Self = Self {
        candidates: 3,
        ..Self::CRASH
    };

    /// Three attempts.
    pub(crate) fn wider(self) -> Self {
        Self {
            all_questions: 6,
            ..self
        }
    }
}

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A promise is no longer than the lease that it is for.
    NoMargin,
    /// A voter that starts promises at once.
    ForgetsPromises,
    /// A process takes answers that an earlier life of it asked for.
    SameIncarnation,
    /// The owner counts its lease from the answer's arrival.
    CountsFromArrival,
    /// The promises are released before the addresses are.
    ReleasesTooEarly,
}
