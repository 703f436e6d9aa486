//! What goes beyond RFC 9568.

use super::*;

#[test]
fn a_yielded_node_has_the_lowest_priority_until_it_is_active_again() {
    let mut bench = Bench::in_state(State::Active, config());
    let actions = bench.handle(Event::Yield);
    assert_eq!(actions[..2], [sends(0), Action::Release]);
    assert_eq!(bench.router.effective_priority(), Priority::LOWEST);
    bench.advert(LOWER, 50);
    assert_eq!(bench.remaining(), Duration::from_nanos(3_996_093_750));
    // That one seems dead. Should it only be late, it is to have the addresses back.
    let took_over = bench.now + bench.remaining();
    for _ in 0..4 {
        let actions = bench.fire();
        assert_eq!(actions[0], sends(1));
        assert_eq!(bench.router.state(), State::Active);
    }
    // Announced again a second after the claim, and nobody heard for as long as anyone is waited for.
    while bench.router.effective_priority() == Priority::LOWEST {
        bench.fire();
    }
    assert_eq!(bench.now - took_over, Duration::from_nanos(3_996_093_750));
    assert_eq!(bench.router.effective_priority(), Priority(100));
    assert_eq!(bench.fire()[0], sends(100));
}

#[test]
fn an_active_that_was_only_late_keeps_what_an_operator_gave_it() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.handle(Event::Yield);
    bench.advert(LOWER, 50);
    bench.fire();
    assert_eq!(bench.router.state(), State::Active);
    // It lives, and its next advert is heard.
    bench.pass(ms(100));
    let actions = bench.advert(LOWER, 50);
    assert_eq!(short(&actions), "1 R >Backup");
    for _ in 0..20 {
        bench.pass(Duration::from_secs(1));
        bench.advert(LOWER, 50);
        assert_eq!(bench.router.state(), State::Backup);
    }
}

#[test]
fn a_yielded_node_is_itself_again_when_it_hears_an_active_it_would_follow_anyhow() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.handle(Event::Yield);
    bench.advert(LOWER, 100);
    assert_eq!(bench.router.effective_priority(), Priority::LOWEST);
    bench.advert(LOWER, 101);
    assert_eq!(bench.router.effective_priority(), Priority(100));
}

#[test]
fn a_yield_outlives_a_restart_of_the_data_plane() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.handle(Event::Yield);
    bench.handle(Event::Disable(DisableReason::DataPlaneDown));
    bench.handle(Event::Enable);
    assert_eq!(bench.router.effective_priority(), Priority::LOWEST);
}

#[test]
fn a_node_that_took_over_outranks_a_higher_configured_priority() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 200);
    let actions = bench.handle(Event::TakeOver);
    assert_eq!(actions[..2], [sends(254), Action::Claim]);
    assert_eq!(bench.advert(HIGHER, 200), [sends(254)]);
    assert_eq!(bench.router.effective_priority(), Priority(254));
}

#[test]
fn what_a_takeover_raised_ends_with_the_tenure() {
    for end in [
        Event::Disable(DisableReason::DataPlaneDown),
        Event::Shutdown,
        Event::ClockGap(Duration::from_secs(60)),
        advert(LOWER, 255),
    ] {
        let mut bench = Bench::in_state(State::Backup, config());
        bench.handle(Event::TakeOver);
        bench.handle(end);
        assert_eq!(bench.router.effective_priority(), Priority(100), "{end:?}");
    }
}

#[test]
fn a_failover_can_be_taken_back_from_either_address() {
    for (here, there) in [(LOWER, HIGHER), (HIGHER, LOWER)] {
        let node = |address| Config {
            address,
            ..config()
        };
        let mut holder = Bench::in_state(State::Backup, node(there));
        holder.handle(Event::TakeOver);
        let mut taker = Bench::in_state(State::Backup, node(here));
        taker.advert(there, 254);
        let actions = taker.handle(Event::TakeOver);
        let Some(Action::SendAdvert { priority, .. }) = actions.first() else {
            panic!("no advert first: {actions:?}");
        };
        holder.advert(here, priority.get());
        assert_eq!(holder.router.state(), State::Backup);
        // An advert of the former holder that was on its way changes nothing.
        taker.advert(there, 254);
        assert_eq!(taker.router.state(), State::Active);
    }
}

#[test]
fn the_highest_claim_lasts_three_intervals() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 254);
    let mut sent = bench.handle(Event::TakeOver);
    while bench.router.counters().adverts_sent < 4 {
        sent.extend(bench.fire());
    }
    let priorities: Vec<u8> = sent
        .iter()
        .filter_map(|action| match action {
            Action::SendAdvert { priority, .. } => Some(priority.get()),
            _ => None,
        })
        .collect();
    assert_eq!(priorities, [255, 255, 255, 254]);
}

