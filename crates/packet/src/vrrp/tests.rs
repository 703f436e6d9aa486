//! Codec tests, named by what RFC 9568 asks where it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::BufferTooSmall;

const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
const NODE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 11));
const GROUP: IpAddr = IpAddr::V4(MULTICAST_V4);
const GROUP_V6: IpAddr = IpAddr::V6(MULTICAST_V6);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 100));
const VIP_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 100));

const ARRIVAL: Arrival = Arrival {
    source: NODE,
    destination: GROUP,
    ttl: 255,
};
const ARRIVAL_V6: Arrival = Arrival {
    source: NODE_V6,
    destination: GROUP_V6,
    ttl: 255,
};

fn outgoing(addresses: &[IpAddr]) -> Outgoing<'_> {
    Outgoing {
        version: Version::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(200),
        interval: Centiseconds::new(10).unwrap(),
        addresses,
    }
}

fn encoded(out: Outgoing<'_>, arrival: Arrival, mode: ChecksumMode) -> Vec<u8> {
    let mut buf = vec![0xee; MAX_LEN + AUTH_LEN];
    let len = out
        .encode(arrival.source, arrival.destination, mode, &mut buf)
        .unwrap();
    buf.truncate(len);
    buf
}

/// A valid IPv4 message with one byte changed and, if asked, the checksum made right again.
fn changed(at: usize, value: u8, mend: bool) -> Vec<u8> {
    let mut message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::PseudoHeader);
    message[at] = value;
    if mend {
        message[6..8].fill(0);
        let sum = crate::checksum::Sum::default()
            .bytes(&message)
            .pseudo_header(NODE, GROUP, PROTOCOL, u16::try_from(message.len()).unwrap());
        message[6..8].copy_from_slice(&sum.finish().to_be_bytes());
    }
    message
}

fn refusal(message: &[u8]) -> DecodeError {
    decode(message, ARRIVAL, Accept::Both).unwrap_err()
}

#[test]
fn section_5_2_an_ipv4_advertisement_has_the_printed_layout() {
    let message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::MessageOnly);
    assert_eq!(message[..6], [0x31, 51, 200, 1, 0, 10]);
    assert_eq!(message[8..], [10, 77, 0, 100]);
    // 0x3133 + 0xc801 + 0x000a + 0x0a4d + 0x0064 = 0x103ef -> 0x03f0; complement 0xfc0f.
    assert_eq!(message[6..8], [0xfc, 0x0f]);
}

/// What keepalived 2.2.7 of Debian 12 computes for the same message (`vrrp_version 3`): IPv4
/// pseudo-header included.
#[test]
fn the_default_checksum_of_ipv4_covers_the_pseudo_header_as_keepalived_does() {
    let message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::default());
    // 0x03f0 + 0x0a4d + 0x000b + 0xe000 + 0x0012 + 112 + 12 = 0xeed6; complement 0x1129.
    assert_eq!(message[6..8], [0x11, 0x29]);
}

#[test]
fn section_5_2_8_both_checksums_of_ipv4_are_accepted_and_told_apart() {
    for mode in [ChecksumMode::PseudoHeader, ChecksumMode::MessageOnly] {
        let message = encoded(outgoing(&[VIP]), ARRIVAL, mode);
        assert_eq!(
            decode(&message, ARRIVAL, Accept::Both).unwrap().checksum,
            mode
        );
        assert!(decode(&message, ARRIVAL, Accept::Only(mode)).is_ok());
    }
    let message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::MessageOnly);
    let only = Accept::Only(ChecksumMode::PseudoHeader);
    assert_eq!(decode(&message, ARRIVAL, only), Err(DecodeError::Checksum));
}

#[test]
fn section_5_2_8_ipv6_always_has_the_pseudo_header() {
    let message = encoded(outgoing(&[VIP_V6]), ARRIVAL_V6, ChecksumMode::MessageOnly);
    let advertisement = decode(&message, ARRIVAL_V6, Accept::Both).unwrap();
    assert_eq!(advertisement.checksum, ChecksumMode::PseudoHeader);
    assert_eq!(advertisement.addresses.get(0), Some(VIP_V6));
    let elsewhere = Arrival {
        destination: VIP_V6,
        ..ARRIVAL_V6
    };
    assert_eq!(
        decode(&message, elsewhere, Accept::Both),
        Err(DecodeError::Checksum)
    );
}

#[test]
fn section_7_1_a_ttl_other_than_255_is_discarded() {
    let message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::default());
    let forwarded = Arrival {
        ttl: 254,
        ..ARRIVAL
    };
    assert_eq!(
        decode(&message, forwarded, Accept::Both),
        Err(DecodeError::Ttl(254))
    );
}

#[test]
fn section_7_1_an_unknown_version_is_discarded() {
    assert_eq!(refusal(&changed(0, 0x41, true)), DecodeError::Version(4));
    let mut message = encoded(outgoing(&[VIP_V6]), ARRIVAL_V6, ChecksumMode::default());
    message[0] = 0x21;
    assert_eq!(
        decode(&message, ARRIVAL_V6, Accept::Both),
        Err(DecodeError::Version(2))
    );
}

