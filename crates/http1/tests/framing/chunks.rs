//! Chunked bodies of requests: what follows a head with `Transfer-Encoding: chunked`.

use crate::Group;

macro_rules! body {
    ($body:expr) => {
        concat!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            $body
        )
    };
}

pub(crate) const GROUPS: &[Group] = &[
    Group {
        title: "Chunks (RFC 9112 section 7.1)",
        cases: &[
            (
                "one",
                body!("5\r\nhello\r\n0\r\n\r\n"),
                "POST / chunked | body passes 15",
            ),
            (
                "two",
                body!("1\r\nx\r\nA\r\n0123456789\r\n0\r\n\r\n"),
                "POST / chunked | body passes 26",
            ),
            (
                "hexadecimal in either case",
                body!("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
                "POST / chunked | body passes 35",
            ),
            (
                "padded size",
                body!("0001\r\nx\r\n000\r\n\r\n"),
                "POST / chunked | body passes 16",
            ),
            (
                "more to come",
                body!("5\r\nhel"),
                "POST / chunked | wait for body",
            ),
            (
                "no last chunk",
                body!("1\r\nx\r\n"),
                "POST / chunked | wait for body",
            ),
            (
                "no empty line after the last",
                body!("0\r\n"),
                "POST / chunked | wait for body",
            ),
            (
                "17 digits",
                body!("00000000000000001\r\nx\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "2^63",
                body!("8000000000000000\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "2^64 + 1",
                body!("10000000000000001\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            ("no size", body!("\r\n"), "POST / chunked | 400 chunk_size"),
            (
                "not hexadecimal",
                body!("g\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "0x",
                body!("0x5\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "plus",
                body!("+5\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "minus",
                body!("-5\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "space before",
                body!(" 5\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "space after",
                body!("5 \r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "tab after",
                body!("5\t\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "comma",
                body!("5,5\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "underscore",
                body!("1_0\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "NUL",
                body!("5\0\r\nhello\r\n"),
                "POST / chunked | 400 chunk_size",
            ),
            (
                "extension",
                body!("5;a=b\r\nhello\r\n"),
                "POST / chunked | 400 chunk_extension",
            ),
            (
                "extension without name",
                body!("5;\r\nhello\r\n"),
                "POST / chunked | 400 chunk_extension",
            ),
            (
                "extension of the last chunk",
                body!("0;a\r\n\r\n"),
                "POST / chunked | 400 chunk_extension",
            ),
            (
                "LF in an extension",
                body!("5;\nhello\r\n"),
                "POST / chunked | 400 chunk_extension",
            ),
            (
                "size ends in LF",
                body!("5\nhello\r\n"),
                "POST / chunked | 400 bare_lf",
            ),
            (
                "size ends in CR",
                body!("5\rhello\r\n"),
                "POST / chunked | 400 bare_cr",
            ),
            (
                "size ends in CR CR LF",
                body!("5\r\r\nhello\r\n"),
                "POST / chunked | 400 bare_cr",
            ),
            (
                "data ends in LF",
                body!("5\r\nhello\n0\r\n\r\n"),
                "POST / chunked | 400 bare_lf",
            ),
            (
                "data ends in CR",
                body!("5\r\nhello\r0\r\n\r\n"),
                "POST / chunked | 400 bare_cr",
            ),
            (
                "data longer than its size",
                body!("5\r\nhello!\r\n0\r\n\r\n"),
                "POST / chunked | 400 chunk_end",
            ),
            (
                "data shorter than its size",
                body!("6\r\nhello\r\n0\r\n\r\n"),
                "POST / chunked | 400 bare_lf",
            ),
            (
                "no line end after the data",
                body!("1\r\nx0\r\n\r\n"),
                "POST / chunked | 400 chunk_end",
            ),
            (
                "LF ends the last chunk",
                body!("0\n\n"),
                "POST / chunked | 400 bare_lf",
            ),
            (
                "LF ends the body",
                body!("0\r\n\n"),
                "POST / chunked | 400 bare_lf",
            ),
            (
                "CR and a byte end the body",
                body!("0\r\n\rX\n"),
                "POST / chunked | 400 field_name",
            ),
        ],
    },
    Group {
        title: "Trailers (RFC 9112 section 7.1.2, RFC 9110 section 6.5.1)",
        cases: &[
            (
                "one",
                body!("0\r\nA: b\r\n\r\n"),
                "POST / chunked | body passes 11",
            ),
            (
                "Content-Length is dropped",
                body!("0\r\nContent-Length: 5\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "Transfer-Encoding is dropped",
                body!("0\r\ntransfer-encoding: chunked\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "Host is dropped",
                body!("0\r\nHost: b\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "Authorization is dropped, others stay",
                body!("0\r\nA: b\r\nAuthorization: c\r\nD: e\r\n\r\n"),
                "POST / chunked | body passes 17",
            ),
            (
                "X-Forwarded-For is dropped",
                body!("0\r\nX-Forwarded-For: b\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "underscore for a dash is dropped",
                body!("0\r\nContent_Length: 5\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "folded",
                body!("0\r\nA: b\r\n c\r\n\r\n"),
                "POST / chunked | 400 obs_fold",
            ),
            (
                "space before the colon",
                body!("0\r\nA : b\r\n\r\n"),
                "POST / chunked | 400 space_before_colon",
            ),
            (
                "no colon",
                body!("0\r\nGET / HTTP/1.1\r\n\r\n"),
                "POST / chunked | 400 space_before_colon",
            ),
            (
                "no name",
                body!("0\r\n: b\r\n\r\n"),
                "POST / chunked | 400 field_name",
            ),
            (
                "ends in LF",
                body!("0\r\nA: b\n\r\n"),
                "POST / chunked | 400 bare_lf",
            ),
            (
                "CR within",
                body!("0\r\nA: b\rc\r\n\r\n"),
                "POST / chunked | 400 bare_cr",
            ),
            (
                "NUL within",
                body!("0\r\nA: \0\r\n\r\n"),
                "POST / chunked | 400 field_value",
            ),
            (
                "another request where trailers are",
                body!("0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
                "POST / chunked | body passes 5 | GET /2 none",
            ),
        ],
    },
];
