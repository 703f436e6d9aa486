//! Keep-alive requests through a data plane of one worker, for counting its instructions:
//! `instructions CONNECTIONS REQUESTS`.
//!
//! Run it under callgrind with two numbers of requests; the difference of the totals, divided by the
//! difference of the numbers, is what a request costs in user space, runtime included. The client
//! and the server are a process of their own, which callgrind does not follow. `.ci/instructions`
//! does all that.

use std::error::Error;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[path = "support/config.rs"]
mod support;

/// As a load generator or a service's client sends it.
const REQUEST: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: 10.77.0.100:8080\r\n\
User-Agent: wrk/4.1.0\r\nConnection: keep-alive\r\n\r\n";

/// As nginx answers with a body of 100 bytes.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\
Date: Mon, 23 Nov 2026 11:25:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\
Connection: keep-alive\r\n\r\n\
0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

const USAGE: &str = "usage: instructions CONNECTIONS REQUESTS";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--server"] => block_on(serve()),
        ["--client", proxy, connections, requests] => {
            block_on(ask(proxy.parse()?, connections.parse()?, requests.parse()?))
        }
        [connections, requests] => measure(connections, requests),
        _ => Err(USAGE.into()),
    }
}

fn block_on(task: impl Future<Output = Result<(), Box<dyn Error>>>) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(task)
}

/// The process that is measured: the proxy, with server and client as children.
fn measure(connections: &str, requests: &str) -> Result<(), Box<dyn Error>> {
    let this = std::env::current_exe()?;
    let mut server = Command::new(&this)
        .arg("--server")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
    let (proxy, address) = support::start(line.trim().parse()?, 1)?;
    let client = Command::new(&this)
        .args(["--client", &address.to_string(), connections, requests])
        .status()?;
    drop(server.stdin.take());
    server.wait()?;
    let counters = proxy.counters();
    println!(
        "{} responses of class 2xx",
        counters.listeners[0].responses_total[1]
    );
    if client.success() {
        Ok(())
    } else {
        Err("the client failed".into())
    }
}

/// Answers every request on every connection, until standard input ends.
async fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let accept = async {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        }
    };
    let end =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        () = accept => {}
        _ = end => {}
    }
    Ok(())
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..]).await?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            stream.write_all(RESPONSE).await?;
            filled = 0;
        }
    }
}

/// Asks on each of several connections until all requests are answered.
async fn ask(proxy: SocketAddr, connections: usize, requests: usize) -> Result<(), Box<dyn Error>> {
    let mut clients = JoinSet::new();
    for i in 0..connections {
        let share = requests / connections + usize::from(i < requests % connections);
        clients.spawn(ask_in_turn(proxy, share));
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

async fn ask_in_turn(proxy: SocketAddr, requests: usize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    for _ in 0..requests {
        stream.write_all(REQUEST).await?;
        let mut filled = 0;
        while !buffer[..filled].ends_with(b"0123456789") {
            let n = stream.read(&mut buffer[filled..]).await?;
            if n == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += n;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200 "));
    }
    Ok(())
}
