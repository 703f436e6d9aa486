//! The voter's side: whom it has promised, and until when.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{Epoch, Standing, Ticket, Timing};

/// A vote and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Voter {
    /// Promises made before the start have lapsed by then.
    pub(crate) silent_until: Instant,
    pub(crate) promise: Option<Promise>,
    /// The successor that an owner named, and until when others wait for it.
    pub(crate) reserved: Option<(IpAddr, Instant)>,
    /// The highest epoch that was promised, unless it came to nothing.
    highest: Epoch,
    /// What was released last: requests for it that arrive late are refused.
    pub(crate) spent: Option<Spent>,
}

/// A claim that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Spent {
    pub(crate) from: IpAddr,
    pub(crate) incarnation: u64,
    pub(crate) epoch: Epoch,
    /// Whether the claimant came to own the addresses.
    pub(crate) held: bool,
}

/// A promise; it may have lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Promise {
    to: IpAddr,
    incarnation: u64,
    epoch: Epoch,
    pub(crate) until: Instant,
    /// The highest epoch before this one.
    before: Epoch,
}

/// A request as a voter sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) from: IpAddr,
    pub(crate) ticket: Ticket,
    pub(crate) epoch: Epoch,
    pub(crate) lease: Duration,
}

impl Voter {
    pub(crate) fn new(timing: &Timing, now: Instant) -> Self {
        Self {
            silent_until: now + timing.silence_after_start(),
            promise: None,
            reserved: None,
            highest: Epoch::default(),
            spent: None,
        }
    }

    pub(crate) fn highest(&self) -> Epoch {
        self.highest
    }

    /// Whether it would promise `from`.
    pub(crate) fn standing(&self, from: IpAddr, now: Instant) -> Standing {
        if now < self.silent_until {
            let wait = self.silent_until.duration_since(now);
            return Standing::Starting { wait };
        }
        if let Some(promise) = self.promise.filter(|promise| now < promise.until) {
            let wait = promise.until.duration_since(now);
            let to = promise.to;
            return Standing::Promised { to, wait };
        }
        match self.reserved {
            Some((to, until)) if to != from && now < until => {
                let wait = until.duration_since(now);
                Standing::Promised { to, wait }
            }
            Some(_) | None => Standing::Free,
        }
    }

    /// Promises, or says why not.
    pub(crate) fn consider(
        &mut self,
        claim: &Claim,
        timing: &Timing,
        now: Instant,
    ) -> Result<(), Standing> {
        if claim.lease > timing.longest {
            return Err(Standing::TooLong);
        }
        let known = self.promise.filter(|promise| {
            promise.to == claim.from && promise.incarnation == claim.ticket.incarnation
        });
        let until = now + timing.promise(claim.lease);
        let (until, before) = match known {
            // The same process, for the same ownership or a later one. It is as good after the promise
            // has lapsed: nobody was promised since.
            Some(promise) if claim.epoch >= promise.epoch => {
                (until.max(promise.until), promise.before)
            }
            Some(_) => return Err(Standing::Stale),
            None => match self.standing(claim.from, now) {
                Standing::Free if claim.epoch > self.highest && !self.is_spent(claim) => {
                    (until, self.highest)
                }
                Standing::Free => return Err(Standing::Stale),
                otherwise => return Err(otherwise),
            },
        };
        self.promise = Some(Promise {
            to: claim.from,
            incarnation: claim.ticket.incarnation,
            epoch: claim.epoch,
            until,
            before,
        });
        self.highest = self.highest.max(claim.epoch);
        self.reserved = None;
        Ok(())
    }

    /// The process that was promised needs it no more; others wait for the successor it named.
    pub(crate) fn release(&mut self, spent: Spent, reserved: Option<(IpAddr, Instant)>) {
        let released = self.promise.filter(|promise| {
            // A release that was overtaken by a later request is void.
            promise.to == spent.from
                && promise.incarnation == spent.incarnation
                && promise.epoch <= spent.epoch
        });
        let Some(promise) = released else {
            return;
        };
        self.promise = None;
        self.reserved = reserved;
        self.highest = if spent.held {
            self.highest.max(spent.epoch)
        } else {
            promise.before
        };
        self.spent = Some(spent);
    }

    fn is_spent(&self, claim: &Claim) -> bool {
        self.spent.is_some_and(|spent| {
            spent.from == claim.from
                && spent.incarnation == claim.ticket.incarnation
                && spent.epoch >= claim.epoch
        })
    }
}
