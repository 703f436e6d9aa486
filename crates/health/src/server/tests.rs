use halo_api::AdminState::{Drain, Maint, Ready};

use super::*;

const CHECK: Thresholds = Thresholds { rise: 2, fall: 3 };

fn passed() -> Outcome {
    Outcome::Passed("status 200 in 1 ms".into())
}

fn failed() -> Outcome {
    Outcome::Failed("connection refused".into())
}

fn changes(server: &mut Server) -> Vec<Change> {
    std::iter::from_fn(|| server.poll_action())
        .map(|Action::Changed(change)| change)
        .collect()
}

/// A server in `state`, with nothing to do.
fn server_in(state: State) -> Server {
    let checked = !matches!(state, State::Unchecked | State::Refused(_));
    let thresholds = checked.then_some(CHECK);
    let mut server = Server::new(thresholds, Instant::now());
    server.state = state;
    server
}

#[test]
fn every_state_answers_every_event_as_drawn() {
    use Event::{Failed, Maintenance, NewCheck, NoCheck, Passed};
    use Event::{Refusal, Retry};
    use HealthState::Unknown;
    use State::{Down, Pending, Refused, Unchecked, Up};
    let (soon, later) = (Instant::now(), Instant::now() + REFUSAL_TIME);
    let table = [
        (Unchecked, Refusal(soon), Refused(soon)),
        (Unchecked, Retry, Unchecked),
        (Refused(soon), Passed, Refused(soon)),
        (Refused(soon), Failed, Refused(soon)),
        (Refused(soon), NewCheck, Pending(HealthState::Down)),
        (Refused(soon), NoCheck, Unchecked),
        (Refused(soon), Maintenance, Unchecked),
        (Refused(soon), Refusal(later), Refused(later)),
        (Refused(soon), Retry, Unchecked),
        (Pending(Unknown), Refusal(soon), Pending(Unknown)),
        (Up(1), Refusal(soon), Up(1)),
        (Down(1), Refusal(soon), Down(1)),
        (Pending(Unknown), Retry, Pending(Unknown)),
        (Up(1), Retry, Up(1)),
        (Down(1), Retry, Down(1)),
        (Unchecked, Passed, Unchecked),
        (Unchecked, Failed, Unchecked),
        (Unchecked, NewCheck, Pending(HealthState::Unchecked)),
        (Unchecked, NoCheck, Unchecked),
        (Unchecked, Maintenance, Unchecked),
        (Pending(Unknown), Passed, Up(0)),
        (Pending(Unknown), Failed, Down(0)),
        (Pending(HealthState::Up), Failed, Down(0)),
        (Pending(HealthState::Down), Passed, Up(0)),
        (Pending(HealthState::Up), NewCheck, Pending(HealthState::Up)),
        (Pending(Unknown), NoCheck, Unchecked),
        (Pending(HealthState::Up), Maintenance, Pending(Unknown)),
        (Up(0), Passed, Up(0)),
        (Up(2), Passed, Up(0)),
        (Up(0), Failed, Up(1)),
        (Up(1), Failed, Up(2)),
        (Up(2), Failed, Down(0)),
        (Up(1), NewCheck, Pending(HealthState::Up)),
        (Up(1), NoCheck, Unchecked),
        (Up(1), Maintenance, Pending(Unknown)),
        (Down(0), Failed, Down(0)),
        (Down(1), Failed, Down(0)),
        (Down(0), Passed, Down(1)),
        (Down(1), Passed, Up(0)),
        (Down(1), NewCheck, Pending(HealthState::Down)),
        (Down(1), NoCheck, Unchecked),
        (Down(1), Maintenance, Pending(Unknown)),
    ];
    for (state, event, expected) in table {
        assert_eq!(
            server_in(state).next(event),
            expected,
            "{state:?} {event:?}"
        );
    }
}

#[test]
fn the_first_result_decides_at_once() {
    let now = Instant::now();
    for (outcome, health) in [(passed(), HealthState::Up), (failed(), HealthState::Down)] {
        let mut server = Server::new(Some(CHECK), now);
        assert_eq!(server.health(), HealthState::Unknown);
        assert!(server.is_checked());
        assert!(!server.takes_work());
        server.handle_outcome(outcome, now);
        assert_eq!(server.health(), health);
        assert_eq!(changes(&mut server).len(), 1);
    }
}

