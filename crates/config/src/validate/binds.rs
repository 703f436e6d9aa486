//! Addresses that are listened on: no two may collide.

use std::net::SocketAddr;

use crate::raw;
use crate::report::Report;

/// One address that is listened on.
struct Bind {
    path: String,
    address: SocketAddr,
}

/// Reports addresses that cannot all be listened on, and servers that are a listener itself.
pub(super) fn overlaps(raw: &raw::File, report: &mut Report<'_>) {
    let binds = binds(raw);
    for (at, bind) in binds.iter().enumerate() {
        if let Some(other) = binds[..at]
            .iter()
            .find(|other| collide(other.address, bind.address))
        {
            let message = if other.address == bind.address {
                format!(
                    "{} is {} already; remove one of the two",
                    bind.address, other.path
                )
            } else {
                format!(
                    "{} overlaps {} ({}); choose another port, or name each address",
                    bind.address, other.address, other.path
                )
            };
            report.value(bind.path.clone(), message);
        }
    }
    for (at, pool) in raw.pool.iter().enumerate() {
        for (n, server) in pool.server.iter().flatten().enumerate() {
            let Some(address) = &server.address else {
                continue;
            };
            if let Some(bind) = binds.iter().find(|bind| bind.address == address.0) {
                report.value(
                    format!("pool[{at}].server[{n}].address"),
                    format!(
                        "{} is {}: Halo would proxy to itself; write the server's address",
                        address.0, bind.path
                    ),
                );
            }
        }
    }
}

fn binds(raw: &raw::File) -> Vec<Bind> {
    let mut binds = Vec::new();
    for (at, listener) in raw.listener.iter().enumerate() {
        for (n, bind) in listener.bind.iter().flatten().enumerate() {
            binds.push(Bind {
                path: format!("listener[{at}].bind[{n}]"),
                address: bind.0,
            });
        }
    }
    if let Some(listen) = &raw.admin.listen {
        binds.push(Bind {
            path: "admin.listen".into(),
            address: listen.0,
        });
    }
    binds
}

/// Whether both cannot be bound. `[::]` takes IPv4 connections as well, as Linux does by default.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let covers = |wide: SocketAddr, narrow: SocketAddr| {
        wide.ip().is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
    };
    a.port() == b.port() && (a.ip() == b.ip() || covers(a, b) || covers(b, a))
}
