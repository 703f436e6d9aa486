//! The agent's half of the daemon: from a command line to a running agent.

use std::path::Path;

use anyhow::Context;
use halo_agent::{Agent, Loaded, Options};
use halo_netio::platform::{Linux, Settings};
use halo_netio::process::{require_network_privileges, resolve_identity};

use crate::logging;

/// Runs the failover agent until it is told to stop.
pub(crate) fn run(config_file: &Path, node: Option<String>) -> anyhow::Result<()> {
    let node = match node {
        Some(node) => node,
        None => hostname()?,
    };
    let loaded = Loaded::read(config_file, &node, |path| std::fs::read_to_string(path))?;
    logging::init(Some(loaded.config.log.level));
    require_network_privileges()?;

    let (identity, warning) = resolve_identity(&loaded.config.data_plane.user)?;
    let socket_dir = &loaded.config.admin.socket_dir;
    halo_netio::unix::prepare_directory(socket_dir, identity.gid())?;
    let platform = Linux::open(Settings {
        socket: socket_dir.join("agent.sock"),
        identity,
        environment: vec![(
            logging::LEVEL_VARIABLE,
            logging::in_force(loaded.config.log.level),
        )],
    })?;
    let options = Options {
        config_file: config_file.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        warnings: warning.into_iter().collect(),
    };
    Agent::new(platform, loaded, options).run()?;
    Ok(())
}

fn hostname() -> anyhow::Result<String> {
    let name = halo_netio::process::hostname()
        .context("cannot tell this node's name from the hostname; give it with --node")?;
    Ok(name)
}
