//! Large bodies, which go through pipes.

use std::io::{self, BufReader, Read, Write};
use std::thread;

use crate::support::{Bench, Message, TestServer, eventually};

/// Several times what sockets and pipes hold.
const LARGE: usize = 8 * 1024 * 1024 + 12_345;

/// Bytes that tell where they belong.
fn pattern(len: usize) -> Vec<u8> {
    pattern_at(0, len)
}

/// What [`pattern`] has from byte `start`, a multiple of four, on.
fn pattern_at(start: usize, len: usize) -> Vec<u8> {
    (start as u32 / 4..)
        .flat_map(|i| i.to_le_bytes())
        .take(len)
        .collect()
}

/// Writes a body of `len` bytes piece by piece, so that its first byte does not wait for its last.
fn write_pattern(out: &mut impl Write, len: usize) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    for start in (0..len).step_by(PIECE) {
        out.write_all(&pattern_at(start, PIECE.min(len - start)))?;
    }
    Ok(())
}

/// Answers each request by a body as long as its path says, framed by length.
fn sized() -> TestServer {
    TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Some(request) = Message::read(&mut reader, false) {
            let path = request.first_line.split(' ').nth(1).unwrap();
            let len = path[1..].parse().unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n");
            let written = out
                .write_all(head.as_bytes())
                .and_then(|()| write_pattern(&mut out, len));
            if written.is_err() {
                return;
            }
        }
    })
}

#[test]
fn a_large_response_comes_whole_and_the_next_one_after_it() {
    let server = sized();
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    for len in [LARGE, 3, 65_536, 65_537, 200_000, 0, LARGE] {
        let response = client.get(&format!("/{len}"));
        assert!(response.body == pattern(len), "{len} bytes");
    }
    assert_eq!(server.connections(), 1);
    let out = bench.proxy.counters().listeners[0].bytes_out;
    assert!(out > 2 * LARGE as u64, "{out} bytes counted");
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = sized();
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    client.send(&format!("GET /{LARGE} HTTP/1.1\r\nHost: a\r\n\r\n"));
    Message::read_head(&mut client.reader).unwrap();
    let (mut body, mut piece) = (Vec::new(), vec![0; 10_000]);
    while body.len() < LARGE {
        let n = client.reader.read(&mut piece).unwrap();
        assert!(n > 0, "closed after {} bytes", body.len());
        body.extend_from_slice(&piece[..n]);
        thread::yield_now();
    }
    assert!(body == pattern(LARGE));
}

#[test]
fn a_large_request_goes_whole_and_not_a_byte_of_the_one_behind_it() {
    let server = TestServer::http(|request| {
        let right = request.body == pattern(request.body.len());
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Got: {} {right}\r\n\r\n",
            request.body.len()
        )
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    let mut sent = Vec::new();
    for len in [LARGE, 0, 70_000, 65_536, 1] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
        sent.extend_from_slice(head.as_bytes());
        sent.extend_from_slice(&pattern(len));
    }
    let mut out = client.reader.get_ref().try_clone().unwrap();
    let sender = thread::spawn(move || out.write_all(&sent).unwrap());
    for len in [LARGE, 0, 70_000, 65_536, 1] {
        let response = client.receive();
        assert_eq!(response.field("x-got"), Some(&*format!("{len} true")));
    }
    sender.join().unwrap();
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_server_that_breaks_off_in_a_large_body_ends_the_connection() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        Message::read(&mut BufReader::new(stream), false);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
        out.write_all(&[head.as_bytes(), &pattern(LARGE / 2)].concat())
            .unwrap();
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    Message::read_head(&mut client.reader).unwrap();
    let mut body = Vec::new();
    // A reset is as good.
    let _ended = client.reader.read_to_end(&mut body);
    assert!(body.len() <= LARGE / 2);
    assert!(pattern(LARGE).starts_with(&body));
}

#[test]
fn a_client_that_leaves_in_a_large_body_lets_the_server_go() {
    let server = sized();
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    client.send("GET /1000000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    Message::read_head(&mut client.reader).unwrap();
    drop(client);
    eventually("the server is let go", || {
        bench.server_counters(0).active == 0
    });
}

#[test]
fn a_body_without_length_is_chunked_for_the_client() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        Message::read(&mut BufReader::new(stream), false);
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        out.write_all(&[head.as_bytes(), &pattern(LARGE)].concat())
            .unwrap();
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!(response.field("transfer-encoding"), Some("chunked"));
        assert!(response.body == pattern(LARGE));
    }
}
