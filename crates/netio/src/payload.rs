//! Bytes that were received: kept in place where they are few, so that what comes all the time costs
//! no allocation.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Every message between Halo nodes, and adverts of some thirty IPv6 addresses.
const SHORT: usize = 640;

/// Bytes that were received.
#[derive(Clone)]
pub struct Payload(Bytes);

#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the short one is the usual one, and to be without a box"
)]
enum Bytes {
    Short { bytes: [u8; SHORT], length: usize },
    Long(Vec<u8>),
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short { bytes, length } => bytes.get(..*length).unwrap_or_default(),
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl DerefMut for Payload {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Bytes::Short { bytes, length } => bytes.get_mut(..*length).unwrap_or_default(),
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Payload {
    fn from(from: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..from.len()) {
            Some(room) => {
                room.copy_from_slice(from);
                let length = from.len();
                Self(Bytes::Short { bytes, length })
            }
            None => Self(Bytes::Long(from.to_vec())),
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(from: Vec<u8>) -> Self {
        Self::from(from.as_slice())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_come_out_as_they_went_in() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 5000] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let payload = Payload::from(bytes.as_slice());
            assert_eq!(*payload, *bytes);
            assert_eq!(payload, Payload::from(bytes));
        }
    }
}
