//! The switch: a bridge in a namespace of its own, with a port for each host.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use halo_netio::netlink::{LinkChange, Netlink, NetlinkError, PortState};
use ipnet::IpNet;
use nix::errno::Errno;

use crate::{Host, LabError, wait_until};

const BRIDGE: &str = "br0";

/// It is not there where the kernel was told to do without IPv6.
const IPV6: &str = "/proc/sys/net/ipv6";

/// A veth's carrier is noticed at most a second late (the kernel's link watch).
const CARRIER: Duration = Duration::from_secs(5);

/// The lab's switch.
#[derive(Debug)]
pub(crate) struct Switch {
    host: Host,
}

impl Switch {
    /// Makes the bridge on `host`.
    pub(crate) fn make(host: Host) -> Result<Self, LabError> {
        let switch = Self { host };
        switch
            .host
            .within(forward_only)?
            .map_err(LabError::io("make the switch a mere switch"))?;
        switch.act(|netlink| {
            netlink.link_add_bridge(BRIDGE)?;
            set_up(netlink, BRIDGE)
        })?;
        Ok(switch)
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Lays a cable from a new port to `host`, which gets `eth0`, its address and its settings.
    pub(crate) fn connect(&self, host: &Host) -> Result<(), LabError> {
        let port = host.name().to_owned();
        let netns = host
            .net()
            .try_clone_to_owned()
            .map_err(LabError::io("duplicate a namespace's descriptor"))?;
        self.act(move |netlink| {
            netlink.link_add_veth(&port, "eth0", std::os::fd::AsFd::as_fd(&netns))?;
            let master = index(netlink, BRIDGE)?;
            let change = LinkChange {
                up: Some(true),
                master: Some(master),
                ..LinkChange::default()
            };
            let port = index(netlink, &port)?;
            netlink.link_set(port, change)
        })?;
        host.within(settings)?
            .map_err(LabError::io(format!("set up {}", host.name())))?;
        let (address, address6) = (host.address(), host.address6());
        host.within(move || configure(address, address6))?
            .map_err(LabError::netlink(host.name()))
    }

    /// Waits until every port passes frames, and the kernel knows it: its late notice of the carrier
    /// would open a port that was shut meanwhile.
    pub(crate) fn wait_for_carrier(&self) -> Result<(), LabError> {
        let mut last = Ok(false);
        let waited = wait_until("all links up", CARRIER, || {
            last = self
                .act(|netlink| Ok(netlink.links()?.iter().all(|l| l.loopback || l.operational)));
            !matches!(last, Ok(false))
        });
        last?;
        waited
    }

    /// Plugs or pulls a cable: both ends lose their carrier.
    pub(crate) fn set_link(&self, host: &str, up: bool) -> Result<(), LabError> {
        let port = host.to_owned();
        self.act(move |netlink| {
            let change = LinkChange {
                up: Some(up),
                ..LinkChange::default()
            };
            let port = index(netlink, &port)?;
            netlink.link_set(port, change)
        })
    }

    /// Drops all frames of a port, or no longer; carriers stay.
    pub(crate) fn set_port(&self, host: &str, state: PortState) -> Result<(), LabError> {
        let start = Instant::now();
        loop {
            let port = host.to_owned();
            let set = self.act(move |netlink| {
                let port = index(netlink, &port)?;
                netlink.bridge_port_set(port, state)
            });
            match set {
                // The kernel has not noticed the carrier yet.
                Err(LabError::Netlink { source, .. })
                    if source.errno() == Some(Errno::ENETDOWN as i32)
                        && start.elapsed() < CARRIER =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                other => return other,
            }
        }
    }

    fn act<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Netlink) -> Result<T, NetlinkError> + Send + 'static,
    ) -> Result<T, LabError> {
        self.host
            .within(move || work(&mut Netlink::open()?))?
            .map_err(LabError::netlink(self.host.name()))
    }
}

fn index(netlink: &mut Netlink, name: &str) -> Result<u32, NetlinkError> {
    let link = netlink.link(name)?;
    link.map(|link| link.index)
        .ok_or_else(|| NetlinkError::Request {
            what: format!("find the interface {name}"),
            source: Errno::ENODEV.into(),
        })
}

fn set_up(netlink: &mut Netlink, name: &str) -> Result<(), NetlinkError> {
    let change = LinkChange {
        up: Some(true),
        ..LinkChange::default()
    };
    let link = index(netlink, name)?;
    netlink.link_set(link, change)
}

/// Keeps the firewall of the namespace that this thread is in away from bridged frames. Where Docker has loaded the
/// kernel's bridge filter, each frame would pass its hooks, at the expense of whoever sent it.
fn forward_only() -> std::io::Result<()> {
    const FILTER: &str = "/proc/sys/net/bridge";
    if !Path::new(FILTER).exists() {
        return Ok(());
    }
    for protocol in ["arptables", "ip6tables", "iptables"] {
        fs::write(format!("{FILTER}/bridge-nf-call-{protocol}"), "0")?;
    }
    Ok(())
}

/// Gives the host that this thread is in its interfaces.
fn configure(address: Ipv4Addr, address6: Ipv6Addr) -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    set_up(&mut netlink, "lo")?;
    let eth0 = index(&mut netlink, "eth0")?;
    let [_, _, _, last] = address.octets();
    let change = LinkChange {
        up: Some(true),
        // Locally administered, and telling in a packet dump.
        mac: Some([0x02, 0x77, 0, 0, 0, last]),
        ..LinkChange::default()
    };
    netlink.link_set(eth0, change)?;
    let net = IpNet::new_assert(IpAddr::V4(address), 24);
    netlink.address_add(eth0, net, None)?;
    if Path::new(IPV6).exists() {
        netlink.address_add(eth0, IpNet::new_assert(IpAddr::V6(address6), 64), None)?;
    }
    Ok(())
}

/// Kernel settings of the host that this thread is in.
fn settings() -> std::io::Result<()> {
    const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
    // bbr paces, which falsifies every figure between hosts of one machine.
    fs::write(CONGESTION, "cubic").or_else(|_| fs::write(CONGESTION, "reno"))?;
    // A new namespace takes these over from the machine, where Docker may have set them: hosts that
    // pass packets for an address they no longer have would hide an outage.
    fs::write("/proc/sys/net/ipv4/ip_forward", "0")?;
    for setting in ["accept_redirects", "send_redirects"] {
        for of in ["all", "eth0"] {
            fs::write(format!("/proc/sys/net/ipv4/conf/{of}/{setting}"), "0")?;
        }
    }
    if Path::new(IPV6).exists() {
        // Every address here is given out once: the second that detection takes is saved.
        fs::write(format!("{IPV6}/conf/eth0/accept_dad"), "0")?;
        fs::write(format!("{IPV6}/conf/all/forwarding"), "0")?;
    }
    // The prober opens a thousand connections a second. Of two even ends the kernel complains, on the console.
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", "10240 65001")
}
