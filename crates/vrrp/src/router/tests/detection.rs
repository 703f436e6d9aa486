//! An Active whose advert is late is asked, and a successor that is named takes over.

use super::*;
use crate::Detection;

const LEASE: Duration = Duration::from_millis(1_600);

fn detection(rank: u8, lease: Option<Duration>) -> Event {
    Event::Detection(Some(Detection {
        active: HIGHER,
        lease,
        rank,
    }))
}

fn answer(answer: Answer) -> Event {
    Event::Answer {
        from: HIGHER,
        answer,
    }
}

/// A Backup that has just heard an Active that can be asked.
fn following(rank: u8, lease: Option<Duration>) -> Bench {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 200);
    assert_eq!(bench.handle(detection(rank, lease)), []);
    bench
}

/// Fires timers until something else than a question comes of it; what, and how many were asked.
fn until_done(bench: &mut Bench) -> (String, usize) {
    let mut questions = 0;
    loop {
        let actions = bench.fire();
        let asked = |action: &&Action| matches!(action, Action::Probe(HIGHER));
        questions += actions.iter().filter(asked).count();
        if bench.router.state() == State::Active {
            return (short(&actions), questions);
        }
    }
}

fn since(bench: &Bench, start: Instant) -> u128 {
    (bench.now - start).as_millis()
}

#[test]
fn an_active_of_which_nothing_answers_is_replaced_within_milliseconds_of_its_first_late_advert() {
    let mut bench = following(0, Some(LEASE));
    let heard = bench.now;
    assert_eq!(short(&bench.fire()), "?");
    assert_eq!(since(&bench, heard), 1_002);
    assert_eq!(until_done(&mut bench), ("100 C >Active".to_owned(), 3));
    assert_eq!(since(&bench, heard), 1_032);
    assert_eq!(
        bench.router.why().to_string(),
        "10.77.0.13 was silent for 1032 ms and does not answer"
    );
}

#[test]
fn an_active_that_answers_stays_and_is_asked_again_when_its_next_advert_is_late() {
    let mut bench = following(0, Some(LEASE));
    for _ in 0..5 {
        assert_eq!(short(&bench.fire()), "?");
        bench.pass(ms(1));
        bench.handle(answer(Answer::Active(Priority(200))));
        assert_eq!(bench.remaining(), ms(1_002));
    }
    assert_eq!(bench.router.state(), State::Backup);
    assert_eq!(bench.router.counters().suspicions, 5);
}

#[test]
fn answers_stand_for_adverts_eight_times_and_then_the_rfcs_timer_decides() {
    let mut bench = following(0, Some(LEASE));
    for _ in 0..9 {
        bench.fire();
        bench.handle(answer(Answer::Active(Priority(200))));
    }
    assert_eq!(
        bench.remaining(),
        Duration::from_micros(3_609_375) - ms(1_002)
    );
    let (done, questions) = until_done(&mut bench);
    assert_eq!((done.as_str(), questions), ("100 C >Active", 0));
}

#[test]
fn while_the_kernel_of_the_active_answers_its_lease_is_waited_for() {
    let mut bench = following(0, Some(LEASE));
    let heard = bench.now;
    bench.fire();
    bench.handle(answer(Answer::Kernel));
    until_done(&mut bench);
    assert_eq!(since(&bench, heard), 1_602);
    assert_eq!(
        bench.router.why().to_string(),
        "the agent on 10.77.0.13 does not answer, and its lease of 1600 ms has ended"
    );
}

#[test]
fn where_no_lease_is_known_a_kernel_that_answers_leaves_it_to_the_rfcs_timer() {
    let mut bench = following(0, None);
    let heard = bench.now;
    bench.fire();
    bench.handle(answer(Answer::Kernel));
    until_done(&mut bench);
    assert_eq!(since(&bench, heard), 3_609);
}

#[test]
fn an_advert_at_the_last_moment_ends_the_suspicion() {
    let mut bench = following(0, Some(LEASE));
    bench.fire();
    bench.handle(answer(Answer::Kernel));
    for _ in 0..4 {
        bench.fire();
    }
    assert!(bench.remaining() > ms(500), "sentenced");
    bench.pass(ms(100));
    bench.advert(HIGHER, 200);
    assert!(
        bench.remaining() > ms(1_002),
        "late adverts are given more time"
    );
    assert_eq!(bench.router.state(), State::Backup);
}

#[test]
fn who_comes_later_in_rank_gives_the_others_their_turn() {
    let mut bench = following(2, Some(LEASE));
    let heard = bench.now;
    until_done(&mut bench);
    assert_eq!(since(&bench, heard), 1_032 + 2 * 50);
}

#[test]
fn a_kernel_that_answers_after_the_sentence_is_believed() {
    let mut bench = following(2, Some(LEASE));
    let heard = bench.now;
    for _ in 0..5 {
        bench.fire();
    }
    bench.handle(answer(Answer::Kernel));
    until_done(&mut bench);
    assert_eq!(since(&bench, heard), 1_602 + 2 * 50);
}

#[test]
fn an_active_that_says_it_is_none_counts_as_resigned() {
    let mut bench = following(0, Some(LEASE));
    bench.fire();
    bench.handle(answer(Answer::NotActive));
    assert_eq!(bench.remaining(), Duration::from_micros(609_375));
    assert_eq!(bench.router.holder(), None);
    bench.fire();
    assert_eq!(bench.router.why().to_string(), "10.77.0.13 gave it up");
}

