//! Quorum mode: seeds, and defects that break its rules.

use std::time::Duration;

use halo_sim::{
    Invariant, Nanos, QuorumFault, QuorumMutant, QuorumNode, QuorumPlan, QuorumReport, run_quorum,
};
use halo_vrrp::{Centiseconds, Priority};

#[test]
fn no_seed_breaks_a_rule_of_the_quorum() {
    for seed in 0..400 {
        let report = run_quorum(&QuorumPlan::from_seed(seed), None, false);
        assert_eq!(
            report.violation, None,
            "replay: halo-sim --mode quorum --seed {seed} --trace"
        );
    }
}

#[test]
fn a_seed_plays_the_same_run_each_time() {
    for seed in 0..10 {
        let plan = QuorumPlan::from_seed(seed);
        assert_eq!(run_quorum(&plan, None, true), run_quorum(&plan, None, true));
    }
}

/// Whether this defect breaks this rule in one of the first seeds.
fn breaks(mutant: QuorumMutant, rule: Invariant) -> bool {
    (0..5_000).any(|seed| {
        let report = run_quorum(&QuorumPlan::from_seed(seed), Some(mutant), false);
        report
            .violation
            .is_some_and(|broken| broken.invariant == rule)
    })
}

#[test]
fn an_election_that_asks_no_quorum_is_noticed() {
    assert!(breaks(QuorumMutant::AsksNobody, Invariant::OneOwnerEver));
}

#[test]
fn a_kernel_that_answers_for_longer_than_the_lease_is_noticed() {
    assert!(breaks(
        QuorumMutant::KernelOutlivesLease,
        Invariant::OneOwnerEver
    ));
}

#[test]
fn promises_that_are_released_before_the_addresses_are_noticed() {
    assert!(breaks(
        QuorumMutant::ReleasesTooEarly,
        Invariant::OneOwnerEver
    ));
}

#[test]
fn a_quorum_that_never_asks_again_is_noticed() {
    assert!(breaks(
        QuorumMutant::NeverAsksAgain,
        Invariant::MajorityHolds
    ));
}

#[test]
fn voters_that_do_not_answer_polls_are_noticed() {
    assert!(breaks(QuorumMutant::MuteVoters, Invariant::MajorityHolds));
}

#[test]
fn no_seed_breaks_a_rule_of_a_sync_group_with_a_quorum() {
    for seed in 0..200 {
        let report = run_quorum(&QuorumPlan::of_group(seed), None, false);
        assert_eq!(
            report.violation, None,
            "replay: halo-sim --mode quorum-group --seed {seed} --trace"
        );
    }
}

/// Whether this defect breaks this rule of a group in one of the first seeds.
fn breaks_group(mutant: QuorumMutant, rule: Invariant) -> bool {
    (0..1_000).any(|seed| {
        let report = run_quorum(&QuorumPlan::of_group(seed), Some(mutant), false);
        report
            .violation
            .is_some_and(|broken| broken.invariant == rule)
    })
}

#[test]
fn decisions_that_are_not_passed_on_to_the_rest_of_a_group_are_noticed() {
    assert!(breaks_group(
        QuorumMutant::PassesNothingOn,
        Invariant::GroupTogether
    ));
}

#[test]
fn a_group_whose_election_asks_no_quorum_is_noticed() {
    assert!(breaks_group(
        QuorumMutant::AsksNobody,
        Invariant::OneOwnerEver
    ));
}

/// lb0 with priority 200, lb1 with 100 and a witness, adverts every 100 ms, faults at these milliseconds.
fn scenario(faults: &[(u64, QuorumFault)]) -> QuorumPlan {
    let node = |priority: Option<u8>| QuorumNode {
        priority: priority.map(Priority),
        drift: 0,
    };
    let at = |millis: u64| Nanos(0).after(Duration::from_millis(millis));
    let mut plan = QuorumPlan {
        seed: 1,
        interval: Centiseconds::new(10).expect("10 is within 1 to 4095"),
        preempt: true,
        vips: 1,
        nodes: vec![node(Some(200)), node(Some(100)), node(None)],
        faults: faults.iter().map(|(ms, fault)| (at(*ms), *fault)).collect(),
        end: Nanos(0),
    };
    plan.finish();
    plan
}

fn play(faults: &[(u64, QuorumFault)]) -> QuorumReport {
    play_plan(&scenario(faults))
}

fn play_plan(plan: &QuorumPlan) -> QuorumReport {
    let report = run_quorum(plan, None, true);
    assert_eq!(report.violation, None, "{}", report.trace.join("\n"));
    report
}

