//! Model checking: every order of messages, wake-ups, losses, doubles, crashes and restarts within
//! small bounds, in runs of any length, played through the real core.
//!
//! Each check says how many states it saw; a defect put into a node or into its times is found.

mod cluster;

use std::sync::atomic::Ordering;
use std::time::Instant;

use cluster::{Bounds, Cluster, Mutant};
use stateright::{Checker, HasDiscoveries, Model};

/// Clocks that differ as much as they may: the first is slow, or fast, and the others are not.
const FIRST_SLOW: [i32; 3] = [-10, 10, 10];
const FIRST_FAST: [i32; 3] = [10, -10, -10];

/// Explores every state: none breaks a rule, and what should be possible is.
fn prove(bounds: Bounds, clocks: [i32; 3]) {
    let started = Instant::now();
    let cluster = Cluster::new(bounds, clocks);
    let moved = cluster.moved();
    let checker = cluster.checker().threads(2).spawn_bfs().join();
    println!(
        "{bounds:?}, clocks {clocks:?}: no rule broken in {} states ({} ways to reach them), {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        started.elapsed().as_secs_f64()
    );
    checker.assert_properties();
    assert!(moved.load(Ordering::Relaxed), "no node ever took over");
}

/// With the defect there are two owners at some time, and the checker finds how.
fn refute(bounds: Bounds, clocks: [i32; 3], mutant: Mutant) {
    let checker = Cluster::new(bounds, clocks)
        .with(mutant)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let path = checker.discovery(cluster::ONE_OWNER);
    let path = path.unwrap_or_else(|| unreachable!("{mutant:?}: two owners were to be found"));
    println!(
        "{mutant:?}: two owners after {} steps, found among {} states",
        path.into_actions().len(),
        checker.unique_state_count()
    );
}

#[test]
fn two_nodes_and_a_witness_have_one_owner_when_the_lease_is_handed_over() {
    for clocks in [FIRST_SLOW, FIRST_FAST] {
        prove(Bounds::PLANNED, clocks);
    }
}

#[test]
fn two_nodes_and_a_witness_have_one_owner_when_leases_are_renewed_and_answers_late() {
    prove(Bounds::LONGER, FIRST_SLOW);
}

#[test]
fn two_nodes_and_a_witness_have_one_owner_when_one_of_them_crashes_and_starts_anew() {
    prove(Bounds::CRASH, FIRST_FAST);
}

#[test]
fn three_nodes_that_all_ask_have_one_owner_when_one_of_them_crashes_and_starts_anew() {
    prove(Bounds::THREE, FIRST_SLOW);
}

#[test]
#[ignore = "has not come to its end within minutes: make test-model-deep"]
fn wider_bounds() {
    let crashes = 0;
    prove(
        Bounds {
            crashes,
            ..Bounds::THREE.wider()
        },
        FIRST_SLOW,
    );
    prove(Bounds::CRASH.wider(), FIRST_SLOW);
}

#[test]
fn a_promise_without_a_margin_is_noticed_when_clocks_drift() {
    refute(Bounds::PLANNED, FIRST_SLOW, Mutant::NoMargin);
}

#[test]
fn a_voter_that_forgets_its_promises_is_noticed() {
    refute(Bounds::CRASH, FIRST_SLOW, Mutant::ForgetsPromises);
}

#[test]
fn a_process_that_takes_answers_to_its_former_life_is_noticed() {
    refute(Bounds::CRASH.wider(), FIRST_SLOW, Mutant::SameIncarnation);
}

#[test]
fn a_lease_that_is_counted_from_the_answer_is_noticed() {
    refute(Bounds::LONGER, FIRST_SLOW, Mutant::CountsFromArrival);
}

#[test]
fn an_owner_that_releases_the_promises_before_the_addresses_is_noticed() {
    refute(Bounds::PLANNED, FIRST_SLOW, Mutant::ReleasesTooEarly);
}