#[test]
fn a_node_that_wakes_up_late_asks_anew_before_it_judges() {
    let mut bench = following(0, Some(LEASE));
    bench.fire();
    bench.pass(ms(200));
    assert_eq!(short(&bench.handle(Event::Timeout)), "?");
    bench.handle(answer(Answer::Active(Priority(200))));
    assert_eq!(bench.router.state(), State::Backup);
    assert_eq!(bench.remaining(), ms(1_002));
}

#[test]
fn who_cannot_be_asked_is_waited_for_as_the_rfc_has_it() {
    let mut bench = following(0, Some(LEASE));
    bench.handle(Event::Detection(None));
    assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
    let mut bench = following(0, Some(LEASE));
    bench.advert(LOWER, 200);
    assert_eq!(
        bench.remaining(),
        Duration::from_micros(3_609_375),
        "another"
    );
    bench.handle(answer(Answer::Active(Priority(200))));
    assert_eq!(bench.router.holder(), Some(LOWER));
}

#[test]
fn one_that_is_being_preempted_is_not_asked() {
    let mut bench = following(0, Some(LEASE));
    bench.advert(HIGHER, 50);
    assert_eq!(bench.remaining(), Duration::from_micros(3_609_375));
}

#[test]
fn uneven_adverts_are_given_more_time() {
    let mut bench = following(0, Some(LEASE));
    for turn in 0..50 {
        bench.pass(ms(if turn % 2 == 0 { 900 } else { 1_100 }));
        bench.advert(HIGHER, 200);
    }
    let margin = bench.remaining() - ms(1_000);
    assert!((ms(350)..=ms(400)).contains(&margin), "{margin:?}");
    bench.advert(LOWER, 200);
    bench.advert(HIGHER, 200);
    assert_eq!(
        bench.remaining(),
        ms(1_002),
        "another Active, another rhythm"
    );
}

#[test]
fn a_successor_takes_over_at_once_and_keeps_the_addresses_only_if_it_is_to() {
    for (hold, priority) in [(false, 100), (true, 254)] {
        let mut bench = Bench::in_state(State::Backup, config());
        bench.advert(HIGHER, 200);
        let by = HIGHER;
        let actions = bench.handle(Event::Appointed { by, hold });
        assert_eq!(actions[..2], [sends(priority), Action::Claim]);
        assert_eq!(bench.router.why().to_string(), "10.77.0.13 handed it over");
    }
}

#[test]
fn only_the_active_that_is_followed_can_name_its_successor() {
    let mut bench = Bench::in_state(State::Backup, config());
    bench.advert(HIGHER, 200);
    for by in [LOWER, HERE] {
        assert_eq!(bench.handle(Event::Appointed { by, hold: false }), []);
    }
}

/// Adverts each 10 ms, of which three are soon over.
fn quick(from: IpAddr) -> Event {
    let heartbeat = Heartbeat {
        priority: Priority(200),
        interval: Centiseconds::new(1).unwrap(),
    };
    Event::Advert { from, heartbeat }
}

#[test]
fn nobody_takes_over_before_the_actives_lease_has_ended_however_short_its_interval() {
    let lease = ms(110);
    let mut bench = Bench::in_state(State::Backup, config());
    bench.router.set_leases(None, Some((HIGHER, lease)));
    bench.handle(quick(HIGHER));
    assert_eq!(bench.remaining(), lease + ms(4));
    // Another's lease says nothing about this one.
    bench.router.set_leases(None, Some((LOWER, lease)));
    bench.handle(quick(HIGHER));
    assert!(bench.remaining() < ms(40), "{:?}", bench.remaining());
    // A longer Active_Down_Interval stays.
    bench.router.set_leases(None, Some((HIGHER, lease)));
    bench.advert(HIGHER, 200);
    assert_eq!(bench.remaining(), bench.router.active_down_interval());
    // It may be known only after the first advert.
    let mut bench = Bench::in_state(State::Backup, config());
    bench.handle(quick(HIGHER));
    assert!(bench.remaining() < ms(40), "{:?}", bench.remaining());
    bench.router.set_leases(None, Some((HIGHER, lease)));
    assert_eq!(bench.remaining(), lease + ms(4));
}

#[test]
fn a_late_active_of_which_the_kernel_answers_is_replaced_at_the_end_of_its_lease() {
    let lease = ms(110);
    let mut bench = Bench::in_state(State::Backup, config());
    bench.router.set_leases(None, Some((HIGHER, lease)));
    bench.handle(quick(HIGHER));
    bench.handle(detection(0, Some(lease)));
    let heard = bench.now;
    bench.fire();
    bench.handle(answer(Answer::Kernel));
    until_done(&mut bench);
    assert_eq!(since(&bench, heard), 112);
    let why = bench.router.why().to_string();
    assert!(why.contains("lease"), "{why}");
}

#[test]
fn an_active_that_was_late_goes_on_while_its_lease_lasts_and_listens_afterwards() {
    let quick = Config {
        interval: Centiseconds::new(1).unwrap(),
        ..config()
    };
    let late = |bench: &mut Bench, by: u64| {
        bench.pass(bench.remaining() + ms(by));
        short(&bench.handle(Event::Timeout))
    };
    let mut bench = Bench::in_state(State::Active, quick);
    bench.router.set_leases(Some(ms(110)), None);
    assert_eq!(late(&mut bench, 95), "100");
    assert_eq!(late(&mut bench, 105), "R >Backup");
    let mut bench = Bench::in_state(State::Active, quick);
    assert_eq!(late(&mut bench, 95), "R >Backup", "without a lease");
}
