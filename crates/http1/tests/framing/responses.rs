//! Responses: what a server sends, and the exact answer. The group says what was asked.

use crate::{Asked, ResponseGroup};

macro_rules! ok {
    ($fields:literal) => {
        concat!("HTTP/1.1 200 OK\r\n", $fields, "\r\n\r\n")
    };
    ($fields:literal, $body:literal) => {
        concat!("HTTP/1.1 200 OK\r\n", $fields, "\r\n\r\n", $body)
    };
}

pub(crate) const GROUPS: &[ResponseGroup] = &[
    ResponseGroup {
        title: "Status line (RFC 9112 section 4)",
        asked: Asked {
            head: false,
            websocket: false,
        },
        cases: &[
            (
                "plain",
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                "200 length 0",
            ),
            (
                "empty reason",
                "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
                "200 length 0",
            ),
            (
                "reason beyond ASCII",
                "HTTP/1.1 404 \u{e4}\r\nContent-Length: 0\r\n\r\n",
                "404 length 0",
            ),
            (
                "no space after the code",
                "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
                "502 status_line",
            ),
            (
                "empty line before",
                "\r\nHTTP/1.1 200 OK\r\n\r\n",
                "502 version_syntax",
            ),
            ("two digits", "HTTP/1.1 20 OK\r\n\r\n", "502 status_line"),
            ("four digits", "HTTP/1.1 2000 OK\r\n\r\n", "502 status_line"),
            ("code 099", "HTTP/1.1 099 OK\r\n\r\n", "502 status_line"),
            ("code 600", "HTTP/1.1 600 OK\r\n\r\n", "502 status_line"),
            ("two spaces", "HTTP/1.1  200 OK\r\n\r\n", "502 status_line"),
            ("letters", "HTTP/1.1 2x0 OK\r\n\r\n", "502 status_line"),
            ("HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", "502 version"),
            ("HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "502 version"),
            ("HTTP/0.9", "<html>", "502 version_syntax"),
            (
                "another protocol",
                "ICY 200 OK\r\n\r\n",
                "502 version_syntax",
            ),
            ("ends in LF", "HTTP/1.1 200 OK\nA: b\r\n\r\n", "502 bare_lf"),
            (
                "ends in LF after the code",
                "HTTP/1.1 200\n\n",
                "502 bare_lf",
            ),
            (
                "CR in the reason",
                "HTTP/1.1 200 O\rK\r\n\r\n",
                "502 bare_cr",
            ),
            (
                "NUL in the reason",
                "HTTP/1.1 200 O\0K\r\n\r\n",
                "502 field_value",
            ),
            ("cut off", "HTTP/1.1 200 OK\r\nA: b", "502 truncated"),
        ],
    },
    ResponseGroup {
        title: "Fields of responses (RFC 9112 section 5)",
        asked: Asked {
            head: false,
            websocket: false,
        },
        cases: &[
            ("folded", ok!("A: b\r\n c"), "502 obs_fold"),
            (
                "space before the colon",
                ok!("A : b"),
                "502 space_before_colon",
            ),
            ("no colon", ok!("A"), "502 field_name"),
            ("NUL", ok!("A: \0"), "502 field_value"),
            ("bare CR", ok!("A: b\rc"), "502 bare_cr"),
            ("bare LF", ok!("A: b\nC: d"), "502 bare_lf"),
            (
                "underscore in a framing field",
                ok!("Content_Length: 5"),
                "502 lookalike",
            ),
            (
                "names Content-Length",
                ok!("Connection: content-length"),
                "502 connection_option",
            ),
        ],
    },
    ResponseGroup {
        title: "Framing of responses (RFC 9112 section 6.3)",
        asked: Asked {
            head: false,
            websocket: false,
        },
        cases: &[
            (
                "length",
                ok!("Content-Length: 5", "hello"),
                "200 length 5 | body passes 5",
            ),
            (
                "length, cut off",
                ok!("Content-Length: 5", "hell"),
                "200 length 5 | 502 truncated",
            ),
            (
                "length, bytes behind",
                ok!("Content-Length: 5", "hello!"),
                "200 length 5 | body passes 5 | 1 bytes left over",
            ),
            (
                "chunks",
                ok!("Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"),
                "200 chunked | body passes 11",
            ),
            (
                "chunks, cut off",
                ok!("Transfer-Encoding: chunked", "1\r\nx\r\n"),
                "200 chunked | 502 truncated",
            ),
            (
                "chunks, cut off after the last",
                ok!("Transfer-Encoding: chunked", "0\r\n"),
                "200 chunked | 502 truncated",
            ),
            (
                "chunks, broken",
                ok!("Transfer-Encoding: chunked", "1\r\nxy"),
                "200 chunked | 502 chunk_end",
            ),
            (
                "chunks, extension",
                ok!("Transfer-Encoding: chunked", "1;a\r\nx\r\n"),
                "200 chunked | 502 chunk_extension",
            ),
            (
                "chunks, forbidden trailer",
                ok!("Transfer-Encoding: chunked", "0\r\nSet-Cookie: a\r\n\r\n"),
                "200 chunked | body passes 5",
            ),
            (
                "neither: until close",
                ok!("A: b", "hello"),
                "200 until close | body passes 5",
            ),
            (
                "neither, no fields",
                "HTTP/1.1 200 OK\r\n\r\n",
                "200 until close | body passes 0",
            ),
            (
                "HTTP/1.0, until close",
                "HTTP/1.0 200 OK\r\n\r\nx",
                "200 until close | body passes 1",
            ),
            (
                "HTTP/1.0, length",
                "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
                "200 length 1 close | body passes 1",
            ),
            (
                "HTTP/1.0, kept alive",
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
                "200 length 1 | body passes 1",
            ),
            (
                "close",
                ok!("Connection: close\r\nContent-Length: 0"),
                "200 length 0 close",
            ),
            (
                "length and chunks",
                ok!("Content-Length: 5\r\nTransfer-Encoding: chunked"),
                "502 length_and_encoding",
            ),
            (
                "length twice",
                ok!("Content-Length: 5\r\nContent-Length: 5"),
                "502 content_length_twice",
            ),
            (
                "length list",
                ok!("Content-Length: 5, 5"),
                "502 content_length_twice",
            ),
            (
                "length malformed",
                ok!("Content-Length: +5"),
                "502 content_length",
            ),
            (
                "length 2^63",
                ok!("Content-Length: 9223372036854775808"),
                "502 content_length",
            ),
            (
                "chunked in HTTP/1.0",
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "502 encoding_in_http10",
            ),
            (
                "chunked twice",
                ok!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
                "502 transfer_encoding_twice",
            ),
            (
                "chunked not last",
                ok!("Transfer-Encoding: chunked, gzip"),
                "502 transfer_encoding",
            ),
            (
                "empty member",
                ok!("Transfer-Encoding: chunked,"),
                "502 transfer_encoding",
            ),
            (
                "another coding",
                ok!("Transfer-Encoding: gzip, chunked"),
                "502 unknown_coding",
            ),
            (
                "identity",
                ok!("Transfer-Encoding: identity"),
                "502 unknown_coding",
            ),
            ("204", "HTTP/1.1 204 No Content\r\n\r\n", "204 none"),
            (
                "204 with a length of zero",
                "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                "204 none",
            ),
            (
                "204 with a length",
                "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
                "502 body_not_allowed",
            ),
            (
                "204 with chunks",
                "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "502 body_not_allowed",
            ),
            (
                "204 with a body all the same",
                "HTTP/1.1 204 No Content\r\n\r\nx",
                "204 none | 1 bytes left over",
            ),
            (
                "304 with a length",
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                "304 none",
            ),
            (
                "304 with a body all the same",
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
                "304 none | 5 bytes left over",
            ),
        ],
    },
    ResponseGroup {
        title: "Interim responses (RFC 9110 section 15.2)",
        asked: Asked {
            head: false,
            websocket: false,
        },
        cases: &[
            (
                "100",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                "100 interim | 204 none",
            ),
            (
                "103 with fields",
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                "103 interim | 204 none",
            ),
            (
                "unknown 1xx",
                "HTTP/1.1 199 X\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                "199 interim | 204 none",
            ),
            (
                "100 and no more",
                "HTTP/1.1 100 Continue\r\n\r\n",
                "100 interim | 502 truncated",
            ),
            (
                "100 with a length",
                "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello",
                "502 body_not_allowed",
            ),
            (
                "100 with a length of zero",
                "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
                "502 body_not_allowed",
            ),
            (
                "100 with chunks",
                "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
                "502 body_not_allowed",
            ),
            (
                "100 in HTTP/1.0",
                "HTTP/1.0 100 Continue\r\n\r\n",
                "502 version",
            ),
            (
                "101 not asked for",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
                "502 switching",
            ),
        ],
    },
    ResponseGroup {
        title: "Responses to HEAD (RFC 9110 section 9.3.2)",
        asked: Asked {
            head: true,
            websocket: false,
        },
        cases: &[
            ("length", ok!("Content-Length: 5"), "200 none"),
            ("chunked", ok!("Transfer-Encoding: chunked"), "200 none"),
            ("neither", ok!("A: b"), "200 none"),
            (
                "a body all the same",
                ok!("Content-Length: 5", "hello"),
                "200 none | 5 bytes left over",
            ),
            (
                "length and chunked",
                ok!("Content-Length: 5\r\nTransfer-Encoding: chunked"),
                "502 length_and_encoding",
            ),
        ],
    },
    ResponseGroup {
        title: "Responses to a WebSocket handshake (RFC 6455 section 4.2.2)",
        asked: Asked {
            head: false,
            websocket: true,
        },
        cases: &[
            (
                "101",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                "101 switch",
            ),
            (
                "101, bytes of the protocol behind",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nabc",
                "101 switch | 3 bytes left over",
            ),
            (
                "101 without Upgrade",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
                "502 switching",
            ),
            (
                "101 without the option",
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
                "502 switching",
            ),
            (
                "101 to h2c",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
                "502 switching",
            ),
            (
                "101 to two",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
                "502 switching",
            ),
            (
                "101 with a length",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
                "502 body_not_allowed",
            ),
            (
                "101 in HTTP/1.0",
                "HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                "502 version",
            ),
            (
                "refused",
                "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
                "426 length 0",
            ),
        ],
    },
];
