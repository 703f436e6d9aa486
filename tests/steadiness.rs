//! Nothing happens when nothing should.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use halo_e2e::{cluster, fail, home};
use halo_lab::{Lab, LabError, Node, default_config};

/// As long as a busy spell may well last.
const MINUTE: Duration = Duration::from_secs(60);

/// One test at a time: each takes all of the machine, and together they would measure each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_minute_with_every_core_busy_changes_no_active() {
    let _alone = alone();
    let lab = cluster(2);
    let takeovers = |node: &str| {
        let status = lab.node(node).unwrap().agent_status().unwrap();
        status.vips[0].became_active
    };
    let before = (takeovers("lb1"), takeovers("lb2"));
    let stop = Arc::new(AtomicBool::new(false));
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let burners: Vec<_> = (0..cores)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let start = Instant::now();
    while start.elapsed() < MINUTE {
        assert_eq!(
            (takeovers("lb1"), takeovers("lb2")),
            before,
            "after {:?}",
            start.elapsed()
        );
        assert_eq!(lab.holders("web"), ["lb1"], "after {:?}", start.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
    stop.store(true, Ordering::Relaxed);
    for burner in burners {
        burner.join().unwrap();
    }
    home(&lab);
    assert_eq!((takeovers("lb1"), takeovers("lb2")), before);
}

/// Two nodes with adverts each 10 ms, started in some way, with twice as many busy processes as cores: nobody
/// takes the VIP over from a node that is only late.
fn no_false_failover(start: fn(&Node) -> Result<(), LabError>) {
    const TIME: Duration = Duration::from_secs(30);
    let _alone = alone();
    let lab = Lab::builder().start().unwrap_or_else(fail);
    let text = default_config(lab.topology());
    let text = text.replace("vrid = 51", "vrid = 51\nadvert_interval = \"10ms\"");
    lab.write_config(&text).unwrap_or_else(fail);
    for node in lab.nodes() {
        start(node).unwrap_or_else(fail);
    }
    home(&lab);
    let takeovers = || -> u64 {
        let of = |node: &Node| node.agent_status().unwrap_or_else(fail).vips[0].became_active;
        lab.nodes().iter().map(of).sum()
    };
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let client = lab.host("client").unwrap_or_else(fail);
    let spin = ["-c", "while :; do :; done"];
    let busy: Vec<_> = (0..cores * 2)
        .map(|_| client.spawn("busy", "/bin/sh", spin).unwrap_or_else(fail))
        .collect();
    let before = takeovers();
    let end = Instant::now() + TIME;
    halo_e2e::until(&lab, "half a minute without a takeover", || {
        let now = takeovers();
        assert_eq!(
            now,
            before,
            "{:?} before the end\n{}",
            end.saturating_duration_since(Instant::now()),
            lab.logs()
        );
        Instant::now() >= end
    });
    drop(busy);
    home(&lab);
    assert_eq!(takeovers(), before);
}

#[test]
fn adverts_each_10_ms_with_every_core_busy_twice_over_change_no_active() {
    no_false_failover(Node::start_halod);
}

#[test]
fn nor_do_they_where_the_agent_has_no_precedence() {
    no_false_failover(Node::start_halod_without_precedence);
}
