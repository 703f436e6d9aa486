//! `hactl server`.

use halo_api::AdminState;

use crate::cli::{Format, ServerCommand};
use crate::client::Client;
use crate::exit::Failure;

pub(super) async fn run(
    client: &Client,
    command: ServerCommand,
    format: Format,
) -> Result<(), Failure> {
    let admin = |state| halo_api::ServerCommand::Admin { state };
    let (args, command) = match command {
        ServerCommand::Drain(args) => (args, admin(AdminState::Drain)),
        ServerCommand::Maint(args) => (args, admin(AdminState::Maint)),
        ServerCommand::Ready(args) => (args, admin(AdminState::Ready)),
        ServerCommand::Weight { server, weight } => {
            (server, halo_api::ServerCommand::Weight { weight })
        }
    };
    let outcome = client.server(&args.server, &command).await?;
    super::print_outcome(&outcome, format)
}
