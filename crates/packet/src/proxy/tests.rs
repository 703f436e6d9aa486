use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;

fn ends(source: &str, destination: &str) -> Endpoints {
    Endpoints {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn proxied(source: &str, destination: &str) -> Header {
    Header::Proxied(ends(source, destination))
}

fn v2(version_command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([version_command, family]);
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

const TCP4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];

#[test]
fn the_specifications_lines_are_read() {
    let worst = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                  ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n";
    let all = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    for (bytes, header) in [
        (
            &b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"[..],
            proxied("192.0.2.1:56324", "198.51.100.1:443"),
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n",
            proxied("[2001:db8::1]:0", "[::ffff:192.0.2.1]:65535"),
        ),
        (worst, proxied(all, &all.replace("ffff]", "fffe]"))),
        (b"PROXY UNKNOWN\r\n", Header::Direct),
        (
            b"PROXY UNKNOWN anything at all, \xc3\xa9\r\n",
            Header::Direct,
        ),
    ] {
        assert_eq!(decode(bytes), Ok(Some((header, bytes.len()))));
        // What follows is not the header's.
        let longer = [bytes, b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(decode(&longer), Ok(Some((header, bytes.len()))));
    }
}

#[test]
fn a_line_that_is_not_exact_is_refused() {
    for line in [
        "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 1",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 ",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 1",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 1",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536",
        "PROXY TCP4 1.2.3.04 1.2.3.4 1 1",
        "PROXY TCP4 ::1 ::1 1 1",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 1",
        "PROXY TCP6 fe80::1%eth0 ::1 1 1",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 1",
        "PROXY tcp4 1.2.3.4 1.2.3.4 1 1",
        "PROXY UNKNOWNX",
        "PROXY TCP4\t1.2.3.4 1.2.3.4 1 1",
        "PROXY ",
    ] {
        let bytes = format!("{line}\r\n");
        assert_eq!(decode(bytes.as_bytes()), Err(DecodeError::Line), "{line:?}");
    }
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 107]].concat();
    assert_eq!(decode(&endless), Err(DecodeError::LineTooLong));
    // A bare LF ends no line.
    assert_eq!(decode(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n"), Ok(None));
}

#[test]
fn what_can_no_longer_become_a_header_is_refused_at_once() {
    for bytes in [&b"G"[..], b"PROXX", b"\r\n\r\nX", b"\x16\x03\x01"] {
        assert_eq!(decode(bytes), Err(DecodeError::Signature), "{bytes:?}");
    }
    assert_eq!(decode(&v2(0x11, 0x11, &[])), Err(DecodeError::Version(1)));
    assert_eq!(decode(&v2(0x22, 0x11, &[])), Err(DecodeError::Command(2)));
    let mut long = v2(0x21, 0x11, &[]);
    long[14..16].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(decode(&long), Err(DecodeError::TooLong(65_551)));
}

#[test]
fn binary_headers_of_every_family_are_read() {
    let tcp6 = [
        &[0x20, 1, 0x0d, 0xb8][..],
        &[0; 11],
        &[1],
        &[0; 15],
        &[1, 0, 1, 0, 2],
    ]
    .concat();
    for (bytes, header) in [
        (
            v2(0x21, 0x11, TCP4),
            proxied("192.0.2.1:56324", "198.51.100.1:443"),
        ),
        (v2(0x21, 0x21, &tcp6), proxied("[2001:db8::1]:1", "[::1]:2")),
        (v2(0x21, 0x00, &[]), Header::Direct),
        (v2(0x21, 0x31, &[0; 216]), Header::Direct),
        (v2(0x20, 0x00, &[]), Header::Direct),
        // LOCAL: the rest says nothing, whatever it is.
        (v2(0x20, 0xff, &[1, 2, 3]), Header::Direct),
    ] {
        assert_eq!(decode(&bytes), Ok(Some((header, bytes.len()))), "{bytes:?}");
    }
    for (family, error) in [
        (0x13, DecodeError::Family(0x13)),
        (0x41, DecodeError::Family(0x41)),
        (0x01, DecodeError::Family(0x01)),
        (0x12, DecodeError::Datagram),
        (0x21, DecodeError::Short),
    ] {
        assert_eq!(decode(&v2(0x21, family, TCP4)), Err(error));
    }
}

#[test]
fn tlvs_must_fill_the_rest_and_a_checksum_must_be_right() {
    let with = |tlvs: &[u8]| v2(0x21, 0x11, &[TCP4, tlvs].concat());
    let authority = [&[2, 0, 4][..], b"a.de"].concat();
    assert!(matches!(decode(&with(&authority)), Ok(Some(_))));
    for broken in [&[2][..], &[2, 0], &[2, 0, 2, 1], &[3, 0, 3, 1, 1, 1]] {
        assert_eq!(decode(&with(broken)), Err(DecodeError::Tlv), "{broken:?}");
    }
    let mut summed = with(&[&[3, 0, 4, 0, 0, 0, 0][..], &authority].concat());
    let sum = crc32c::of(&[&summed]);
    summed[31..35].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(decode(&summed), Ok(Some(_))));
    summed[16] ^= 1;
    assert_eq!(decode(&summed), Err(DecodeError::Checksum));
}

#[test]
fn a_connection_of_the_proxys_own_is_told_as_one() {
    for version in [Version::V1, Version::V2] {
        for endpoints in [None, Some(ends("1.2.3.4:5", "[::1]:6"))] {
            let mut buf = [0; MAX_ENCODED];
            let length = encode(version, endpoints, &mut buf).unwrap();
            assert_eq!(decode(&buf[..length]), Ok(Some((Header::Direct, length))));
        }
    }
}

fn endpoints() -> impl Strategy<Value = Endpoints> {
    let v4 =
        (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    let v6 = (any::<[u8; 16]>(), any::<[u8; 16]>())
        .prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)));
    (prop_oneof![v4, v6], any::<u16>(), any::<u16>()).prop_map(|((a, b), from, to)| Endpoints {
        source: SocketAddr::new(a, from),
        destination: SocketAddr::new(b, to),
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_and_every_prefix_asks_for_more(endpoints in endpoints(), second in any::<bool>()) {
        let version = if second { Version::V2 } else { Version::V1 };
        let mut buf = [0; MAX_ENCODED];
        let length = encode(version, Some(endpoints), &mut buf).unwrap();
        prop_assert_eq!(decode(&buf[..length]), Ok(Some((Header::Proxied(endpoints), length))));
        for cut in 0..length {
            prop_assert_eq!(decode(&buf[..cut]), Ok(None));
            let mut small = buf;
            prop_assert!(encode(version, Some(endpoints), &mut small[..cut]).is_err());
        }
    }

    #[test]
    fn decoding_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0..3) {
        let signature: &[u8] = match start { 0 => b"", 1 => v1::SIGNATURE, _ => v2::SIGNATURE };
        bytes.splice(0..0, signature.iter().copied());
        if let Ok(Some((_, length))) = decode(&bytes) {
            prop_assert!(length <= bytes.len() && length <= MAX_LEN);
        }
    }
}
