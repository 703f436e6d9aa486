//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n` (section 2.1).

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{DecodeError, Endpoints, Header};
use crate::BufferTooSmall;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, CR LF included: two IPv6 addresses in full.
pub(super) const MAX_LEN: usize = 107;

pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, DecodeError> {
    let window = &bytes[..bytes.len().min(MAX_LEN)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if window.len() == MAX_LEN {
            Err(DecodeError::LineTooLong)
        } else {
            Ok(None)
        };
    };
    let line = window
        .get(SIGNATURE.len()..end)
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(DecodeError::Line)?;
    let header = read_line(line).ok_or(DecodeError::Line)?;
    Ok(Some((header, end + 2)))
}

/// What stands between `PROXY ` and CR LF.
fn read_line(line: &str) -> Option<Header> {
    // "The receiver must ignore anything presented before the CRLF is found" after UNKNOWN.
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(Header::Direct);
    }
    let mut words = line.split(' ');
    let family = words.next()?;
    let [source, destination] = [words.next()?, words.next()?];
    let [from, to] = [port(words.next()?)?, port(words.next()?)?];
    if words.next().is_some() {
        return None;
    }
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    Some(Header::Proxied(Endpoints {
        source: SocketAddr::new(address(source)?, from),
        destination: SocketAddr::new(address(destination)?, to),
    }))
}

/// A port in decimal, without sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical {
        text.parse().ok()
    } else {
        None
    }
}

pub(super) fn encode(
    endpoints: Option<Endpoints>,
    buf: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let have = buf.len();
    let mut rest = &mut *buf;
    let written = match endpoints {
        Some(Endpoints {
            source: SocketAddr::V4(source),
            destination: SocketAddr::V4(destination),
        }) => write!(
            rest,
            "PROXY TCP4 {} {} {} {}\r\n",
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        ),
        Some(Endpoints {
            source: SocketAddr::V6(source),
            destination: SocketAddr::V6(destination),
        }) => write!(
            rest,
            "PROXY TCP6 {} {} {} {}\r\n",
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        ),
        Some(_) | None => rest.write_all(b"PROXY UNKNOWN\r\n"),
    };
    let left = rest.len();
    written.map_err(|_| BufferTooSmall {
        need: MAX_LEN,
        have,
    })?;
    Ok(have - left)
}
