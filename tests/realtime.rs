//! An agent that is not late: its memory stays, and what is slow is done beside its loop.

use std::fs;
use std::panic::catch_unwind;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use halo_api::{AgentStatus, ProcessState, TimerLateness};
use halo_e2e::{cluster, fail, home, lab_test, on_a_machine_that_runs, run, said, until};
use halo_lab::usage::CpuTime;
use halo_lab::{Lab, Node, Process, StandstillWatch};
use halo_netio::process::{Precedence, take_precedence};

/// Most that a timer may be late with real-time precedence while both cores are busy. A program that is
/// started takes its turns among the busy ones, tens of milliseconds.
const LATE: u64 = 10_000;

fn status(node: &Node) -> AgentStatus {
    node.agent_status().unwrap_or_else(fail)
}

/// KiB that a process has locked, as proc_pid_status(5) says.
fn locked(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmLck:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap()
}

#[lab_test]
fn the_agents_memory_is_locked_and_the_data_planes_is_not() {
    let lab = cluster(1);
    let status = status(lab.node("lb1").unwrap());
    let data_plane = status.data_plane.pid.unwrap();
    assert!(locked(status.pid) > 4096, "{} KiB", locked(status.pid));
    assert_eq!(locked(data_plane), 0);
    assert!(status.warnings.is_empty(), "{:?}", status.warnings);
}

#[lab_test]
fn without_the_right_to_lock_memory_the_node_serves_and_says_so() {
    let lab = Lab::builder().nodes(1).start().unwrap_or_else(fail);
    let node = lab.node("lb1").unwrap();
    node.start_halod_without("ipc_lock").unwrap_or_else(fail);
    home(&lab);
    let status = status(node);
    assert_eq!(locked(status.pid), 0);
    let told = |warning: &String| warning.contains("the agent's memory is not locked");
    assert!(status.warnings.iter().any(told), "{:?}", status.warnings);
}

/// An agent before which no other program runs must not run for nothing.
#[lab_test]
fn an_agent_at_rest_leaves_the_processor_to_others() {
    let lab = cluster(2);
    for node in lab.nodes() {
        let before = status(node);
        let start = (Instant::now(), CpuTime::of(&[before.pid]));
        let many = "a hundred timers, in which addresses were renewed and neighbours looked up";
        until(&lab, many, || {
            status(node).timers.fired > before.timers.fired + 100
        });
        let (elapsed, used) = (start.0.elapsed(), CpuTime::of(&[before.pid]) - start.1);
        assert!(
            used.total() < elapsed / 10,
            "{}'s agent ran for {used:?} of {elapsed:?}",
            node.name()
        );
    }
}

/// Else a defect of the agent would pass for one of the machine.
#[test]
fn an_agent_that_spins_is_no_machine_that_stands_still() {
    const SPUN: Duration = Duration::from_millis(400);
    let watch = StandstillWatch::start().unwrap();
    let spin = || {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let spin = |start: Instant| {
            let precedence = take_precedence();
            assert!(matches!(precedence, Precedence::Realtime), "{precedence:?}");
            while start.elapsed() < SPUN {}
        };
        let start = Instant::now();
        let threads = (0..cores).map(|_| std::thread::spawn(move || spin(start)));
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        watch.longest_since(start)
    };
    // The machine itself may stand still meanwhile, but hardly each time.
    let shortest = (0..10).map(|_| spin()).min().unwrap();
    assert!(shortest < Duration::from_millis(50), "{shortest:?}");
}

/// A program that writes to a slow serial console holds a processor, and every agent on it.
#[lab_test]
fn no_program_of_a_host_reaches_the_machines_console() {
    let lab = cluster(1);
    let file = run(&lab, "lb1", "stat", &["-c", "%t:%T", "/dev/console"]);
    // null(4): major number 1, minor number 3.
    assert_eq!(said(&file).trim(), "1:3");
}

/// How often a test was begun that fails the first time, after a command.
fn begun_with(command: &str) -> usize {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    static COMMAND: Mutex<String> = Mutex::new(String::new());
    BEGUN.store(0, Ordering::Relaxed);
    *COMMAND.lock().unwrap() = command.to_owned();
    let test = || {
        let line = COMMAND.lock().unwrap().clone();
        let status = Command::new("sh").args(["-c", &line]).status().unwrap();
        assert!(status.success(), "{line}: {status}");
        assert!(BEGUN.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
    };
    // That it failed is seen by how often it was begun.
    catch_unwind(|| on_a_machine_that_runs(test)).ok();
    BEGUN.load(Ordering::Relaxed)
}

#[test]
fn a_failed_test_begins_again_only_where_a_processor_stood_still() {
    // What runs before everything else, the watch included, is to the watch what a hypervisor is.
    let count = "i=0; while [ $i -lt 600000 ]; do i=$((i + 1)); done";
    let still = format!("taskset -c 0 chrt --fifo 90 sh -c '{count}'");
    assert_eq!(begun_with(&still), 2);
    // Unless a hypervisor takes part in it, each time.
    assert!((0..10).any(|_| begun_with("true") == 1));
}

/// Every core, twice over, for as long as it is kept.
fn saturated(lab: &Lab) -> Vec<Process> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let client = lab.host("client").unwrap_or_else(fail);
    let spin = |_| client.spawn("busy", "/bin/sh", ["-c", "while :; do :; done"]);
    (0..cores * 2)
        .map(|at| spin(at).unwrap_or_else(fail))
        .collect()
}

/// Timers that were later than [`LATE`].
fn late(timers: &TimerLateness) -> u64 {
    let in_time = timers.buckets.iter();
    let in_time = in_time.filter(|bucket| bucket.at_most_us <= LATE);
    timers.fired - in_time.map(|bucket| bucket.timers).sum::<u64>()
}

#[test]
fn to_start_the_data_plane_makes_no_timer_late() {
    let lab = cluster(2);
    let node = lab.node("lb1").unwrap();
    let busy = saturated(&lab);
    let watch = StandstillWatch::start().unwrap();
    let (mut undisturbed, mut late_starts) = (0, 0);
    for start in 1..=30 {
        let before = status(node);
        let began = Instant::now();
        node.kill_data_plane().unwrap_or_else(fail);
        let what = format!("data plane {start}, and heartbeats after its start");
        until(&lab, &what, || {
            let now = node.agent_status();
            now.is_ok_and(|now| {
                now.data_plane.state == ProcessState::Ready
                    && now.data_plane.restarts > before.data_plane.restarts
                    && now.timers.fired > before.timers.fired + 20
            })
        });
        let after = status(node);
        // In others the hypervisor has made everybody late.
        if watch.longest_since(began) < Duration::from_micros(LATE) / 2 {
            undisturbed += 1;
            late_starts += u32::from(late(&after.timers) > late(&before.timers));
        }
        if undisturbed == 5 {
            break;
        }
    }
    assert!(
        undisturbed > 2,
        "{undisturbed} of 30 starts on a machine that ran"
    );
    drop(busy);
    // Whoever else uses the machine may have taken it away once.
    assert!(
        late_starts <= 1,
        "{late_starts} of {undisturbed} starts: {:?}",
        status(node).timers
    );
    until(&lab, "lb1 to be home", || lab.holders("web") == ["lb1"]);
}
