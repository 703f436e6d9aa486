//! Servers that fail, and requests that must not be passed on.

use std::io::{BufReader, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use halo_proxy::ServerState;

use crate::support::{Bench, Message, TestServer, change_pool, eventually, refusing, tally};

const DOWN: ServerState = ServerState {
    available: false,
    weight: 1,
};
const UP: ServerState = ServerState {
    available: true,
    weight: 1,
};

#[test]
fn a_refused_connect_is_tried_on_another_server() {
    let (dead, alive) = (refusing(), TestServer::echo("alive"));
    let bench = Bench::http(&[dead.address, alive.address]);
    for _ in 0..6 {
        assert_eq!(bench.get("/").server(), "alive");
    }
    let dead = bench.server_counters(0);
    assert!(dead.connect_failures > 0);
    assert_eq!(dead.retries, dead.connect_failures);
    assert_eq!(dead.active, 0);
}

#[test]
fn a_body_survives_the_retry() {
    let (dead, alive) = (refusing(), TestServer::echo("alive"));
    let bench = Bench::http(&[dead.address, alive.address]);
    for _ in 0..4 {
        let response = bench
            .connect()
            .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        assert!(response.body_text().ends_with("hello"));
    }
}

#[test]
fn when_every_connect_fails_the_answer_is_502() {
    let (a, b) = (refusing(), refusing());
    let bench = Bench::http(&[a.address, b.address]);
    let response = bench.get("/");
    assert_eq!(response.status(), 502);
    assert_eq!(response.field("halo-error"), Some("connect_failed"));
    assert!(response.body_text().contains("Connection refused"));
}

#[test]
fn retries_end_where_the_pool_says() {
    let dead: Vec<_> = (0..3).map(|_| refusing()).collect();
    let addresses: Vec<_> = dead.iter().map(|d| d.address).collect();
    let bench = Bench::with(&addresses, |config| change_pool(config, |p| p.retries = 0));
    assert_eq!(bench.get("/").status(), 502);
    let failures: u64 = (0..3)
        .map(|i| bench.server_counters(i).connect_failures)
        .sum();
    assert_eq!(failures, 1);
}

#[test]
fn a_pool_without_an_available_server_is_answered_503() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    bench.proxy.set_server("app", "s0", DOWN).unwrap();
    let response = bench.get("/");
    assert_eq!(response.status(), 503);
    assert_eq!(response.field("halo-error"), Some("no_server"));
    assert_eq!(server.connections(), 0);
    bench.proxy.set_server("app", "s0", UP).unwrap();
    assert_eq!(bench.get("/").status(), 200);
}

#[test]
fn an_unknown_server_is_named() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let error = bench.proxy.set_server("app", "nobody", DOWN).unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");
}

#[test]
fn a_server_made_unavailable_under_traffic_gets_nothing_more_and_nothing_fails() {
    let (a, b) = (TestServer::echo("a"), TestServer::echo("b"));
    let bench = Bench::http(&[a.address, b.address]);
    let mut client = bench.connect();
    let before = tally((0..10).map(|_| client.get("/").server()));
    assert_eq!((before["a"], before["b"]), (5, 5));
    bench.proxy.set_server("app", "s0", DOWN).unwrap();
    // From the very next request on, although connections to it are idle.
    let after = tally((0..10).map(|_| client.get("/").server()));
    assert_eq!(after.get("a"), None);
    assert_eq!(after["b"], 10);
}

#[test]
fn an_idle_connection_that_the_server_closed_costs_no_request() {
    // Closes after each response without saying so.
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        if Message::read(&mut BufReader::new(stream), false).is_some() {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
        }
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    for i in 0..50 {
        assert_eq!(client.get("/").status(), 200, "request {i}");
    }
    assert_eq!(bench.server_counters(0).connect_failures, 0);
}

#[test]
fn a_post_that_a_server_may_have_seen_is_not_sent_twice() {
    // Reads the second request of a connection and closes without an answer.
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        if Message::read(&mut reader, false).is_some() {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
            Message::read(&mut reader, false);
        }
    });
    let bench = Bench::http(&[server.address]);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let mut client = bench.connect();
    assert_eq!(client.ask(post).status(), 200);
    let response = client.ask(post);
    assert_eq!(response.status(), 502);
    assert_eq!(response.field("halo-error"), Some("server_closed"));
    // A GET in the same place is sent again.
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn a_server_that_takes_too_long_is_answered_504() {
    let server = TestServer::start(|stream| {
        let mut reader = BufReader::new(stream);
        Message::read(&mut reader, false);
        // Holds the connection open until the proxy gives up.
        Message::read(&mut reader, false);
    });
    let bench = Bench::with(&[server.address], |config| {
        change_pool(config, |p| p.timeouts.response = Duration::from_millis(50));
    });
    let response = bench.get("/");
    assert_eq!(response.status(), 504);
    assert_eq!(response.field("halo-error"), Some("response_timeout"));
    eventually("the lease ends", || bench.server_counters(0).active == 0);
}

#[test]
fn a_response_that_is_not_http_is_answered_502() {
    for bad in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ] {
        let server = TestServer::http(|_| bad.to_owned());
        let bench = Bench::http(&[server.address]);
        let response = bench.get("/");
        assert_eq!(response.status(), 502, "{bad}");
        assert_eq!(response.field("halo-error"), Some("bad_response"), "{bad}");
    }
}

#[test]
fn a_response_that_breaks_off_is_not_made_to_look_whole() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        Message::read(&mut BufReader::new(stream), false);
        out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            .unwrap();
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(Message::read(&mut client.reader, false).is_none());
}

#[test]
fn requests_that_must_not_be_passed_on_are_refused() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    let server = TestServer::http(|_| {
        ASKED.store(true, Ordering::SeqCst);
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let bench = Bench::http(&[server.address]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            400,
        ),
    ] {
        assert_eq!(bench.connect().ask(request).status(), status, "{request}");
    }
    assert!(!ASKED.load(Ordering::SeqCst));
}
