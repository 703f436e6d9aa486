//! What can go wrong with a request or connection, sorted by whose fault it is.

use std::fmt;
use std::io;

use halo_http1::{Error, Side};

/// Whose fault it is: what an operator looks at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The client's, or the network's on its side.
    Client,
    /// The server's, or the network's on its side.
    Server,
    /// Ours, or this machine's.
    Internal,
}

/// Why a request was not answered by a server, or a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// RFC 9112 or RFC 9110 forbids the request.
    #[error("{0}")]
    BadRequest(Error),
    /// A transfer coding that this proxy does not know (RFC 9112 section 6.1).
    #[error("the only transfer coding taken is chunked")]
    UnknownCoding,
    /// CONNECT and TRACE.
    #[error("the method is not passed on")]
    MethodRefused,
    /// The route has `websocket = false`.
    #[error("WebSocket is not allowed on this route")]
    WebSocketRefused,
    /// No route matches, and the listener has no pool of its own.
    #[error("no route matches")]
    NoRoute,
    /// More than `max_body_bytes`.
    #[error("the request body is larger than max_body_bytes allows")]
    BodyTooLarge,
    /// More than `max_header_bytes`.
    #[error("the request's header section is larger than max_header_bytes allows")]
    HeaderTooLarge,
    /// More than `max_request_line_bytes`.
    #[error("the request line is longer than max_request_line_bytes allows")]
    LineTooLong,
    /// More than `max_trailer_bytes`.
    #[error("the request's trailer section is larger than max_trailer_bytes allows")]
    TrailerTooLarge,
    /// More than `max_header_fields`.
    #[error("the request has more header fields than max_header_fields allows")]
    TooManyFields,
    /// A connection from a proxy does not begin as it should.
    #[error("{0}")]
    ProxyHeader(halo_packet::proxy::DecodeError),
    /// A connection to be routed by its server name does not begin with TLS.
    #[error("{0}")]
    ClientHello(halo_packet::client_hello::DecodeError),
    /// `timeouts.header` of the listener.
    #[error("what a connection begins with took longer than timeouts.header allows")]
    HeaderTimeout,
    /// `min_body_rate` of the listener.
    #[error("the request body came slower than min_body_rate allows")]
    BodyTooSlow,
    /// `min_read_rate` of the listener.
    #[error("the client took the response slower than min_read_rate allows")]
    ReadTooSlow,
    /// `timeouts.idle` of the listener.
    #[error("no byte went either way for as long as timeouts.idle allows")]
    Idle,
    /// The client went away before the end.
    #[error("the client closed the connection")]
    ClientGone,
    /// All servers of the pool are down, drained or weigh nothing.
    #[error("no server is available")]
    NoServer,
    /// All servers of the pool have as many connections as they may, and as many wait as may.
    #[error("every server has max_connections connections, and max_queue wait for one")]
    QueueFull,
    /// `timeouts.queue` of the pool.
    #[error(
        "every server has max_connections connections, and none became free within timeouts.queue"
    )]
    QueueTimeout,
    /// A connect failed.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// `timeouts.connect` of the pool.
    #[error("connecting took longer than timeouts.connect allows")]
    ConnectTimeout,
    /// `timeouts.response` of the pool.
    #[error("the response took longer than timeouts.response allows")]
    ResponseTimeout,
    /// The server closed the connection, or reset it, before its response.
    #[error("the server closed the connection before its response")]
    ServerClosed,
    /// The server's response breaks the rules.
    #[error("the server's response is not valid: {0}")]
    BadResponse(Error),
    /// The server broke off in the middle of its response.
    #[error("the server broke off its response: {0}")]
    Truncated(String),
    /// This machine has no file descriptor or memory left for a connection to a server.
    #[error("out of resources: {0}")]
    OutOfResources(io::Error),
    /// The listener is gone or the data plane stops, and the drain timeout is over.
    #[error("cut off at the end of the drain timeout")]
    CutOff,
}