/// Times in milliseconds at which a node became Active.
fn actives(report: &QuorumReport) -> Vec<(u64, String)> {
    let lines = report
        .trace
        .iter()
        .filter(|line| line.contains("-> Active"));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let millis = words.next().and_then(|ms| ms.split('.').next());
            let millis = millis.and_then(|ms| ms.parse().ok());
            let name = words.nth(1);
            (
                millis.expect("a line starts with its time"),
                name.expect("then comes the node").to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_cluster_that_starts_has_its_first_owner_when_the_voters_have_kept_silent() {
    let actives = actives(&play(&[]));
    assert_eq!(actives.len(), 1, "{actives:?}");
    assert!((2_062..=2_250).contains(&actives[0].0), "{actives:?}");
    assert_eq!(actives[0].1, "lb0");
}

#[test]
fn an_owner_that_is_cut_off_is_replaced_within_active_down_interval_and_two_round_trips() {
    let faults = [
        (5_000, QuorumFault::IsolateOwner),
        (9_000, QuorumFault::Mend),
    ];
    let actives = actives(&play(&faults));
    let names: Vec<&str> = actives.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["lb0", "lb1", "lb0"], "{actives:?}");
    assert!((5_250..=5_370).contains(&actives[1].0), "{actives:?}");
}

#[test]
fn an_owner_whose_machine_was_suspended_does_not_answer_when_it_runs_on() {
    let faults = [
        (5_000, QuorumFault::Suspend(0)),
        (9_000, QuorumFault::Thaw(0)),
    ];
    let actives = actives(&play(&faults));
    let names: Vec<&str> = actives.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["lb0", "lb1", "lb0"], "{actives:?}");
    assert!(actives[2].0 > 9_000, "{actives:?}");
}

#[test]
fn intervals_that_change_node_by_node_move_nothing() {
    let change = |node, centiseconds| QuorumFault::Reconfigure {
        node,
        priority: Priority([200, 100, 100][node]),
        interval: Centiseconds::new(centiseconds).expect("within 1 to 4095"),
        preempt: true,
    };
    let slower = [0, 1, 2].map(|node| (5_000 + 500 * node as u64, change(node, 50)));
    let faster = [2, 1, 0].map(|node| (12_000 - 500 * node as u64, change(node, 2)));
    let faults = [slower, faster].concat();
    assert_eq!(actives(&play(&faults)).len(), 1);
}

#[test]
fn a_clock_that_leaps_further_than_promises_outlast_leases_is_noticed() {
    // lb1 and the witness leap: what they promised lb0 has lapsed, and lb0 still holds its lease.
    let by = Duration::from_millis(400);
    let faults = [
        (5_000, QuorumFault::Cut { from: 0, to: 1 }),
        (5_000, QuorumFault::Cut { from: 0, to: 2 }),
        (5_010, QuorumFault::Leap { node: 2, by }),
        (5_010, QuorumFault::Leap { node: 1, by }),
    ];
    let report = run_quorum(&scenario(&faults), None, false);
    let broken = report.violation.map(|broken| broken.invariant);
    assert_eq!(broken, Some(Invariant::OneOwnerEver));
}

#[test]
fn a_planned_failover_costs_two_round_trips() {
    let actives = actives(&play(&[(5_000, QuorumFault::TakeOver(1))]));
    assert_eq!(actives[1].1, "lb1");
    assert!(actives[1].0 <= 5_001, "{actives:?}");
}

#[test]
fn a_planned_failover_moves_a_group_with_a_quorum_whole_and_for_good() {
    let moves = [
        (5_000, QuorumFault::TakeOver(1), "lb1"),
        (5_000, QuorumFault::YieldOwner, "lb1"),
    ];
    for (at, fault, to) in moves {
        let plan = QuorumPlan {
            vips: 3,
            ..scenario(&[(at, fault)])
        };
        let report = play_plan(&plan);
        let actives = actives(&report);
        let (before, after) = actives.split_at(3);
        assert!(before.iter().all(|(_, node)| node == "lb0"), "{actives:?}");
        assert!(after.iter().all(|(_, node)| node == to), "{actives:?}");
        assert_eq!(after.len(), 3, "{actives:?}");
        let last = after.iter().map(|(millis, _)| *millis).max();
        assert!(last <= Some(at + 110), "{fault:?}: {actives:?}");
    }
}

#[test]
fn a_node_that_only_hears_the_witness_changes_nothing() {
    let faults = [
        (5_000, QuorumFault::Cut { from: 0, to: 1 }),
        (5_000, QuorumFault::Cut { from: 1, to: 0 }),
        (9_000, QuorumFault::Mend),
    ];
    assert_eq!(actives(&play(&faults)).len(), 1);
}

/// The two nodes do not hear each other, so the one asks the witness again and again; the witness
/// restarts.
const FORGETFUL: [(u64, QuorumFault); 4] = [
    (5_000, QuorumFault::Cut { from: 0, to: 1 }),
    (5_000, QuorumFault::Cut { from: 1, to: 0 }),
    (6_000, QuorumFault::Kill(2)),
    (6_010, QuorumFault::Start(2)),
];

#[test]
fn a_witness_that_restarts_keeps_silent_until_its_promises_have_lapsed() {
    let report = play(&FORGETFUL);
    assert!(actives(&report)[1].0 >= 6_010 + 2_062);
}

#[test]
fn a_voter_that_forgets_its_promises_is_noticed() {
    let plan = scenario(&FORGETFUL);
    let report = run_quorum(&plan, Some(QuorumMutant::ForgetsPromises), false);
    let broken = report.violation.map(|broken| broken.invariant);
    assert_eq!(broken, Some(Invariant::OneOwnerEver));
}
