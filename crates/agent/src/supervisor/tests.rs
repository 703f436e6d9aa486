//! The life of a data plane, step by step.

use super::*;

const DRAIN: Duration = Duration::from_secs(10);

fn ready(now: Instant) -> Supervisor {
    let mut supervisor = Supervisor::new(now);
    supervisor.handle_starting(now);
    supervisor.handle_started(7);
    supervisor.handle_ready(now);
    supervisor
}

#[test]
fn it_is_started_at_once_and_again_at_once() {
    let now = Instant::now();
    let mut supervisor = Supervisor::new(now);
    assert_eq!(supervisor.poll_order(now), Some(Order::Start));
    supervisor.handle_starting(now);
    supervisor.handle_started(7);
    assert_eq!(supervisor.poll_order(now), None);
    supervisor.handle_ended(now);
    assert_eq!(supervisor.poll_order(now), Some(Order::Start));
}

#[test]
fn restarts_wait_longer_and_longer_up_to_five_seconds() {
    let mut now = Instant::now();
    let mut supervisor = Supervisor::new(now);
    let mut waits = Vec::new();
    for _ in 0..9 {
        supervisor.handle_starting(now);
        supervisor.handle_started(7);
        supervisor.handle_ended(now);
        let next = supervisor.poll_timeout().unwrap();
        waits.push((next - now).as_millis());
        now = next;
    }
    assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(supervisor.restarts(), 8);
}

#[test]
fn ten_good_seconds_forget_the_bad_starts() {
    let now = Instant::now();
    let mut supervisor = ready(now);
    supervisor.handle_ended(now);
    supervisor.handle_starting(now);
    supervisor.handle_started(8);
    supervisor.handle_ready(now);
    let later = now + SETTLED;
    supervisor.handle_ended(later);
    assert_eq!(supervisor.poll_timeout(), Some(later));
}

#[test]
fn a_second_of_silence_of_a_ready_one_is_death() {
    let now = Instant::now();
    let mut supervisor = ready(now);
    let heard = now + Duration::from_millis(900);
    supervisor.handle_heard(heard);
    assert_eq!(supervisor.poll_order(now + SILENCE), None);
    for standing in [None, standing(false, 0), standing(true, 400)] {
        let mut supervisor = ready(now);
        supervisor.handle_heard(heard);
        let killed = killed_at(&mut supervisor, standing);
        assert_eq!(killed, heard + SILENCE, "{standing:?}");
    }
}

/// A thread that can run or cannot, and has run so many milliseconds of each half second.
fn standing(runnable: bool, ran: u64) -> Option<Standing> {
    let ran = Duration::from_millis(ran);
    Some(Standing { runnable, ran })
}

/// When it is killed if it says nothing more.
fn killed_at(supervisor: &mut Supervisor, standing: Option<Standing>) -> Instant {
    let mut looks = 0;
    loop {
        let at = supervisor.poll_timeout().unwrap();
        let seen = standing.map(|standing| Standing {
            ran: standing.ran * looks,
            ..standing
        });
        looks += 1;
        let order = match supervisor.poll_order(at) {
            Some(Order::Look) => supervisor.handle_standing(seen, at),
            other => other,
        };
        if let Some(Order::Kill { .. }) = order {
            return at;
        }
    }
}

#[test]
fn one_that_gets_no_processor_is_given_three_seconds_and_lives_when_it_speaks() {
    let now = Instant::now();
    let starved = standing(true, 20);
    assert_eq!(killed_at(&mut ready(now), starved), now + STARVED);
    let mut supervisor = ready(now);
    for _ in 0..2 {
        let at = supervisor.poll_timeout().unwrap();
        assert_eq!(supervisor.poll_order(at), Some(Order::Look));
        assert_eq!(supervisor.handle_standing(starved, at), None);
    }
    let spoke = now + SILENCE * 2;
    supervisor.handle_heard(spoke);
    assert_eq!(killed_at(&mut supervisor, None), spoke + SILENCE);
}

#[test]
fn silence_while_the_agent_itself_was_paused_means_nothing() {
    let now = Instant::now();
    let mut supervisor = ready(now);
    let woken = now + Duration::from_secs(60);
    supervisor.handle_clock_gap(woken);
    assert_eq!(supervisor.poll_order(woken), None);
}

#[test]
fn a_stopping_one_is_killed_after_its_drain_timeout_and_not_started_again() {
    let now = Instant::now();
    let mut supervisor = ready(now);
    supervisor.stop(DRAIN, now);
    assert_eq!(supervisor.state(), ProcessState::Stopping);
    assert_eq!(supervisor.poll_order(now + DRAIN), None);
    let over = now + DRAIN + STOP_GRACE;
    assert!(matches!(
        supervisor.poll_order(over),
        Some(Order::Kill { .. })
    ));
    supervisor.handle_ended(over);
    assert!(supervisor.is_stopped());
    assert_eq!(supervisor.poll_order(over), None);
}

#[test]
fn a_second_stop_waits_no_longer() {
    let now = Instant::now();
    let mut supervisor = ready(now);
    supervisor.stop(DRAIN, now);
    supervisor.stop(DRAIN, now);
    assert!(matches!(
        supervisor.poll_order(now),
        Some(Order::Kill { .. })
    ));
}

#[test]
fn a_stop_without_a_process_is_done() {
    let now = Instant::now();
    let mut supervisor = Supervisor::new(now);
    supervisor.stop(DRAIN, now);
    assert!(supervisor.is_stopped());
}
