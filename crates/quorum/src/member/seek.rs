//! Seeking the lease: polls that promise nothing, then requests.

use std::mem;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{Message, Standing, Ticket};

use super::tally::Tally;
use super::{Intent, Member, Role};

/// A poll under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Poll {
    pub(super) intent: Intent,
    number: u32,
    /// No answer is waited for any longer.
    pub(super) until: Instant,
    /// By voter.
    answers: Vec<Option<Standing>>,
    /// The answers of the poll before, for people.
    pub(super) before: Vec<Option<Standing>>,
}

impl Poll {
    fn free(&self) -> usize {
        let free = self.answers.iter().flatten();
        free.filter(|answer| **answer == Standing::Free).count()
    }

    fn answered(&self) -> usize {
        self.answers.iter().flatten().count()
    }

    /// Enough has been said to know that no majority would promise, and whom a majority may have promised.
    fn is_hopeless(&self, majority: usize) -> bool {
        let open = self.answers.len() - self.answered();
        // After a start of the whole cluster all answers together say when it is worth asking again.
        let starting = |answer: &Standing| matches!(answer, Standing::Starting { .. });
        let all_told = open == 0 || !self.answers.iter().flatten().any(starting);
        self.answered() >= majority && self.free() + open < majority && all_told
    }

    /// Whom a voter has promised, or a majority's successor-to-be: the owner, as far as is known.
    fn owner(&self) -> Option<IpAddr> {
        self.answers
            .iter()
            .flatten()
            .find_map(|answer| match answer {
                Standing::Promised { to, .. } => Some(*to),
                Standing::Free
                | Standing::Starting { .. }
                | Standing::Stale
                | Standing::TooLong => None,
            })
    }
}

impl Member {
    /// Asks every voter whether it would promise.
    pub(super) fn poll_voters(&mut self, intent: Intent, now: Instant) {
        let ticket = self.ticket();
        let own = self.parameters.own;
        let mut answers = vec![None; self.parameters.voters.len()];
        if let Some(index) = self.index_of(own) {
            answers[index] = Some(self.voter.standing(own, now));
        }
        self.hear_of(self.voter.highest());
        let before = match mem::replace(&mut self.role, Role::Idle) {
            Role::Waiting { answers, .. } => answers,
            Role::Idle | Role::Polling(_) | Role::Asking(_) | Role::Holding(_) => Vec::new(),
        };
        self.role = Role::Polling(Poll {
            intent,
            number: ticket.number,
            until: now + self.parameters.timing.retry(),
            answers,
            before,
        });
        self.send_all(Message::Poll { ticket });
    }

    /// A voter has said whether it would.
    pub(super) fn stance(
        &mut self,
        from: IpAddr,
        ticket: Ticket,
        standing: Standing,
        now: Instant,
    ) {
        let majority = self.majority();
        let Some(index) = self.own_question(from, ticket) else {
            return;
        };
        let Role::Polling(poll) = &mut self.role else {
            return;
        };
        if poll.number != ticket.number {
            return;
        }
        poll.answers[index] = Some(standing);
        if poll.free() >= majority {
            let intent = poll.intent;
            self.ask(intent, now);
        } else if poll.is_hopeless(majority) {
            self.conclude_poll(now);
        }
    }

    /// No majority would promise now.
    pub(super) fn conclude_poll(&mut self, now: Instant) {
        let Role::Polling(poll) = &self.role else {
            return;
        };
        let intent = poll.intent;
        let answers = poll.answers.clone();
        let owner = poll.owner().filter(|owner| *owner != self.parameters.own);
        // Who reaches no majority would take the addresses from their owner and not get them.
        let reaches = poll.answered() >= self.majority();
        if let Some(owner) = owner.filter(|_| reaches && intent.challenge) {
            let priority = intent.priority;
            self.send(owner, Message::Challenge { priority });
        }
        self.wait(intent, answers, now);
    }

    /// Asks every voter to promise.
    pub(super) fn ask(&mut self, intent: Intent, now: Instant) {
        self.hear_of(self.voter.highest());
        let epoch = self.heard.next();
        self.hear_of(epoch);
        let voters = self.parameters.voters.len();
        let until = now + self.parameters.timing.retry();
        self.role = Role::Asking(Tally::new(intent, epoch, voters, until));
        self.request(now);
        self.hold_if_promised(now);
    }

    /// Gives an attempt up that can find no majority any more.
    pub(super) fn fail_if_hopeless(&mut self, now: Instant) {
        let Role::Asking(tally) = &self.role else {
            return;
        };
        let refused = tally.refused.iter().flatten().count();
        if refused > self.parameters.voters.len() - self.majority() {
            self.fail(now);
        }
    }

    /// Gives an attempt up: what was promised is released at once, so that others find it free.
    pub(super) fn fail(&mut self, now: Instant) {
        if let Role::Asking(tally) = &self.role {
            let (intent, refused) = (tally.intent, tally.refused.clone());
            self.release(None, now);
            self.wait(intent, refused, now);
        }
    }

    /// Two ask at once: the one of lower priority, or lower address, gives the other its vote.
    pub(super) fn step_back(&mut self, from: IpAddr, priority: u8, now: Instant) {
        let Role::Asking(tally) = &self.role else {
            return;
        };
        if (priority, from) > (tally.intent.priority, self.parameters.own) {
            self.fail(now);
        }
    }

    /// Waits until enough voters may be free, and then a little, another time for each node.
    fn wait(&mut self, intent: Intent, answers: Vec<Option<Standing>>, now: Instant) {
        // Promises are released early at times: looking before they lapse costs two packets. A voter
        // that has just started does not change its mind.
        let lease = self.parameters.timing.lease;
        let all = answers.iter().all(Option::is_some);
        let patience = |answer: &Standing| match answer {
            Standing::Starting { wait } if all => *wait,
            _ => answer.wait().min(lease),
        };
        let mut waits: Vec<Duration> = answers.iter().flatten().map(patience).collect();
        waits.sort_unstable();
        let enough = waits.get(self.majority() - 1).copied();
        let pause = enough
            .unwrap_or_default()
            .max(self.parameters.timing.retry());
        let until = now + pause + self.stagger(intent);
        self.role = Role::Waiting {
            intent,
            until,
            answers,
        };
    }
}