#[test]
fn a_known_server_changes_after_rise_or_fall_results_and_says_why() {
    let now = Instant::now();
    let mut server = server_in(State::Up(0));
    server.handle_outcome(failed(), now);
    server.handle_outcome(failed(), now);
    assert!(changes(&mut server).is_empty());
    server.handle_outcome(failed(), now);
    let down = changes(&mut server);
    assert_eq!(down.len(), 1);
    assert_eq!(down[0].was, HealthState::Up);
    assert_eq!(down[0].health, HealthState::Down);
    assert!(!down[0].takes_work);
    assert_eq!(down[0].reason, "connection refused (3 times in a row)");
    server.handle_outcome(passed(), now);
    assert!(changes(&mut server).is_empty());
    server.handle_outcome(passed(), now);
    assert_eq!(
        changes(&mut server)[0].reason,
        "status 200 in 1 ms (2 times in a row)"
    );
    assert!(server.takes_work());
}

#[test]
fn an_unchecked_server_takes_work_and_ignores_results() {
    let now = Instant::now();
    let mut server = Server::new(None, now);
    assert!(server.takes_work());
    assert!(!server.is_checked());
    server.handle_outcome(failed(), now);
    assert!(server.takes_work());
    assert_eq!(server.last_check(), None);
}

#[test]
fn a_changed_check_keeps_the_serving_state_until_its_first_result() {
    let now = Instant::now();
    for (before, serves) in [
        (State::Up(0), true),
        (State::Down(0), false),
        (State::Unchecked, true),
    ] {
        let mut server = server_in(before);
        server.handle_check(Some(Thresholds { rise: 5, fall: 5 }), now);
        assert_eq!(server.takes_work(), serves, "{before:?}");
        assert!(server.is_checked(), "{before:?}");
        assert!(changes(&mut server).is_empty(), "{before:?}");
        server.handle_outcome(failed(), now);
        assert_eq!(server.health(), HealthState::Down, "{before:?}");
    }
}

#[test]
fn a_removed_check_brings_a_down_server_back() {
    let now = Instant::now();
    let mut server = server_in(State::Down(0));
    server.handle_check(None, now);
    let change = changes(&mut server).remove(0);
    assert_eq!(change.health, HealthState::Unchecked);
    assert!(change.takes_work);
}

#[test]
fn a_server_back_from_maintenance_waits_for_a_check() {
    let now = Instant::now();
    let mut server = server_in(State::Up(0));
    server.handle_admin(Maint, now);
    assert!(!server.is_checked());
    server.handle_outcome(passed(), now);
    assert_eq!(server.health(), HealthState::Unknown);
    server.handle_admin(Ready, now);
    assert!(server.is_checked());
    assert!(!server.takes_work());
    server.handle_outcome(passed(), now);
    assert!(server.takes_work());
}

#[test]
fn a_drained_server_is_still_checked_and_serves_again_at_once() {
    let now = Instant::now();
    let later = now + std::time::Duration::from_secs(5);
    let mut server = server_in(State::Up(0));
    server.handle_admin(Drain, later);
    assert_eq!(changes(&mut server)[0].reason, "drained by the operator");
    assert_eq!(server.since(), later);
    assert!(server.is_checked() && !server.takes_work());
    server.handle_admin(Drain, later);
    assert!(changes(&mut server).is_empty(), "no change, no event");
    server.handle_admin(Ready, later);
    assert!(server.takes_work());
}

#[test]
fn a_server_without_a_check_that_refuses_work_is_left_alone_for_a_time() {
    let now = Instant::now();
    let mut server = Server::new(None, now);
    assert_eq!(server.poll_timeout(), None);
    server.handle_refusal("nobody listens".into(), now);
    assert!(!server.takes_work());
    assert_eq!(server.poll_timeout(), Some(now + REFUSAL_TIME));
    let changes_now = changes(&mut server);
    assert_eq!(changes_now[0].health, HealthState::Down);
    assert_eq!(changes_now[0].reason, "nobody listens");
    server.handle_timeout(now + REFUSAL_TIME / 2);
    assert!(!server.takes_work());
    server.handle_timeout(now + REFUSAL_TIME);
    assert!(server.takes_work());
    assert_eq!(changes(&mut server)[0].health, HealthState::Unchecked);
}

#[test]
fn a_refusal_counts_as_a_failure_where_there_is_a_check() {
    let now = Instant::now();
    let mut server = server_in(State::Up(0));
    for _ in 0..3 {
        assert!(server.takes_work());
        server.handle_refusal("nobody listens".into(), now);
    }
    assert_eq!(server.health(), HealthState::Down);
    assert_eq!(server.poll_timeout(), None);
}