#[test]
fn the_owner_cannot_be_taken_over_from() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 255);
    assert_eq!(
        bench.router.can_take_over(),
        Err(TakeOverRefusal::Owner(HIGHER))
    );
    assert_eq!(bench.handle(Event::TakeOver), []);
}

#[test]
fn a_node_that_is_not_able_cannot_take_over() {
    let bench = Bench::in_state(State::Initialize, config());
    let reason = Reason::Disabled(DisableReason::Starting);
    assert_eq!(
        bench.router.can_take_over(),
        Err(TakeOverRefusal::NotAble(reason))
    );
}

#[test]
fn preemption_waits_for_its_delay_after_the_node_became_able() {
    let delayed = Config {
        preempt_delay: ms(5000),
        ..config()
    };
    let mut bench = Bench::new(delayed);
    bench.pass(ms(9000));
    bench.handle(Event::Enable);
    for _ in 0..4 {
        bench.pass(ms(1000));
        bench.advert(LOWER, 50);
        assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
    }
    bench.pass(ms(1000));
    bench.advert(LOWER, 50);
    assert_eq!(bench.remaining(), Duration::from_micros(2_609_375));
}

#[test]
fn without_an_active_no_delay_holds_a_node_back() {
    let delayed = Config {
        preempt_delay: Duration::from_secs(600),
        ..config()
    };
    let mut bench = Bench::in_state(State::Backup, delayed);
    bench.fire();
    assert_eq!(bench.router.state(), State::Active);
}

#[test]
fn rivals_are_answered_once_an_interval_however_many_there_are() {
    let mut bench = Bench::in_state(State::Active, config());
    let start = bench.router.counters().adverts_sent;
    for _ in 0..1000 {
        bench.pass(ms(1));
        bench.advert(LOWER, 50);
        bench.advert(LOWER, 0);
    }
    let answers = bench.router.counters().adverts_sent - start;
    assert!(answers <= 2, "{answers} answers in one interval");
    assert!(bench.remaining() <= ms(1));
}

#[test]
fn the_addresses_are_announced_again_after_the_claim_and_now_and_then() {
    let mut bench = Bench::in_state(State::Active, config());
    let start = bench.now;
    let mut announced = Vec::new();
    while bench.now - start < Duration::from_secs(130) {
        for action in bench.fire() {
            if let Action::Reannounce(cause) = action {
                announced.push(((bench.now - start).as_secs(), cause));
            }
        }
    }
    let expected = [
        (1, ReannounceCause::AfterClaim),
        (61, ReannounceCause::Refresh),
        (121, ReannounceCause::Refresh),
    ];
    assert_eq!(announced, expected);
}

#[test]
fn the_addresses_are_announced_again_an_interval_after_a_rival() {
    let mut bench = Bench::in_state(State::Active, config());
    for _ in 0..7 {
        bench.fire();
    }
    bench.pass(ms(10));
    bench.advert(LOWER, 50);
    let heard = bench.now;
    let announced = loop {
        let actions = bench.fire();
        if actions.contains(&Action::Reannounce(ReannounceCause::Rival(LOWER))) {
            break bench.now;
        }
    };
    assert_eq!(announced - heard, ms(1000));
}

#[test]
fn a_rival_puts_off_the_announcement_after_the_claim_and_does_not_stop_it() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.pass(ms(10));
    bench.advert(LOWER, 50);
    let start = bench.now;
    let mut announced = Vec::new();
    while bench.now - start < Duration::from_secs(10) {
        for action in bench.fire() {
            if let Action::Reannounce(cause) = action {
                announced.push(((bench.now - start).as_secs(), cause));
            }
        }
    }
    let expected = [
        (1, ReannounceCause::Rival(LOWER)),
        (2, ReannounceCause::AfterClaim),
    ];
    assert_eq!(announced, expected);
}

#[test]
fn an_active_that_gives_way_lets_the_winner_know_that_it_was_there() {
    let node = |address, priority| Config {
        address,
        priority: Priority(priority),
        ..config()
    };
    let mut winner = Bench::in_state(State::Active, node(LOWER, 200));
    let mut loser = Bench::in_state(State::Active, node(HIGHER, 100));
    assert_eq!(loser.advert(LOWER, 200)[..2], [sends(100), Action::Release]);
    winner.advert(HIGHER, 100);
    winner.pass(ms(1000));
    let again = Action::Reannounce(ReannounceCause::Rival(HIGHER));
    assert!(winner.handle(Event::Timeout).contains(&again));
}

