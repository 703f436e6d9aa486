use std::net::IpAddr;

use halo_packet::peer::trailer::{LEN, SIGNED_LEN};
use proptest::prelude::*;

use super::*;

const LB1: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 11));
const LB2: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 12));
const LB3: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 77, 0, 13));
const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 18));
const OLD: &str = "an old secret of more than thirty-two characters";
const NEW: &str = "a new secret of more than thirty-two characters!";

fn node(seed: u8, secrets: &str) -> Authenticator {
    let keyring = Keyring::from_text(secrets).unwrap();
    Authenticator::new(keyring, [seed; 32])
}

/// A message on the wire: what it says, and its trailer.
fn sent(by: &mut Authenticator, from: IpAddr, to: IpAddr, farewell: bool) -> Vec<u8> {
    let mut buf = [0; 4 + LEN];
    buf[..4].copy_from_slice(b"ping");
    let envelope = Envelope {
        source: from,
        destination: to,
        epoch: 3,
        farewell,
    };
    let length = by.seal(envelope, &mut buf, 4).unwrap();
    buf[..length].to_vec()
}

fn take(by: &mut Authenticator, from: IpAddr, to: IpAddr, bytes: &[u8]) -> Result<(), Rejection> {
    by.open(from, to, &bytes[..4], &bytes[4..]).map(|opened| {
        assert_eq!(opened.epoch, 3);
    })
}

/// lb1 says something to lb2.
fn say(lb1: &mut Authenticator, lb2: &mut Authenticator) -> Result<(), Rejection> {
    let bytes = sent(lb1, LB1, LB2, false);
    take(lb2, LB1, LB2, &bytes)
}

/// lb2 says something to lb1.
fn answer(lb1: &mut Authenticator, lb2: &mut Authenticator) -> Result<(), Rejection> {
    let bytes = sent(lb2, LB2, LB1, false);
    take(lb1, LB2, LB1, &bytes)
}

fn acquainted() -> (Authenticator, Authenticator) {
    let (mut lb1, mut lb2) = (node(1, OLD), node(2, OLD));
    assert_eq!(say(&mut lb1, &mut lb2), Err(Rejection::Unproven));
    answer(&mut lb1, &mut lb2).unwrap();
    say(&mut lb1, &mut lb2).unwrap();
    (lb1, lb2)
}

#[test]
fn two_nodes_that_start_are_proven_after_a_hello_and_its_answer() {
    let (mut lb1, mut lb2) = acquainted();
    assert!(lb1.is_proven(LB2) && lb2.is_proven(LB1));
    for _ in 0..3 {
        say(&mut lb1, &mut lb2).unwrap();
        answer(&mut lb1, &mut lb2).unwrap();
    }
}

#[test]
fn a_message_is_taken_once() {
    let (mut lb1, mut lb2) = acquainted();
    let bytes = sent(&mut lb1, LB1, LB2, false);
    assert_eq!(take(&mut lb2, LB1, LB2, &bytes), Ok(()));
    assert_eq!(take(&mut lb2, LB1, LB2, &bytes), Err(Rejection::Replayed));
}

#[test]
fn without_a_trailer_or_with_something_else_it_is_not_taken() {
    let (_, mut lb2) = acquainted();
    let open = |lb2: &mut Authenticator, trailer: &[u8]| lb2.open(LB1, LB2, b"ping", trailer);
    assert_eq!(open(&mut lb2, b""), Err(Rejection::Unsigned));
    assert_eq!(open(&mut lb2, b"pong"), Err(Rejection::Malformed));
}

#[test]
fn another_clusters_secret_is_told_from_a_forgery() {
    let (_, mut lb2) = acquainted();
    let mut stranger = node(3, NEW);
    assert_eq!(say(&mut stranger, &mut lb2), Err(Rejection::UnknownKey));
}

