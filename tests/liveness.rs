//! A data plane that runs but does not serve: one of its workers hangs.

use std::fs;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use halo_e2e::{active, cluster_with, fail, home, lab_test, prober, run, said, steady, until};
use halo_lab::Lab;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// By then the VIP is to be elsewhere: a second, and as much for machines on which tests run beside each
/// other as `halo_e2e::ANNOUNCED` allows.
const NOTICED: Duration = Duration::from_millis(1500);

/// One thread of a process in its tracks, as a debugger stops it. The rest of the process goes on.
struct Hung {
    thread: JoinHandle<()>,
    since: Instant,
}

impl Hung {
    /// Stops the thread of this name.
    fn stop(process: u32, name: &str) -> Self {
        let task = thread_of(process, name);
        let (stopped, hears) = channel();
        // Whoever traces it must be the one who waits for it: else the kernel keeps the process for them.
        let thread = std::thread::spawn(move || {
            ptrace::seize(task, ptrace::Options::empty()).unwrap();
            ptrace::interrupt(task).unwrap();
            let stop = waitpid(task, Some(WaitPidFlag::__WALL)).unwrap();
            assert!(matches!(stop, WaitStatus::PtraceEvent(..)), "{stop:?}");
            stopped.send(Instant::now()).unwrap();
            while !matches!(
                waitpid(task, Some(WaitPidFlag::__WALL)),
                Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(_)
            ) {}
        });
        let since = heard(&hears);
        Self { thread, since }
    }
}

fn heard(hears: &Receiver<Instant>) -> Instant {
    let stopped = hears.recv_timeout(Duration::from_secs(10));
    stopped.expect("the thread to be stopped")
}

fn thread_of(process: u32, name: &str) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let task = tasks.map(|task| task.unwrap()).find(|task| {
        let comm = fs::read_to_string(task.path().join("comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    });
    let task = task.expect("the worker").file_name();
    Pid::from_raw(task.to_str().unwrap().parse().unwrap())
}

fn data_plane(lab: &Lab) -> u32 {
    let node = lab.node("lb1").unwrap();
    node.data_plane_pid().expect("a data plane on lb1")
}

#[lab_test]
fn a_worker_that_hangs_costs_the_node_its_vip_within_a_second() {
    let lab = cluster_with(|text| format!("{text}\n[data_plane]\nworkers = 2\n"));
    let clients = prober(&lab);
    let before = data_plane(&lab);
    let hung = Hung::stop(before, "worker-1");
    let vip_left = || !lab.host("lb1").unwrap().has(halo_lab::VIP).unwrap_or(true);
    until(&lab, "lb1 without the VIP", vip_left);
    let noticed = hung.since.elapsed();
    assert!(noticed < NOTICED, "{noticed:?}");
    active(&lab, "lb2");
    steady(&lab, &clients);
    hung.thread.join().unwrap();
    // The next data plane serves again, and the preferred node takes the VIP back.
    home(&lab);
    assert_ne!(data_plane(&lab), before);
    let events = lab.node("lb1").unwrap().events().unwrap_or_else(fail);
    let told = "the data plane was killed: it has a worker that does not";
    assert!(
        events.iter().any(|event| event.message.starts_with(told)),
        "{events:?}"
    );
}

#[lab_test]
fn a_busy_machine_is_no_reason_to_give_the_vip_up() {
    let lab = cluster_with(|text| format!("{text}\n[data_plane]\nworkers = 2\n"));
    let before = data_plane(&lab);
    // Four times as many busy processes as there are cores, for three seconds.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let line = format!(
        "for i in $(seq {}); do timeout 3 sh -c 'while :; do :; done' & done; wait",
        4 * cores
    );
    let busy = run(&lab, "client", "sh", &["-c", &line]);
    assert_eq!(said(&busy), "");
    assert_eq!(data_plane(&lab), before);
    let status = lab.node("lb1").unwrap().agent_status().unwrap_or_else(fail);
    assert_eq!(status.data_plane.restarts, 0);
    assert_eq!(status.vips[0].became_active, 1);
}
