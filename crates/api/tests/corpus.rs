//! The check of the fuzz target, over the corpus and every small change to it.
//!
//! `HALO_BLESS=1 cargo test -p halo-api --test corpus` writes the seeds anew.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

#[path = "../../packet/fuzz/src/changes.rs"]
mod changes;
#[path = "../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    clippy::expect_used,
    reason = "the check is a crate of its own in `fuzz`"
)]
mod checks;

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use changes::each_small_change;
use halo_api::{
    AdminState, AgentReply, AgentRequest, Event, EventKind, FromDataPlane, LastWord, NodeCommand,
    ServerCommand, ToDataPlane,
};
use serde::Serialize;

fn event() -> Event {
    Event {
        seq: 7,
        at: 1_700_000_000_000,
        node: "lb1".to_owned(),
        kind: EventKind::Vip,
        subject: "web".to_owned(),
        message: "STANDBY -> ACTIVE: \"ready\"\n".to_owned(),
    }
}

/// Seeds of every socket: name, text.
fn written() -> Vec<(&'static str, String)> {
    let word = LastWord {
        interface: 2,
        source: Ipv4Addr::new(10, 77, 0, 11).into(),
        destination: Ipv4Addr::new(10, 77, 0, 12).into(),
        payload: vec![0x31, 51, 0],
    };
    let failover = AgentRequest::Failover {
        vip: Some("web".to_owned()),
        to: None,
        dry_run: true,
    };
    let config = ToDataPlane::Config {
        generation: 1,
        node: "lb1".to_owned(),
        file: "/etc/halo/halo.toml".to_owned(),
        text: "[cluster]\n".to_owned(),
        token: Some("s3cret".to_owned()),
    };
    let drain = ToDataPlane::Drain {
        addresses: vec![Ipv4Addr::new(10, 77, 0, 100).into()],
        within_ms: 30_000,
    };
    let reply = AgentReply::Events {
        events: vec![event()],
    };
    let pools = [("app".to_owned(), 2)].into();
    let maint = NodeCommand::Duty {
        duty: AdminState::Maint,
    };
    vec![
        ("config", text(&config)),
        (
            "last-words",
            text(&ToDataPlane::LastWords { words: vec![word] }),
        ),
        (
            "reply",
            text(&ToDataPlane::Reply {
                id: 3,
                reply: reply.clone(),
            }),
        ),
        ("drain", text(&drain)),
        ("stop", text(&ToDataPlane::Stop)),
        ("alive", text(&FromDataPlane::Alive)),
        ("servers-up", text(&FromDataPlane::ServersUp { pools })),
        (
            "asked-for-a-client",
            text(&FromDataPlane::Request {
                id: 3,
                request: failover.clone(),
            }),
        ),
        ("event", text(&FromDataPlane::Event(event()))),
        ("failover", text(&failover)),
        ("events", text(&AgentRequest::Events { after: 0 })),
        ("node", text(&AgentRequest::Node(maint.clone()))),
        ("events-reply", text(&reply)),
        ("node-command", text(&maint)),
        ("weight", text(&ServerCommand::Weight { weight: 256 })),
    ]
}

fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap()
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/messages")
}

#[test]
fn the_corpus_has_what_is_written_to_the_sockets() {
    for (name, text) in written() {
        let path = directory().join(name);
        if std::env::var_os("HALO_BLESS").is_some() {
            fs::create_dir_all(directory()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).ok(), Some(text), "{name}");
    }
}

#[test]
fn the_check_holds_for_the_corpus_and_every_small_change_to_it() {
    for entry in fs::read_dir(directory()).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        each_small_change(&seed, checks::messages);
    }
}
