//! Hosts: what `Host` and a target's authority may say.
//!
//! Accepted is a name of letters, digits, `-`, `.`, `_` and `~`, or an address in brackets, and
//! optionally a colon with a port. RFC 3986 would also allow percent-encoding, sub-delimiters
//! (`!$&'()*+,;=`) and an empty port: no host in use has them, and each has let two parsers see
//! two hosts. User information (`user@host`) is refused for the same reason.

use crate::scan;
use crate::table::HOST;

/// The longest host with its port: a DNS name of 253 bytes, `:65535`, and room to spare.
const MAX_BYTES: usize = 272;

/// Whether `bytes` is a host with an optional port.
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    if bytes.len() > MAX_BYTES {
        return false;
    }
    let after = match bytes.first() {
        Some(b'[') => match bytes.iter().position(|byte| *byte == b']') {
            Some(end) if is_ipv6(&bytes[1..end]) => end + 1,
            _ => return false,
        },
        _ => scan::run::<HOST>(bytes, 0),
    };
    match bytes.get(after) {
        None => after > 0,
        Some(b':') => after > 0 && is_port(&bytes[after + 1..]),
        Some(_) => false,
    }
}

fn is_ipv6(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port(bytes: &[u8]) -> bool {
    let mut port = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        port = port * 10 + u32::from(digit);
        if digit > 9 || port > 65535 {
            return false;
        }
    }
    (1..=5).contains(&bytes.len())
}

/// Whether two valid hosts are one, where `port` is what goes without saying.
pub(crate) fn same(a: &[u8], b: &[u8], port: &[u8]) -> bool {
    without_port(a, port).eq_ignore_ascii_case(without_port(b, port))
}

fn without_port<'a>(host: &'a [u8], port: &[u8]) -> &'a [u8] {
    host.strip_suffix(port)
        .and_then(|rest| rest.strip_suffix(b":"))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_with_and_without_port_are_hosts() {
        for good in [
            "a",
            "example.com",
            "a_b-c.~d",
            "10.0.0.1:80",
            "[::1]",
            "[fe80::1]:65535",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_no_host() {
        let long = "a".repeat(MAX_BYTES + 1);
        for bad in [
            "",
            ":80",
            "a:",
            "a:b",
            "a:65536",
            "a:000080",
            "a:80:80",
            "a b",
            "a,b",
            "a/b",
            "a@b",
            "a%41",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[::1]:",
            "[g::1]",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "a\\b",
            "a?b",
            "a#b",
            "[1.2.3.4]",
            &long,
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn hosts_are_compared_without_case_and_default_port() {
        assert!(same(b"Example.com:80", b"example.COM", b"80"));
        assert!(!same(b"example.com:81", b"example.com", b"80"));
        assert!(!same(b"example.com", b"example.org", b"80"));
        assert!(same(b"a:443", b"a", b"443"));
    }
}
