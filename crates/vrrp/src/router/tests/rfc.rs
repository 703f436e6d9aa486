//! RFC 9568, by section.

use super::*;

#[test]
fn section_6_4_1_the_owner_becomes_active_at_once() {
    let owner = Config {
        priority: Priority::OWNER,
        ..config()
    };
    let mut bench = Bench::new(owner);
    let actions = bench.handle(Event::Enable);
    assert_eq!(actions[..2], [sends(255), Action::Claim]);
    assert_eq!(bench.router.state(), State::Active);
    assert_eq!(bench.remaining(), ms(1000));
}

#[test]
fn section_6_4_1_anyone_else_becomes_backup_and_waits_for_active_down_interval() {
    let mut bench = Bench::new(config());
    bench.handle(Event::Enable);
    assert_eq!(bench.router.state(), State::Backup);
    assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
}

#[test]
fn section_6_4_2_a_backup_that_hears_nothing_becomes_active() {
    let mut bench = Bench::in_state(State::Backup, config());
    let actions = bench.fire();
    assert_eq!(actions[..2], [sends(100), Action::Claim]);
    assert_eq!(bench.router.state(), State::Active);
    assert_eq!(bench.remaining(), ms(1000));
}

#[test]
fn section_6_4_2_priority_0_sets_the_timer_to_skew_time() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 200);
    bench.advert(HIGHER, 0);
    assert_eq!(bench.remaining(), Duration::from_micros(609_375));
    bench.fire();
    assert_eq!(
        bench.router.why().reason,
        Reason::Resigned { active: HIGHER }
    );
}

#[test]
fn section_6_4_2_an_advert_of_equal_or_higher_priority_restarts_the_timer() {
    for priority in [100, 101, 255] {
        let mut bench = Bench::in_state(State::Backup, config());
        let whole = bench.remaining();
        bench.pass(ms(3000));
        bench.advert(LOWER, priority);
        assert_eq!(bench.remaining(), whole, "priority {priority}");
    }
}

#[test]
fn section_6_4_2_the_interval_of_the_active_is_learned() {
    let mut bench = Bench::in_state(State::Backup, config());
    let heartbeat = Heartbeat {
        priority: Priority(200),
        interval: Centiseconds::new(10).unwrap(),
    };
    bench.handle(Event::Advert {
        from: HIGHER,
        heartbeat,
    });
    assert_eq!(bench.remaining(), Duration::from_nanos(360_937_500));
    assert_eq!(bench.router.active_down_interval(), bench.remaining());
}

#[test]
fn section_6_4_2_a_lower_priority_is_discarded_when_preempting() {
    let mut bench = Bench::in_state(State::Backup, config());
    let due = bench.router.poll_timeout();
    for _ in 0..3 {
        bench.pass(ms(1000));
        bench.advert(HIGHER, 99);
        assert_eq!(bench.router.poll_timeout(), due);
    }
    bench.fire();
    let reason = Reason::Preempted {
        active: HIGHER,
        theirs: Priority(99),
        ours: Priority(100),
    };
    assert_eq!(bench.router.why().reason, reason);
}

#[test]
fn section_6_4_2_a_lower_priority_is_followed_when_not_preempting() {
    let patient = Config {
        preempt: false,
        ..config()
    };
    let mut bench = Bench::in_state(State::Backup, patient);
    for _ in 0..10 {
        bench.pass(ms(1000));
        bench.advert(LOWER, 2);
        assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
    }
    bench.fire();
    assert_eq!(bench.router.state(), State::Active);
}

#[test]
fn section_6_4_2_a_shutdown_of_a_backup_is_silent() {
    let mut bench = Bench::in_state(State::Backup, config());
    let actions = bench.handle(Event::Shutdown);
    assert!(matches!(
        actions[..],
        [Action::Transition {
            to: State::Initialize,
            ..
        }]
    ));
    assert_eq!(bench.router.poll_timeout(), None);
}

#[test]
fn section_6_4_3_an_active_advertises_every_interval() {
    let mut bench = Bench::in_state(State::Active, config());
    let start = bench.now;
    for count in 1..=5 {
        let sent = loop {
            let actions = bench.fire();
            if actions.contains(&sends(100)) {
                break bench.now;
            }
        };
        assert_eq!(sent - start, ms(1000 * count));
    }
}

