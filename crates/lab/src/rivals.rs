//! keepalived and HAProxy, as the other node and for comparison.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;

use crate::{Host, LabError, Process};

/// A `vrrp_instance` of keepalived.
#[derive(Debug, Clone)]
pub struct KeepalivedConfig {
    /// Virtual router identifier.
    pub vrid: u8,
    /// This node's priority, 1 to 254.
    pub priority: u8,
    /// Time between adverts in milliseconds, whole centiseconds.
    pub advert_ms: u32,
    /// This node's address.
    pub address: Ipv4Addr,
    /// The others' addresses; empty: multicast.
    pub peers: Vec<Ipv4Addr>,
    /// The virtual address.
    pub vip: Ipv4Addr,
    /// Whether to take the VIP back from a node with lower priority.
    pub preempt: bool,
    /// VRRP version, 2 or 3.
    pub version: u8,
    /// Version 2: the simple password, if any.
    pub password: Option<&'static str>,
}

impl KeepalivedConfig {
    /// `keepalived.conf`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut peers = String::new();
        if !self.peers.is_empty() {
            write!(
                peers,
                "  unicast_src_ip {}\n  unicast_peer {{\n",
                self.address
            )
            .expect("a String takes all text");
            for peer in &self.peers {
                writeln!(peers, "    {peer}").expect("a String takes all text");
            }
            peers += "  }\n";
        }
        if let Some(password) = self.password {
            writeln!(
                peers,
                "  authentication {{\n    auth_type PASS\n    auth_pass {password}\n  }}"
            )
            .expect("a String takes all text");
        }
        let version = self.version;
        let preempt = if self.preempt { "" } else { "  nopreempt\n" };
        let (vrid, priority, vip) = (self.vrid, self.priority, self.vip);
        let seconds = f64::from(self.advert_ms) / 1000.0;
        format!(
            "global_defs {{\n  vrrp_version {version}\n}}\n\
             vrrp_instance web {{\n  state BACKUP\n  interface eth0\n  virtual_router_id {vrid}\n  \
             priority {priority}\n  advert_int {seconds}\n{preempt}{peers}  \
             virtual_ipaddress {{\n    {vip}/24\n  }}\n}}\n"
        )
    }

    /// Starts keepalived on `host`.
    ///
    /// # Errors
    /// When it is not installed or cannot be started.
    pub fn start(&self, host: &Host) -> Result<Process, LabError> {
        let file = host.path("/run/keepalived.conf");
        fs::write(&file, self.text()).map_err(LabError::io("write keepalived.conf"))?;
        // -G: to its standard error alone. syslog(3) would cost it time, and say nothing to anybody here.
        let arguments = ["-n", "-l", "-G", "-D", "-P", "-f", "/run/keepalived.conf"];
        host.spawn_tool("keepalived", arguments)
    }
}

/// An HAProxy that does what the lab's Halo does.
#[derive(Debug, Clone)]
pub struct HaproxyConfig {
    /// Where it listens.
    pub bind: (Ipv4Addr, u16),
    /// The servers: name and address.
    pub servers: Vec<(String, Ipv4Addr, u16)>,
}

impl HaproxyConfig {
    /// `haproxy.cfg`.
    #[must_use]
    pub fn text(&self) -> String {
        let (address, port) = self.bind;
        let mut text = format!(
            "global\n  maxconn 5000\n  hard-stop-after 10s\n\
             defaults\n  mode http\n  option redispatch\n  retries 2\n  timeout connect 1s\n  \
             timeout client 60s\n  timeout server 30s\n  timeout http-request 10s\n\
             frontend web\n  bind {address}:{port} transparent\n  option forwardfor\n  \
             default_backend app\n\
             backend app\n  balance roundrobin\n  option httpchk GET /healthz\n"
        );
        for (name, address, port) in &self.servers {
            writeln!(
                text,
                "  server {name} {address}:{port} check inter 200 fall 2 rise 1"
            )
            .expect("a String takes all text");
        }
        text
    }

    /// Starts HAProxy on `host`, master and worker as Debian's service does.
    ///
    /// # Errors
    /// When it is not installed or cannot be started.
    pub fn start(&self, host: &Host) -> Result<Process, LabError> {
        let file = host.path("/run/haproxy.cfg");
        fs::write(&file, self.text()).map_err(LabError::io("write haproxy.cfg"))?;
        host.spawn_tool("haproxy", ["-W", "-db", "-f", "/run/haproxy.cfg"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepalived_is_unicast_with_peers_and_multicast_without() {
        let mut config = KeepalivedConfig {
            vrid: 51,
            priority: 150,
            advert_ms: 100,
            address: Ipv4Addr::new(10, 77, 0, 12),
            peers: vec![Ipv4Addr::new(10, 77, 0, 11)],
            vip: Ipv4Addr::new(10, 77, 0, 100),
            preempt: false,
            version: 3,
            password: None,
        };
        let text = config.text();
        assert!(text.contains("unicast_src_ip 10.77.0.12"));
        assert!(text.contains("advert_int 0.1\n") && text.contains("nopreempt"));
        config.password = Some("s3cret");
        assert!(config.text().contains("auth_pass s3cret\n"));
        config.peers.clear();
        assert!(!config.text().contains("unicast"));
    }
}
