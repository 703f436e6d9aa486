//! What the other node says.

use std::net::Ipv4Addr;
use std::time::Duration;

use halo_packet::peer::body::{Hello, Role, RouterPresence};
use halo_packet::peer::{HEADER_LEN, Kind, MAX_BODY, Message};
use halo_packet::vrrp::{Centiseconds, ChecksumMode, MAX_LEN, Outgoing, Priority, Version, Vrid};

use super::VIP;

pub(super) fn hello(active: bool) -> Vec<u8> {
    let (mut body, mut message) = ([0; MAX_BODY], [0; HEADER_LEN + MAX_BODY]);
    let hello = Hello {
        ready: true,
        routers: vec![RouterPresence {
            vrid: Vrid::new(51).unwrap(),
            ipv6: false,
            role: if active { Role::Active } else { Role::Backup },
            priority: Priority(100),
            lease: Some(Duration::from_millis(25)),
        }],
        ..Hello::default()
    };
    let length = hello.encode(&mut body).unwrap();
    let length = Message {
        vrid: None,
        kind: Kind::HELLO,
        body: &body[..length],
    }
    .encode(&mut message)
    .unwrap();
    message[..length].to_vec()
}

pub(super) fn advert(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let mut message = [0; MAX_LEN];
    let length = Outgoing {
        version: Version::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(200),
        interval: Centiseconds::new(1).unwrap(),
        addresses: &[VIP.into()],
    }
    .encode(
        source.into(),
        destination.into(),
        ChecksumMode::default(),
        &mut message,
    )
    .unwrap();
    message[..length].to_vec()
}
