//! The commands of `halo-lab`.

mod act;
mod bench;
mod bench_failover;
mod circumstances;
mod demo;
mod end;
mod table;
mod up;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use halo_lab::ControlRequest;
use halo_netio::netns::become_namespace_root;

/// A Halo cluster in network namespaces on this machine.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a cluster, show how to use it, and stay until ^C.
    Up {
        /// How many nodes.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=9))]
        nodes: u8,
        /// How many application servers.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        apps: u8,
        /// The lab's name.
        #[arg(long, default_value = "lab")]
        name: String,
        /// The nodes' configuration; one for a web VIP if not given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Run a command on a host of a running lab.
    #[command(trailing_var_arg = true)]
    Exec {
        /// The lab's name.
        #[arg(long, default_value = "lab")]
        name: String,
        /// The host: lb1, app1, client, ...
        host: String,
        /// The command and its arguments; a shell if not given.
        #[arg(allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Kill both processes of a node (SIGKILL), as if its power failed.
    Kill(Node),
    /// Kill a node's agent alone (SIGKILL).
    KillAgent(Node),
    /// Kill a node's data plane alone (SIGKILL).
    KillDataPlane(Node),
    /// Stop both processes in their tracks (SIGSTOP), as a virtual machine that is paused.
    Freeze(Node),
    /// Undo `freeze`.
    Thaw(Node),
    /// Ask a node's halod to end (SIGTERM), and wait.
    Stop(Node),
    /// Start halod on a node.
    Start(Node),
    /// Cut a node off: its carrier stays, all its frames are dropped.
    Cut(Node),
    /// Undo `cut`.
    Heal(Node),
    /// Pull a node's cable.
    LinkDown(Node),
    /// Plug a node's cable in.
    LinkUp(Node),
    /// Show the labs that run, with `hactl status` of each node.
    Status {
        /// One lab only.
        #[arg(long)]
        name: Option<String>,
    },
    /// A tour: traffic, a planned failover, a killed node, and what the client saw.
    Demo,
    /// Measure what requests cost, beside HAProxy and nginx; prints Markdown.
    Bench(bench::Options),
    /// Measure outages and lost requests, beside keepalived and HAProxy; prints Markdown.
    BenchFailover(bench_failover::Options),
    /// Send every datagram for an address back; what `bench-failover` runs on nodes.
    #[command(hide = true)]
    Reflect {
        /// The address, this host's or not.
        address: std::net::SocketAddr,
    },
}

/// A node of a running lab.
#[derive(Debug, clap::Args)]
struct Node {
    /// The lab's name.
    #[arg(long, default_value = "lab")]
    name: String,
    /// The node: lb1, lb2, ...
    node: String,
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (request, node) = match self.command {
            Command::Up {
                nodes,
                apps,
                name,
                config,
            } => {
                become_namespace_root()?;
                return up::run(nodes, apps, &name, config.as_deref());
            }
            Command::Demo => {
                become_namespace_root()?;
                end::clean_up_on_signals()?;
                return demo::run();
            }
            Command::Bench(options) => {
                become_namespace_root()?;
                end::clean_up_on_signals()?;
                return bench::run(&options);
            }
            Command::BenchFailover(options) => {
                become_namespace_root()?;
                end::clean_up_on_signals()?;
                return bench_failover::run(&options);
            }
            Command::Reflect { address } => return bench_failover::reflect(address),
            Command::Exec {
                name,
                host,
                command,
            } => return act::exec(&name, &host, command),
            Command::Status { name } => return act::status(name.as_deref()),
            Command::Kill(node) => (ControlRequest::Kill, node),
            Command::KillAgent(node) => (ControlRequest::KillAgent, node),
            Command::KillDataPlane(node) => (ControlRequest::KillDataPlane, node),
            Command::Freeze(node) => (ControlRequest::Freeze, node),
            Command::Thaw(node) => (ControlRequest::Thaw, node),
            Command::Stop(node) => (ControlRequest::Stop, node),
            Command::Start(node) => (ControlRequest::Start, node),
            Command::Cut(node) => (ControlRequest::Cut, node),
            Command::Heal(node) => (ControlRequest::Heal, node),
            Command::LinkDown(node) => (ControlRequest::LinkDown, node),
            Command::LinkUp(node) => (ControlRequest::LinkUp, node),
        };
        halo_lab::request(&node.name, request, &node.node)?;
        Ok(ExitCode::SUCCESS)
    }
}
