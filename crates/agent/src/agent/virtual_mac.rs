//! Virtual routers with a MAC address of their own (RFC 9568 section 7.3).
//!
//! The addresses sit on an interface on top of the VIP's own. It is up while this node is Active, so that a
//! Backup has the virtual MAC address nowhere, and says nothing from it by which a switch could take this
//! node for the Active. After a planned move it stays up, dumb, until every switch knows where the VIP is
//! now; connections that go on finish on the interface below.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use halo_netio::Platform;
use halo_netio::lease::of_mac;
use halo_netio::netlink::Link;
use halo_packet::MacAddr;
use halo_packet::vrrp::{Vrid, virtual_mac};
use tracing::{info, warn};

use super::Agent;
use crate::error::Error;
use crate::link_table::Port;
use crate::vip::{LIFETIME, RETRY_CLAIM, Vip, own_priority};

/// Interfaces that virtual routers sit on top of.
#[derive(Debug, Default)]
pub(super) struct Uppers {
    /// Those below, by number.
    lower: BTreeMap<u32, String>,
    /// What could not be made, by VIP, for people.
    pub(super) complaints: BTreeMap<String, String>,
}

/// The name of the interface of a virtual router on top of the one with the number `parent`: unique on a
/// machine, and within the kernel's 15 characters.
fn upper_name(vip: &Vip, parent: u32) -> String {
    let family = if vip.config.is_ipv6() { 6 } else { 4 };
    format!("halo{family}-{parent}-{}", vip.vrid.get())
}

/// Whether an interface is one that an agent made: by its name, and the MAC address that goes with it.
fn is_upper(link: &Link) -> bool {
    let named = || {
        let (family, rest) = link.name.strip_prefix("halo")?.split_once('-')?;
        let (parent, vrid) = rest.split_once('-')?;
        parent.parse::<u32>().ok()?;
        let vrid = Vrid::new(vrid.parse().ok()?)?;
        match family {
            "4" => Some(virtual_mac(vrid, false)),
            "6" => Some(virtual_mac(vrid, true)),
            _ => None,
        }
    };
    named().is_some_and(|mac| link.mac == Some(mac.octets()))
}

impl<P: Platform> Agent<P> {
    /// An agent that was killed leaves its interfaces, and they may be up.
    pub(super) fn remove_left_over_uppers(&mut self) -> Result<(), Error> {
        for link in self.platform.links()?.iter().filter(|link| is_upper(link)) {
            warn!("the interface {} was left over: removed", link.name);
            self.platform.remove_interface(link.index)?;
        }
        Ok(())
    }

    /// Makes the interfaces that the VIPs need where they are now, and removes those that none needs.
    pub(super) fn refresh_uppers(&mut self, now: Instant) {
        let before = std::mem::take(&mut self.uppers);
        let mut used = BTreeSet::new();
        for index in 0..self.vips.len() {
            let Some(below) = self.below(index) else {
                self.vips[index].upper = None;
                continue;
            };
            let name = upper_name(&self.vips[index], below.index);
            match self.upper(index, &below, &name) {
                Ok(upper) => {
                    used.insert(upper);
                    self.settle(index, upper, now);
                }
                Err(problem) => self.complain(index, &problem, &before, now),
            }
            self.uppers.lower.insert(below.index, below.name);
        }
        for (index, name) in &before.lower {
            if !self.uppers.lower.contains_key(index) {
                self.separate(*index, name, false);
            }
        }
        self.remove_unused_uppers(&used);
    }

    /// The node stops: its addresses are off.
    pub(super) fn remove_uppers(&mut self) {
        for (index, name) in std::mem::take(&mut self.uppers).lower {
            self.separate(index, &name, false);
        }
        for vip in &mut self.vips {
            if let Some(upper) = vip.upper.take()
                && let Err(problem) = self.platform.remove_interface(upper)
            {
                warn!("{problem}");
            }
        }
    }

    /// Brings the virtual MAC address here, and the addresses onto it.
    pub(super) fn ascend(&mut self, index: usize) -> Result<(), halo_netio::Error> {
        let vip = &self.vips[index];
        let came_from_below = vip.renew_at.is_some() && !vip.raised;
        self.platform.set_up(vip.upper.unwrap_or_default(), true)?;
        self.vips[index].raised = true;
        self.put_addresses(index)?;
        if came_from_below && let Some(home) = &self.vips[index].place.home {
            for net in &self.vips[index].config.addresses {
                self.platform.remove_address(home.index, *net)?;
            }
        }
        Ok(())
    }

    /// Before the first advertisement: from then on switches send what is for the virtual MAC address here.
    pub(super) fn come_up(&mut self, index: usize, now: Instant) {
        let vip = &self.vips[index];
        if !vip.config.virtual_mac || !vip.is_active() || vip.claims.held_since.is_some() {
            return;
        }
        self.take_charge(index, now);
        let put = self.put_on(index, now);
        self.vips[index].came_up = Some(put);
    }

