//! The trailer behind adverts and messages between Halo nodes of a cluster that has a secret: who sent
//! this, to whom, and that it was now. What proves it is computed in `halo-auth`; here is the layout.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'H'      |      'A'      |      'L'      |      'O'      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Format (1)   |             0             |F|        0        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Key identifier (8 bytes)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |             Incarnation of the sender (8 bytes)               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Sequence (8 bytes)                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |            Challenge to the receiver (8 bytes)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          Echo of the receiver's challenge (8 bytes)           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Takeover epoch (8 bytes)                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     HMAC-SHA256 (32 bytes)                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::{BufferTooSmall, room};

/// Bytes of a trailer.
pub const LEN: usize = SIGNED_LEN + TAG_LEN;
/// Bytes of it that the tag covers, together with the message.
pub const SIGNED_LEN: usize = 56;
/// Bytes of the tag.
pub const TAG_LEN: usize = 32;

const MAGIC: [u8; 4] = *b"HALO";
const FORMAT: u8 = 1;
const FAREWELL: u8 = 1;

/// What a trailer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trailer {
    /// Which of the cluster's keys made the tag.
    pub key: u64,
    /// A random number that the sender drew when it started.
    pub incarnation: u64,
    /// Rises with each message of an incarnation.
    pub sequence: u64,
    /// F: signed in advance, for when the sender is no more; counted apart.
    pub farewell: bool,
    /// What the receiver is to echo, so that the sender knows its answers for fresh.
    pub challenge: u64,
    /// The receiver's challenge, as last heard; 0: none was.
    pub echo: u64,
    /// Rises each time that another node takes the addresses over; 0 in what is no advert.
    pub epoch: u64,
}

/// Why the bytes behind a message are no trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrailerError {
    /// There are none.
    #[error("it is not signed")]
    Absent,
    /// They are something else.
    #[error("what is behind it is no signature of this Halo's format")]
    Malformed,
}

impl Trailer {
    /// Writes all but the tag at the start of `buf`, which must have room for [`LEN`] bytes.
    ///
    /// # Errors
    /// When it has not.
    pub fn encode(&self, buf: &mut [u8]) -> Result<(), BufferTooSmall> {
        let trailer = room(buf, LEN)?;
        trailer[..4].copy_from_slice(&MAGIC);
        trailer[4..8].copy_from_slice(&[FORMAT, 0, if self.farewell { FAREWELL } else { 0 }, 0]);
        let fields = [
            self.key,
            self.incarnation,
            self.sequence,
            self.challenge,
            self.echo,
            self.epoch,
        ];
        let places = trailer[8..SIGNED_LEN].chunks_exact_mut(8);
        for (field, place) in fields.iter().zip(places) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        Ok(())
    }

    /// Reads a trailer, and the tag behind it.
    ///
    /// # Errors
    /// When there is none.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8; TAG_LEN]), TrailerError> {
        if bytes.is_empty() {
            return Err(TrailerError::Absent);
        }
        let bytes: &[u8; LEN] = bytes.try_into().map_err(|_| TrailerError::Malformed)?;
        let (signed, tag) = bytes
            .split_first_chunk::<SIGNED_LEN>()
            .ok_or(TrailerError::Malformed)?;
        let tag = tag.try_into().map_err(|_| TrailerError::Malformed)?;
        if signed[..4] != MAGIC || signed[4] != FORMAT {
            return Err(TrailerError::Malformed);
        }
        let mut fields = signed[8..].as_chunks::<8>().0.iter();
        let mut next = || fields.next().map_or(0, |field| u64::from_be_bytes(*field));
        let trailer = Self {
            key: next(),
            incarnation: next(),
            sequence: next(),
            challenge: next(),
            echo: next(),
            epoch: next(),
            farewell: signed[6] & FAREWELL != 0,
        };
        Ok((trailer, tag))
    }
}
