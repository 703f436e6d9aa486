//! Response heads.

use crate::body::BodyFraming;
use crate::error::Error;
use crate::facts::{Facts, Offer};
use crate::field::{Field, FieldParser, Span, line_end};
use crate::limits::Limits;
use crate::request::Parsed;
use crate::scan;
use crate::version::{self, Version};

/// What a response answers, as far as its framing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// The request was `HEAD`.
    pub head: bool,
    /// The request was passed on with `Upgrade: websocket`.
    pub websocket: bool,
}

/// A parser and the head that it fills; meant to be kept and used again.
#[derive(Debug)]
pub struct ResponseParser {
    at: At,
    pos: usize,
    fields: FieldParser,
    head: ResponseHead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Status,
    Reason,
    Fields,
}

/// A response's head: ranges of the buffer it was parsed from, and what they mean.
#[derive(Debug, Default)]
pub struct ResponseHead {
    pub(crate) len: usize,
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) reason: Span,
    pub(crate) facts: Facts,
    pub(crate) fields: Vec<Field>,
    pub(crate) framing: BodyFraming,
}

impl Default for ResponseParser {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponseParser {
    /// One without storage yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            at: At::Status,
            pos: 0,
            fields: FieldParser::new(),
            head: ResponseHead::default(),
        }
    }

    /// Forgets the response, and keeps the storage for the next one.
    pub fn reset(&mut self) {
        self.at = At::Status;
        self.pos = 0;
        self.head.fields.clear();
        self.head.facts = Facts::default();
    }

    /// Parses on; as [`crate::RequestParser::parse`].
    ///
    /// # Errors
    /// Why the response is refused.
    pub fn parse(&mut self, buf: &[u8], asked: Asked, limits: &Limits) -> Result<Parsed, Error> {
        if self.at != At::Fields {
            let window = limits.line_window(buf);
            if !self.parse_line(window)? {
                if window.len() < buf.len() || window.len() >= limits.line_bytes {
                    return Err(Error::LineTooLong);
                }
                return Ok(Parsed::Partial);
            }
        }
        let window = limits.head_window(buf);
        let head = &mut self.head;
        match self
            .fields
            .parse(window, &mut head.fields, &mut head.facts, limits)?
        {
            Some(end) => {
                head.len = end;
                head.framing = head.decide_framing(asked)?;
                Ok(Parsed::Complete(end))
            }
            None if window.len() < buf.len() || window.len() >= limits.head_bytes => {
                Err(Error::HeadTooLong)
            }
            None => Ok(Parsed::Partial),
        }
    }

    /// RFC 9112 section 4: version SP three digits SP reason CRLF. The second space must be there
    /// even when the reason is empty.
    #[inline]
    fn parse_line(&mut self, input: &[u8]) -> Result<bool, Error> {
        if self.at == At::Status {
            let Some((version, status)) = status(input)? else {
                return Ok(false);
            };
            self.head.version = version;
            self.head.status = status;
            self.pos = STATUS_LEN;
            self.at = At::Reason;
        }
        self.pos = scan::value(input, self.pos);
        let Some(next) = line_end(input, self.pos)? else {
            return Ok(false);
        };
        self.head.reason = Span::new(STATUS_LEN, self.pos);
        self.fields.restart(next);
        self.at = At::Fields;
        Ok(true)
    }

    /// The head; meaningful after [`Parsed::Complete`].
    #[inline]
    #[must_use]
    pub const fn head(&self) -> &ResponseHead {
        &self.head
    }
}

/// `HTTP/1.1 200 `.
const STATUS_LEN: usize = 13;

#[inline]
fn status(input: &[u8]) -> Result<Option<(Version, u16)>, Error> {
    let Some(version) = version::parse(input)? else {
        return Ok(None);
    };
    let rest = &input[8..];
    match rest.first_chunk::<5>() {
        Some(
            [
                b' ',
                a @ b'1'..=b'5',
                b @ b'0'..=b'9',
                c @ b'0'..=b'9',
                b' ',
            ],
        ) => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok(Some((version, digit(a) * 100 + digit(b) * 10 + digit(c))))
        }
        Some(_) | None => status_incomplete(rest).map(|()| None),
    }
}

/// Why this is not the beginning of SP, code and SP; the first byte that is wrong decides.
#[cold]
fn status_incomplete(rest: &[u8]) -> Result<(), Error> {
    for (at, byte) in rest.iter().enumerate().take(5) {
        let fits = match at {
            0 | 4 => *byte == b' ',
            1 => matches!(byte, b'1'..=b'5'),
            _ => byte.is_ascii_digit(),
        };
        if !fits {
            return Err(if *byte == b'\n' {
                Error::BareLf
            } else {
                Error::StatusLine
            });
        }
    }
    Ok(())
}

impl ResponseHead {
    /// RFC 9112 section 6.3, its rules in their order.
    fn decide_framing(&self, asked: Asked) -> Result<BodyFraming, Error> {
        let facts = &self.facts;
        facts.check_framing(self.version.is_http11())?;
        match self.status {
            // RFC 9110 section 15.2: HTTP/1.0 knows no interim responses.
            100..=199 => {
                if facts.chunked || facts.content_length.is_some() {
                    return Err(Error::BodyNotAllowed);
                }
                if !self.version.is_http11() {
                    return Err(Error::Version);
                }
                if self.status == 101 && !(asked.websocket && self.is_websocket()) {
                    return Err(Error::Switching);
                }
                Ok(BodyFraming::None)
            }
            // A length of zero is forbidden too, but says nothing that could be misread; it is
            // widely sent, and not passed on.
            204 if facts.chunked || facts.content_length.is_some_and(|length| length > 0) => {
                Err(Error::BodyNotAllowed)
            }
            204 | 304 => Ok(BodyFraming::None),
            _ if asked.head => Ok(BodyFraming::None),
            _ if facts.chunked => Ok(BodyFraming::Chunked),
            _ => Ok(facts
                .content_length
                .map_or(BodyFraming::UntilClose, BodyFraming::Length)),
        }
    }

    fn is_websocket(&self) -> bool {
        self.facts.upgrade == Offer::WebSocket && self.facts.upgrade_option
    }

    /// Bytes of the head, the empty line that ends it included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no response has been parsed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The status code, 100 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether this is an interim response: another one follows.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// The reason phrase; may be empty.
    #[must_use]
    pub fn reason<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.reason.of(buf)
    }

    /// The header fields, in the order they came in.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How the body is framed.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// Whether the server keeps the connection open after the response, as far as the head says;
    /// a body that ends with the connection says no.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.facts.persists(self.version.is_http11())
            && !matches!(self.framing, BodyFraming::UntilClose)
            && self.status != 101
    }
}
