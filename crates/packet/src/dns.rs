//! As much of a DNS message as it takes to bring an answer to whoever asked (RFC 1035 section 4.1).
//!
//! ```text
//!   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! |                      ID                       |
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! |QR|   Opcode  |AA|TC|RD|RA|   Z    |   RCODE   |
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! |  QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT           |
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! |  QNAME ..., QTYPE, QCLASS                     |
//! ```

/// Bytes of the header.
const HEADER_LEN: usize = 12;
/// Bytes of a name, at most (section 2.3.4).
const MAX_NAME: usize = 255;
/// Bytes of a label, at most; the two bits above say that a length is something else.
const MAX_LABEL: u8 = 63;

/// What is read of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// What an answer repeats of its query.
    pub id: u16,
    /// Query (false) or answer (true).
    pub is_response: bool,
    /// A digest of the question, the same for every case of its letters; `None`: there is none.
    pub question: Option<u64>,
}

/// Why bytes are not a DNS message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its header or its question.
    #[error("the DNS message is cut short")]
    Truncated,
    /// More than one question, which no server answers (RFC 9619).
    #[error("the DNS message has {0} questions")]
    Questions(u16),
    /// A name that is too long, or compressed although nothing stands before it.
    #[error("the name in the DNS question is malformed")]
    Name,
}

/// Reads header and question.
///
/// # Errors
/// When they are not what RFC 1035 says.
pub fn read(message: &[u8]) -> Result<Message, DecodeError> {
    let (header, rest) = message
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(DecodeError::Truncated)?;
    let question = match u16::from_be_bytes([header[4], header[5]]) {
        0 => None,
        1 => Some(question(rest)?),
        more => return Err(DecodeError::Questions(more)),
    };
    Ok(Message {
        id: u16::from_be_bytes([header[0], header[1]]),
        is_response: header[2] & 0x80 != 0,
        question,
    })
}

/// Gives a message another ID. One too short to have any stays as it is.
pub fn set_id(message: &mut [u8], id: u16) {
    if let Some(field) = message.first_chunk_mut::<2>() {
        *field = id.to_be_bytes();
    }
}

/// The digest of name, type and class.
fn question(rest: &[u8]) -> Result<u64, DecodeError> {
    let mut at = 0;
    loop {
        match *rest.get(at).ok_or(DecodeError::Truncated)? {
            0 => break,
            length if length <= MAX_LABEL => at += 1 + usize::from(length),
            _ => return Err(DecodeError::Name),
        }
        if at >= MAX_NAME {
            return Err(DecodeError::Name);
        }
    }
    let name = &rest[..=at];
    let kind = rest.get(at + 1..at + 5).ok_or(DecodeError::Truncated)?;
    Ok(digest(name, kind))
}

/// FNV-1a. Lengths of labels are below `A`, so that lowering all bytes lowers letters alone.
fn digest(name: &[u8], kind: &[u8]) -> u64 {
    let fold = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = name.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        fold(sum, byte.to_ascii_lowercase())
    });
    kind.iter().fold(sum, |sum, byte| fold(sum, *byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(id: u16, response: bool, questions: u16, question: &[u8]) -> Vec<u8> {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend([u8::from(response) << 7 | 1, 0]);
        bytes.extend(questions.to_be_bytes());
        bytes.extend([0; 6]);
        bytes.extend(question);
        bytes
    }

    const WWW: &[u8] = b"\x03www\x07example\x03com\0\0\x01\0\x01";

    #[test]
    fn an_answer_has_the_id_and_question_of_its_query_in_any_case() {
        let query = read(&message(7, false, 1, WWW)).unwrap();
        let upper = b"\x03WwW\x07eXample\x03com\0\0\x01\0\x01";
        let answer = read(&message(
            7,
            true,
            1,
            &[upper, &[0xc0, 12, 0, 1][..]].concat(),
        ))
        .unwrap();
        assert_eq!((query.id, query.is_response), (7, false));
        assert_eq!((answer.id, answer.is_response), (7, true));
        assert_eq!(query.question, answer.question);
        let mut other = WWW.to_vec();
        other[18] = 28;
        assert_ne!(
            read(&message(7, false, 1, &other)).unwrap().question,
            query.question
        );
        assert_eq!(read(&message(7, true, 0, b"")).unwrap().question, None);
    }

    #[test]
    fn the_id_alone_is_rewritten() {
        let mut bytes = message(7, false, 1, WWW);
        set_id(&mut bytes, 0x1234);
        assert_eq!(bytes, message(0x1234, false, 1, WWW));
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let whole = message(7, false, 1, WWW);
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), Err(DecodeError::Truncated), "{cut}");
        }
        assert_eq!(
            read(&message(7, false, 2, WWW)),
            Err(DecodeError::Questions(2))
        );
        let compressed = message(7, false, 1, &[0xc0, 12, 0, 1, 0, 1]);
        assert_eq!(read(&compressed), Err(DecodeError::Name));
        let long = [&[[63; 64]; 4].concat()[..], &[0, 0, 1, 0, 1]].concat();
        assert_eq!(read(&message(7, false, 1, &long)), Err(DecodeError::Name));
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(read) = read(&bytes) {
                prop_assert_eq!(read.id.to_be_bytes(), [bytes[0], bytes[1]]);
            }
        }
    }
}
