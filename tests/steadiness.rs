//! Nothing happens when nothing should.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use halo_e2e::{cluster, home};

/// The time that the issue promises.
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_minute_with_every_core_busy_changes_no_active() {
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
