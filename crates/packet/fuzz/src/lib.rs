//! What holds for any bytes that a decoder of `halo-packet` is given. Each check is a fuzz target
//! (`.ci/fuzz`), and runs over the corpus and its mutations with the crate's own tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use halo_packet::arp::{Arp, FRAME_LEN};
use halo_packet::ipv4::{HEADER_LEN, Header};
use halo_packet::ndp::{self, Ndp};
use halo_packet::peer::body::{Hello, Probe, ProbeReply, Resign};
use halo_packet::peer::trailer::{self, Trailer};
use halo_packet::vrrp::{
    Accept, Arrival, ChecksumMode, DecodeError, EncodeError, MAX_LEN, Outgoing, decode,
};
use halo_packet::{client_hello, dns, peer, proxy};

/// A frame that is ARP is written back and read as the same.
pub fn arp(data: &[u8]) {
    let Ok(arp) = Arp::decode(data) else { return };
    let mut frame = [0; FRAME_LEN];
    let length = arp.encode(&mut frame).expect("a whole frame has room");
    assert_eq!(Arp::decode(&frame[..length]), Ok(arp));
}

/// A packet's payload lies within it; its header is written back and read as the same.
pub fn ipv4(data: &[u8]) {
    let Ok((header, payload)) = Header::decode(data) else {
        return;
    };
    assert!(payload.len() + HEADER_LEN <= data.len());
    let mut packet = [0; HEADER_LEN].to_vec();
    packet.extend(payload);
    header
        .encode(payload.len(), &mut packet)
        .expect("what was read has room");
    assert_eq!(Header::decode(&packet), Ok((header, payload)));
}

/// A neighbour's message that is believed is written back and read as the same, whatever pads it, and is
/// believed with no other hop limit. The first byte says whether the length and the checksum are made right
/// before, which no mutation finds.
pub fn ndp(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let mut frame = rest.to_vec();
    if choice & 1 != 0 {
        seal_icmpv6(&mut frame);
    }
    let Ok(packet) = Ndp::decode(&frame) else {
        return;
    };
    let mut again = [0; ndp::FRAME_LEN];
    let length = packet.encode(&mut again).expect("a whole frame has room");
    assert_eq!(Ndp::decode(&again[..length]), Ok(packet));
    frame[21] = 64;
    assert_eq!(Ndp::decode(&frame), Err(ndp::DecodeError::HopLimit(64)));
    frame[21] = 255;
    frame.extend([0xaa; 9]);
    assert_eq!(Ndp::decode(&frame), Ok(packet));
}

/// The payload length of an IPv6 packet in its Ethernet frame, and the checksum of ICMPv6 (RFC 4443
/// section 2.3).
fn seal_icmpv6(frame: &mut [u8]) {
    let Some(message) = frame.len().checked_sub(54).filter(|length| *length >= 4) else {
        return;
    };
    let length = message as u16;
    frame[18..20].copy_from_slice(&length.to_be_bytes());
    frame[56..58].fill(0);
    let pseudo = [&frame[22..54], &length.to_be_bytes(), &[0, 58]].concat();
    let folded = ones_complement(&[&pseudo, &frame[54..]].concat());
    frame[56..58].copy_from_slice(&folded.to_be_bytes());
}

/// A DNS message that is read has its ID where it can be replaced, and the same question in any case of
/// its letters and whatever follows it.
pub fn dns(data: &[u8]) {
    let Ok(message) = dns::read(data) else { return };
    let mut renamed = data.to_vec();
    dns::set_id(&mut renamed, !message.id);
    let id = !message.id;
    assert_eq!(dns::read(&renamed), Ok(dns::Message { id, ..message }));
    let mut longer = data.to_vec();
    longer.extend(b"\xc0\x0c");
    assert_eq!(dns::read(&longer), Ok(message));
    if message.question.is_some() {
        let name = data[12..].iter().position(|length| *length == 0);
        let end = 12 + name.expect("a name ends");
        longer[12..end].make_ascii_uppercase();
        assert_eq!(
            dns::read(&longer).map(|read| read.question),
            Ok(message.question)
        );
    }
}

