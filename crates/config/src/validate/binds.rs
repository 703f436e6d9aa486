//! Addresses that are listened on: no two may collide.

use std::net::SocketAddr;

use crate::model::Vip;
use crate::raw;
use crate::report::Report;

/// One address that is listened on.
struct Bind {
    path: String,
    address: SocketAddr,
    /// Datagrams have ports of their own.
    udp: bool,
    /// Whether `[::]` takes IPv4 connections as well, which is Linux's default; listeners turn it
    /// off, so that `0.0.0.0:80` and `[::]:80` may stand side by side.
    dual: bool,
}

/// Reports addresses that cannot all be listened on, and servers that are a listener itself.
pub(super) fn overlaps(raw: &raw::File, report: &mut Report<'_>) {
    let binds = binds(raw);
    for (at, bind) in binds.iter().enumerate() {
        if let Some(other) = binds[..at].iter().find(|other| collide(other, bind)) {
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

/// Reports listeners that nobody would reach: they are bound to addresses that take no packets.
pub(super) fn refused(raw: &raw::File, vips: &[Vip], report: &mut Report<'_>) {
    for bind in binds(raw) {
        let ip = bind.address.ip();
        let closed = |vip: &&Vip| !vip.accept && vip.ips().any(|address| address == ip);
        if let Some(vip) = vips.iter().find(closed) {
            report.value(
                bind.path,
                format!(
                    "{ip} is an address of {:?}, whose accept = false lets nobody reach it; bind \
                     another address, or remove accept",
                    vip.name
                ),
            );
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
                udp: listener.protocol == raw::Protocol::Udp,
                dual: false,
            });
        }
    }
    if let Some(listen) = &raw.admin.listen {
        binds.push(Bind {
            path: "admin.listen".into(),
            address: listen.0,
            udp: false,
            dual: true,
        });
    }
    binds
}

/// Whether both cannot be bound.
fn collide(a: &Bind, b: &Bind) -> bool {
    let covers = |wide: &Bind, narrow: &Bind| {
        let family = wide.address.is_ipv4() == narrow.address.is_ipv4();
        let dual = wide.dual && wide.address.is_ipv6();
        wide.address.ip().is_unspecified() && (family || dual)
    };
    a.udp == b.udp
        && a.address.port() == b.address.port()
        && (a.address.ip() == b.address.ip() || covers(a, b) || covers(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_their_own_family() {
        let bind = |address: &str, dual| Bind {
            path: String::new(),
            address: address.parse().unwrap(),
            udp: false,
            dual,
        };
        for (a, b, collision) in [
            ("10.0.0.1:80", "10.0.0.1:80", true),
            ("10.0.0.1:80", "10.0.0.1:81", false),
            ("10.0.0.1:80", "10.0.0.2:80", false),
            ("0.0.0.0:80", "10.0.0.1:80", true),
            ("0.0.0.0:80", "10.0.0.1:81", false),
            ("[::]:80", "[2001:db8::1]:80", true),
            ("[::]:80", "0.0.0.0:80", false),
            ("0.0.0.0:80", "[2001:db8::1]:80", false),
        ] {
            assert_eq!(
                collide(&bind(a, false), &bind(b, false)),
                collision,
                "{a} {b}"
            );
            assert_eq!(
                collide(&bind(b, false), &bind(a, false)),
                collision,
                "{b} {a}"
            );
        }
        assert!(collide(&bind("[::]:80", true), &bind("10.0.0.1:80", false)));
        let datagrams = Bind {
            udp: true,
            ..bind("10.0.0.1:80", false)
        };
        assert!(!collide(&datagrams, &bind("10.0.0.1:80", false)));
        assert!(!collide(
            &bind("0.0.0.0:80", true),
            &bind("[2001:db8::1]:80", false)
        ));
    }
}
