//! A node of the quorum: its vote, and its own wish to own the addresses.

mod hold;
mod seek;
#[cfg(feature = "model")]
mod settle;
mod tally;
#[cfg(test)]
mod tests;
mod view;

use std::collections::VecDeque;
use std::mem;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::voter::{Claim, Spent, Voter};
use crate::{Epoch, Message, Standing, Ticket, Timing};

use seek::Poll;
use tally::Tally;

pub use view::{Stand, View};

/// What a node of the quorum is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// The node's own address: it names the node, and breaks ties.
    pub own: IpAddr,
    /// Every voter, this node too.
    pub voters: Vec<IpAddr>,
    /// The times of leases.
    pub timing: Timing,
    /// Another one for each process, over restarts: 64 random bits.
    pub incarnation: u64,
}

/// With what claim a node seeks the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Intent {
    /// The priority with which it takes part in the election.
    pub priority: u8,
    /// Whether an owner of lower priority is to hand over, or only a vacancy is to be filled.
    pub challenge: bool,
}

/// What the driver is to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send a message to another voter.
    Send {
        /// To whom.
        to: IpAddr,
        /// What.
        message: Message,
    },
    /// A majority has promised: the node owns the addresses until [`Member::lease_until`].
    Granted,
    /// The lease could not be renewed: the addresses are to be off, and [`Member::resign`] to be
    /// called, now.
    Lost,
    /// A node that reaches a majority wants the addresses. Who is outranked by it resigns, with the
    /// challenger as the successor.
    Challenged {
        /// The challenger.
        by: IpAddr,
        /// Its priority.
        priority: u8,
    },
}

/// A node of the quorum, for one virtual router. See the crate's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    parameters: Parameters,
    voter: Voter,
    role: Role,
    /// The number of the last question.
    asked: u32,
    /// The highest epoch heard of.
    heard: Epoch,
    /// The epoch of promises that were made to this node and that it has not released yet.
    unreleased: Option<Epoch>,
    /// Whether this node has owned the addresses on the strength of these promises.
    held: bool,
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Role {
    Idle,
    /// Sought in vain; to be tried again.
    Waiting {
        intent: Intent,
        until: Instant,
        /// What the voters said, for people.
        answers: Vec<Option<Standing>>,
    },
    Polling(Poll),
    Asking(Tally),
    Holding(Tally),
}

impl Member {
    /// A node that has just started.
    #[must_use]
    pub fn new(mut parameters: Parameters, now: Instant) -> Self {
        parameters.voters.sort_unstable();
        parameters.voters.dedup();
        Self {
            voter: Voter::new(&parameters.timing, now),
            parameters,
            role: Role::Idle,
            asked: 0,
            heard: Epoch::default(),
            unreleased: None,
            held: false,
            actions: VecDeque::new(),
        }
    }

    /// The node wants the addresses. Until [`Member::resign`] it goes on trying.
    pub fn seek(&mut self, intent: Intent, now: Instant) {
        match &mut self.role {
            Role::Idle => self.poll_voters(intent, now),
            Role::Waiting { intent: former, .. } => *former = intent,
            Role::Polling(poll) => poll.intent = intent,
            Role::Asking(tally) | Role::Holding(tally) => tally.intent = intent,
        }
    }

    /// The node does not want the addresses (any more), and they are off its interfaces.
    pub fn resign(&mut self, successor: Option<IpAddr>, now: Instant) {
        self.role = Role::Idle;
        self.release(successor, now);
    }

    /// Takes a message, whose sender the envelope has proved.
    pub fn handle_message(&mut self, from: IpAddr, message: &Message, now: Instant) {
        if from == self.parameters.own || self.index_of(from).is_none() {
            return;
        }
        self.expire(now);
        match *message {
            Message::Poll { ticket } => self.answer_poll(from, ticket, now),
            Message::Stance {
                ticket,
                epoch,
                standing,
            } => {
                self.hear_of(epoch);
                self.stance(from, ticket, standing, now);
            }
            Message::Request {
                ticket,
                epoch,
                priority,
                lease,
            } => {
                let claim = Claim {
                    from,
                    ticket,
                    epoch,
                    lease,
                };
                self.step_back(from, priority, now);
                self.answer_request(&claim, now);
            }
            Message::Grant { ticket } => self.grant(from, ticket, now),
            Message::Refusal {
                ticket,
                epoch,
                standing,
            } => {
                self.hear_of(epoch);
                self.refusal(from, ticket, standing, now);
            }
            Message::Release {
                incarnation,
                epoch,
                held,
                successor,
            } => {
                let spent = Spent {
                    from,
                    incarnation,
                    epoch,
                    held,
                };
                self.released(spent, successor, now);
            }
            Message::Challenge { priority } => {
                if matches!(self.role, Role::Holding(_)) {
                    let by = from;
                    self.actions.push_back(Action::Challenged { by, priority });
                }
            }
        }
    }

