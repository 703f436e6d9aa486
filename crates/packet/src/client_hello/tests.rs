use proptest::prelude::*;

use super::*;

fn vector<const N: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - N..], bytes].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), vector::<2>(value)].concat()
}

fn name_extension(name: &[u8]) -> Vec<u8> {
    let entry = [vec![0], vector::<2>(name)].concat();
    extension(0, &vector::<2>(&entry))
}

/// The handshake message with these extensions; `None`: without the field.
fn message(extensions: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(vector::<1>(&[9; 32]));
    body.extend(vector::<2>(&[0x13, 1, 0x13, 2]));
    body.extend(vector::<1>(&[0]));
    body.extend(extensions.map(vector::<2>).unwrap_or_default());
    [vec![1], vector::<3>(&body)].concat()
}

/// The message in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |fragment: &[u8]| [vec![22, 3, 1], vector::<2>(fragment)].concat();
    message.chunks(size).flat_map(record).collect()
}

fn hello(name: &str) -> Vec<u8> {
    let padding = extension(21, &[0; 300]);
    message(Some(&[padding, name_extension(name.as_bytes())].concat()))
}

#[test]
fn the_name_is_found_however_the_message_is_cut_over_records() {
    let message = hello("WWW.Example.com");
    for size in [1, 2, 3, 4, 5, 100, message.len() - 1, message.len()] {
        let stream = records(&message, size);
        assert_eq!(
            server_name(&stream),
            Ok(Some(Some("www.example.com".to_owned()))),
            "{size}"
        );
        for cut in 0..stream.len() {
            assert_eq!(server_name(&stream[..cut]), Ok(None), "{size} {cut}");
        }
    }
}

#[test]
fn a_hello_may_name_nobody() {
    let other = extension(16, b"\0\x03\x02h2");
    for extensions in [None, Some(&[][..]), Some(&other)] {
        let stream = records(&message(extensions), 1000);
        assert_eq!(server_name(&stream), Ok(Some(None)));
    }
}

#[test]
fn what_is_not_tls_is_refused_at_its_first_byte() {
    assert_eq!(server_name(b"G"), Err(DecodeError::NotTls));
    assert_eq!(server_name(&[22, 2]), Err(DecodeError::NotTls));
    // An SSLv2 hello, and an alert.
    assert_eq!(
        server_name(&[0x80, 0x2e, 1, 3, 1]),
        Err(DecodeError::NotTls)
    );
    assert_eq!(
        server_name(&[21, 3, 1, 0, 2, 2, 40]),
        Err(DecodeError::NotTls)
    );
    let server_hello = records(&[2, 0, 0, 0], 4);
    assert_eq!(server_name(&server_hello), Err(DecodeError::NotClientHello));
}

#[test]
fn lengths_that_do_not_add_up_are_refused() {
    let malformed = |message: &[u8], what| {
        assert_eq!(
            server_name(&records(message, 10_000)),
            Err(DecodeError::Malformed(what))
        );
    };
    assert_eq!(
        server_name(&[22, 3, 1, 0, 0]),
        Err(DecodeError::Malformed("a record's length"))
    );
    assert_eq!(
        server_name(&[22, 3, 1, 0x40, 1]),
        Err(DecodeError::Malformed("a record's length"))
    );
    malformed(&[message(None), vec![0]].concat(), "a message behind it");
    let name = name_extension(b"a.example");
    let twice = [name.clone(), name.clone()].concat();
    malformed(&message(Some(&twice)), "two server name extensions");
    malformed(&message(Some(&name[..name.len() - 1])), "an extension");
    malformed(&message(Some(&[0])), "an extension");
    let mut odd = message(None);
    // The suites' length, behind header, version, random and session id.
    odd[4 + 2 + 32 + 33 + 1] = 3;
    malformed(&odd, "cipher suites");
    let two_names = [0, 0, 1, b'a', 0, 0, 1, b'b'];
    malformed(
        &message(Some(&extension(0, &vector::<2>(&two_names)))),
        "server name list",
    );
}

#[test]
fn a_name_that_no_host_has_is_refused() {
    for name in [
        "",
        "a..b",
        "a.example.",
        "a b",
        "é",
        "*.example",
        "a\0b",
        "[::1]",
    ] {
        let stream = records(&message(Some(&name_extension(name.as_bytes()))), 1000);
        assert_eq!(server_name(&stream), Err(DecodeError::Name), "{name:?}");
    }
}

#[test]
fn a_hello_that_does_not_end_is_given_up() {
    let endless = message(Some(&extension(21, &vec![0; MAX_LEN])));
    let stream = records(&endless, 16_000);
    assert_eq!(server_name(&stream), Err(DecodeError::TooLong));
    // Many tiny records: it is their headers that are too many.
    let stream = records(&message(Some(&extension(21, &[0; 4000]))), 1);
    assert_eq!(server_name(&stream), Err(DecodeError::TooLong));
}

proptest! {
    #[test]
    fn every_name_is_read_back(name in "[a-z0-9_-]{1,63}(\\.[a-z0-9-]{1,20}){0,5}", size in 1..600_usize) {
        let stream = records(&hello(&name), size);
        prop_assert_eq!(server_name(&stream), Ok(Some(Some(name))));
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), value in any::<u8>(), size in 1..600_usize) {
        let mut stream = records(&hello("www.example.com"), size);
        let at = at.index(stream.len());
        stream[at] = value;
        if let Ok(Some(Some(name))) = server_name(&stream) {
            prop_assert!(is_host_name(&name));
        }
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let stream = records(&[&[1, 0, 1, 0x80][..], &bytes].concat(), 100);
        prop_assert!(server_name(&stream).is_ok() || server_name(&stream).is_err());
    }
}
