//! A data plane without agent, to measure: `bench LISTEN tcp|http WORKERS SERVER...`.
//! Runs until its standard input ends.

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use halo_config::{
    AccessLog, Admin, Balance, Config, DataPlane, Listener, ListenerTimeouts, Log, LogLevel, Node,
    Pool, PoolTimeouts, Protocol, Server,
};
use halo_proxy::{Proxy, Workers};

const MINUTE: Duration = Duration::from_secs(60);

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
    proxy.apply(&config(listen, protocol, servers)?, 1)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{:#?}", proxy.counters());
    Ok(())
}

fn config(
    listen: std::net::SocketAddr,
    protocol: Protocol,
    servers: Vec<Server>,
) -> Result<Config, Box<dyn Error>> {
    let listener = Listener {
        name: "bench".to_owned(),
        bind: vec![listen],
        protocol,
        pool: Some("bench".to_owned()),
        max_connections: 10_000,
        timeouts: ListenerTimeouts {
            header: MINUTE,
            idle: MINUTE,
            keep_alive: MINUTE,
        },
        max_header_bytes: 16 * 1024,
        max_body_bytes: 0,
        trust_forwarded: false,
    };
    let pool = Pool {
        name: "bench".to_owned(),
        balance: Balance::RoundRobin,
        servers,
        health: None,
        retries: 2,
        max_idle: 128,
        timeouts: PoolTimeouts {
            connect: MINUTE,
            response: MINUTE,
            idle: MINUTE,
        },
    };
    Ok(Config {
        cluster: "bench".to_owned(),
        secret_file: None,
        this: 0,
        nodes: vec![Node {
            name: "bench".to_owned(),
            address: "127.0.0.1/8".parse()?,
            priority: 100,
        }],
        vips: Vec::new(),
        listeners: vec![Arc::new(listener)],
        routes: Vec::new(),
        pools: vec![Arc::new(pool)],
        admin: Admin {
            socket_dir: PathBuf::from("/nonexistent"),
            listen: None,
            token_file: None,
        },
        data_plane: DataPlane {
            workers: None,
            user: "nobody".to_owned(),
            drain_timeout: MINUTE,
        },
        log: Log {
            level: LogLevel::Info,
            access: AccessLog::Off,
        },
    })
}
