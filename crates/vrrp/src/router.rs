//! The virtual router: its state, and one match over states and events.

mod active;
mod backup;
mod detection;
#[cfg(feature = "model")]
mod essence;
mod mandate;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_packet::vrrp::{Centiseconds, Priority};

use crate::{Action, Config, Detection, DisableReason, Event, Heartbeat, Reason, State, Why};

use active::Tenure;
use backup::Watch;
use mandate::Mandate;

#[cfg(feature = "model")]
pub use essence::Essence;

/// Actions of one event are at most four: no need to grow.
const ACTIONS: usize = 16;

/// A virtual router on one node. See the crate's documentation for how to drive it.
#[derive(Debug, Clone)]
pub struct VirtualRouter {
    config: Config,
    phase: Phase,
    command: Command,
    mandate: Mandate,
    /// Whether the node is fit to serve.
    fit: bool,
    /// Whether it takes over only from an Active that gives the addresses up.
    paused: bool,
    /// Since when the node has been able to hold the addresses.
    able_since: Option<Instant>,
    /// The Active heard last, unless it resigned or fell silent.
    heard: Option<Heard>,
    /// How the Active can be asked if it is still there.
    detection: Option<Detection>,
    /// How long after an advert of this node its kernel answers for the addresses; `None`: for as long as it
    /// likes.
    lease: Option<Duration>,
    /// The same of an Active.
    active_lease: Option<(IpAddr, Duration)>,
    /// How unevenly its adverts come.
    jitter: Duration,
    /// Active_Adver_Interval (RFC 9568 section 6.1).
    active_interval: Centiseconds,
    reason: Reason,
    counters: Counters,
    actions: VecDeque<Action>,
}

/// The state with what belongs to it alone.
#[derive(Debug, Clone)]
enum Phase {
    Initialize,
    Backup(Watch),
    Active(Tenure),
}

/// What planned failovers have done to the priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Command {
    /// Nothing.
    None,
    /// This node was told to give way: lowest priority until it is Active again, or hears an Active
    /// to whom it would give way anyhow.
    Yielded,
    /// This node was told to take over: highest priority as long as it is Active.
    Held,
}

/// An Active that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Where its advert came from.
    pub from: IpAddr,
    /// The priority it said.
    pub priority: Priority,
    /// When.
    pub at: Instant,
}

/// What a virtual router has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Adverts sent, all priorities.
    pub adverts_sent: u64,
    /// Adverts with priority 0 sent.
    pub resignations_sent: u64,
    /// Valid adverts received, all priorities.
    pub adverts_received: u64,
    /// Adverts with priority 0 received.
    pub resignations_received: u64,
    /// Adverts from this node's own address: another node uses it, or the network loops.
    pub own_address_heard: u64,
    /// Adverts of another owner of the addresses, heard while this node is one and Active.
    pub owners_heard: u64,
    /// Adverts of another Active, received while Active and not yielded to.
    pub rivals_heard: u64,
    /// Answers to rivals that were not sent because one was sent less than an interval before.
    pub answers_suppressed: u64,
    /// Times this node became Active.
    pub became_active: u64,
    /// Times the node found that it had been paused for longer than others wait for it.
    pub pauses: u64,
    /// Times an advert was late and the Active was asked if it is still there.
    pub suspicions: u64,
}

/// Why this node cannot be told to take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TakeOverRefusal {
    /// It cannot hold the addresses.
    #[error("this node cannot hold it: {0}")]
    NotAble(Reason),
    /// The Active has priority 255, and nothing outranks that.
    #[error("{0} owns the addresses (priority 255): stop it, or lower its priority")]
    Owner(IpAddr),
}

