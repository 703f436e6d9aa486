//! Runs written by hand, one for each thing that a cluster must stand.

use std::time::Duration;

use halo_sim::{Fault, Nanos, NodePlan, Plan, Report, run_traced};
use halo_vrrp::{Centiseconds, Priority};

const INTERVAL: Centiseconds = Centiseconds::new(10).expect("10 is within 1 to 4095");

/// Nodes lb0, lb1 and on with these priorities, adverts every 100 ms, faults at these milliseconds.
fn scenario(priorities: &[u8], faults: &[(u64, Fault)]) -> Plan {
    let nodes = priorities.iter().map(|priority| NodePlan {
        priority: Priority(*priority),
        interval: INTERVAL,
        preempt: true,
        preempt_delay: Duration::ZERO,
        drift: 0,
    });
    let at = |millis: u64| Nanos(0).after(Duration::from_millis(millis));
    let mut plan = Plan {
        seed: 1,
        nodes: nodes.collect(),
        fast: false,
        faults: faults.iter().map(|(ms, fault)| (at(*ms), *fault)).collect(),
        end: Nanos(0),
    };
    plan.finish();
    plan
}

fn play(plan: &Plan) -> Report {
    let report = run_traced(plan, None);
    assert_eq!(report.violation, None, "{}", report.trace.join("\n"));
    report
}

/// The nodes that became Active, in order, with the millisecond.
fn actives(report: &Report) -> Vec<(u64, &str)> {
    let lines = report
        .trace
        .iter()
        .filter(|line| line.contains("-> Active"));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let at = words.next().and_then(|ms| ms.split('.').next());
            let at = at.and_then(|ms| ms.parse().ok());
            let name = words.nth(1);
            (
                at.expect("a line starts with its time"),
                name.expect("then comes the node"),
            )
        })
        .collect()
}

fn last_advert(report: &Report) -> &str {
    let lines = report.trace.iter();
    lines
        .rev()
        .find(|line| line.contains("sends"))
        .map_or("", String::as_str)
}

fn names<'a>(actives: &[(u64, &'a str)]) -> Vec<&'a str> {
    actives.iter().map(|(_, name)| *name).collect()
}

#[test]
fn of_two_nodes_that_start_at_once_the_higher_priority_becomes_active_and_stays() {
    let report = play(&scenario(&[200, 100], &[]));
    assert_eq!(names(&actives(&report)), ["lb0"]);
}

#[test]
fn nodes_of_equal_priority_settle_on_the_higher_address() {
    let report = play(&scenario(&[100, 100, 100], &[]));
    let last = last_advert(&report);
    assert!(last.contains("lb2 sends"), "{last}");
}

#[test]
fn a_crash_is_noticed_within_active_down_interval() {
    let report = play(&scenario(&[200, 100], &[(3000, Fault::Crash(0))]));
    let actives = actives(&report);
    assert_eq!(names(&actives), ["lb0", "lb1"]);
    assert!((3250..=3365).contains(&actives[1].0), "{actives:?}");
}

#[test]
fn a_stop_in_order_costs_skew_time_only() {
    let report = play(&scenario(&[200, 100], &[(3000, Fault::Stop(0))]));
    let actives = actives(&report);
    assert_eq!(names(&actives), ["lb0", "lb1"]);
    assert!((3060..=3063).contains(&actives[1].0), "{actives:?}");
}

#[test]
fn a_dead_data_plane_gives_the_addresses_up_and_takes_them_back() {
    let faults = [(3000, Fault::Disable(0)), (5000, Fault::Enable(0))];
    let report = play(&scenario(&[200, 100], &faults));
    assert_eq!(names(&actives(&report)), ["lb0", "lb1", "lb0"]);
}

#[test]
fn a_frozen_node_that_runs_on_is_not_active_until_it_has_listened() {
    for noticed in [true, false] {
        for queues in [true, false] {
            let freeze = Fault::Freeze { node: 0, queues };
            let thaw = Fault::Thaw { node: 0, noticed };
            let report = play(&scenario(&[200, 100], &[(3000, freeze), (6000, thaw)]));
            let actives = actives(&report);
            assert_eq!(names(&actives), ["lb0", "lb1", "lb0"]);
            assert!(actives[2].0 >= 6300, "{actives:?}");
        }
    }
}

#[test]
fn a_node_whose_clock_leaps_listens_before_it_speaks_again() {
    for noticed in [true, false] {
        let by = Duration::from_secs(5);
        let leap = Fault::Leap {
            node: 0,
            by,
            noticed,
        };
        let report = play(&scenario(&[200, 100], &[(3000, leap)]));
        let actives = actives(&report);
        let (at, name) = actives[actives.len() - 1];
        assert_eq!((name, at >= 3300), ("lb0", true), "{actives:?}");
    }
}

#[test]
fn a_backup_whose_clock_leaps_by_less_than_it_waits_leaves_the_addresses_where_they_are() {
    let leap = Fault::Leap {
        node: 1,
        by: Duration::from_millis(200),
        noticed: false,
    };
    let report = play(&scenario(&[200, 100], &[(3000, leap)]));
    assert_eq!(names(&actives(&report)), ["lb0"]);
}

