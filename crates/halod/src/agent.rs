//! The agent's half of the daemon.

use std::path::Path;

/// Runs the failover agent until it is told to stop.
pub(crate) fn run(_config: &Path, _node: Option<String>) -> anyhow::Result<()> {
    anyhow::bail!("the agent is not linked in yet")
}
