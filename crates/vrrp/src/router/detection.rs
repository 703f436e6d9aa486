//! Making sure of an Active whose advert is late, before three have failed.
//!
//! ```text
//!            advert late              answer: Active
//!   Trusted -------------> Asking --------------------> Trusted
//!      ^                     |  |
//!      |     nothing answers |  | its kernel answers, its agent does not
//!      |                     v  v
//!      +---- advert ------ Sentenced ---- time's up ---> Active
//! ```
//!
//! Active_Down_Timer (RFC 9568 section 6.1) runs on beside all this, and decides where nobody can be
//! asked.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_packet::vrrp::Priority;

use super::backup::Watch;
use super::{Phase, VirtualRouter};
use crate::{Action, Answer, Detection, Heartbeat, Reason};

/// An advert is not late before this, whatever the jitter measured: a busy machine's scheduler.
const MARGIN_LEAST: Duration = Duration::from_millis(2);
/// A fifth of an interval, within these, is how long an Active is asked before its silence counts: long
/// enough for the kernel of a saturated machine to answer an ARP request, several times over.
const ASKING: (Duration, Duration) = (Duration::from_millis(12), Duration::from_millis(30));
/// How often it is asked in that time.
const QUESTIONS: u32 = 4;
/// After the end of the Active's lease: both ends count in nanoseconds, but wake up later.
pub(super) const AFTER_LEASE: Duration = Duration::from_millis(2);
/// Half an interval, within these, is left to each Backup that goes before this one: until its first
/// advert is here.
const STAGGER: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// Answers in a row that stand for an advert. An Active that answers but is never heard is cut off in
/// some way, and then the RFC's timer decides.
const MOST_EXCUSES: u8 = 8;

/// What a Backup thinks of the Active it follows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Suspicion {
    /// Nothing is wrong until then; `None`: it cannot be asked.
    Trusted { until: Option<Instant> },
    /// It is being asked.
    Asking {
        next: Instant,
        verdict: Instant,
        /// Its kernel has answered.
        kernel: bool,
    },
    /// This node takes over then.
    Sentenced { at: Instant, reason: Reason },
}

impl Suspicion {
    pub(super) const NONE: Self = Self::Trusted { until: None };

    pub(super) fn next(&self) -> Option<Instant> {
        match *self {
            Self::Trusted { until } => until,
            Self::Asking { next, verdict, .. } => Some(next.min(verdict)),
            Self::Sentenced { at, .. } => Some(at),
        }
    }
}

impl VirtualRouter {
    /// What the driver knows of the Active has changed.
    pub(super) fn set_detection(&mut self, detection: Option<Detection>) {
        let same = |one: Option<Detection>| one.map(|one| one.active);
        let anew = same(self.detection) != same(detection);
        self.detection = detection;
        let until = self.heard.and_then(|heard| self.late_at(heard.at));
        if let (true, Phase::Backup(watch)) = (anew, &mut self.phase)
            && watch.follows()
        {
            watch.suspicion = Suspicion::Trusted { until };
        }
    }

    /// A watch over the Active just heard, or over whoever may be there.
    pub(super) fn new_watch(&self, now: Instant) -> Watch {
        let mut watch = Watch::new(now, self.patience());
        let until = self.late_at(now);
        watch.suspicion = Suspicion::Trusted { until };
        watch
    }

    /// When the next advert is late if there was one at `last`; `None`: nobody can be asked then.
    fn late_at(&self, last: Instant) -> Option<Instant> {
        let interval = self.active_interval.duration();
        let margin = (self.jitter * 4).clamp(MARGIN_LEAST, interval / 2);
        self.asked().map(|_| last + interval + margin)
    }

    /// The Active that is heard, if it can be asked.
    fn asked(&self) -> Option<Detection> {
        let heard = self.heard?;
        self.detection.filter(|peer| peer.active == heard.from)
    }

    /// Learns how evenly the adverts of the Active come. One that was lost says nothing about that.
    pub(super) fn measure_jitter(&mut self, from: IpAddr, now: Instant) {
        let interval = self.active_interval.duration();
        let Some(heard) = self.heard.filter(|heard| heard.from == from) else {
            self.jitter = Duration::ZERO;
            return;
        };
        let gap = now.saturating_duration_since(heard.at);
        if gap < interval * 2 {
            self.jitter = (self.jitter * 7 + gap.abs_diff(interval)) / 8;
        }
    }

