//! `hactl events`.

use std::time::Duration;

use halo_api::Event;

use crate::cli::Format;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, Style};

/// How often a following command looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn run(client: &Client, follow: bool, format: Format) -> Result<(), Failure> {
    let events = client.events(0).await?;
    if !follow {
        return match format {
            Format::Json => super::print_json(&events),
            Format::Table => output::print(&output::events::lines(&events, Style::of_stdout())),
        };
    }
    print(&events, format)?;
    let mut last = events.last().cloned();
    let mut lost = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match news(client, last.as_ref()).await {
            Ok(events) => {
                lost = false;
                print(&events, format)?;
                last = events.last().cloned().or(last);
            }
            Err(Failure::Unreachable(why) | Failure::TimedOut(why)) => {
                if !lost {
                    eprintln!("hactl: {why}; waiting for it");
                }
                lost = true;
            }
            Err(other) => return Err(other),
        }
    }
}

/// Events after `last`. The agent counts from 1 again when it is started again, so it is asked for
/// the last one too: if that is not what it was, everything newer is news.
async fn news(client: &Client, last: Option<&Event>) -> Result<Vec<Event>, Failure> {
    let Some(last) = last else {
        return client.events(0).await;
    };
    let mut events = client.events(last.seq.saturating_sub(1)).await?;
    if events.first() == Some(last) {
        events.remove(0);
        return Ok(events);
    }
    let mut events = client.events(0).await?;
    events.retain(|event| event.at > last.at);
    Ok(events)
}

/// One event a line, in either format.
fn print(events: &[Event], format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => output::print(&output::events::lines(events, Style::of_stdout())),
        Format::Json => {
            let mut lines = String::new();
            for event in events {
                let line = serde_json::to_string(event)
                    .map_err(|error| Failure::Failed(format!("cannot write JSON: {error}")))?;
                lines.push_str(&line);
                lines.push('\n');
            }
            output::print(&lines)
        }
    }
}
