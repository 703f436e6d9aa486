//! What the fields of a head say about framing and the connection, gathered while they are parsed.

use crate::error::Error;
use crate::known::{Known, folds_to};
use crate::limits::Limits;
use crate::scan;
use crate::table::{CLASS, TOKEN};

/// The largest `Content-Length` or chunk size: what a signed 64-bit number holds, because some
/// servers keep it in one.
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

/// What a head's fields say. Each fact is noted once; a contradiction is an error at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) content_length: Option<u64>,
    /// `Transfer-Encoding: chunked`.
    pub(crate) chunked: bool,
    pub(crate) has_host: bool,
    /// `Connection: close`.
    pub(crate) close: bool,
    /// `Connection: keep-alive`.
    pub(crate) keep_alive: bool,
    /// `Connection: upgrade`.
    pub(crate) upgrade_option: bool,
    /// `Connection` names fields to be removed.
    pub(crate) nominates: bool,
    pub(crate) connection_options: usize,
    pub(crate) upgrade: Offer,
    /// `Expect`, well-formed or not: what it means depends on the version.
    pub(crate) expect: Expectation,
    /// Provenance fields are present.
    pub(crate) provenance: bool,
    /// `Date` is present.
    pub(crate) date: bool,
}

/// What `Upgrade` offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Offer {
    #[default]
    Nothing,
    WebSocket,
    /// Anything else: h2c, lists, several fields.
    Other,
}

/// What `Expect` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Expectation {
    #[default]
    Nothing,
    Continue,
    Unknown,
}

impl Facts {
    /// Notes a field.
    pub(crate) fn note(
        &mut self,
        known: Known,
        value: &[u8],
        limits: &Limits,
    ) -> Result<(), Error> {
        match known {
            Known::Host => {
                if std::mem::replace(&mut self.has_host, true) {
                    return Err(Error::HostTwice);
                }
            }
            Known::ContentLength => {
                if self.content_length.is_some() {
                    return Err(Error::ContentLengthTwice);
                }
                self.content_length = Some(content_length(value)?);
            }
            Known::TransferEncoding => {
                if self.chunked {
                    return Err(Error::TransferEncodingTwice);
                }
                transfer_encoding(value)?;
                self.chunked = true;
            }
            Known::Connection => self.connection(value, limits)?,
            Known::Upgrade => {
                let first = self.upgrade == Offer::Nothing;
                self.upgrade = if first && value.eq_ignore_ascii_case(b"websocket") {
                    Offer::WebSocket
                } else {
                    Offer::Other
                };
            }
            Known::Expect => {
                let first = self.expect == Expectation::Nothing;
                self.expect = if first && value.eq_ignore_ascii_case(b"100-continue") {
                    Expectation::Continue
                } else {
                    Expectation::Unknown
                };
            }
            Known::XForwardedFor
            | Known::XForwardedProto
            | Known::XForwardedHost
            | Known::Provenance => self.provenance = true,
            Known::Date => self.date = true,
            Known::Lookalike => return Err(Error::Lookalike),
            Known::Te
            | Known::Trailer
            | Known::KeepAlive
            | Known::Proxy
            | Known::Http2Settings
            | Known::Via
            | Known::Other => {}
        }
        Ok(())
    }

    /// RFC 9110 section 7.6.1. Empty members are skipped, as section 5.6.1 demands: the list is
    /// written anew for the next hop, so nobody else reads them.
    fn connection(&mut self, value: &[u8], limits: &Limits) -> Result<(), Error> {
        if folds_to(value, b"keep-alive") {
            self.keep_alive = true;
            return Ok(());
        }
        for option in options(value) {
            self.connection_options += 1;
            if self.connection_options > limits.connection_options || !is_token(option) {
                return Err(Error::ConnectionOption);
            }
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade_option = true;
            } else {
                nomination(option)?;
                self.nominates = true;
            }
        }
        Ok(())
    }

    /// Whether the connection stays open after the message (RFC 9112 section 9.3).
    pub(crate) const fn persists(&self, http11: bool) -> bool {
        !self.close && (http11 || self.keep_alive)
    }

    /// Refuses the two framings together and chunked where it does not exist
    /// (RFC 9112 sections 6.1 and 6.3).
    pub(crate) const fn check_framing(&self, http11: bool) -> Result<(), Error> {
        if self.chunked && self.content_length.is_some() {
            return Err(Error::LengthAndEncoding);
        }
        if self.chunked && !http11 {
            return Err(Error::EncodingInHttp10);
        }
        Ok(())
    }
}

