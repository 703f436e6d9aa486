//! Header fields as ranges of the buffer, and the parser that finds them.

use crate::error::Error;
use crate::facts::Facts;
use crate::known::Known;
use crate::limits::Limits;
use crate::scan;
use crate::table::TOKEN;

/// A range of the buffer that a head was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Positions fit because no head is longer than [`crate::MAX_HEAD_BYTES`].
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes themselves. `buf` is the buffer that the head was parsed from; with a shorter
    /// one, nothing.
    #[inline]
    #[must_use]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Where it begins.
    #[inline]
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// Where it ends.
    #[inline]
    #[must_use]
    pub const fn end(self) -> usize {
        self.end as usize
    }
}

/// One header field: 16 bytes, whatever the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    start: u32,
    value: u32,
    value_len: u32,
    name_len: u16,
    known: Known,
    canonical: bool,
}

impl Field {
    /// Which of the fields that matter to a proxy it is.
    #[inline]
    #[must_use]
    pub const fn known(&self) -> Known {
        self.known
    }

    /// Its name, in the case it was sent in.
    #[inline]
    #[must_use]
    pub fn name<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        buf.get(start..start + self.name_len as usize)
            .unwrap_or_default()
    }

    /// Its value without the white space around it.
    #[inline]
    #[must_use]
    pub fn value<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        let start = self.value as usize;
        buf.get(start..start + self.value_len as usize)
            .unwrap_or_default()
    }

    pub(crate) const fn value_span(&self) -> Span {
        Span {
            start: self.value,
            end: self.value + self.value_len,
        }
    }

    /// Where its line begins.
    #[inline]
    #[must_use]
    pub const fn start(&self) -> usize {
        self.start as usize
    }

    /// Whether its line is `name: value` with that one space and no other, so that it can be
    /// passed on byte for byte.
    #[inline]
    #[must_use]
    pub const fn is_canonical(&self) -> bool {
        self.canonical
    }
}

/// Where in a field line the parser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Name,
    ValueStart,
    Value,
}

/// A header section being parsed: resumes where the last buffer ended, looks at each byte once.
#[derive(Debug)]
pub(crate) struct FieldParser {
    at: At,
    /// The next byte to look at.
    pos: usize,
    /// Where the line began.
    line: usize,
    /// Where its name ended.
    name_end: usize,
    /// Where its value begins.
    value: usize,
}

impl FieldParser {
    pub(crate) const fn new() -> Self {
        Self {
            at: At::LineStart,
            pos: 0,
            line: 0,
            name_end: 0,
            value: 0,
        }
    }

    /// Starts over at `pos`.
    pub(crate) fn restart(&mut self, pos: usize) {
        self.at = At::LineStart;
        self.pos = pos;
    }

    /// Parses on, adding to `fields`; `Some` with the position after the section's end, `None` when `input` ends
    /// before it.
    pub(crate) fn parse(
        &mut self,
        input: &[u8],
        fields: &mut Vec<Field>,
        facts: &mut Facts,
        limits: &Limits,
    ) -> Result<Option<usize>, Error> {
        if self.at == At::LineStart
            && let Some(end) = self.canonical_lines(input, fields, facts, limits)?
        {
            return Ok(Some(end));
        }
        self.parse_states(input, fields, facts, limits)
    }

    /// Takes lines as long as they are whole and canonical; `Some` at the section's end.
    #[inline(never)]
    fn canonical_lines(
        &mut self,
        input: &[u8],
        fields: &mut Vec<Field>,
        facts: &mut Facts,
        limits: &Limits,
    ) -> Result<Option<usize>, Error> {
        let mut pos = self.pos;
        while let Some(line) = Line::canonical(input, pos) {
            line.store(input, true, fields, facts, limits)?;
            pos = line.value_end + 2;
            if input.get(pos..pos + 2) == Some(b"\r\n") {
                return Ok(Some(pos + 2));
            }
        }
        self.pos = pos;
        Ok(None)
    }

