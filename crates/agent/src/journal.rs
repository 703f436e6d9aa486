//! The last events of this node.

use std::collections::VecDeque;

use halo_api::{Event, EventKind, UnixMillis};

/// Events kept: a day of an unruly cluster, in a few hundred kilobytes.
const KEPT: usize = 1_024;

/// A ring of events, numbered from 1. Both processes' events go through it.
#[derive(Debug)]
pub(crate) struct Journal {
    node: String,
    last: u64,
    ring: VecDeque<Event>,
}

impl Journal {
    pub(crate) fn new(node: String) -> Self {
        Self {
            node,
            last: 0,
            ring: VecDeque::with_capacity(KEPT),
        }
    }

    /// Notes an event and gives it, numbered.
    pub(crate) fn record(
        &mut self,
        at: UnixMillis,
        kind: EventKind,
        subject: &str,
        message: String,
    ) -> Event {
        self.last += 1;
        let event = Event {
            seq: self.last,
            at,
            node: self.node.clone(),
            kind,
            subject: subject.to_owned(),
            message,
        };
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(event.clone());
        event
    }

    /// Those after number `seq`, in order.
    pub(crate) fn after(&self, seq: u64) -> Vec<Event> {
        self.ring
            .iter()
            .filter(|event| event.seq > seq)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_make_room_and_numbers_go_on() {
        let mut journal = Journal::new("lb1".to_owned());
        for at in 0..KEPT as u64 + 3 {
            journal.record(at, EventKind::Vip, "web", format!("{at}"));
        }
        let kept = journal.after(0);
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0].seq, 4);
        assert_eq!(journal.after(KEPT as u64 + 2).len(), 1);
        assert_eq!(journal.after(KEPT as u64 + 3), []);
    }
}
