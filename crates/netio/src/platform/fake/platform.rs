//! What the fake does as a [`Platform`].

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::super::{ClientId, Input, Platform};
use super::{Effect, Entry, Fake, virtual_mac};
use crate::check::Check;
use crate::error::{Error, Result};
use crate::netlink::{Address, Link};
use crate::process::Standing;
use crate::vrrp::Family;

impl Platform for Fake {
    fn now(&self) -> Instant {
        self.now
    }

    fn unix_millis(&self) -> u64 {
        u64::try_from((self.now - self.origin).as_millis()).unwrap_or(u64::MAX)
    }

    fn wait(&mut self, deadline: Option<Instant>, inputs: &mut Vec<Input>) -> Result<()> {
        if self.inputs.is_empty() {
            let until = deadline.unwrap_or(self.horizon).min(self.horizon);
            self.now = self.now.max(until);
        }
        self.expire_addresses();
        inputs.extend(self.inputs.drain(..));
        Ok(())
    }

    fn read_file(&mut self, _path: &Path) -> io::Result<String> {
        self.file.clone().ok_or(io::ErrorKind::NotFound.into())
    }

    fn read_secret(&mut self, _path: &Path) -> io::Result<String> {
        self.secret.clone().ok_or(io::ErrorKind::NotFound.into())
    }

    fn hear_answers(&mut self, wires: &BTreeSet<(u32, Family)>) -> Result<()> {
        self.answers.clone_from(wires);
        Ok(())
    }

    fn links(&mut self) -> Result<Vec<Link>> {
        let mut links = self.links.clone();
        for link in &mut links {
            link.addresses = self
                .addresses
                .keys()
                .filter(|(interface, _)| *interface == link.index)
                .map(|(_, net)| *net)
                .collect();
        }
        Ok(links)
    }

    fn addresses(&mut self) -> Result<Vec<Address>> {
        Ok(self
            .addresses
            .iter()
            .map(|((interface, net), entry)| self.address(*interface, *net, *entry))
            .collect())
    }

    fn put_address(&mut self, interface: u32, net: IpNet, lifetime: Duration) -> Result<()> {
        let entry = Entry {
            until: Some(self.now + lifetime),
            halo: true,
        };
        if self.addresses.insert((interface, net), entry).is_none() {
            self.effects.push(Effect::AddressPut(net));
        }
        Ok(())
    }

    fn renew_address(&mut self, interface: u32, net: IpNet, lifetime: Duration) -> Result<()> {
        self.put_address(interface, net, lifetime)?;
        self.happen(Input::Renewed {
            interface,
            net,
            problem: None,
        });
        Ok(())
    }

    fn remove_address(&mut self, interface: u32, net: IpNet) -> Result<bool> {
        let was_there = self.take(interface, net).is_some();
        if was_there {
            self.effects.push(Effect::AddressRemoved(net));
        }
        Ok(was_there)
    }

    fn add_virtual_mac(
        &mut self,
        parent: u32,
        name: &str,
        mac: [u8; 6],
        _ipv6: bool,
    ) -> Result<u32> {
        virtual_mac::add(self, parent, name, mac)
    }

    fn set_up(&mut self, interface: u32, up: bool) -> Result<()> {
        virtual_mac::set_up(self, interface, up)
    }

    fn remove_interface(&mut self, interface: u32) -> Result<()> {
        self.remove_link(interface);
        Ok(())
    }

    fn separate_arp(&mut self, interface: u32, _name: &str, apart: bool) -> Result<()> {
        if apart {
            self.separated.insert(interface);
        } else {
            self.separated.remove(&interface);
        }
        Ok(())
    }

    fn route_to(&mut self, destination: IpAddr) -> Result<Option<u32>> {
        Ok(self.routes.get(&destination).copied())
    }

    fn start_check(&mut self, id: u64, check: Check) -> Result<()> {
        let command = match check {
            Check::Script(script) => script.command,
            Check::Question(_) => Vec::new(),
        };
        self.effects.push(Effect::CheckStarted { id, command });
        Ok(())
    }

    fn guard(&mut self, interface: u32, addresses: &[IpAddr]) -> Result<()> {
        if addresses.is_empty() {
            self.guards.remove(&interface);
            return Ok(());
        }
        if self.fail_guards {
            return Err(Error::Privilege {
                what: "lease virtual IPs".to_owned(),
                remedy: "give it CAP_BPF",
            });
        }
        self.guards.insert(interface, addresses.to_vec());
        Ok(())
    }

