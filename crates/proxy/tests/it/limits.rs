//! Limits and time limits.

use std::io::{BufReader, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{
    Bench, Client, Message, TestServer, change_listener, change_pool, eventually,
};

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
}

#[test]
fn a_connection_that_never_says_anything_is_closed() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.timeouts.first_byte = SHORT * 10);
    });
    assert!(bench.connect().is_closed());
    // A request in time has all the time of a kept connection after it.
    let mut used = bench.connect();
    assert_eq!(used.get("/").status(), 200);
    std::thread::scope(|scope| {
        let waited = scope.spawn(|| bench.connect().is_closed());
        assert!(waited.join().unwrap());
    });
    assert_eq!(used.get("/").status(), 200);
}

#[test]
fn a_request_line_that_is_too_long_is_answered_414() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_request_line_bytes = 300);
    });
    assert_eq!(bench.get(&format!("/{}", "x".repeat(200))).status(), 200);
    let response = bench.get(&format!("/{}", "x".repeat(300)));
    assert_eq!(response.status(), 414);
    assert_eq!(response.field("halo-error"), Some("request_line_too_long"));
}

#[test]
fn a_request_with_too_many_header_fields_is_answered_431() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_header_fields = 3);
    });
    let with = |fields: &str| {
        bench
            .connect()
            .ask(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    };
    assert_eq!(with("A: 1\r\nB: 2\r\n").status(), 200);
    let response = with("A: 1\r\nB: 2\r\nC: 3\r\n");
    assert_eq!(response.status(), 431);
    assert_eq!(response.field("halo-error"), Some("too_many_fields"));
}

#[test]
fn a_body_that_comes_too_slowly_is_answered_408() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| {
            l.timeouts.idle = SHORT * 4;
            l.min_body_rate = 1000;
        });
    });
    let mut client = bench.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    let mut slow = client.reader.get_ref().try_clone().unwrap();
    // A byte now and then: never idle, and far below the rate.
    let (answered, stop) = mpsc::channel::<()>();
    let dribble = std::thread::spawn(move || {
        while stop.recv_timeout(SHORT / 2) == Err(mpsc::RecvTimeoutError::Timeout) {
            if slow.write_all(b"x").is_err() {
                return;
            }
        }
    });
    let response = client.receive();
    drop(answered);
    dribble.join().unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(response.field("halo-error"), Some("body_too_slow"));
}

#[test]
fn a_client_that_reads_too_slowly_is_cut_off() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        Message::read(&mut BufReader::new(stream), false);
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
        if out.write_all(head.as_bytes()).is_ok() {
            // Until the proxy closes.
            while out.write_all(&[b'x'; 65536]).is_ok() {}
        }
    });
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| {
            l.timeouts.idle = SHORT * 4;
            l.min_read_rate = 1_000_000_000;
        });
    });
    let mut client = bench.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.reader.read_exact(&mut [0]).unwrap();
    // The kernel's buffers fill, and then it takes a byte now and then.
    eventually("it is cut off", || {
        let taken = client.reader.get_ref().read(&mut [0]);
        taken.is_ok() && bench.proxy.counters().listeners[0].connections == 0
    });
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

#[test]
fn a_trailer_section_that_is_too_large_is_answered_431() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_trailer_bytes = 20);
    });
    let post = |trailer: &str| {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        bench.connect().ask(&format!("{head}0\r\n{trailer}\r\n"))
    };
    assert_eq!(post("Sum: 0123\r\n").status(), 200);
    let refused = post("Sum: 0123456789012345\r\n");
    assert_eq!(refused.status(), 431);
    assert_eq!(refused.field("halo-error"), Some("trailer_too_large"));
}

#[test]
fn too_many_options_of_a_connection_are_answered_400() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.max_connection_options = 2);
    });
    let get = |options: &str| {
        bench.connect().ask(&format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: {options}\r\n\r\n"
        ))
    };
    assert_eq!(get("a, b").status(), 200);
    let refused = get("a, b, c");
    assert_eq!(refused.status(), 400);
    assert!(refused.body_text().contains("Connection"));
}

/// A server that answers with what the path names.
fn answering(answers: &'static [(&'static str, String)]) -> TestServer {
    TestServer::http(|request| {
        let path = request.first_line.split(' ').nth(1).unwrap();
        let answer = answers.iter().find(|(name, _)| *name == path);
        answer.unwrap().1.clone()
    })
}

#[test]
fn a_response_beyond_what_its_pool_allows_is_answered_502_and_says_why() {
    let with = |fields: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n");
    let interim = |count: usize| "HTTP/1.1 102 Processing\r\n\r\n".repeat(count) + &with("");
    let server = answering(Box::leak(Box::new([
        ("/bytes", with(&format!("X: {}\r\n", "x".repeat(1900)))),
        (
            "/too-many-bytes",
            with(&format!("X: {}\r\n", "x".repeat(2000))),
        ),
        ("/fields", with(&"X: y\r\n".repeat(9))),
        ("/too-many-fields", with(&"X: y\r\n".repeat(10))),
        ("/interim", interim(3)),
        ("/too-many-interim", interim(4)),
    ])));
    let bench = Bench::with(&[server.address], |config| {
        change_pool(config, |pool| {
            pool.max_header_bytes = 2000;
            pool.max_header_fields = 10;
            pool.max_interim_responses = 3;
        });
    });
    for (path, why) in [
        ("bytes", "header section too large"),
        ("fields", "too many header fields"),
        ("interim", "too many interim responses"),
    ] {
        let mut client = bench.connect();
        let mut response = client.get(&format!("/{path}"));
        while response.status() == 102 {
            response = client.receive();
        }
        assert_eq!(response.status(), 200, "{path}");
        let mut refused = bench.connect();
        let mut response = refused.get(&format!("/too-many-{path}"));
        while response.status() == 102 {
            response = refused.receive();
        }
        assert_eq!(response.status(), 502, "{path}");
        assert_eq!(response.field("halo-error"), Some("bad_response"));
        assert!(response.body_text().contains(why), "{path}");
    }
}

#[test]
fn a_trailer_section_of_a_response_beyond_what_its_pool_allows_breaks_it_off() {
    let chunked = |trailer: &str| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{trailer}\r\n")
    };
    let server = answering(Box::leak(Box::new([
        ("/small", chunked("Sum: 0123\r\n")),
        ("/large", chunked("Sum: 0123456789012345\r\n")),
    ])));
    let bench = Bench::with(&[server.address], |config| {
        change_pool(config, |pool| pool.max_trailer_bytes = 20);
    });
    assert_eq!(bench.get("/small").body_text(), "a");
    let mut client = bench.connect();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = Message::read(&mut client.reader, false);
    assert!(answer.is_none_or(|answer| answer.status() == 502));
}
