//! Requests on kept connections allocate nothing: not the engine, not the runtime below it.
//!
//! A test binary of its own, because it counts every allocation of its process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use halo_config::Config;
use halo_proxy::{Proxy, Workers};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const GET: &[u8] = b"GET /path?query HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: test\r\n\
Accept: */*\r\nConnection: keep-alive\r\n\r\n";

const POST: &[u8] = b"POST /form HTTP/1.1\r\nHost: api.example.com:8080\r\n\
Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n\
0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

/// Requests of each kind and client before counting begins.
const WARM_UP: usize = 50;

/// Requests of each kind and client that are counted.
const COUNTED: usize = 300;

/// Answers every request that ends in `tail`, and allocates nothing for one.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            let mut filled = 0;
            loop {
                match stream.read(&mut buffer[filled..]) {
                    Ok(n) if n > 0 => filled += n,
                    _ => return,
                }
                let got = &buffer[..filled];
                if got.ends_with(b"\r\n\r\n") && got.starts_with(b"GET")
                    || got.ends_with(b"\r\n\r\nhello")
                {
                    filled = 0;
                    stream.write_all(RESPONSE).unwrap();
                }
            }
        });
    }
}

fn ask(client: &mut TcpStream, request: &[u8]) {
    client.write_all(request).unwrap();
    let mut buffer = [0; 2048];
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"0123456789") {
        let n = client.read(&mut buffer[filled..]).unwrap();
        assert!(n > 0, "closed");
        filled += n;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

fn config(listen: SocketAddr, server: SocketAddr) -> Config {
    let text = format!(
        "[[node]]\nname = \"lb1\"\naddress = \"192.0.2.11/24\"\n\
         [[listener]]\nname = \"main\"\nbind = [\"{listen}\"]\npool = \"app\"\n\
         [[route]]\nlistener = \"main\"\nhost = \"*.example.com\"\npath_prefix = \"/form\"\npool = \"app\"\n\
         [[pool]]\nname = \"app\"\n[[pool.server]]\naddress = \"{server}\"\n"
    );
    match halo_config::parse("test", &text, "lb1") {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn requests_on_kept_connections_allocate_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    thread::spawn(move || serve(&listener));
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let proxy = Proxy::start(&Workers {
        count: Some(1),
        pin: false,
        cores: None,
        node: "lb1".to_owned(),
    })
    .unwrap();
    proxy.apply(&config(address, server), 1).unwrap();
    let mut clients: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut round = |count| {
        for _ in 0..count {
            for client in &mut clients {
                ask(client, GET);
                ask(client, POST);
            }
        }
    };
    round(WARM_UP);
    let region = Region::new(ALLOCATOR);
    round(COUNTED);
    let change = region.change();
    assert_eq!(change.allocations, 0, "{change:?}");
    assert_eq!(change.reallocations, 0, "{change:?}");
    assert_eq!(change.deallocations, 0, "{change:?}");
}
