//! Model checking: every order of adverts, timers, faults and their ends, at any time, in runs of any
//! length, played through the real state machine of two and three nodes.
//!
//! Each check says how many states it saw; a defect put into the driver is found.

mod cluster;

use std::time::Instant;

use cluster::{Bounds, Cluster, HELD, Kinds, LISTENS, Mutant, NO_FLAP, ONE_OWNER, SETTLES};
use stateright::{Checker, HasDiscoveries, Model};

/// Two nodes, of which the first is to be Active; each starts at any time.
const TWO: Bounds = Bounds {
    priorities: &[200, 100],
    preempt: true,
    kinds: Kinds::Nodes,
    faults: 1,
    together: false,
};

const THREE: Bounds = Bounds {
    priorities: &[200, 100, 50],
    faults: 2,
    together: true,
    ..TWO
};

/// Explores every state: none breaks a rule, and what should be possible is.
fn prove(bounds: Bounds) {
    let started = Instant::now();
    let checker = Cluster::new(bounds).checker().threads(2).spawn_bfs().join();
    println!(
        "{bounds}: no rule broken in {} states ({} ways to reach them), {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        started.elapsed().as_secs_f64()
    );
    checker.assert_properties();
}

/// With the defect the rule is broken at some time, and the checker finds how.
fn refute(bounds: Bounds, mutant: Mutant, rule: &'static str) {
    let checker = Cluster::new(bounds)
        .with(mutant)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyOf([rule].into()))
        .spawn_bfs()
        .join();
    let path = checker.discovery(rule);
    let path = path.unwrap_or_else(|| unreachable!("{mutant:?} was to break the rule: {rule}"));
    println!(
        "{mutant:?}: found after {} steps, among {} states: not \"{rule}\"",
        path.into_actions().len(),
        checker.unique_state_count()
    );
}

#[test]
fn two_nodes_that_crash_and_stand_still_settle_on_one_owner() {
    prove(TWO);
    for preempt in [true, false] {
        prove(Bounds {
            preempt,
            faults: 2,
            together: true,
            ..TWO
        });
    }
}

#[test]
fn two_nodes_whose_network_fails_settle_on_one_owner() {
    for priorities in [&[200, 100], &[100, 100]] {
        prove(Bounds {
            kinds: Kinds::Network,
            priorities,
            faults: 3,
            ..TWO
        });
    }
}

#[test]
fn two_nodes_settle_on_one_owner_after_planned_failovers() {
    for preempt in [true, false] {
        prove(Bounds {
            kinds: Kinds::Planned,
            preempt,
            faults: 3,
            ..TWO
        });
    }
}

#[test]
fn a_node_that_owns_the_addresses_gets_them_from_its_backup() {
    prove(Bounds {
        priorities: &[255, 100],
        kinds: Kinds::Mixed,
        faults: 3,
        ..TWO
    });
}

#[test]
fn three_nodes_that_crash_and_stand_still_settle_on_one_owner() {
    prove(THREE);
}

#[test]
fn three_nodes_whose_network_fails_settle_on_one_owner() {
    let kinds = Kinds::Network;
    for preempt in [true, false] {
        prove(Bounds {
            kinds,
            preempt,
            ..THREE
        });
    }
    prove(Bounds {
        kinds,
        faults: 1,
        together: false,
        ..THREE
    });
}

#[test]
fn three_nodes_settle_on_one_owner_after_planned_failovers() {
    let kinds = Kinds::Planned;
    prove(Bounds { kinds, ..THREE });
}

#[test]
#[ignore = "minutes and gigabytes: make test-model-deep"]
fn wider_bounds() {
    for kinds in [Kinds::Network, Kinds::Mixed] {
        let faults = 3;
        prove(Bounds {
            kinds,
            faults,
            ..THREE
        });
    }
    prove(Bounds {
        faults: 3,
        together: true,
        ..TWO
    });
    prove(Bounds {
        faults: 1,
        together: false,
        ..THREE
    });
}

#[test]
fn an_active_that_is_deaf_to_higher_priorities_is_noticed() {
    refute(TWO, Mutant::DeafToHigherPriority, ONE_OWNER);
}

#[test]
fn a_node_that_keeps_the_addresses_is_noticed() {
    refute(TWO, Mutant::KeepsAddresses, ONE_OWNER);
}

#[test]
fn a_backup_that_never_takes_over_is_noticed() {
    refute(TWO, Mutant::NeverTakesOver, HELD);
}

#[test]
fn an_active_that_falls_silent_is_noticed() {
    refute(TWO, Mutant::OneAdvert, NO_FLAP);
    refute(TWO, Mutant::OneAdvert, SETTLES);
}

#[test]
fn a_clock_that_stands_still_with_its_node_is_noticed() {
    refute(TWO, Mutant::ClockStops, LISTENS);
}
