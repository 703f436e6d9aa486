//! Active (RFC 9568 section 6.4.3): holding the addresses and saying so.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_packet::vrrp::Priority;

use super::{Command, Phase, VirtualRouter};
use crate::{Action, Config, Heartbeat, ReannounceCause, Reason};

/// Hosts that missed the burst of the claim (their port was blocked, or the frames were lost) hear
/// of the new place at the latest after this.
const AFTER_CLAIM: Duration = Duration::from_secs(1);

/// Neighbour tables live for minutes; once in this time is enough to mend a wrong one, and nothing
/// on the wire.
const REFRESH: Duration = Duration::from_secs(60);

/// A rival stops when it hears this node. One that goes on beyond this many announcements is deaf, or
/// forged: ...
const RIVAL_ANNOUNCEMENTS: u32 = 10;

/// ... then the network is told again this often, and when the rival has fallen silent.
const WHILE_RIVAL: Duration = Duration::from_secs(1);

/// A node that takes over by command outranks an Active that was itself put there by command for as
/// many intervals as that one needs to hear one of its adverts.
const INSIST_INTERVALS: u32 = 3;

/// Rivals that were heard, and what was done about it.
#[derive(Debug, Clone, Copy, Default)]
struct Rivalry {
    /// The last advert of one.
    heard: Option<Instant>,
    /// The first advert of one since the addresses were announced.
    since: Option<Instant>,
    /// Announcements since rivals were heard without a pause.
    announced: u32,
}

/// What an Active keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenure {
    /// Adver_Timer.
    pub(super) advert_at: Instant,
    /// When the addresses are announced again, and why.
    reannounce: (Instant, ReannounceCause),
    rivalry: Rivalry,
    /// No rival is answered before this.
    pub(super) answer_from: Instant,
    /// It gave way by command, and took over from a node that seemed dead: until then that one wins the
    /// addresses back with its next advert, should it live after all.
    pub(super) yielding_until: Option<Instant>,
    /// Until then the adverts say 255, so that an Active of priority 254 gives way.
    pub(super) insist_until: Instant,
}

impl Tenure {
    pub(super) fn next(&self) -> Instant {
        let next = self.advert_at.min(self.reannounce.0);
        self.yielding_until.map_or(next, |at| at.min(next))
    }
}

impl VirtualRouter {
    /// Enters Active: advert, addresses, gratuitous ARP (section 6.4.2, when Active_Down_Timer fires).
    /// In quorum mode it asks for a mandate first.
    pub(super) fn become_active(&mut self, reason: Reason, now: Instant) {
        if !self.is_mandated(reason, now) {
            return;
        }
        let interval = self.config.interval.duration();
        let yielding_until = self.yields_to_the_living(reason, now);
        if self.command == Command::Yielded && yielding_until.is_none() {
            self.command = Command::None;
        }
        let rival_at_the_top = self
            .heard
            .is_some_and(|heard| heard.priority >= Priority::HIGHEST);
        let insist_until = if self.command == Command::Held && rival_at_the_top {
            now + interval * INSIST_INTERVALS
        } else {
            now
        };
        let tenure = Tenure {
            advert_at: now + interval,
            reannounce: (now + AFTER_CLAIM, ReannounceCause::AfterClaim),
            rivalry: Rivalry::default(),
            answer_from: now,
            yielding_until,
            insist_until,
        };
        self.heard = None;
        self.counters.became_active += 1;
        self.send(self.claimed_priority(&tenure, now));
        self.actions.push_back(Action::Claim);
        self.enter(Phase::Active(tenure), reason);
    }

    /// An operator wanted another node to have the addresses. One that was only late keeps them: this node
    /// outranks it again only when it has been silent for as long as anyone is waited for.
    fn yields_to_the_living(&self, reason: Reason, now: Instant) -> Option<Instant> {
        // The group is told of a yield that is over before it comes along.
        let seemed_dead = matches!(
            reason,
            Reason::Dead { .. }
                | Reason::LeaseEnded { .. }
                | Reason::Silent { .. }
                | Reason::WithGroup
        );
        let wait = self.down_interval(self.config.interval, Priority::LOWEST);
        (self.command == Command::Yielded && seemed_dead).then(|| now + wait)
    }

    /// Nobody was heard who lives after all.
    fn yield_no_longer(&mut self, now: Instant) {
        let Phase::Active(tenure) = &mut self.phase else {
            return;
        };
        if tenure.yielding_until.is_none_or(|at| now < at) {
            return;
        }
        tenure.yielding_until = None;
        self.unhold(now);
    }