#[test]
fn an_active_that_woke_too_late_lets_go_without_a_word() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.pass(ms(3620));
    let actions = bench.handle(Event::Timeout);
    assert_eq!(actions[0], Action::Release);
    assert!(matches!(
        actions[1..],
        [Action::Transition {
            to: State::Backup,
            ..
        }]
    ));
    assert_eq!(bench.router.counters().pauses, 1);
}

#[test]
fn an_active_that_was_paused_does_not_answer_what_waited_for_it() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.pass(ms(3620));
    let actions = bench.advert(LOWER, 50);
    assert_eq!(actions[0], Action::Release);
    assert!(matches!(
        actions[1..],
        [Action::Transition {
            to: State::Backup,
            ..
        }]
    ));
    assert_eq!(bench.router.holder(), Some(LOWER));
}

#[test]
fn a_backup_that_woke_late_listens_before_it_takes_over_but_only_once() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 200);
    bench.pass(bench.remaining() + ms(1001));
    assert_eq!(bench.handle(Event::Timeout), []);
    assert_eq!(bench.remaining(), Duration::from_micros(1_609_375));
    bench.pass(bench.remaining() + ms(1001));
    assert!(bench.handle(Event::Timeout).contains(&Action::Claim));
}

#[test]
fn a_backup_that_was_paused_for_long_listens_each_time() {
    let mut bench = Bench::in_state(State::Backup, config());
    for _ in 0..3 {
        bench.pass(bench.remaining() + Duration::from_secs(60));
        assert_eq!(bench.handle(Event::Timeout), []);
        assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
    }
}

#[test]
fn a_changed_configuration_moves_nothing_and_is_told_at_once() {
    let mut bench = Bench::in_state(State::Active, config());
    let changed = Config {
        priority: Priority(120),
        interval: Centiseconds::new(10).unwrap(),
        ..config()
    };
    let actions = bench.handle(Event::Reconfigure(changed));
    let told = Action::SendAdvert {
        priority: Priority(120),
        interval: Centiseconds::new(10).unwrap(),
    };
    assert_eq!(actions, [told]);
    assert_eq!(bench.remaining(), ms(100));
    assert_eq!(bench.router.state(), State::Active);
}

#[test]
fn an_unfit_node_counts_as_the_lowest_and_takes_over_only_when_nobody_is_there() {
    let mut bench = Bench::in_state(State::Active, config());
    bench.handle(Event::Fit(false));
    assert_eq!(bench.router.effective_priority(), Priority::LOWEST);
    bench.advert(LOWER, 2);
    assert_eq!(bench.router.state(), State::Backup);
    assert_eq!(bench.router.holder(), Some(LOWER));
    let actions = bench.fire();
    assert_eq!(actions.first(), Some(&sends(1)), "nobody else is alive");
    assert_eq!(bench.router.state(), State::Active);
    assert_eq!(bench.handle(Event::Fit(true)), [sends(100)]);
    assert_eq!(bench.handle(Event::Fit(true)), []);
}

#[test]
fn an_unfit_active_is_relieved_even_without_preemption() {
    let mut bench = Bench::in_state(
        State::Backup,
        Config {
            preempt: false,
            ..config()
        },
    );
    bench.advert(LOWER, 2);
    let patience = bench.remaining();
    bench.pass(ms(500));
    bench.advert(LOWER, 1);
    assert_eq!(bench.remaining(), patience - ms(500), "the timer runs on");
    bench.fire();
    assert_eq!(bench.router.state(), State::Active);
}

#[test]
fn a_paused_backup_takes_over_from_nobody_but_an_active_that_gives_up() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.handle(Event::Paused(true));
    bench.advert(LOWER, 50);
    for _ in 0..5 {
        assert_eq!(bench.fire(), [], "neither a lower priority nor silence");
    }
    assert_eq!(bench.router.holder(), None, "it is known to be silent");
    bench.advert(LOWER, 0);
    bench.fire();
    assert_eq!(bench.router.state(), State::Active);

    let mut bench = Bench::in_state(State::Backup, config());
    bench.handle(Event::Paused(true));
    bench.fire();
    bench.handle(Event::Paused(false));
    bench.fire();
    assert_eq!(bench.router.state(), State::Active);
}

#[test]
fn what_a_planned_failover_did_to_the_priority_can_be_undone() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(LOWER, 200);
    bench.handle(Event::TakeOver);
    assert_eq!(bench.router.effective_priority(), Priority::HIGHEST);
    assert_eq!(bench.handle(Event::Unhold), [sends(100)]);
    assert_eq!(bench.handle(Event::Unhold), []);
    bench.handle(Event::Yield);
    assert_eq!(bench.router.effective_priority(), Priority::LOWEST);
    bench.handle(Event::Unhold);
    assert_eq!(bench.router.effective_priority(), Priority(100));
}
