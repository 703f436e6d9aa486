//! TCP listeners.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use halo_config::Protocol;

use crate::support::{Bench, TestServer, change_listener, eventually, refusing};

fn tcp(servers: &[SocketAddr]) -> Bench {
    Bench::with(servers, |config| {
        change_listener(config, |l| l.protocol = Protocol::Tcp);
    })
}

/// Reads to the end of the client's half, then answers with all of it.
fn reverse_at_end() -> TestServer {
    TestServer::start(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all.reverse();
        stream.write_all(&all).unwrap();
    })
}

#[test]
fn each_half_of_a_connection_ends_on_its_own() {
    let server = reverse_at_end();
    let bench = tcp(&[server.address]);
    let mut client = bench.connect();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    client.reader.get_mut().write_all(&sent).unwrap();
    client.reader.get_mut().shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    client.reader.read_to_end(&mut received).unwrap();
    received.reverse();
    assert!(received == sent);
    eventually("the connection is over", || {
        bench.proxy.counters().listeners[0].connections == 0
    });
    let counters = bench.proxy.counters();
    assert_eq!(counters.listeners[0].bytes_in, 1_000_000);
    assert_eq!(counters.listeners[0].bytes_out, 1_000_000);
    assert_eq!(counters.pools[0].servers[0].total, 1);
    assert_eq!(counters.pools[0].servers[0].active, 0);
}

#[test]
fn a_refused_connect_is_tried_on_another_server() {
    let (dead, alive) = (refusing(), reverse_at_end());
    let bench = tcp(&[dead.address, alive.address]);
    for _ in 0..4 {
        let mut client = bench.connect();
        client.send("abc");
        client.reader.get_mut().shutdown(Shutdown::Write).unwrap();
        let mut received = String::new();
        client.reader.read_to_string(&mut received).unwrap();
        assert_eq!(received, "cba");
    }
    assert!(bench.server_counters(0).retries > 0);
}

#[test]
fn without_a_server_the_connection_is_closed() {
    let dead = refusing();
    let bench = tcp(&[dead.address]);
    assert!(bench.connect().is_closed());
}

#[test]
fn a_connection_without_traffic_is_closed() {
    let server = reverse_at_end();
    let bench = Bench::with(&[server.address], |config| {
        change_listener(config, |l| {
            l.protocol = Protocol::Tcp;
            l.timeouts.idle = Duration::from_millis(50);
        });
    });
    let mut client = bench.connect();
    client.send("abc");
    assert!(client.is_closed());
}

/// Sends all that it gets back, while it still gets more.
fn echo() -> TestServer {
    TestServer::start(|mut stream| {
        let mut out = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut out).unwrap();
        out.shutdown(Shutdown::Write).unwrap();
    })
}

#[test]
fn long_streams_pass_whole_in_both_directions_at_once_and_to_a_slow_reader() {
    const LENGTH: usize = 20_000_000;
    let server = echo();
    let bench = tcp(&[server.address]);
    let client = bench.connect();
    let mut out = client.reader.get_ref().try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        // Pieces of every size: some are copied, some go through a pipe.
        let sent: Vec<u8> = (0..LENGTH).map(|i| (i * 7 % 253) as u8).collect();
        let (mut at, mut piece) = (0, 1);
        while at < sent.len() {
            let end = (at + piece).min(sent.len());
            out.write_all(&sent[at..end]).unwrap();
            at = end;
            piece = piece * 5 % 300_007 + 1;
        }
        out.shutdown(Shutdown::Write).unwrap();
        sent
    });
    // Nothing is read before the sender is stuck on full buffers.
    let (seen, since) = (Cell::new(0), Cell::new(0));
    eventually("the sender is stuck", || {
        // Nothing comes in while every worker turns three times.
        let bytes_in = bench.proxy.counters().listeners[0].bytes_in;
        let turns = bench.proxy.pulses().min().unwrap_or_default();
        if seen.replace(bytes_in) != bytes_in {
            since.set(turns);
        }
        bytes_in > 1_000_000 && turns > since.get() + 3
    });
    let mut received = Vec::new();
    client
        .reader
        .into_inner()
        .read_to_end(&mut received)
        .unwrap();
    assert!(received == sender.join().unwrap());
    eventually("all is counted", || {
        let listener = &bench.proxy.counters().listeners[0];
        (listener.bytes_in, listener.bytes_out) == (LENGTH as u64, LENGTH as u64)
    });
}

#[test]
fn a_server_that_breaks_off_is_not_taken_for_one_that_has_finished() {
    let server = TestServer::start(|mut stream| {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        stream.write_all(b"half of the ans").unwrap();
        // Closing without a farewell: what a crash of the server's machine looks like later.
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    let bench = tcp(&[server.address]);
    let mut client = bench.connect();
    client.send("x");
    let mut received = Vec::new();
    let ended = client.reader.read_to_end(&mut received);
    assert_eq!(
        ended.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}
