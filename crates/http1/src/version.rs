//! The version that ends a request line and begins a status line.

use crate::error::Error;

/// An HTTP version that is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

impl Version {
    /// Whether it is HTTP/1.1.
    #[inline]
    #[must_use]
    pub const fn is_http11(self) -> bool {
        matches!(self, Self::Http11)
    }
}

/// What a version looks like; `0` stands for a digit.
const PATTERN: &[u8; 8] = b"HTTP/0.0";

/// The version at the beginning of `bytes`; `None` while it is incomplete.
///
/// Case-sensitive (RFC 9112 section 2.3). Minor versions from 2 on are refused too: none exists.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Version>, Error> {
    match bytes.first_chunk::<8>() {
        Some(b"HTTP/1.1") => Ok(Some(Version::Http11)),
        Some(b"HTTP/1.0") => Ok(Some(Version::Http10)),
        Some(_) | None => classify(bytes),
    }
}

#[cold]
fn classify(bytes: &[u8]) -> Result<Option<Version>, Error> {
    for (byte, pattern) in bytes.iter().zip(PATTERN) {
        match (byte, pattern) {
            (b'0'..=b'9', b'0') => {}
            (b'\n', _) => return Err(Error::BareLf),
            _ if byte != pattern || *pattern == b'0' => return Err(Error::VersionSyntax),
            _ => {}
        }
    }
    if bytes.len() < PATTERN.len() {
        Ok(None)
    } else {
        Err(Error::Version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_what_is_none() {
        assert_eq!(parse(b"HTTP/1.1 200"), Ok(Some(Version::Http11)));
        assert_eq!(parse(b"HTTP/1.0\r\n"), Ok(Some(Version::Http10)));
        for start in 0..8 {
            assert_eq!(parse(&b"HTTP/1.1"[..start]), Ok(None));
        }
        for other in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"] {
            assert_eq!(parse(other.as_bytes()), Err(Error::Version), "{other}");
        }
        for bad in [
            "http/1.1",
            "HTTP/1,1",
            "HTTP/11.",
            "HTP",
            "HTTP/ 1.",
            "\r",
            "HTTP/1\r\n",
            "HTTP/x",
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(Error::VersionSyntax), "{bad}");
        }
    }
}
