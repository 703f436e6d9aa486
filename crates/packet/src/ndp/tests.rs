use proptest::prelude::*;

use super::*;

const MAC: MacAddr = MacAddr(2, 0, 0, 0, 0, 11);
const OTHER: MacAddr = MacAddr(2, 0, 0, 0, 0, 12);
const VIP: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x100);
const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x50);

fn frame(packet: Ndp) -> Vec<u8> {
    let mut buf = [0xff; FRAME_LEN];
    let length = packet.encode(&mut buf).unwrap();
    buf[..length].to_vec()
}

/// The checksum made right again after a change.
fn mended(mut frame: Vec<u8>) -> Vec<u8> {
    frame[MESSAGE + 2..MESSAGE + 4].fill(0);
    let sum = sum(&frame[MESSAGE..], ip(&frame[22..]), ip(&frame[38..])).finish();
    frame[MESSAGE + 2..MESSAGE + 4].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn section_6_4_1_an_unsolicited_advertisement_has_override_alone_and_goes_to_all_nodes() {
    let frame = frame(Ndp::unsolicited(MAC, VIP));
    #[rustfmt::skip]
    let headers = [
        0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 11, 0x86, 0xdd,
        0x60, 0, 0, 0, 0, 32, 58, 255,
    ];
    assert_eq!(frame[..22], headers);
    assert_eq!(frame[22..38], VIP.octets());
    assert_eq!(frame[38..54], ALL_NODES.octets());
    assert_eq!(frame[54..56], [136, 0]);
    assert_eq!(frame[58..62], [0x20, 0, 0, 0], "override, nothing else");
    assert_eq!(frame[62..78], VIP.octets());
    assert_eq!(frame[78..], [2, 1, 2, 0, 0, 0, 0, 11]);
}

#[test]
fn the_checksum_covers_the_pseudo_header() {
    let mut bytes = frame(Ndp::unsolicited(MAC, VIP));
    assert!(Ndp::decode(&bytes).is_ok());
    bytes[37] ^= 1;
    assert_eq!(Ndp::decode(&bytes), Err(DecodeError::Checksum));
}

#[test]
fn a_question_goes_to_the_solicited_node_group() {
    let question = Ndp::question(MAC, CLIENT, VIP);
    assert_eq!(question.destination_ip.to_string(), "ff02::1:ff00:100");
    assert_eq!(question.destination, MacAddr(0x33, 0x33, 0xff, 0, 1, 0));
    assert_eq!(Ndp::decode(&frame(question)), Ok(question));
    let alone = question.at(OTHER);
    assert_eq!((alone.destination, alone.destination_ip), (OTHER, VIP));
    assert_eq!(Ndp::decode(&frame(alone)), Ok(alone));
    let detection = Ndp::question(MAC, Ipv6Addr::UNSPECIFIED, VIP);
    assert_eq!(detection.link_layer, None);
    assert_eq!(Ndp::decode(&frame(detection)), Ok(detection));
}

#[test]
fn a_claim_is_foreign_when_another_card_makes_it() {
    let claim = Ndp::unsolicited(OTHER, VIP);
    assert!(claim.is_foreign_claim(VIP, MAC));
    assert!(!claim.is_foreign_claim(VIP, OTHER));
    assert!(!claim.is_foreign_claim(CLIENT, MAC));
    assert!(Ndp::question(OTHER, VIP, CLIENT).is_foreign_claim(VIP, MAC));
    let detection = Ndp::question(OTHER, Ipv6Addr::UNSPECIFIED, VIP);
    assert!(detection.is_foreign_claim(VIP, MAC));
    assert!(!Ndp::question(OTHER, CLIENT, VIP).is_foreign_claim(VIP, MAC));
}

#[test]
fn what_section_7_1_of_rfc_4861_forbids_is_refused_by_name() {
    let good = frame(Ndp::unsolicited(OTHER, VIP));
    let with = |at: usize, value: u8| {
        let mut changed = good.clone();
        changed[at] = value;
        Ndp::decode(&mended(changed))
    };
    assert_eq!(Ndp::decode(&good[..53]), Err(DecodeError::Truncated));
    assert_eq!(Ndp::decode(&good[..85]), Err(DecodeError::Truncated));
    assert_eq!(with(13, 0), Err(DecodeError::NotNdp));
    assert_eq!(with(14, 0x40), Err(DecodeError::NotNdp));
    assert_eq!(with(20, 17), Err(DecodeError::NotNdp));
    assert_eq!(with(54, 134), Err(DecodeError::NotNdp));
    assert_eq!(with(21, 254), Err(DecodeError::HopLimit(254)));
    assert_eq!(with(55, 1), Err(DecodeError::Invalid), "code");
    assert_eq!(with(58, 0x60), Err(DecodeError::Invalid), "solicited");
    assert_eq!(
        with(62, 0xff),
        Err(DecodeError::Invalid),
        "multicast target"
    );
    assert_eq!(with(79, 0), Err(DecodeError::Invalid), "an empty option");
    assert_eq!(with(79, 2), Err(DecodeError::Invalid), "a long option");
    let detection = Ndp::question(OTHER, Ipv6Addr::UNSPECIFIED, VIP);
    let named = Ndp {
        link_layer: Some(OTHER),
        ..detection
    };
    assert_eq!(Ndp::decode(&frame(named)), Err(DecodeError::Invalid));
}

#[test]
fn padding_behind_the_payload_length_is_ignored() {
    let packet = Ndp::question(MAC, CLIENT, VIP);
    let mut bytes = frame(packet);
    bytes.extend([0xaa; 9]);
    assert_eq!(Ndp::decode(&bytes), Ok(packet));
}

#[test]
fn a_buffer_without_room_is_refused() {
    let error = Ndp::unsolicited(MAC, VIP).encode(&mut [0; 85]);
    assert_eq!(error, Err(BufferTooSmall { need: 86, have: 85 }));
}

fn any_mac() -> impl Strategy<Value = MacAddr> {
    any::<[u8; 6]>().prop_map(MacAddr::from)
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Solicitation),
        any::<[bool; 3]>().prop_map(|[router, solicited, overrides]| Kind::Advertisement {
            router,
            solicited,
            overrides
        })
    ]
}

proptest! {
    #[test]
    fn every_valid_packet_is_read_back_as_written(
        (destination, source, link_layer) in (any_mac(), any_mac(), proptest::option::of(any_mac())),
        (source_ip, destination_ip, target) in (any::<Ipv6Addr>(), any::<Ipv6Addr>(), any::<Ipv6Addr>()),
        kind in any_kind(),
    ) {
        let packet = Ndp { destination, source, source_ip, destination_ip, kind, target, link_layer };
        let expected = if packet.is_valid() { Ok(packet) } else { Err(DecodeError::Invalid) };
        prop_assert_eq!(Ndp::decode(&frame(packet)), expected);
    }

    #[test]
    fn decoding_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        shaped in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if shaped && bytes.len() >= MESSAGE + MESSAGE_LEN {
            let length = (bytes.len() - MESSAGE) as u8;
            bytes[12..14].copy_from_slice(&ETHERTYPE);
            bytes[14] = 0x60;
            bytes[18..22].copy_from_slice(&[0, length, ICMPV6, HOP_LIMIT]);
            bytes[MESSAGE] = SOLICITATION + bytes[MESSAGE] % 2;
            bytes = mended(bytes);
        }
        if Ndp::decode(&bytes).is_ok() {
            prop_assert!(bytes.len() >= MESSAGE + MESSAGE_LEN);
        }
    }
}
