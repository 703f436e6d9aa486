//! What a connection takes that waits for its next request.
//!
//! A test binary of its own, because it counts every allocation of its process.

mod counting;

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use counting::ALLOCATOR;
use stats_alloc::Region;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";

/// Connections; with two descriptors for each in this process, within every usual limit.
const CONNECTIONS: usize = 384;

/// Most bytes that one may take. With the allocator's own overhead on top it stays below a kilobyte.
const MOST: usize = 700;

#[test]
fn a_connection_that_waits_takes_less_than_a_kilobyte() {
    let server = counting::serve(|got| got.ends_with(b"\r\n\r\n"), RESPONSE);
    let (_proxy, address) = counting::proxy(server, "");
    let connect = || {
        let mut client = TcpStream::connect(address).unwrap();
        counting::ask(&mut client, REQUEST, b"\r\n\r\n");
        client
    };
    // What is allocated once.
    let _first = connect();
    let region = Region::new(ALLOCATOR);
    let mut clients = Vec::with_capacity(CONNECTIONS);
    clients.extend((0..CONNECTIONS).map(|_| connect()));
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
