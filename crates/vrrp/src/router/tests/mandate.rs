//! Quorum mode.

use super::*;

fn seeks(priority: u8, challenge: bool) -> Action {
    Action::SeekMandate {
        priority: Priority(priority),
        challenge,
    }
}

const DROPS: Action = Action::DropMandate { successor: None };

/// A router that needs a mandate.
fn bench() -> Bench {
    let mut bench = Bench::new(config());
    bench.router = VirtualRouter::new(config()).with_quorum();
    bench.handle(Event::Enable);
    bench
}

fn seeking() -> Bench {
    let mut bench = bench();
    assert_eq!(bench.fire(), [seeks(100, false)]);
    assert!(bench.router.seeks_mandate());
    bench
}

fn active() -> Bench {
    let mut bench = seeking();
    let actions = bench.handle(Event::MandateGranted);
    assert_eq!(short(&actions), "100 C >Active");
    bench
}

#[test]
fn every_event_in_every_state_has_the_effect_of_the_table_in_quorum_mode() {
    let gap = Event::ClockGap(Duration::from_secs(10));
    let down = Event::Disable(DisableReason::InterfaceDown);
    // Event, then what it does in Backup, in Backup while the mandate is sought, and in Active.
    #[rustfmt::skip]
    let table: &[(Event, [&str; 3])] = &[
        (Event::Enable,           ["",             "",              ""]),
        (down,                    [">Initialize",  "D >Initialize", "0 R D >Initialize"]),
        (advert(HIGHER, 0),       ["",             "",              "100"]),
        (advert(LOWER, 99),       ["",             "",              "100"]),
        (advert(LOWER, 101),      ["",             "D",             "100 R D >Backup"]),
        (Event::Timeout,          ["",             "",              ""]),
        (Event::Yield,            ["",             "",              "0 R D >Backup"]),
        (Event::TakeOver,         ["S",            "S",             ""]),
        (GROUP_ACTIVE, ["S",            "S",             ""]),
        (Event::GroupLost,        ["",             "",              "0 R D >Backup"]),
        (Event::Shutdown,         [">Initialize",  "D >Initialize", "0 R D >Initialize"]),
        (gap,                     ["",             "",              "R D >Backup"]),
        (Event::Fit(false),       ["",             "",              "0 R D >Backup"]),
        (Event::MandateGranted,   ["D",            "100 C >Active", ""]),
        (Event::MandateLost,      ["",             "",              "0 R D >Backup"]),
        (challenge(LOWER, 99),    ["",             "",              ""]),
        (challenge(LOWER, 100),   ["",             "",              ""]),
        (challenge(HIGHER, 100),  ["",             "",              "R D >Backup"]),
        (challenge(LOWER, 101),   ["",             "",              "R D >Backup"]),
    ];
    for (event, expected) in table {
        let benches = [bench(), seeking(), active()];
        for (mut bench, expected) in benches.into_iter().zip(expected) {
            let state = bench.router.state();
            let actions = bench.handle(*event);
            assert_eq!(short(&actions), *expected, "{event:?} in {state:?}");
        }
    }
}

#[test]
fn a_node_without_a_mandate_stays_backup_and_asks_again() {
    let mut bench = seeking();
    for _ in 0..3 {
        assert_eq!(bench.fire(), [seeks(100, false)]);
        assert_eq!(bench.router.state(), State::Backup);
    }
}

#[test]
fn the_owner_of_the_addresses_needs_a_mandate_too() {
    let owner = Config {
        priority: Priority::OWNER,
        ..config()
    };
    let mut bench = Bench::new(owner);
    bench.router = VirtualRouter::new(owner).with_quorum();
    let actions = bench.handle(Event::Enable);
    assert_eq!(actions.last(), Some(&seeks(255, true)));
    assert_eq!(bench.router.state(), State::Backup);
}

#[test]
fn who_preempts_challenges_and_who_fills_a_vacancy_does_not() {
    let mut bench = bench();
    bench.advert(LOWER, 99);
    assert_eq!(bench.fire(), [seeks(100, true)]);
    let mut bench = seeking();
    bench.advert(LOWER, 99);
    assert!(
        bench.router.seeks_mandate(),
        "the vacancy was sought before"
    );
}

#[test]
fn a_challenger_is_named_the_successor() {
    let mut bench = active();
    let actions = bench.handle(challenge(LOWER, 200));
    let successor = Some(LOWER);
    assert_eq!(actions[1], Action::DropMandate { successor });
    assert_eq!(bench.router.effective_priority(), Priority(100));
}

#[test]
fn a_lost_mandate_is_the_reason_that_people_are_told() {
    let mut bench = active();
    bench.handle(Event::MandateLost);
    assert_eq!(bench.router.why().reason, Reason::NoMajority);
    assert_eq!(
        bench.router.why().to_string(),
        "no majority of the nodes could be reached"
    );
}

#[test]
fn a_takeover_that_finds_no_majority_is_given_up_while_an_active_is_heard() {
    let mut bench = bench();
    bench.advert(HIGHER, 200);
    assert_eq!(bench.handle(Event::TakeOver), [seeks(254, true)]);
    // An interval before its patience is over the Active is heard again.
    let patience = bench.remaining();
    bench.pass(patience - ms(100));
    bench.advert(HIGHER, 200);
    assert_eq!(bench.fire(), [DROPS]);
    assert_eq!(bench.router.effective_priority(), Priority(100));
}

#[test]
fn a_takeover_from_an_active_that_was_put_there_by_command_outranks_it() {
    let mut bench = bench();
    bench.advert(HIGHER, 254);
    assert_eq!(bench.handle(Event::TakeOver), [seeks(255, true)]);
}

#[test]
fn a_node_that_has_the_rest_of_its_group_challenges_an_owner_that_it_outranks_and_asks_once() {
    let mut bench = bench();
    bench.advert(LOWER, 100);
    assert_eq!(bench.handle(GROUP_ACTIVE), [seeks(100, true)]);
    assert_eq!(bench.handle(GROUP_ACTIVE), []);
    bench.advert(HIGHER, 101);
    assert_eq!(bench.handle(GROUP_ACTIVE), [], "it would win");
}
