//! Limits of the connections to a server, over all workers.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use halo_config::{Config, Protocol};

use crate::support::{
    Bench, Client, Message, TestServer, change_listener, change_pool, eventually, tally,
};

/// Gives every server of the pool this many connections.
fn limit(config: &mut Config, most: usize) {
    change_pool(config, |pool| {
        for server in &mut pool.servers {
            server.max_connections = Some(most);
        }
    });
}

fn limited(servers: &[SocketAddr], most: usize) -> Bench {
    Bench::with(servers, |config| limit(config, most))
}

/// Answers no request before it is told to.
struct Slow {
    server: TestServer,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Slow {
    fn start(name: &'static str) -> Self {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let wait = gate.clone();
        let server = TestServer::http(move |_| {
            let (open, changed) = &*wait;
            let mut open = open.lock().unwrap();
            while !*open {
                open = changed.wait(open).unwrap();
            }
            let length = name.len();
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}")
        });
        Self { server, gate }
    }

    fn answer(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The requests that are in flight or wait.
fn active(bench: &Bench, server: usize) -> u64 {
    bench.server_counters(server).active
}

#[test]
fn no_server_ever_has_more_connections_than_it_may_and_workers_pass_them_on() {
    let server = TestServer::echo("a");
    let bench = limited(&[server.address], 2);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut client = bench.connect();
                for _ in 0..50 {
                    assert_eq!(client.get("/").status(), 200);
                }
            });
        }
    });
    // Two for both workers, neither of which was ever closed: they went from one to the other.
    assert_eq!(server.connections(), 2);
    assert_eq!(bench.server_counters(0).connections, 2);
}

