//! A data plane without agent, to measure: `bench LISTEN tcp|http WORKERS SERVER...`.
//! Runs until its standard input ends.

use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;

use halo_proxy::{Proxy, Workers};

#[path = "support/config.rs"]
mod support;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: bench LISTEN tcp|http WORKERS SERVER...";
    let listen = args.next().ok_or(usage)?.parse()?;
    let protocol = args.next().ok_or(usage)?;
    let workers = args.next().ok_or(usage)?.parse()?;
    let servers: Vec<SocketAddr> = args
        .map(|server| server.parse())
        .collect::<Result<_, _>>()?;
    let proxy = Proxy::start(&Workers {
        count: Some(workers),
        pin: true,
        cores: None,
        node: "bench".to_owned(),
    })?;
    proxy.apply(&support::config(listen, &protocol, &servers)?, 1)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{:#?}", proxy.counters());
    Ok(())
}
