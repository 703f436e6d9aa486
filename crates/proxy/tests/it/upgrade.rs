//! WebSocket.

use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use crate::support::{Bench, Message, TestServer, change_listener, eventually, route};

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Switches protocols, says hello in the same packet, and sends back what it gets.
fn echo() -> TestServer {
    TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        let Some(request) = Message::read(&mut reader, false) else {
            return;
        };
        assert_eq!(request.field("upgrade"), Some("websocket"));
        assert_eq!(request.field("connection"), Some("upgrade"));
        assert!(request.field("sec-websocket-key").is_some());
        out.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello")
            .unwrap();
        std::io::copy(&mut reader, &mut out).unwrap();
    })
}

#[test]
fn after_101_bytes_go_both_ways_untouched() {
    let server = echo();
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    // The first bytes of the new protocol come right behind the handshake.
    client.send(&format!("{HANDSHAKE}first "));
    let switched = Message::read_head(&mut client.reader).unwrap();
    assert_eq!(switched.status(), 101);
    assert_eq!(switched.field("upgrade"), Some("websocket"));
    assert_eq!(
        switched.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    client.send("second");
    client.reader.get_mut().shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.reader.read_to_string(&mut received).unwrap();
    assert_eq!(received, "hellofirst second");
    eventually("the server is let go", || {
        bench.server_counters(0).active == 0
    });
    assert_eq!(
        bench.proxy.counters().listeners[0].responses_total,
        [1, 0, 0, 0, 0]
    );
}

#[test]
fn a_route_can_forbid_it() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        let mut route = route(None, "/", "app");
        route.websocket = false;
        config.routes = vec![route];
    });
    let response = bench.connect().ask(HANDSHAKE);
    assert_eq!(response.status(), 403);
    assert_eq!(response.field("halo-error"), Some("websocket_refused"));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_server_may_decline() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    assert_eq!(client.ask(HANDSHAKE).status(), 200);
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn any_other_protocol_is_not_offered_to_the_server() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let response = bench.connect().ask(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    let seen = response.body_text();
    assert!(
        !seen.contains("upgrade") && !seen.contains("http2"),
        "{seen}"
    );
}

#[test]
fn a_tunnel_without_traffic_is_closed() {
    let server = echo();
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.timeouts.idle = Duration::from_millis(50));
    });
    let mut client = bench.connect();
    client.send(HANDSHAKE);
    assert_eq!(
        Message::read_head(&mut client.reader).unwrap().status(),
        101
    );
    client.reader.read_exact(&mut [0; 5]).unwrap();
    assert!(client.is_closed());
}
