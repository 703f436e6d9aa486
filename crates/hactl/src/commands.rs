//! One module a command.

mod config;
mod drill;
mod events;
mod failover;
mod generate;
mod host;
mod node;
mod server;
mod status;
mod vip;

use halo_api::Outcome;
use serde::Serialize;

use crate::cli::{Cli, Command, ConfigCommand, Format, VipCommand};
use crate::client::Client;
use crate::exit::Failure;
use crate::output;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let format = cli.output;
    let client = || Client::new(&cli.node);
    match cli.command {
        Command::Status => status::run(&client()?, format).await,
        Command::Failover(args) => failover::run(&client()?, args, format).await,
        Command::Failback { vip } => node::failback(&client()?, vip, format).await,
        Command::Why { vip } => vip::why(&client()?, &vip, format).await,
        Command::Vip(VipCommand::Show { vip }) => {
            vip::show(&client()?, vip.as_deref(), format).await
        }
        Command::Node(duty) => node::duty(&client()?, duty, format).await,
        Command::Pause => node::pause(&client()?, true, format).await,
        Command::Resume => node::pause(&client()?, false, format).await,
        Command::Drill(args) => drill::run(&client()?, args, format).await,
        Command::Events { follow } => events::run(&client()?, follow, format).await,
        Command::Config(ConfigCommand::Check { file, node }) => {
            config::check(&file, node.as_deref(), format)
        }
        Command::Config(ConfigCommand::Reload) => config::reload(&client()?, format).await,
        Command::Config(ConfigCommand::Show) => config::show(&client()?, format).await,
        Command::Server(command) => server::run(&client()?, command, format).await,
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { directory } => generate::man(&directory),
    }
}

/// Prints a command's outcome.
fn print_outcome(outcome: &Outcome, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => output::print(&format!("{}\n", outcome.message)),
        Format::Json => print_json(outcome),
    }
}

/// Prints `value` as JSON.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(format!("cannot write JSON: {error}")))?;
    output::print(&format!("{json}\n"))
}
