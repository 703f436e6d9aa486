//! `hactl events` for people: one line each.

use halo_api::{Event, EventKind};

use super::style::{Style, Tone};
use super::time::stamp;

/// Width of the longest kind.
const KIND_WIDTH: usize = 7;

pub(crate) fn lines(events: &[Event], style: Style) -> String {
    let subject_width = events
        .iter()
        .map(|event| event.subject.chars().count())
        .max()
        .unwrap_or(0);
    events
        .iter()
        .map(|event| {
            format!(
                "{}  {}  {:KIND_WIDTH$}  {:subject_width$}  {}\n",
                style.paint(Tone::Quiet, &stamp(event.at)),
                event.node,
                kind(event.kind),
                event.subject,
                event.message
            )
        })
        .collect()
}

fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Vip => "vip",
        EventKind::Peer => "peer",
        EventKind::Server => "server",
        EventKind::Tracker => "tracker",
        EventKind::Node => "node",
        EventKind::Config => "config",
        EventKind::Process => "process",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_in_columns() {
        let event = |kind, subject: &str| Event {
            seq: 1,
            at: 1_700_000_000_123,
            node: "lb1".into(),
            kind,
            subject: subject.into(),
            message: "what happened".into(),
        };
        let events = [
            event(EventKind::Vip, "web"),
            event(EventKind::Server, "app/app1"),
        ];
        assert_eq!(
            lines(&events, Style::Plain),
            "2023-11-14T22:13:20.123Z  lb1  vip      web       what happened\n\
             2023-11-14T22:13:20.123Z  lb1  server   app/app1  what happened\n"
        );
    }
}
