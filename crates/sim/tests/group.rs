//! Sync groups: seeds, and defects that break their rule.

use halo_sim::{GroupMutant, Invariant, Plan, run_group};

#[test]
fn no_seed_breaks_a_rule_of_a_sync_group() {
    for seed in 0..400 {
        let report = run_group(&Plan::from_seed(seed, (2, 7)), None, false);
        assert_eq!(
            report.violation, None,
            "replay: halo-sim --mode group --seed {seed} --trace"
        );
    }
}

#[test]
fn a_seed_plays_the_same_run_each_time() {
    for seed in 0..10 {
        let plan = Plan::from_seed(seed, (2, 7));
        assert_eq!(run_group(&plan, None, true), run_group(&plan, None, true));
    }
}

/// Whether this defect parts the group in one of the first seeds.
fn parts(mutant: GroupMutant) -> bool {
    (0..400).any(|seed| {
        let report = run_group(&Plan::from_seed(seed, (2, 7)), Some(mutant), false);
        let broken = report.violation.map(|broken| broken.invariant);
        broken == Some(Invariant::GroupTogether)
    })
}

#[test]
fn decisions_that_are_not_passed_on_are_noticed() {
    assert!(parts(GroupMutant::PassesNothingOn));
}

#[test]
fn a_node_that_leaves_the_election_for_one_of_the_group_alone_is_noticed() {
    assert!(parts(GroupMutant::DisablesOne));
}
