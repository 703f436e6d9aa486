//! Requests: what is sent, and the exact answer.

use crate::Group;

/// A request of HTTP/1.1 with `Host: a` and these further field lines.
macro_rules! with {
    ($fields:literal) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\n", $fields, "\r\n\r\n")
    };
    ($fields:literal, $body:literal) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\n", $fields, "\r\n\r\n", $body)
    };
}

/// A request line with `Host: a`.
macro_rules! line {
    ($line:literal) => {
        concat!($line, "\r\nHost: a\r\n\r\n")
    };
}

pub(crate) const GROUPS: &[Group] = &[
    Group {
        title: "Request line (RFC 9112 sections 2.2 and 3)",
        cases: &[
            ("plain", line!("GET / HTTP/1.1"), "GET / none"),
            (
                "path and query",
                line!("GET /a/b?c=d?e HTTP/1.1"),
                "GET /a/b?c=d?e none",
            ),
            (
                "unknown method",
                line!("BREW /pot HTTP/1.1"),
                "BREW /pot none",
            ),
            (
                "method in lower case is another method",
                line!("get / HTTP/1.1"),
                "get / none",
            ),
            (
                "one empty line before",
                line!("\r\nGET / HTTP/1.1"),
                "GET / none",
            ),
            (
                "two empty lines before",
                line!("\r\n\r\nGET / HTTP/1.1"),
                "400 leading_blank",
            ),
            ("bare LF before", line!("\nGET / HTTP/1.1"), "400 bare_lf"),
            ("bare CR before", line!("\rGET / HTTP/1.1"), "400 bare_cr"),
            (
                "space before",
                line!(" GET / HTTP/1.1"),
                "400 leading_blank",
            ),
            (
                "space after the empty line",
                line!("\r\n GET / HTTP/1.1"),
                "400 leading_blank",
            ),
            (
                "two spaces after the method",
                line!("GET  / HTTP/1.1"),
                "400 target",
            ),
            (
                "tab after the method",
                line!("GET\t/ HTTP/1.1"),
                "400 method",
            ),
            (
                "two spaces after the target",
                line!("GET /  HTTP/1.1"),
                "400 version_syntax",
            ),
            (
                "tab after the target",
                line!("GET /\tHTTP/1.1"),
                "400 target",
            ),
            (
                "space after the version",
                line!("GET / HTTP/1.1 "),
                "400 version_syntax",
            ),
            (
                "line ends in LF",
                "GET / HTTP/1.1\nHost: a\r\n\r\n",
                "400 bare_lf",
            ),
            (
                "line ends in CR",
                "GET / HTTP/1.1\rHost: a\r\n\r\n",
                "400 bare_cr",
            ),
            (
                "CR CR LF",
                "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
                "400 bare_cr",
            ),
            ("NUL in the method", line!("G\0T / HTTP/1.1"), "400 method"),
            ("no method", line!("/ HTTP/1.1"), "400 method"),
            (
                "bracket in the method",
                line!("GET[] / HTTP/1.1"),
                "400 method",
            ),
            (
                "colon in the method",
                line!("GET: / HTTP/1.1"),
                "400 method",
            ),
            (
                "method without end",
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                "501 method_too_long",
            ),
            ("TLS hello", "\u{16}\u{3}\u{1}\0\u{5}", "400 method"),
            ("HTTP/0.9", "GET /\r\n", "400 version_syntax"),
            ("HTTP/0.9, LF", "GET /\n", "400 bare_lf"),
            (
                "lower-case http",
                line!("GET / http/1.1"),
                "400 version_syntax",
            ),
            ("HTTP/1.2", line!("GET / HTTP/1.2"), "505 version"),
            ("HTTP/2.0", line!("GET / HTTP/2.0"), "505 version"),
            (
                "HTTP/2 preface",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "400 target",
            ),
            ("HTTP/1.10", line!("GET / HTTP/1.10"), "400 version_syntax"),
            ("HTTP/01.1", line!("GET / HTTP/01.1"), "400 version_syntax"),
            ("HTTP/1", line!("GET / HTTP/1"), "400 version_syntax"),
            (
                "another protocol",
                line!("GET / RTSP/1.0"),
                "400 version_syntax",
            ),
            ("incomplete", "GET / HTTP/1.1\r\nHost: a\r\n", "wait"),
        ],
    },
    Group {
        title: "Request target (RFC 9112 section 3.2)",
        cases: &[
            (
                "what browsers leave unencoded",
                line!("GET /a|b[1]{}^`'?q=\\|{}[] HTTP/1.1"),
                "GET /a|b[1]{}^`'?q=\\|{}[] none",
            ),
            (
                "percent sign",
                line!("GET /100%?%zz HTTP/1.1"),
                "GET /100%?%zz none",
            ),
            (
                "dot segments are left to routing",
                line!("GET /a/../b HTTP/1.1"),
                "GET /a/../b none",
            ),
            ("no slash", line!("GET a HTTP/1.1"), "400 target"),
            (
                "backslash in the path",
                line!("GET /a\\b HTTP/1.1"),
                "400 target",
            ),
            ("fragment", line!("GET /a#b HTTP/1.1"), "400 target"),
            (
                "fragment in the query",
                line!("GET /a?b#c HTTP/1.1"),
                "400 target",
            ),
            ("quote", line!("GET /\"a HTTP/1.1"), "400 target"),
            ("angle bracket", line!("GET /<a HTTP/1.1"), "400 target"),
            ("space", line!("GET /a b HTTP/1.1"), "400 version_syntax"),
            ("NUL", line!("GET /a\0 HTTP/1.1"), "400 target"),
            ("DEL", line!("GET /a\u{7f} HTTP/1.1"), "400 target"),
            ("beyond ASCII", line!("GET /\u{e4} HTTP/1.1"), "400 target"),
            (
                "CR in it",
                line!("GET /a\rb HTTP/1.1"),
                "400 version_syntax",
            ),
            (
                "absolute",
                line!("GET http://a/b?c HTTP/1.1"),
                "GET /b?c none",
            ),
            (
                "absolute, scheme in upper case",
                line!("GET HTTP://A/b HTTP/1.1"),
                "GET /b none",
            ),
            (
                "absolute, default port",
                line!("GET http://a:80/b HTTP/1.1"),
                "GET /b none",
            ),
            (
                "absolute without path",
                line!("GET http://a HTTP/1.1"),
                "GET / none",
            ),
            (
                "absolute, query without path",
                line!("GET http://a?b HTTP/1.1"),
                "GET /?b none",
            ),
            (
                "absolute OPTIONS without path",
                line!("OPTIONS http://a HTTP/1.1"),
                "OPTIONS * none",
            ),
            (
                "absolute, another host",
                line!("GET http://b/ HTTP/1.1"),
                "400 host_mismatch",
            ),
            (
                "absolute, another port",
                line!("GET http://a:81/ HTTP/1.1"),
                "400 host_mismatch",
            ),
            (
                "absolute, default port of the other scheme",
                line!("GET https://a:80/ HTTP/1.1"),
                "400 host_mismatch",
            ),
            (
                "absolute without Host",
                "GET http://a/ HTTP/1.1\r\n\r\n",
                "400 host_missing",
            ),
            (
                "absolute, user information",
                line!("GET http://b@a/ HTTP/1.1"),
                "400 host",
            ),
            (
                "absolute, no host",
                line!("GET http:///b HTTP/1.1"),
                "400 host",
            ),
            (
                "absolute, backslash after the host",
                line!("GET http://a\\b HTTP/1.1"),
                "400 target",
            ),
            (
                "absolute, backslash in the path",
                line!("GET http://a/b\\c HTTP/1.1"),
                "400 target",
            ),
            (
                "absolute, another scheme",
                line!("GET ftp://a/ HTTP/1.1"),
                "400 target",
            ),
            ("authority", line!("GET a:80 HTTP/1.1"), "400 target"),
            (
                "CONNECT",
                "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
                "501 connect",
            ),
            ("OPTIONS *", line!("OPTIONS * HTTP/1.1"), "OPTIONS * none"),
            ("GET *", line!("GET * HTTP/1.1"), "400 target"),
            ("OPTIONS *a", line!("OPTIONS *a HTTP/1.1"), "400 target"),
        ],
    },
    Group {
        title: "Host (RFC 9112 section 3.2)",
        cases: &[
            ("missing", "GET / HTTP/1.1\r\n\r\n", "400 host_missing"),
            (
                "missing in HTTP/1.0",
                "GET / HTTP/1.0\r\n\r\n",
                "GET / none close",
            ),
            (
                "twice",
                line!("GET / HTTP/1.1\r\nHost: b"),
                "400 host_twice",
            ),
            (
                "twice, the same",
                line!("GET / HTTP/1.1\r\nHost: a"),
                "400 host_twice",
            ),
            (
                "twice in HTTP/1.0",
                line!("GET / HTTP/1.0\r\nHost: a"),
                "400 host_twice",
            ),
            ("empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 host"),
            (
                "with port",
                "GET / HTTP/1.1\r\nHost: a.b:8080\r\n\r\n",
                "GET / none",
            ),
            (
                "IPv6",
                "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
                "GET / none",
            ),
            (
                "IPv6 without brackets",
                "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n",
                "400 host",
            ),
            (
                "empty port",
                "GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
                "400 host",
            ),
            (
                "port too large",
                "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
                "400 host",
            ),
            (
                "two ports",
                "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
                "400 host",
            ),
            ("list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 host"),
            (
                "user information",
                "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
                "400 host",
            ),
            ("path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 host"),
            (
                "space within",
                "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
                "400 host",
            ),
            (
                "percent-encoded",
                "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n",
                "400 host",
            ),
        ],
    },
    Group {
        title: "Field lines (RFC 9112 section 5, RFC 9110 section 5)",
        cases: &[
            (
                "white space around the value",
                with!("A:\t b \t"),
                "POST / none",
            ),
            ("no white space", with!("A:b"), "POST / none"),
            ("empty value", with!("A:"), "POST / none"),
            (
                "bytes beyond ASCII in a value",
                with!("A: \u{e4}\u{80}"),
                "POST / none",
            ),
            ("tab in a value", with!("A: b\tc"), "POST / none"),
            (
                "space before the colon",
                with!("A : b"),
                "400 space_before_colon",
            ),
            (
                "tab before the colon",
                with!("A\t: b"),
                "400 space_before_colon",
            ),
            (
                "space before the colon of a length",
                with!("Content-Length : 5"),
                "400 space_before_colon",
            ),
            ("folded, space", with!("A: b\r\n c"), "400 obs_fold"),
            ("folded, tab", with!("A: b\r\n\tc"), "400 obs_fold"),
            (
                "folded length",
                with!("Content-Length:\r\n 5"),
                "400 content_length",
            ),
            (
                "white space before the first field",
                "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
                "400 obs_fold",
            ),
            (
                "line of white space",
                with!("A: b\r\n \r\nC: d"),
                "400 obs_fold",
            ),
            ("no colon", with!("A"), "400 field_name"),
            ("no name", with!(": a"), "400 field_name"),
            (
                "space in the name",
                with!("A B: c"),
                "400 space_before_colon",
            ),
            ("bracket in the name", with!("A[1]: c"), "400 field_name"),
            ("NUL in the name", with!("A\0: c"), "400 field_name"),
            (
                "beyond ASCII in the name",
                with!("\u{e4}: c"),
                "400 field_name",
            ),
            ("CR in the name", with!("A\rB: c"), "400 field_name"),
            ("NUL in a value", with!("A: b\0c"), "400 field_value"),
            ("bell in a value", with!("A: \u{7}"), "400 field_value"),
            (
                "vertical tab before a value",
                with!("Transfer-Encoding: \u{b}chunked"),
                "400 field_value",
            ),
            ("DEL in a value", with!("A: \u{7f}"), "400 field_value"),
            ("CR in a value", with!("A: b\rc"), "400 bare_cr"),
            (
                "CR that hides a field",
                with!("A: b\rTransfer-Encoding: chunked"),
                "400 bare_cr",
            ),
            ("CR before CRLF", with!("A: b\r"), "400 bare_cr"),
            ("LF ends a line", with!("A: b\nC: d"), "400 bare_lf"),
            (
                "LF that hides a field",
                with!("A: b\nContent-Length: 5"),
                "400 bare_lf",
            ),
            (
                "LF ends the head",
                "GET / HTTP/1.1\r\nHost: a\r\n\n",
                "400 bare_lf",
            ),
            (
                "LF LF ends the head",
                "GET / HTTP/1.1\r\nHost: a\n\n",
                "400 bare_lf",
            ),
            (
                "underscore in a framing field",
                with!("Content_Length: 5"),
                "400 lookalike",
            ),
            (
                "underscore in Transfer-Encoding",
                with!("Transfer_Encoding: chunked"),
                "400 lookalike",
            ),
            (
                "underscore in X-Forwarded-For",
                with!("X_Forwarded-For: b"),
                "400 lookalike",
            ),
            ("underscore elsewhere", with!("My_Field: b"), "POST / none"),
        ],
    },
    Group {
        title: "Content-Length (RFC 9112 section 6.3, RFC 9110 section 8.6)",
        cases: &[
            (
                "plain",
                with!("Content-Length: 5", "hello"),
                "POST / length 5 | body passes 5",
            ),
            ("zero", with!("Content-Length: 0"), "POST / length 0"),
            (
                "white space around",
                with!("Content-Length: \t 5 ", "hello"),
                "POST / length 5 | body passes 5",
            ),
            (
                "more to come",
                with!("Content-Length: 5", "hell"),
                "POST / length 5 | wait for body",
            ),
            (
                "GET with a body",
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
                "GET / length 1 | body passes 1",
            ),
            (
                "twice, unequal",
                with!("Content-Length: 5\r\nContent-Length: 6"),
                "400 content_length_twice",
            ),
            (
                "twice, equal",
                with!("Content-Length: 5\r\nContent-Length: 5"),
                "400 content_length_twice",
            ),
            (
                "list, equal",
                with!("Content-Length: 5, 5"),
                "400 content_length_twice",
            ),
            (
                "list, unequal",
                with!("Content-Length: 5, 6"),
                "400 content_length_twice",
            ),
            (
                "list with an empty member",
                with!("Content-Length: 5,"),
                "400 content_length_twice",
            ),
            ("empty", with!("Content-Length:"), "400 content_length"),
            ("plus", with!("Content-Length: +5"), "400 content_length"),
            ("minus", with!("Content-Length: -5"), "400 content_length"),
            (
                "minus zero",
                with!("Content-Length: -0"),
                "400 content_length",
            ),
            (
                "space within",
                with!("Content-Length: 1 5"),
                "400 content_length",
            ),
            (
                "leading zero",
                with!("Content-Length: 010"),
                "400 content_length",
            ),
            (
                "hexadecimal",
                with!("Content-Length: 0x5"),
                "400 content_length",
            ),
            (
                "digits and letters",
                with!("Content-Length: 5a"),
                "400 content_length",
            ),
            (
                "fraction",
                with!("Content-Length: 5.0"),
                "400 content_length",
            ),
            (
                "underscore",
                with!("Content-Length: 1_0"),
                "400 content_length",
            ),
            (
                "quoted",
                with!("Content-Length: \"5\""),
                "400 content_length",
            ),
            (
                "2^63",
                with!("Content-Length: 9223372036854775808"),
                "400 content_length",
            ),
            (
                "2^64 + 5",
                with!("Content-Length: 18446744073709551621"),
                "400 content_length",
            ),
            (
                "beyond ASCII digits",
                with!("Content-Length: \u{0665}"),
                "400 content_length",
            ),
        ],
    },
    Group {
        title: "Transfer-Encoding (RFC 9112 sections 6.1 and 6.3)",
        cases: &[
            (
                "chunked",
                with!("Transfer-Encoding: chunked", "0\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "in another case",
                with!("TRANSFER-encoding: ChUnKeD", "0\r\n\r\n"),
                "POST / chunked | body passes 5",
            ),
            (
                "with a length",
                with!("Content-Length: 5\r\nTransfer-Encoding: chunked"),
                "400 length_and_encoding",
            ),
            (
                "with a length after it",
                with!("Transfer-Encoding: chunked\r\nContent-Length: 5"),
                "400 length_and_encoding",
            ),
            (
                "with a length of zero",
                with!("Content-Length: 0\r\nTransfer-Encoding: chunked"),
                "400 length_and_encoding",
            ),
            (
                "twice",
                with!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
                "400 transfer_encoding_twice",
            ),
            (
                "twice, the other one unknown",
                with!("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
                "400 transfer_encoding_twice",
            ),
            (
                "in HTTP/1.0",
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 encoding_in_http10",
            ),
            (
                "in HTTP/1.0, kept alive",
                "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 encoding_in_http10",
            ),
            (
                "empty",
                with!("Transfer-Encoding:"),
                "400 transfer_encoding",
            ),
            (
                "empty member before",
                with!("Transfer-Encoding: , chunked"),
                "400 transfer_encoding",
            ),
            (
                "empty member after",
                with!("Transfer-Encoding: chunked,"),
                "400 transfer_encoding",
            ),
            (
                "chunked twice",
                with!("Transfer-Encoding: chunked, chunked"),
                "400 transfer_encoding",
            ),
            (
                "chunked not last",
                with!("Transfer-Encoding: chunked, gzip"),
                "400 transfer_encoding",
            ),
            (
                "chunked not last, identity",
                with!("Transfer-Encoding: chunked, identity"),
                "400 transfer_encoding",
            ),
            (
                "parameter",
                with!("Transfer-Encoding: chunked;q=1"),
                "400 transfer_encoding",
            ),
            (
                "quoted",
                with!("Transfer-Encoding: \"chunked\""),
                "400 transfer_encoding",
            ),
            (
                "space within",
                with!("Transfer-Encoding: chu nked"),
                "400 transfer_encoding",
            ),
            (
                "colon before",
                with!("Transfer-Encoding:: chunked"),
                "400 transfer_encoding",
            ),
            (
                "semicolon",
                with!("Transfer-Encoding: ;chunked"),
                "400 transfer_encoding",
            ),
            (
                "another coding and chunked",
                with!("Transfer-Encoding: gzip, chunked"),
                "501 unknown_coding",
            ),
            (
                "another coding",
                with!("Transfer-Encoding: gzip"),
                "501 unknown_coding",
            ),
            (
                "identity",
                with!("Transfer-Encoding: identity"),
                "501 unknown_coding",
            ),
            (
                "nearly chunked",
                with!("Transfer-Encoding: xchunked"),
                "501 unknown_coding",
            ),
            (
                "nearly chunked, after",
                with!("Transfer-Encoding: chunked1"),
                "501 unknown_coding",
            ),
        ],
    },
    Group {
        title: "Connection, Upgrade and Expect (RFC 9110 sections 7.6.1, 7.8 and 10.1.1)",
        cases: &[
            ("close", with!("Connection: close"), "POST / none close"),
            (
                "close among others, in any case",
                with!("Connection: a, CLOSE"),
                "POST / none close",
            ),
            (
                "close and keep-alive",
                with!("Connection: keep-alive, close"),
                "POST / none close",
            ),
            (
                "empty members",
                with!("Connection: , keep-alive ,,"),
                "POST / none",
            ),
            ("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / none close"),
            (
                "HTTP/1.0, kept alive",
                "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
                "GET / none",
            ),
            (
                "names Host",
                with!("Connection: Host"),
                "400 connection_option",
            ),
            (
                "names Content-Length",
                with!("Connection: Content-Length\r\nContent-Length: 5"),
                "400 connection_option",
            ),
            (
                "names X-Forwarded-For",
                with!("Connection: close, X-Forwarded-For"),
                "400 connection_option",
            ),
            (
                "names Content_Length",
                with!("Connection: Content_Length"),
                "400 connection_option",
            ),
            (
                "not a token",
                with!("Connection: a b"),
                "400 connection_option",
            ),
            (
                "quoted",
                with!("Connection: \"close\""),
                "400 connection_option",
            ),
            (
                "17 options",
                with!("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"),
                "400 connection_option",
            ),
            (
                "WebSocket",
                line!("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket"),
                "GET / none websocket",
            ),
            (
                "WebSocket without the option",
                line!("GET / HTTP/1.1\r\nUpgrade: websocket"),
                "GET / none",
            ),
            (
                "WebSocket by POST",
                with!("Connection: upgrade\r\nUpgrade: websocket"),
                "POST / none",
            ),
            (
                "WebSocket with a body",
                line!(
                    "GET / HTTP/1.1\r\nContent-Length: 0\r\nConnection: upgrade\r\nUpgrade: websocket"
                ),
                "GET / length 0",
            ),
            (
                "WebSocket in HTTP/1.0",
                line!("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket"),
                "GET / none close",
            ),
            (
                "h2c",
                line!(
                    "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM"
                ),
                "GET / none",
            ),
            (
                "WebSocket and h2c",
                line!("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket, h2c"),
                "GET / none",
            ),
            (
                "WebSocket and h2c, two fields",
                line!(
                    "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c"
                ),
                "GET / none",
            ),
            (
                "100-continue",
                with!("Expect: 100-Continue\r\nContent-Length: 1", "x"),
                "POST / length 1 continue | body passes 1",
            ),
            (
                "100-continue without a body",
                with!("Expect: 100-continue"),
                "POST / none",
            ),
            (
                "100-continue in HTTP/1.0",
                "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
                "POST / length 1 close | body passes 1",
            ),
            ("another expectation", with!("Expect: 200-ok"), "417 expect"),
            (
                "two expectations",
                with!("Expect: 100-continue, 100-continue"),
                "417 expect",
            ),
            (
                "two fields of it",
                with!("Expect: 100-continue\r\nExpect: 100-continue"),
                "417 expect",
            ),
        ],
    },
    Group {
        title: "One request after another",
        cases: &[
            (
                "pipelined",
                concat!(line!("GET /1 HTTP/1.1"), line!("GET /2 HTTP/1.1")),
                "GET /1 none | GET /2 none",
            ),
            (
                "after a body",
                concat!(with!("Content-Length: 1", "x"), line!("GET /2 HTTP/1.1")),
                "POST / length 1 | body passes 1 | GET /2 none",
            ),
            (
                "CRLF after a body",
                concat!(
                    with!("Content-Length: 1", "x\r\n"),
                    line!("GET /2 HTTP/1.1")
                ),
                "POST / length 1 | body passes 1 | GET /2 none",
            ),
            (
                "after chunks",
                concat!(
                    with!("Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"),
                    line!("GET /2 HTTP/1.1")
                ),
                "POST / chunked | body passes 11 | GET /2 none",
            ),
            (
                "the length is too short for the body",
                concat!(with!("Content-Length: 1", "xGET /evil\r\n")),
                "POST / length 1 | body passes 1 | 400 version_syntax",
            ),
            (
                "a GET that has a length of zero",
                concat!(line!("GET / HTTP/1.1\r\nContent-Length: 0"), "G"),
                "GET / length 0 | wait",
            ),
        ],
    },
];
