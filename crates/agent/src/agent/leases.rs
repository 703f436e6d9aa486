//! The kernel's leases of VIPs: renewed with each heartbeat, so that a node that falls silent stops
//! answering before a peer takes it for dead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_netio::Platform;
use halo_netio::lease::of_mac;
use halo_packet::vrrp::Priority;
use tracing::warn;

use super::Agent;
use crate::link_table::Port;
use crate::vip::Vip;

/// Heartbeats that a lease lasts where a Backup waits for as many, and Skew_Time on top (RFC 9568 section
/// 6.1): the lease has always ended when it takes over.
const HEARTBEATS: u32 = 3;

/// What is guarded, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Guards {
    interfaces: BTreeSet<u32>,
    /// By interface, for people.
    pub(super) complaints: BTreeMap<u32, String>,
}

impl<P: Platform> Agent<P> {
    /// Leases the VIP's addresses from `now` on for what heartbeats of this interval allow.
    pub(super) fn renew_lease(&mut self, index: usize, now: Instant, interval: Duration) {
        let vip = &self.vips[index];
        if vip.leased {
            let until = self.within_mandate(index, now + self.lease(vip, interval));
            self.platform.lease(&mut vip.leasable(), until);
        }
    }

    /// How long after a heartbeat of this node the kernel answers for the addresses, should the agent fall
    /// silent; `None`: it is not kept from answering.
    pub(super) fn lease_in_force(&self, index: usize) -> Option<Duration> {
        let vip = &self.vips[index];
        let home = vip.place.home.as_ref()?;
        let interval = vip.router.config().interval.duration();
        self.guards
            .interfaces
            .contains(&home.index)
            .then(|| self.lease(vip, interval))
    }

    /// The first lease, before the addresses are put on.
    pub(super) fn begin_lease(&mut self, index: usize, now: Instant) {
        let vip = &mut self.vips[index];
        vip.leased = true;
        let interval = vip.router.config().interval.duration();
        self.renew_lease(index, now, interval);
    }

    /// The lease of the virtual MAC address alone, from when on the kernel may speak from it.
    pub(super) fn begin_lease_of_mac(&mut self, index: usize, now: Instant) {
        let vip = &self.vips[index];
        let interval = vip.router.config().interval.duration();
        let until = self.within_mandate(index, now + self.lease(vip, interval));
        let mut mac = vip.virtual_mac().map(of_mac).into_iter();
        self.platform.lease(&mut mac, until);
    }

    pub(super) fn end_lease(&mut self, index: usize) {
        let vip = &mut self.vips[index];
        vip.leased = false;
        self.platform.end_lease(&mut vip.leasable());
    }

    /// Guards the VIPs' addresses on the interfaces where they are now.
    pub(super) fn refresh_guards(&mut self) {
        let mut wanted: BTreeMap<u32, (Port, Vec<IpAddr>)> = BTreeMap::new();
        for vip in &self.vips {
            if let Some(home) = &vip.place.home {
                let entry = wanted
                    .entry(home.index)
                    .or_insert_with(|| (home.clone(), Vec::new()));
                entry.1.extend(vip.config.ips());
                // What is for its own MAC address passes both.
                if let Some(upper) = vip.upper {
                    let port = Port {
                        index: upper,
                        ..home.clone()
                    };
                    wanted.insert(upper, (port, vip.leasable().collect()));
                }
            }
        }
        let before = std::mem::take(&mut self.guards);
        for index in before.interfaces.iter().filter(|i| !wanted.contains_key(i)) {
            self.unguard(*index);
        }
        for (index, (port, addresses)) in wanted {
            // Without a hardware address there is no Ethernet header for the program to look behind.
            let guarded = match port.mac {
                Some(_) => self
                    .platform
                    .guard(index, &addresses)
                    .map_err(|problem| problem.to_string()),
                None => Err("it is no Ethernet: VIPs cannot be leased on it".to_owned()),
            };
            match guarded {
                Ok(()) => {
                    self.guards.interfaces.insert(index);
                }
                Err(problem) => {
                    let complaint = format!(
                        "{}: {problem}; without it, this node may answer for a VIP for up to 5 s \
                         after halod is killed or hangs{}",
                        port.name,
                        self.refusal_lost(index)
                    );
                    if before.complaints.get(&index) != Some(&complaint) {
                        warn!("{complaint}");
                        self.status_changed = true;
                    }
                    self.guards.complaints.insert(index, complaint);
                }
            }
        }
        self.refuse_packets();
    }