    /// The same for what is incomplete, unusual or wrong, state by state.
    #[inline(never)]
    fn parse_states(
        &mut self,
        input: &[u8],
        fields: &mut Vec<Field>,
        facts: &mut Facts,
        limits: &Limits,
    ) -> Result<Option<usize>, Error> {
        loop {
            match self.at {
                At::LineStart => match input.get(self.pos) {
                    None => return Ok(None),
                    Some(b'\r') => return crlf(input, self.pos),
                    // A line of a head never begins with white space: RFC 9112 sections 2.2, 5.2.
                    Some(b' ' | b'\t') => return Err(Error::ObsFold),
                    Some(_) => {
                        self.line = self.pos;
                        self.at = At::Name;
                    }
                },
                At::Name => {
                    self.pos = scan::run::<TOKEN>(input, self.pos);
                    match input.get(self.pos) {
                        None => return Ok(None),
                        Some(b':') if self.pos > self.line => {
                            self.name_end = self.pos;
                            self.pos += 1;
                            self.at = At::ValueStart;
                        }
                        Some(&byte) => return Err(name_error(byte, self.pos > self.line)),
                    }
                }
                At::ValueStart => match input.get(self.pos) {
                    None => return Ok(None),
                    Some(b' ' | b'\t') => self.pos += 1,
                    Some(_) => {
                        self.value = self.pos;
                        self.at = At::Value;
                    }
                },
                At::Value => {
                    self.pos = scan::value(input, self.pos);
                    let Some(next) = line_end(input, self.pos)? else {
                        return Ok(None);
                    };
                    self.take_line(input, fields, facts, limits)?;
                    self.pos = next;
                    self.at = At::LineStart;
                    if let Some(end) = self.canonical_lines(input, fields, facts, limits)? {
                        return Ok(Some(end));
                    }
                }
            }
        }
    }

    /// Stores the field whose value ends at `self.pos`.
    #[inline(never)]
    fn take_line(
        &mut self,
        input: &[u8],
        fields: &mut Vec<Field>,
        facts: &mut Facts,
        limits: &Limits,
    ) -> Result<(), Error> {
        let value_end = self.value + scan::trim(&input[self.value..self.pos]).len();
        let line = Line {
            start: self.line,
            name_end: self.name_end,
            value: self.value,
            value_end,
        };
        line.store(input, false, fields, facts, limits)
    }
}

/// The parts of a field line. Both methods are the hot loop's own body, hence `inline(always)`:
/// as calls they took a third more instructions.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    name_end: usize,
    value: usize,
    value_end: usize,
}

impl Line {
    /// The line at `start`, if it is all there and canonical, as nearly all are. Whatever else
    /// there may be is for the states of [`FieldParser`] to sort out.
    #[inline(always)]
    fn canonical(input: &[u8], start: usize) -> Option<Self> {
        let rest = input.get(start..)?;
        let name_len = scan::name(rest);
        let rest = &rest[name_len..];
        let [b':', b' ', rest @ ..] = rest else {
            return None;
        };
        let value_len = scan::value(rest, 0);
        let [b'\r', b'\n', ..] = &rest[value_len..] else {
            return None;
        };
        // Nothing below a space is left in it but tabs.
        let is_trimmed = |byte: Option<&u8>| byte.is_none_or(|byte| *byte > b' ');
        let value = &rest[..value_len];
        if name_len == 0 || !is_trimmed(value.first()) || !is_trimmed(value.last()) {
            return None;
        }
        let name_end = start + name_len;
        let value = name_end + 2;
        (name_len > 0).then_some(Self {
            start,
            name_end,
            value,
            value_end: value + value_len,
        })
    }

    #[inline(always)]
    fn store(
        self,
        input: &[u8],
        canonical: bool,
        fields: &mut Vec<Field>,
        facts: &mut Facts,
        limits: &Limits,
    ) -> Result<(), Error> {
        if fields.len() >= limits.fields {
            return Err(Error::TooManyFields);
        }
        let known = Known::of(&input[self.start..self.name_end]);
        if known != Known::Other {
            facts.note(known, &input[self.value..self.value_end], limits)?;
        }
        let name_len = self.name_end - self.start;
        fields.push(Field {
            start: self.start as u32,
            value: self.value as u32,
            value_len: (self.value_end - self.value) as u32,
            name_len: u16::try_from(name_len).map_err(|_| Error::HeadTooLong)?,
            known,
            canonical,
        });
        Ok(())
    }
}

fn name_error(byte: u8, has_name: bool) -> Error {
    match byte {
        b' ' | b'\t' if has_name => Error::SpaceBeforeColon,
        b'\n' => Error::BareLf,
        _ => Error::FieldName,
    }
}

/// The position after the CRLF at `pos`; `None` when `input` ends within it.
#[inline]
pub(crate) fn crlf(input: &[u8], pos: usize) -> Result<Option<usize>, Error> {
    match input.get(pos + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some(pos + 2)),
        Some(_) => Err(Error::BareCr),
    }
}

/// The position after the line that must end at `pos`; `None` when `input` ends first.
#[inline]
pub(crate) fn line_end(input: &[u8], pos: usize) -> Result<Option<usize>, Error> {
    match input.get(pos) {
        None => Ok(None),
        Some(b'\r') => crlf(input, pos),
        Some(b'\n') => Err(Error::BareLf),
        Some(_) => Err(Error::FieldValue),
    }
}
