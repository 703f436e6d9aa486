//! A configuration of one listener and one pool, and a data plane for it.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use halo_config::{
    AccessLog, Admin, Balance, Config, DataPlane, Listener, ListenerTimeouts, Log, LogLevel, Node,
    Pool, PoolTimeouts, Protocol, Server,
};
use halo_proxy::{Proxy, Workers};

const MINUTE: Duration = Duration::from_secs(60);

/// Starts a data plane before a server, on a port that the system chooses.
#[allow(dead_code, reason = "each example uses a part of this")]
pub(crate) fn start(
    server: SocketAddr,
    workers: usize,
) -> Result<(Proxy, SocketAddr), Box<dyn Error>> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let server = Server {
        name: "s".to_owned(),
        address: server,
        weight: 1,
    };
    let proxy = Proxy::start(&Workers {
        count: Some(workers),
        node: "bench".to_owned(),
    })?;
    proxy.apply(&config(free, Protocol::Http, vec![server])?, 1)?;
    Ok((proxy, free))
}

/// One listener, one pool.
#[allow(dead_code, reason = "each example uses a part of this")]
pub(crate) fn config(
    listen: SocketAddr,
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