    /// The time of [`Member::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        match &self.role {
            Role::Idle => {}
            Role::Waiting { until, intent, .. } => {
                if now >= *until {
                    self.poll_voters(*intent, now);
                }
            }
            Role::Polling(poll) => {
                if now >= poll.until {
                    self.conclude_poll(now);
                }
            }
            Role::Asking(tally) => {
                if now >= tally.next {
                    self.fail(now);
                }
            }
            Role::Holding(tally) => {
                if now >= tally.next {
                    self.renew(now);
                }
            }
        }
    }

    /// What the driver is to do next; to be asked until it is `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Member::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.role {
            Role::Idle => None,
            Role::Waiting { until, .. } => Some(*until),
            Role::Polling(poll) => Some(poll.until),
            Role::Asking(tally) => Some(tally.next),
            Role::Holding(tally) => Some(tally.next.min(self.gives_up(tally))),
        }
    }

    /// Until when this node owns the addresses; `None` if it does not. It says that the lease is lost
    /// ([`Action::Lost`]) a little earlier, to have the addresses off by then.
    #[must_use]
    pub fn lease_until(&self) -> Option<Instant> {
        match &self.role {
            Role::Holding(tally) => Some(self.ends(tally)),
            Role::Idle | Role::Waiting { .. } | Role::Polling(_) | Role::Asking(_) => None,
        }
    }

    /// Other times, from a changed configuration; in force from the next request on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.parameters.timing = timing;
    }

    /// The ticket of the last question that this process asked.
    #[must_use]
    pub fn latest_ticket(&self) -> Ticket {
        Ticket {
            incarnation: self.parameters.incarnation,
            number: self.asked,
        }
    }

    /// The parameters in force.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn answer_poll(&mut self, from: IpAddr, ticket: Ticket, now: Instant) {
        let message = Message::Stance {
            ticket,
            epoch: self.voter.highest(),
            standing: self.voter.standing(from, now),
        };
        self.send(from, message);
    }

    fn answer_request(&mut self, claim: &Claim, now: Instant) {
        let ticket = claim.ticket;
        let message = match self.voter.consider(claim, &self.parameters.timing, now) {
            Ok(()) => Message::Grant { ticket },
            Err(standing) => Message::Refusal {
                ticket,
                epoch: self.voter.highest(),
                standing,
            },
        };
        self.hear_of(claim.epoch);
        self.send(claim.from, message);
    }

    /// Another node gave up: its promise is void, and a vacancy may be there to fill.
    fn released(&mut self, spent: Spent, successor: Option<IpAddr>, now: Instant) {
        if spent.held {
            self.hear_of(spent.epoch);
        }
        let others_wait = now + self.parameters.timing.renewal();
        let reserved = successor.map(|successor| (successor, others_wait));
        self.voter.release(spent, reserved);
        let intent = match &self.role {
            Role::Waiting { intent, .. } => *intent,
            Role::Polling(poll) => poll.intent,
            Role::Idle | Role::Asking(_) | Role::Holding(_) => return,
        };
        match successor {
            Some(successor) if successor == self.parameters.own => self.ask(intent, now),
            Some(_) => {}
            None => {
                let pause = self.stagger(intent);
                self.wait_at_most(now + pause);
            }
        }
    }

    fn wait_at_most(&mut self, at: Instant) {
        if let Role::Waiting { until, .. } = &mut self.role {
            *until = (*until).min(at);
        }
    }

    /// Gives every promise back that was made to this node.
    fn release(&mut self, successor: Option<IpAddr>, now: Instant) {
        let Some(epoch) = self.unreleased.take() else {
            return;
        };
        let incarnation = self.parameters.incarnation;
        let held = mem::take(&mut self.held);
        let others_wait = now + self.parameters.timing.renewal();
        let reserved = successor.map(|successor| (successor, others_wait));
        let spent = Spent {
            from: self.parameters.own,
            incarnation,
            epoch,
            held,
        };
        self.voter.release(spent, reserved);
        self.send_all(Message::Release {
            incarnation,
            epoch,
            held,
            successor,
        });
    }

    /// Names a question.
    fn ticket(&mut self) -> Ticket {
        self.asked = self.asked.wrapping_add(1);
        self.latest_ticket()
    }

    fn hear_of(&mut self, epoch: Epoch) {
        self.heard = self.heard.max(epoch);
    }

    fn send(&mut self, to: IpAddr, message: Message) {
        self.actions.push_back(Action::Send { to, message });
    }

    fn send_all(&mut self, message: Message) {
        for index in 0..self.parameters.voters.len() {
            let to = self.parameters.voters[index];
            if to != self.parameters.own {
                self.send(to, message);
            }
        }
    }

    fn index_of(&self, voter: IpAddr) -> Option<usize> {
        self.parameters.voters.binary_search(&voter).ok()
    }

    fn majority(&self) -> usize {
        self.parameters.voters.len() / 2 + 1
    }

    /// A time that differs from node to node, shorter for higher priorities: who fails together does
    /// not try again together.
    fn stagger(&self, intent: Intent) -> Duration {
        let retry = self.parameters.timing.retry();
        let skew = retry * (256 - u32::from(intent.priority)) / 256;
        let rank = self.index_of(self.parameters.own).unwrap_or_default();
        let count = self.parameters.voters.len();
        let rank = u32::try_from(count - rank).unwrap_or(u32::MAX);
        skew + retry / 8 * rank
    }
}