#[test]
fn section_5_2_2_an_unknown_type_is_discarded() {
    assert_eq!(refusal(&changed(0, 0x32, true)), DecodeError::Type(2));
}

#[test]
fn section_7_1_an_incomplete_message_is_discarded() {
    let message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::default());
    for have in 0..message.len() {
        let need = if have < 8 { 8 } else { 12 };
        assert_eq!(
            refusal(&message[..have]),
            DecodeError::Truncated { need, have }
        );
    }
}

#[test]
fn section_7_1_a_wrong_checksum_is_discarded() {
    for at in [1, 2, 5, 6, 7, 8, 11] {
        let good = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::default())[at];
        assert_eq!(
            refusal(&changed(at, good ^ 1, false)),
            DecodeError::Checksum
        );
    }
}

#[test]
fn section_5_2_3_a_vrid_of_zero_is_discarded() {
    assert_eq!(refusal(&changed(1, 0, true)), DecodeError::Vrid);
}

#[test]
fn section_5_2_5_a_message_without_addresses_is_discarded() {
    assert_eq!(refusal(&changed(3, 0, true)[..8]), DecodeError::Checksum);
    let mut message = changed(3, 0, false)[..8].to_vec();
    message[6..8].fill(0);
    let sum = crate::checksum::Sum::default().bytes(&message).finish();
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(refusal(&message), DecodeError::AddressCount);
}

#[test]
fn section_5_2_6_reserved_bits_are_sent_as_zero_and_ignored_on_reception() {
    let longest = Outgoing {
        interval: Centiseconds::new(4095).unwrap(),
        ..outgoing(&[VIP])
    };
    assert_eq!(encoded(longest, ARRIVAL, ChecksumMode::default())[4], 0x0f);
    let message = changed(4, 0xf0, true);
    assert_eq!(
        decode(&message, ARRIVAL, Accept::Both)
            .unwrap()
            .interval
            .get(),
        10
    );
}

#[test]
fn section_5_2_7_an_interval_of_zero_is_discarded() {
    assert_eq!(refusal(&changed(5, 0, true)), DecodeError::Interval);
}

#[test]
fn what_is_behind_the_message_is_handed_over_and_not_summed() {
    let mut message = encoded(outgoing(&[VIP]), ARRIVAL, ChecksumMode::default());
    message.extend([1, 2, 3]);
    assert_eq!(
        decode(&message, ARRIVAL, Accept::Both).unwrap().trailer,
        [1, 2, 3]
    );
}

#[test]
fn addresses_are_compared_as_sets() {
    let other = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 101));
    let message = encoded(outgoing(&[VIP, other]), ARRIVAL, ChecksumMode::default());
    let addresses = decode(&message, ARRIVAL, Accept::Both).unwrap().addresses;
    assert!(addresses.same_as(&[other, VIP]));
    assert!(!addresses.same_as(&[VIP]));
    assert!(!addresses.same_as(&[VIP, other, NODE]));
}

#[test]
fn what_the_protocol_cannot_say_is_not_encoded() {
    let encode = |out: Outgoing<'_>, destination| {
        out.encode(
            NODE,
            destination,
            ChecksumMode::default(),
            &mut [0; MAX_LEN],
        )
    };
    assert_eq!(
        encode(outgoing(&[]), GROUP),
        Err(EncodeError::AddressCount(0))
    );
    assert_eq!(
        encode(outgoing(&[VIP; 256]), GROUP),
        Err(EncodeError::AddressCount(256))
    );
    assert_eq!(
        encode(outgoing(&[VIP_V6]), GROUP),
        Err(EncodeError::MixedFamilies)
    );
    assert_eq!(
        encode(outgoing(&[VIP]), GROUP_V6),
        Err(EncodeError::MixedFamilies)
    );
    let v2 = Outgoing {
        version: Version::V2(Authentication::None),
        ..outgoing(&[VIP])
    };
    assert_eq!(encode(v2, GROUP), Err(EncodeError::Interval(v2.interval)));
    let small = outgoing(&[VIP]).encode(NODE, GROUP, ChecksumMode::default(), &mut [0; 11]);
    assert_eq!(
        small,
        Err(EncodeError::Buffer(BufferTooSmall { need: 12, have: 11 }))
    );
}

#[test]
fn version_2_has_the_layout_of_rfc_3768_section_5_3() {
    let password = *b"secret\0\0";
    let out = Outgoing {
        version: Version::V2(Authentication::SimplePassword(password)),
        interval: Centiseconds::SECOND,
        ..outgoing(&[VIP])
    };
    let message = encoded(out, ARRIVAL, ChecksumMode::default());
    assert_eq!(message[..6], [0x21, 51, 200, 1, 1, 1]);
    assert_eq!(message[8..12], [10, 77, 0, 100]);
    assert_eq!(message[12..], password);
    let advertisement = decode(&message, ARRIVAL, Accept::Both).unwrap();
    assert_eq!(advertisement.version, out.version);
    assert_eq!(advertisement.interval, Centiseconds::SECOND);
    assert_eq!(advertisement.checksum, ChecksumMode::MessageOnly);
}