    /// Something about the Active is due, before Active_Down_Timer.
    pub(super) fn pursue(&mut self, now: Instant) {
        let (Phase::Backup(watch), Some(peer)) = (&self.phase, self.asked()) else {
            return;
        };
        let suspicion = watch.suspicion;
        if suspicion.next().is_none_or(|at| now < at) {
            return;
        }
        match suspicion {
            Suspicion::Trusted { .. } => {
                self.counters.suspicions += 1;
                self.ask(peer, now, now + self.asking(), false);
            }
            Suspicion::Asking {
                verdict, kernel, ..
            } => {
                let late = now.saturating_duration_since(verdict);
                if now < verdict {
                    self.ask(peer, now, verdict, kernel);
                } else if late > self.asking() {
                    // This node did not run, and perhaps its machine: the answers may be on their way.
                    self.ask(peer, now, now + self.asking(), kernel);
                } else {
                    self.judge(peer, kernel, now);
                }
            }
            Suspicion::Sentenced { reason, .. } => self.become_active(reason, now),
        }
    }

    fn ask(&mut self, peer: Detection, now: Instant, verdict: Instant, kernel: bool) {
        self.actions.push_back(Action::Probe(peer.active));
        let next = now + self.asking() / QUESTIONS;
        self.suspect(Suspicion::Asking {
            next,
            verdict,
            kernel,
        });
    }

    /// The Active was asked for long enough.
    fn judge(&mut self, peer: Detection, kernel: bool, now: Instant) {
        let Some(heard) = self.heard else { return };
        let active = heard.from;
        let stagger = self.stagger(peer.rank);
        let (at, reason) = match (kernel, peer.lease) {
            (false, _) => {
                let silence = now.saturating_duration_since(heard.at);
                (now, Reason::Dead { active, silence })
            }
            (true, Some(lease)) => {
                let ended = heard.at + lease + AFTER_LEASE;
                (ended.max(now), Reason::LeaseEnded { active, lease })
            }
            // It may answer for the addresses for as long as it likes: Active_Down_Timer decides.
            (true, None) => return self.suspect(Suspicion::NONE),
        };
        let at = at + stagger;
        self.suspect(Suspicion::Sentenced { at, reason });
        if at <= now {
            self.become_active(reason, now);
        }
    }

    /// The Active, or the kernel of its machine, has answered.
    pub(super) fn answer_in_backup(&mut self, from: IpAddr, answer: Answer, now: Instant) {
        let Phase::Backup(watch) = self.phase else {
            return;
        };
        if self.asked().is_none_or(|peer| peer.active != from) || !watch.follows() {
            return;
        }
        match answer {
            Answer::Active(priority) => self.excuse(from, priority, watch.excuses, now),
            Answer::NotActive => {
                self.heard = None;
                self.hear_resignation(from, now);
            }
            Answer::Kernel => self.kernel_lives(now),
        }
    }

    /// The answer stands for an advert that was lost.
    fn excuse(&mut self, from: IpAddr, priority: Priority, excuses: u8, now: Instant) {
        if excuses >= MOST_EXCUSES {
            return self.suspect(Suspicion::NONE);
        }
        let interval = self.active_interval;
        self.note(from, Heartbeat { priority, interval }, now);
        let mut watch = self.new_watch(now);
        watch.excuses = excuses + 1;
        self.phase = Phase::Backup(watch);
    }

    fn kernel_lives(&mut self, now: Instant) {
        let (Phase::Backup(watch), Some(peer)) = (&mut self.phase, self.detection) else {
            return;
        };
        match &mut watch.suspicion {
            Suspicion::Asking { kernel, .. } => *kernel = true,
            // While the Backups before this one had their turn: it lives after all.
            Suspicion::Sentenced {
                reason: Reason::Dead { .. },
                ..
            } => self.judge(peer, true, now),
            Suspicion::Trusted { .. } | Suspicion::Sentenced { .. } => {}
        }
    }

    /// The Active gave the addresses up and named this node its successor.
    pub(super) fn appointed(&mut self, by: IpAddr, hold: bool, now: Instant) {
        let strange = self.heard.is_some_and(|heard| heard.from != by);
        if strange || by == self.config.address {
            return; // an Active that others have replaced already
        }
        self.command = if hold {
            super::Command::Held
        } else {
            super::Command::None
        };
        self.heard = None;
        self.become_active(Reason::Appointed { by }, now);
    }

    fn asking(&self) -> Duration {
        (self.active_interval.duration() / 5).clamp(ASKING.0, ASKING.1)
    }

    fn stagger(&self, rank: u8) -> Duration {
        (self.active_interval.duration() / 2).clamp(STAGGER.0, STAGGER.1) * u32::from(rank)
    }

    fn suspect(&mut self, suspicion: Suspicion) {
        if let Phase::Backup(watch) = &mut self.phase {
            watch.suspicion = suspicion;
        }
    }
}