    /// The VIP is another node's, and connections finish here: on the interface below, where nobody is
    /// told of the addresses any more.
    pub(super) fn descend(&mut self, index: usize) {
        let vip = &self.vips[index];
        if !vip.raised {
            return;
        }
        if let Some(home) = &vip.place.home {
            for net in &vip.config.addresses {
                if let Err(problem) = self.platform.put_address(home.index, *net, LIFETIME) {
                    warn!("{}: {problem}", vip.config.name);
                }
            }
        }
        let nets = vip.config.addresses.clone();
        self.silence(index);
        self.take_off(index, &nets);
        self.vips[index].raised = false;
    }

    /// From now on nothing comes from the virtual MAC address, nor is it heard: first of all, since the
    /// kernel has something to say of each address that is taken off (RFC 3810).
    pub(super) fn silence(&mut self, index: usize) {
        let vip = &self.vips[index];
        let Some(upper) = vip
            .upper
            .filter(|upper| vip.raised && self.links.has(*upper))
        else {
            return;
        };
        if let Err(problem) = self.platform.set_up(upper, false) {
            warn!("{}: {problem}", vip.config.name);
        }
    }

    /// What keeps a VIP with a virtual MAC address from being held here.
    pub(super) fn lacks_upper(&self, index: usize) -> bool {
        let vip = &self.vips[index];
        vip.config.virtual_mac && vip.upper.is_none()
    }

    /// The interface that one for this VIP goes on top of.
    fn below(&self, index: usize) -> Option<Port> {
        let vip = &self.vips[index];
        let member = own_priority(&self.loaded.config, &vip.config).is_some();
        let home = vip.place.home.clone();
        home.filter(|_| vip.config.virtual_mac && member)
    }

    /// The interface of this name, made if it is not there.
    fn upper(&mut self, index: usize, below: &Port, name: &str) -> Result<u32, halo_netio::Error> {
        let known = self.links.links().iter().find(|link| link.name == name);
        if let Some(link) = known.filter(|link| is_upper(link)) {
            return Ok(link.index);
        }
        // Before there are two interfaces on one network.
        self.platform.separate_arp(below.index, &below.name, true)?;
        let vip = &self.vips[index];
        let ipv6 = vip.config.is_ipv6();
        let mac = virtual_mac(vip.vrid, ipv6).octets();
        self.platform.add_virtual_mac(below.index, name, mac, ipv6)
    }

    /// The VIP has this interface. If it is Active, somebody may have taken the former one away, or down.
    fn settle(&mut self, index: usize, upper: u32, now: Instant) {
        let vip = &mut self.vips[index];
        let same = vip.upper.replace(upper) == Some(upper);
        let up = self
            .links
            .links()
            .iter()
            .any(|link| link.index == upper && link.up);
        if !vip.raised || (same && up) {
            return;
        }
        info!(
            "{}: its interface was taken away or down: put back",
            vip.config.name
        );
        match self.ascend(index) {
            Ok(()) => self.vips[index].announcer.repeat(now),
            Err(problem) => {
                warn!("{}: {problem}", self.vips[index].config.name);
                self.vips[index].blocked_until = Some(now + RETRY_CLAIM);
            }
        }
    }

    fn complain(
        &mut self,
        index: usize,
        problem: &halo_netio::Error,
        before: &Uppers,
        now: Instant,
    ) {
        let vip = &mut self.vips[index];
        vip.upper = None;
        vip.blocked_until = Some(now + RETRY_CLAIM);
        let name = vip.config.name.clone();
        let complaint = format!("{name}: {problem}; this node cannot hold it");
        if before.complaints.get(&name) != Some(&complaint) {
            warn!("{complaint}");
            self.status_changed = true;
        }
        self.uppers.complaints.insert(name, complaint);
    }

    fn remove_unused_uppers(&mut self, used: &BTreeSet<u32>) {
        let unused: Vec<u32> = self
            .links
            .links()
            .iter()
            .filter(|link| is_upper(link) && !used.contains(&link.index))
            .map(|link| link.index)
            .collect();
        for index in unused {
            if let Err(problem) = self.platform.remove_interface(index) {
                warn!("{problem}");
            }
        }
    }

    fn separate(&mut self, index: u32, name: &str, apart: bool) {
        if let Err(problem) = self.platform.separate_arp(index, name, apart) {
            warn!("{problem}");
        }
    }
}

impl Vip {
    /// The MAC address that the addresses have on the network.
    pub(crate) fn mac(&self) -> Option<MacAddr> {
        let home = self.place.home.as_ref()?;
        let own = || home.mac.map(MacAddr::from);
        self.virtual_mac().map(MacAddr::from).or_else(own)
    }

    /// The MAC address of the virtual router, if it has one.
    pub(crate) fn virtual_mac(&self) -> Option<[u8; 6]> {
        let mac = || virtual_mac(self.vrid, self.config.is_ipv6()).octets();
        self.config.virtual_mac.then(mac)
    }

    /// What the kernel lets this node have only while it is leased.
    pub(crate) fn leasable(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.config.ips().chain(self.virtual_mac().map(of_mac))
    }
}
