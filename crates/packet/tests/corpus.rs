//! The checks of the fuzz targets, over the corpus and every small change to it.
//!
//! `HALO_BLESS=1 cargo test -p halo-packet --test corpus` writes the seeds anew.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a failing helper fails its test"
)]

#[path = "../fuzz/src/changes.rs"]
mod changes;
#[path = "../fuzz/src/lib.rs"]
#[allow(
    unreachable_pub,
    dead_code,
    clippy::expect_used,
    reason = "the checks are a crate of their own in `fuzz`"
)]
mod checks;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use halo_packet::MacAddr;
use halo_packet::arp::{Arp, FRAME_LEN, Operation};
use halo_packet::dns;
use halo_packet::ipv4::Header;
use halo_packet::ndp::{self, Ndp};
use halo_packet::peer::body::{Probe, ProbeReply};
use halo_packet::peer::{Kind, Message};
use halo_packet::proxy::{self, Endpoints, MAX_ENCODED};
use halo_packet::vrrp::{
    Authentication, Centiseconds, ChecksumMode, MAX_LEN, MULTICAST_V4, MULTICAST_V6, Outgoing,
    Priority, Version, Vrid,
};

const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const VIP_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100);
const OWN_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

use changes::each_small_change;

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 8] = [
    ("arp", checks::arp),
    ("ipv4", checks::ipv4),
    ("vrrp", checks::vrrp),
    ("peer", checks::peer),
    ("proxy", checks::proxy),
    ("client_hello", checks::client_hello),
    ("ndp", checks::ndp),
    ("dns", checks::dns),
];

fn directory(target: &str) -> PathBuf {
    let crate_directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    crate_directory.join("fuzz/corpus").join(target)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    fs::read_dir(directory(target))
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

/// An advertisement behind the byte by which the check chooses.
fn advert(choice: u8, version: Version, checksum: ChecksumMode) -> Vec<u8> {
    let v6 = choice & 1 == 1;
    let (source, destination) = if v6 {
        (OWN_V6.into(), MULTICAST_V6.into())
    } else {
        (OWN.into(), MULTICAST_V4.into())
    };
    let addresses: &[_] = if v6 {
        &[OWN_V6.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        &[
            Ipv4Addr::new(10, 77, 0, 100).into(),
            Ipv4Addr::new(10, 77, 0, 101).into(),
        ]
    };
    let mut seed = vec![choice; MAX_LEN];
    let length = Outgoing {
        version,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(200),
        interval: Centiseconds::SECOND,
        addresses,
    }
    .encode(source, destination, checksum, &mut seed[1..])
    .unwrap();
    seed.truncate(1 + length);
    seed
}

/// The seeds: target, name, bytes.
fn written() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    use ChecksumMode::{MessageOnly, PseudoHeader};
    let mut frame = [0; FRAME_LEN];
    let mac = MacAddr::new(2, 0, 0, 0, 0, 1);
    let arp = Arp::gratuitous(Operation::Reply, mac, OWN);
    arp.encode(&mut frame).unwrap();
    let mut packet = vec![7; 32];
    let header = Header {
        source: OWN,
        destination: MULTICAST_V4,
        ttl: 255,
        protocol: 112,
    };
    header.encode(12, &mut packet).unwrap();
    let plain = Version::V2(Authentication::None);
    let password = Version::V2(Authentication::SimplePassword(*b"s3cret\0\0"));
    let mut message = [0; 64];
    let probe = Message {
        vrid: Vrid::new(51),
        kind: Kind::PROBE,
        body: &Probe::decode(&[7; Probe::LEN]).unwrap().encode(),
    };
    let length = probe.encode(&mut message).unwrap();
    let proxy = |version| {
        let endpoints = Endpoints {
            source: (OWN, 40_000).into(),
            destination: (Ipv4Addr::new(10, 77, 0, 100), 443).into(),
        };
        let mut buf = [0; MAX_ENCODED];
        let length = proxy::encode(version, Some(endpoints), &mut buf).unwrap();
        buf[..length].to_vec()
    };
    vec![
        ("arp", "gratuitous", frame.to_vec()),
        ("ipv4", "vrrp", packet),
        ("vrrp", "v3", advert(4, Version::V3, PseudoHeader)),
        ("vrrp", "v3-sealed", advert(8, Version::V3, MessageOnly)),
        ("vrrp", "v3-ipv6", advert(5, Version::V3, PseudoHeader)),
        ("vrrp", "v2", advert(12, plain, MessageOnly)),
        ("vrrp", "v2-password", advert(12, password, MessageOnly)),
        ("peer", "probe", message[..length].to_vec()),
        ("peer", "probe-reply-body", vec![1; ProbeReply::LEN]),
        ("proxy", "v1", proxy(proxy::Version::V1)),
        ("proxy", "v2", proxy(proxy::Version::V2)),
        ("client_hello", "example.com", hello("example.com")),
        ("ndp", "unsolicited", ndp(0, Ndp::unsolicited(mac, OWN_V6))),
        (
            "ndp",
            "question",
            ndp(1, Ndp::question(mac, OWN_V6, VIP_V6)),
        ),
        (
            "ndp",
            "duplicate",
            ndp(1, Ndp::question(mac, Ipv6Addr::UNSPECIFIED, VIP_V6)),
        ),
        (
            "dns",
            "query",
            query(b"\x03www\x07example\x03com\0\0\x01\0\x01"),
        ),
    ]
}

/// A neighbour's message behind the byte that says whether it is to be sealed.
fn ndp(choice: u8, packet: Ndp) -> Vec<u8> {
    let mut seed = [choice; 1 + ndp::FRAME_LEN];
    let length = packet.encode(&mut seed[1..]).unwrap();
    seed[..=length].to_vec()
}

/// A DNS query with this question (RFC 1035 section 4.1).
fn query(question: &[u8]) -> Vec<u8> {
    [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], question].concat()
}

