//! The request line (RFC 9112 section 3): method SP target SP version CRLF, and no other white
//! space.

use super::{Method, RequestHead, TargetForm, target};
use crate::error::Error;
use crate::field::{Span, line_end};
use crate::scan;
use crate::table::{PATH, QUERY, TOKEN};
use crate::version::{self, Version};

/// The longest method; the longest registered one, `UPDATEREDIRECTREF`, has 17 bytes.
const MAX_METHOD: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Method,
    Target,
    Path,
    Query,
    /// `*`.
    Asterisk,
    /// A target that begins with neither `/` nor `*`.
    Absolute,
    Version,
    End,
    Done,
}

/// A request line being parsed: resumes where the last buffer ended.
#[derive(Debug)]
pub(super) struct LineParser {
    at: At,
    pos: usize,
    /// Where the current part began.
    part: usize,
}

impl LineParser {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Start,
            pos: 0,
            part: 0,
        }
    }

    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Parses on; `Some` with the position after the line, `None` when `input` ends before.
    pub(super) fn parse(
        &mut self,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Option<usize>, Error> {
        loop {
            let done = match self.at {
                At::Start => self.start(input, head)?,
                At::Method => self.method(input, head)?,
                At::Target => self.target(input, head)?,
                At::Path => self.path(input, head)?,
                At::Query => self.query(input, head)?,
                At::Asterisk => self.asterisk(input, head)?,
                At::Absolute => self.absolute(input, head)?,
                At::Version if input[self.pos..].starts_with(b"HTTP/1.1\r\n") => {
                    head.version = Version::Http11;
                    self.pos += 10;
                    self.at = At::Done;
                    return Ok(Some(self.pos));
                }
                At::Version => match version::parse(&input[self.pos..])? {
                    Some(version) => {
                        head.version = version;
                        self.pos += 8;
                        self.at = At::End;
                        true
                    }
                    None => false,
                },
                At::End => {
                    if input
                        .get(self.pos)
                        .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'))
                    {
                        return Err(Error::VersionSyntax);
                    }
                    let Some(next) = line_end(input, self.pos)? else {
                        return Ok(None);
                    };
                    self.at = At::Done;
                    return Ok(Some(next));
                }
                At::Done => return Ok(Some(self.pos)),
            };
            if !done {
                return Ok(None);
            }
        }
    }

    /// One CRLF before a request is skipped, as RFC 9112 section 2.2 asks for the sake of clients
    /// that end a body with one too many; a second is not theirs.
    #[inline]
    fn start(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        match input.get(self.pos) {
            None => return Ok(false),
            Some(b'\r') if self.pos == 0 => match input.get(1) {
                None => return Ok(false),
                Some(b'\n') => {
                    self.pos = 2;
                    return Ok(true);
                }
                Some(_) => return Err(Error::BareCr),
            },
            Some(b'\n') => return Err(Error::BareLf),
            Some(b'\r' | b' ' | b'\t') => return Err(Error::LeadingBlank),
            Some(_) => {}
        }
        head.start = self.pos;
        self.at = At::Method;
        // What nearly all requests begin with, without the states between.
        if let Some(b"GET /") = input[self.pos..].first_chunk() {
            head.method = Method::Get;
            head.method_bytes = Span::new(self.pos, self.pos + 3);
            head.form = TargetForm::Origin;
            self.part = self.pos + 4;
            self.pos += 5;
            self.at = At::Path;
        }
        Ok(true)
    }

    #[inline]
    fn method(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        self.pos = scan::run::<TOKEN>(input, self.pos);
        if self.pos - head.start > MAX_METHOD {
            return Err(Error::MethodTooLong);
        }
        match input.get(self.pos) {
            None => return Ok(false),
            Some(b' ') if self.pos > head.start => {}
            Some(_) => return Err(Error::Method),
        }
        let method = &input[head.start..self.pos];
        if method == b"CONNECT" {
            return Err(Error::Connect);
        }
        head.method = Method::of(method);
        head.method_bytes = Span::new(head.start, self.pos);
        self.pos += 1;
        self.at = At::Target;
        Ok(true)
    }

    #[inline]
    fn target(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        self.part = self.pos;
        self.at = match input.get(self.pos) {
            None => return Ok(false),
            Some(b'/') => {
                head.form = TargetForm::Origin;
                At::Path
            }
            Some(b'*') => At::Asterisk,
            Some(_) => At::Absolute,
        };
        Ok(true)
    }

    #[inline]
    fn path(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        self.pos = scan::run::<PATH>(input, self.pos);
        match input.get(self.pos) {
            None => return Ok(false),
            Some(b'?') => self.at = At::Query,
            Some(b' ') => self.target_ends(head),
            Some(&byte) => return Err(target_error(byte)),
        }
        head.path = Span::new(self.part, self.pos - usize::from(self.at == At::Version));
        Ok(true)
    }

    fn query(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        self.pos = scan::run::<QUERY>(input, self.pos);
        match input.get(self.pos) {
            None => return Ok(false),
            Some(b' ') => self.target_ends(head),
            Some(&byte) => return Err(target_error(byte)),
        }
        Ok(true)
    }

    fn asterisk(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        self.pos = self.part + 1;
        match input.get(self.pos) {
            None => return Ok(false),
            Some(b' ') if head.method == Method::Options => {}
            Some(_) => return Err(Error::Target),
        }
        head.form = TargetForm::Asterisk;
        head.path = Span::new(self.part, self.pos);
        self.target_ends(head);
        Ok(true)
    }

    fn absolute(&mut self, input: &[u8], head: &mut RequestHead) -> Result<bool, Error> {
        self.pos = scan::run::<QUERY>(input, self.pos);
        match input.get(self.pos) {
            None => return Ok(false),
            Some(b' ') => {}
            Some(&byte) => return Err(target_error(byte)),
        }
        target::absolute(input, self.part, self.pos, head)?;
        self.target_ends(head);
        Ok(true)
    }

    /// The target ends before the space at `self.pos`.
    #[inline]
    fn target_ends(&mut self, head: &mut RequestHead) {
        head.target = Span::new(self.part, self.pos);
        head.query_end = self.pos as u32;
        self.pos += 1;
        self.at = At::Version;
    }
}

/// A line that ends with its target is HTTP/0.9, which has had no place since 1996.
fn target_error(byte: u8) -> Error {
    match byte {
        b'\r' => Error::VersionSyntax,
        b'\n' => Error::BareLf,
        _ => Error::Target,
    }
}
