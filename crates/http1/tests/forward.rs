//! What goes to the next hop, byte for byte.

use halo_http1::{
    Answer, Asked, Body, BodyFraming, ClientConnection, Delivery, Error, Exchange, Limits, Parsed,
    RequestParser, RequestRewrite, ResponseParser, ResponseRewrite, write_request, write_response,
};

const PLAIN: RequestRewrite<'static> = RequestRewrite {
    client: b"192.0.2.7",
    scheme: b"http",
    trust_forwarded: false,
    fallback_host: b"10.0.0.1:8080",
    websocket: false,
    via: None,
};

fn request(input: &str, rewrite: &RequestRewrite<'_>) -> String {
    let mut parser = RequestParser::new();
    let parsed = parser.parse(input.as_bytes(), &Limits::default());
    assert_eq!(parsed, Ok(Parsed::Complete(input.len())), "{input:?}");
    let mut out = Vec::new();
    write_request(&mut out, input.as_bytes(), parser.head(), rewrite);
    let mut same = bytes::BytesMut::new();
    write_request(&mut same, input.as_bytes(), parser.head(), rewrite);
    assert_eq!(out, same);
    String::from_utf8(out).expect("the input is UTF-8")
}

fn response(input: &str, asked: Asked, rewrite: &ResponseRewrite<'_>) -> String {
    let mut parser = ResponseParser::new();
    let parsed = parser.parse(input.as_bytes(), asked, &Limits::default());
    assert_eq!(parsed, Ok(Parsed::Complete(input.len())), "{input:?}");
    let mut out = Vec::new();
    write_response(&mut out, input.as_bytes(), parser.head(), rewrite);
    String::from_utf8(out).expect("the input is UTF-8")
}

#[test]
fn a_plain_request_goes_on_as_it_came_with_the_forwarding_fields_behind() {
    let input = "GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n";
    assert_eq!(
        request(input, &PLAIN),
        "GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n\r\n"
    );
}

#[test]
fn hop_by_hop_and_nominated_fields_end_here() {
    let input = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Secret ,te\r\nA: 1\r\nKeep-Alive: 5\r\n\
        X-SECRET: s\r\nTE: trailers\r\nProxy-Authorization: p\r\nProxy: q\r\nB: 2\r\nProxy-Connection: r\r\n\
        Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\nC: 3\r\n\r\n";
    let rewrite = RequestRewrite {
        websocket: true,
        ..RequestRewrite::default()
    };
    assert_eq!(
        request(input, &rewrite),
        "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nX-Forwarded-Host: h\r\n\r\n"
    );
}

#[test]
fn forwarding_fields_of_an_untrusted_client_are_replaced() {
    let input = "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\n\
        x-forwarded-host: evil\r\nForwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-Port: 1\r\n\r\n";
    assert_eq!(
        request(input, &PLAIN),
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n\
         X-Forwarded-Host: h\r\n\r\n"
    );
}

#[test]
fn forwarding_fields_of_a_trusted_proxy_are_kept_and_added_to_in_one_line() {
    let input = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For:\r\n\
        X-Forwarded-Proto: https\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\nX-Real-IP: 1.1.1.1\r\n\r\n";
    let rewrite = RequestRewrite {
        trust_forwarded: true,
        ..PLAIN
    };
    assert_eq!(
        request(input, &rewrite),
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 1.1.1.1\r\n\
         X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7\r\nX-Forwarded-Host: h\r\n\r\n"
    );
}

#[test]
fn http_10_becomes_11_with_a_host() {
    let rewrite = RequestRewrite {
        client: b"",
        scheme: b"",
        via: Some(b"1.1 lb1"),
        ..PLAIN
    };
    assert_eq!(
        request(
            "POST /a HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
            &rewrite
        ),
        "POST /a HTTP/1.1\r\nContent-Length: 3\r\nHost: 10.0.0.1:8080\r\nVia: 1.1 lb1\r\n\r\n"
    );
}

#[test]
fn absolute_form_becomes_origin_form() {
    let rewrite = RequestRewrite::default();
    let rest = " HTTP/1.1\r\nHost: H\r\nX-Forwarded-Host: H\r\n\r\n";
    for (line, expected) in [
        ("GET http://h/a?b", "GET /a?b"),
        ("GET http://h", "GET /"),
        ("GET http://h?b", "GET /?b"),
        ("OPTIONS http://h", "OPTIONS *"),
        ("OPTIONS http://h?b", "OPTIONS /?b"),
        ("OPTIONS *", "OPTIONS *"),
    ] {
        let input = format!("{line} HTTP/1.1\r\nHost: H\r\n\r\n");
        assert_eq!(
            request(&input, &rewrite),
            format!("{expected}{rest}"),
            "{line}"
        );
    }
    assert_eq!(
        request("GET http://h:81/ HTTP/1.0\r\n\r\n", &rewrite),
        "GET / HTTP/1.1\r\nHost: h:81\r\nX-Forwarded-Host: h:81\r\n\r\n"
    );
}

