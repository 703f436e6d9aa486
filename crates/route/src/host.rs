//! The host of a request, without what routes do not look at.

/// Longest host name that is compared: 253 bytes (RFC 1035 section 2.3.4).
const MAX_LEN: usize = 253;

/// The name in `host[:port]`, without the dot of the root; its case is kept. `None` if it is longer
/// than any host name may be.
pub(crate) fn name(authority: &[u8]) -> Option<&[u8]> {
    let name = without_port(authority);
    let name = name.strip_suffix(b".").unwrap_or(name);
    (name.len() <= MAX_LEN).then_some(name)
}

/// The labels of a name from the last to the first: `com`, `example`, `www`.
pub(crate) fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.rsplit(|byte| *byte == b'.')
}

/// The labels of all that a name may end in after a dot: not its first one.
pub(crate) fn labels_of_suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let behind_a_dot = name
        .iter()
        .position(|byte| *byte == b'.')
        .map(|dot| &name[dot + 1..]);
    behind_a_dot.into_iter().flat_map(labels)
}

/// Cuts `:port` off; an IPv6 address stays in its brackets.
fn without_port(authority: &[u8]) -> &[u8] {
    let digits = authority
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit());
    let Some(colon) = authority.len().checked_sub(digits.count() + 1) else {
        return authority;
    };
    let host = &authority[..colon];
    // `[::1` breaks off within an IPv6 address: what looks like a port is its end.
    let inside_brackets = host.starts_with(b"[") && !host.ends_with(b"]");
    match authority[colon] == b':' && !inside_brackets {
        true => host,
        false => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::{labels_of_suffixes, name};

    #[test]
    fn port_and_trailing_dot_are_cut_off() {
        let table = [
            ("", Some("")),
            ("80", Some("80")),
            (":80", Some("")),
            ("a.b", Some("a.b")),
            ("a.b:", Some("a.b")),
            ("a.b.:8080", Some("a.b")),
            ("a.b:80x", Some("a.b:80x")),
            ("[::1]", Some("[::1]")),
            ("[::1]:80", Some("[::1]")),
            ("[::1", Some("[::1")),
        ];
        for (authority, expected) in table {
            assert_eq!(
                name(authority.as_bytes()),
                expected.map(str::as_bytes),
                "{authority}"
            );
        }
        let long = "x".repeat(253);
        assert!(name(format!("{long}.:80").as_bytes()).is_some());
        assert!(name(format!("{long}x").as_bytes()).is_none());
    }

    #[test]
    fn the_first_label_is_not_part_of_a_suffix() {
        let all = |name: &'static str| labels_of_suffixes(name.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("www.example.com"), [&b"com"[..], b"example"]);
        assert_eq!(all(".com"), [b"com"]);
        assert_eq!(all("com"), [b""; 0]);
    }
}
