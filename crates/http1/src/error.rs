//! Why a message is refused.

/// Who sent the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// A client: the message is a request.
    Client,
    /// A server: the message is a response.
    Server,
}

/// Why a message is refused. After any of these the connection it came on is closed: where the
/// next message begins is unknown or in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// LF without CR before it ends a line.
    #[error("a line ends in LF without CR")]
    BareLf,
    /// CR without LF after it.
    #[error("CR without LF")]
    BareCr,
    /// More than one empty line, or white space, before a message.
    #[error("something other than a message where a message begins")]
    LeadingBlank,
    /// The method is not a token, or is not followed by exactly one space.
    #[error("invalid method")]
    Method,
    /// The method is longer than any that is in use.
    #[error("method too long")]
    MethodTooLong,
    /// `CONNECT`: this is not a forward proxy.
    #[error("CONNECT is not offered")]
    Connect,
    /// The request target has an invalid byte or a form that its method does not allow.
    #[error("invalid request target")]
    Target,
    /// The start line is longer than [`crate::Limits::line_bytes`].
    #[error("request line too long")]
    LineTooLong,
    /// What stands in the version's place is no HTTP version.
    #[error("malformed HTTP version")]
    VersionSyntax,
    /// A version other than 1.0 and 1.1.
    #[error("HTTP version not supported")]
    Version,
    /// The status line is malformed or its code is not within 100 to 599.
    #[error("malformed status line")]
    StatusLine,
    /// A field name is empty or has an invalid byte, or the line has no colon.
    #[error("invalid field name")]
    FieldName,
    /// White space between a field name and its colon.
    #[error("white space before a colon")]
    SpaceBeforeColon,
    /// A field line that begins with white space: folding, obsolete and ambiguous.
    #[error("folded field line")]
    ObsFold,
    /// A control byte (NUL among them) in a field value.
    #[error("control byte in a field value")]
    FieldValue,
    /// A field that some servers take for one that matters (`Content_Length`).
    #[error("a field name that looks like another one's")]
    Lookalike,
    /// More fields than [`crate::Limits::fields`].
    #[error("too many header fields")]
    TooManyFields,
    /// A head larger than [`crate::Limits::head_bytes`].
    #[error("header section too large")]
    HeadTooLong,
    /// `Content-Length` is not a plain decimal number below 2^63.
    #[error("invalid Content-Length")]
    ContentLength,
    /// More than one `Content-Length`, equal or not, as fields or as a list.
    #[error("more than one Content-Length")]
    ContentLengthTwice,
    /// `Content-Length` and `Transfer-Encoding` in one message.
    #[error("Content-Length and Transfer-Encoding together")]
    LengthAndEncoding,
    /// `Transfer-Encoding` is malformed, has an empty member, or `chunked` is not its one last.
    #[error("invalid Transfer-Encoding")]
    TransferEncoding,
    /// More than one `Transfer-Encoding` field.
    #[error("more than one Transfer-Encoding")]
    TransferEncodingTwice,
    /// A well-formed transfer coding other than `chunked`.
    #[error("transfer coding not implemented")]
    UnknownCoding,
    /// `Transfer-Encoding` in an HTTP/1.0 message.
    #[error("Transfer-Encoding in HTTP/1.0")]
    EncodingInHttp10,
    /// The body is larger than [`crate::Limits::body_bytes`].
    #[error("body too large")]
    BodyTooLong,
    /// An HTTP/1.1 request without `Host`.
    #[error("no Host")]
    HostMissing,
    /// More than one `Host`.
    #[error("more than one Host")]
    HostTwice,
    /// `Host`, or the target's authority, is not a host with an optional port.
    #[error("invalid Host")]
    Host,
    /// `Host` differs from the target's authority.
    #[error("Host differs from the request target")]
    HostMismatch,
    /// `Connection` is malformed, too long a list, or names a field that is not one hop's.
    #[error("invalid Connection")]
    ConnectionOption,
    /// `Expect` is not one `100-continue`.
    #[error("unknown expectation")]
    Expect,
    /// A chunk size is missing, malformed, or 2^63 and more.
    #[error("invalid chunk size")]
    ChunkSize,
    /// A chunk extension beyond [`crate::Limits::chunk_extension_bytes`], or a malformed one.
    #[error("chunk extension refused")]
    ChunkExtension,
    /// A chunk's data is not followed by CRLF.
    #[error("chunk data does not end where its size says")]
    ChunkEnd,
    /// A trailer section larger than [`crate::Limits::trailer_bytes`].
    #[error("trailer section too large")]
    TrailerTooLong,
    /// A 1xx or 204 response with a body announced.
    #[error("a body announced where none can be")]
    BodyNotAllowed,
    /// 101 that was not asked for, or to another protocol.
    #[error("101 to a protocol that was not asked for")]
    Switching,
    /// More 1xx responses than [`crate::Limits::interim_responses`].
    #[error("too many interim responses")]
    TooManyInterim,
    /// The connection ended within the message.
    #[error("connection closed within a message")]
    Truncated,
    /// The message did not arrive in the time allowed. Never found here: for the callers that
    /// keep time.
    #[error("message did not arrive in time")]
    Timeout,
}

