//! The agent's half of the daemon: from a command line to a running agent.

use std::path::Path;

use halo_agent::{Agent, Loaded, Options};
use halo_netio::platform::{Linux, Settings};
use halo_netio::process::{
    Capability, lock_memory, random_seed, read_secret, require_network_privileges,
    resolve_identity, take_precedence,
};

use crate::logging;

/// Runs the failover agent until it is told to stop.
pub(crate) fn run(config_file: &Path, node: Option<String>) -> anyhow::Result<()> {
    let node = match node {
        Some(node) => node,
        None => hostname()?,
    };
    let loaded = Loaded::read(
        config_file,
        &node,
        |path| std::fs::read_to_string(path),
        read_secret,
    )
    .map_err(whole)?;
    logging::init(Some(loaded.config.log.level));
    require_network_privileges().map_err(whole)?;

    let (identity, warning) = resolve_identity(&loaded.config.data_plane.user).map_err(whole)?;
    let socket_dir = &loaded.config.admin.socket_dir;
    halo_netio::unix::prepare_directory(socket_dir, identity.gid()).map_err(whole)?;
    let platform = Linux::open(Settings {
        socket: socket_dir.join("agent.sock"),
        identity,
        keep: data_plane_capabilities(&loaded.config),
        environment: vec![(
            logging::LEVEL_VARIABLE,
            logging::in_force(loaded.config.log.level),
        )],
    })
    .map_err(whole)?;
    let precedence = take_precedence();
    let options = Options {
        lateness: precedence.lateness(),
        config_file: config_file.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        seed: random_seed().map_err(whole)?,
        warnings: warning
            .into_iter()
            .chain(precedence.warning())
            .chain(lock_memory().warning())
            .collect(),
    };
    Agent::new(platform, loaded, options).run().map_err(whole)
}

/// What the data plane may do besides what anyone may: bind ports below 1024; and where a pool is
/// transparent, connect from addresses that are not this machine's (`IP_TRANSPARENT`, for which
/// CAP_NET_RAW is the lesser of the two that the kernel takes).
fn data_plane_capabilities(config: &halo_config::Config) -> Vec<Capability> {
    let mut keep = vec![Capability::NetBindService];
    if config.is_transparent() {
        keep.push(Capability::NetRaw);
    }
    keep
}

/// These errors tell their causes themselves: as a chain, each would be told twice.
fn whole(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

fn hostname() -> anyhow::Result<String> {
    halo_netio::process::hostname()
        .map_err(|error| anyhow::anyhow!("{error}; give this node's name with --node"))
}
