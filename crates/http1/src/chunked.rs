//! Chunks (RFC 9112 section 7.1), told apart without being copied.
//!
//! ```text
//! chunk   = 1*HEXDIG [ ext ] CRLF data CRLF
//! last    = 1*"0" [ ext ] CRLF *( trailer CRLF ) CRLF
//! ```

use crate::error::Error;
use crate::facts::MAX_LENGTH;
use crate::limits::Limits;
use crate::trailer;

/// Most digits of a chunk size. 16 hold any size; more are padding that no sender needs.
const MAX_DIGITS: u8 = 16;

/// What the beginning of the input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This many bytes of data.
    Data(usize),
    /// This many bytes of framing or trailers.
    Framing(usize),
    /// This many bytes that are not passed on: an extension, a forbidden trailer.
    Drop(usize),
    /// Nothing that can be told yet: give the same bytes again, with more.
    NeedMore,
    /// The end; what follows is the next message's.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    Extension,
    /// The CR after an extension.
    SizeCr,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Done,
}

/// A chunked body as it goes by.
#[derive(Debug)]
pub struct Decoder {
    at: At,
    /// Digits of the size so far.
    digits: u8,
    /// The size so far, or the data left.
    left: u64,
    /// Data bytes that are still allowed.
    allowed: u64,
    extension_left: usize,
    trailer_left: usize,
    /// Bytes of an incomplete trailer line that have been searched for its end.
    searched: usize,
}

impl Decoder {
    /// One at the beginning of a body.
    #[must_use]
    pub const fn new(limits: &Limits) -> Self {
        Self {
            at: At::Size,
            digits: 0,
            left: 0,
            allowed: limits.body_bytes,
            extension_left: limits.chunk_extension_bytes,
            trailer_left: limits.trailer_bytes,
            searched: 0,
        }
    }

    /// What `input` begins with. Bytes that a step names are not given again.
    ///
    /// # Errors
    /// The chunking is broken.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Error> {
        match self.at {
            At::Data => {
                let n = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                if n == 0 {
                    return Ok(Step::NeedMore);
                }
                self.take_data(n as u64);
                Ok(Step::Data(n))
            }
            At::Extension => self.extension(input),
            At::Trailers => self.trailer(input),
            At::Done => Ok(Step::Done),
            At::Size | At::SizeCr | At::SizeLf | At::DataCr | At::DataLf => self.framing(input),
        }
    }

    /// Data bytes until the chunk's end.
    #[must_use]
    pub const fn data_left(&self) -> u64 {
        match self.at {
            At::Data => self.left,
            At::Size
            | At::Extension
            | At::SizeCr
            | At::SizeLf
            | At::DataCr
            | At::DataLf
            | At::Trailers
            | At::Done => 0,
        }
    }

    /// `count` bytes of data have gone by.
    pub(crate) const fn take_data(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
        if self.left == 0 && matches!(self.at, At::Data) {
            self.at = At::DataCr;
        }
    }

    /// Framing up to the next data, extension or trailer.
    fn framing(&mut self, input: &[u8]) -> Result<Step, Error> {
        for (taken, &byte) in input.iter().enumerate() {
            match self.at {
                At::Size if byte == b';' && self.digits > 0 && self.extension_left > 0 => {
                    self.at = At::Extension;
                    return if taken > 0 {
                        Ok(Step::Framing(taken))
                    } else {
                        self.extension(input)
                    };
                }
                At::Size => self.size(byte)?,
                At::SizeCr => self.at = At::SizeLf,
                At::SizeLf => self.size_ends(byte)?,
                At::DataCr => match byte {
                    b'\r' => self.at = At::DataLf,
                    b'\n' => return Err(Error::BareLf),
                    _ => return Err(Error::ChunkEnd),
                },
                At::DataLf => match byte {
                    b'\n' => self.at = At::Size,
                    _ => return Err(Error::BareCr),
                },
                At::Extension | At::Data | At::Trailers | At::Done => {
                    return Ok(Step::Framing(taken));
                }
            }
        }
        if input.is_empty() {
            Ok(Step::NeedMore)
        } else {
            Ok(Step::Framing(input.len()))
        }
    }

    #[inline]
    fn size(&mut self, byte: u8) -> Result<(), Error> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if self.digits == 0 => {
                return Err(if byte == b'\n' {
                    Error::BareLf
                } else {
                    Error::ChunkSize
                });
            }
            b'\r' => {
                self.at = At::SizeLf;
                return Ok(());
            }
            b'\n' => return Err(Error::BareLf),
            b';' => return Err(Error::ChunkExtension),
            _ => return Err(Error::ChunkSize),
        };
        self.digits += 1;
        self.left = (self.left << 4) | u64::from(digit);
        if self.digits > MAX_DIGITS || self.left > MAX_LENGTH {
            return Err(Error::ChunkSize);
        }
        Ok(())
    }

    fn size_ends(&mut self, byte: u8) -> Result<(), Error> {
        if byte != b'\n' {
            return Err(Error::BareCr);
        }
        self.digits = 0;
        self.allowed = self
            .allowed
            .checked_sub(self.left)
            .ok_or(Error::BodyTooLong)?;
        self.at = if self.left == 0 {
            At::Trailers
        } else {
            At::Data
        };
        Ok(())
    }

    fn extension(&mut self, input: &[u8]) -> Result<Step, Error> {
        for (taken, &byte) in input.iter().enumerate() {
            match byte {
                b'\r' => {
                    self.at = At::SizeCr;
                    return if taken > 0 {
                        Ok(Step::Drop(taken))
                    } else {
                        self.framing(input)
                    };
                }
                b'\n' => return Err(Error::BareLf),
                0x20..=0x7e | b'\t' if self.extension_left > 0 => self.extension_left -= 1,
                _ => return Err(Error::ChunkExtension),
            }
        }
        if input.is_empty() {
            Ok(Step::NeedMore)
        } else {
            Ok(Step::Drop(input.len()))
        }
    }

    /// One trailer line, whole: whether it is passed on shows only when it is all there.
    fn trailer(&mut self, input: &[u8]) -> Result<Step, Error> {
        let from = self.searched.min(input.len());
        let most = input.len().min(self.trailer_left);
        let end = input[..most]
            .iter()
            .skip(from)
            .position(|byte| *byte == b'\n');
        let Some(end) = end else {
            self.searched = most;
            let full = input.len() >= self.trailer_left;
            return if full {
                Err(Error::TrailerTooLong)
            } else {
                Ok(Step::NeedMore)
            };
        };
        let len = from + end + 1;
        self.searched = 0;
        self.trailer_left -= len;
        let line = &input[..len];
        if line == b"\r\n" {
            self.at = At::Done;
            return Ok(Step::Framing(len));
        }
        if trailer::check(line)? {
            Ok(Step::Framing(len))
        } else {
            Ok(Step::Drop(len))
        }
    }
}
