use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::netlink::{LinkChange, Monitor, Netlink, NetlinkEvent, PortState};

/// A host that lives until dropped.
struct Host(Child, Namespaces);

impl Host {
    fn new(name: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "read line"]).stdin(Stdio::piped());
        make_host(&mut command, name);
        let child = command
            .spawn()
            .expect("namespaces need root: run the tests as root");
        let namespaces = Namespaces::of_process(child.id()).unwrap();
        Self(child, namespaces)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_command_in_a_host_sees_its_name_and_an_empty_run() {
    let host = Host::new("lb7");
    let mut command = Command::new("sh");
    command.args(["-c", "cat /proc/sys/kernel/hostname; ls -A /run"]);
    host.1.enter(&mut command).unwrap();
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "lb7\n");
}

#[test]
fn links_addresses_and_their_changes_are_reported() {
    let host = Host::new("a");
    let other = Host::new("b");
    let peer = other.1.net().try_clone_to_owned().unwrap();
    run_in(host.1.net(), move || {
        let mut netlink = Netlink::open().unwrap();
        let mut monitor = Monitor::open().unwrap();
        assert_eq!(monitor.next_event().unwrap(), None);
        netlink
            .link_add_veth("port", "eth0", std::os::fd::AsFd::as_fd(&peer))
            .unwrap();
        netlink.link_add_bridge("br0").unwrap();
        let bridge = netlink.link("br0").unwrap().unwrap();
        let port = netlink.link("port").unwrap().unwrap();
        assert!(!port.up && !port.is_running());
        let change = LinkChange {
            up: Some(true),
            master: Some(bridge.index),
            mac: Some([2, 0, 0, 0, 0, 7]),
            name: None,
        };
        netlink.link_set(port.index, change).unwrap();
        run_in(std::os::fd::AsFd::as_fd(&peer), || {
            let mut netlink = Netlink::open().unwrap();
            let far = netlink.link("eth0").unwrap().unwrap();
            let up = LinkChange {
                up: Some(true),
                ..LinkChange::default()
            };
            netlink.link_set(far.index, up).unwrap();
        })
        .unwrap();
        // The kernel opens a port only when it has noticed the carrier, a little later.
        let asked = Instant::now();
        for state in [PortState::Disabled, PortState::Forwarding] {
            while let Err(error) = netlink.bridge_port_set(port.index, state) {
                assert_eq!(error.errno(), Some(libc::ENETDOWN), "{error}");
                assert!(asked.elapsed() < Duration::from_secs(5), "{error}");
                thread::sleep(Duration::from_millis(5));
            }
        }
        let net = "10.77.0.1/24".parse().unwrap();
        netlink
            .address_add(bridge.index, net, Some(Duration::from_secs(3)))
            .unwrap();
        let found = netlink.addresses().unwrap();
        let address = found.iter().find(|a| a.net == net).unwrap();
        assert!(address.is_halo());
        assert!(address.lifetime.unwrap() <= Duration::from_secs(3));
        netlink
            .address_add(bridge.index, net, Some(Duration::from_secs(100)))
            .unwrap();
        let renewed = netlink.addresses().unwrap();
        let again: Vec<_> = renewed.iter().filter(|a| a.net == net).collect();
        assert_eq!(again.len(), 1);
        assert!(again[0].lifetime.unwrap() > Duration::from_secs(90));
        assert!(netlink.address_remove(bridge.index, net).unwrap());
        assert!(!netlink.address_remove(bridge.index, net).unwrap());

        let mut seen = Vec::new();
        while let Some(event) = monitor.next_event().unwrap() {
            seen.push(event);
        }
        assert!(seen.iter().any(
            |e| matches!(e, NetlinkEvent::LinkChanged(l) if l.name == "port" && l.mac == Some([2, 0, 0, 0, 0, 7]))
        ));
        assert!(
            seen.iter()
                .any(|e| matches!(e, NetlinkEvent::AddressAdded(a) if a.net == net))
        );
        assert!(
            seen.iter()
                .any(|e| matches!(e, NetlinkEvent::AddressRemoved(a) if a.net == net))
        );
    })
    .unwrap();
}

#[test]
fn an_address_that_is_not_renewed_is_taken_off_by_the_kernel() {
    let host = Host::new("a");
    run_in(host.1.net(), || {
        let mut netlink = Netlink::open().unwrap();
        let lo = netlink.link("lo").unwrap().unwrap();
        let up = LinkChange {
            up: Some(true),
            ..LinkChange::default()
        };
        netlink.link_set(lo.index, up).unwrap();
        let net = "192.0.2.9/32".parse().unwrap();
        let added = Instant::now();
        netlink
            .address_add(lo.index, net, Some(Duration::from_secs(1)))
            .unwrap();
        while netlink.addresses().unwrap().iter().any(|a| a.net == net) {
            assert!(added.elapsed() < Duration::from_secs(5));
            thread::sleep(Duration::from_millis(20));
        }
    })
    .unwrap();
}

#[test]
fn a_monitor_that_was_too_slow_says_that_it_lost_messages() {
    let host = Host::new("a");
    run_in(host.1.net(), || {
        let mut netlink = Netlink::open().unwrap();
        let mut monitor = Monitor::open().unwrap();
        let lo = netlink.link("lo").unwrap().unwrap();
        for n in 0..2000u32 {
            let net = format!("10.1.{}.{}/32", n / 250, n % 250 + 1)
                .parse()
                .unwrap();
            netlink.address_add(lo.index, net, None).unwrap();
        }
        let mut lost = 0;
        while let Some(event) = monitor.next_event().unwrap() {
            lost += u32::from(event == NetlinkEvent::Lost);
        }
        assert!(lost > 0);
    })
    .unwrap();
}