#[test]
fn version_2_with_an_unknown_authentication_is_discarded() {
    let out = Outgoing {
        version: Version::V2(Authentication::None),
        interval: Centiseconds::SECOND,
        ..outgoing(&[VIP])
    };
    let mut message = encoded(out, ARRIVAL, ChecksumMode::default());
    message[4] = 2;
    assert_eq!(refusal(&message), DecodeError::Authentication(2));
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let all = [
        DecodeError::Ttl(1),
        DecodeError::Truncated { need: 8, have: 1 },
        DecodeError::Version(1),
        DecodeError::Type(2),
        DecodeError::Vrid,
        DecodeError::AddressCount,
        DecodeError::Interval,
        DecodeError::Authentication(2),
        DecodeError::Checksum,
    ];
    let names: std::collections::BTreeSet<_> = all.map(DecodeError::reason).into();
    assert_eq!(names.len(), all.len());
}

fn any_version() -> impl Strategy<Value = Version> {
    prop_oneof![
        Just(Version::V3),
        Just(Version::V2(Authentication::None)),
        any::<[u8; 8]>().prop_map(|word| Version::V2(Authentication::SimplePassword(word))),
    ]
}

fn assert_round_trip(out: Outgoing<'_>, arrival: Arrival, mode: ChecksumMode) {
    let message = encoded(out, arrival, mode);
    let read = decode(&message, arrival, Accept::Both).unwrap();
    let addresses: Vec<IpAddr> = read.addresses.iter().collect();
    assert_eq!(
        (
            read.version,
            read.vrid,
            read.priority,
            read.interval,
            addresses.as_slice()
        ),
        (
            out.version,
            out.vrid,
            out.priority,
            out.interval,
            out.addresses
        )
    );
    assert!(read.trailer.is_empty());
}

#[test]
fn section_7_1_erratum_8300_an_ipv6_advertisement_without_a_link_local_address_first_is_discarded()
{
    let global = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 100));
    let read = |addresses: &[IpAddr]| {
        let message = encoded(outgoing(addresses), ARRIVAL_V6, ChecksumMode::default());
        decode(&message, ARRIVAL_V6, Accept::Both).map(|_| ())
    };
    assert_eq!(read(&[VIP_V6, global]), Ok(()));
    assert_eq!(read(&[global, VIP_V6]), Err(DecodeError::LinkLocal));
}

proptest! {
    #[test]
    fn ipv4_advertisements_are_read_back_as_written(
        version in any_version(),
        (vrid, priority, centiseconds, seconds) in (1u8.., any::<u8>(), 1u16..4096, 1u16..41),
        vips in vec(any::<Ipv4Addr>(), 1..40),
        (source, destination, plain) in (any::<Ipv4Addr>(), any::<Ipv4Addr>(), any::<bool>()),
    ) {
        let addresses: Vec<IpAddr> = vips.into_iter().map(IpAddr::V4).collect();
        let interval = match version {
            Version::V3 => centiseconds,
            Version::V2(_) => if seconds > 40 { 4000 } else { seconds * 100 },
        };
        let out = Outgoing {
            version,
            vrid: Vrid::new(vrid).unwrap(),
            priority: Priority(priority),
            interval: Centiseconds::new(interval).unwrap(),
            addresses: &addresses,
        };
        let arrival = Arrival { source: source.into(), destination: destination.into(), ttl: 255 };
        let mode = if plain { ChecksumMode::MessageOnly } else { ChecksumMode::PseudoHeader };
        assert_round_trip(out, arrival, mode);
    }

    #[test]
    fn ipv6_advertisements_are_read_back_as_written(
        (vrid, priority, interval) in (1u8.., any::<u8>(), 1u16..4096),
        vips in vec(any::<Ipv6Addr>(), 1..40),
        (source, destination) in (any::<Ipv6Addr>(), any::<Ipv6Addr>()),
    ) {
        let mut addresses: Vec<IpAddr> = vips.into_iter().map(IpAddr::V6).collect();
        addresses[0] = VIP_V6;
        let out = Outgoing {
            version: Version::V3,
            vrid: Vrid::new(vrid).unwrap(),
            priority: Priority(priority),
            interval: Centiseconds::new(interval).unwrap(),
            addresses: &addresses,
        };
        let arrival = Arrival { source: source.into(), destination: destination.into(), ttl: 255 };
        assert_round_trip(out, arrival, ChecksumMode::default());
    }

    #[test]
    fn decoding_never_panics(
        bytes in vec(any::<u8>(), 0..600),
        (v6, first) in (any::<bool>(), prop_oneof![Just(0x31u8), Just(0x21), any::<u8>()]),
    ) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        let arrival = if v6 { ARRIVAL_V6 } else { ARRIVAL };
        if let Ok(read) = decode(&bytes, arrival, Accept::Both) {
            prop_assert!(read.addresses.count() > 0);
        }
    }
}
