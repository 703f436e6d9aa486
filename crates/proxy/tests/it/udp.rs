//! UDP listeners.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use halo_config::{Config, Listener, Protocol, UdpMode};
use halo_proxy::{Proxy, ServerState};

use crate::support::{PATIENCE, config, eventually, listener, pool, start};

struct Udp {
    proxy: Proxy,
    config: Config,
    address: SocketAddr,
}

impl Udp {
    fn new(mode: UdpMode, servers: &[SocketAddr], change: impl FnOnce(&mut Listener)) -> Self {
        // Not leased: a socket that stayed bound would get a part of the datagrams.
        let address = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut listener = listener("main", address, "app");
        listener.protocol = Protocol::Udp;
        listener.udp_mode = mode;
        change(&mut listener);
        let mut config = config();
        config.listeners.push(Arc::new(listener));
        config.pools.push(Arc::new(pool("app", servers)));
        let proxy = start(2);
        proxy.apply(&config, 1).unwrap();
        Self {
            proxy,
            config,
            address,
        }
    }

    fn client(&self) -> UdpSocket {
        client_of(self.address)
    }

    fn counters(&self) -> halo_proxy::Counters {
        self.proxy.counters()
    }
}

fn client_of(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(address).unwrap();
    socket
}

fn ask(client: &UdpSocket, text: &str) -> String {
    client.send(text.as_bytes()).unwrap();
    hear(client)
}

fn hear(client: &UdpSocket) -> String {
    let mut buf = [0; 65_536];
    let length = client.recv(&mut buf).unwrap();
    String::from_utf8_lossy(&buf[..length]).into_owned()
}

/// Answers each datagram by its own name and the datagram.
fn echo(name: &'static str) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buf = [0; 65_536];
        while let Ok((length, from)) = socket.recv_from(&mut buf) {
            let text = String::from_utf8_lossy(&buf[..length]).into_owned();
            // The client may have gone.
            socket
                .send_to(format!("{name} {text}").as_bytes(), from)
                .ok();
        }
    });
    address
}

/// A query for a name of four letters.
fn query(id: u16, name: &str) -> Vec<u8> {
    assert_eq!(name.len(), 4);
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4]);
    bytes.extend(name.as_bytes());
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn answer_to(query: &[u8]) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    answer
}

#[test]
fn a_client_keeps_its_server_and_clients_are_balanced() {
    let udp = Udp::new(UdpMode::Session, &[echo("a"), echo("b")], |_| {});
    let mut servers = Vec::new();
    for _ in 0..8 {
        let client = udp.client();
        let first = ask(&client, "1");
        for i in 2..5 {
            let text = i.to_string();
            assert_eq!(ask(&client, &text), format!("{} {text}", &first[..1]));
        }
        servers.push(first);
    }
    assert!(servers.contains(&"a 1".to_owned()) && servers.contains(&"b 1".to_owned()));
    let counters = udp.counters();
    let listener = &counters.listeners[0];
    assert_eq!(listener.protocol, "udp");
    assert_eq!((listener.connections, listener.connections_total), (8, 8));
    assert_eq!((listener.datagrams_in, listener.datagrams_out), (32, 32));
    assert_eq!((listener.bytes_in, listener.bytes_out), (32, 96));
    assert_eq!(
        counters.pools[0]
            .servers
            .iter()
            .map(|s| s.total)
            .sum::<u64>(),
        8
    );
}

#[test]
fn datagrams_of_every_size_pass_whole() {
    let udp = Udp::new(UdpMode::Session, &[echo("a")], |_| {});
    let client = udp.client();
    for size in [0, 1, 512, 1472, 1473, 9000, 60_000] {
        let text = "x".repeat(size);
        assert_eq!(ask(&client, &text), format!("a {text}"), "{size}");
    }
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let port = UdpSocket::bind("0.0.0.0:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let any = SocketAddr::from(([0, 0, 0, 0], port));
    for mode in [UdpMode::Session, UdpMode::Dns] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _udp = Udp::new(mode, &[server.local_addr().unwrap()], |l| {
            l.bind = vec![any]
        });
        for last in [1, 7] {
            // Connected: it hears from this address alone.
            let client = client_of(SocketAddr::from(([127, 0, 0, last], port)));
            client.send(&query(9, "wwww")).unwrap();
            let mut buf = [0; 64];
            let (length, from) = server.recv_from(&mut buf).unwrap();
            server.send_to(&answer_to(&buf[..length]), from).unwrap();
            let length = client.recv(&mut buf).unwrap();
            assert_eq!(&buf[..length], answer_to(&query(9, "wwww")));
        }
    }
}

#[test]
fn a_session_that_is_silent_ends() {
    let udp = Udp::new(UdpMode::Session, &[echo("a")], |l| {
        l.timeouts.idle = Duration::from_millis(50);
    });
    assert_eq!(ask(&udp.client(), "1"), "a 1");
    eventually("the session is over", || {
        let counters = udp.counters();
        counters.listeners[0].connections == 0 && counters.pools[0].servers[0].active == 0
    });
}

