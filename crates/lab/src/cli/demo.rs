//! `halo-lab demo`: a tour.

use std::process::ExitCode;
use std::time::Duration;

use halo_lab::prober::{Ask, Prober};
use halo_lab::{Lab, LabError, VIP, drawing};

/// Everything below takes well under a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the client watches the calm before and after each event.
const CALM: Duration = Duration::from_secs(1);

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let lab = Lab::builder().start()?;
    println!("{}", drawing(lab.topology()));
    lab.start_all()?;
    lab.wait_active("web", "lb1", PATIENCE)?;
    say("Two nodes, one of them ACTIVE. How lb1 sees the cluster:");
    show_status(&lab, "lb1")?;

    say(
        "A client asks for http://10.77.0.100/ every millisecond, over a new connection each time.",
    );
    let client = lab.host("client")?;
    let prober = Prober::start(client, (VIP, 80).into(), Ask::Http)?;
    prober.wait_steady(CALM, PATIENCE)?;
    println!("  so far: {}", prober.report());

    say("A planned failover, to take lb1 out of service: hactl failover web --to lb2");
    prober.reset();
    show(
        &lab.node("lb1")?
            .hactl(&["failover", "web", "--to", "lb2"])?,
    );
    lab.wait_active("web", "lb2", PATIENCE)?;
    prober.wait_steady(CALM, PATIENCE)?;
    println!("  the client saw: {}", prober.report());

    say("And back: hactl failover web --to lb1");
    prober.reset();
    show(
        &lab.node("lb1")?
            .hactl(&["failover", "web", "--to", "lb1"])?,
    );
    lab.wait_active("web", "lb1", PATIENCE)?;
    prober.wait_steady(CALM, PATIENCE)?;
    println!("  the client saw: {}", prober.report());

    say("lb1 loses its power: both its processes are killed at once.");
    prober.reset();
    lab.node("lb1")?.kill()?;
    lab.wait_active("web", "lb2", PATIENCE)?;
    prober.wait_steady(CALM, PATIENCE)?;
    println!("  the client saw: {}", prober.report());
    println!("  how lb2 sees the cluster now:");
    show_status(&lab, "lb2")?;

    say("lb1 is repaired and comes back; it has the higher priority, so it takes over.");
    prober.reset();
    lab.node("lb1")?.start_halod()?;
    lab.wait_active("web", "lb1", PATIENCE)?;
    prober.wait_steady(CALM, PATIENCE)?;
    println!("  the client saw: {}", prober.stop());
    say("That was all. `halo-lab up` is for trying things yourself.");
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) {
    println!("\n* {text}");
}

fn show_status(lab: &Lab, node: &str) -> Result<(), LabError> {
    show(&lab.node(node)?.hactl(&["status"])?);
    Ok(())
}

fn show(output: &std::process::Output) {
    for text in [&output.stdout, &output.stderr] {
        for line in String::from_utf8_lossy(text).lines() {
            println!("  {line}");
        }
    }
}
