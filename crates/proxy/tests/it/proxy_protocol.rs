//! PROXY headers, in and out, and routes by the server name of TLS.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use halo_config::{HostMatch, Protocol, ProxyProtocol};
use halo_packet::proxy::{self, Endpoints, Header, Version};

use crate::support::{Bench, Client, TestServer, change_listener, change_pool, pool, route};

/// Answers with all that it got, headers before the first byte included.
fn repeat() -> TestServer {
    TestServer::start(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    })
}

fn said_by(client: &mut Client) -> Vec<u8> {
    client.reader.get_mut().shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    client.reader.read_to_end(&mut all).unwrap();
    all
}

fn ends(source: &str, destination: &str) -> Endpoints {
    Endpoints {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn header(version: Version, ends: Option<Endpoints>) -> Vec<u8> {
    let mut buf = [0; proxy::MAX_ENCODED];
    let length = proxy::encode(version, ends, &mut buf).unwrap();
    buf[..length].to_vec()
}

/// A TCP listener that takes headers from everywhere on this machine.
fn behind_a_proxy(servers: &[SocketAddr], out: Option<ProxyProtocol>) -> Bench {
    Bench::with(servers, |config| {
        change_listener(config, |l| {
            l.protocol = Protocol::Tcp;
            l.proxy_protocol = vec!["127.0.0.0/8".parse().unwrap()];
            l.timeouts.header = Duration::from_millis(300);
        });
        change_pool(config, |p| p.proxy_protocol = out);
    })
}

#[test]
fn servers_are_told_who_the_client_is_in_either_version() {
    let server = repeat();
    for (version, wire) in [
        (ProxyProtocol::V1, Version::V1),
        (ProxyProtocol::V2, Version::V2),
    ] {
        let bench = Bench::with(&[server.address], |config| {
            change_listener(config, |l| l.protocol = Protocol::Tcp);
            change_pool(config, |p| p.proxy_protocol = Some(version));
        });
        let mut client = bench.connect();
        let ends = Endpoints {
            source: client.reader.get_ref().local_addr().unwrap(),
            destination: bench.address,
        };
        client.send("hello");
        let expected = [header(wire, Some(ends)), b"hello".to_vec()].concat();
        assert_eq!(said_by(&mut client), expected);
    }
}

#[test]
fn the_client_that_a_proxy_names_is_the_one_that_servers_are_told() {
    let server = repeat();
    let bench = behind_a_proxy(&[server.address], Some(ProxyProtocol::V2));
    let ends = ends("[2001:db8::7]:1234", "[2001:db8::1]:443");
    for version in [Version::V1, Version::V2] {
        let sent = [header(version, Some(ends)), b"hello".to_vec()].concat();
        // In one piece, and byte by byte.
        for size in [sent.len(), 1] {
            let mut client = bench.connect();
            for piece in sent.chunks(size) {
                client.reader.get_mut().write_all(piece).unwrap();
            }
            let expected = [header(Version::V2, Some(ends)), b"hello".to_vec()].concat();
            assert_eq!(said_by(&mut client), expected);
        }
    }
}

#[test]
fn a_proxys_own_connection_keeps_its_real_ends() {
    let server = repeat();
    let bench = behind_a_proxy(&[server.address], Some(ProxyProtocol::V1));
    let mut client = bench.connect();
    let local = client.reader.get_ref().local_addr().unwrap();
    client
        .reader
        .get_mut()
        .write_all(&header(Version::V2, None))
        .unwrap();
    let told = said_by(&mut client);
    let (told, _) = proxy::decode(&told).unwrap().unwrap();
    assert_eq!(
        told,
        Header::Proxied(Endpoints {
            source: local,
            destination: bench.address
        })
    );
}

#[test]
fn a_proxy_that_sends_no_header_or_half_of_one_is_not_served() {
    let server = repeat();
    let bench = behind_a_proxy(&[server.address], None);
    for text in [
        "GET / HTTP/1.1\r\n\r\n",
        "PROXY TCP4 1.2.3.4",
        "",
        "PROXY TCP9 \r\n",
    ] {
        let mut client = bench.connect();
        client.send(text);
        assert!(client.is_closed(), "{text:?}");
    }
    let mut client = bench.connect();
    client.send("PROXY TCP4 1.2.3.4");
    client.reader.get_mut().shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed());
    assert_eq!(server.connections(), 0);
}

#[test]
fn from_other_networks_a_header_is_not_taken() {
    let server = repeat();
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| {
            l.protocol = Protocol::Tcp;
            l.proxy_protocol = vec!["192.0.2.0/24".parse().unwrap()];
        });
    });
    let mut client = bench.connect();
    client.send("PROXY UNKNOWN\r\nhello");
    assert_eq!(said_by(&mut client), b"PROXY UNKNOWN\r\nhello");
}

#[test]
fn http_servers_learn_the_client_that_a_proxy_names() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| {
            l.proxy_protocol = vec!["127.0.0.0/8".parse().unwrap()];
        });
    });
    let mut client = bench.connect();
    client.send("PROXY TCP4 192.0.2.77 192.0.2.1 1000 80\r\n");
    let answer = client.get("/").body_text();
    assert!(answer.contains("x-forwarded-for: 192.0.2.77"), "{answer}");
    // The header stands before the connection, not before each request.
    let answer = client.get("/").body_text();
    assert!(answer.contains("x-forwarded-for: 192.0.2.77"), "{answer}");
}