#[test]
fn a_session_of_one_shot_ends_with_its_answer() {
    let udp = Udp::new(UdpMode::OneShot, &[echo("a"), echo("b")], |_| {});
    let client = udp.client();
    let mut servers = Vec::new();
    for i in 0..4 {
        servers.push(ask(&client, "1"));
        eventually("the session is over", || {
            let listener = &udp.counters().listeners[0];
            listener.connections == 0 && listener.connections_total == i + 1
        });
    }
    assert_eq!(servers[0], servers[2]);
    assert_ne!(servers[0], servers[1]);
}

#[test]
fn beyond_the_limit_new_clients_are_dropped_and_old_ones_served() {
    let udp = Udp::new(UdpMode::Session, &[echo("a")], |l| l.max_connections = 1);
    let (first, second) = (udp.client(), udp.client());
    assert_eq!(ask(&first, "1"), "a 1");
    second.send(b"2").unwrap();
    eventually("the second is dropped", || {
        udp.counters().listeners[0].datagrams_dropped == 1
    });
    assert_eq!(ask(&first, "3"), "a 3");
}

#[test]
fn a_server_that_refuses_is_told_of_and_its_clients_get_another() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for mode in [UdpMode::Session, UdpMode::OneShot] {
        let udp = Udp::new(mode, &[gone, echo("b")], |_| {});
        let mut words = udp.proxy.take_unreachable().unwrap();
        for _ in 0..4 {
            let client = udp.client();
            client
                .set_read_timeout(Some(Duration::from_millis(100)))
                .unwrap();
            let mut buf = [0; 16];
            // A datagram that met the refusal is lost, as UDP has it; the next one is not.
            let answered = (0..20).any(|_| {
                client.send(b"1").unwrap();
                client.recv(&mut buf).is_ok()
            });
            assert!(answered);
        }
        let word = words.try_recv().unwrap();
        assert_eq!((word.pool.as_str(), word.server.as_str()), ("app", "s0"));
    }
}

#[test]
fn queries_that_refuse_are_told_of_too() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let udp = Udp::new(UdpMode::Dns, &[gone], |_| {});
    let mut words = udp.proxy.take_unreachable().unwrap();
    udp.client().send(&query(1, "wwww")).unwrap();
    let mut word = None;
    let word = {
        let deadline = std::time::Instant::now() + PATIENCE;
        while word.is_none() && std::time::Instant::now() < deadline {
            word = words.try_recv().ok();
            thread::yield_now();
        }
        word.unwrap()
    };
    assert_eq!(word.server, "s0");
}

#[test]
fn a_session_leaves_a_server_that_is_down_and_stays_with_one_that_only_drains() {
    let (silent, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), echo("b"));
    let udp = Udp::new(UdpMode::Session, &[silent.local_addr().unwrap(), b], |_| {});
    // The one that is answered by nobody.
    let client = (0..8)
        .map(|_| udp.client())
        .find(|client| {
            client
                .set_read_timeout(Some(Duration::from_millis(100)))
                .unwrap();
            client.send(b"1").unwrap();
            client.recv(&mut [0; 16]).is_err()
        })
        .unwrap();
    let out = ServerState {
        available: false,
        weight: 1,
    };
    udp.proxy.set_server("app", "s0", out).unwrap();
    let mut buf = [0; 16];
    let moved = (0..200).any(|_| {
        client.send(b"2").unwrap();
        client.recv(&mut buf).is_ok()
    });
    assert!(moved);
    assert_eq!(&buf[..3], b"b 2");
    // Now the other way round: the server answers, and keeps its client.
    let back = ServerState {
        available: true,
        weight: 1,
    };
    udp.proxy.set_server("app", "s0", back).unwrap();
    udp.proxy.set_server("app", "s1", out).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..5 {
        assert_eq!(ask(&client, "3"), "b 3");
    }
}

#[test]
fn queries_with_the_same_id_get_their_own_answers() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let udp = Udp::new(UdpMode::Dns, &[server.local_addr().unwrap()], |_| {});
    let clients: Vec<_> = (0..10).map(|_| udp.client()).collect();
    for (i, client) in clients.iter().enumerate() {
        client.send(&query(7, &format!("c{i:03}"))).unwrap();
    }
    let mut asked = Vec::new();
    let mut buf = [0; 512];
    for _ in &clients {
        let (length, from) = server.recv_from(&mut buf).unwrap();
        asked.push((buf[..length].to_vec(), from));
    }
    let mut ids: Vec<_> = asked
        .iter()
        .map(|(query, from)| (query[..2].to_vec(), *from))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), clients.len(), "each has an ID of its own");
    for (query, from) in asked.iter().rev() {
        server.send_to(&answer_to(query), from).unwrap();
    }
    for (i, client) in clients.iter().enumerate() {
        let length = client.recv(&mut buf).unwrap();
        assert_eq!(&buf[..length], answer_to(&query(7, &format!("c{i:03}"))));
    }
    let counters = udp.counters();
    assert_eq!(counters.listeners[0].requests_total, 10);
    assert_eq!(counters.listeners[0].datagrams_dropped, 0);
    assert_eq!(counters.pools[0].servers[0].active, 0);
}

