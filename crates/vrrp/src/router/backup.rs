//! Backup (RFC 9568 section 6.4.2): watching the Active, ready to take its place.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_packet::vrrp::Priority;

use super::detection::Suspicion;
use super::mandate::Mandate;
use super::{Command, Phase, VirtualRouter};
use crate::{Heartbeat, Reason};

/// What a Backup knows of the Active it watches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    /// Active_Down_Timer.
    pub(super) down_at: Instant,
    /// When the timer was set.
    pub(super) since: Instant,
    /// The Active resigned: the timer was set to Skew_Time.
    pub(super) resigned: Option<IpAddr>,
    /// The timer runs on although an Active of lower priority is heard.
    pub(super) preempting: bool,
    /// The timer was late and the node listened once more because of it.
    pub(super) listened_again: bool,
    /// Whether the Active that is followed is still there.
    pub(super) suspicion: Suspicion,
    /// Answers since its last advert.
    pub(super) excuses: u8,
}

impl Watch {
    pub(super) fn new(now: Instant, wait: Duration) -> Self {
        Self {
            down_at: now + wait,
            since: now,
            resigned: None,
            preempting: false,
            listened_again: false,
            suspicion: Suspicion::NONE,
            excuses: 0,
        }
    }

    /// When something is due.
    pub(super) fn next(&self) -> Instant {
        self.suspicion
            .next()
            .map_or(self.down_at, |at| at.min(self.down_at))
    }

    /// The Active's lease turned out to last longer.
    pub(super) fn wait_until(&mut self, at: Instant) {
        self.down_at = self.down_at.max(at);
    }

    /// Whether there may be an Active that this node would not replace while it lives.
    pub(super) fn follows(&self) -> bool {
        self.resigned.is_none() && !self.preempting
    }
}

impl VirtualRouter {
    /// Enters Backup and gives whoever is Active the time to be heard.
    pub(super) fn become_backup(&mut self, reason: Reason, now: Instant) {
        let watch = self.new_watch(now);
        self.enter(Phase::Backup(watch), reason);
    }

    pub(super) fn advert_in_backup(&mut self, from: IpAddr, heartbeat: Heartbeat, now: Instant) {
        if !self.count(from, heartbeat) {
            return;
        }
        self.measure_jitter(from, now);
        self.note(from, heartbeat, now);
        if heartbeat.priority == Priority::RESIGN {
            self.hear_resignation(from, now);
            return;
        }
        if self.command == Command::Yielded && heartbeat.priority > self.config.priority {
            self.command = Command::None;
        }
        let wins = heartbeat.priority >= self.effective_priority();
        let stays = !self.may_preempt(heartbeat.priority, now) && !self.is_asked_to_take_over();
        if wins || stays {
            self.follow_instead();
            self.active_interval = heartbeat.interval;
            self.phase = Phase::Backup(self.new_watch(now));
        } else if let Phase::Backup(watch) = &mut self.phase {
            // The advert is discarded; the timer runs on.
            watch.preempting = true;
            watch.suspicion = Suspicion::NONE;
        }
    }

    /// Section 6.4.2: the timer is set to Skew_Time. It is never set later than it was: whoever says
    /// 0 again and again does not keep this node from taking over.
    pub(super) fn hear_resignation(&mut self, from: IpAddr, now: Instant) {
        let mut watch = Watch::new(now, self.skew_time());
        watch.resigned = Some(from);
        if let Phase::Backup(before) = &self.phase
            && before.down_at <= watch.down_at
        {
            watch = Watch {
                resigned: Some(from),
                suspicion: Suspicion::NONE,
                ..*before
            };
        }
        self.phase = Phase::Backup(watch);
    }

    /// Preempt_Mode, with the delay after the node became able. The owner always preempts
    /// (section 6.1, Preempt_Mode). An Active of the lowest priority is one that is not fit to serve:
    /// it is relieved whatever Preempt_Mode says.
    fn may_preempt(&self, theirs: Priority, now: Instant) -> bool {
        let waited = self
            .able_since
            .is_some_and(|since| now >= since + self.config.preempt_delay);
        let preempt = self.config.preempt || theirs == Priority::LOWEST;
        self.owns_addresses() || (preempt && waited)
    }