    /// What a command did to the priority ends with the tenure; that an operator wanted another node to have
    /// the addresses stands.
    pub(super) fn end_command(&mut self) {
        let yields =
            matches!(&self.phase, Phase::Active(tenure) if tenure.yielding_until.is_some());
        if !yields {
            self.command = Command::None;
        }
    }

    /// The priority that adverts say.
    fn claimed_priority(&self, tenure: &Tenure, now: Instant) -> Priority {
        if now < tenure.insist_until {
            Priority::OWNER
        } else {
            self.effective_priority()
        }
    }

    pub(super) fn advert_in_active(&mut self, from: IpAddr, heartbeat: Heartbeat, now: Instant) {
        let Phase::Active(tenure) = self.phase else {
            return;
        };
        let interval = self.config.interval.duration();
        let silence = (now + interval).saturating_duration_since(tenure.advert_at);
        if self.was_paused(silence, now) {
            // It waited in the socket while this node stood still: listen before speaking.
            self.advert_in_backup(from, heartbeat, now);
            return;
        }
        if !self.count(from, heartbeat) {
            return;
        }
        if self.owns_addresses() && heartbeat.priority == Priority::OWNER {
            // Erratum 8298 to section 7.1: counted and told, and left to the election, which the
            // higher address wins; every other priority is lower than the owner's.
            self.counters.owners_heard += 1;
        }
        let ours = self.claimed_priority(&tenure, now);
        let theirs = heartbeat.priority;
        if theirs == Priority::RESIGN {
            if self.answer(now) {
                self.restart_advert_timer(now);
            }
        } else if theirs > ours || (theirs == ours && from > self.config.address) {
            self.give_way(from, heartbeat, ours, now);
        } else {
            self.counters.rivals_heard += 1;
            self.answer(now);
            self.announce_after_rival(from, now);
        }
    }

    /// Tells a rival, and the switches between, who is Active; at most once an interval, so that a
    /// stream of adverts is not answered by another. Says whether it did.
    fn answer(&mut self, now: Instant) -> bool {
        let interval = self.config.interval.duration();
        let Phase::Active(tenure) = &mut self.phase else {
            return false;
        };
        if now < tenure.answer_from {
            self.counters.answers_suppressed += 1;
            return false;
        }
        tenure.answer_from = now + interval;
        let tenure = *tenure;
        self.send(self.claimed_priority(&tenure, now));
        true
    }

    fn restart_advert_timer(&mut self, now: Instant) {
        let interval = self.config.interval.duration();
        if let Phase::Active(tenure) = &mut self.phase {
            tenure.advert_at = now + interval;
        }
    }

    /// The rival has announced the addresses too. It stops when it hears this node; one interval
    /// later its last frames are through, and the network is told again.
    fn announce_after_rival(&mut self, rival: IpAddr, now: Instant) {
        let interval = self.config.interval.duration();
        if let Phase::Active(tenure) = &mut self.phase {
            let rivalry = &mut tenure.rivalry;
            let paused = |heard| now >= heard + interval.max(WHILE_RIVAL);
            if rivalry.heard.replace(now).is_none_or(paused) {
                rivalry.announced = 0;
            }
            let since = *rivalry.since.get_or_insert(now);
            let at = if rivalry.announced < RIVAL_ANNOUNCEMENTS {
                since + interval
            } else {
                (now + interval).min(since + interval.max(WHILE_RIVAL))
            };
            tenure.reannounce = (at, ReannounceCause::Rival(rival));
        }
    }

    /// Another Active outranks this one. It may not have heard of this one yet, and then would not
    /// know that the network is to be told again where the addresses are: one last advert says so.
    fn give_way(&mut self, from: IpAddr, heartbeat: Heartbeat, ours: Priority, now: Instant) {
        let reason = if heartbeat.priority > ours {
            Reason::Outranked {
                active: from,
                theirs: heartbeat.priority,
                ours,
            }
        } else {
            Reason::TieLost {
                active: from,
                priority: ours,
            }
        };
        self.end_command();
        self.note(from, heartbeat, now);
        self.active_interval = heartbeat.interval;
        self.send(ours);
        self.actions.push_back(Action::Release);
        self.become_backup(reason, now);
    }