/// A field that is every recipient's must not be nominated for removal (RFC 9110 section 7.6.1);
/// where removing it would change the framing, the routing or who the client is, that is an
/// attack.
fn nomination(option: &[u8]) -> Result<(), Error> {
    match Known::of(option) {
        Known::Host
        | Known::ContentLength
        | Known::XForwardedFor
        | Known::XForwardedProto
        | Known::XForwardedHost
        | Known::Provenance
        | Known::Lookalike => Err(Error::ConnectionOption),
        // Never removed by nomination, and written anew anyway.
        Known::TransferEncoding
        | Known::Connection
        | Known::Upgrade
        | Known::Expect
        | Known::Te
        | Known::Trailer
        | Known::KeepAlive
        | Known::Proxy
        | Known::Http2Settings
        | Known::Via
        | Known::Date
        | Known::Other => Ok(()),
    }
}

/// The non-empty members of a `Connection` value.
pub(crate) fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(scan::trim)
        .filter(|option| !option.is_empty())
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| CLASS[*byte as usize] & TOKEN != 0)
}

/// A plain decimal number: no sign, space, list or leading zero (some parsers take 010 for 8).
fn content_length(value: &[u8]) -> Result<u64, Error> {
    let leading_zero = value.len() > 1 && value[0] == b'0';
    if value.is_empty() || leading_zero || !value.iter().all(u8::is_ascii_digit) {
        let list = value.contains(&b',');
        return Err(if list {
            Error::ContentLengthTwice
        } else {
            Error::ContentLength
        });
    }
    // No number of 19 digits is beyond 64 bits.
    let length = value.iter().fold(0, |length: u64, digit| {
        length
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'))
    });
    if value.len() > 19 || length > MAX_LENGTH {
        Err(Error::ContentLength)
    } else {
        Ok(length)
    }
}

/// Exactly `chunked`. Anything else is malformed, or well-formed but not implemented
/// (RFC 9112 section 6.1: 501).
fn transfer_encoding(value: &[u8]) -> Result<(), Error> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut unknown = false;
    let mut members = value.split(|byte| *byte == b',').map(scan::trim).peekable();
    while let Some(member) = members.next() {
        let name = member
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        if !is_token(scan::trim(name)) {
            return Err(Error::TransferEncoding);
        }
        let chunked = scan::trim(name).eq_ignore_ascii_case(b"chunked");
        // `chunked` is last, and takes no parameter: RFC 9112 sections 6.1 and 7.1.
        if chunked && (members.peek().is_some() || name.len() != member.len()) {
            return Err(Error::TransferEncoding);
        }
        unknown |= !chunked;
    }
    // A request whose last coding is not chunked has no determinable length, but 501 says more.
    Err(if unknown {
        Error::UnknownCoding
    } else {
        Error::TransferEncoding
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_length_is_a_plain_number_below_two_to_the_sixty_third() {
        assert_eq!(content_length(b"0"), Ok(0));
        assert_eq!(content_length(b"9223372036854775807"), Ok(MAX_LENGTH));
        for bad in [
            "",
            "-1",
            "+1",
            "1 2",
            "00",
            "01",
            "0x1",
            "1.0",
            "1e3",
            "9223372036854775808",
        ] {
            assert_eq!(
                content_length(bad.as_bytes()),
                Err(Error::ContentLength),
                "{bad:?}"
            );
        }
        assert_eq!(
            content_length(b"99999999999999999999999"),
            Err(Error::ContentLength)
        );
        assert_eq!(content_length(b"5, 5"), Err(Error::ContentLengthTwice));
    }

    #[test]
    fn connection_options_are_counted_over_all_fields() {
        let limits = Limits {
            connection_options: 3,
            ..Limits::default()
        };
        let mut facts = Facts::default();
        assert_eq!(facts.connection(b"a, b", &limits), Ok(()));
        assert_eq!(facts.connection(b"c", &limits), Ok(()));
        assert_eq!(
            facts.connection(b"d", &limits),
            Err(Error::ConnectionOption)
        );
    }
}
