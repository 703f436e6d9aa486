//! What holds for any bytes that may be a message of the quorum. A fuzz target (`.ci/fuzz`); runs over the
//! corpus and its small changes with the crate's own tests.

use halo_quorum::{MAX_LEN, Message};

/// A message is written back as the bytes that it was read from: there is one way to say it. No part of it
/// is a message, and nothing longer.
pub fn messages(data: &[u8]) {
    let Ok(message) = Message::decode(data) else {
        return;
    };
    let mut buffer = [0; MAX_LEN];
    let length = message.encode(&mut buffer);
    assert_eq!(&buffer[..length], data);
    for end in 0..length {
        assert!(Message::decode(&data[..end]).is_err(), "{end} of {length}");
    }
    assert!(Message::decode(&[data, &[0]].concat()).is_err());
}
