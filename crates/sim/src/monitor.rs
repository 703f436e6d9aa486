//! What must hold at every step of every run.

use std::fmt;
use std::time::Duration;

use crate::Nanos;

/// A rule of failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    /// In a calm network the addresses never stay without a holder while a node could hold them.
    Held,
    /// In a calm network two nodes do not both stay Active for longer than an advert interval.
    OneOwner,
    /// After a clean loss of the Active another takes over within Active_Down_Interval; after a
    /// resignation within Skew_Time; by command at once.
    TakeoverInTime,
    /// Nothing changes in a network that has been calm for long.
    NoFlap,
    /// Once settled, no node that preempts outranks the Active.
    HighestPriority,
    /// Once settled, every node knows who is Active.
    HolderKnown,
    /// A node holds the addresses exactly while it is Active, and is Active only while able.
    AddressesFollowState,
    /// A node that stood still for longer than others wait for it listens before it speaks.
    ListensFirst,
    /// When of two owners one gives way, the other announces the addresses within an interval of the
    /// last advert that arrives there from an owner that is none any more.
    WinnerAnnounces,
    /// Nobody takes over for silence from an Active that is there, or before its lease has ended.
    Cause,
    /// In a calm network no node holds some of a sync group, and not the others, for long; in quorum mode
    /// no two nodes that hear each other.
    GroupTogether,
    /// Quorum mode: two nodes never answer for the addresses at a time, in calm or not.
    OneOwnerEver,
    /// Quorum mode: where a majority hear each other there is an owner within the bound.
    MajorityHolds,
    /// Quorum mode: an owner that follows another has a higher epoch.
    EpochGrows,
    /// A damaged packet is discarded.
    DamageDetected,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Nanos,
    /// Which.
    pub invariant: Invariant,
    /// How, in a sentence.
    pub details: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            invariant,
            details,
        } = self;
        write!(
            f,
            "{invariant} violated at {:.3} ms: {details}",
            at.millis()
        )
    }
}

/// Nodes are late by this much at most while not busy, latency and rounding included.
pub(crate) const SLACK: Duration = Duration::from_millis(2);

/// How the nodes stand at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// Nodes that run, are able, and hold the addresses; a bit each.
    pub(crate) owners: u8,
    /// Nodes that run and are able.
    pub(crate) able: u8,
    /// The network and every running node are undisturbed.
    pub(crate) calm: bool,
}

/// A takeover that must come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) by: Nanos,
    /// One of these.
    pub(crate) heirs: u8,
}

/// Watches over the rules that are about time.
#[derive(Debug)]
pub(crate) struct Monitor {
    vacancy: Duration,
    settling: Duration,
    /// Longest that two owners may stand side by side.
    overlap: Duration,
    disturbed: Nanos,
    /// Since when there has been this number of owners.
    count_since: Nanos,
    /// How the nodes stood after the step before.
    before: Standing,
    expected: Option<Expected>,
    /// By when the addresses must be announced again.
    announce_by: Option<Nanos>,
}

impl Monitor {
    pub(crate) fn new(vacancy: Duration, settling: Duration, overlap: Duration) -> Self {
        Self {
            vacancy: vacancy + SLACK,
            settling: settling + SLACK,
            overlap: overlap + SLACK,
            disturbed: Nanos(0),
            count_since: Nanos(0),
            before: Standing::default(),
            expected: None,
            announce_by: None,
        }
    }

    /// Something was done to a node or the network.
    pub(crate) fn disturb(&mut self, now: Nanos) {
        self.disturbed = now;
        self.expected = None;
        self.announce_by = None;
    }

    /// In calm, one of two owners has given way to the other, which has an interval from when it has
    /// `heard` the last advert.
    pub(crate) fn gave_way(&mut self, heard: Nanos, interval: Duration) {
        self.announce_by = Some(heard.after(interval + SLACK));
    }

    /// An owner has announced the addresses, or has given them up.
    pub(crate) fn no_announcement_due(&mut self) {
        self.announce_by = None;
    }

    pub(crate) fn expect(&mut self, expected: Expected) {
        self.expected = Some(expected);
    }

    /// Long enough after the last disturbance that nothing may change any more.
    pub(crate) fn is_settled(&self, now: Nanos, standing: Standing) -> bool {
        standing.calm && now.since(self.disturbed) > self.settling
    }

    /// Long enough after the last disturbance that nothing of it is on its way any more.
    pub(crate) fn is_undisturbed(&self, now: Nanos) -> bool {
        self.is_over(self.disturbed, now)
    }

    /// Whether what happened then has no effect any more.
    pub(crate) fn is_over(&self, disturbed: Nanos, now: Nanos) -> bool {
        now.since(disturbed) > self.settling / 2
    }

    /// Looks at the nodes after a step. Until `now` they stood as after the step before.
    pub(crate) fn watch(&mut self, now: Nanos, standing: Standing) -> Result<(), Violation> {
        self.watch_takeover(now, standing)?;
        self.watch_count(now)?;
        if self.announce_by.is_some_and(|by| now > by) {
            return Err(Violation {
                at: now,
                invariant: Invariant::WinnerAnnounces,
                details: "of two owners one gave way, and the other told nobody".to_owned(),
            });
        }
        let count = standing.owners.count_ones();
        if (self.before.owners.count_ones(), self.before.able != 0) != (count, standing.able != 0) {
            self.count_since = now;
        }
        if !standing.calm || !self.before.calm {
            self.disturbed = now;
        }
        self.before = standing;
        Ok(())
    }

    /// Whether the number of owners has been wrong for too long, up to now.
    fn watch_count(&self, now: Nanos) -> Result<(), Violation> {
        let count = self.before.owners.count_ones();
        let (invariant, limit) = match count {
            0 if self.before.able != 0 => (Invariant::Held, self.vacancy),
            0 | 1 => return Ok(()),
            _ => (Invariant::OneOwner, self.overlap),
        };
        let lasting = now.since(self.count_since.max(self.disturbed));
        if !self.before.calm || lasting <= limit {
            return Ok(());
        }
        Err(Violation {
            at: now,
            invariant,
            details: format!("{count} owners for {lasting:?} in calm, at most {limit:?} allowed"),
        })
    }

    fn watch_takeover(&mut self, now: Nanos, standing: Standing) -> Result<(), Violation> {
        let Some(expected) = self.expected else {
            return Ok(());
        };
        if now > expected.by {
            let at = expected.by.millis();
            return Err(Violation {
                at: now,
                invariant: Invariant::TakeoverInTime,
                details: format!("no other node had taken over by {at:.3} ms"),
            });
        }
        if standing.owners & expected.heirs != 0 {
            self.expected = None;
        }
        Ok(())
    }
}
