//! Limits: what is one too many is refused the same way however its bytes are cut.

use halo_http1::{Body, BodyFraming, Error, Limits, Parsed, RequestParser};

/// The answer to a request head, whole and byte by byte; both must be the same.
fn head(input: &[u8], limits: &Limits) -> Result<Parsed, Error> {
    let whole = RequestParser::new().parse(input, limits);
    let mut parser = RequestParser::new();
    let mut slow = Ok(Parsed::Partial);
    for end in 1..=input.len() {
        slow = parser.parse(&input[..end], limits);
        if slow != Ok(Parsed::Partial) {
            break;
        }
    }
    assert_eq!(whole, slow, "{} bytes", input.len());
    whole
}

/// The answer to a chunked body, likewise.
fn body(input: &[u8], limits: &Limits) -> Result<usize, Error> {
    let feed = |step: usize| {
        let mut body = Body::new(BodyFraming::Chunked, limits);
        let (mut at, mut passed) = (0, 0);
        for end in (step..input.len()).step_by(step).chain([input.len()]) {
            loop {
                let flow = body.handle_bytes(&input[at..end])?;
                at += flow.consumed();
                passed += flow.pass;
                if flow.consumed() == 0 {
                    break;
                }
            }
        }
        assert!(body.is_done(), "the body is whole");
        Ok(passed)
    };
    let whole = feed(input.len());
    for step in 1..8 {
        assert_eq!(feed(step), whole, "{step} bytes at a time");
    }
    whole
}

#[test]
fn a_request_line_may_be_as_long_as_its_limit() {
    let limits = Limits {
        line_bytes: 64,
        ..Limits::default()
    };
    for length in 40..80 {
        let path = "a".repeat(length);
        let input = format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let line = input.find('\n').expect("a line") + 1;
        let expected = if line <= 64 {
            Ok(Parsed::Complete(input.len()))
        } else {
            Err(Error::LineTooLong)
        };
        assert_eq!(
            head(input.as_bytes(), &limits),
            expected,
            "a line of {line} bytes"
        );
    }
}

#[test]
fn a_head_may_be_as_long_as_its_limit() {
    let limits = Limits {
        head_bytes: 128,
        ..Limits::default()
    };
    for length in 60..140 {
        let value = "a".repeat(length);
        let input = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {value}\r\n\r\n");
        let fits = input.len() <= 128;
        let expected = if fits {
            Ok(Parsed::Complete(input.len()))
        } else {
            Err(Error::HeadTooLong)
        };
        assert_eq!(
            head(input.as_bytes(), &limits),
            expected,
            "{} bytes",
            input.len()
        );
    }
}

#[test]
fn fields_are_counted() {
    let limits = Limits {
        fields: 5,
        ..Limits::default()
    };
    for count in 0..8 {
        let fields = "A: b\r\n".repeat(count);
        let input = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let fits = count < 5;
        let expected = if fits {
            Ok(Parsed::Complete(input.len()))
        } else {
            Err(Error::TooManyFields)
        };
        assert_eq!(
            head(input.as_bytes(), &limits),
            expected,
            "{count} fields and Host"
        );
    }
}

#[test]
fn a_body_is_measured_by_its_length_or_by_its_chunks() {
    let limits = Limits {
        body_bytes: 5,
        ..Limits::default()
    };
    let length = |n| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n");
    assert!(head(length(5).as_bytes(), &limits).is_ok());
    assert_eq!(head(length(6).as_bytes(), &limits), Err(Error::BodyTooLong));
    assert_eq!(body(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", &limits), Ok(20));
    assert_eq!(
        body(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", &limits),
        Err(Error::BodyTooLong)
    );
    let mut open = Body::new(BodyFraming::UntilClose, &limits);
    assert!(open.handle_bytes(b"abcde").is_ok());
    assert_eq!(open.handle_bytes(b"f"), Err(Error::BodyTooLong));
}

#[test]
fn trailers_are_measured_with_their_last_line() {
    let limits = Limits {
        trailer_bytes: 20,
        ..Limits::default()
    };
    assert_eq!(
        body(b"0\r\nA: 0123456789012\r\n\r\n", &limits),
        Ok(3 + 18 + 2)
    );
    assert_eq!(
        body(b"0\r\nA: 01234567890123\r\n\r\n", &limits),
        Err(Error::TrailerTooLong)
    );
    assert_eq!(
        body(b"0\r\nA: 0\r\nB: 0\r\nC: 0\r\nD: 0\r\n\r\n", &limits),
        Err(Error::TrailerTooLong)
    );
}

#[test]
fn extensions_are_removed_up_to_their_limit() {
    let limits = Limits {
        chunk_extension_bytes: 8,
        ..Limits::default()
    };
    assert_eq!(body(b"1;a=b\r\nx\r\n0;c\r\n\r\n", &limits), Ok(11));
    assert_eq!(
        body(b"1;a=\"b cd\"\r\nx\r\n0\r\n\r\n", &limits),
        Err(Error::ChunkExtension)
    );
    assert_eq!(
        body(b"1;a=b\r\nx\r\n1;cdef\r\nx\r\n0\r\n\r\n", &limits),
        Err(Error::ChunkExtension)
    );
    assert_eq!(body(b"1;\n\r\nx\r\n0\r\n\r\n", &limits), Err(Error::BareLf));
    assert_eq!(body(b"1;\rx\r\n0\r\n\r\n", &limits), Err(Error::BareCr));
}
