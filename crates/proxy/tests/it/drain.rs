//! The end of the data plane.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halo_config::Protocol;

use crate::support::{Bench, Client, PATIENCE, TestServer, change_listener};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_request_in_flight_is_answered_and_its_connection_closed() {
    let (answer, wait) = mpsc::channel::<()>();
    let (asked, began) = mpsc::channel();
    let (wait, asked) = (Arc::new(Mutex::new(wait)), Mutex::new(asked));
    let server = TestServer::http(move |_| {
        asked.lock().unwrap().send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    began.recv_timeout(PATIENCE).unwrap();
    let cut_off = std::thread::scope(|scope| {
        let drain = scope.spawn(|| block_on(bench.proxy.drain(PATIENCE)));
        // The listening sockets close once the drain has begun.
        while std::net::TcpStream::connect(bench.address).is_ok() {
            std::thread::yield_now();
        }
        answer.send(()).unwrap();
        let response = client.receive();
        assert_eq!(response.body_text(), "ok");
        assert_eq!(response.field("connection"), Some("close"));
        assert!(client.is_closed());
        drain.join().unwrap()
    });
    assert_eq!(cut_off, 0);
    let error = bench.proxy.apply(&bench.config, 2).unwrap_err();
    assert!(error.to_string().contains("stopping"), "{error}");
}

#[test]
fn an_idle_connection_does_not_hold_the_drain_up() {
    let server = TestServer::echo("a");
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    assert_eq!(client.get("/").status(), 200);
    let began = std::time::Instant::now();
    assert_eq!(block_on(bench.proxy.drain(PATIENCE)), 0);
    assert!(began.elapsed() < PATIENCE / 2);
    assert!(client.is_closed());
}

#[test]
fn what_outlasts_the_timeout_is_cut_off_and_counted() {
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        // Until the proxy closes.
        while std::io::Read::read(&mut &stream, &mut [0; 64]).is_ok_and(|n| n > 0) {
            out.write_all(b"x").unwrap();
        }
    });
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.protocol = Protocol::Tcp);
    });
    let mut client = bench.connect();
    client.send("hello");
    std::io::Read::read_exact(&mut client.reader, &mut [0]).unwrap();
    assert_eq!(block_on(bench.proxy.drain(Duration::from_millis(50))), 1);
    assert!(client.is_closed());
}

#[test]
fn an_address_that_leaves_takes_its_connections_along_and_no_others() {
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.bind[0].set_ip([0, 0, 0, 0].into()));
    });
    let at = |last: u8| SocketAddr::from(([127, 0, 0, last], bench.address.port()));
    let keeps = |client: &mut Client| {
        let response = client.get("/");
        assert_eq!(response.status(), 200);
        response.field("connection") != Some("close")
    };
    let mut leaving = Client::connect(at(1));
    let mut idle = Client::connect(at(1));
    let mut staying = Client::connect(at(2));
    assert!(keeps(&mut leaving) && keeps(&mut idle) && keeps(&mut staying));

    bench.proxy.drain_addresses(&[at(1).ip()], PATIENCE);
    // The workers hear of it in their time.
    until(|| !keeps(&mut Client::connect(at(1))));
    assert!(leaving.is_closed() || !keeps(&mut leaving));
    assert!(keeps(&mut staying) && keeps(&mut Client::connect(at(2))));

    // Whoever connects late, having heard of nothing, has the time to ask: longer than idle ones get
    // after the draining began, but not after they came.
    assert!(idle.is_closed());
    let mut late = Client::connect(at(1));
    let stream = late.reader.get_ref();
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let heard = stream.peek(&mut [0]).map_err(|error| error.kind());
    assert_eq!(heard, Err(std::io::ErrorKind::WouldBlock), "it is let be");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(!keeps(&mut late));
    bench.proxy.serve_addresses(&[at(1).ip()]);
    until(|| keeps(&mut Client::connect(at(1))));
    assert!(keeps(&mut staying));
}

#[test]
fn connections_of_an_address_that_left_are_cut_off_at_last() {
    let server = TestServer::start(|stream| {
        // Until the proxy closes.
        while std::io::Read::read(&mut &stream, &mut [0; 64]).is_ok_and(|n| n > 0) {}
    });
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| l.protocol = Protocol::Tcp);
    });
    let mut before = bench.connect();
    let within = Duration::from_millis(300);
    bench.proxy.drain_addresses(&[bench.address.ip()], within);
    let mut after = bench.connect();
    assert!(before.is_closed() && after.is_closed());
}

/// Waits until something is so for each of many connections: every worker has heard of it.
fn until(mut so: impl FnMut() -> bool) {
    let patience = std::time::Instant::now() + PATIENCE;
    let mut row = 0;
    while row < 20 {
        assert!(std::time::Instant::now() < patience, "never so");
        row = if so() { row + 1 } else { 0 };
    }
}

#[test]
fn every_worker_answers_at_its_own_wicket_also_while_others_drain() {
    let proxy = crate::support::start(3);
    let wickets: Vec<SocketAddr> = proxy.wickets().collect();
    assert_eq!(wickets.len(), 3);
    for wicket in &wickets {
        assert!(wicket.ip().is_loopback());
        assert!(block_on(halo_proxy::knock(*wicket)));
    }
    block_on(proxy.drain(PATIENCE));
    assert!(block_on(halo_proxy::knock(wickets[2])));
    drop(proxy);
    assert!(!block_on(halo_proxy::knock(wickets[2])), "nobody is there");
}
