//! One server's state machine.
//!
//! ```text
//!                 first result              fall failures in a row
//!   ┌─────────┐ ───passed──────► ┌────┐ ─────────────────────────► ┌──────┐
//!   │ Pending │                  │ Up │                            │ Down │
//!   └─────────┘ ───failed──┐     └────┘ ◄───────────────────────── └──────┘
//!     ▲  ▲                 └──────────────────────────────────────►   ▲
//!     │  └ maintenance, from any      rise successes in a row
//!     └ a new check, from any        Unchecked: no check is configured
//! ```
//!
//! A server without a check that refuses work (ICMP says that nobody listens) is `Refused`, and shown as
//! down, for a time.
//!
//! While a server is pending its first result decides at once, one way or the other: `rise` and
//! `fall` damp the flapping of a server whose state is known, and here there is none to hold on
//! to. Waiting `rise` intervals would only delay a node's start.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use halo_api::{AdminState, HealthState};

use crate::{is_checked, takes_work};

/// How many results in a row change a server's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Successes in a row that bring a server up; 0 counts as 1.
    pub rise: u32,
    /// Failures in a row that take it down; 0 counts as 1.
    pub fall: u32,
}

/// How long a server without a check is left alone after it refused work: long enough that few
/// datagrams are lost to one that is gone, short enough for one that was restarted.
pub const REFUSAL_TIME: Duration = Duration::from_secs(5);

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered as expected; how, in a sentence.
    Passed(String),
    /// It did not; why, in a sentence.
    Failed(String),
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Publish the new state and tell the operator.
    Changed(Change),
}

/// A change of a server's administrative or health state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The administrative state from now on.
    pub admin: AdminState,
    /// The health state from now on.
    pub health: HealthState,
    /// The health state before.
    pub was: HealthState,
    /// Whether the server takes new work from now on.
    pub takes_work: bool,
    /// Why, in a sentence.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No check is configured.
    Unchecked,
    /// Its next result decides; until then it counts as this.
    Pending(HealthState),
    /// Up, with so many failures in a row.
    Up(u32),
    /// Down, with so many successes in a row.
    Down(u32),
    /// No check is configured, and it refused work: left alone until then.
    Refused(Instant),
}

/// What happens to it, apart from the operator's wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A check passed.
    Passed,
    /// A check failed.
    Failed,
    /// There is a check that has not looked at it yet.
    NewCheck,
    /// There is no check any more.
    NoCheck,
    /// It goes to maintenance: whatever was known of it will be out of date.
    Maintenance,
    /// It refused work, and is to be left alone until then.
    Refusal(Instant),
    /// It was left alone for long enough.
    Retry,
}

/// One server's administrative and health state.
#[derive(Debug)]
pub struct Server {
    thresholds: Option<Thresholds>,
    admin: AdminState,
    state: State,
    since: Instant,
    last_check: Option<String>,
    actions: VecDeque<Action>,
}

impl Server {
    /// A server that nobody has looked at; without `thresholds` it has no check and counts as up.
    #[must_use]
    pub fn new(thresholds: Option<Thresholds>, now: Instant) -> Self {
        let state = match thresholds {
            Some(_) => State::Pending(HealthState::Unknown),
            None => State::Unchecked,
        };
        Self {
            thresholds,
            admin: AdminState::Ready,
            state,
            since: now,
            last_check: None,
            actions: VecDeque::new(),
        }
    }

    /// What the operator asked for.
    #[must_use]
    pub fn admin(&self) -> AdminState {
        self.admin
    }

    /// What the checks found.
    #[must_use]
    pub fn health(&self) -> HealthState {
        match self.state {
            State::Unchecked => HealthState::Unchecked,
            State::Pending(shown) => shown,
            State::Up(_) => HealthState::Up,
            State::Down(_) | State::Refused(_) => HealthState::Down,
        }
    }

    /// Whether it is given new work.
    #[must_use]
    pub fn takes_work(&self) -> bool {
        takes_work(self.admin, self.health())
    }

