//! Nothing happens when nothing should.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use halo_e2e::{cluster, fail, home};
use halo_lab::{Lab, LabError, Node, Process, StandstillWatch, default_config, wait_until};

/// As long as a busy spell may well last.
const MINUTE: Duration = Duration::from_secs(60);

/// One test at a time: each takes all of the machine, and together they would measure each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a spell may be begun again, for an undisturbed one.
const SPELLS: u32 = 10;

/// Ordinary programs that do nothing but compute, so many for each core.
fn busy(lab: &Lab, each: usize) -> Vec<Process> {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let client = lab.host("client").unwrap_or_else(fail);
    let spin = ["-c", "while :; do :; done"];
    (0..cores * each)
        .map(|_| client.spawn("busy", "/bin/sh", spin).unwrap_or_else(fail))
        .collect()
}

/// For so long nobody takes the VIP over, whatever else runs. A node that the hypervisor did not run for
/// longer than `tolerance` may have been taken for dead, with reason: then the spell begins again.
fn nobody_takes_over(lab: &Lab, time: Duration, tolerance: Duration) {
    let watch = StandstillWatch::start().unwrap();
    let takeovers = || -> u64 {
        let of = |node: &Node| node.agent_status().unwrap_or_else(fail).vips[0].became_active;
        lab.nodes().iter().map(of).sum()
    };
    for _ in 0..SPELLS {
        home(lab);
        let (before, start) = (takeovers(), Instant::now());
        wait_until("the end of a spell", time * 2, || {
            takeovers() != before || start.elapsed() >= time
        })
        .unwrap_or_else(fail);
        if takeovers() == before {
            return assert_eq!(lab.holders("web"), ["lb1"]);
        }
        let still = watch.longest_since(start);
        assert!(
            still > tolerance,
            "a takeover after {:?}, while no processor stood still for more than {still:?}\n{}",
            start.elapsed(),
            lab.logs()
        );
    }
    panic!("the hypervisor let no node run for {time:?}");
}

#[test]
fn a_minute_with_every_core_busy_changes_no_active() {
    let _alone = alone();
    let lab = cluster(2);
    let busy = busy(&lab, 1);
    nobody_takes_over(&lab, MINUTE, Duration::from_millis(80));
    drop(busy);
    home(&lab);
}

/// Two nodes with adverts each 10 ms, started in some way, with twice as many busy processes as cores: nobody
/// takes the VIP over from a node that is only late.
fn no_false_failover(start: fn(&Node) -> Result<(), LabError>) {
    let _alone = alone();
    let lab = Lab::builder().start().unwrap_or_else(fail);
    let text = default_config(lab.topology());
    let text = text.replace("vrid = 51", "vrid = 51\nadvert_interval = \"10ms\"");
    lab.write_config(&text).unwrap_or_else(fail);
    for node in lab.nodes() {
        start(node).unwrap_or_else(fail);
    }
    home(&lab);
    let busy = busy(&lab, 2);
    nobody_takes_over(&lab, MINUTE / 2, Duration::from_millis(10));
    drop(busy);
    home(&lab);
}

#[test]
fn adverts_each_10_ms_with_every_core_busy_twice_over_change_no_active() {
    no_false_failover(Node::start_halod);
}

#[test]
fn nor_do_they_where_the_agent_has_no_precedence() {
    no_false_failover(Node::start_halod_without_precedence);
}
