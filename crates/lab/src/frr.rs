//! FRRouting's vrrpd as the other node.

use std::fs;
use std::net::IpAddr;

use crate::{Host, LabError, Process, find_tool};

/// Where Debian has FRR's daemons.
const DAEMONS: &str = "/usr/lib/frr";

/// A virtual router of FRR's vrrpd. It multicasts, and has a virtual MAC address.
#[derive(Debug, Clone)]
pub struct FrrConfig {
    /// Virtual router identifier.
    pub vrid: u8,
    /// VRRP version, 2 or 3.
    pub version: u8,
    /// This node's priority, 1 to 254.
    pub priority: u8,
    /// Time between adverts in milliseconds, whole centiseconds.
    pub advert_ms: u32,
    /// The virtual addresses, of one family; the first of IPv6 is link-local.
    pub vips: Vec<IpAddr>,
}

/// A running zebra and vrrpd.
#[derive(Debug)]
pub struct Frr {
    /// The daemon that speaks VRRP.
    pub vrrpd: Process,
    _zebra: Process,
}

impl FrrConfig {
    /// `vrrpd.conf`.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            vrid,
            version,
            priority,
            advert_ms,
            vips,
        } = self;
        let mut text = format!(
            "interface eth0\n vrrp {vrid} version {version}\n vrrp {vrid} priority {priority}\n \
             vrrp {vrid} advertisement-interval {advert_ms}\n"
        );
        for vip in vips {
            let family = if vip.is_ipv4() { "ip" } else { "ipv6" };
            text += &format!(" vrrp {vrid} {family} {vip}\n");
        }
        text
    }

    /// Starts zebra and vrrpd on `host`, with the macvlan interface that vrrpd takes the virtual
    /// address and MAC from.
    ///
    /// # Errors
    /// When FRR is not installed, or the interface cannot be made.
    pub fn start(&self, host: &Host) -> Result<Frr, LabError> {
        self.make_interface(host)?;
        let file = host.path("/run/frr/vrrpd.conf");
        fs::write(&file, self.text()).map_err(LabError::io("write vrrpd.conf"))?;
        fs::write(host.path("/run/frr/zebra.conf"), "")
            .map_err(LabError::io("write zebra.conf"))?;
        let zebra = daemon(host, "zebra")?;
        let socket = host.path("/run/frr/zserv.api");
        crate::wait_until("zebra's socket", std::time::Duration::from_secs(10), || {
            socket.exists()
        })?;
        Ok(Frr {
            vrrpd: daemon(host, "vrrpd")?,
            _zebra: zebra,
        })
    }

    fn make_interface(&self, host: &Host) -> Result<(), LabError> {
        let vrid = self.vrid;
        let ipv4 = self.vips.iter().all(IpAddr::is_ipv4);
        let (name, kind) = if ipv4 { ("vrrp4", 1) } else { ("vrrp6", 2) };
        let mut script = format!(
            "set -e\n\
             mkdir -p /run/frr\n\
             chown frr:frr /run/frr\n\
             ip link add {name} link eth0 type macvlan mode bridge\n\
             ip link set dev {name} address 00:00:5e:00:0{kind}:{vrid:02x}\n\
             sysctl -qw net.ipv4.conf.eth0.ignore_routes_with_linkdown=1 \
             net.ipv4.conf.{name}.rp_filter=2\n"
        );
        for vip in &self.vips {
            let (prefix, flags) = if vip.is_ipv4() {
                (24, "")
            } else {
                (64, "nodad")
            };
            script += &format!("ip addr add {vip}/{prefix} dev {name} {flags}\n");
        }
        script += &format!("ip link set dev {name} up\n");
        let output = host.run("sh", ["-c", &script])?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(LabError::Refused(format!(
            "make FRR's macvlan on {}: {said}",
            host.name()
        )))
    }
}

fn daemon(host: &Host, name: &str) -> Result<Process, LabError> {
    let program = format!("{DAEMONS}/{name}");
    if !std::path::Path::new(&program).is_file() {
        return Err(find_tool(name).map_or_else(
            |error| error,
            |path| LabError::Refused(format!("{} is not FRR's", path.display())),
        ));
    }
    host.spawn(
        name,
        &program,
        [
            "--config_file",
            &format!("/run/frr/{name}.conf"),
            "--pid_file",
            &format!("/run/frr/{name}.pid"),
            "--socket",
            "/run/frr/zserv.api",
            "--vty_socket",
            "/run/frr",
            "--vty_port",
            "0",
            "--user",
            "frr",
            "--group",
            "frr",
            "--log",
            "stdout",
            "--log-level",
            "debug",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_written_in_milliseconds() {
        let config = FrrConfig {
            vrid: 51,
            version: 3,
            priority: 150,
            advert_ms: 100,
            vips: vec!["10.77.0.100".parse().unwrap(), "fd77::1".parse().unwrap()],
        };
        let text = config.text();
        assert!(text.contains(" vrrp 51 advertisement-interval 100\n"));
        assert!(text.ends_with(" vrrp 51 ip 10.77.0.100\n vrrp 51 ipv6 fd77::1\n"));
    }
}
