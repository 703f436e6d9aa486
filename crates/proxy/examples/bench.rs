//! A data plane without agent, to measure: `bench LISTEN tcp|http WORKERS SERVER...`.
//! Runs until its standard input ends.

use std::error::Error;
use std::io::Read;

use halo_config::{Protocol, Server};
use halo_proxy::{Proxy, Workers};

#[path = "support/config.rs"]
mod support;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: bench LISTEN tcp|http WORKERS SERVER...";
    let listen = args.next().ok_or(usage)?.parse()?;
    let protocol = match args.next().as_deref() {
        Some("tcp") => Protocol::Tcp,
        Some("http") => Protocol::Http,
        _ => return Err(usage.into()),
    };
    let workers = args.next().ok_or(usage)?.parse()?;
    let servers = args
        .map(|server| {
            Ok(Server {
                name: server.clone(),
                address: server.parse()?,
                weight: 1,
            })
        })
        .collect::<Result<Vec<_>, std::net::AddrParseError>>()?;
    let proxy = Proxy::start(&Workers {
        count: Some(workers),
        node: "bench".to_owned(),
    })?;
    proxy.apply(&support::config(listen, protocol, servers)?, 1)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{:#?}", proxy.counters());
    Ok(())
}
