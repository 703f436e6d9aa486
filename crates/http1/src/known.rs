//! Fields that a proxy acts on, told apart while the head is parsed.

/// A field that a proxy acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Known {
    /// Any field that a proxy passes on unread.
    Other,
    /// `Host`.
    Host,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Connection`.
    Connection,
    /// `Upgrade`.
    Upgrade,
    /// `Expect`.
    Expect,
    /// `TE`.
    Te,
    /// `Trailer`.
    Trailer,
    /// `Keep-Alive`.
    KeepAlive,
    /// `Proxy` (which CGI turns into a variable that redirects clients) and `Proxy-*`.
    Proxy,
    /// `HTTP2-Settings`: half of an upgrade to h2c.
    Http2Settings,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `X-Forwarded-Proto`.
    XForwardedProto,
    /// `X-Forwarded-Host`.
    XForwardedHost,
    /// What else says where a request came from: other `X-Forwarded-*`, `Forwarded`, `X-Real-IP`.
    Provenance,
    /// `Via`.
    Via,
    /// `Date`.
    Date,
    /// A name that differs from one of the above only by `_` for `-`. Servers that turn names
    /// into variables take the two for one; such a message is refused.
    Lookalike,
}

impl Known {
    /// Which field `name` is. `name` must be a token, in any case.
    // Always: the length of the name is at hand where it is called, and a call costs a tenth.
    #[inline(always)]
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let Some(first) = name.first() else {
            return Self::Other;
        };
        match (first | 0x20, name.len()) {
            (b'h', 4) => exact(name, b"host", Self::Host),
            (b'h', 14) => exact(name, b"http2-settings", Self::Http2Settings),
            (b'c', 10) => exact(name, b"connection", Self::Connection),
            (b'c', 14) => exact(name, b"content-length", Self::ContentLength),
            (b't', 2) => exact(name, b"te", Self::Te),
            (b't', 7) => exact(name, b"trailer", Self::Trailer),
            (b't', 17) => exact(name, b"transfer-encoding", Self::TransferEncoding),
            (b'u', 7) => exact(name, b"upgrade", Self::Upgrade),
            (b'e', 6) => exact(name, b"expect", Self::Expect),
            (b'k', 10) => exact(name, b"keep-alive", Self::KeepAlive),
            (b'f', 9) => exact(name, b"forwarded", Self::Provenance),
            (b'd', 4) => exact(name, b"date", Self::Date),
            (b'v', 3) => exact(name, b"via", Self::Via),
            (b'p', 5) => exact(name, b"proxy", Self::Proxy),
            (b'p', 7..) => exact(&name[..6], b"proxy-", Self::Proxy),
            (b'x', 9) => exact(name, b"x-real-ip", Self::Provenance),
            (b'x', 13..) => x_forwarded(name),
            _ => Self::Other,
        }
    }

    /// Whether the field belongs to one connection and is never passed on as it came
    /// (RFC 9110 section 7.6.1).
    #[must_use]
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Upgrade
                | Self::Te
                | Self::KeepAlive
                | Self::Proxy
                | Self::Http2Settings
        )
    }

    /// Whether the field says where a request came from, so that only a trusted sender may set it.
    #[must_use]
    pub const fn is_provenance(self) -> bool {
        matches!(
            self,
            Self::XForwardedFor | Self::XForwardedProto | Self::XForwardedHost | Self::Provenance
        )
    }
}

#[inline(never)]
fn x_forwarded(name: &[u8]) -> Known {
    let prefix = exact(&name[..12], b"x-forwarded-", Known::Provenance);
    if prefix != Known::Provenance {
        return prefix;
    }
    let rest = &name[12..];
    if rest.eq_ignore_ascii_case(b"for") {
        Known::XForwardedFor
    } else if rest.eq_ignore_ascii_case(b"proto") {
        Known::XForwardedProto
    } else if rest.eq_ignore_ascii_case(b"host") {
        Known::XForwardedHost
    } else {
        Known::Provenance
    }
}

/// `known` if `name` is `lower` in any case.
#[inline]
fn exact<const N: usize>(name: &[u8], lower: &[u8; N], known: Known) -> Known {
    if folds_to(name, lower) {
        return known;
    }
    lookalike(name, lower)
}

/// Whether `bytes` is `lower` in any case, where `lower` is of lower-case letters, digits and `-`,
/// and `bytes` has no control bytes but tabs.
///
/// Setting bit 5 folds case exactly then: of such bytes only a letter becomes that letter, and
/// only a digit or `-` becomes itself.
#[inline]
pub(crate) fn folds_to<const N: usize>(bytes: &[u8], lower: &[u8; N]) -> bool {
    if bytes.len() != N {
        return false;
    }
    if let (Some(a), Some(b), Some(c), Some(d)) = (
        bytes.first_chunk(),
        lower.first_chunk(),
        bytes.last_chunk(),
        lower.last_chunk(),
    ) {
        let differs = |a: &[u8; 8], b: &[u8; 8]| {
            (u64::from_le_bytes(*a) | 0x2020_2020_2020_2020) ^ u64::from_le_bytes(*b)
        };
        // The middle of what is longer than two words.
        let rest = || bytes.iter().zip(lower).skip(8).take(N.saturating_sub(16));
        return (differs(a, b) | differs(c, d)) == 0 && rest().all(|(a, b)| a | 0x20 == *b);
    }
    bytes
        .iter()
        .zip(lower)
        .fold(0, |differs, (a, b)| differs | ((a | 0x20) ^ b))
        == 0
}

#[cold]
fn lookalike(name: &[u8], lower: &[u8]) -> Known {
    let same = |(a, b): (&u8, &u8)| a | 0x20 == *b || (*a == b'_' && *b == b'-');
    if name.iter().zip(lower).all(same) {
        Known::Lookalike
    } else {
        Known::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[(&str, Known)] = &[
        ("host", Known::Host),
        ("content-length", Known::ContentLength),
        ("transfer-encoding", Known::TransferEncoding),
        ("connection", Known::Connection),
        ("upgrade", Known::Upgrade),
        ("expect", Known::Expect),
        ("te", Known::Te),
        ("trailer", Known::Trailer),
        ("keep-alive", Known::KeepAlive),
        ("proxy", Known::Proxy),
        ("proxy-connection", Known::Proxy),
        ("proxy-authenticate", Known::Proxy),
        ("proxy-authorization", Known::Proxy),
        ("http2-settings", Known::Http2Settings),
        ("x-forwarded-for", Known::XForwardedFor),
        ("x-forwarded-proto", Known::XForwardedProto),
        ("x-forwarded-host", Known::XForwardedHost),
        ("x-forwarded-port", Known::Provenance),
        ("x-real-ip", Known::Provenance),
        ("forwarded", Known::Provenance),
        ("via", Known::Via),
        ("date", Known::Date),
        ("cookie", Known::Other),
        ("x-forwarde", Known::Other),
    ];

    #[test]
    fn each_field_is_known_in_any_case() {
        for (name, known) in ALL {
            assert_eq!(Known::of(name.as_bytes()), *known, "{name}");
            assert_eq!(Known::of(name.to_uppercase().as_bytes()), *known, "{name}");
        }
    }

    #[test]
    fn an_underscore_for_a_dash_is_a_lookalike() {
        for (name, known) in ALL {
            if *known != Known::Other && name.contains('-') {
                let name = name.replacen('-', "_", 1);
                assert_eq!(Known::of(name.as_bytes()), Known::Lookalike, "{name}");
            }
        }
    }

    #[test]
    fn a_name_with_any_one_byte_changed_is_another_field() {
        for (name, known) in ALL.iter().filter(|(_, known)| *known != Known::Other) {
            for at in 0..name.len() {
                for byte in b"!#$%&'*+.^`|~0129azAZ" {
                    let mut changed = name.as_bytes().to_vec();
                    changed[at] = *byte;
                    if !changed.eq_ignore_ascii_case(name.as_bytes()) {
                        let got = Known::of(&changed);
                        let prefixed = matches!(got, Known::Proxy | Known::Provenance);
                        assert!(
                            got == Known::Other || prefixed && at > 5,
                            "{name} {at} {known:?}"
                        );
                    }
                }
            }
        }
    }
}