#[test]
fn a_worker_gets_the_connection_that_is_idle_in_another() {
    let server = TestServer::echo("a");
    let bench = limited(&[server.address], 1);
    // So many that each worker has some.
    let mut clients: Vec<_> = (0..32).map(|_| bench.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(bench.server_counters(0).waiting, 0);
}

#[test]
fn a_request_that_must_not_be_sent_twice_goes_over_a_connection_of_another_worker_too() {
    let server = TestServer::echo("a");
    let bench = limited(&[server.address], 1);
    let mut clients: Vec<_> = (0..32).map(|_| bench.connect()).collect();
    for client in &mut clients {
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        let response = client.ask(post);
        assert!(response.body_text().ends_with("hello"));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_server_at_its_limit_is_passed_over_for_one_that_has_room() {
    let (a, b) = (Slow::start("a"), Slow::start("b"));
    let bench = limited(&[a.server.address, b.server.address], 2);
    let mut clients: Vec<_> = (0..4).map(|_| bench.connect()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(GET);
        eventually("the request is on its way", || {
            active(&bench, 0) + active(&bench, 1) == i as u64 + 1
        });
    }
    eventually("each server has its two", || {
        (a.server.connections(), b.server.connections()) == (2, 2)
    });
    a.answer();
    b.answer();
    let answers = tally(clients.iter_mut().map(|c| c.receive().body_text()));
    assert_eq!((answers["a"], answers["b"]), (2, 2));
    let counters = [0, 1].map(|i| bench.server_counters(i));
    // Passing one over is no failure, and no request was given to it for that.
    assert!(counters.iter().all(|c| c.total == 2 && c.retries == 0));
}

#[test]
fn those_who_wait_are_served_in_their_turn_and_one_too_many_is_answered_503() {
    let slow = Slow::start("a");
    let bench = Bench::with(&[slow.server.address], |config| {
        limit(config, 1);
        change_pool(config, |pool| pool.max_queue = 2);
    });
    let mut served = bench.connect();
    served.send(GET);
    eventually("the server has one", || slow.server.connections() == 1);
    let mut waiting: Vec<_> = (0..2).map(|_| bench.connect()).collect();
    for (i, client) in waiting.iter_mut().enumerate() {
        client.send(GET);
        eventually("it waits", || {
            bench.server_counters(0).waiting == i as u64 + 1
        });
    }
    let refused = bench.get("/");
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.field("halo-error"), Some("queue_full"));
    slow.answer();
    for client in std::iter::once(&mut served).chain(&mut waiting) {
        assert_eq!(client.receive().status(), 200);
    }
    assert_eq!(slow.server.connections(), 1);
    assert_eq!(bench.server_counters(0).waiting, 0);
}

#[test]
fn who_waits_too_long_is_answered_503_and_leaves_its_turn_to_others() {
    let slow = Slow::start("a");
    let mut bench = Bench::with(&[slow.server.address], |config| {
        limit(config, 1);
        change_pool(config, |pool| {
            pool.timeouts.queue = Duration::from_millis(50)
        });
    });
    let mut served = bench.connect();
    served.send(GET);
    eventually("the server has one", || slow.server.connections() == 1);
    let late = bench.get("/");
    assert_eq!(late.status(), 503);
    assert_eq!(late.field("halo-error"), Some("queue_timeout"));
    assert_eq!(bench.server_counters(0).waiting, 0);
    change_pool(&mut bench.config, |pool| {
        pool.timeouts.queue = crate::support::PATIENCE;
    });
    bench.proxy.apply(&bench.config, 2).unwrap();
    let mut next = bench.connect();
    next.send(GET);
    eventually("it waits", || bench.server_counters(0).waiting == 1);
    slow.answer();
    assert_eq!(served.receive().status(), 200);
    assert_eq!(next.receive().status(), 200);
}

#[test]
fn who_goes_while_it_waits_leaves_the_line() {
    let slow = Slow::start("a");
    let bench = limited(&[slow.server.address], 1);
    let mut served = bench.connect();
    served.send(GET);
    eventually("the server has one", || slow.server.connections() == 1);
    let mut goes = bench.connect();
    goes.send(GET);
    eventually("it waits", || bench.server_counters(0).waiting == 1);
    drop(goes);
    eventually("nobody waits", || bench.server_counters(0).waiting == 0);
    slow.answer();
    assert_eq!(served.receive().status(), 200);
    assert_eq!(bench.server_counters(0).total, 2);
    assert_eq!(slow.server.connections(), 1);
}

#[test]
fn a_limit_that_a_reload_raises_lets_in_who_waits() {
    let slow = Slow::start("a");
    let mut bench = limited(&[slow.server.address], 1);
    let mut clients: Vec<_> = (0..2).map(|_| bench.connect()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    eventually("one waits", || bench.server_counters(0).waiting == 1);
    limit(&mut bench.config, 2);
    bench.proxy.apply(&bench.config, 2).unwrap();
    eventually("the server has both", || slow.server.connections() == 2);
    slow.answer();
    assert!(clients.iter_mut().all(|c| c.receive().status() == 200));
}

#[test]
fn a_limit_that_a_reload_lowers_closes_what_is_idle_beyond_it() {
    let server = TestServer::echo("a");
    let mut bench = Bench::http(&[server.address]);
    let slow: Vec<_> = (0..6).map(|_| bench.connect()).collect();
    // All at the same time, so that each needs a connection of its own.
    thread::scope(|scope| {
        for mut client in slow {
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(client.get("/").status(), 200);
                }
            });
        }
    });
    limit(&mut bench.config, 1);
    bench.proxy.apply(&bench.config, 2).unwrap();
    eventually("one is left", || bench.server_counters(0).connections <= 1);
    assert_eq!(bench.get("/").status(), 200);
}

#[test]
fn a_server_that_closes_the_one_connection_it_may_have_gets_another() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        if Message::read(&mut reader, false).is_some() {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        }
    });
    let bench = limited(&[server.address], 1);
    let mut client = bench.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 200);
    }
    eventually("no place is lost", || {
        bench.server_counters(0).connections <= 1
    });
}

#[test]
fn a_server_that_refuses_keeps_no_place() {
    let dead = crate::support::refusing();
    let bench = limited(&[dead.address], 1);
    for _ in 0..5 {
        assert_eq!(bench.get("/").field("halo-error"), Some("connect_failed"));
    }
    assert_eq!(bench.server_counters(0).connections, 0);
}

#[test]
fn a_tcp_connection_waits_until_another_ends() {
    let server = TestServer::start(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let bench = Bench::with(&[server.address], |config| {
        limit(config, 1);
        change_listener(config, |l| l.protocol = Protocol::Tcp);
    });
    let mut first = bench.connect();
    eventually("the server has one", || server.connections() == 1);
    let mut second = bench.connect();
    eventually("the other waits", || bench.server_counters(0).waiting == 1);
    assert_eq!(server.connections(), 1);
    let ask = |client: &mut Client, text: &str| {
        client.send(text);
        client.reader.get_mut().shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.reader.read_to_string(&mut answer).unwrap();
        answer
    };
    assert_eq!(ask(&mut first, "one"), "one");
    assert_eq!(ask(&mut second, "two"), "two");
    eventually("no place is left taken", || {
        bench.server_counters(0).connections == 0
    });
}