    /// Whether it has to be checked.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.thresholds.is_some()
            && match self.state {
                State::Unchecked | State::Refused(_) => false,
                // What is shown may still be `Unchecked`: the check is newer than that.
                State::Pending(_) => is_checked(self.admin, HealthState::Unknown),
                State::Up(_) | State::Down(_) => is_checked(self.admin, self.health()),
            }
    }

    /// Since when it has been in this administrative and health state.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What the last check found, in a sentence; `None`: none finished since the check or the
    /// server's maintenance began.
    #[must_use]
    pub fn last_check(&self) -> Option<&str> {
        self.last_check.as_deref()
    }

    /// Takes the result of a check. One that comes in after checks were switched off is dropped.
    pub fn handle_outcome(&mut self, outcome: Outcome, now: Instant) {
        if !self.is_checked() {
            return;
        }
        let (event, sentence) = match outcome {
            Outcome::Passed(sentence) => (Event::Passed, sentence),
            Outcome::Failed(sentence) => (Event::Failed, sentence),
        };
        self.last_check = Some(sentence.clone());
        let before = self.state;
        let was = self.health();
        self.state = self.next(event);
        if self.health() != was {
            self.changed(was, self.reason(before, sentence), now);
        }
    }

    /// Takes the news that the server refused work that was given to it; `sentence` says how. A
    /// server with a check has failed one; another is left alone for [`REFUSAL_TIME`].
    pub fn handle_refusal(&mut self, sentence: String, now: Instant) {
        if self.is_checked() {
            return self.handle_outcome(Outcome::Failed(sentence), now);
        }
        let was = self.health();
        self.state = self.next(Event::Refusal(now + REFUSAL_TIME));
        if self.health() != was {
            self.changed(was, sentence, now);
        }
    }

    /// When [`Server::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Refused(until) => Some(until),
            State::Unchecked | State::Pending(_) | State::Up(_) | State::Down(_) => None,
        }
    }

    /// Gives a server that was left alone another chance, when its time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|until| until <= now) {
            let was = self.health();
            self.state = self.next(Event::Retry);
            self.changed(was, "it was left alone for long enough".to_owned(), now);
        }
    }

    /// Takes the operator's wish.
    pub fn handle_admin(&mut self, admin: AdminState, now: Instant) {
        if admin == self.admin {
            return;
        }
        let was = self.health();
        self.admin = admin;
        let reason = match admin {
            AdminState::Ready => "made ready by the operator",
            AdminState::Drain => "drained by the operator",
            AdminState::Maint => {
                self.state = self.next(Event::Maintenance);
                self.last_check = None;
                "put in maintenance by the operator"
            }
        };
        self.changed(was, reason.to_string(), now);
    }

    /// Takes a check that replaces the one so far, or none. The server keeps its state until the
    /// new check's first result, so that a reload never takes a pool out of service.
    pub fn handle_check(&mut self, thresholds: Option<Thresholds>, now: Instant) {
        let was = self.health();
        self.thresholds = thresholds;
        self.last_check = None;
        self.state = self.next(match thresholds {
            Some(_) => Event::NewCheck,
            None => Event::NoCheck,
        });
        if self.health() != was {
            let reason = "its health check was removed from the configuration";
            self.changed(was, reason.to_string(), now);
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next(&self, event: Event) -> State {
        let (rise, fall) = self
            .thresholds
            .map_or((1, 1), |t| (t.rise.max(1), t.fall.max(1)));
        match (self.state, event) {
            (State::Unchecked, Event::Passed | Event::Failed) => State::Unchecked,
            (State::Unchecked, Event::NewCheck) => State::Pending(HealthState::Unchecked),
            (State::Unchecked, Event::NoCheck | Event::Maintenance) => State::Unchecked,
            (State::Unchecked, Event::Refusal(until)) => State::Refused(until),
            (State::Unchecked, Event::Retry) => State::Unchecked,

            (State::Refused(until), Event::Passed | Event::Failed) => State::Refused(until),
            (State::Refused(_), Event::NewCheck) => State::Pending(HealthState::Down),
            (State::Refused(_), Event::NoCheck | Event::Maintenance | Event::Retry) => {
                State::Unchecked
            }
            (State::Refused(_), Event::Refusal(until)) => State::Refused(until),

            // A check judges it, to which a refusal is told as a failure.
            (
                State::Pending(_) | State::Up(_) | State::Down(_),
                Event::Refusal(_) | Event::Retry,
            ) => self.state,

            (State::Pending(_), Event::Passed) => State::Up(0),
            (State::Pending(_), Event::Failed) => State::Down(0),
            (State::Pending(shown), Event::NewCheck) => State::Pending(shown),
            (State::Pending(_), Event::NoCheck) => State::Unchecked,
            (State::Pending(_), Event::Maintenance) => State::Pending(HealthState::Unknown),

            (State::Up(_), Event::Passed) => State::Up(0),
            (State::Up(failures), Event::Failed) if failures.saturating_add(1) >= fall => {
                State::Down(0)
            }
            (State::Up(failures), Event::Failed) => State::Up(failures.saturating_add(1)),
            (State::Up(_), Event::NewCheck) => State::Pending(HealthState::Up),
            (State::Up(_), Event::NoCheck) => State::Unchecked,
            (State::Up(_), Event::Maintenance) => State::Pending(HealthState::Unknown),

            (State::Down(_), Event::Failed) => State::Down(0),
            (State::Down(successes), Event::Passed) if successes.saturating_add(1) >= rise => {
                State::Up(0)
            }
            (State::Down(successes), Event::Passed) => State::Down(successes.saturating_add(1)),
            (State::Down(_), Event::NewCheck) => State::Pending(HealthState::Down),
            (State::Down(_), Event::NoCheck) => State::Unchecked,
            (State::Down(_), Event::Maintenance) => State::Pending(HealthState::Unknown),
        }
    }

    /// A result's sentence, with the number of results that it took.
    fn reason(&self, before: State, sentence: String) -> String {
        let streak = match before {
            State::Up(failures) => failures.saturating_add(1),
            State::Down(successes) => successes.saturating_add(1),
            State::Pending(_) | State::Unchecked | State::Refused(_) => 1,
        };
        if streak > 1 {
            format!("{sentence} ({streak} times in a row)")
        } else {
            sentence
        }
    }

    fn changed(&mut self, was: HealthState, reason: String, now: Instant) {
        self.since = now;
        self.actions.push_back(Action::Changed(Change {
            admin: self.admin,
            health: self.health(),
            was,
            takes_work: self.takes_work(),
            reason,
            at: now,
        }));
    }
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
