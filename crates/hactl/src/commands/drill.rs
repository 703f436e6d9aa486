//! `hactl drill`: a planned failover and the way back, with what a client would have seen.

mod prober;
mod report;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use halo_api::{AgentStatus, Status, VipState, VipStatus};

use self::prober::Prober;
use self::report::{Leg, Report};
use crate::cli::{DrillArgs, Format};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, time};

/// How often the node is asked whether the VIP has moved.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// All is well before a leg begins, and after it, when connects have worked for this long.
const STEADY: Duration = Duration::from_millis(300);

pub(super) async fn run(client: &Client, args: DrillArgs, format: Format) -> Result<(), Failure> {
    let status = client.status().await?;
    let vip = find(&status.agent, &args.vip)?;
    let target = target(&status, vip, args.port)?;
    let here = status.agent.node.clone();
    let away = vip.state == VipState::Active;
    let mut report = Report {
        vip: args.vip.clone(),
        started: time::stamp(time::unix_now()),
        run_on: here.clone(),
        target: target.to_string(),
        legs: Vec::new(),
    };
    let legs = if args.stay { 1 } else { 2 };
    for leg in 0..legs {
        // Away from here, or to here; then the other way round.
        let to = ((leg == 0) != away).then(|| here.clone());
        report.legs.push(move_it(client, &args, target, to).await?);
    }
    let path = report.store(&args.reports)?;
    match format {
        Format::Json => super::print_json(&report),
        Format::Table => output::print(&format!("{report}report: {}\n", path.display())),
    }
}

/// One move, measured from the command to steady answers.
async fn move_it(
    client: &Client,
    args: &DrillArgs,
    target: SocketAddr,
    to: Option<String>,
) -> Result<Leg, Failure> {
    let before = holder(client, &args.vip).await?;
    let prober = Prober::start(target);
    prober.steady(STEADY, args.timeout).await?;
    prober.reset();
    let began = Instant::now();
    client.failover(Some(args.vip.clone()), to, false).await?;
    let after = loop {
        let now = holder(client, &args.vip).await?;
        if now.is_some() && now != before {
            break now;
        }
        if began.elapsed() > args.timeout {
            return Err(Failure::TimedOut(format!(
                "{} has not moved within {:?}; see `hactl why {}` on both nodes",
                args.vip, args.timeout, args.vip
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let moved = began.elapsed();
    prober.steady(STEADY, args.timeout).await?;
    let seen = prober.stop();
    Ok(Leg {
        from: before.unwrap_or_else(|| "unknown".to_owned()),
        to: after.unwrap_or_else(|| "unknown".to_owned()),
        moved_after_ms: report::millis(moved),
        longest_gap_ms: report::millis(seen.longest_gap),
        attempts: seen.attempts,
        failed: seen.failed,
    })
}

async fn holder(client: &Client, vip: &str) -> Result<Option<String>, Failure> {
    let status = client.status().await?.agent;
    Ok(find(&status, vip)?.holder.clone())
}

fn find<'a>(status: &'a AgentStatus, name: &str) -> Result<&'a VipStatus, Failure> {
    let found = status.vips.iter().find(|vip| vip.name == name);
    found.ok_or_else(|| Failure::Usage(format!("{} has no virtual IP {name:?}", status.node)))
}

/// Where to connect: the VIP's first address, at the port that was given or that a listener has.
fn target(status: &Status, vip: &VipStatus, port: Option<u16>) -> Result<SocketAddr, Failure> {
    let addresses: Vec<IpAddr> = vip
        .addresses
        .iter()
        .filter_map(|net| net.split('/').next()?.parse().ok())
        .collect();
    let first = *addresses
        .first()
        .ok_or_else(|| Failure::Failed(format!("{} has no address", vip.name)))?;
    if let Some(port) = port {
        return Ok(SocketAddr::new(first, port));
    }
    let listeners = status.data_plane.iter().flat_map(|plane| &plane.listeners);
    listeners
        .filter(|listener| listener.protocol != "udp")
        .flat_map(|listener| &listener.bind)
        .filter_map(|bind| bind.parse::<SocketAddr>().ok())
        .find(|bind| addresses.contains(&bind.ip()))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "no TCP or HTTP listener has an address of {}; name a port that answers with --port",
                vip.name
            ))
        })
}