impl VirtualRouter {
    /// A virtual router in Initialize, waiting for [`Event::Enable`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            phase: Phase::Initialize,
            command: Command::None,
            mandate: Mandate::NotNeeded,
            fit: true,
            paused: false,
            able_since: None,
            heard: None,
            detection: None,
            lease: None,
            active_lease: None,
            jitter: Duration::ZERO,
            active_interval: config.interval,
            reason: Reason::Disabled(DisableReason::Starting),
            counters: Counters::default(),
            actions: VecDeque::with_capacity(ACTIONS),
        }
    }

    /// Takes an event. `now` never goes back from one call to the next.
    pub fn handle_event(&mut self, event: Event, now: Instant) {
        match (self.state(), event) {
            // Section 6.4.1 (Initialize).
            (State::Initialize, Event::Enable) => self.start(now),
            (State::Initialize, Event::Disable(reason)) => self.reason = Reason::Disabled(reason),
            // No part in the election; the Active is noted for `hactl status`.
            (State::Initialize, Event::Advert { from, heartbeat }) => {
                if self.count(from, heartbeat) {
                    self.note(from, heartbeat, now);
                }
            }
            (State::Initialize, Event::Timeout) => self.forget_silent_active(now),
            (
                State::Initialize,
                Event::Yield
                | Event::TakeOver
                | Event::GroupActive { .. }
                | Event::GroupLost
                | Event::ClockGap(_)
                | Event::MandateLost
                | Event::Challenged { .. },
            ) => {}
            (State::Initialize, Event::MandateGranted) => self.mandate_granted(now),
            (State::Initialize, Event::Shutdown) => self.reason = Reason::Shutdown,
            (State::Initialize, Event::Reconfigure(config)) => self.config = config,
            (State::Initialize, Event::Fit(fit)) => self.fit = fit,
            (_, Event::Paused(paused)) => self.paused = paused,
            (State::Initialize | State::Backup, Event::Unhold) => self.command = Command::None,
            (State::Initialize, Event::Answer { .. } | Event::Appointed { .. }) => {}
            (State::Initialize | State::Active, Event::Detection(peer)) => self.detection = peer,

            // Section 6.4.2 (Backup).
            (State::Backup, Event::Enable) => {}
            (State::Backup, Event::Disable(reason)) => self.stop(Reason::Disabled(reason)),
            (State::Backup, Event::Advert { from, heartbeat }) => {
                self.advert_in_backup(from, heartbeat, now);
            }
            (State::Backup, Event::Timeout) => self.timeout_in_backup(now),
            (State::Backup, Event::Yield) => self.command = Command::Yielded,
            (State::Backup, Event::TakeOver) => self.take_over(now),
            (State::Backup, Event::GroupActive { priority }) => self.join_group(priority, now),
            (State::Backup, Event::GroupLost) => self.ask_no_more_with_group(now),
            (State::Backup, Event::MandateGranted) => self.mandate_granted(now),
            // It was given back meanwhile.
            (State::Backup, Event::MandateLost | Event::Challenged { .. }) => {}
            (State::Backup, Event::Shutdown) => self.stop(Reason::Shutdown),
            (State::Backup, Event::Reconfigure(config)) => self.config = config,
            (State::Backup, Event::ClockGap(gap)) => self.gap_in_backup(gap, now),
            (State::Backup, Event::Fit(fit)) => self.fit = fit,
            (State::Backup, Event::Detection(peer)) => self.set_detection(peer),
            (State::Backup, Event::Answer { from, answer }) => {
                self.answer_in_backup(from, answer, now);
            }
            (State::Backup, Event::Appointed { by, hold }) => self.appointed(by, hold, now),

            // Section 6.4.3 (Active).
            (State::Active, Event::Enable | Event::TakeOver | Event::GroupActive { .. }) => {}
            (State::Active, Event::MandateGranted) => {}
            (State::Active, Event::MandateLost) => self.mandate_lost(now),
            (State::Active, Event::Challenged { by, priority }) => {
                self.challenged(by, priority, now);
            }
            // It asked as a Backup, or was named by an Active that it has replaced already.
            (State::Active, Event::Answer { .. } | Event::Appointed { .. }) => {}
            (State::Active, Event::Disable(reason)) => self.resign(Reason::Disabled(reason)),
            (State::Active, Event::Advert { from, heartbeat }) => {
                self.advert_in_active(from, heartbeat, now);
            }
            (State::Active, Event::Timeout) => self.timeout_in_active(now),
            (State::Active, Event::Yield) => self.give_way_by_command(now),
            (State::Active, Event::GroupLost) => self.leave_with_group(now),
            (State::Active, Event::Shutdown) => self.resign(Reason::Shutdown),
            (State::Active, Event::Reconfigure(config)) => self.reconfigure_active(config, now),
            (State::Active, Event::ClockGap(gap)) => self.gap_in_active(gap, now),
            (State::Active, Event::Unhold) => self.unhold(now),
            (State::Active, Event::Fit(fit)) => self.fitness_in_active(fit, now),
        }
    }

    /// What the driver is to do next; to be asked until it is `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Initialize => self.heard.map(|heard| self.silent_at(heard)),
            Phase::Backup(watch) => Some(watch.next()),
            Phase::Active(tenure) => Some(tenure.next()),
        }
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Initialize => State::Initialize,
            Phase::Backup(_) => State::Backup,
            Phase::Active(_) => State::Active,
        }
    }

    /// Why it is in this state.
    #[must_use]
    pub fn why(&self) -> Why {
        let active = match self.phase {
            Phase::Initialize | Phase::Backup(_) => self.heard,
            Phase::Active(_) => None,
        };
        Why {
            state: self.state(),
            reason: self.reason,
            active,
        }
    }

    /// Who holds the addresses, as far as this node knows: itself, or the Active it hears.
    #[must_use]
    pub fn holder(&self) -> Option<IpAddr> {
        match self.phase {
            Phase::Initialize | Phase::Backup(_) => self.heard.map(|heard| heard.from),
            Phase::Active(_) => Some(self.config.address),
        }
    }

    /// The Active heard last, unless it resigned or fell silent.
    #[must_use]
    pub fn heard(&self) -> Option<Heard> {
        self.heard
    }

    /// The priority with which this node takes part: as configured, 1 after a yield or while it is
    /// not fit to serve, 254 after it took over by command.
    #[must_use]
    pub fn effective_priority(&self) -> Priority {
        match self.command {
            Command::None if self.fit => self.config.priority,
            Command::None | Command::Yielded => Priority::LOWEST,
            Command::Held => Priority::HIGHEST.max(self.config.priority),
        }
    }

    /// The parameters in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether [`Event::TakeOver`] would make this node Active (or it is already).
    ///
    /// # Errors
    /// Why it would not.
    pub fn can_take_over(&self) -> Result<(), TakeOverRefusal> {
        match (&self.phase, self.heard) {
            (Phase::Initialize, _) => Err(TakeOverRefusal::NotAble(self.reason)),
            (Phase::Backup(_), Some(heard)) if heard.priority == Priority::OWNER => {
                Err(TakeOverRefusal::Owner(heard.from))
            }
            (Phase::Backup(_) | Phase::Active(_), _) => Ok(()),
        }
    }

    /// Section 6.4.1: Startup.
    fn start(&mut self, now: Instant) {
        self.able_since = Some(now);
        self.active_interval = self.config.interval;
        if self.owns_addresses() {
            self.become_active(Reason::Owner, now);
        } else {
            self.become_backup(Reason::Enabled, now);
        }
    }

    /// Leaves Backup for Initialize: nobody needs to be told.
    fn stop(&mut self, reason: Reason) {
        self.able_since = None;
        self.enter(Phase::Initialize, reason);
    }

    /// Whether this node is the owner of the addresses and acts as such.
    fn owns_addresses(&self) -> bool {
        self.effective_priority() == Priority::OWNER
    }

    /// Counts an advert; says whether it is to be looked at further.
    fn count(&mut self, from: IpAddr, heartbeat: Heartbeat) -> bool {
        if from == self.config.address {
            self.counters.own_address_heard += 1;
            return false;
        }
        self.counters.adverts_received += 1;
        if heartbeat.priority == Priority::RESIGN {
            self.counters.resignations_received += 1;
        }
        true
    }

    /// Notes who is Active.
    fn note(&mut self, from: IpAddr, heartbeat: Heartbeat, now: Instant) {
        if heartbeat.priority == Priority::RESIGN {
            self.heard = self.heard.filter(|heard| heard.from != from);
        } else {
            self.heard = Some(Heard {
                from,
                priority: heartbeat.priority,
                at: now,
            });
        }
    }

    /// When an Active that was heard counts as silent for a node that takes no part.
    fn silent_at(&self, heard: Heard) -> Instant {
        heard.at + self.down_interval(self.active_interval, Priority::LOWEST)
    }

    fn forget_silent_active(&mut self, now: Instant) {
        self.heard = self.heard.filter(|heard| self.silent_at(*heard) > now);
    }

    fn send(&mut self, priority: Priority) {
        self.counters.adverts_sent += 1;
        if priority == Priority::RESIGN {
            self.counters.resignations_sent += 1;
        }
        self.actions.push_back(Action::SendAdvert {
            priority,
            interval: self.config.interval,
        });
    }

    fn enter(&mut self, phase: Phase, reason: Reason) {
        let from = self.state();
        self.phase = phase;
        self.reason = reason;
        let to = self.state();
        // Whoever leaves Active has released the addresses by now; whoever takes no part seeks nothing.
        if from == State::Active || to == State::Initialize {
            self.drop_mandate(None);
        }
        self.actions
            .push_back(Action::Transition { from, to, reason });
    }
}