#[test]
fn a_message_for_one_node_is_none_for_another_and_none_from_another() {
    let (mut lb1, mut lb2) = acquainted();
    let bytes = sent(&mut lb1, LB1, LB3, false);
    assert_eq!(take(&mut lb2, LB1, LB2, &bytes), Err(Rejection::Forged));
    let own = sent(&mut lb2, LB2, LB1, false);
    assert_eq!(take(&mut lb2, LB1, LB2, &own), Err(Rejection::Forged));
}

#[test]
fn senders_beyond_any_clusters_size_are_not_kept() {
    let mut lb2 = node(2, OLD);
    for last in 0..=256_u32 {
        let from = IpAddr::V4((0x0a4d_0100 + last).into());
        let bytes = sent(&mut node(3, OLD), from, LB2, false);
        let expected = if last < 256 {
            Rejection::Unproven
        } else {
            Rejection::Stranger
        };
        assert_eq!(take(&mut lb2, from, LB2, &bytes), Err(expected), "{last}");
    }
}

#[test]
fn a_sender_that_started_again_is_proven_by_one_answer() {
    let (_, mut lb2) = acquainted();
    let mut again = node(4, OLD);
    assert_eq!(say(&mut again, &mut lb2), Err(Rejection::Unproven));
    answer(&mut again, &mut lb2).unwrap();
    say(&mut again, &mut lb2).unwrap();
}

#[test]
fn what_was_recorded_before_the_receiver_started_is_worthless() {
    let (mut lb1, mut lb2) = acquainted();
    let record: Vec<Vec<u8>> = (0..5).map(|_| sent(&mut lb1, LB1, LB2, false)).collect();
    let first = sent(&mut lb2, LB2, LB1, false);
    assert!(take(&mut lb1, LB2, LB1, &first).is_ok());
    let mut again = node(5, OLD);
    for bytes in &record {
        assert_eq!(take(&mut again, LB1, LB2, bytes), Err(Rejection::Unproven));
    }
}

#[test]
fn what_was_recorded_of_an_earlier_incarnation_is_worthless() {
    let (mut lb1, mut lb2) = acquainted();
    // These carry the right echo of their time, and were never delivered.
    let record: Vec<Vec<u8>> = (0..5).map(|_| sent(&mut lb1, LB1, LB2, false)).collect();
    let mut again = node(6, OLD);
    assert_eq!(say(&mut again, &mut lb2), Err(Rejection::Unproven));
    answer(&mut again, &mut lb2).unwrap();
    say(&mut again, &mut lb2).unwrap();
    for bytes in &record {
        assert_eq!(take(&mut lb2, LB1, LB2, bytes), Err(Rejection::Unproven));
    }
    say(&mut again, &mut lb2).unwrap();
}

#[test]
fn recordings_do_not_keep_a_new_start_from_being_proven() {
    let (mut lb1, mut lb2) = acquainted();
    let record = sent(&mut lb1, LB1, LB2, false);
    let mut again = node(7, OLD);
    assert_eq!(say(&mut again, &mut lb2), Err(Rejection::Unproven));
    // lb1's earlier message arrives between, and sets lb2's echo wrong.
    take(&mut lb2, LB1, LB2, &record).unwrap();
    assert_eq!(answer(&mut again, &mut lb2), Err(Rejection::Unproven));
    say(&mut again, &mut lb2).unwrap();
    answer(&mut again, &mut lb2).unwrap();
}

#[test]
fn what_goes_to_the_group_is_taken_from_who_is_proven_alone() {
    let (mut lb1, mut lb2) = (node(1, OLD), node(2, OLD));
    let early = sent(&mut lb1, LB1, GROUP, false);
    assert_eq!(take(&mut lb2, LB1, GROUP, &early), Err(Rejection::Unproven));
    let (mut lb1, mut lb2) = acquainted();
    let bytes = sent(&mut lb1, LB1, GROUP, false);
    assert_eq!(take(&mut lb2, LB1, GROUP, &bytes), Ok(()));
    answer(&mut lb1, &mut lb2).unwrap();
}

