//! `[[listener]]` and `[[route]]`.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, PathPrefix, Size, Text};
use crate::defaults;
use crate::model::HostMatch;

/// Where clients connect.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// Its name in routes, logs and metrics.
    #[schemars(required)]
    pub(crate) name: Option<Text<Name>>,
    /// Addresses to listen on; `0.0.0.0` stands for every IPv4 address, `[::]` for every IPv6 one.
    #[schemars(required, length(min = 1))]
    pub(crate) bind: Option<Vec<Text<SocketAddr>>>,
    /// What is spoken there.
    #[serde(default = "defaults::protocol")]
    pub(crate) protocol: Protocol,
    /// The pool for what no route matches. Without one, an http listener answers 404, and a tcp
    /// listener closes the connection; a udp listener must have one.
    pub(crate) pool: Option<String>,
    /// Most client connections at a time; further ones wait in the kernel's queue. udp: most sessions
    /// or unanswered queries; datagrams of further clients are dropped.
    #[serde(default = "defaults::max_connections")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_connections: usize,
    /// http: largest header section of a request, request line included ("1KiB" to "1MiB"); a
    /// larger one is answered 431.
    #[serde(default = "defaults::max_header_bytes")]
    pub(crate) max_header_bytes: Size,
    /// http: longest request line ("256" bytes to "64KiB"); a longer one is answered 414.
    #[serde(default = "defaults::max_request_line_bytes")]
    pub(crate) max_request_line_bytes: Size,
    /// http: most header fields of a request; more are answered 431.
    #[serde(default = "defaults::max_header_fields")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) max_header_fields: usize,
    /// http: most options in all `Connection` fields of a request; more are answered 400.
    #[serde(default = "defaults::max_connection_options")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) max_connection_options: usize,
    /// http: largest trailer section of a request (up to "64KiB"); a larger one is answered 431.
    #[serde(default = "defaults::max_trailer_bytes")]
    pub(crate) max_trailer_bytes: Size,
    /// http: largest request body; a larger one is answered 413. 0: no limit.
    #[serde(default = "defaults::max_body_bytes")]
    pub(crate) max_body_bytes: Size,
    /// http: least bytes of a request body that a client must send each second, on average over
    /// `timeouts.idle`; a slower one is answered 408. 0: no limit.
    #[serde(default = "defaults::min_body_rate")]
    pub(crate) min_body_rate: Size,
    /// http: least bytes of a response that a client must take each second while there is more for
    /// it, on average over `timeouts.idle`; a slower one is cut off. 0: no limit.
    #[serde(default = "defaults::min_read_rate")]
    pub(crate) min_read_rate: Size,
    /// http: keep the client's X-Forwarded-* headers and add to them, instead of replacing them.
    /// Only behind another proxy that can be trusted.
    #[serde(default = "defaults::trust_forwarded")]
    pub(crate) trust_forwarded: bool,
    /// http and tcp: networks of the proxies before this one. A connection from there must begin with
    /// a PROXY header, version 1 or 2, and counts as the client's that it names; one from elsewhere is
    /// taken as it comes.
    #[schemars(extend("x-default" = "none"))]
    pub(crate) proxy_protocol: Option<Vec<Text<IpNet>>>,
    /// udp: which datagrams belong together.
    #[serde(default = "defaults::udp_mode")]
    pub(crate) udp_mode: UdpMode,
    /// Time limits on the client's side.
    #[serde(default)]
    pub(crate) timeouts: ListenerTimeouts,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Protocol {
    /// HTTP/1.1, with routes
    Http,
    /// bytes, passed on as they come; TLS may be routed by its server name
    Tcp,
    /// datagrams
    Udp,
}

/// Which datagrams belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum UdpMode {
    /// all of one client's address and port, until none has come either way for `timeouts.idle`
    Session,
    /// the same, but a session ends with its first answer
    OneShot,
    /// a DNS query and its answer, which must come within the pool's `timeouts.response`
    Dns,
}

/// Time limits on the client's side.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerTimeouts {
    /// http: from the accepted connection to the first byte of its first request.
    #[serde(default = "defaults::first_byte_timeout")]
    pub(crate) first_byte: Text<Duration>,
    /// http: from the first byte of a request to the end of its header section. http and tcp: from
    /// the accept to the end of a PROXY header, and of the TLS client hello where routes need it.
    #[serde(default = "defaults::header_timeout")]
    pub(crate) header: Text<Duration>,
    /// No byte in either direction for this long closes the connection (http: within a request;
    /// tcp and WebSocket: at any time). udp: ends a session.
    #[serde(default = "defaults::idle_timeout")]
    pub(crate) idle: Text<Duration>,
    /// http: how long a connection may wait for its next request.
    #[serde(default = "defaults::keep_alive_timeout")]
    pub(crate) keep_alive: Text<Duration>,
}

/// A rule of a listener. http: requests for this host and path go to that pool. tcp: TLS connections
/// for this server name do, without being decrypted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// The listener it belongs to.
    #[schemars(required)]
    pub(crate) listener: Option<String>,
    /// http: the host it matches: a name, or "*.example.com" for every name below example.com.
    #[schemars(extend("x-default" = "any host"))]
    pub(crate) host: Option<Text<HostMatch>>,
    /// tcp: the server name (SNI) it matches, written like `host`. A tcp listener's routes must have it.
    pub(crate) sni: Option<Text<HostMatch>>,
    /// The start of the path, in whole segments: "/v2" matches "/v2" and "/v2/x", not "/v20".
    #[serde(default = "defaults::path_prefix")]
    pub(crate) path_prefix: Text<PathPrefix>,
    /// Where matching requests go.
    #[schemars(required)]
    pub(crate) pool: Option<String>,
    /// Whether WebSocket upgrades are passed on.
    #[serde(default = "defaults::websocket")]
    pub(crate) websocket: bool,
}
