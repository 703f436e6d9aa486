//! A proxy, its server and its clients in one process whose allocations are counted, and that allocate nothing
//! for a request themselves.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use halo_proxy::{Proxy, Workers};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
pub(crate) static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Starts a server that answers whatever `is_whole` by `response`.
pub(crate) fn serve(is_whole: fn(&[u8]) -> bool, response: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || answer(stream, is_whole, response));
        }
    });
    address
}

fn answer(mut stream: TcpStream, is_whole: fn(&[u8]) -> bool, response: &[u8]) {
    let mut buffer = [0; 2048];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
        if is_whole(&buffer[..filled]) {
            filled = 0;
            stream.write_all(response).unwrap();
        }
    }
}

/// Starts a proxy with one worker in front of the server, with `routes` beside its listener "main" and its
/// pool "app"; and says where it listens.
pub(crate) fn proxy(server: SocketAddr, routes: &str) -> (Proxy, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let text = format!(
        "[[node]]\nname = \"lb1\"\naddress = \"192.0.2.11/24\"\n\
         [[listener]]\nname = \"main\"\nbind = [\"{address}\"]\npool = \"app\"\n{routes}\
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
    (proxy, address)
}

/// Sends a request, and takes the response, which ends in `end`.
pub(crate) fn ask(client: &mut TcpStream, request: &[u8], end: &[u8]) {
    client.write_all(request).unwrap();
    let mut buffer = [0; 2048];
    let mut filled = 0;
    while !buffer[..filled].ends_with(end) {
        let n = client.read(&mut buffer[filled..]).unwrap();
        assert!(n > 0, "closed");
        filled += n;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}
