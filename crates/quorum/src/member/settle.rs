//! Members that will act alike made alike, for the model checker: what can have no effect any more is
//! forgotten, and time goes on by moving all times back.

use std::time::{Duration, Instant};

use super::tally::Tally;
use super::{Member, Role};
use crate::voter::Voter;
use crate::{Epoch, Standing};

/// Moves times back; what is over is over now.
#[derive(Clone, Copy)]
struct Rewind {
    by: Duration,
    now: Instant,
}

impl Rewind {
    fn apply(self, time: &mut Instant) {
        let moved = time.checked_sub(self.by).unwrap_or(self.now);
        *time = moved.max(self.now);
    }
}

impl Member {
    /// Time goes on, while the clock goes on showing `now`.
    pub fn rewind(&mut self, by: Duration, now: Instant) {
        let rewind = Rewind { by, now };
        self.voter.rewind(rewind);
        match &mut self.role {
            Role::Idle => {}
            Role::Waiting { until, .. } => rewind.apply(until),
            Role::Polling(poll) => rewind.apply(&mut poll.until),
            Role::Asking(tally) | Role::Holding(tally) => tally.rewind(rewind),
        }
    }

    /// Forgets what is over and what is for people. One that is not going to ask another question
    /// (`asks_again`) forgets, too, when and why it would.
    pub fn settle(&mut self, now: Instant, asks_again: bool) {
        self.voter.settle(now);
        if !asks_again && matches!(self.role, Role::Waiting { .. }) {
            self.role = Role::Idle;
        }
        let majority = self.majority();
        match &mut self.role {
            Role::Idle if !asks_again => self.heard = Epoch::default(),
            Role::Idle => {}
            Role::Waiting { answers, .. } => answers.clear(),
            Role::Polling(poll) => poll.before.clear(),
            Role::Asking(tally) if !asks_again => {
                let over = tally.sent.iter().all(|(_, ends)| *ends <= now);
                tally.settle_attempt(over, now);
            }
            Role::Asking(_) => {}
            Role::Holding(tally) => tally.settle(majority, asks_again),
        }
    }
}

impl Tally {
    fn rewind(&mut self, rewind: Rewind) {
        rewind.apply(&mut self.next);
        let sent = self.sent.iter_mut().map(|(_, ends)| ends);
        sent.chain(self.promised.iter_mut().flatten())
            .for_each(|time| rewind.apply(time));
    }

    /// An attempt that is due fails whenever it is woken, refused or not; and when the lease that it asks
    /// for is `over`, no promise helps any more. Before, that a voter refused is enough: why says only
    /// when it is worth asking again.
    fn settle_attempt(&mut self, over: bool, now: Instant) {
        if over {
            self.promised.fill(None);
        }
        if self.next <= now {
            self.refused.fill(None);
        }
        let refused = self.refused.iter_mut().flatten();
        refused.for_each(|answer| *answer = Standing::Free);
    }

    /// A held tally fails no more for being refused. If nothing more is asked, promises count for nothing
    /// beside those that the lease rests on.
    fn settle(&mut self, majority: usize, asks_again: bool) {
        self.refused.fill(None);
        let latest = self.sent.iter().map(|(_, ends)| *ends).max();
        let ends = self.majority_until(majority);
        if let Some(until) = ends.filter(|_| ends == latest && !asks_again) {
            self.promised.fill(ends);
            self.next = until;
        }
    }
}

impl Voter {
    fn rewind(&mut self, rewind: Rewind) {
        let promised = self.promise.iter_mut().map(|promise| &mut promise.until);
        let reserved = self.reserved.iter_mut().map(|(_, until)| until);
        promised
            .chain(reserved)
            .chain([&mut self.silent_until])
            .for_each(|time| rewind.apply(time));
    }

    fn settle(&mut self, now: Instant) {
        self.reserved = self.reserved.filter(|(_, until)| now < *until);
        if let Some(spent) = &mut self.spent {
            spent.held = false;
        }
    }
}