#[test]
fn section_6_4_3_a_late_wake_up_does_not_move_the_grid() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.pass(ms(1300));
    assert!(bench.handle(Event::Timeout).contains(&sends(100)));
    assert_eq!(bench.remaining(), ms(700));
    bench.pass(ms(700 + 1100));
    assert!(bench.handle(Event::Timeout).contains(&sends(100)));
    assert_eq!(bench.remaining(), ms(1000));
}

#[test]
fn section_6_4_3_priority_0_is_answered_at_once_and_restarts_the_timer() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.pass(ms(400));
    assert_eq!(bench.advert(HIGHER, 0), [sends(100)]);
    bench.pass(ms(600));
    let after_claim = Action::Reannounce(ReannounceCause::AfterClaim);
    assert_eq!(bench.handle(Event::Timeout), [after_claim]);
    assert_eq!(bench.remaining(), ms(400));
}

#[test]
fn section_6_4_3_a_higher_priority_wins() {
    let mut bench = Bench::in_state(State::Active, config());
    let actions = bench.advert(LOWER, 101);
    assert_eq!(actions[..2], [sends(100), Action::Release]);
    assert_eq!(bench.router.state(), State::Backup);
    assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
}

#[test]
fn section_6_4_3_at_equal_priority_the_higher_address_wins() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.advert(LOWER, 100);
    assert_eq!(bench.router.state(), State::Active);
    bench.advert(HIGHER, 100);
    assert_eq!(bench.router.state(), State::Backup);
    let reason = Reason::TieLost {
        active: HIGHER,
        priority: Priority(100),
    };
    assert_eq!(bench.router.why().reason, reason);
}

#[test]
fn section_6_4_3_a_lower_priority_is_answered_to_assert_the_active() {
    let mut bench = Bench::in_state(State::Active, config());
    let due = bench.router.poll_timeout();
    assert_eq!(bench.advert(HIGHER, 99), [sends(100)]);
    assert_eq!(bench.router.poll_timeout(), due);
}

#[test]
fn section_6_4_3_a_shutdown_says_priority_0() {
    let mut bench = Bench::in_state(State::Active, config());
    let actions = bench.handle(Event::Shutdown);
    assert_eq!(actions[..2], [sends(0), Action::Release]);
    assert_eq!(bench.router.state(), State::Initialize);
    assert_eq!(bench.router.poll_timeout(), None);
}

#[test]
fn section_7_1_erratum_8298_two_owners_are_counted_and_left_to_the_election() {
    let owner = Config {
        priority: Priority::OWNER,
        ..config()
    };
    let mut bench = Bench::new(owner);
    bench.handle(Event::Enable);
    bench.pass(ms(10));
    assert_eq!(bench.advert(LOWER, 255), [sends(255)]);
    assert_eq!(bench.router.state(), State::Active);
    bench.advert(HIGHER, 255);
    assert_eq!(bench.router.state(), State::Backup);
    assert_eq!(bench.router.counters().owners_heard, 2);
}

#[test]
fn section_6_4_3_the_owner_gives_way_to_no_lower_priority() {
    let owner = Config {
        priority: Priority::OWNER,
        ..config()
    };
    let mut bench = Bench::new(owner);
    bench.handle(Event::Enable);
    assert_eq!(bench.advert(HIGHER, 254), [sends(255)]);
    assert_eq!(bench.router.state(), State::Active);
}

#[test]
fn section_6_1_the_owner_preempts_even_when_told_not_to() {
    let owner = Config {
        priority: Priority::OWNER,
        preempt: false,
        ..config()
    };
    let mut bench = Bench::new(owner);
    bench.handle(Event::Enable);
    bench.handle(Event::ClockGap(Duration::from_secs(60)));
    assert_eq!(bench.router.state(), State::Backup);
    let due = bench.router.poll_timeout();
    bench.pass(ms(1000));
    bench.advert(LOWER, 254);
    assert_eq!(bench.router.poll_timeout(), due);
}