#[test]
fn a_farewell_stays_good_however_much_is_said_after_it_until_the_next_is_taken() {
    let (mut lb1, mut lb2) = acquainted();
    let first = sent(&mut lb1, LB1, LB2, true);
    let second = sent(&mut lb1, LB1, LB2, true);
    for _ in 0..1_000 {
        say(&mut lb1, &mut lb2).unwrap();
    }
    assert_eq!(take(&mut lb2, LB1, LB2, &second), Ok(()));
    assert_eq!(take(&mut lb2, LB1, LB2, &second), Err(Rejection::Replayed));
    // And it keeps nothing that is said after it from being taken.
    say(&mut lb1, &mut lb2).unwrap();
    assert_eq!(take(&mut lb2, LB1, LB2, &first), Ok(()));
}

#[test]
fn a_secret_is_replaced_in_three_steps_without_a_message_lost() {
    let (mut lb1, mut lb2) = acquainted();
    let steps = [
        format!("{OLD}\n{NEW}"),
        format!("{NEW}\n{OLD}"),
        NEW.to_owned(),
    ];
    for secrets in steps {
        let keyring = Keyring::from_text(&secrets).unwrap();
        lb1.rotate(keyring.clone());
        say(&mut lb1, &mut lb2).unwrap();
        answer(&mut lb1, &mut lb2).unwrap();
        lb2.rotate(keyring);
        say(&mut lb1, &mut lb2).unwrap();
        answer(&mut lb1, &mut lb2).unwrap();
    }
    let mut late = node(8, OLD);
    assert_eq!(say(&mut late, &mut lb2), Err(Rejection::UnknownKey));
}

#[test]
fn what_is_no_secret_is_told_with_the_remedy() {
    let error = |text: &str| Keyring::from_text(text).unwrap_err();
    assert_eq!(error(" \n\n"), SecretError::Empty);
    let short = SecretError::Short { line: 2, length: 6 };
    assert_eq!(error("\n secret \n"), short);
    assert_eq!(
        short.to_string(),
        "the secret on line 2 has 6 characters, at least 32 are wanted; make one with: openssl rand -base64 32"
    );
    assert_eq!(
        error(&format!("{OLD}\n{NEW}\n{OLD}")),
        SecretError::Lines(3)
    );
    let two = Keyring::from_text(&format!("{OLD}\r\n\n{NEW}\n")).unwrap();
    assert!(two.accepts_two());
    assert!(!format!("{two:?}").contains("secret"));
}

#[test]
fn a_trailer_that_does_not_fit_is_not_written() {
    let (mut lb1, _) = acquainted();
    let envelope = Envelope {
        source: LB1,
        destination: LB2,
        epoch: 0,
        farewell: false,
    };
    assert!(lb1.seal(envelope, &mut [0; 3 + LEN], 4).is_err());
}

/// The derivation is part of the protocol: nodes of two versions must agree on it. Computed apart, with
/// Python's `hmac` and `hashlib`.
#[test]
fn keys_and_tags_are_what_another_implementation_computes() {
    let mut lb1 = node(1, OLD);
    let bytes = sent(&mut lb1, LB1, GROUP, false);
    let hex: String = bytes[4..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, include_str!("vector.txt").trim());
}

proptest! {
    #[test]
    fn one_changed_bit_anywhere_is_noticed(at in 0..4 + LEN, bit in 0..8_u8) {
        let (mut lb1, mut lb2) = acquainted();
        let mut bytes = sent(&mut lb1, LB1, LB2, false);
        bytes[at] ^= 1 << bit;
        let rejected = lb2.open(LB1, LB2, &bytes[..4], &bytes[4..]).unwrap_err();
        let key = 4 + 8..4 + 16;
        let expected = match at {
            at if key.contains(&at) => Rejection::UnknownKey,
            4..=8 => Rejection::Malformed,
            _ => Rejection::Forged,
        };
        prop_assert_eq!(rejected, expected);
        prop_assert!(SIGNED_LEN < LEN);
        // And the true one is taken nevertheless.
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(take(&mut lb2, LB1, LB2, &bytes), Ok(()));
    }
}
