//! A configuration of one listener and one pool, and a data plane for it.

use std::error::Error;
use std::fmt::Write;
use std::net::SocketAddr;

use halo_config::Config;
use halo_proxy::{Proxy, Workers};

/// Starts a data plane before a server, on a port that the system chooses.
#[allow(dead_code, reason = "each example uses a part of this")]
pub(crate) fn start(
    server: SocketAddr,
    workers: usize,
) -> Result<(Proxy, SocketAddr), Box<dyn Error>> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let proxy = Proxy::start(&Workers {
        count: Some(workers),
        pin: true,
        cores: None,
        node: "bench".to_owned(),
    })?;
    proxy.apply(&config(free, "http", &[server])?, 1)?;
    Ok((proxy, free))
}

/// One listener, one pool.
#[allow(dead_code, reason = "each example uses a part of this")]
pub(crate) fn config(
    listen: SocketAddr,
    protocol: &str,
    servers: &[SocketAddr],
) -> Result<Config, Box<dyn Error>> {
    let mut text = format!(
        "[[node]]\nname = \"bench\"\naddress = \"192.0.2.11/24\"\n\
         [[listener]]\nname = \"bench\"\nbind = [\"{listen}\"]\nprotocol = \"{protocol}\"\n\
         pool = \"bench\"\n[[pool]]\nname = \"bench\"\n"
    );
    for server in servers {
        write!(text, "[[pool.server]]\naddress = \"{server}\"\n")?;
    }
    Ok(halo_config::parse("bench", &text, "bench").map_err(|errors| errors.to_string())?)
}
