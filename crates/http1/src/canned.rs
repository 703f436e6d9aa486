//! Responses that the proxy gives itself, and the framing of chunks that it writes.

use crate::forward::Sink;

/// Ends the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The interim response that lets a client send its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes the line before a chunk of `length` bytes; after its data comes [`CHUNK_END`].
///
/// Writes nothing for zero, which would end the body.
pub fn write_chunk_size<S: Sink>(out: &mut S, length: usize) {
    if length == 0 {
        return;
    }
    let mut line = [0; 18];
    line[16..].copy_from_slice(b"\r\n");
    let mut at = 16;
    let mut rest = length;
    while rest > 0 {
        at -= 1;
        line[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.put(&line[at..]);
}

/// A response of the proxy's own.
#[derive(Debug, Clone, Copy)]
pub struct Canned<'a> {
    /// Its status code.
    pub status: u16,
    /// One line of text that tells the reader what happened; empty: the status' name.
    pub text: &'a str,
    /// Whether the connection is closed after it.
    pub close: bool,
    /// Whether the request was `HEAD`: the head is the same, and no body follows.
    pub head_only: bool,
    /// Further field lines, each with its CRLF, such as `Retry-After: 1\r\n`; the caller answers
    /// for their form.
    pub fields: &'a [u8],
}

/// Writes a response of the proxy's own, body included.
pub fn write_canned<S: Sink>(out: &mut S, canned: &Canned<'_>) {
    let name = reason(canned.status);
    let text = if canned.text.is_empty() {
        name
    } else {
        canned.text
    };
    out.make_room(160 + name.len() + text.len() + canned.fields.len());
    out.put(b"HTTP/1.1 ");
    write_decimal(out, usize::from(canned.status));
    out.put(b" ");
    out.put(name.as_bytes());
    out.put(b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
    write_decimal(out, text.len() + 1);
    out.put(b"\r\n");
    if canned.close {
        out.put(b"Connection: close\r\n");
    }
    out.put(canned.fields);
    out.put(b"\r\n");
    if !canned.head_only {
        out.put(text.as_bytes());
        out.put(b"\n");
    }
}

fn write_decimal<S: Sink>(out: &mut S, number: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put(&digits[at..]);
}

/// The name of a status that a proxy gives (RFC 9110 section 15).
#[must_use]
pub const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_sizes_are_plain_hexadecimal() {
        for length in [1, 9, 10, 15, 16, 255, 4096, 65_536, usize::MAX] {
            let mut out = Vec::new();
            write_chunk_size(&mut out, length);
            assert_eq!(out, format!("{length:x}\r\n").into_bytes());
        }
        let mut out = Vec::new();
        write_chunk_size(&mut out, 0);
        assert!(out.is_empty(), "a chunk of nothing would end the body");
    }

    #[test]
    fn a_canned_response_is_whole_and_its_head_is_the_same_for_head() {
        let canned = Canned {
            status: 503,
            text: "no server",
            close: true,
            head_only: false,
            fields: b"Retry-After: 1\r\n",
        };
        let mut out = Vec::new();
        write_canned(&mut out, &canned);
        let expected = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
                        Content-Length: 10\r\nConnection: close\r\nRetry-After: 1\r\n\r\nno server\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        let mut head = Vec::new();
        write_canned(
            &mut head,
            &Canned {
                head_only: true,
                ..canned
            },
        );
        assert_eq!(head, &out[..out.len() - 10]);
    }
}