#[test]
fn lines_that_are_not_canonical_are_written_anew() {
    let input = "\r\nPUT / HTTP/1.1\r\nHost:h\r\nA:\t b \r\nB:\r\nTransfer-Encoding:  Chunked\r\n\
        EXPECT: 100-Continue\r\nC: d\r\n\r\n";
    assert_eq!(
        request(input, &RequestRewrite::default()),
        "PUT / HTTP/1.1\r\nHost: h\r\nA: b\r\nB: \r\nTransfer-Encoding: chunked\r\n\
         EXPECT: 100-continue\r\nC: d\r\nX-Forwarded-Host: h\r\n\r\n"
    );
}

#[test]
fn a_websocket_handshake_passes_only_where_it_is_allowed() {
    let input = "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let rest = "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Version: 13\r\nX-Forwarded-Host: h\r\n";
    let allowed = RequestRewrite {
        websocket: true,
        ..RequestRewrite::default()
    };
    assert_eq!(
        request(input, &allowed),
        format!("{rest}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    );
    assert_eq!(
        request(input, &RequestRewrite::default()),
        format!("{rest}\r\n")
    );
}

#[test]
fn a_response_goes_on_without_the_fields_of_its_hop() {
    let input = "HTTP/1.1 200 OK\r\nServer: s\r\nConnection: keep-alive, X-A\r\nKeep-Alive: timeout=5\r\n\
        X-A: a\r\nContent-Length: 5\r\nUpgrade: h2,h2c\r\nDate: d\r\n\r\n";
    let rewrite = |connection| ResponseRewrite {
        delivery: Delivery::AsIs,
        connection,
        via: None,
        date: None,
    };
    let head = "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 5\r\nDate: d\r\n";
    for (connection, line) in [
        (ClientConnection::Implied, ""),
        (ClientConnection::KeepAlive, "Connection: keep-alive\r\n"),
        (ClientConnection::Close, "Connection: close\r\n"),
    ] {
        let got = response(input, Asked::default(), &rewrite(connection));
        assert_eq!(got, format!("{head}{line}\r\n"));
    }
}

#[test]
fn a_response_without_a_date_gets_the_one_of_its_arrival() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let rewrite = ResponseRewrite {
        delivery: Delivery::AsIs,
        connection: ClientConnection::Implied,
        via: None,
        date: Some(date.as_bytes()),
    };
    for (input, expected) in [
        (
            "HTTP/1.1 204 N\r\nA: b\r\n\r\n".to_owned(),
            format!("HTTP/1.1 204 N\r\nA: b\r\nDate: {date}\r\n\r\n"),
        ),
        (
            "HTTP/1.1 204 N\r\ndate: mine\r\n\r\n".to_owned(),
            "HTTP/1.1 204 N\r\ndate: mine\r\n\r\n".to_owned(),
        ),
        // Not the hop's, whatever the server says.
        (
            "HTTP/1.1 204 N\r\nConnection: date\r\nDate: mine\r\n\r\n".to_owned(),
            "HTTP/1.1 204 N\r\nDate: mine\r\n\r\n".to_owned(),
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".to_owned(),
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".to_owned(),
        ),
    ] {
        assert_eq!(response(&input, Asked::default(), &rewrite), expected);
    }
}

#[test]
fn framing_fields_of_a_response_say_how_its_body_goes_on() {
    let rewrite = |delivery| ResponseRewrite {
        delivery,
        connection: ClientConnection::Implied,
        via: Some(b"1.1 x"),
        date: None,
    };
    let asked = Asked::default();
    assert_eq!(
        response(
            "HTTP/1.0 200 OK\r\nA: b\r\n\r\n",
            asked,
            &rewrite(Delivery::Chunk)
        ),
        "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nVia: 1.1 x\r\n\r\n"
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\nA: b\r\n\r\n";
    assert_eq!(
        response(chunked, asked, &rewrite(Delivery::Unchunk)),
        "HTTP/1.1 200 OK\r\nA: b\r\nVia: 1.1 x\r\n\r\n"
    );
    assert_eq!(
        response(chunked, asked, &rewrite(Delivery::AsIs)),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\nVia: 1.1 x\r\n\r\n"
    );
    assert_eq!(
        response(
            "HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n",
            asked,
            &rewrite(Delivery::AsIs)
        ),
        "HTTP/1.1 204 N\r\nVia: 1.1 x\r\n\r\n"
    );
}

#[test]
fn switching_protocols_is_passed_on_in_its_canonical_form() {
    let input = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\n\
        Sec-WebSocket-Accept: x\r\n\r\n";
    let rewrite = ResponseRewrite {
        delivery: Delivery::AsIs,
        connection: ClientConnection::WebSocket,
        via: None,
        date: None,
    };
    assert_eq!(
        response(
            input,
            Asked {
                head: false,
                websocket: true
            },
            &rewrite
        ),
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\n\
         Upgrade: websocket\r\n\r\n"
    );
}

/// An exchange after `request` and, if any, the heads of `responses`.
fn exchange(request: &str, responses: &[&str]) -> (Exchange, Vec<Result<Answer, Error>>) {
    let limits = Limits {
        interim_responses: 2,
        ..Limits::default()
    };
    let mut parser = RequestParser::new();
    let parsed = parser.parse(request.as_bytes(), &limits);
    assert_eq!(parsed, Ok(Parsed::Complete(request.len())));
    let mut exchange = Exchange::new(parser.head(), true, &limits);
    let mut answers = Vec::new();
    for response in responses {
        let mut parser = ResponseParser::new();
        let parsed = parser.parse(response.as_bytes(), exchange.asked(), &limits);
        assert_eq!(parsed, Ok(Parsed::Complete(response.len())));
        answers.push(exchange.handle_response(parser.head(), &limits));
    }
    (exchange, answers)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const UPLOAD: &str =
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[test]
fn connections_are_used_again_only_after_two_whole_messages() {
    let (exchange, answers) = exchange(GET, &[EMPTY]);
    assert_eq!(answers, [Ok(Answer::Final(Delivery::AsIs))]);
    assert!(exchange.is_done() && !exchange.client_closes());
    assert!(exchange.server_reusable(0));
    assert!(
        !exchange.server_reusable(1),
        "bytes behind a response are another's answer"
    );
}

#[test]
fn a_body_that_ends_with_the_connection_is_chunked_for_11_and_closes_10() {
    let (mut new, answers) = exchange(GET, &[UNTIL_CLOSE]);
    assert_eq!(answers, [Ok(Answer::Final(Delivery::Chunk))]);
    assert!(!new.client_closes() && !new.is_done());
    assert_eq!(new.response_body.handle_eof(), Ok(()));
    assert!(new.is_done() && !new.server_reusable(0));
    let (old, answers) = exchange(OLD, &[UNTIL_CLOSE]);
    assert_eq!(answers, [Ok(Answer::Final(Delivery::UntilClose))]);
    assert!(old.client_closes());
}

#[test]
fn chunks_are_taken_apart_for_http_10() {
    let (mut exchange, answers) = exchange(OLD, &[CHUNKED]);
    assert_eq!(answers, [Ok(Answer::Final(Delivery::Unchunk))]);
    assert!(exchange.client_closes() && exchange.says_keep_alive());
    let body = b"3\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\nX";
    let (mut at, mut data) = (0, Vec::new());
    while !exchange.response_body.is_done() {
        let flow = exchange
            .response_body
            .handle_bytes_unframed(&body[at..])
            .expect("valid chunks");
        assert!(flow.consumed() > 0);
        data.extend_from_slice(&body[at + flow.skip..at + flow.consumed()]);
        at += flow.consumed();
    }
    assert_eq!((data.as_slice(), at), (b"abcde".as_slice(), body.len() - 1));
    assert!(exchange.server_reusable(0));
}

#[test]
fn http_10_never_sees_an_interim_response() {
    assert_eq!(
        exchange(GET, &[CONTINUE]).1,
        [Ok(Answer::Interim { pass: true })]
    );
    assert_eq!(
        exchange(OLD, &[CONTINUE]).1,
        [Ok(Answer::Interim { pass: false })]
    );
}

#[test]
fn interim_responses_do_not_go_on_forever() {
    let (_, answers) = exchange(GET, &[CONTINUE, CONTINUE, CONTINUE]);
    assert_eq!(answers[2], Err(Error::TooManyInterim));
}

#[test]
fn a_response_that_overtakes_the_body_it_waits_for_closes_both_connections() {
    let (early, _) = exchange(UPLOAD, &[EMPTY]);
    assert!(early.awaits_continue() && early.client_closes() && !early.server_reusable(0));
    let (mut usual, _) = exchange(UPLOAD, &[CONTINUE]);
    assert!(!usual.awaits_continue());
    assert_eq!(
        usual
            .request_body
            .handle_bytes(b"abcG")
            .map(|flow| flow.pass),
        Ok(3)
    );
    assert!(usual.request_body.is_done());
}

#[test]
fn data_that_the_kernel_moves_is_counted() {
    let limits = Limits::default();
    let mut body = Body::new(BodyFraming::Length(10), &limits);
    body.handle_spliced(4);
    assert_eq!(body.unseen(), 6);
    assert_eq!(body.handle_eof(), Err(Error::Truncated));
    body.handle_spliced(6);
    assert!(body.is_done());

    let mut body = Body::new(BodyFraming::Chunked, &limits);
    assert_eq!(body.handle_bytes(b"ff\r\nabc").map(|flow| flow.pass), Ok(7));
    assert_eq!(body.unseen(), 252);
    body.handle_spliced(252);
    assert_eq!(body.unseen(), 0);
    assert_eq!(
        body.handle_bytes(b"\r\n0\r\n\r\n").map(|flow| flow.pass),
        Ok(7)
    );
    assert!(body.is_done());
}
