//! The state machine, arm by arm, and by section of RFC 9568.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::*;
use crate::{Answer, ReannounceCause, Version, group_event};

mod beyond;
mod detection;
mod group;
mod mandate;
mod rfc;

pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 12));
pub(super) const LOWER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
pub(super) const HIGHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 13));

/// Another of the sync group is Active here, with the priority that this one has.
pub(super) const GROUP_ACTIVE: Event = Event::GroupActive {
    priority: Priority(100),
};

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn config() -> Config {
    Config {
        version: Version::V3,
        address: HERE,
        priority: Priority(100),
        interval: Centiseconds::SECOND,
        preempt: true,
        preempt_delay: Duration::ZERO,
    }
}

/// A router with a clock of its own, and what it asked for last.
pub(super) struct Bench {
    pub(super) router: VirtualRouter,
    pub(super) now: Instant,
}

impl Bench {
    pub(super) fn new(config: Config) -> Self {
        Self {
            router: VirtualRouter::new(config),
            now: Instant::now(),
        }
    }

    /// A router in this state, without actions left to take.
    pub(super) fn in_state(state: State, config: Config) -> Self {
        let mut bench = Self::new(config);
        match state {
            State::Initialize => {}
            State::Backup => drop(bench.handle(Event::Enable)),
            State::Active => {
                bench.handle(Event::Enable);
                bench.fire();
            }
        }
        assert_eq!(bench.router.state(), state);
        bench
    }

    pub(super) fn handle(&mut self, event: Event) -> Vec<Action> {
        self.router.handle_event(event, self.now);
        std::iter::from_fn(|| self.router.poll_action()).collect()
    }

    pub(super) fn advert(&mut self, from: IpAddr, priority: u8) -> Vec<Action> {
        self.handle(advert(from, priority))
    }

