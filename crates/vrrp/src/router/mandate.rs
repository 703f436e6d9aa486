//! Quorum mode: the mandate of a majority, without which this node is not Active.
//!
//! Where the state machine of RFC 9568 would enter Active, it asks for a mandate and stays Backup until
//! it has one. When the mandate is lost, Active ends, whatever adverts say.

use std::net::IpAddr;
use std::time::Instant;

use halo_packet::vrrp::Priority;

use super::backup::Watch;
use super::{Command, Phase, VirtualRouter};
use crate::{Action, Reason, State};

/// Whether a majority has agreed that this node holds the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mandate {
    /// It need not: availability first.
    NotNeeded,
    /// It has not been asked.
    None,
    /// It is being asked; why the node would be Active.
    Sought(Reason),
    /// It has.
    Held,
}

impl VirtualRouter {
    /// From now on this node needs a mandate to be Active: [`Action::SeekMandate`] asks for it, and
    /// [`crate::Event::MandateGranted`] gives it. To be called before the first event.
    #[must_use]
    pub fn with_quorum(mut self) -> Self {
        self.mandate = Mandate::None;
        self
    }

    /// Whether this node waits for a mandate to become Active.
    #[must_use]
    pub fn seeks_mandate(&self) -> bool {
        matches!(self.mandate, Mandate::Sought(_))
    }

    /// Whether this node may enter Active. If not, the mandate is asked for.
    pub(super) fn is_mandated(&mut self, reason: Reason, now: Instant) -> bool {
        match self.mandate {
            Mandate::NotNeeded | Mandate::Held => return true,
            // Nobody waits for a command that long: the Active that is heard stays what it is.
            Mandate::Sought(_)
                if self.command == Command::Held
                    && self.heard.is_some()
                    && reason != Reason::TookOver =>
            {
                self.give_up_asking(now);
            }
            Mandate::None | Mandate::Sought(_) => self.seek_mandate(reason, now),
        }
        false
    }

    /// What is not granted in time to a command is not asked for in its name any more.
    pub(super) fn give_up_asking(&mut self, now: Instant) {
        if self.command == Command::Held {
            self.command = Command::None;
        }
        self.drop_mandate(None);
        self.watch_anew(now);
    }

    fn seek_mandate(&mut self, reason: Reason, now: Instant) {
        self.mandate = Mandate::Sought(reason);
        let rival_at_the_top = self
            .heard
            .is_some_and(|heard| heard.priority >= Priority::HIGHEST);
        let priority = if self.command == Command::Held && rival_at_the_top {
            Priority::OWNER
        } else {
            self.effective_priority()
        };
        let challenge = match reason {
            Reason::Preempted { .. } | Reason::TookOver | Reason::Owner => true,
            // Whoever would win was left alone before.
            Reason::WithGroup => true,
            Reason::NoActive { .. } | Reason::Silent { .. } | Reason::Resigned { .. } => false,
            _ => self.heard.is_none(),
        };
        if self.state() == State::Initialize {
            self.become_backup(Reason::Enabled, now);
        } else {
            self.watch_anew(now);
        }
        self.actions.push_back(Action::SeekMandate {
            priority,
            challenge,
        });
    }

    /// When this runs out and no mandate has come, it is asked for again.
    fn watch_anew(&mut self, now: Instant) {
        self.phase = Phase::Backup(Watch::new(now, self.active_down_interval()));
    }

    /// A majority has agreed.
    pub(super) fn mandate_granted(&mut self, now: Instant) {
        match (self.mandate, &self.phase) {
            (Mandate::Sought(reason), Phase::Backup(_)) => {
                self.mandate = Mandate::Held;
                self.become_active(reason, now);
            }
            (Mandate::Held, Phase::Active(_)) | (Mandate::NotNeeded, _) => {}
            _ => self
                .actions
                .push_back(Action::DropMandate { successor: None }),
        }
    }

    /// A majority cannot be reached any more.
    pub(super) fn mandate_lost(&mut self, now: Instant) {
        if self.mandate != Mandate::Held {
            return;
        }
        self.end_command();
        self.active_interval = self.config.interval;
        self.send(Priority::RESIGN);
        self.actions.push_back(Action::Release);
        self.become_backup(Reason::NoMajority, now);
    }

    /// A node that a majority can hear wants the addresses: it is judged as its advert would be.
    pub(super) fn challenged(&mut self, by: IpAddr, theirs: Priority, now: Instant) {
        let ours = self.effective_priority();
        let outranked = theirs > ours || (theirs == ours && by > self.config.address);
        if self.mandate != Mandate::Held || self.owns_addresses() || !outranked {
            return;
        }
        let reason = if theirs > ours {
            Reason::Outranked {
                active: by,
                theirs,
                ours,
            }
        } else {
            Reason::TieLost {
                active: by,
                priority: ours,
            }
        };
        self.end_command();
        self.actions.push_back(Action::Release);
        self.drop_mandate(Some(by));
        self.become_backup(reason, now);
    }

    /// Whether the mandate is sought because of the sync group or a command, whatever Preempt_Mode says.
    pub(super) fn is_asked_to_take_over(&self) -> bool {
        matches!(
            self.mandate,
            Mandate::Sought(Reason::WithGroup | Reason::TookOver)
        )
    }

    /// An Active to be followed was heard: there is no vacancy to fill.
    pub(super) fn follow_instead(&mut self) {
        if matches!(self.mandate, Mandate::Sought(_)) {
            self.drop_mandate(None);
        }
    }

    /// Gives the mandate back, or stops asking. The addresses are off by then.
    pub(super) fn drop_mandate(&mut self, successor: Option<IpAddr>) {
        if matches!(self.mandate, Mandate::Sought(_) | Mandate::Held) {
            self.mandate = Mandate::None;
            self.actions.push_back(Action::DropMandate { successor });
        }
    }
}