    /// Adver_Timer fired, or the addresses are to be announced again.
    pub(super) fn timeout_in_active(&mut self, now: Instant) {
        let Phase::Active(tenure) = self.phase else {
            return;
        };
        let interval = self.config.interval.duration();
        if now >= tenure.advert_at {
            let silence = interval + now.duration_since(tenure.advert_at);
            if self.was_paused(silence, now) {
                return;
            }
            self.send(self.claimed_priority(&tenure, now));
        }
        let Phase::Active(tenure) = &mut self.phase else {
            return;
        };
        if now >= tenure.advert_at {
            // On the grid, so that late wake-ups do not add up; unless that is past already.
            let on_grid = tenure.advert_at + interval;
            tenure.advert_at = if on_grid > now {
                on_grid
            } else {
                now + interval
            };
        }
        let (at, cause) = tenure.reannounce;
        if now >= at {
            if tenure.rivalry.since.take().is_some() {
                tenure.rivalry.announced += 1;
            }
            tenure.reannounce = match cause {
                // It may have come between a claim and the announcement after that.
                ReannounceCause::Rival(_) => (now + AFTER_CLAIM, ReannounceCause::AfterClaim),
                ReannounceCause::AfterClaim | ReannounceCause::Refresh => {
                    (now + REFRESH, ReannounceCause::Refresh)
                }
            };
            self.actions.push_back(Action::Reannounce(cause));
        }
        self.yield_no_longer(now);
    }

    /// The driver says that it was paused.
    pub(super) fn gap_in_active(&mut self, gap: Duration, now: Instant) {
        self.was_paused(gap, now);
    }

    /// After a silence for which others wait no longer, another node may be Active: this one lets
    /// go without a word, and listens before it speaks. Others wait until its lease has ended.
    fn was_paused(&mut self, gap: Duration, now: Instant) -> bool {
        let down = self.down_interval(self.config.interval, self.effective_priority());
        if gap <= down.max(self.lease.unwrap_or_default()) {
            return false;
        }
        self.counters.pauses += 1;
        self.end_command();
        self.able_since = Some(now);
        self.active_interval = self.config.interval;
        self.actions.push_back(Action::Release);
        self.become_backup(Reason::Paused { gap }, now);
        true
    }

    /// Gives the addresses up and leaves the election (section 6.4.3: Shutdown).
    pub(super) fn resign(&mut self, reason: Reason) {
        self.end_command();
        self.able_since = None;
        self.send(Priority::RESIGN);
        self.actions.push_back(Action::Release);
        self.enter(Phase::Initialize, reason);
    }

    /// A planned failover away: like a shutdown for the others, but this node goes on watching.
    pub(super) fn give_way_by_command(&mut self, now: Instant) {
        self.command = Command::Yielded;
        self.hand_over(Reason::Yielded, now);
    }

    /// An Active that is not fit to serve gives way like one that is told to; if nobody takes the
    /// addresses, it takes them back. One that became Active unfit tells when it is fit again.
    pub(super) fn fitness_in_active(&mut self, fit: bool, now: Instant) {
        if self.fit == fit {
            return;
        }
        self.fit = fit;
        if !fit {
            self.end_command();
            self.hand_over(Reason::Unfit, now);
        } else if let Phase::Active(tenure) = self.phase {
            self.send(self.claimed_priority(&tenure, now));
            self.restart_advert_timer(now);
        }
    }

    /// Another node won an address of the sync group: it is to have this one, too.
    pub(super) fn leave_with_group(&mut self, now: Instant) {
        self.end_command();
        self.hand_over(Reason::WithGroup, now);
    }

    /// The priority is as configured again, and the others hear it at once.
    pub(super) fn unhold(&mut self, now: Instant) {
        if self.command == Command::None {
            return;
        }
        self.command = Command::None;
        if let Phase::Active(tenure) = self.phase {
            self.send(self.claimed_priority(&tenure, now));
            self.restart_advert_timer(now);
        }
    }

    fn hand_over(&mut self, reason: Reason, now: Instant) {
        self.active_interval = self.config.interval;
        self.send(Priority::RESIGN);
        self.actions.push_back(Action::Release);
        self.become_backup(reason, now);
    }

    /// New parameters are told to the Backups at once: they time the Active by its interval.
    pub(super) fn reconfigure_active(&mut self, config: Config, now: Instant) {
        if self.config == config {
            return;
        }
        self.config = config;
        if let Phase::Active(tenure) = self.phase {
            self.send(self.claimed_priority(&tenure, now));
            self.restart_advert_timer(now);
        }
    }
}
