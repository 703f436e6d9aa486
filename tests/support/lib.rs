//! What the black-box tests share. Each test has a [`Lab`] of its own; they may run in parallel.

use std::panic::{catch_unwind, resume_unwind};
use std::process::Output;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use halo_lab::prober::{Ask, Prober};
use halo_lab::{Lab, LabError, StandstillWatch, Topology, VIP, default_config, wait_until};
pub use halo_lab_test::lab_test;

/// Nothing that is waited for takes this long, on however busy a machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Answers without a break for this long mean that all is well again.
pub const STEADY: Duration = Duration::from_millis(500);

/// The longest outage that is a success after an unannounced loss, at 100 ms adverts. An idle machine
/// shows about 350 ms; tests run beside each other on few cores.
pub const OUTAGE: Duration = Duration::from_millis(1500);

/// The same for a loss that is announced: by a farewell, or by an operator.
pub const ANNOUNCED: Duration = Duration::from_millis(500);

/// The longest outages of failovers that wait for no timer of VRRP, with adverts each second: at once, which an
/// idle machine shows as a few milliseconds; tests run beside each other on few cores.
pub const AT_ONCE: Duration = Duration::from_millis(400);
/// A little more than one advert, and the questions.
pub const FIRST_LATE_ADVERT: Duration = Duration::from_millis(1_700);
/// The lease of 1.6 s.
pub const LEASE: Duration = Duration::from_millis(2_300);

/// A processor that does not run for so long, half of an advert interval, may be what made a test fail.
const STANDSTILL: Duration = Duration::from_millis(50);
/// How often a test may begin again for it.
const ATTEMPTS: u32 = 4;

/// Watches from the first test of a program on.
static WATCH: LazyLock<StandstillWatch> =
    LazyLock::new(|| StandstillWatch::start().expect("threads that watch the processors"));

/// Runs a test of a cluster ([`lab_test`] calls it). Where a processor stands still, a node on it is silent and
/// its peer takes over, late or with reason: a test that failed meanwhile says nothing of Halo and begins again.
/// Where none stood still it has failed.
///
/// # Panics
/// When the test does.
pub fn on_a_machine_that_runs(test: fn()) {
    LazyLock::force(&WATCH);
    for attempt in 1.. {
        let start = Instant::now();
        let Err(failure) = catch_unwind(test) else {
            return;
        };
        let still = WATCH.longest_since(start);
        eprintln!("attempt {attempt} failed, in which a processor stood still for {still:?}");
        if still < STANDSTILL || attempt == ATTEMPTS {
            resume_unwind(failure);
        }
    }
}

/// A running cluster with "web" on lb1.
#[must_use]
pub fn cluster(nodes: u8) -> Lab {
    let lab = Lab::builder().nodes(nodes).start().unwrap_or_else(fail);
    lab.start_all().unwrap_or_else(fail);
    home(&lab);
    lab
}

/// A running cluster of two whose configuration is the default one after `change`.
#[must_use]
pub fn cluster_with(change: impl FnOnce(String) -> String) -> Lab {
    let builder = Lab::builder();
    let lab = builder.start().unwrap_or_else(fail);
    let text = change(default_config(lab.topology()));
    lab.write_config(&text).unwrap_or_else(fail);
    lab.start_all().unwrap_or_else(fail);
    home(&lab);
    lab
}

/// A running cluster of two, with one more host, and this configuration.
#[must_use]
pub fn cluster_beside(other: &str, last: u8, config: impl FnOnce(&Topology) -> String) -> Lab {
    let lab = Lab::builder()
        .other(other, last)
        .start()
        .unwrap_or_else(fail);
    lab.write_config(&config(lab.topology()))
        .unwrap_or_else(fail);
    lab.start_all().unwrap_or_else(fail);
    lab
}

/// Waits until "web" is on lb1 and nowhere else.
pub fn home(lab: &Lab) {
    active(lab, "lb1");
}

/// Waits until "web" is on this node and nowhere else, address included.
pub fn active(lab: &Lab, node: &str) {
    lab.wait_active("web", node, PATIENCE).unwrap_or_else(fail);
    let others = lab.nodes().iter().filter(|other| other.name() != node);
    for other in others {
        until(lab, &format!("no VIP on {}", other.name()), || {
            !other.host().has(VIP).unwrap_or(true)
        });
    }
    assert!(
        lab.node(node)
            .and_then(|n| n.host().has(VIP))
            .unwrap_or_else(fail),
        "{node} says it is ACTIVE but has no VIP"
    );
}

/// Waits for a condition; fails with the logs.
pub fn until(lab: &Lab, what: &str, condition: impl FnMut() -> bool) {
    wait_until(what, PATIENCE, condition)
        .map_err(|error| lab.with_logs(error))
        .unwrap_or_else(fail);
}

/// Waits until a node's data plane has answered so many requests more.
pub fn serves(lab: &Lab, node: &str, more: u64) {
    let requests = || {
        let status = lab.node(node).and_then(halo_lab::Node::status);
        let data_plane = status.ok().and_then(|status| status.data_plane);
        data_plane.map_or(0, |data| {
            data.listeners.iter().map(|l| l.requests_total).sum()
        })
    };
    let before: u64 = requests();
    until(lab, &format!("{more} requests at {node}"), || {
        requests() >= before + more
    });
}

/// A client that asks for `http://VIP/` every millisecond, and is answered.
#[must_use]
pub fn prober(lab: &Lab) -> Prober {
    let prober = lab
        .host("client")
        .and_then(|client| Prober::start(client, (VIP, 80).into(), Ask::Http))
        .unwrap_or_else(fail);
    steady(lab, &prober);
    prober.reset();
    prober
}

/// Waits until every request is answered again.
pub fn steady(lab: &Lab, prober: &Prober) {
    prober
        .wait_steady(STEADY, PATIENCE)
        .map_err(|error| lab.with_logs(error))
        .unwrap_or_else(fail);
}

/// Waits until all is well again, and asserts that the outage was not longer than `limit`.
pub fn outage_within(lab: &Lab, prober: Prober, limit: Duration) {
    steady(lab, &prober);
    let report = prober.stop();
    assert!(report.longest_gap() <= limit, "{report}, allowed {limit:?}");
}

/// `curl` from the client; the body, after asserting that the status is 200.
#[must_use]
pub fn get(lab: &Lab, url: &str) -> String {
    let output = run(lab, "client", "curl", &["-sS", "-f", "-m", "5", url]);
    assert!(output.status.success(), "curl {url}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command on a host to its end.
#[must_use]
pub fn run(lab: &Lab, host: &str, program: &str, arguments: &[&str]) -> Output {
    lab.host(host)
        .and_then(|host| host.run(program, arguments))
        .unwrap_or_else(fail)
}

/// Runs `hactl` on a node and asserts its exit code; what it printed.
pub fn hactl(lab: &Lab, node: &str, arguments: &[&str], code: i32) -> String {
    let output = lab
        .node(node)
        .and_then(|node| node.hactl(arguments))
        .unwrap_or_else(fail);
    let said = said(&output);
    assert_eq!(
        output.status.code(),
        Some(code),
        "hactl {arguments:?}: {said}"
    );
    said
}

/// Everything a command printed.
#[must_use]
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Ends the test with the error as people read it.
#[track_caller]
pub fn fail<T>(error: LabError) -> T {
    panic!("{error}")
}
