//! `hactl vip show` and `hactl why`.

use halo_api::{AgentStatus, EventKind, VipStatus};
use serde::Serialize;

use crate::cli::Format;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, Style, time};

/// Events that `why` shows, the latest ones.
const LATEST: usize = 5;

pub(super) async fn show(
    client: &Client,
    vip: Option<&str>,
    format: Format,
) -> Result<(), Failure> {
    let status = client.status().await?.agent;
    let vips = match vip {
        Some(name) => vec![find(&status, name)?],
        None => status.vips.iter().collect(),
    };
    match format {
        Format::Json => super::print_json(&vips),
        Format::Table => {
            let view = output::vip::view(&status, &vips, time::unix_now());
            output::print(&view.render(Style::of_stdout()))
        }
    }
}

/// What `why` says, for programs.
#[derive(Serialize)]
struct Why<'a> {
    sentences: Vec<String>,
    events: Vec<&'a halo_api::Event>,
}

pub(super) async fn why(client: &Client, name: &str, format: Format) -> Result<(), Failure> {
    let status = client.status().await?.agent;
    let vip = find(&status, name)?;
    let all = client.events(0).await?;
    let concerns = |event: &&halo_api::Event| match event.kind {
        EventKind::Vip | EventKind::Peer => event.subject == name,
        EventKind::Tracker | EventKind::Node | EventKind::Process => true,
        EventKind::Server | EventKind::Config => false,
    };
    let mut events: Vec<_> = all.iter().filter(concerns).collect();
    events.drain(..events.len().saturating_sub(LATEST));
    let sentences = output::why::sentences(&status, vip, time::unix_now());
    match format {
        Format::Json => super::print_json(&Why { sentences, events }),
        Format::Table => {
            let mut text = sentences.join("\n");
            text.push_str("\n\nlatest events:\n");
            for event in events {
                let at = time::stamp(event.at);
                text.push_str(&format!("  {at}  {}: {}\n", event.subject, event.message));
            }
            output::print(&text)
        }
    }
}

fn find<'a>(status: &'a AgentStatus, name: &str) -> Result<&'a VipStatus, Failure> {
    let found = status.vips.iter().find(|vip| vip.name == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = status.vips.iter().map(|vip| vip.name.as_str()).collect();
        Failure::Usage(format!(
            "{} has no virtual IP {name:?}, but {}",
            status.node,
            known.join(", ")
        ))
    })
}
