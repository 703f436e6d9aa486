//! Interfaces and addresses, as they change under the agent.

use std::collections::BTreeSet;
use std::time::Instant;

use halo_config::{HostFacts, Transport, check_host};
use halo_netio::Platform;
use halo_netio::netlink::{Address, NetlinkEvent};
use halo_vrrp::{DisableReason, Event};
use tracing::{error, info};

use super::Agent;
use crate::error::Error;
use crate::link_table::{LinkTable, Place};
use crate::loaded::Loaded;

impl<P: Platform> Agent<P> {
    pub(super) fn handle_network(&mut self, event: NetlinkEvent) {
        match event {
            NetlinkEvent::LinkChanged(_) | NetlinkEvent::LinkRemoved(_) | NetlinkEvent::Lost => {
                self.network_changed = true;
            }
            // A renewal of our own each second is no news.
            NetlinkEvent::AddressAdded(address) => {
                self.network_changed |= !self.is_vip_address(&address);
            }
            NetlinkEvent::AddressRemoved(address) => {
                if !self.is_vip_address(&address) {
                    self.network_changed = true;
                } else if self.holder_of(&address).is_some() {
                    // It may have gone together with its interface: look at that first.
                    self.network_changed = true;
                    self.vanished.push(address);
                }
            }
        }
    }

    /// Lists the interfaces again, and tells every VIP where it stands.
    pub(super) fn refresh_links(&mut self, now: Instant) -> Result<(), Error> {
        self.network_changed = false;
        self.links = LinkTable::new(self.platform.links()?);
        self.host_warnings = match self.check_host(&self.loaded) {
            Ok(()) => Vec::new(),
            Err(problems) => problems.lines().map(str::to_owned).collect(),
        };
        for index in 0..self.vips.len() {
            let node = self.loaded.config.this_node();
            let place = self.links.place(&self.vips[index].config, node);
            self.move_vip(index, place, now);
        }
        self.refresh_sockets();
        self.refresh_uppers(now);
        self.refresh_members();
        self.refresh_paths();
        self.refresh_answers();
        // Before an address can be put on.
        self.refresh_guards();
        self.refresh_claims();
        self.check_interface_trackers(now);
        self.refresh_abilities(now);
        Ok(())
    }

    /// Compares a configuration with this machine; the problems, one a line.
    pub(super) fn check_host(&self, loaded: &Loaded) -> Result<(), String> {
        let facts = HostFacts {
            interfaces: self
                .links
                .links()
                .iter()
                .map(|link| (link.name.clone(), link.addresses.clone()))
                .collect(),
        };
        let file = self.options.config_file.display().to_string();
        check_host(&loaded.config, &file, &loaded.text, &facts)
            .map(drop)
            .map_err(|errors| errors.to_string())
    }

    fn is_vip_address(&self, address: &Address) -> bool {
        self.vips
            .iter()
            .flat_map(|vip| vip.config.ips())
            .any(|ip| ip == address.net.addr())
    }

    /// The VIP that is to be Active with this address on its interface.
    fn holder_of(&self, address: &Address) -> Option<usize> {
        self.vips.iter().position(|vip| {
            vip.renew_at.is_some()
                && vip.seat() == Some(address.ifindex)
                && vip.config.ips().any(|ip| ip == address.net.addr())
        })
    }

    /// Puts back what somebody took off and is still to be there.
    pub(super) fn restore_vanished(&mut self, now: Instant) {
        for address in std::mem::take(&mut self.vanished) {
            self.restore(&address, now);
        }
    }

    /// The notification may be about a removal of our own, before the address was put on again: only
    /// the table tells.
    fn restore(&mut self, removed: &Address, now: Instant) {
        let Some(index) = self.holder_of(removed) else {
            return;
        };
        match self.platform.addresses() {
            Ok(table) => {
                let there = table.iter().any(|address| {
                    address.ifindex == removed.ifindex && address.net.addr() == removed.net.addr()
                });
                if !there {
                    self.put_back(index, removed.net, now);
                }
            }
            Err(problem) => error!("{problem}"),
        }
    }

    /// The VIP's interface changed, or it has another now.
    fn move_vip(&mut self, index: usize, place: Place, now: Instant) {
        let before = &self.vips[index].place;
        if *before == place {
            return;
        }
        let port = |place: &Place| place.home.as_ref().map(|home| (home.index, home.mac));
        let (was, is) = (port(before), port(&place));
        if let (Some((old, _)), new) = (was, is.map(|(index, _)| index))
            && Some(old) != new
        {
            self.finish_retiring(index);
            // Off the old one, while it is known; ability is looked at afresh afterwards.
            self.vips[index].told = Some(Err(DisableReason::InterfaceDown));
            self.perform(index, Event::Disable(DisableReason::InterfaceDown), now);
        }
        let vip = &mut self.vips[index];
        let moved = vip.place.source != place.source;
        let speaks = |place: &Place| place.wire.as_ref().is_some_and(|wire| wire.running);
        let returned = !speaks(&vip.place) && speaks(&place);
        vip.place = place;
        vip.make_frames();
        if moved {
            self.reconfigure_router(index, now);
        }
        if returned {
            self.meet_again(index);
        }
        let vip = &mut self.vips[index];
        if vip.is_active() && was != is {
            info!(
                "{}: the interface's hardware address changed",
                vip.config.name
            );
            vip.announcer.repeat(now);
        }
    }

    /// Opens VRRP where heartbeats travel, and shuts it where they no longer do.
    fn refresh_sockets(&mut self) {
        let mut used = BTreeSet::new();
        for vip in &mut self.vips {
            let Some(wire) = &vip.place.wire else {
                continue;
            };
            let multicast = vip.config.transport == Transport::Multicast;
            let family = vip.family();
            let opened = self
                .platform
                .open_vrrp(&wire.name, wire.index, family, multicast);
            match opened {
                Ok(()) => {
                    used.insert((wire.index, family));
                }
                Err(problem) => {
                    error!("{}: {problem}", vip.config.name);
                    vip.place.wire = None;
                }
            }
        }
        used.extend(self.open_voters_wire(&used));
        for (index, family) in self.wires.difference(&used) {
            self.platform.close_vrrp(*index, *family);
        }
        self.wires = used;
    }
}