impl Error {
    /// The status that the client is answered with.
    ///
    /// Whatever is wrong with a server's message is 502 to the client, or 504 when it was late.
    #[must_use]
    pub const fn status(self, from: Side) -> u16 {
        match from {
            Side::Client => self.request_status(),
            Side::Server => match self {
                Self::Timeout => 504,
                _ => 502,
            },
        }
    }

    const fn request_status(self) -> u16 {
        match self {
            Self::Timeout => 408,
            Self::BodyTooLong => 413,
            Self::LineTooLong => 414,
            Self::Expect => 417,
            Self::TooManyFields | Self::HeadTooLong | Self::TrailerTooLong => 431,
            Self::Connect | Self::MethodTooLong | Self::UnknownCoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// The same reason in one word, for metrics and logs; never changes between releases.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BareLf => "bare_lf",
            Self::BareCr => "bare_cr",
            Self::LeadingBlank => "leading_blank",
            Self::Method => "method",
            Self::MethodTooLong => "method_too_long",
            Self::Connect => "connect",
            Self::Target => "target",
            Self::LineTooLong => "line_too_long",
            Self::VersionSyntax => "version_syntax",
            Self::Version => "version",
            Self::StatusLine => "status_line",
            Self::FieldName => "field_name",
            Self::SpaceBeforeColon => "space_before_colon",
            Self::ObsFold => "obs_fold",
            Self::FieldValue => "field_value",
            Self::Lookalike => "lookalike",
            Self::TooManyFields => "too_many_fields",
            Self::HeadTooLong => "head_too_long",
            Self::ContentLength => "content_length",
            Self::ContentLengthTwice => "content_length_twice",
            Self::LengthAndEncoding => "length_and_encoding",
            Self::TransferEncoding => "transfer_encoding",
            Self::TransferEncodingTwice => "transfer_encoding_twice",
            Self::UnknownCoding => "unknown_coding",
            Self::EncodingInHttp10 => "encoding_in_http10",
            Self::BodyTooLong => "body_too_long",
            Self::HostMissing => "host_missing",
            Self::HostTwice => "host_twice",
            Self::Host => "host",
            Self::HostMismatch => "host_mismatch",
            Self::ConnectionOption => "connection_option",
            Self::Expect => "expect",
            Self::ChunkSize => "chunk_size",
            Self::ChunkExtension => "chunk_extension",
            Self::ChunkEnd => "chunk_end",
            Self::TrailerTooLong => "trailer_too_long",
            Self::BodyNotAllowed => "body_not_allowed",
            Self::Switching => "switching",
            Self::TooManyInterim => "too_many_interim",
            Self::Truncated => "truncated",
            Self::Timeout => "timeout",
        }
    }
}