    /// Lets the time pass to the next timeout and fires it.
    pub(super) fn fire(&mut self) -> Vec<Action> {
        self.now = self.router.poll_timeout().expect("a timer is running");
        self.handle(Event::Timeout)
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Time until the timer fires.
    pub(super) fn remaining(&self) -> Duration {
        let due = self.router.poll_timeout().expect("a timer is running");
        due.saturating_duration_since(self.now)
    }
}

pub(super) fn advert(from: IpAddr, priority: u8) -> Event {
    let heartbeat = Heartbeat {
        priority: Priority(priority),
        interval: Centiseconds::SECOND,
    };
    Event::Advert { from, heartbeat }
}

pub(super) fn challenge(by: IpAddr, priority: u8) -> Event {
    let priority = Priority(priority);
    Event::Challenged { by, priority }
}

pub(super) fn sends(priority: u8) -> Action {
    Action::SendAdvert {
        priority: Priority(priority),
        interval: Centiseconds::SECOND,
    }
}

/// The actions in short: adverts by priority, C(laim), R(elease), A(nnounce), S(eek) and
/// D(rop) the mandate, and the state entered.
fn short(actions: &[Action]) -> String {
    let words = actions.iter().map(|action| match action {
        Action::SendAdvert { priority, .. } => format!("{priority}"),
        Action::Claim => "C".to_owned(),
        Action::Release => "R".to_owned(),
        Action::Reannounce(_) => "A".to_owned(),
        Action::SeekMandate { .. } => "S".to_owned(),
        Action::DropMandate { .. } => "D".to_owned(),
        Action::Probe(_) => "?".to_owned(),
        Action::Transition { to, .. } => format!(">{to:?}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_event_in_every_state_has_the_effect_of_the_table() {
    let faster = Config {
        interval: Centiseconds::new(10).unwrap(),
        ..config()
    };
    let gap = Event::ClockGap(Duration::from_secs(10));
    let down = Event::Disable(DisableReason::InterfaceDown);
    let detection = Event::Detection(None);
    let answer = |answer| Event::Answer {
        from: HIGHER,
        answer,
    };
    let appointed = |hold| Event::Appointed { by: HIGHER, hold };
    // Event, then what it does in Initialize, Backup and Active.
    #[rustfmt::skip]
    let table: &[(Event, [&str; 3])] = &[
        (Event::Enable,               [">Backup", "",                 ""]),
        (down,                        ["",        ">Initialize",      "0 R >Initialize"]),
        (advert(HIGHER, 0),           ["",        "",                 "100"]),
        (advert(LOWER, 99),           ["",        "",                 "100"]),
        (advert(HIGHER, 99),          ["",        "",                 "100"]),
        (advert(LOWER, 100),          ["",        "",                 "100"]),
        (advert(HIGHER, 100),         ["",        "",                 "100 R >Backup"]),
        (advert(LOWER, 101),          ["",        "",                 "100 R >Backup"]),
        (advert(HIGHER, 255),         ["",        "",                 "100 R >Backup"]),
        (advert(HERE, 200),           ["",        "",                 ""]),
        (Event::Timeout,              ["",        "",                 ""]),
        (Event::Yield,                ["",        "",                 "0 R >Backup"]),
        (Event::TakeOver,             ["",        "254 C >Active",    ""]),
        (GROUP_ACTIVE, ["",        "100 C >Active",    ""]),
        (Event::GroupLost,            ["",        "",                 "0 R >Backup"]),
        (Event::Shutdown,             ["",        ">Initialize",      "0 R >Initialize"]),
        (Event::Reconfigure(config()),["",        "",                 ""]),
        (Event::Reconfigure(faster),  ["",        "",                 "100"]),
        (gap,                         ["",        "",                 "R >Backup"]),
        (Event::ClockGap(ms(500)),    ["",        "",                 ""]),
        (Event::MandateGranted,       ["",        "",                 ""]),
        (Event::MandateLost,          ["",        "",                 ""]),
        (challenge(LOWER, 200),       ["",        "",                 ""]),
        (Event::Fit(true),            ["",        "",                 ""]),
        (Event::Paused(true),         ["",        "",                 ""]),
        (Event::Unhold,               ["",        "",                 ""]),
        (Event::Fit(false),           ["",        "",                 "0 R >Backup"]),
        (detection,                   ["",        "",                 ""]),
        (answer(Answer::Active(Priority(200))), ["", "",              ""]),
        (answer(Answer::NotActive),   ["",        "",                 ""]),
        (answer(Answer::Kernel),      ["",        "",                 ""]),
        (appointed(false),            ["",        "100 C >Active",    ""]),
        (appointed(true),             ["",        "254 C >Active",    ""]),
    ];
    for (event, expected) in table {
        let states = [State::Initialize, State::Backup, State::Active];
        for (state, expected) in states.into_iter().zip(expected) {
            let mut bench = Bench::in_state(state, config());
            let actions = bench.handle(*event);
            assert_eq!(short(&actions), *expected, "{event:?} in {state:?}");
        }
    }
}

#[test]
fn transitions_say_where_from_where_to_and_why() {
    let mut bench = Bench::in_state(State::Active, config());
    let actions = bench.advert(LOWER, 150);
    let reason = Reason::Outranked {
        active: LOWER,
        theirs: Priority(150),
        ours: Priority(100),
    };
    let transition = Action::Transition {
        from: State::Active,
        to: State::Backup,
        reason,
    };
    assert_eq!(actions.last(), Some(&transition));
    assert_eq!(bench.router.why().reason, reason);
    assert_eq!(
        bench.router.why().to_string(),
        "10.77.0.11 is Active with priority 150"
    );
}

#[test]
fn the_holder_is_who_was_heard_last_or_the_node_itself() {
    let mut bench = Bench::in_state(State::Backup, config());
    assert_eq!(bench.router.holder(), None);
    bench.advert(LOWER, 200);
    assert_eq!(bench.router.holder(), Some(LOWER));
    bench.advert(LOWER, 0);
    assert_eq!(bench.router.holder(), None);
    bench.fire();
    assert_eq!(bench.router.holder(), Some(HERE));
}

#[test]
fn a_node_that_takes_no_part_still_knows_the_holder_until_it_falls_silent() {
    let mut bench = Bench::in_state(State::Initialize, config());
    bench.advert(LOWER, 200);
    assert_eq!(bench.router.holder(), Some(LOWER));
    assert_eq!(bench.fire(), []);
    assert_eq!(bench.router.holder(), None);
    assert_eq!(bench.router.poll_timeout(), None);
}

#[test]
fn counters_count() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.advert(LOWER, 50);
    bench.advert(LOWER, 50);
    bench.advert(LOWER, 0);
    bench.advert(HERE, 50);
    bench.handle(Event::Shutdown);
    let expected = Counters {
        adverts_sent: 3,
        resignations_sent: 1,
        adverts_received: 3,
        resignations_received: 1,
        own_address_heard: 1,
        owners_heard: 0,
        rivals_heard: 2,
        answers_suppressed: 2,
        became_active: 1,
        pauses: 0,
        suspicions: 0,
    };
    assert_eq!(*bench.router.counters(), expected);
}
