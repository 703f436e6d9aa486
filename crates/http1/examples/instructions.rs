//! Parses and rewrites one keep-alive request and its response again and again, for counting
//! instructions:
//!
//! ```sh
//! cargo build --release -p halo-http1 --example instructions
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/instructions 10000
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/instructions 20000
//! ```
//!
//! The difference of the two totals, divided by 10,000, is what an exchange costs. A second
//! argument of `httparse` parses the same bytes with that crate and does nothing else, for
//! comparison; `parse` parses without writing.

use std::hint::black_box;

use halo_http1::{
    Answer, ClientConnection, Error, Exchange, Limits, Parsed, RequestParser, RequestRewrite,
    ResponseParser, ResponseRewrite, write_request, write_response,
};

/// 100 bytes, as a load generator or a service's client sends it.
const REQUEST: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: 10.77.0.100:8080\r\n\
User-Agent: wrk/4.1.0\r\nConnection: keep-alive\r\n\r\n";

/// As nginx answers with a body of 100 bytes.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\
Date: Mon, 23 Nov 2026 11:25:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\
Connection: keep-alive\r\n\r\n\
0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

fn main() {
    let mut args = std::env::args().skip(1);
    let count = args.next().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let mode = args.next().unwrap_or_default();
    let mut worker = Worker::default();
    let mut bytes = 0;
    for _ in 0..count {
        bytes += match mode.as_str() {
            "httparse" => httparse_only(black_box(REQUEST), black_box(RESPONSE)),
            "parse" => worker.parse_only(black_box(REQUEST), black_box(RESPONSE)),
            _ => worker.exchange(black_box(REQUEST), black_box(RESPONSE)),
        }
        .unwrap_or_default();
    }
    println!(
        "{count} exchanges of {} + {} bytes, {bytes} bytes",
        REQUEST.len(),
        RESPONSE.len()
    );
}

#[derive(Default)]
struct Worker {
    limits: Limits,
    requests: RequestParser,
    responses: ResponseParser,
    out: Vec<u8>,
}

impl Worker {
    /// All that a proxy asks of the codec for one request.
    fn exchange(&mut self, request: &[u8], response: &[u8]) -> Result<usize, Error> {
        let mut written = 0;
        self.requests.reset();
        let Parsed::Complete(_) = self.requests.parse(request, &self.limits)? else {
            return Ok(0);
        };
        let head = self.requests.head();
        let mut exchange = Exchange::new(head, false, &self.limits);
        let rewrite = RequestRewrite {
            client: b"10.77.2.34",
            scheme: b"http",
            ..RequestRewrite::default()
        };
        self.out.clear();
        write_request(&mut self.out, request, head, &rewrite);
        written += black_box(&self.out).len();

        self.responses.reset();
        let parsed = self
            .responses
            .parse(response, exchange.asked(), &self.limits)?;
        let Parsed::Complete(consumed) = parsed else {
            return Ok(0);
        };
        let head = self.responses.head();
        let Answer::Final(delivery) = exchange.handle_response(head, &self.limits)? else {
            return Ok(0);
        };
        let close = exchange.client_closes();
        let connection = if close {
            ClientConnection::Close
        } else {
            ClientConnection::Implied
        };
        self.out.clear();
        write_response(
            &mut self.out,
            response,
            head,
            &ResponseRewrite {
                delivery,
                connection,
                via: None,
                date: None,
            },
        );
        let body = &response[consumed..];
        let flow = exchange.response_body.handle_bytes(body)?;
        self.out
            .extend_from_slice(&body[flow.skip..flow.consumed()]);
        written += black_box(&self.out).len();
        let left_over = body.len() - flow.consumed();
        Ok(written + usize::from(black_box(exchange.server_reusable(left_over))))
    }

    fn parse_only(&mut self, request: &[u8], response: &[u8]) -> Result<usize, Error> {
        self.requests.reset();
        self.requests.parse(request, &self.limits)?;
        self.responses.reset();
        self.responses
            .parse(response, halo_http1::Asked::default(), &self.limits)?;
        Ok(black_box(self.requests.head()).len() + black_box(self.responses.head()).len())
    }
}

fn httparse_only(request: &[u8], response: &[u8]) -> Result<usize, Error> {
    let mut headers = [const { std::mem::MaybeUninit::uninit() }; 100];
    let mut parsed = httparse::Request::new(&mut []);
    parsed
        .parse_with_uninit_headers(request, &mut headers)
        .map_err(|_| Error::FieldName)?;
    let count = black_box(&parsed).headers.len();
    let mut headers = [const { std::mem::MaybeUninit::uninit() }; 100];
    let mut parsed = httparse::Response::new(&mut []);
    httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, response, &mut headers)
        .map_err(|_| Error::FieldName)?;
    Ok(count + black_box(&parsed).headers.len())
}