    /// Active_Down_Timer fired.
    pub(super) fn timeout_in_backup(&mut self, now: Instant) {
        let Phase::Backup(watch) = self.phase else {
            return;
        };
        if self.paused && watch.resigned.is_none() {
            self.forget_silent_active(now);
            self.phase = Phase::Backup(self.new_watch(now));
            return;
        }
        if now < watch.down_at {
            self.pursue(now);
            return;
        }
        if self.listen_again(watch, now) {
            return;
        }
        let reason = match (watch.resigned, self.heard) {
            (Some(active), None) => Reason::Resigned { active },
            (_, Some(heard)) if watch.preempting && heard.at >= watch.since => Reason::Preempted {
                active: heard.from,
                theirs: heard.priority,
                ours: self.effective_priority(),
            },
            (_, Some(heard)) => Reason::Silent {
                active: heard.from,
                silence: now.duration_since(heard.at),
            },
            (None, None) => Reason::NoActive {
                listened: now.duration_since(watch.since),
            },
        };
        self.become_active(reason, now);
    }

    /// A timer that fires late means that this node did not run; adverts may have been lost meanwhile
    /// that nobody kept for it. It listens before it takes an Active for silent: for the whole
    /// Active_Down_Interval after a long pause; for one advert after a short one, and only once, so
    /// that a node that is always late still takes over.
    fn listen_again(&mut self, watch: Watch, now: Instant) -> bool {
        let late = now.duration_since(watch.down_at);
        let interval = self.active_interval.duration();
        let paused = late > self.active_down_interval();
        let wait = if paused {
            self.counters.pauses += 1;
            self.active_down_interval()
        } else if late > interval && !watch.listened_again {
            interval + self.skew_time()
        } else {
            return false;
        };
        self.phase = Phase::Backup(Watch {
            down_at: now + wait,
            listened_again: !paused,
            suspicion: Suspicion::NONE,
            ..watch
        });
        true
    }

    /// The driver says that it was paused: whoever is Active gets the time to be heard.
    pub(super) fn gap_in_backup(&mut self, gap: Duration, now: Instant) {
        if gap > self.active_down_interval() {
            self.counters.pauses += 1;
            self.able_since = Some(now);
            self.phase = Phase::Backup(self.new_watch(now));
        }
    }

    /// The rest of the sync group is Active here. An Active that is alive and would win stays; one that
    /// missed two adverts is taken for gone with the others that it held, before the third says so.
    pub(super) fn join_group(&mut self, theirs: Priority, now: Instant) {
        // It has been asked for, and is not to be asked for with each advert anew.
        if self.is_asked_to_take_over() {
            return;
        }
        // The node that was told to give the group away has some of it again, and not just until the one
        // that was to have it is heard.
        if self.command == Command::Yielded && theirs > Priority::LOWEST {
            self.command = Command::None;
        }
        // Here by command, one of them would stay apart from the others otherwise.
        let by_command = theirs >= Priority::HIGHEST;
        let ours = if by_command {
            self.config.priority.max(Priority::HIGHEST)
        } else {
            self.effective_priority()
        };
        let recent = self.active_interval.duration() * 2;
        let insists = self.heard.is_some_and(|heard| {
            now.saturating_duration_since(heard.at) <= recent
                && (heard.priority, heard.from) > (ours, self.config.address)
        });
        if insists {
            return;
        }
        if by_command {
            self.command = Command::Held;
        }
        self.become_active(Reason::WithGroup, now);
    }

    /// The rest of the sync group is not Active here any more: what was asked for with it is not wanted.
    pub(super) fn ask_no_more_with_group(&mut self, now: Instant) {
        if self.mandate == Mandate::Sought(Reason::WithGroup) {
            self.give_up_asking(now);
        }
    }

    /// A planned failover to this node.
    pub(super) fn take_over(&mut self, now: Instant) {
        if self.can_take_over().is_ok() {
            self.command = Command::Held;
            self.become_active(Reason::TookOver, now);
        }
    }
}