/// A ClientHello in one TLS record (RFC 8446 section 4.1.2) with this name (RFC 6066 section 3).
fn hello(name: &str) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let names = sized(&[&[0][..], &sized(name.as_bytes())].concat());
    let extension = [&[0, 0][..], &sized(&names)].concat();
    let body = [
        &[3, 3][..],
        &[9; 32],
        &[0],
        &sized(&[0x13, 0x01]),
        &[1, 0],
        &sized(&extension),
    ]
    .concat();
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    [&[0x16, 3, 1][..], &sized(&message)].concat()
}

#[test]
fn the_corpus_has_what_the_encoders_write() {
    for (target, name, bytes) in written() {
        let path = directory(target).join(name);
        if std::env::var_os("HALO_BLESS").is_some() {
            fs::create_dir_all(directory(target)).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(fs::read(&path).ok(), Some(bytes), "{target}/{name}");
    }
}

#[test]
fn every_seed_is_taken_by_the_decoder_that_it_is_for() {
    use halo_packet::client_hello::server_name;
    for (target, name, bytes) in written() {
        let taken = match target {
            "arp" => Arp::decode(&bytes).is_ok(),
            "ipv4" => Header::decode(&bytes).is_ok(),
            "proxy" => matches!(proxy::decode(&bytes), Ok(Some(_))),
            "ndp" => Ndp::decode(&bytes[1..]).is_ok(),
            "dns" => dns::read(&bytes).is_ok_and(|message| message.question.is_some()),
            "client_hello" => server_name(&bytes) == Ok(Some(Some("example.com".to_owned()))),
            // The check itself expects what it reads to be written.
            _ => true,
        };
        assert!(taken, "{target}/{name}");
    }
}

#[test]
fn the_checks_hold_for_the_corpus_and_every_small_change_to_it() {
    for (target, check) in TARGETS {
        for seed in seeds(target) {
            each_small_change(&seed, check);
        }
    }
}
