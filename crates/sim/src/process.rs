//! Whether a node's process runs, and what waits for it meanwhile, in all worlds.

use std::collections::VecDeque;

use crate::Nanos;

/// Packets that wait for a process that stands still at most; a socket's buffer holds a few hundred.
const QUEUE: usize = 200;

/// Whether a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Running,
    /// The process stands still.
    Frozen {
        since: Nanos,
        /// Whether packets wait for it, as for a stopped process, or not, as for a paused machine.
        queues: bool,
    },
    /// The machine stands still, with all that is in it. Whether its clock does is the fault's.
    Suspended {
        since: Nanos,
    },
    Down,
}

/// Packets that wait for a process; the newest are lost when there are too many.
#[derive(Debug)]
pub(crate) struct Inbox<P>(VecDeque<P>);

impl<P> Inbox<P> {
    pub(crate) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn keep(&mut self, packet: P) {
        if self.0.len() < QUEUE {
            self.0.push_back(packet);
        }
    }

    pub(crate) fn read(&mut self) -> Option<P> {
        self.0.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