/// An advertisement that is accepted is written back and read as the same, and is accepted with no
/// other TTL. The first byte chooses the address family and what is accepted, and whether the checksum
/// is made right before, which no mutation finds.
pub fn vrrp(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let (source, destination): (IpAddr, IpAddr) = if choice & 1 == 0 {
        (
            Ipv4Addr::new(10, 77, 0, 11).into(),
            Ipv4Addr::new(224, 0, 0, 18).into(),
        )
    } else {
        (
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(),
        )
    };
    let accept = match choice >> 1 & 3 {
        0 => Accept::Only(ChecksumMode::MessageOnly),
        1 => Accept::Only(ChecksumMode::PseudoHeader),
        _ => Accept::Both,
    };
    let mut message = rest.to_vec();
    if choice & 8 != 0 {
        seal(&mut message);
    }
    let arrival = Arrival {
        source,
        destination,
        ttl: 255,
    };
    let Ok(advert) = decode(&message, arrival, accept) else {
        return;
    };
    let addresses: Vec<IpAddr> = advert.addresses.iter().collect();
    assert!(advert.addresses.same_as(&addresses) && !addresses.is_empty());
    let routed = Arrival {
        ttl: 254,
        ..arrival
    };
    assert_eq!(decode(&message, routed, accept), Err(DecodeError::Ttl(254)));
    let outgoing = Outgoing {
        version: advert.version,
        vrid: advert.vrid,
        priority: advert.priority,
        interval: advert.interval,
        addresses: &addresses,
    };
    let mut again = [0; MAX_LEN + 8];
    match outgoing.encode(source, destination, advert.checksum, &mut again) {
        Ok(length) => {
            let read = decode(&again[..length], arrival, Accept::Both).expect("it was written so");
            assert_eq!(
                halo_packet::vrrp::Advertisement {
                    trailer: &[],
                    ..advert
                },
                read
            );
        }
        // Version 2 may say up to 255 s, of which 40.95 s are kept.
        Err(problem) => assert!(matches!(problem, EncodeError::Interval(_)), "{problem}"),
    }
}

/// The checksum of version 3 over IPv4 and of version 2, of the message as long as it says it is.
fn seal(message: &mut [u8]) {
    if message.len() < 8 {
        return;
    }
    let authentication = if message[0] >> 4 == 2 { 8 } else { 0 };
    let end = (8 + usize::from(message[3]) * 4 + authentication).min(message.len());
    message[6..8].fill(0);
    let folded = ones_complement(&message[..end]);
    message[6..8].copy_from_slice(&folded.to_be_bytes());
}

/// The Internet checksum (RFC 1071).
fn ones_complement(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2);
    let sum: u64 = words
        .map(|word| u64::from(word[0]) << 8 | word.get(1).map_or(0, |low| u64::from(*low)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !(folded as u16)
}

/// A message between nodes is written back and read as the same, and so are its body and trailer.
pub fn peer(data: &[u8]) {
    if let Ok(received) = peer::decode(data, 255)
        && received.message.body.len() <= peer::MAX_BODY
    {
        let mut buf = vec![0; data.len()];
        let length = received
            .message
            .encode(&mut buf)
            .expect("what was read has room");
        let again = peer::decode(&buf[..length], 255).expect("it was written so");
        assert_eq!(again.message, received.message);
        assert_eq!(received.signed.len() + received.trailer.len(), data.len());
    }
    if let Ok(hello) = Hello::decode(data) {
        let mut buf = [0; peer::MAX_BODY];
        let length = hello.encode(&mut buf).expect("a body has room");
        assert_eq!(Hello::decode(&buf[..length]), Ok(hello));
    }
    if let Ok(probe) = Probe::decode(data) {
        assert_eq!(Probe::decode(&probe.encode()), Ok(probe));
    }
    if let Ok(reply) = ProbeReply::decode(data) {
        assert_eq!(ProbeReply::decode(&reply.encode()), Ok(reply));
    }
    if let Ok(resign) = Resign::decode(data) {
        assert_eq!(Resign::decode(&resign.encode()), Ok(resign));
    }
    if let Ok((read, _)) = Trailer::decode(data) {
        let mut buf = [0; trailer::LEN];
        read.encode(&mut buf).expect("a trailer has room");
        assert!(Trailer::decode(&buf).is_ok_and(|(again, _)| again == read));
    }
}

/// A PROXY header ends within the bytes, says the same whatever follows, and the same is asked for more
/// until it is whole.
pub fn proxy(data: &[u8]) {
    let Ok(Some((header, length))) = proxy::decode(data) else {
        return;
    };
    assert!(length <= data.len());
    let mut longer = data[..length].to_vec();
    longer.extend(b"GET / HTTP/1.1\r\n");
    assert_eq!(proxy::decode(&longer), Ok(Some((header, length))));
    for end in 0..length {
        assert!(
            matches!(proxy::decode(&data[..end]), Ok(None)),
            "refused or taken for whole at {end} of {length}"
        );
    }
}

/// The name in a client's first TLS message is the same whatever follows it, and is never found before
/// the message is whole.
pub fn client_hello(data: &[u8]) {
    match client_hello::server_name(data) {
        Ok(Some(name)) => {
            let mut longer = data.to_vec();
            longer.extend([0x14, 3, 3, 0, 1, 1]);
            assert_eq!(client_hello::server_name(&longer), Ok(Some(name)));
        }
        Ok(None) => {
            let half = &data[..data.len() / 2];
            assert_eq!(client_hello::server_name(half), Ok(None));
        }
        Err(_) => {}
    }
}
