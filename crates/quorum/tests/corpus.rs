//! The check of the fuzz target, over the corpus and every small change to it.
//!
//! `HALO_BLESS=1 cargo test -p halo-quorum --test corpus` writes the seeds anew.

#[path = "../../packet/fuzz/src/changes.rs"]
mod changes;
#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the check is a crate of its own in `fuzz`")]
mod checks;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use changes::each_small_change;
use halo_quorum::{Epoch, MAX_LEN, Message, Standing, Ticket};

/// One message of each kind, and each that a field tells apart.
fn written() -> Vec<(&'static str, Message)> {
    let ticket = Ticket {
        incarnation: 0x0102_0304_0506_0708,
        number: 9,
    };
    let epoch = Epoch(5);
    let wait = Duration::from_millis(309);
    let stance = |standing| Message::Stance {
        ticket,
        epoch,
        standing,
    };
    let refusal = |standing| Message::Refusal {
        ticket,
        epoch,
        standing,
    };
    let v4 = Ipv4Addr::new(10, 77, 0, 11).into();
    let v6 = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x11).into();
    let release = |successor| Message::Release {
        incarnation: ticket.incarnation,
        epoch,
        held: true,
        successor,
    };
    vec![
        ("poll", Message::Poll { ticket }),
        ("stance-free", stance(Standing::Free)),
        ("stance-starting", stance(Standing::Starting { wait })),
        (
            "request",
            Message::Request {
                ticket,
                epoch,
                priority: 200,
                lease: Duration::from_millis(300),
            },
        ),
        ("grant", Message::Grant { ticket }),
        (
            "refusal-promised",
            refusal(Standing::Promised { to: v6, wait }),
        ),
        ("refusal-stale", refusal(Standing::Stale)),
        ("refusal-too-long", refusal(Standing::TooLong)),
        ("release-to-one", release(Some(v4))),
        ("release-to-anyone", release(None)),
        ("challenge", Message::Challenge { priority: 200 }),
    ]
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/messages")
}

#[test]
fn the_corpus_has_what_is_encoded() {
    for (name, message) in written() {
        let mut buffer = [0; MAX_LEN];
        let length = message.encode(&mut buffer);
        let path = directory().join(name);
        if std::env::var_os("HALO_BLESS").is_some() {
            fs::create_dir_all(directory()).unwrap();
            fs::write(&path, &buffer[..length]).unwrap();
        }
        assert_eq!(
            fs::read(&path).ok().as_deref(),
            Some(&buffer[..length]),
            "{name}"
        );
        assert_eq!(Message::decode(&buffer[..length]), Ok(message), "{name}");
    }
}

#[test]
fn the_check_holds_for_the_corpus_and_every_small_change_to_it() {
    for entry in fs::read_dir(directory()).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        each_small_change(&seed, checks::messages);
    }
}
