//! Requests that come through: what is kept, what is changed, where they go.

use std::io::Write;

use halo_config::{Balance, HostMatch};

use crate::support::{Bench, Client, TestServer, change_listener, change_pool, pool, route, tally};

/// As `Sun, 06 Nov 1994 08:49:37 GMT`.
fn is_a_date(text: &str) -> bool {
    let form = "aaa, 00 aaa 0000 00:00:00 GMT";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(is, form)| match form {
            'a' => is.is_ascii_alphabetic(),
            '0' => is.is_ascii_digit(),
            other => is == other,
        })
}

/// RFC 9110 section 6.6.1.
#[test]
fn a_response_has_a_date_the_servers_or_ours() {
    let server = TestServer::http(|request| {
        let date = if request.first_line.contains("/dated") {
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        } else {
            ""
        };
        format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\n\r\n")
    });
    let bench = Bench::http(&[server.address]);
    let dated = bench.get("/dated");
    assert_eq!(dated.field("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert!(is_a_date(bench.get("/").field("date").unwrap()));
    let refused = bench.connect().ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(refused.status(), 405);
    assert!(is_a_date(refused.field("date").unwrap()));
}

#[test]
fn both_sides_keep_their_connections_alive() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    for i in 0..20 {
        let response = client.get(&format!("/{i}"));
        assert_eq!(response.status(), 200);
        assert!(response.body_text().contains(&format!("GET /{i} HTTP/1.1")));
    }
    assert_eq!(server.connections(), 1);
    let counters = bench.proxy.counters();
    assert_eq!(counters.listeners[0].requests_total, 20);
    assert_eq!(counters.listeners[0].connections_total, 1);
    assert_eq!(counters.listeners[0].responses_total, [0, 20, 0, 0, 0]);
    assert!(counters.listeners[0].bytes_in > 20 * 30 && counters.listeners[0].bytes_out > 20 * 30);
    assert_eq!(counters.pools[0].servers[0].total, 20);
}

#[test]
fn forwarded_fields_say_who_asked_for_what() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let seen = bench
        .connect()
        .ask("GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
        .body_text();
    assert!(seen.contains("\nhost: shop.example\n"), "{seen}");
    assert!(seen.contains("\nx-forwarded-for: 127.0.0.1\n"), "{seen}");
    assert!(seen.contains("\nx-forwarded-proto: http\n"), "{seen}");
    assert!(
        seen.contains("\nx-forwarded-host: shop.example\n"),
        "{seen}"
    );
}

#[test]
fn forwarded_fields_of_a_trusted_client_are_added_to() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.trust_forwarded = true);
    });
    let seen = bench
        .connect()
        .ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\r\n")
        .body_text();
    assert!(
        seen.contains("\nx-forwarded-for: 6.6.6.6, 127.0.0.1\n"),
        "{seen}"
    );
    assert!(seen.contains("\nx-forwarded-proto: https\n"), "{seen}");
}

#[test]
fn hop_by_hop_fields_stay_on_their_hop() {
    let server = TestServer::http(|request| {
        let body = request.text();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 2\r\n\r\n{body}",
            body.len()
        )
    });
    let bench = Bench::http(&[server.address]);
    let response = bench.connect().ask(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nTE: gzip\r\nProxy-Connection: x\r\nX-End: 2\r\n\r\n",
    );
    let seen = response.body_text();
    for gone in ["x-secret", "te:", "proxy-connection", "\nconnection"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    assert!(seen.contains("\nx-end: 2\n"), "{seen}");
    assert_eq!(response.field("x-hop"), None);
    assert_eq!(response.field("keep-alive"), None);
    assert_eq!(response.field("x-end"), Some("2"));
}

#[test]
fn routes_lead_to_their_pools() {
    let (web, api, deep) = (
        TestServer::echo("web"),
        TestServer::echo("api"),
        TestServer::echo("deep"),
    );
    let bench = Bench::with(&[web.address], |config| {
        config.pools.push(pool("api", &[api.address]).into());
        config.pools.push(pool("deep", &[deep.address]).into());
        let host = HostMatch::Suffix("example.com".to_owned());
        config.routes = vec![route(Some(host), "/", "api"), route(None, "/deep", "deep")];
    });
    let mut client = bench.connect();
    for (host, path, expected) in [
        ("other", "/", "web"),
        ("api.example.com:80", "/", "api"),
        ("other", "/deep/er", "deep"),
        ("other", "/deeper", "web"),
    ] {
        let response = client.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(response.server(), expected, "{host}{path}");
    }
    // An absolute target counts (RFC 9112 section 3.2.2), and a Host beside it must agree.
    let response =
        client.ask("GET http://api.example.com/x?y HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    assert_eq!(response.server(), "api");
    assert!(response.body_text().contains("GET /x?y HTTP/1.1"));
    assert!(response.body_text().contains("host: api.example.com\n"));
}

#[test]
fn what_no_route_matches_is_answered_404() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.pool = None);
        config.routes = vec![route(None, "/only", "app")];
    });
    assert_eq!(bench.get("/only/this").status(), 200);
    let response = bench.get("/else");
    assert_eq!(response.status(), 404);
    assert_eq!(response.field("halo-error"), Some("no_route"));
}

#[test]
fn servers_get_their_weighted_share() {
    let (a, b) = (TestServer::echo("a"), TestServer::echo("b"));
    let bench = Bench::with(&[a.address, b.address], |config| {
        change_pool(config, |pool| {
            pool.balance = Balance::WeightedRoundRobin;
            pool.servers[0].weight = 3;
        });
    });
    let mut client = bench.connect();
    let shares = tally((0..40).map(|_| client.get("/").server()));
    assert_eq!((shares["a"], shares["b"]), (30, 10));
}

#[test]
fn bodies_go_through_both_ways_whatever_their_framing() {
    let server = TestServer::http(|request| {
        let body = request.body_text();
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    let long = "x".repeat(300_000);
    let sized = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{long}",
        long.len()
    );
    assert_eq!(client.ask(&sized).body_text(), long);
    for method in ["POST", "GET"] {
        let chunked = format!(
            "{method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        );
        assert_eq!(client.ask(&chunked).body_text(), "hello world", "{method}");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn the_answer_to_head_has_its_length_and_no_body() {
    let server = TestServer::http(|request| {
        assert!(request.first_line.starts_with("HEAD "));
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_owned()
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = crate::support::Message::read(&mut client.reader, true).unwrap();
        assert_eq!(response.field("content-length"), Some("1234"));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_client_of_http_1_0_is_served_and_closed() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    let response = client.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(response.status(), 200);
    assert!(client.is_closed());
}

#[test]
fn the_body_waits_for_the_servers_100_continue() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = std::io::BufReader::new(stream);
        let head = crate::support::Message::read_head(&mut reader).unwrap();
        assert_eq!(head.field("expect"), Some("100-continue"));
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let mut body = [0; 5];
        std::io::Read::read_exact(&mut reader, &mut body).unwrap();
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            .unwrap();
        out.write_all(&body).unwrap();
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let interim = crate::support::Message::read_head(&mut client.reader).unwrap();
    assert_eq!(interim.status(), 100);
    assert_eq!(client.ask("hello").body_text(), "hello");
}

#[test]
fn a_final_answer_to_an_expectation_spares_the_body() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = std::io::BufReader::new(stream);
        crate::support::Message::read_head(&mut reader).unwrap();
        out.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
            .unwrap();
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    let response = client
        .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(response.status(), 401);
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let mut client: Client = bench.connect();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.receive().body_text().contains("GET /1 "));
    assert!(client.receive().body_text().contains("GET /2 "));
}
