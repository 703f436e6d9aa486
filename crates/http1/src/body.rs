//! Bodies: how much of what arrives belongs to the message.

use crate::chunked::{Decoder, Step};
use crate::error::Error;
use crate::limits::Limits;

/// How a message's body is framed (RFC 9112 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyFraming {
    /// There is none.
    #[default]
    None,
    /// It has this many bytes; zero is `Content-Length: 0`, which is passed on.
    Length(u64),
    /// Chunks.
    Chunked,
    /// It ends with the connection; responses only.
    UntilClose,
}

/// What to do with the beginning of the input: first discard `skip` bytes, then pass `pass` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Bytes to be discarded.
    pub skip: usize,
    /// Bytes behind them to be passed on.
    pub pass: usize,
}

impl Flow {
    /// Bytes of the input that are dealt with.
    #[must_use]
    pub const fn consumed(self) -> usize {
        self.skip + self.pass
    }
}

/// A message's body as it goes by.
///
/// Bytes are never changed or moved: the caller keeps the buffer, and is told which of them go on.
/// Those after the body's end are left: they belong to the next message.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    /// Bytes to be skipped that stood behind some to be passed on, and are still in the buffer.
    skip: usize,
}

#[derive(Debug)]
enum Kind {
    Done,
    Length(u64),
    Chunked(Decoder),
    /// With how many bytes more are allowed.
    UntilClose(u64),
}

impl Body {
    /// A body that is framed like this.
    #[must_use]
    pub const fn new(framing: BodyFraming, limits: &Limits) -> Self {
        let kind = match framing {
            BodyFraming::None | BodyFraming::Length(0) => Kind::Done,
            BodyFraming::Length(length) => Kind::Length(length),
            BodyFraming::Chunked => Kind::Chunked(Decoder::new(limits)),
            BodyFraming::UntilClose => Kind::UntilClose(limits.body_bytes),
        };
        Self { kind, skip: 0 }
    }

    /// Takes what has arrived, for a next hop that gets the same framing: chunks are checked and
    /// passed on as they came, without extensions and forbidden trailers.
    ///
    /// Call it until nothing is consumed. What is not consumed stays in the buffer and is given
    /// again with more behind it; that is never more than [`Limits::trailer_bytes`].
    ///
    /// # Errors
    /// The body breaks the framing; what of it has been passed on must end in an abort.
    #[inline]
    pub fn handle_bytes(&mut self, input: &[u8]) -> Result<Flow, Error> {
        match &mut self.kind {
            Kind::Done => Ok(Flow::default()),
            Kind::Length(left) => {
                let pass = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                *left -= pass as u64;
                if *left == 0 {
                    self.kind = Kind::Done;
                }
                Ok(Flow { skip: 0, pass })
            }
            Kind::Chunked(_) => self.handle_chunks(input, true),
            Kind::UntilClose(allowed) => {
                *allowed = allowed
                    .checked_sub(input.len() as u64)
                    .ok_or(Error::BodyTooLong)?;
                Ok(Flow {
                    skip: 0,
                    pass: input.len(),
                })
            }
        }
    }

    /// As [`Body::handle_bytes`], but of chunks only the data is passed on, for a next hop with
    /// another framing.
    ///
    /// # Errors
    /// As [`Body::handle_bytes`].
    pub fn handle_bytes_unframed(&mut self, input: &[u8]) -> Result<Flow, Error> {
        match self.kind {
            Kind::Chunked(_) => self.handle_chunks(input, false),
            Kind::Done | Kind::Length(_) | Kind::UntilClose(_) => self.handle_bytes(input),
        }
    }

    fn handle_chunks(&mut self, input: &[u8], verbatim: bool) -> Result<Flow, Error> {
        let mut flow = Flow {
            skip: std::mem::take(&mut self.skip).min(input.len()),
            pass: 0,
        };
        let Kind::Chunked(decoder) = &mut self.kind else {
            return Ok(flow);
        };
        loop {
            match decoder.step(&input[flow.consumed()..])? {
                Step::Data(n) => flow.pass += n,
                Step::Framing(n) if verbatim => flow.pass += n,
                Step::Framing(n) | Step::Drop(n) if flow.pass == 0 => flow.skip += n,
                Step::Framing(n) | Step::Drop(n) => {
                    self.skip = n;
                    return Ok(flow);
                }
                Step::NeedMore => return Ok(flow),
                Step::Done => {
                    self.kind = Kind::Done;
                    return Ok(flow);
                }
            }
        }
    }

    /// Bytes that are certain to be data and to go on unseen, for `splice`: after moving `n` of
    /// them in the kernel, call [`Body::handle_spliced`].
    #[must_use]
    pub const fn unseen(&self) -> u64 {
        match &self.kind {
            Kind::Done => 0,
            Kind::Length(left) => *left,
            Kind::Chunked(decoder) => decoder.data_left(),
            Kind::UntilClose(allowed) => *allowed,
        }
    }

    /// `count` bytes, at most [`Body::unseen`], have gone by without being shown here.
    pub const fn handle_spliced(&mut self, count: u64) {
        match &mut self.kind {
            Kind::Done => {}
            Kind::Length(left) => {
                *left = left.saturating_sub(count);
                if *left == 0 {
                    self.kind = Kind::Done;
                }
            }
            Kind::Chunked(decoder) => decoder.take_data(count),
            Kind::UntilClose(allowed) => *allowed = allowed.saturating_sub(count),
        }
    }

    /// The sender closed the connection.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the body was not all there (RFC 9112 section 8).
    pub const fn handle_eof(&mut self) -> Result<(), Error> {
        match self.kind {
            Kind::Done => Ok(()),
            Kind::UntilClose(_) => {
                self.kind = Kind::Done;
                Ok(())
            }
            Kind::Length(_) | Kind::Chunked(_) => Err(Error::Truncated),
        }
    }

    /// Whether the body is complete.
    #[inline]
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.kind, Kind::Done)
    }
}
