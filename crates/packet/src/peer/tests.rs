use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::body::{Hello, MOST_ROUTERS, Probe, ProbeReply, Resign, Role, RouterPresence};
use super::trailer::{LEN, Trailer, TrailerError};
use super::*;
use crate::vrrp::{Accept, Arrival, Priority, decode as decode_advert};

const BUFFER: usize = HEADER_LEN + MAX_BODY + LEN;

fn written(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = [0; BUFFER];
    let length = message.encode(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

fn probe() -> Vec<u8> {
    written(&Message {
        vrid: Vrid::new(51),
        kind: Kind::PROBE,
        body: &Probe { nonce: 7 }.encode(),
    })
}

#[test]
fn a_message_has_the_printed_layout() {
    let bytes = probe();
    assert_eq!(bytes[..6], [0x3f, 51, 2, 1, 0, 8]);
    assert_eq!(bytes[8..], [0, 0, 0, 0, 0, 0, 0, 7]);
}

#[test]
fn section_5_2_2_to_a_vrrp_router_it_is_an_unknown_type() {
    let address = IpAddr::from([10, 77, 0, 11]);
    let arrival = Arrival {
        source: address,
        destination: address,
        ttl: TTL,
    };
    assert_eq!(
        decode_advert(&probe(), arrival, Accept::Both).map(|_| ()),
        Err(crate::vrrp::DecodeError::Type(15))
    );
    assert!(is_peer_message(&probe()));
}

#[test]
fn what_is_wrong_with_a_message_is_told_apart() {
    let good = probe();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decode(&bytes, TTL).map(|_| ())
    };
    assert_eq!(decode(&good, 254).map(|_| ()), Err(DecodeError::Ttl(254)));
    assert_eq!(changed(0, 0x31), Err(DecodeError::Type));
    assert_eq!(changed(3, 2), Err(DecodeError::Format(2)));
    assert_eq!(changed(1, 52), Err(DecodeError::Checksum));
    assert_eq!(
        changed(5, 9),
        Err(DecodeError::Truncated { need: 17, have: 16 })
    );
    assert_eq!(
        decode(&good[..7], TTL).map(|_| ()),
        Err(DecodeError::Truncated { need: 8, have: 7 })
    );
}

#[test]
fn a_body_longer_than_a_frame_is_not_encoded() {
    let message = Message {
        vrid: None,
        kind: Kind::HELLO,
        body: &[0; MAX_BODY + 1],
    };
    assert!(message.encode(&mut [0; 2 * BUFFER]).is_err());
}

#[test]
fn more_virtual_routers_than_fit_are_left_out() {
    let router = RouterPresence {
        vrid: Vrid::new(1).unwrap(),
        ipv6: false,
        role: Role::Backup,
        priority: Priority(1),
        lease: None,
    };
    let hello = Hello {
        routers: vec![router; 255],
        ..Hello::default()
    };
    let mut buffer = [0; MAX_BODY];
    let length = hello.encode(&mut buffer).unwrap();
    let read = Hello::decode(&buffer[..length]).unwrap();
    assert_eq!(read.routers.len(), MOST_ROUTERS);
}

#[test]
fn nothing_behind_a_message_is_told_from_something_else() {
    assert_eq!(Trailer::decode(&[]), Err(TrailerError::Absent));
    assert_eq!(Trailer::decode(&[0; LEN]), Err(TrailerError::Malformed));
    assert_eq!(Trailer::decode(b"HALO"), Err(TrailerError::Malformed));
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Unable), Just(Role::Backup), Just(Role::Active)]
}

fn router() -> impl Strategy<Value = RouterPresence> {
    let lease = prop::option::of((1..u32::MAX).prop_map(|us| Duration::from_micros(us.into())));
    (1..=u8::MAX, any::<bool>(), role(), any::<u8>(), lease).prop_map(
        |(vrid, ipv6, role, priority, lease)| RouterPresence {
            vrid: Vrid::new(vrid).expect("1 to 255"),
            ipv6,
            role,
            priority: Priority(priority),
            lease,
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_bytes_decoders_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let refused = decode(&bytes, TTL).is_err();
        let parts = (Hello::decode(&bytes), Probe::decode(&bytes), Resign::decode(&bytes));
        prop_assert!(refused || bytes.len() >= HEADER_LEN);
        prop_assert!(parts.1.is_ok() == (bytes.len() >= Probe::LEN));
        prop_assert!(parts.2.is_ok() == (bytes.len() >= Resign::LEN));
        prop_assert!(Trailer::decode(&bytes).is_err() || bytes.len() == LEN);
    }

    #[test]
    fn a_message_is_read_back_as_written(
        vrid in any::<u8>(),
        kind in any::<u8>(),
        body in prop::collection::vec(any::<u8>(), 0..100),
        trailer in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let message = Message { vrid: Vrid::new(vrid), kind: Kind(kind), body: &body };
        let mut bytes = written(&message);
        let length = bytes.len();
        bytes.extend(&trailer);
        let received = decode(&bytes, TTL).unwrap();
        prop_assert_eq!(received.message, message);
        prop_assert_eq!(received.trailer, &trailer[..]);
        prop_assert_eq!(received.signed, &bytes[..length]);
    }

    #[test]
    fn a_hello_is_read_back_as_written(
        flags in any::<(bool, bool, bool)>(),
        routers in prop::collection::vec(router(), 0..=MOST_ROUTERS),
        node in any::<Option<[u8; 4]>>(),
    ) {
        let (ready, answer, goodbye) = flags;
        let hello = Hello { ready, answer, goodbye, routers, node: node.map(Into::into) };
        let mut buffer = [0; MAX_BODY];
        let length = hello.encode(&mut buffer).unwrap();
        prop_assert_eq!(&Hello::decode(&buffer[..length]).unwrap(), &hello);
        if hello.node.is_some() {
            prop_assert_eq!(Hello::decode(&buffer[..length - 1]), Err(DecodeError::Body));
        }
    }

    #[test]
    fn small_bodies_are_read_back_as_written(
        nonce in any::<u64>(), role in role(), priority in any::<u8>(),
        hold in any::<bool>(), octets in any::<[u8; 4]>(), v6 in any::<[u16; 8]>(),
    ) {
        let reply = ProbeReply { nonce, role, priority: Priority(priority) };
        prop_assert_eq!(ProbeReply::decode(&reply.encode()).unwrap(), reply);
        for successor in [IpAddr::from(octets), IpAddr::from(v6).to_canonical()] {
            let resign = Resign { successor, hold };
            prop_assert_eq!(Resign::decode(&resign.encode()).unwrap(), resign);
        }
    }

    #[test]
    fn a_trailer_is_read_back_as_written(fields in any::<[u64; 6]>(), farewell in any::<bool>(), tag in any::<[u8; 32]>()) {
        let [key, incarnation, sequence, challenge, echo, epoch] = fields;
        let trailer = Trailer { key, incarnation, sequence, farewell, challenge, echo, epoch };
        let mut bytes = [0; LEN];
        trailer.encode(&mut bytes).unwrap();
        bytes[trailer::SIGNED_LEN..].copy_from_slice(&tag);
        prop_assert_eq!(Trailer::decode(&bytes).unwrap(), (trailer, &tag));
    }
}
