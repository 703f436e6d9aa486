//! The promises that an ownership rests on.

use std::collections::VecDeque;
use std::time::Instant;

use crate::{Epoch, Standing};

use super::Intent;

/// Requests whose answers still count. Answers that are older make no lease longer.
const REMEMBERED: usize = 4;

/// Promises collected.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Tally {
    pub(super) intent: Intent,
    pub(super) epoch: Epoch,
    /// When the attempt is given up, or the next renewal is due.
    pub(super) next: Instant,
    /// Requests and the ends of the leases that they are for.
    pub(super) sent: VecDeque<(u32, Instant)>,
    /// By voter: until when its promise counts.
    pub(super) promised: Vec<Option<Instant>>,
    /// By voter: its refusal of the attempt.
    pub(super) refused: Vec<Option<Standing>>,
}

impl Tally {
    pub(super) fn new(intent: Intent, epoch: Epoch, voters: usize, next: Instant) -> Self {
        Self {
            intent,
            epoch,
            next,
            sent: VecDeque::new(),
            promised: vec![None; voters],
            refused: vec![None; voters],
        }
    }

    /// A request is about to be sent, for a lease that ends then.
    pub(super) fn sending(&mut self, number: u32, ends: Instant) {
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((number, ends));
    }

    /// A voter promised, in answer to this request. Says whether the request is remembered.
    pub(super) fn promise(&mut self, voter: usize, number: u32) -> bool {
        let Some((_, ends)) = self.sent.iter().find(|(sent, _)| *sent == number) else {
            return false;
        };
        let promised = &mut self.promised[voter];
        *promised = (*promised).max(Some(*ends));
        true
    }

    /// A voter refused. Says whether the request is remembered.
    pub(super) fn refuse(&mut self, voter: usize, number: u32, standing: Standing) -> bool {
        let known = self.remembers(number);
        if known {
            self.refused[voter] = Some(standing);
        }
        known
    }

    /// Whether answers to this request still count.
    pub(super) fn remembers(&self, number: u32) -> bool {
        self.sent.iter().any(|(sent, _)| *sent == number)
    }

    /// Until when a majority's promises count; `None` if there is none.
    pub(super) fn majority_until(&self, majority: usize) -> Option<Instant> {
        let mut ends: Vec<Instant> = self.promised.iter().flatten().copied().collect();
        ends.sort_unstable();
        ends.len().checked_sub(majority).map(|index| ends[index])
    }

    /// Voters whose promise counts at this time.
    pub(super) fn votes(&self, now: Instant) -> usize {
        let valid = self.promised.iter().flatten().filter(|until| now < **until);
        valid.count()
    }
}
