//! `hactl failover`.

use std::time::{Duration, Instant};

use halo_api::{AgentStatus, Outcome, VipState, VipStatus};

use crate::cli::{FailoverArgs, Format};
use crate::client::Client;
use crate::exit::Failure;

/// How often a waiting command looks: a move takes about as long.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn run(
    client: &Client,
    args: FailoverArgs,
    format: Format,
) -> Result<(), Failure> {
    if !args.wait {
        let outcome = client.failover(args.vip, args.to, args.dry_run).await?;
        return super::print_outcome(&outcome, format);
    }
    let before = client.status().await?.agent;
    let began = Instant::now();
    let moves = moves(&before, args.vip.as_deref(), args.to.as_deref());
    let outcome = client.failover(args.vip, args.to, false).await?;
    let after = wait(client, &moves, began + args.timeout).await;
    let waited = after.map_err(|failure| in_context(failure, &outcome, args.timeout))?;
    let message = match waited {
        None => outcome.message,
        Some(holders) => format!(
            "{}; moved after {} ms: {holders}",
            outcome.message,
            began.elapsed().as_millis()
        ),
    };
    super::print_outcome(&Outcome { message }, format)
}

/// A virtual IP that is to move.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Move {
    vip: String,
    /// The node that shall hold it; `None`: any but this one.
    to: Option<String>,
}

/// What the command will move, as this node sees it before.
fn moves(before: &AgentStatus, vip: Option<&str>, to: Option<&str>) -> Vec<Move> {
    let here = to.is_some_and(|to| to == before.node);
    before
        .vips
        .iter()
        .filter(|status| vip.is_none_or(|vip| vip == status.name))
        .filter(|status| (status.state == VipState::Active) != here)
        .map(|status| Move {
            vip: status.name.clone(),
            to: to.map(str::to_owned),
        })
        .collect()
}

/// Waits for all of them; who holds them then, or `None` if there was nothing to wait for.
async fn wait(client: &Client, moves: &[Move], until: Instant) -> Result<Option<String>, Failure> {
    if moves.is_empty() {
        return Ok(None);
    }
    loop {
        // The data plane may go down on the way; the agent answers all along.
        let status = client.status().await?.agent;
        let open: Vec<&Move> = moves.iter().filter(|wish| !done(wish, &status)).collect();
        if open.is_empty() {
            return Ok(Some(holders(moves, &status)));
        }
        if Instant::now() >= until {
            return Err(Failure::TimedOut(still(&open, &status)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn done(wish: &Move, status: &AgentStatus) -> bool {
    let Some(vip) = find(&wish.vip, status) else {
        // A reload took it away: there is nothing left to move.
        return true;
    };
    let Some(holder) = vip.holder.as_deref() else {
        return false;
    };
    match wish.to.as_deref() {
        Some(to) if to == status.node => vip.state == VipState::Active,
        Some(to) => vip.state != VipState::Active && holder == to,
        None => vip.state != VipState::Active && holder != status.node,
    }
}

fn find<'a>(name: &str, status: &'a AgentStatus) -> Option<&'a VipStatus> {
    status.vips.iter().find(|vip| vip.name == name)
}

fn holders(moves: &[Move], status: &AgentStatus) -> String {
    let holds = |wish: &Move| {
        let holder = find(&wish.vip, status).and_then(|vip| vip.holder.as_deref());
        format!("{} holds {}", holder.unwrap_or("nobody"), wish.vip)
    };
    moves.iter().map(holds).collect::<Vec<_>>().join(", ")
}

fn still(open: &[&Move], status: &AgentStatus) -> String {
    let held = |wish: &&Move| {
        let holder = find(&wish.vip, status).and_then(|vip| vip.holder.as_deref());
        match holder {
            Some(holder) => format!("{} is still held by {holder}", wish.vip),
            None => format!("nobody is known to hold {}", wish.vip),
        }
    };
    open.iter().map(held).collect::<Vec<_>>().join(", ")
}

fn in_context(failure: Failure, outcome: &Outcome, timeout: Duration) -> Failure {
    match failure {
        Failure::TimedOut(what) => Failure::TimedOut(format!(
            "{}, but after {timeout:?} {what}; see `hactl status` and `hactl events` on both nodes",
            outcome.message
        )),
        other => other,
    }
}

#[cfg(test)]
#[path = "failover/tests.rs"]
mod tests;
