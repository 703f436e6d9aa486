//! The host of a request, brought into the form that routes are written in.

/// Longest host name that is compared: 253 bytes (RFC 1035 section 2.3.4) and the dot of the root.
const MAX_LEN: usize = 254;

/// A host name in lower case, without port and trailing dot, on the stack.
pub(crate) struct HostName {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl HostName {
    /// Reads `host[:port]`. `None` if it is longer than any host name may be.
    pub(crate) fn parse(authority: &str) -> Option<Self> {
        let name = without_port(authority);
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut bytes = [0; MAX_LEN];
        let lower = bytes.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        Some(Self {
            bytes,
            len: name.len(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        // Lower-casing ASCII letters keeps UTF-8 valid, so the fallback is never taken.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// Cuts `:port` off; an IPv6 address stays in its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && !inside_brackets(host) =>
        {
            host
        }
        _ => authority,
    }
}

/// Whether the text breaks off within an IPv6 address: `[::1`.
fn inside_brackets(host: &str) -> bool {
    host.starts_with('[') && !host.ends_with(']')
}
