//! The Halo daemon: failover agent and data plane in one binary.
//!
//! Started by a person or a service manager, it is the agent; the agent starts it again as
//! `halod data-plane --fd 3`, without privileges, to be the data plane.

mod agent;
mod data_plane;
mod logging;

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use halo_netio::heir::Heir;
use halo_netio::process::{CHILD_BEQUEST, inherited_socket};

/// The Halo daemon: holds virtual IPs and balances the load behind them.
#[derive(Debug, Parser)]
#[command(name = "halod", version, args_conflicts_with_subcommands = true)]
struct Cli {
    /// The cluster's configuration file, the same on every node.
    #[arg(
        long,
        env = "HALO_CONFIG",
        default_value = "/etc/halo/halo.toml",
        value_name = "FILE"
    )]
    config: PathBuf,

    /// This node's name in the configuration file; the hostname if not given.
    #[arg(long, env = "HALO_NODE", value_name = "NAME")]
    node: Option<String>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the data plane; started by the agent.
    #[command(hide = true)]
    DataPlane {
        /// The socket to the agent.
        #[arg(long)]
        fd: RawFd,
        /// How many descriptors behind it are for when the agent is gone.
        #[arg(long, default_value_t = 0)]
        inherited: usize,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => agent::run(&cli.config, cli.node),
        Some(Command::DataPlane { fd, inherited }) => run_data_plane(fd, inherited),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("halod: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_data_plane(fd: RawFd, inherited: usize) -> anyhow::Result<()> {
    logging::init(None);
    let agent = inherited_socket(fd)?;
    let heir = (inherited > 0)
        .then(|| Heir::inherit(CHILD_BEQUEST, inherited))
        .transpose()?;
    data_plane::run(agent, heir)
}
