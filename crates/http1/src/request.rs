//! Request heads.

mod line;
mod target;

use crate::body::BodyFraming;
use crate::error::Error;
use crate::facts::{Expectation, Facts, Offer};
use crate::field::{Field, FieldParser, Span};
use crate::host;
use crate::known::Known;
use crate::limits::Limits;
use crate::version::Version;
use line::LineParser;
pub use target::TargetForm;

/// How far a head has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// All of it is there, and takes this many bytes of the buffer.
    Complete(usize),
    /// More bytes are needed.
    Partial,
}

/// A method. RFC 9110 section 9.1: case-sensitive, and unknown ones are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// `GET`.
    #[default]
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
    /// `PATCH`.
    Patch,
    /// `TRACE`.
    Trace,
    /// Any other; see [`RequestHead::method_bytes`].
    Other,
}

impl Method {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether a request with it may be sent twice without harm (RFC 9110 section 9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace => true,
            Self::Post | Self::Patch | Self::Other => false,
        }
    }
}

/// A parser and the head that it fills; meant to be kept and used again, so that it allocates
/// nothing once its storage has grown.
#[derive(Debug)]
pub struct RequestParser {
    line: LineParser,
    fields: FieldParser,
    head: RequestHead,
}

/// A request's head: ranges of the buffer it was parsed from, and what they mean.
#[derive(Debug, Default)]
pub struct RequestHead {
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) method: Method,
    pub(crate) method_bytes: Span,
    pub(crate) target: Span,
    /// Target without query, scheme and authority.
    pub(crate) path: Span,
    pub(crate) query_end: u32,
    pub(crate) authority: Option<Span>,
    pub(crate) https: bool,
    pub(crate) form: TargetForm,
    pub(crate) version: Version,
    pub(crate) facts: Facts,
    pub(crate) fields: Vec<Field>,
    host: Option<Span>,
}

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestParser {
    /// One without storage yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            line: LineParser::new(),
            fields: FieldParser::new(),
            head: RequestHead::default(),
        }
    }

    /// Forgets the request, and keeps the storage for the next one.
    pub fn reset(&mut self) {
        self.line = LineParser::new();
        self.fields.restart(0);
        self.head.fields.clear();
        self.head.authority = None;
        self.head.https = false;
        self.head.host = None;
        self.head.facts = Facts::default();
    }

    /// Parses on. `buf` begins where the request does and holds all that has arrived; a later
    /// call passes the same bytes with more behind them, and goes on where this one stopped. After
    /// [`Parsed::Complete`] or an error comes [`RequestParser::reset`].
    ///
    /// # Errors
    /// Why the request is refused. The answer never depends on how the bytes were cut into calls.
    pub fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<Parsed, Error> {
        if !self.line.is_done() {
            let window = limits.line_window(buf);
            match self.line.parse(window, &mut self.head)? {
                Some(next) => self.fields.restart(next),
                None if window.len() < buf.len() || window.len() >= limits.line_bytes => {
                    return Err(Error::LineTooLong);
                }
                None => return Ok(Parsed::Partial),
            }
        }
        let window = limits.head_window(buf);
        match self
            .fields
            .parse(window, &mut self.head.fields, &mut self.head.facts, limits)?
        {
            Some(end) => {
                self.head.len = end;
                self.head.finish(buf, limits)?;
                Ok(Parsed::Complete(end))
            }
            None if window.len() < buf.len() || window.len() >= limits.head_bytes => {
                Err(Error::HeadTooLong)
            }
            None => Ok(Parsed::Partial),
        }
    }

    /// The head; meaningful after [`Parsed::Complete`].
    #[inline]
    #[must_use]
    pub const fn head(&self) -> &RequestHead {
        &self.head
    }
}