    /// What else goes without a guard of this interface, for people.
    fn refusal_lost(&self, interface: u32) -> &'static str {
        let here = |vip: &Vip| {
            let seats = [vip.place.home.as_ref().map(|home| home.index), vip.upper];
            seats.contains(&Some(interface))
        };
        match self
            .vips
            .iter()
            .any(|vip| refuses_packets(vip) && here(vip))
        {
            true => ", and takes packets in spite of accept = false",
            false => "",
        }
    }

    /// RFC 9568 section 6.4.3: who is not the owner takes no packets for addresses with Accept_Mode
    /// False.
    fn refuse_packets(&mut self) {
        for vip in &self.vips {
            let refused = refuses_packets(vip);
            self.platform.refuse(&mut vip.config.ips(), refused);
        }
    }

    /// Whether the kernel answers for the VIP's addresses only while they are leased.
    pub(super) fn is_guarded(&self, vip: &Vip) -> bool {
        let home = vip.place.home.as_ref();
        home.is_some_and(|home| self.guards.interfaces.contains(&home.index))
    }

    /// Whether the same holds for the VIP's interface with a virtual MAC address.
    pub(super) fn is_upper_guarded(&self, index: usize) -> bool {
        let upper = self.vips[index].upper;
        upper.is_some_and(|upper| self.guards.interfaces.contains(&upper))
    }

    /// An agent that was killed, with another configuration, may have guarded other interfaces.
    pub(super) fn remove_left_over_guards(&mut self) {
        let others: Vec<u32> = self
            .links
            .links()
            .iter()
            .map(|link| link.index)
            .filter(|index| !self.guards.interfaces.contains(index))
            .collect();
        for index in others {
            self.unguard(index);
        }
    }

    /// The addresses are off: nothing is to be left of the guards.
    pub(super) fn remove_guards(&mut self) {
        for index in std::mem::take(&mut self.guards).interfaces {
            self.unguard(index);
        }
    }

    fn unguard(&mut self, index: u32) {
        if let Err(problem) = self.platform.guard(index, &[]) {
            warn!("{problem}");
        }
    }

    /// The lease that a heartbeat gives. Where Backups ask an Active whose heartbeat is late, it ends this
    /// long beyond the next heartbeat: three fifths of an interval, and no less than this process may be
    /// late. They know it from hellos, and wait for its end also where VRRP's own timer is shorter.
    fn lease(&self, vip: &Vip, interval: Duration) -> Duration {
        if vip.config.fast_detection {
            interval + (interval * 3 / 5).max(self.options.lateness)
        } else {
            HEARTBEATS * interval
        }
    }

    /// Tells every virtual router how long this node's lease and the Active's last.
    pub(super) fn update_leases(&mut self) {
        for index in 0..self.vips.len() {
            let (own, active) = (self.lease_in_force(index), self.active_lease(index));
            self.vips[index].router.set_leases(own, active);
        }
    }

    fn active_lease(&self, index: usize) -> Option<(IpAddr, Duration)> {
        let vip = &self.vips[index];
        let active = vip.router.heard()?.from;
        let peer = self.peers.get(self.node_of(active)?)?;
        let presence = peer.router(vip.vrid, vip.config.is_ipv6())?;
        Some((active, presence.lease?))
    }
}

/// Whether the node takes no packets for the VIP's addresses: Accept_Mode is False, and it does not own
/// them.
fn refuses_packets(vip: &Vip) -> bool {
    !vip.config.accept && vip.router.config().priority != Priority::OWNER
}
