//! `hactl node`, `pause`, `resume` and `failback`.

use halo_api::{AdminState, NodeCommand};

use crate::cli::{Format, NodeDuty};
use crate::client::Client;
use crate::exit::Failure;

pub(super) async fn duty(client: &Client, duty: NodeDuty, format: Format) -> Result<(), Failure> {
    let duty = match duty {
        NodeDuty::Ready => AdminState::Ready,
        NodeDuty::Drain => AdminState::Drain,
        NodeDuty::Maint => AdminState::Maint,
    };
    order(client, NodeCommand::Duty { duty }, format).await
}

pub(super) async fn pause(client: &Client, paused: bool, format: Format) -> Result<(), Failure> {
    order(client, NodeCommand::Pause { paused }, format).await
}

pub(super) async fn failback(
    client: &Client,
    vip: Option<String>,
    format: Format,
) -> Result<(), Failure> {
    order(client, NodeCommand::Failback { vip }, format).await
}

async fn order(client: &Client, command: NodeCommand, format: Format) -> Result<(), Failure> {
    let outcome = client.node(command).await?;
    super::print_outcome(&outcome, format)
}