#[test]
fn a_machine_that_stood_still_with_its_clock_settles_within_an_interval() {
    let thaw = Fault::Thaw {
        node: 0,
        noticed: true,
    };
    let report = play(&scenario(
        &[200, 100],
        &[(3000, Fault::Pause(0)), (6000, thaw)],
    ));
    assert_eq!(names(&actives(&report)), ["lb0", "lb1"]);
    let given_up = report.trace.iter().find(|line| line.contains("lb1 Active"));
    let at = given_up.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let at: f64 = at.expect("lb1 gives the addresses up");
    assert!((6000.0..=6101.0).contains(&at), "{at}");
}

#[test]
fn halves_that_meet_again_settle_within_an_interval() {
    let faults = [(3000, Fault::Partition(0b01)), (6000, Fault::Mend)];
    let report = play(&scenario(&[200, 100], &faults));
    assert_eq!(names(&actives(&report)), ["lb0", "lb1"]);
    let healed = report.trace.iter().any(|line| line.contains("Rival"));
    assert!(healed, "the winner announces the addresses again");
}

#[test]
fn who_hears_nobody_but_is_heard_does_not_end_as_second_owner() {
    let faults = [(3000, Fault::Cut { from: 0, to: 1 }), (6000, Fault::Mend)];
    let report = play(&scenario(&[200, 100], &faults));
    assert_eq!(names(&actives(&report))[..2], ["lb0", "lb1"]);
}

#[test]
fn a_planned_failover_stays_where_it_was_put_and_can_be_taken_back() {
    let faults = [(3000, Fault::TakeOver(1)), (9000, Fault::TakeOver(0))];
    let report = play(&scenario(&[200, 100], &faults));
    assert_eq!(actives(&report)[1..], [(3000, "lb1"), (9000, "lb0")]);
}

#[test]
fn a_node_that_yielded_comes_back_when_its_peer_is_gone() {
    let faults = [(3000, Fault::YieldActive), (6000, Fault::Crash(1))];
    let report = play(&scenario(&[200, 100], &faults));
    let actives = actives(&report);
    assert_eq!(names(&actives), ["lb0", "lb1", "lb0"]);
    assert!(actives[2].0 <= 6405, "{actives:?}");
}

#[test]
fn a_changed_priority_moves_the_addresses_without_a_gap() {
    let change = Fault::Reconfigure {
        node: 1,
        priority: Priority(250),
        interval: INTERVAL,
        preempt: true,
    };
    let report = play(&scenario(&[200, 100], &[(3000, change)]));
    assert_eq!(names(&actives(&report)), ["lb0", "lb1"]);
}

#[test]
fn a_node_without_preemption_returns_as_standby() {
    let faults = [(3000, Fault::Crash(0)), (6000, Fault::Start(0))];
    let mut plan = scenario(&[200, 100], &faults);
    for node in &mut plan.nodes {
        node.preempt = false;
    }
    assert_eq!(names(&actives(&play(&plan))), ["lb0", "lb1"]);
}

#[test]
fn a_returned_node_waits_for_its_preempt_delay() {
    let faults = [(3000, Fault::Crash(0)), (6000, Fault::Start(0))];
    let mut plan = scenario(&[200, 100], &faults);
    plan.nodes[0].preempt_delay = Duration::from_secs(5);
    plan.finish();
    let report = play(&plan);
    let actives = actives(&report);
    assert_eq!(names(&actives), ["lb0", "lb1", "lb0"]);
    assert!((11_000..=11_500).contains(&actives[2].0), "{actives:?}");
}

#[test]
fn seven_nodes_with_noise_and_crashes_end_with_the_highest_priority() {
    let noise = Fault::Noise {
        loss: 300,
        duplicate: 100,
        corrupt: 100,
        delay: Duration::from_millis(150),
    };
    let faults = [
        (1000, noise),
        (2000, Fault::Crash(6)),
        (4000, Fault::Start(6)),
        (5000, Fault::Silence),
    ];
    let report = play(&scenario(&[10, 40, 70, 100, 130, 160, 190], &faults));
    assert!(report.discarded > 0);
    let last = last_advert(&report);
    assert!(last.contains("lb6 sends priority 190"), "{last}");
}

/// Two nodes that ask each other, and what happens to the first a second after the start.
fn asking(fault: Fault) -> Report {
    let mut plan = scenario(&[200, 100], &[(1_000, fault)]);
    plan.fast = true;
    plan.finish();
    play(&plan)
}

#[test]
fn a_node_that_crashes_is_replaced_soon_after_its_first_late_advert() {
    let report = asking(Fault::Crash(0));
    let (at, name) = actives(&report)[1];
    assert_eq!(name, "lb1");
    assert!((1_020..=1_130).contains(&at), "{at}");
}

#[test]
fn a_process_that_freezes_is_replaced_when_its_lease_has_ended() {
    let freeze = Fault::Freeze {
        node: 0,
        queues: true,
    };
    let report = asking(freeze);
    let (at, name) = actives(&report)[1];
    assert_eq!(name, "lb1");
    assert!((1_060..=1_170).contains(&at), "{at}");
}