#[test]
fn what_does_not_answer_the_query_is_not_passed_on() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let udp = Udp::new(UdpMode::Dns, &[server.local_addr().unwrap()], |_| {});
    let client = udp.client();
    // Not DNS, and an answer instead of a query.
    client.send(b"hello").unwrap();
    client.send(&answer_to(&query(1, "wwww"))).unwrap();
    client.send(&query(1, "wwww")).unwrap();
    let mut buf = [0; 512];
    let (length, from) = server.recv_from(&mut buf).unwrap();
    let asked = buf[..length].to_vec();
    let mut other_id = answer_to(&asked);
    other_id[0] ^= 0x55;
    let mut other_name = answer_to(&asked);
    other_name[13] = b'x';
    for forged in [other_id, other_name, asked.clone(), b"x".to_vec()] {
        server.send_to(&forged, from).unwrap();
    }
    server.send_to(&answer_to(&asked), from).unwrap();
    // A second answer to the same query comes too late.
    server.send_to(&answer_to(&asked), from).unwrap();
    let length = client.recv(&mut buf).unwrap();
    assert_eq!(&buf[..length], answer_to(&query(1, "wwww")));
    eventually("the others are counted", || {
        udp.counters().listeners[0].datagrams_dropped == 7
    });
    assert_eq!(udp.counters().listeners[0].datagrams_out, 1);
}

#[test]
fn a_query_without_an_answer_is_forgotten() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = Udp::new(UdpMode::Dns, &[server.local_addr().unwrap()], |_| {});
    let mut config = udp.config.clone();
    Arc::make_mut(&mut config.pools[0]).timeouts.response = Duration::from_millis(50);
    udp.proxy.apply(&config, 2).unwrap();
    udp.client().send(&query(1, "wwww")).unwrap();
    eventually("it is with the server", || {
        udp.counters().pools[0].servers[0].total == 1
    });
    eventually("it is forgotten", || {
        udp.counters().pools[0].servers[0].active == 0
    });
}

#[test]
fn reloads_lose_no_datagram_and_move_no_session() {
    let (a, b) = (echo("a"), echo("b"));
    let udp = Udp::new(UdpMode::Session, &[a, b], |_| {});
    let client = udp.client();
    let first = ask(&client, "1");
    for generation in 2..50 {
        let mut config = udp.config.clone();
        let pool = Arc::make_mut(&mut config.pools[0]);
        pool.timeouts.response = Duration::from_secs(generation);
        udp.proxy.apply(&config, generation).unwrap();
        assert_eq!(ask(&client, "1"), first);
    }
    assert_eq!(udp.counters().listeners[0].connections_total, 1);
}

#[test]
fn a_query_in_flight_is_answered_while_the_node_drains() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let udp = Udp::new(UdpMode::Dns, &[server.local_addr().unwrap()], |_| {});
    let client = udp.client();
    client.send(&query(1, "wwww")).unwrap();
    let mut buf = [0; 512];
    let (length, from) = server.recv_from(&mut buf).unwrap();
    let asked = buf[..length].to_vec();
    let drained = thread::scope(|scope| {
        let drain = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(udp.proxy.drain(PATIENCE))
        });
        server.send_to(&answer_to(&asked), from).unwrap();
        assert!(client.recv(&mut buf).is_ok());
        drain.join().unwrap()
    });
    assert_eq!(drained, 0);
}

#[test]
fn streams_and_datagrams_share_an_address() {
    let server = crate::support::TestServer::echo("tcp");
    // The stream's port of the same number may be somebody's already.
    let udp = (0..10).find_map(|_| {
        let udp = Udp::new(UdpMode::Session, &[echo("a")], |_| {});
        let mut config = udp.config.clone();
        config
            .listeners
            .push(Arc::new(listener("web", udp.address, "web")));
        config.pools.push(Arc::new(pool("web", &[server.address])));
        udp.proxy.apply(&config, 2).is_ok().then_some(udp)
    });
    let udp = udp.unwrap();
    assert_eq!(ask(&udp.client(), "1"), "a 1");
    let response = crate::support::Client::connect(udp.address).get("/");
    assert_eq!(response.server(), "tcp");
}

#[test]
fn a_removed_listener_takes_no_new_client() {
    let udp = Udp::new(UdpMode::Session, &[echo("a")], |_| {});
    let client = udp.client();
    assert_eq!(ask(&client, "1"), "a 1");
    let mut config = udp.config.clone();
    config.listeners.clear();
    config.data_plane.drain_timeout = Duration::from_millis(100);
    udp.proxy.apply(&config, 2).unwrap();
    // Once the socket is closed, the kernel says so.
    eventually("nobody listens", || {
        let other = client_of(udp.address);
        other
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let sent = other.send(b"2").is_ok();
        let refused = other.recv(&mut [0; 16]).err().map(|error| error.kind());
        sent && refused == Some(std::io::ErrorKind::ConnectionRefused)
    });
    assert!(IpAddr::is_loopback(&udp.address.ip()));
}