impl RequestHead {
    /// The rules that need the whole head.
    fn finish(&mut self, buf: &[u8], limits: &Limits) -> Result<(), Error> {
        let http11 = self.version.is_http11();
        self.facts.check_framing(http11)?;
        self.check_host(buf)?;
        // RFC 9110 section 10.1.1: HTTP/1.0 knows no expectations, they are ignored there.
        if http11 && self.facts.expect == Expectation::Unknown {
            return Err(Error::Expect);
        }
        if self
            .facts
            .content_length
            .is_some_and(|length| length > limits.body_bytes)
        {
            return Err(Error::BodyTooLong);
        }
        Ok(())
    }

    /// RFC 9112 section 3.2: exactly one valid `Host` in HTTP/1.1, at most one in HTTP/1.0.
    /// With an absolute target the section has `Host` ignored; a different one is refused, since
    /// the server behind may do otherwise.
    fn check_host(&mut self, buf: &[u8]) -> Result<(), Error> {
        let field = self
            .fields
            .iter()
            .find(|field| field.known() == Known::Host);
        let Some(field) = field else {
            if self.version.is_http11() {
                return Err(Error::HostMissing);
            }
            self.host = self.authority;
            return Ok(());
        };
        let value = field.value(buf);
        if !host::is_valid(value) {
            return Err(Error::Host);
        }
        if let Some(authority) = self.authority {
            let port: &[u8] = if self.https { b"443" } else { b"80" };
            if !host::same(value, authority.of(buf), port) {
                return Err(Error::HostMismatch);
            }
        }
        self.host = Some(field.value_span());
        Ok(())
    }

    /// Bytes of the head, an empty line before it and the one that ends it included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no request has been parsed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The method as it was sent.
    #[must_use]
    pub fn method_bytes<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.method_bytes.of(buf)
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The form that the target came in.
    #[must_use]
    pub const fn form(&self) -> TargetForm {
        self.form
    }

    /// The target as it was sent.
    #[must_use]
    pub fn target<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.target.of(buf)
    }

    /// The target's path, without query, as it was sent; `*` for `OPTIONS *`, and empty for an
    /// absolute target without one. Percent-encoding and dot segments are left alone.
    #[must_use]
    pub fn path<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.path.of(buf)
    }

    /// The target's path and query.
    #[must_use]
    pub fn path_and_query<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf.get(self.path.start()..self.query_end as usize)
            .unwrap_or_default()
    }

    /// The host that the request is for, with its port if it was given; `None` only in HTTP/1.0.
    #[must_use]
    pub fn host<'a>(&self, buf: &'a [u8]) -> Option<&'a [u8]> {
        self.host.map(|span| span.of(buf))
    }

    /// The header fields, in the order they came in.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How the body is framed (RFC 9112 section 6.3).
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        match self.facts.content_length {
            _ if self.facts.chunked => BodyFraming::Chunked,
            Some(length) => BodyFraming::Length(length),
            None => BodyFraming::None,
        }
    }

    /// Whether the client keeps the connection open after the response.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.facts.persists(self.version.is_http11())
    }

    /// Whether the client waits for `100 Continue` before it sends the body. Said with no body to
    /// come or in HTTP/1.0 it means nothing (RFC 9110 section 10.1.1).
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        matches!(self.facts.expect, Expectation::Continue)
            && self.version.is_http11()
            && !matches!(self.framing(), BodyFraming::None | BodyFraming::Length(0))
    }

    /// Whether this is a proper WebSocket handshake, so that a route that allows it may pass the
    /// upgrade on (RFC 6455 section 4.1): `GET`, HTTP/1.1, no body, `Connection: upgrade`, and
    /// `Upgrade: websocket` alone. All other offers to upgrade, h2c among them, are never passed
    /// on; ignoring one is always allowed (RFC 9110 section 7.8).
    #[must_use]
    pub const fn offers_websocket(&self) -> bool {
        matches!(self.facts.upgrade, Offer::WebSocket)
            && self.facts.upgrade_option
            && self.version.is_http11()
            && matches!(self.method, Method::Get)
            && matches!(self.framing(), BodyFraming::None)
    }
}