#[test]
fn http_requests_of_two_clients_never_share_a_connection_that_names_one() {
    let server = TestServer::start(|mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_err() {
                return;
            }
            head.push(byte[0]);
        }
        let first = String::from_utf8_lossy(&head);
        let first = first.lines().next().unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{first}",
            first.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
        // Left open: it is the proxy that must not use it again.
        stream.read_to_end(&mut head).unwrap();
    });
    let bench = Bench::with(&[server.address], |config| {
        change_pool(config, |p| {
            p.proxy_protocol = Some(ProxyProtocol::V1);
            p.max_idle = 0;
        });
    });
    for _ in 0..2 {
        let mut client = bench.connect();
        let local = client.reader.get_ref().local_addr().unwrap();
        let line = format!(
            "PROXY TCP4 127.0.0.1 127.0.0.1 {} {}",
            local.port(),
            bench.address.port()
        );
        assert_eq!(client.get("/").body_text(), line);
        assert_eq!(client.get("/").body_text(), line);
    }
    assert_eq!(server.connections(), 4);
}

#[test]
fn a_pool_that_comes_to_send_headers_uses_no_connection_from_before() {
    let server = TestServer::start(|mut stream| {
        let mut head = Vec::new();
        loop {
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_err() {
                return;
            }
            head.push(byte[0]);
            if head.ends_with(b"\r\n\r\n") {
                let named = if head.starts_with(b"PROXY ") {
                    "yes"
                } else {
                    "no"
                };
                let length = named.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{named}");
                stream.write_all(answer.as_bytes()).unwrap();
                head.clear();
            }
        }
    });
    let mut bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    assert_eq!(client.get("/").body_text(), "no");
    change_pool(&mut bench.config, |p| {
        p.proxy_protocol = Some(ProxyProtocol::V1);
        p.max_idle = 0;
    });
    bench.proxy.apply(&bench.config, 2).unwrap();
    assert_eq!(client.get("/").body_text(), "yes");
    assert_eq!(client.get("/").body_text(), "yes");
}

/// A TLS 1.2 client hello for a name, in records of `size` bytes.
fn client_hello(name: &str, size: usize) -> Vec<u8> {
    let length = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let name = [&[0][..], &length(name.len()), name.as_bytes()].concat();
    let list = [&length(name.len())[..], &name].concat();
    let extension = [&[0, 0][..], &length(list.len()), &list].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &[0, 2, 0x13, 1],
        &[1, 0],
        &length(extension.len()),
        &extension,
    ]
    .concat();
    let message = [&[1, 0][..], &length(body.len()), &body].concat();
    message
        .chunks(size)
        .flat_map(|part| [&[22, 3, 1][..], &length(part.len()), part].concat())
        .collect()
}

#[test]
fn tls_is_routed_by_its_server_name_and_passed_on_whole() {
    let (one, two, other) = (repeat(), repeat(), repeat());
    let bench = Bench::with(&[other.address], |config| {
        change_listener(config, |l| l.protocol = Protocol::Tcp);
        config.pools.push(pool("one", &[one.address]).into());
        config.pools.push(pool("two", &[two.address]).into());
        let exact = HostMatch::Exact("a.example.com".into());
        config.routes.push(route(Some(exact), "/", "one"));
        let suffix = HostMatch::Suffix("example.com".into());
        config.routes.push(route(Some(suffix), "/", "two"));
    });
    for (name, size, server) in [
        ("a.example.com", 1000, &one),
        ("A.Example.COM", 3, &one),
        ("b.c.example.com", 1000, &two),
        ("example.org", 1000, &other),
    ] {
        let before = server.connections();
        let mut client = bench.connect();
        let hello = client_hello(name, size);
        client.reader.get_mut().write_all(&hello).unwrap();
        assert_eq!(said_by(&mut client), hello, "{name}");
        assert_eq!(server.connections(), before + 1, "{name}");
    }
}

#[test]
fn a_name_without_a_route_is_told_so_in_tls_and_what_is_not_tls_is_closed() {
    let server = repeat();
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| {
            l.protocol = Protocol::Tcp;
            l.pool = None;
        });
        config.pools.push(pool("one", &[server.address]).into());
        let exact = HostMatch::Exact("a.example.com".into());
        config.routes.push(route(Some(exact), "/", "one"));
    });
    let mut client = bench.connect();
    let hello = client_hello("b.example.com", 1000);
    client.reader.get_mut().write_all(&hello).unwrap();
    let mut alert = [0; 7];
    client.reader.read_exact(&mut alert).unwrap();
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 112]);
    let mut client = bench.connect();
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert!(client.is_closed());
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_server_may_speak_first() {
    let server = TestServer::start(|mut stream| {
        stream.write_all(b"220 ready\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.protocol = Protocol::Tcp);
    });
    let mut client = bench.connect();
    let mut banner = [0; 11];
    client.reader.read_exact(&mut banner).unwrap();
    assert_eq!(&banner, b"220 ready\r\n");
}
