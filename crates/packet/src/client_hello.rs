//! The server name in the first message of a TLS client (RFC 8446 section 4.1.2, RFC 6066 section 3),
//! read without taking part in the handshake.
//!
//! ```text
//! record:    type(1)=22  version(2)  length(2)  fragment
//! handshake: type(1)=1   length(3)
//! hello:     version(2)  random(32)  session_id<0..32>  cipher_suites<2..2^16-2>
//!            compression<1..2^8-1>  extensions<0..2^16-1>
//! ```
//!
//! The message may be cut over records as its sender likes. Whatever does not add up in every length
//! is refused: a router that guesses could be told one name while the server reads another.

/// Most bytes of the stream that are looked at, record headers included. Hellos with post-quantum key
/// shares have about 2 KiB.
pub const MAX_LEN: usize = 16 * 1024;

/// Content type of handshake records.
const HANDSHAKE: u8 = 22;
/// Handshake type of a client hello.
const CLIENT_HELLO: u8 = 1;
/// Most bytes of a record's fragment (RFC 8446 section 5.1).
const MAX_FRAGMENT: usize = 1 << 14;
/// Extension type of the server name.
const SERVER_NAME: u16 = 0;
/// Name type of a host.
const HOST_NAME: u8 = 0;

/// Why bytes are not a client hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The stream does not begin with a handshake record of TLS.
    #[error("the connection does not begin with TLS")]
    NotTls,
    /// The first message is another one.
    #[error("the first message of the TLS handshake is not a client hello")]
    NotClientHello,
    /// Longer than [`MAX_LEN`].
    #[error("the TLS client hello has more than {MAX_LEN} bytes")]
    TooLong,
    /// Lengths that contradict each other, or a value out of its range.
    #[error("the TLS client hello is malformed: {0}")]
    Malformed(&'static str),
    /// The server name is not a host name.
    #[error("the server name of the TLS client hello is not a host name")]
    Name,
}

/// Reads the first message of a stream: the server name that it asks for, in lower case, or none.
/// Outer `None`: so far it can become one, but more bytes are needed.
///
/// # Errors
/// As soon as the bytes cannot become a client hello that is well formed.
pub fn server_name(stream: &[u8]) -> Result<Option<Option<String>>, DecodeError> {
    let mut message = Vec::new();
    let mut rest = &stream[..stream.len().min(MAX_LEN)];
    loop {
        let whole = take_record(&mut rest, &mut message)?;
        if let Some(hello) = hello(&message)? {
            // The record goes on: what is behind the hello is refused now as it would be when it is here,
            // or the answer would depend on how the stream was cut.
            if !whole {
                return Err(DecodeError::Malformed("a message behind it"));
            }
            return read_hello(hello).map(Some);
        }
        if !whole {
            return if stream.len() >= MAX_LEN {
                Err(DecodeError::TooLong)
            } else {
                Ok(None)
            };
        }
    }
}

/// Moves a record's fragment to `message`, as far as it is there. Returns whether all of it was.
fn take_record(stream: &mut &[u8], message: &mut Vec<u8>) -> Result<bool, DecodeError> {
    match stream.first() {
        None => return Ok(false),
        Some(&HANDSHAKE) => {}
        Some(_) => return Err(DecodeError::NotTls),
    }
    if stream.get(1).is_some_and(|&major| major != 3) {
        return Err(DecodeError::NotTls);
    }
    let Some((header, rest)) = stream.split_first_chunk::<5>() else {
        return Ok(false);
    };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    // "Implementations MUST NOT send zero-length fragments of Handshake types" (section 5.1).
    if length == 0 || length > MAX_FRAGMENT {
        return Err(DecodeError::Malformed("a record's length"));
    }
    let there = rest.len().min(length);
    message.extend_from_slice(&rest[..there]);
    *stream = &rest[there..];
    Ok(there == length)
}

/// The body of the client hello, once it is whole.
fn hello(message: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    match message.first() {
        Some(&CLIENT_HELLO) => {}
        Some(_) => return Err(DecodeError::NotClientHello),
        None => return Ok(None),
    }
    let Some((header, body)) = message.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    if length > MAX_LEN {
        return Err(DecodeError::TooLong);
    }
    match body.len() {
        there if there < length => Ok(None),
        there if there == length => Ok(Some(body)),
        // Nothing may follow before the server has answered.
        _ => Err(DecodeError::Malformed("a message behind it")),
    }
}

fn read_hello(body: &[u8]) -> Result<Option<String>, DecodeError> {
    let mut hello = Fields(body);
    hello.take(2 + 32, "version and random")?;
    if hello.vector_u8("session id")?.0.len() > 32 {
        return Err(DecodeError::Malformed("session id"));
    }
    let suites = hello.vector_u16("cipher suites")?.0;
    if suites.is_empty() || suites.len() % 2 != 0 {
        return Err(DecodeError::Malformed("cipher suites"));
    }
    if hello.vector_u8("compression methods")?.0.is_empty() {
        return Err(DecodeError::Malformed("compression methods"));
    }
    if hello.0.is_empty() {
        // Before TLS 1.3, extensions may be left out.
        return Ok(None);
    }
    let mut extensions = hello.vector_u16("extensions")?;
    hello.end("extensions")?;
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16("an extension")?;
        let value = extensions.vector_u16("an extension")?;
        if kind == SERVER_NAME && name.replace(read_names(value)?).is_some() {
            return Err(DecodeError::Malformed("two server name extensions"));
        }
    }
    Ok(name)
}

/// "The ServerNameList MUST NOT contain more than one name of the same name_type", and there is no
/// other type (RFC 6066 section 3).
fn read_names(mut extension: Fields<'_>) -> Result<String, DecodeError> {
    let mut list = extension.vector_u16("server name list")?;
    extension.end("server name")?;
    if list.take(1, "server name type")? != [HOST_NAME] {
        return Err(DecodeError::Name);
    }
    let name = list.vector_u16("server name")?.0;
    list.end("server name list")?;
    let text = std::str::from_utf8(name).map_err(|_| DecodeError::Name)?;
    if !is_host_name(text) {
        return Err(DecodeError::Name);
    }
    Ok(text.to_ascii_lowercase())
}

/// Labels of letters, digits, `-` and `_`; "without a trailing dot".
fn is_host_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(fits);
    name.len() <= 253 && name.split('.').all(label)
}

/// Fields of a message that are still to be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::Malformed(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        let bytes = self.take(2, what)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A vector whose length is in one byte before it.
    fn vector_u8(&mut self, what: &'static str) -> Result<Self, DecodeError> {
        let length = usize::from(self.take(1, what)?[0]);
        self.take(length, what).map(Fields)
    }

    /// A vector whose length is in two bytes before it.
    fn vector_u16(&mut self, what: &'static str) -> Result<Self, DecodeError> {
        let length = usize::from(self.u16(what)?);
        self.take(length, what).map(Fields)
    }

    fn end(&self, what: &'static str) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Malformed(what))
        }
    }
}

#[cfg(test)]
#[path = "client_hello/tests.rs"]
mod tests;
