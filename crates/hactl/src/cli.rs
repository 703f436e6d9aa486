//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// What follows the options in `--help` and in the man page.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 node unreachable, \
                          4 refused, 5 timed out.";

/// Look at a Halo node and steer it.
#[derive(Debug, Parser)]
#[command(name = "hactl", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) node: NodeArgs,

    /// How results are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the node is.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeArgs {
    /// Directory of the node's Unix sockets (`admin.socket_dir`).
    #[arg(
        long,
        global = true,
        env = "HALO_SOCKET_DIR",
        hide_env_values = true,
        default_value = "/run/halo",
        value_name = "DIR"
    )]
    pub(crate) socket_dir: PathBuf,

    /// Reach the node over TCP instead (`admin.listen`), as http://HOST:PORT.
    #[arg(
        long,
        global = true,
        env = "HALO_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) url: Option<String>,

    /// File with the bearer token for --url (a copy of the node's `admin.token_file`).
    #[arg(
        long,
        global = true,
        env = "HALO_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) token_file: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the node: virtual IPs, peers, listeners, servers.
    ///
    /// Asks the agent when the data plane does not answer.
    Status,

    /// Move virtual IPs to another node, or take them over.
    ///
    /// Without --to, the node that holds a virtual IP gives it to the next in priority; run it
    /// there. With --to this node, a Standby takes it over.
    Failover(FailoverArgs),

    /// Bring virtual IPs home: to the node with the highest priority in the file.
    ///
    /// Run it on the node that holds them, or on their home.
    Failback {
        /// The virtual IP; all that can be moved from here if not given.
        vip: Option<String>,
    },

    /// Say why a virtual IP is where it is, and what would happen next.
    Why {
        /// The virtual IP.
        vip: String,
    },

    /// Look at virtual IPs in detail.
    #[command(subcommand)]
    Vip(VipCommand),

    /// Take this node out of service and back.
    #[command(subcommand)]
    Node(NodeDuty),

    /// Suspend automatic failover on this node: it takes over only by command, or from a node that
    /// gives a virtual IP up.
    Pause,

    /// Allow automatic failover on this node again.
    Resume,

    /// Move a virtual IP to another node and back, measure what clients would see, store a report.
    Drill(DrillArgs),

    /// Show what happened on the node.
    Events {
        /// Wait for more, until interrupted.
        #[arg(short, long)]
        follow: bool,
    },

    /// Check, reload or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),

    /// Take a server out of service and back, or change its weight.
    #[command(subcommand)]
    Server(ServerCommand),

    /// Print a shell's completion script.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: Shell,
    },

    /// Write the man pages into a directory.
    #[command(hide = true)]
    Man {
        /// The directory; it must exist.
        directory: PathBuf,
    },
}

/// Which virtual IPs go where.
#[derive(Debug, Args)]
pub(crate) struct FailoverArgs {
    /// The virtual IP; all that can be moved if not given.
    pub(crate) vip: Option<String>,

    /// The node that shall hold it.
    #[arg(long, value_name = "NODE")]
    pub(crate) to: Option<String>,

    /// Say what would be done, and do nothing.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) dry_run: bool,

    /// Wait until the virtual IP has moved.
    #[arg(long)]
    pub(crate) wait: bool,

    /// Longest wait, such as 500ms or 10s.
    #[arg(long, requires = "wait", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

/// What to show of virtual IPs.
#[derive(Debug, Subcommand)]
pub(crate) enum VipCommand {
    /// Show timers, counters, and what each tracker contributes.
    Show {
        /// The virtual IP; all if not given.
        vip: Option<String>,
    },
}

/// A node's duty.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum NodeDuty {
    /// Leave the virtual IPs to others, and hold one only while nobody else does.
    Drain,
    /// Hold no virtual IP, even if nobody else does.
    Maint,
    /// Take part again.
    Ready,
}

/// A drill.
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// The virtual IP; best one that serves no users (a canary).
    pub(crate) vip: String,

    /// The port to connect to; the first that a TCP or HTTP listener has on it if not given.
    #[arg(long)]
    pub(crate) port: Option<u16>,

    /// Leave it where it was moved to.
    #[arg(long)]
    pub(crate) stay: bool,

    /// Where the report is stored.
    #[arg(long, default_value = "/var/lib/halo/drills", value_name = "DIR")]
    pub(crate) reports: PathBuf,

    /// Longest wait for each move, such as 500ms or 10s.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a file on this machine, without asking a node; print every error in it.
    Check {
        /// The file.
        #[arg(
            env = "HALO_CONFIG",
            hide_env_values = true,
            default_value = "/etc/halo/halo.toml",
            value_name = "FILE"
        )]
        file: PathBuf,

        /// Check it as this node sees it; as every node in it if not given.
        #[arg(long, value_name = "NODE")]
        node: Option<String>,
    },

    /// Make the node read its file again. A bad file changes nothing.
    Reload,

    /// Print the configuration in force.
    Show,
}

/// What to do with a server.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Let it finish what it has and give it nothing new; it is still checked.
    Drain(ServerArgs),
    /// Give it nothing new and do not check it.
    Maint(ServerArgs),
    /// Give it work again.
    Ready(ServerArgs),
    /// Set its weight, until halod starts again or the file has a new one.
    Weight {
        #[command(flatten)]
        server: ServerArgs,
        /// The weight, 0 to 256; 0: nothing new.
        #[arg(value_parser = clap::value_parser!(u32).range(0..=256))]
        weight: u32,
    },
}

/// A server.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server, by its pool and name.
    #[arg(value_name = "POOL/SERVER", value_parser = ServerName::parse)]
    pub(crate) server: ServerName,
}

/// A server's pool and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerName {
    pub(crate) pool: String,
    pub(crate) server: String,
}

impl ServerName {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((pool, server)) if !pool.is_empty() && !server.is_empty() => Ok(Self {
                pool: pool.to_owned(),
                server: server.to_owned(),
            }),
            Some(_) | None => Err("write it as POOL/SERVER, such as app/app1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_servers_name_has_two_parts() {
        let name = ServerName::parse("app/10.0.0.1:80").unwrap();
        assert_eq!((&*name.pool, &*name.server), ("app", "10.0.0.1:80"));
        for wrong in ["app", "/app1", "app/", ""] {
            assert!(ServerName::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timeout_without_wait_is_wrong_usage() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("hactl failover web --timeout 5s").is_err());
        assert!(parse("hactl failover web --wait --timeout 5s").is_ok());
        assert!(parse("hactl server weight app/app1 257").is_err());
    }
}
