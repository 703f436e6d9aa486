//! What of a virtual router decides what it will do, for the model checker: two of the same essence act
//! alike from now on, whenever now is.
//!
//! Times are told from now. Left out are counters and reasons, which are for people, and when the
//! addresses are announced again, of which no other node knows.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_packet::vrrp::{Centiseconds, Priority};

use super::detection::Suspicion;
use super::mandate::Mandate;
use super::{Command, Heard, Phase, VirtualRouter, Watch};
use crate::{Config, Detection, Reason};

/// See [`VirtualRouter::essence`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Essence {
    config: Config,
    stage: Stage,
    command: Command,
    mandate: Mandate,
    fit: bool,
    paused: bool,
    /// Until it may preempt; zero: it may.
    preempts_in: Option<Duration>,
    heard: Option<(IpAddr, Priority, Offset)>,
    /// How even the adverts come only matters while the Active can be asked.
    detection: Option<(Detection, Duration)>,
    /// This node's, and the Active's.
    leases: (Option<Duration>, Option<(IpAddr, Duration)>),
    active_interval: Centiseconds,
}

/// From now, in nanoseconds; what is over for longer than anyone looks back is all alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Offset(i128);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    Initialize,
    Backup {
        down_at: Offset,
        /// An Active was heard since the timer was set.
        heard_since: bool,
        resigned: bool,
        preempting: bool,
        listened_again: bool,
        doubt: Doubt,
        excuses: u8,
    },
    Active {
        advert_at: Offset,
        answer_in: Duration,
        insists_for: Duration,
        yields_for: Option<Duration>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Doubt {
    Trusted(Option<Offset>),
    Asking {
        next: Offset,
        verdict: Offset,
        kernel: bool,
    },
    Sentenced {
        at: Offset,
        dead: bool,
    },
}

/// Tells times from now.
struct Lens {
    now: Instant,
    /// Nobody looks back further: no more than Active_Down_Interval, which is four intervals at most, and
    /// an interval; or a lease.
    back: Duration,
}

impl Lens {
    fn offset(&self, at: Instant) -> Offset {
        let past = self.now.saturating_duration_since(at).min(self.back);
        let future = at.saturating_duration_since(self.now);
        let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
        Offset(nanos(future) - nanos(past))
    }

    /// For what is only asked whether it has come.
    fn left(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.now)
    }

    fn doubt(&self, suspicion: Suspicion) -> Doubt {
        match suspicion {
            Suspicion::Trusted { until } => Doubt::Trusted(until.map(|at| self.offset(at))),
            Suspicion::Asking {
                next,
                verdict,
                kernel,
            } => Doubt::Asking {
                next: self.offset(next),
                verdict: self.offset(verdict),
                kernel,
            },
            Suspicion::Sentenced { at, reason } => Doubt::Sentenced {
                at: self.offset(at),
                dead: matches!(reason, Reason::Dead { .. }),
            },
        }
    }

    fn stage(&self, phase: &Phase, heard: Option<Heard>) -> Stage {
        match phase {
            Phase::Initialize => Stage::Initialize,
            Phase::Backup(watch) => {
                let Watch {
                    down_at,
                    since,
                    resigned,
                    preempting,
                    listened_again,
                    suspicion,
                    excuses,
                } = *watch;
                Stage::Backup {
                    down_at: self.offset(down_at),
                    heard_since: heard.is_some_and(|heard| heard.at >= since),
                    resigned: resigned.is_some(),
                    preempting,
                    listened_again,
                    doubt: self.doubt(suspicion),
                    excuses,
                }
            }
            Phase::Active(tenure) => Stage::Active {
                advert_at: self.offset(tenure.advert_at),
                answer_in: self.left(tenure.answer_from),
                insists_for: self.left(tenure.insist_until),
                yields_for: tenure.yielding_until.map(|at| self.left(at)),
            },
        }
    }
}

impl VirtualRouter {
    /// When [`crate::Event::Timeout`] does something that other nodes come to know; the addresses are
    /// announced again then, too, if that is due.
    #[must_use]
    pub fn acts_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Active(tenure) => {
                let yields = tenure.yielding_until;
                Some(yields.map_or(tenure.advert_at, |at| at.min(tenure.advert_at)))
            }
            Phase::Initialize | Phase::Backup(_) => self.poll_timeout(),
        }
    }

    /// What decides what it will do. Its actions are to be taken before.
    #[must_use]
    pub fn essence(&self, now: Instant) -> Essence {
        let Self {
            config,
            phase,
            command,
            mandate,
            fit,
            paused,
            able_since,
            heard,
            detection,
            jitter,
            lease,
            active_lease,
            active_interval,
            reason: _,
            counters: _,
            actions: _,
        } = self;
        let interval = active_interval.duration().max(config.interval.duration());
        let longest = (*lease).max(active_lease.map(|(_, lease)| lease));
        let lens = Lens {
            now,
            back: interval * 5 + longest.unwrap_or_default(),
        };
        Essence {
            config: *config,
            stage: lens.stage(phase, *heard),
            command: *command,
            mandate: *mandate,
            fit: *fit,
            paused: *paused,
            preempts_in: able_since.map(|since| lens.left(since + config.preempt_delay)),
            heard: heard.map(|heard| (heard.from, heard.priority, lens.offset(heard.at))),
            detection: detection.map(|peer| (peer, *jitter)),
            leases: (*lease, *active_lease),
            active_interval: *active_interval,
        }
    }
}