impl Fault {
    /// A failed connect.
    pub(crate) fn connect(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS) => {
                Self::OutOfResources(error)
            }
            _ => Self::Connect(error),
        }
    }

    /// A request that HTTP forbids, or that is larger than the listener takes.
    pub(crate) fn request(error: Error) -> Self {
        match error {
            Error::BodyTooLong => Self::BodyTooLarge,
            Error::HeadTooLong => Self::HeaderTooLarge,
            Error::TrailerTooLong => Self::TrailerTooLarge,
            Error::LineTooLong => Self::LineTooLong,
            Error::TooManyFields => Self::TooManyFields,
            Error::UnknownCoding => Self::UnknownCoding,
            Error::Connect => Self::MethodRefused,
            other => Self::BadRequest(other),
        }
    }

    /// Whether the client is told: not when it is gone or does not listen, and not at the end of
    /// the drain timeout, when it had its time.
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self, Self::ClientGone | Self::Idle | Self::CutOff)
    }

    /// Whose fault it is.
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::BadRequest(_)
            | Self::UnknownCoding
            | Self::MethodRefused
            | Self::WebSocketRefused
            | Self::NoRoute
            | Self::BodyTooLarge
            | Self::HeaderTooLarge
            | Self::TrailerTooLarge
            | Self::LineTooLong
            | Self::TooManyFields
            | Self::ProxyHeader(_)
            | Self::ClientHello(_)
            | Self::HeaderTimeout
            | Self::BodyTooSlow
            | Self::ReadTooSlow
            | Self::Idle
            | Self::ClientGone => Source::Client,
            Self::NoServer
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::ResponseTimeout
            | Self::ServerClosed
            | Self::BadResponse(_)
            | Self::Truncated(_) => Source::Server,
            Self::OutOfResources(_) | Self::CutOff => Source::Internal,
        }
    }

    /// Whether another server may be tried: nothing of the request was sent.
    pub(crate) fn may_try_another(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::ConnectTimeout)
    }

    /// The name in the `Halo-Error` field and in the access log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::UnknownCoding => "unknown_transfer_coding",
            Self::MethodRefused => "method_refused",
            Self::WebSocketRefused => "websocket_refused",
            Self::NoRoute => "no_route",
            Self::BodyTooLarge => "body_too_large",
            Self::HeaderTooLarge => "header_too_large",
            Self::TrailerTooLarge => "trailer_too_large",
            Self::LineTooLong => "request_line_too_long",
            Self::TooManyFields => "too_many_fields",
            Self::ProxyHeader(_) => "bad_proxy_header",
            Self::ClientHello(_) => "bad_client_hello",
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTooSlow => "body_too_slow",
            Self::ReadTooSlow => "read_too_slow",
            Self::Idle => "idle_timeout",
            Self::ClientGone => "client_gone",
            Self::NoServer => "no_server",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::Connect(_) => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::ResponseTimeout => "response_timeout",
            Self::ServerClosed => "server_closed",
            Self::BadResponse(_) => "bad_response",
            Self::Truncated(_) => "response_truncated",
            Self::OutOfResources(_) => "out_of_resources",
            Self::CutOff => "cut_off",
        }
    }

    /// The status that a client is told.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::BadRequest(error) => error.status(Side::Client),
            Self::ClientGone | Self::ProxyHeader(_) | Self::ClientHello(_) => 400,
            Self::WebSocketRefused => 403,
            Self::NoRoute => 404,
            Self::MethodRefused => 405,
            Self::HeaderTimeout | Self::Idle | Self::BodyTooSlow | Self::ReadTooSlow => 408,
            Self::BodyTooLarge => 413,
            Self::LineTooLong => 414,
            Self::HeaderTooLarge | Self::TrailerTooLarge | Self::TooManyFields => 431,
            Self::UnknownCoding => 501,
            Self::Connect(_) | Self::ServerClosed | Self::BadResponse(_) | Self::Truncated(_) => {
                502
            }
            Self::NoServer
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::OutOfResources(_)
            | Self::CutOff => 503,
            Self::ConnectTimeout | Self::ResponseTimeout => 504,
        }
    }

    /// `source name: sentence`, for the access log.
    pub(crate) fn for_log(&self) -> String {
        format!("{} {}: {self}", self.source(), self.name())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Internal => "internal",
        })
    }
}
