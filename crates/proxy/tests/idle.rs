//! What a connection takes that waits for its next request.
//!
//! A test binary of its own, because it counts every allocation of its process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use halo_proxy::{Proxy, Workers};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";

/// Connections; with two descriptors for each in this process, within every usual limit.
const CONNECTIONS: usize = 384;

/// Most bytes that one may take. With the allocator's own overhead on top it stays below a kilobyte.
const MOST: usize = 700;

fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            let mut filled = 0;
            loop {
                match stream.read(&mut buffer[filled..]) {
                    Ok(n) if n > 0 => filled += n,
                    _ => return,
                }
                if buffer[..filled].ends_with(b"\r\n\r\n") {
                    filled = 0;
                    stream.write_all(RESPONSE).unwrap();
                }
            }
        });
    }
}

fn ask(client: &mut TcpStream) {
    client.write_all(REQUEST).unwrap();
    let mut buffer = [0; 1024];
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"\r\n\r\n") {
        let n = client.read(&mut buffer[filled..]).unwrap();
        assert!(n > 0, "closed");
        filled += n;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_connection_that_waits_takes_less_than_a_kilobyte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    thread::spawn(move || serve(&listener));
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let text = format!(
        "[[node]]\nname = \"lb1\"\naddress = \"192.0.2.11/24\"\n\
         [[listener]]\nname = \"main\"\nbind = [\"{address}\"]\npool = \"app\"\n\
         [[pool]]\nname = \"app\"\n[[pool.server]]\naddress = \"{server}\"\n"
    );
    let config = halo_config::parse("test", &text, "lb1").unwrap_or_else(|e| panic!("{e}"));
    let proxy = Proxy::start(&Workers {
        count: Some(1),
        pin: false,
        cores: None,
        node: "lb1".to_owned(),
    })
    .unwrap();
    proxy.apply(&config, 1).unwrap();
    // What is allocated once.
    let mut first = TcpStream::connect(address).unwrap();
    ask(&mut first);
    let region = Region::new(ALLOCATOR);
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut client = TcpStream::connect(address).unwrap();
        ask(&mut client);
        clients.push(client);
    }
    let taken = || {
        let change = region.change();
        let vec = CONNECTIONS * size_of::<TcpStream>();
        (change.bytes_allocated - change.bytes_deallocated - vec) / CONNECTIONS
    };
    // The last request is answered a moment before its memory is given back.
    let deadline = Instant::now() + Duration::from_secs(5);
    while taken() > MOST && Instant::now() < deadline {
        thread::yield_now();
    }
    println!("{} bytes for each of {CONNECTIONS}", taken());
    assert!(taken() <= MOST, "{} bytes", taken());
}
