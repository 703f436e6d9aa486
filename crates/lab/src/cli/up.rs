//! `halo-lab up`

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use halo_api::VipState;
use halo_lab::{Lab, VIP, drawing, serve, wait_until};

use super::end;

/// A cluster forms in well under a second; a busy machine may take longer.
const FORMING: Duration = Duration::from_secs(15);

pub(super) fn run(
    nodes: u8,
    apps: u8,
    name: &str,
    config: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let signals = end::block()?;
    let start = Instant::now();
    let mut builder = Lab::builder().nodes(nodes).apps(apps).name(name);
    if let Some(file) = config {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        builder = builder.config(text);
    }
    let lab = Arc::new(builder.start()?);
    lab.start_all()?;
    serve(&lab)?;
    println!("\n{}", drawing(lab.topology()));
    match wait_until("every VIP on one node", FORMING, || formed(&lab)) {
        Ok(()) => println!("  up in {} ms", start.elapsed().as_millis()),
        Err(error) => println!("  {error}; what the processes say:\n{}", lab.logs()),
    }
    for node in lab.nodes() {
        for vip in node.agent_status().map(|s| s.vips).unwrap_or_default() {
            if vip.state == VipState::Active {
                println!("  {} is ACTIVE for {}", node.name(), vip.name);
            }
        }
    }
    print!("{}", commands(&lab, config.is_some()));
    end::wait(&signals)?;
    println!("\n  taking the lab down");
    drop(lab);
    // A request that is being answered may hold the last share of the lab.
    halo_lab::remove_directories();
    Ok(ExitCode::SUCCESS)
}

/// Whether every VIP is held by one node.
fn formed(lab: &Lab) -> bool {
    let all: Vec<_> = lab.nodes().iter().map(|n| n.agent_status()).collect();
    let mut active = std::collections::BTreeMap::new();
    for status in all {
        let Ok(status) = status else { return false };
        for vip in status.vips {
            *active.entry(vip.name).or_insert(0) += usize::from(vip.state == VipState::Active);
        }
    }
    !active.is_empty() && active.values().all(|count| *count == 1)
}

fn commands(lab: &Lab, own_config: bool) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "halo-lab".into());
    let option = match lab.name() {
        "lab" => String::new(),
        name => format!(" --name {name}"),
    };
    let mut rows = Vec::new();
    if !own_config {
        rows.push((
            format!("{program} exec{option} client curl -s http://{VIP}/"),
            "a request through the VIP",
        ));
    }
    let mut row = |arguments: &str, what| {
        let (verb, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        rows.push((
            format!("{program} {verb}{option} {rest}")
                .trim_end()
                .to_owned(),
            what,
        ));
    };
    row("exec lb1 hactl status", "how lb1 sees the cluster");
    row("exec lb1 hactl failover", "move its VIPs to the other node");
    row("exec lb1 hactl events -f", "what happens, as it happens");
    row("kill lb1", "power failure; then: start lb1");
    row("cut lb1", "cut it off the network; then: heal lb1");
    row("freeze lb1", "pause the machine; then: thaw lb1");
    row("exec lb1", "a shell on lb1");
    row("status", "all nodes at once");
    let width = rows
        .iter()
        .map(|(command, _)| command.chars().count())
        .max();
    let mut text = String::from("\n  To try, from another terminal:\n");
    for (command, what) in rows {
        text += &format!("    {command:<w$}   # {what}\n", w = width.unwrap_or(0));
    }
    text += &format!(
        "  Configuration and logs: {}\n  ^C ends the lab.\n",
        lab.directory().display()
    );
    text
}
