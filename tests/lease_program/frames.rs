//! Frames, made by hand.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use halo_packet::MacAddr;
use halo_packet::arp::{Arp, FRAME_LEN, Operation};

const ICMPV6: u8 = 58;
const TCP: u8 = 6;

pub(crate) fn request(sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(Operation::Request, sender, target)
}

pub(crate) fn reply(sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(Operation::Reply, sender, target)
}

fn arp(operation: Operation, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = [0; FRAME_LEN];
    let mut packet = Arp::gratuitous(operation, MacAddr::new(2, 0, 0, 0, 0, 1), sender);
    packet.target_ip = target;
    packet.encode(&mut frame).unwrap();
    frame.to_vec()
}

pub(crate) fn ipv4(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let mut frame = ethernet([0x08, 0x00]);
    frame.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, TCP, 0, 0]);
    frame.extend(source.octets());
    frame.extend(destination.octets());
    frame.extend([0; 20]);
    frame
}

pub(crate) fn ipv6(source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    ipv6_with(TCP, source, destination, &[0; 20])
}

/// TCP flags.
pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;

/// A TCP segment without data, for the machine whose hardware address is all zeros (a loopback's).
pub(crate) fn segment(source: SocketAddr, destination: SocketAddr, flags: u8) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(source.port().to_be_bytes());
    header.extend(destination.port().to_be_bytes());
    header.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    let mut frame = match (source, destination) {
        (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
            let mut frame = ipv4(*source.ip(), *destination.ip());
            frame.truncate(34);
            frame.extend(header);
            frame
        }
        (SocketAddr::V6(source), SocketAddr::V6(destination)) => {
            ipv6_with(TCP, *source.ip(), *destination.ip(), &header)
        }
        _ => panic!("one family"),
    };
    frame[..6].fill(0);
    frame
}

/// An IPv4 packet with four more bytes in its header.
pub(crate) fn with_option(mut frame: Vec<u8>) -> Vec<u8> {
    frame[14] = 0x46;
    frame.splice(34..34, [1, 1, 1, 0]);
    frame
}

/// Neighbour Solicitation (RFC 4861 section 4.3), sent to the target's solicited-node group.
pub(crate) fn solicitation(source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), 0);
    let mut octets = group.octets();
    octets[14..].copy_from_slice(&[b, c]);
    neighbour(135, source, octets.into(), target)
}

/// Neighbour Advertisement (section 4.4).
pub(crate) fn advertisement(target: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    neighbour(136, target, destination, target)
}

pub(crate) fn neighbour(
    kind: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    target: Ipv6Addr,
) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([if kind == 135 { 1 } else { 2 }, 1, 2, 0, 0, 0, 0, 1]);
    ipv6_with(ICMPV6, source, destination, &message)
}

pub(crate) fn ping(source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    ipv6_with(ICMPV6, source, destination, &[128, 0, 0, 0, 0, 0, 0, 0])
}

fn ipv6_with(next: u8, source: Ipv6Addr, destination: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
    let mut frame = ethernet([0x86, 0xdd]);
    let length = u16::try_from(payload.len()).unwrap();
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([next, 255]);
    frame.extend(source.octets());
    frame.extend(destination.octets());
    frame.extend(payload);
    frame
}

/// The frame with an IEEE 802.1Q tag in it.
pub(crate) fn tagged(mut frame: Vec<u8>) -> Vec<u8> {
    frame.splice(12..12, [0x81, 0x00, 0x00, 0x0a]);
    frame
}

/// LLDP.
pub(crate) fn other() -> Vec<u8> {
    let mut frame = ethernet([0x88, 0xcc]);
    frame.resize(60, 0);
    frame
}

fn ethernet(ethertype: [u8; 2]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(ethertype);
    frame
}
