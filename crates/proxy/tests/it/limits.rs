//! Limits and time limits.

use std::io::{BufReader, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Bench, Client, Message, TestServer, change_listener, eventually};

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_body_that_is_declared_too_large_is_answered_413() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_body_bytes = 10);
    });
    let mut client = bench.connect();
    let fits = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789";
    assert_eq!(client.ask(fits).status(), 200);
    let response = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    assert_eq!(response.status(), 413);
    assert_eq!(response.field("connection"), Some("close"));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_body_that_turns_out_too_large_is_answered_413() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_body_bytes = 10);
    });
    let response = bench.connect().ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n",
    );
    assert_eq!(response.status(), 413);
    assert_eq!(response.field("halo-error"), Some("body_too_large"));
}

#[test]
fn a_header_section_that_is_too_large_is_answered_431() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_header_bytes = 1000);
    });
    let fits = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(900)
    );
    assert_eq!(bench.connect().ask(&fits).status(), 200);
    let large = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(2000)
    );
    assert_eq!(bench.connect().ask(&large).status(), 431);
    assert_eq!(server.connections(), 1);
    eventually("the refusal is counted", || {
        bench.proxy.counters().listeners[0].responses_total[3] == 1
    });
}

#[test]
fn a_header_section_that_takes_too_long_is_answered_408() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.timeouts.header = SHORT);
    });
    let mut client = bench.connect();
    assert_eq!(client.get("/").status(), 200);
    let response = client.ask("GET / HTTP/1.1\r\nHost:");
    assert_eq!(response.status(), 408);
    assert_eq!(response.field("halo-error"), Some("header_timeout"));
    assert!(client.is_closed());
}

#[test]
fn a_connection_that_waits_too_long_for_a_request_is_closed_without_a_word() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.timeouts.keep_alive = SHORT);
    });
    let mut used = bench.connect();
    assert_eq!(used.get("/").status(), 200);
    assert!(used.is_closed());
    assert!(bench.connect().is_closed());
}

#[test]
fn a_body_that_stalls_ends_the_connection() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.timeouts.idle = SHORT);
    });
    let mut client = bench.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n012");
    assert!(client.is_closed());
    eventually("the server is let go", || {
        bench.server_counters(0).active == 0
    });
}

#[test]
fn a_slow_server_is_not_the_clients_idleness() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        stream.set_read_timeout(Some(SHORT * 4)).unwrap();
        let mut reader = BufReader::new(stream);
        Message::read(&mut reader, false).unwrap();
        // The read that times out is the server's time to think.
        assert!(reader.read(&mut [0]).is_err());
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.timeouts.idle = SHORT);
    });
    assert_eq!(bench.get("/").status(), 200);
}

#[test]
fn beyond_max_connections_a_client_waits_until_another_leaves() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_connections = 2);
    });
    let mut first: Vec<Client> = (0..2).map(|_| bench.connect()).collect();
    for client in &mut first {
        assert_eq!(client.get("/").status(), 200);
    }
    let (done, third) = mpsc::channel();
    let address = bench.address;
    let waiting = std::thread::spawn(move || {
        let response = Client::connect(address).get("/");
        done.send(()).unwrap();
        response.status()
    });
    assert!(
        third.recv_timeout(SHORT * 4).is_err(),
        "served beyond the limit"
    );
    assert_eq!(bench.proxy.counters().listeners[0].connections, 2);
    drop(first.pop());
    assert_eq!(waiting.join().unwrap(), 200);
}
