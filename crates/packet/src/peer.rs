//! Messages between Halo nodes beside the adverts: VRRP version 3 with a type of their own, so that they
//! travel by the same sockets and firewall rules, and every other implementation discards them (RFC 9568
//! section 5.2.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Ver 3 |Type 15| VRID, or 0    |     Kind      |   Format (1)  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        Length of body         |           Checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Body, as the kind has it                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          Trailer, when the cluster has a secret               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The checksum (RFC 1071) covers header and body. Who sent a message, and when, is the [`trailer`]'s to
//! prove.

pub mod body;
pub mod trailer;

use crate::checksum::Sum;
use crate::vrrp::{TTL, Vrid};
use crate::{BufferTooSmall, room};

/// Bytes before the body.
pub const HEADER_LEN: usize = 8;
/// Longest body. With header, trailer and IP header it fits an Ethernet frame, so that no message is
/// ever fragmented.
pub const MAX_BODY: usize = 1_280;

/// Version 3, type 15: the last that the field can hold.
const VERSION_TYPE: u8 = 0x3f;
/// The only format so far.
const FORMAT: u8 = 1;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// "I am here": [`body::Hello`].
    pub const HELLO: Self = Self(1);
    /// "Are you there?": [`body::Probe`].
    pub const PROBE: Self = Self(2);
    /// The answer to a probe: [`body::ProbeReply`].
    pub const PROBE_REPLY: Self = Self(3);
    /// An Active that gives its addresses up names its successor: [`body::Resign`].
    pub const RESIGN: Self = Self(4);
    /// The first of sixteen kinds that belong to the quorum, whose bodies its own crate knows.
    pub const QUORUM_FIRST: Self = Self(32);
    /// The last of them.
    pub const QUORUM_LAST: Self = Self(47);

    /// Whether it is one of the quorum's.
    #[must_use]
    pub fn is_quorum(self) -> bool {
        (Self::QUORUM_FIRST..=Self::QUORUM_LAST).contains(&self)
    }
}

/// A message between Halo nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The virtual router it is about; `None`: the node as a whole.
    pub vrid: Option<Vrid>,
    /// What it is about.
    pub kind: Kind,
    /// What it says.
    pub body: &'a [u8],
}

/// A received message, and what was behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// The message.
    pub message: Message<'a>,
    /// The bytes that the trailer proves: header and body.
    pub signed: &'a [u8],
    /// The bytes behind them.
    pub trailer: &'a [u8],
}

/// Why a message is discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It came from beyond the link.
    #[error("TTL or hop limit {0}, not 255")]
    Ttl(u8),
    /// Fewer bytes than the header and the body take.
    #[error("the message is cut short: {have} bytes of {need}")]
    Truncated {
        /// Bytes the message should have.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// It is no message between Halo nodes.
    #[error("it is no message between Halo nodes")]
    Type,
    /// Another Halo's, with another format.
    #[error("format {0} is not understood here: is another version of Halo on that node?")]
    Format(u8),
    /// The checksum is wrong.
    #[error("the checksum is wrong")]
    Checksum,
    /// The body does not say what its kind should.
    #[error("its body does not make sense")]
    Body,
}

impl DecodeError {
    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Ttl(_) => "ttl",
            Self::Truncated { .. } => "length",
            Self::Type => "type",
            Self::Format(_) => "format",
            Self::Checksum => "checksum",
            Self::Body => "body",
        }
    }
}

/// Whether a payload of IP protocol 112 is a message between Halo nodes, and no advert.
#[must_use]
pub fn is_peer_message(payload: &[u8]) -> bool {
    payload.first() == Some(&VERSION_TYPE)
}

/// Reads a message that arrived with this TTL or hop limit.
///
/// # Errors
/// The first check that failed.
pub fn decode(payload: &[u8], ttl: u8) -> Result<Received<'_>, DecodeError> {
    if ttl != TTL {
        return Err(DecodeError::Ttl(ttl));
    }
    let have = payload.len();
    let header: &[u8; HEADER_LEN] = payload.first_chunk().ok_or(DecodeError::Truncated {
        need: HEADER_LEN,
        have,
    })?;
    let [version_type, vrid, kind, format, high, low, ..] = *header;
    if version_type != VERSION_TYPE {
        return Err(DecodeError::Type);
    }
    if format != FORMAT {
        return Err(DecodeError::Format(format));
    }
    let need = HEADER_LEN + usize::from(u16::from_be_bytes([high, low]));
    let (signed, trailer) = payload
        .split_at_checked(need)
        .ok_or(DecodeError::Truncated { need, have })?;
    if Sum::default().bytes(signed).finish() != 0 {
        return Err(DecodeError::Checksum);
    }
    Ok(Received {
        message: Message {
            vrid: Vrid::new(vrid),
            kind: Kind(kind),
            body: &signed[HEADER_LEN..],
        },
        signed,
        trailer,
    })
}

impl Message<'_> {
    /// Writes the message at the start of `buf`; returns its length. The trailer comes behind it.
    ///
    /// # Errors
    /// When it does not fit the buffer, or the body is longer than [`MAX_BODY`].
    pub fn encode(&self, buf: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let need = HEADER_LEN + self.body.len();
        let length = u16::try_from(self.body.len())
            .ok()
            .filter(|length| usize::from(*length) <= MAX_BODY)
            .ok_or(BufferTooSmall {
                need,
                have: HEADER_LEN + MAX_BODY,
            })?;
        let message = room(buf, need)?;
        message[0] = VERSION_TYPE;
        message[1] = self.vrid.map_or(0, Vrid::get);
        message[2] = self.kind.0;
        message[3] = FORMAT;
        message[4..6].copy_from_slice(&length.to_be_bytes());
        message[6..8].fill(0);
        message[HEADER_LEN..].copy_from_slice(self.body);
        let sum = Sum::default().bytes(message).finish();
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        Ok(need)
    }
}

#[cfg(test)]
mod tests;
