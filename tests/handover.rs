//! A VIP that moves on purpose fails no request: connections finish where they are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use halo_e2e::{
    PATIENCE, active, cluster, fail, get, hactl, home, lab_test, run, said, serves, until,
};
use halo_lab::address_prober::{AddressProber, longest_dispute};
use halo_lab::wrk::Wrk;
use halo_lab::{Lab, VIP};

/// Longest time in which a client may hear both nodes answer ARP: that of an advert on its way.
const DISPUTE: Duration = Duration::from_millis(20);
/// How long the load goes on, with the moves in the middle of it.
const SECONDS: u32 = 10;
/// After so many requests connections are in full swing, again.
const SWING: u64 = 3000;
/// An address without connections goes much sooner.
const STAYS: Duration = Duration::from_secs(2);
/// A download takes longer than a move, and less than `data_plane.drain_timeout`.
const DOWNLOAD: &str =
    "curl -sS -f -m 20 --limit-rate 1M 'http://10.77.0.100/?bytes=6000000' | wc -c";

#[lab_test]
fn a_failover_there_and_back_under_load_fails_no_request() {
    let lab = cluster(2);
    nothing_fails(&lab, || {
        serves(&lab, "lb1", SWING);
        hactl(
            &lab,
            "lb1",
            &["failover", "web", "--to", "lb2", "--wait"],
            0,
        );
        serves(&lab, "lb2", SWING);
        hactl(
            &lab,
            "lb2",
            &["failover", "web", "--to", "lb1", "--wait"],
            0,
        );
    });
    home(&lab);
}

#[lab_test]
fn a_take_over_by_the_standby_and_back_under_load_fails_no_request() {
    let lab = cluster(2);
    nothing_fails(&lab, || {
        serves(&lab, "lb1", SWING);
        hactl(
            &lab,
            "lb2",
            &["failover", "web", "--to", "lb2", "--wait"],
            0,
        );
        serves(&lab, "lb2", SWING);
        hactl(&lab, "lb2", &["failover", "web", "--wait"], 0);
    });
    home(&lab);
}

#[lab_test]
fn a_node_that_stops_and_returns_under_load_fails_no_request() {
    let lab = cluster(2);
    nothing_fails(&lab, || {
        serves(&lab, "lb1", SWING);
        let node = lab.node("lb1").unwrap();
        let status = node.terminate(PATIENCE).unwrap_or_else(fail);
        assert!(status.success(), "{status}");
        node.start_halod().unwrap_or_else(fail);
        home(&lab);
    });
}

#[lab_test]
fn the_address_goes_when_the_last_connection_has_ended() {
    let lab = cluster(2);
    let mut stream = in_client(&lab, || TcpStream::connect((VIP, 9000)));
    hactl(
        &lab,
        "lb1",
        &["failover", "web", "--to", "lb2", "--wait"],
        0,
    );
    let lb1 = lab.host("lb1").unwrap();
    let end = Instant::now() + STAYS;
    while Instant::now() < end {
        assert!(lb1.has(VIP).unwrap(), "a connection is left");
    }
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Name: app"), "{answer}");
    drop(stream);
    active(&lab, "lb2");
}

/// Load of every kind while `moves` happen: wrk, downloads, a WebSocket, and somebody who asks by ARP.
fn nothing_fails(lab: &Lab, moves: impl FnOnce()) {
    assert!(!get(lab, "http://10.77.0.100/").is_empty());
    let client = lab.host("client").unwrap_or_else(fail);
    let arp = AddressProber::start(client, VIP).unwrap_or_else(fail);
    let wrk = Wrk::start(client, "http://10.77.0.100/", 64, SECONDS).unwrap_or_else(fail);
    let echo = echo_for(lab, Duration::from_secs(u64::from(SECONDS)) / 2);
    let (downloads, outcome) = thread::scope(|scope| {
        let downloads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| run(lab, "client", "sh", &["-c", DOWNLOAD])))
            .collect();
        moves();
        let ended: Vec<Output> = downloads.into_iter().map(|d| d.join().unwrap()).collect();
        (ended, echo.join().unwrap())
    });
    let report = wrk.finish().unwrap_or_else(fail);
    for download in downloads {
        assert_eq!(said(&download).trim(), "6000000", "{}", lab.logs());
    }
    let echoes = outcome.unwrap_or_else(|error| panic!("the WebSocket: {error}\n{}", lab.logs()));
    assert!(echoes > 20, "{echoes} echoes");
    assert_eq!(report.lost(), 0, "{report:?}\n{}", lab.logs());
    let answers = arp.stop().unwrap_or_else(fail);
    let dispute = longest_dispute(&answers);
    assert!(dispute <= DISPUTE, "both answered for {dispute:?}");
    println!("{report:?}; {echoes} echoes; both answered ARP for {dispute:?}");
    until(lab, "an end of the draining", || {
        lab.holders("web").len() == 1
    });
}

/// A WebSocket that says something now and then; how often it was answered, or what went wrong.
fn echo_for(lab: &Lab, time: Duration) -> JoinHandle<std::io::Result<u32>> {
    let mut stream = in_client(lab, || TcpStream::connect((VIP, 80)));
    thread::spawn(move || {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(
            b"GET /ws HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let end = Instant::now() + time;
        let mut echoes = 0;
        while Instant::now() < end {
            stream.write_all(&[0x81, 0x84, 0, 0, 0, 0, b'h', b'a', b'l', b'o'])?;
            let mut frame = [0; 6];
            stream.read_exact(&mut frame)?;
            echoes += 1;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(echoes)
    })
}

fn in_client<T: Send + 'static>(
    lab: &Lab,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> T {
    lab.host("client").unwrap().within(work).unwrap().unwrap()
}
