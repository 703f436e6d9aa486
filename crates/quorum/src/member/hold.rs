//! Holding the lease: renewing it, and giving it up before it ends.

use std::net::IpAddr;
use std::time::Instant;

use crate::voter::Claim;
use crate::{Message, Standing, Ticket};

use super::tally::Tally;
use super::{Action, Member, Role};

impl Member {
    /// Until when the node may act as the owner on the strength of these promises.
    pub(super) fn ends(&self, tally: &Tally) -> Instant {
        // Only a tally with a majority is held; without one the lease is over at once.
        tally.majority_until(self.majority()).unwrap_or(tally.next)
    }

    /// When the node gives up a lease that could not be renewed.
    pub(super) fn gives_up(&self, tally: &Tally) -> Instant {
        let ends = self.ends(tally);
        ends.checked_sub(self.parameters.timing.guard())
            .unwrap_or(ends)
    }

    /// A lease that has run out is lost, whatever answers still wait to be read.
    pub(super) fn expire(&mut self, now: Instant) {
        let Role::Holding(tally) = &self.role else {
            return;
        };
        if now >= self.gives_up(tally) {
            self.role = Role::Idle;
            self.actions.push_back(Action::Lost);
        }
    }

    /// Asks every voter to keep its promise.
    pub(super) fn renew(&mut self, now: Instant) {
        if let Role::Holding(tally) = &mut self.role {
            let renewal = self.parameters.timing.renewal();
            let on_grid = tally.next + renewal;
            tally.next = if on_grid > now {
                on_grid
            } else {
                now + renewal
            };
            self.request(now);
        }
    }

    /// Sends a request, and asks this node's own voter first.
    pub(super) fn request(&mut self, now: Instant) {
        let ticket = self.ticket();
        let lease = self.parameters.timing.lease;
        let own = self.parameters.own;
        let own_index = self.index_of(own);
        let (Role::Asking(tally) | Role::Holding(tally)) = &mut self.role else {
            return;
        };
        tally.sending(ticket.number, now + lease);
        let (epoch, priority) = (tally.epoch, tally.intent.priority);
        self.unreleased = Some(epoch);
        let claim = Claim {
            from: own,
            ticket,
            epoch,
            lease,
        };
        if let Some(index) = own_index {
            match self.voter.consider(&claim, &self.parameters.timing, now) {
                Ok(()) => tally.promise(index, ticket.number),
                Err(standing) => tally.refuse(index, ticket.number, standing),
            };
        }
        self.send_all(Message::Request {
            ticket,
            epoch,
            priority,
            lease,
        });
    }

    /// A voter has promised.
    pub(super) fn grant(&mut self, from: IpAddr, ticket: Ticket, now: Instant) {
        let Some(index) = self.own_question(from, ticket) else {
            return;
        };
        match &mut self.role {
            Role::Asking(tally) => {
                if tally.promise(index, ticket.number) {
                    self.hold_if_promised(now);
                }
            }
            Role::Holding(tally) => {
                tally.promise(index, ticket.number);
            }
            Role::Idle | Role::Waiting { .. } | Role::Polling(_) => {}
        }
    }

    /// A majority of promises is the lease.
    pub(super) fn hold_if_promised(&mut self, now: Instant) {
        let Role::Asking(tally) = &self.role else {
            return;
        };
        if tally.majority_until(self.majority()).is_none() || now >= self.gives_up(tally) {
            return;
        }
        let mut tally = tally.clone();
        tally.next = now + self.parameters.timing.renewal();
        self.role = Role::Holding(tally);
        self.held = true;
        self.actions.push_back(Action::Granted);
    }

    /// A voter has refused. One that has heard of a later epoch promises the owner anew when the
    /// owner's epoch is higher still: the ownership stays what it is.
    pub(super) fn refusal(
        &mut self,
        from: IpAddr,
        ticket: Ticket,
        standing: Standing,
        now: Instant,
    ) {
        let Some(index) = self.own_question(from, ticket) else {
            return;
        };
        match &mut self.role {
            Role::Asking(tally) => {
                if tally.refuse(index, ticket.number, standing) {
                    self.fail_if_hopeless(now);
                }
            }
            Role::Holding(tally) => {
                if standing == Standing::Stale && tally.remembers(ticket.number) {
                    tally.epoch = tally.epoch.max(self.heard.next());
                }
            }
            Role::Idle | Role::Waiting { .. } | Role::Polling(_) => {}
        }
    }

    /// The index of a voter that answers a question of this very process.
    pub(super) fn own_question(&self, from: IpAddr, ticket: Ticket) -> Option<usize> {
        let own = ticket.incarnation == self.parameters.incarnation;
        self.index_of(from).filter(|_| own)
    }
}