    fn lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, until: Instant) {
        let at = self.now;
        for address in addresses {
            if self.is_guarded(address) {
                self.effects.push(Effect::Leased { address, at, until });
            }
        }
    }

    fn refuse(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, refused: bool) {
        for address in addresses {
            if refused && self.is_guarded(address) {
                self.refused.insert(address);
            } else {
                self.refused.remove(&address);
            }
        }
    }

    fn end_lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>) {
        for address in addresses {
            if self.is_guarded(address) {
                self.effects.push(Effect::LeaseEnded(address));
            }
        }
    }

    fn drain(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, until: Instant) {
        for address in addresses {
            if self.is_guarded(address) {
                self.effects.push(Effect::Draining { address, until });
            }
        }
    }

    fn forward(
        &mut self,
        addresses: &mut dyn Iterator<Item = IpAddr>,
        to: [u8; 6],
        until: Instant,
    ) {
        for address in addresses {
            if self.is_guarded(address) {
                self.effects.push(Effect::Forwarding { address, to, until });
            }
        }
    }

    fn look_up_neighbour(&mut self, interface: u32, address: IpAddr) -> Result<()> {
        let mac = self.neighbours.get(&address).copied();
        self.happen(Input::Neighbour {
            interface,
            address,
            mac,
        });
        Ok(())
    }

    fn has_connections(&mut self, address: IpAddr) -> Result<bool> {
        Ok(self.connections.contains(&address))
    }

    fn watch_claims(&mut self, interface: u32, addresses: &[IpAddr]) -> Result<()> {
        self.watched.insert(interface, addresses.to_vec());
        self.watched.retain(|_, watched| !watched.is_empty());
        Ok(())
    }

    fn open_vrrp(
        &mut self,
        _name: &str,
        interface: u32,
        family: Family,
        multicast: bool,
    ) -> Result<()> {
        self.vrrp.0.insert((interface, family));
        if multicast {
            self.vrrp.1.insert((interface, family));
        }
        Ok(())
    }

    fn close_vrrp(&mut self, interface: u32, family: Family) {
        self.vrrp.0.remove(&(interface, family));
        self.vrrp.1.remove(&(interface, family));
    }

    fn send_vrrp(
        &mut self,
        interface: u32,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Result<()> {
        if !self.vrrp.0.contains(&(interface, Family::of(destination))) {
            return Err(Error::os(
                "send",
                io::Error::from(io::ErrorKind::NotConnected),
            ));
        }
        if message.first().is_some_and(|first| first & 0x0f == 15) {
            self.effects.push(Effect::PeerMessage {
                source,
                destination,
                message: message.to_vec(),
            });
            return Ok(());
        }
        self.effects.push(Effect::Advert {
            interface,
            source,
            destination,
            message: message.to_vec(),
        });
        Ok(())
    }

    fn send_frame(&mut self, _interface: u32, frame: &[u8]) -> Result<()> {
        self.effects.push(Effect::Frame(frame.to_vec()));
        Ok(())
    }

    fn start_data_plane(&mut self) -> Result<()> {
        self.effects.push(Effect::DataPlaneStarted);
        let outcome = if self.fail_starts {
            Err(io::Error::from(io::ErrorKind::OutOfMemory).to_string())
        } else {
            self.last_pid += 1;
            self.data_plane = Some(self.last_pid);
            Ok(self.last_pid)
        };
        self.happen(Input::DataPlaneStarted { outcome });
        Ok(())
    }

    fn data_plane_standing(&mut self) -> Option<Standing> {
        self.standing
    }

    fn send_to_data_plane(&mut self, message: &[u8]) -> Result<()> {
        if self.data_plane.is_some() {
            self.effects.push(Effect::ToDataPlane(message.to_vec()));
        }
        Ok(())
    }

    fn kill_data_plane(&mut self) -> Result<()> {
        if self.data_plane.take().is_some() {
            self.effects.push(Effect::DataPlaneKilled);
        }
        self.inputs
            .retain(|input| !matches!(input, Input::DataPlaneStarted { .. }));
        Ok(())
    }

    fn reopen_logs(&mut self) -> Result<()> {
        self.effects.push(Effect::LogsReopened);
        Ok(())
    }

    fn reply(&mut self, client: ClientId, line: &str) {
        self.effects.push(Effect::Reply(client, line.to_owned()));
    }
}
