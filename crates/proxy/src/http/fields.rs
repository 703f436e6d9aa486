//! Header fields: what a proxy takes off, and what it puts on.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, Entry, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields of one connection only (RFC 9110 section 7.6.1). `Trailer` stays, since trailers are
/// passed on.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Fields that `Connection` may not take off: without them the message would be another one.
const KEPT: [HeaderName; 2] = [HOST, CONTENT_LENGTH];

/// Takes off what belongs to the connection that the message came by: the fields above, and those
/// that `Connection` names.
pub(crate) fn strip_hop_by_hop(fields: &mut HeaderMap) {
    let accepts_trailers = has_token(fields, &TE, "trailers");
    if fields.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = tokens(fields, &CONNECTION)
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            .filter(|name| !KEPT.contains(name))
            .collect();
        for name in named {
            fields.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        fields.remove(name);
    }
    if accepts_trailers {
        // A new field of the next connection, which passes trailers on as well.
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Whether a list-valued field has a member, without regard to case.
pub(crate) fn has_token(fields: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(fields, name).any(|t| t.eq_ignore_ascii_case(token))
}

fn tokens<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    fields
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Whether the message is a WebSocket handshake (RFC 6455 section 4.1).
pub(crate) fn is_websocket(fields: &HeaderMap) -> bool {
    fields.contains_key(UPGRADE)
        && has_token(fields, &UPGRADE, "websocket")
        && has_token(fields, &CONNECTION, "upgrade")
}

/// Puts the fields of a WebSocket handshake on.
pub(crate) fn set_websocket(fields: &mut HeaderMap) {
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
}

/// Says who the client is and what it asked for. A `trusted` client is a proxy: what it says stays,
/// and its address is appended. What any other says of itself is replaced.
pub(crate) fn set_forwarded(fields: &mut HeaderMap, client: IpAddr, trusted: bool) {
    let client = client.to_canonical();
    let proto = HeaderValue::from_static("http");
    let host = fields.get(HOST).cloned();
    if !trusted {
        fields.remove(FORWARDED);
        fields.remove(X_FORWARDED_HOST);
        fields.insert(X_FORWARDED_PROTO, proto);
        set_client(fields, client.to_string());
    } else {
        let before: Vec<&str> = tokens(fields, &X_FORWARDED_FOR).collect();
        let chain = if before.is_empty() {
            client.to_string()
        } else {
            format!("{}, {client}", before.join(", "))
        };
        set_client(fields, chain);
        if let Entry::Vacant(none) = fields.entry(X_FORWARDED_PROTO) {
            none.insert(proto);
        }
    }
    if let Some(host) = host
        && let Entry::Vacant(none) = fields.entry(X_FORWARDED_HOST)
    {
        none.insert(host);
    }
}

fn set_client(fields: &mut HeaderMap, chain: String) {
    // Addresses and what was a field value before always make one.
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)) {
        Ok(value) => drop(fields.insert(X_FORWARDED_FOR, value)),
        Err(_) => drop(fields.remove(X_FORWARDED_FOR)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::HeaderMap;

    use super::{is_websocket, set_forwarded, strip_hop_by_hop};

    fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn fields_of_the_connection_and_those_it_names_are_taken_off() {
        let mut map = fields(&[
            ("connection", "close, X-Private"),
            ("connection", "x-other,host, content-length"),
            ("x-private", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("host", "a"),
            ("content-length", "3"),
            ("x-public", "4"),
        ]);
        strip_hop_by_hop(&mut map);
        let mut left: Vec<_> = map.keys().map(http::HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host", "x-public"]);
    }

    #[test]
    fn wish_for_trailers_is_passed_on_and_no_other_coding() {
        // RFC 9110 section 10.1.4: whoever sends TE names it in Connection.
        let mut map = fields(&[("te", "gzip, trailers"), ("connection", "TE")]);
        strip_hop_by_hop(&mut map);
        assert_eq!(map["te"], "trailers");
        let mut map = fields(&[("te", "gzip")]);
        strip_hop_by_hop(&mut map);
        assert!(!map.contains_key("te"));
    }

    #[test]
    fn forwarded_fields_of_an_untrusted_client_are_replaced() {
        let mut map = fields(&[
            ("host", "shop.example"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=6.6.6.6"),
        ]);
        set_forwarded(&mut map, IpAddr::from([10, 0, 0, 1]), false);
        assert_eq!(map.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(map["x-forwarded-for"], "10.0.0.1");
        assert_eq!(map["x-forwarded-proto"], "http");
        assert_eq!(map["x-forwarded-host"], "shop.example");
        assert!(!map.contains_key("forwarded"));
    }

    #[test]
    fn forwarded_fields_of_a_trusted_client_are_added_to() {
        let mut map = fields(&[
            ("host", "inner"),
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2"),
            ("x-forwarded-for", "3.3.3.3"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example"),
        ]);
        set_forwarded(&mut map, "::ffff:10.0.0.1".parse().unwrap(), true);
        assert_eq!(map.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(
            map["x-forwarded-for"],
            "1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.1"
        );
        assert_eq!(map["x-forwarded-proto"], "https");
        assert_eq!(map["x-forwarded-host"], "shop.example");
    }

    #[test]
    fn a_websocket_handshake_needs_both_fields() {
        assert!(is_websocket(&fields(&[
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
        ])));
        assert!(!is_websocket(&fields(&[("upgrade", "websocket")])));
        assert!(!is_websocket(&fields(&[
            ("upgrade", "h2c"),
            ("connection", "upgrade"),
        ])));
    }
}
