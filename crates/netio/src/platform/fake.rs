//! An operating system in memory, with virtual time, for tests of whatever drives a [`Platform`].

mod effect;
mod virtual_mac;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ipnet::IpNet;

pub use effect::Effect;

use super::{ClientId, Input, Platform};
use crate::check::Check;
use crate::error::{Error, Result};
use crate::netlink::{Address, HALO_ADDRESS_PROTOCOL, Link, NetlinkEvent};
use crate::process::Standing;
use crate::vrrp::Family;

/// Interfaces, by the IP version that VRRP is spoken in there.
pub type Wires = BTreeSet<(u32, Family)>;

/// The fake.
#[derive(Debug)]
pub struct Fake {
    /// The time.
    pub now: Instant,
    /// Time does not pass this point: [`Platform::wait`] returns there, at the latest.
    pub horizon: Instant,
    /// The interfaces, without addresses.
    pub links: Vec<Link>,
    /// What was done, in order; a test may clear it.
    pub effects: Vec<Effect>,
    /// Contents of every file; `None`: there is no file.
    pub file: Option<String>,
    /// Contents of every file that is secret; `None`: there is no file.
    pub secret: Option<String>,
    /// Interfaces on which answers to ARP are heard.
    pub arp: BTreeSet<u32>,
    /// Makes [`Platform::start_data_plane`] fail.
    pub fail_starts: bool,
    /// Makes [`Platform::add_virtual_mac`] fail.
    pub fail_virtual_macs: bool,
    /// Interfaces whose ARP is about their own addresses alone.
    pub separated: BTreeSet<u32>,
    /// How the data plane's thread stands.
    pub standing: Option<Standing>,
    /// Makes [`Platform::guard`] fail.
    pub fail_guards: bool,
    /// Addresses that are guarded, by interface.
    pub guards: BTreeMap<u32, Vec<IpAddr>>,
    /// Guarded addresses that take no packets.
    pub refused: BTreeSet<IpAddr>,
    /// The interface to each destination that there is a route to.
    pub routes: BTreeMap<IpAddr, u32>,
    /// Hardware addresses of neighbours.
    pub neighbours: BTreeMap<IpAddr, [u8; 6]>,
    /// Local addresses with connections.
    pub connections: BTreeSet<IpAddr>,
    /// Addresses that are watched for claims of others, by interface.
    pub watched: BTreeMap<u32, Vec<IpAddr>>,
    /// Interfaces that VRRP is open on, and those that joined the multicast group.
    pub vrrp: (Wires, Wires),
    origin: Instant,
    addresses: BTreeMap<(u32, IpNet), Entry>,
    inputs: VecDeque<Input>,
    data_plane: Option<u32>,
    last_pid: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    until: Option<Instant>,
    halo: bool,
}

impl Fake {
    /// A machine with these interfaces; their addresses are taken for an administrator's.
    #[must_use]
    pub fn new(now: Instant, links: Vec<Link>) -> Self {
        let addresses = links
            .iter()
            .flat_map(|link| link.addresses.iter().map(|net| (link.index, *net)))
            .map(|key| {
                let entry = Entry {
                    until: None,
                    halo: false,
                };
                (key, entry)
            })
            .collect();
        Self {
            now,
            horizon: now,
            links,
            effects: Vec::new(),
            file: None,
            secret: None,
            arp: BTreeSet::new(),
            fail_starts: false,
            fail_virtual_macs: false,
            separated: BTreeSet::new(),
            standing: None,
            fail_guards: false,
            guards: BTreeMap::new(),
            refused: BTreeSet::new(),
            routes: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            connections: BTreeSet::new(),
            watched: BTreeMap::new(),
            vrrp: (BTreeSet::new(), BTreeSet::new()),
            origin: now,
            addresses,
            inputs: VecDeque::new(),
            data_plane: None,
            last_pid: 100,
        }
    }

    /// Lets something happen: the next [`Platform::wait`] returns it.
    pub fn happen(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    /// The data plane ends by itself.
    pub fn end_data_plane(&mut self, how: &str) {
        self.data_plane = None;
        self.happen(Input::DataPlaneEnded {
            how: how.to_owned(),
        });
    }

    /// Whether the data plane runs.
    #[must_use]
    pub fn data_plane_runs(&self) -> bool {
        self.data_plane.is_some()
    }

    /// Whether an address is on an interface.
    #[must_use]
    pub fn has_address(&self, interface: u32, net: IpNet) -> bool {
        self.addresses.contains_key(&(interface, net))
    }

    /// Leaves an address of Halo's on an interface, as an agent that was killed does.
    pub fn leave_over(&mut self, interface: u32, net: IpNet) {
        let entry = Entry {
            until: None,
            halo: true,
        };
        self.addresses.insert((interface, net), entry);
    }

    /// An administrator puts an address on.
    pub fn add_address(&mut self, interface: u32, net: IpNet) {
        let entry = Entry {
            until: None,
            halo: false,
        };
        self.addresses.insert((interface, net), entry);
        let address = self.address(interface, net, entry);
        self.happen(Input::Network(NetlinkEvent::AddressAdded(address)));
    }

    /// Somebody else takes an address off.
    pub fn snatch_address(&mut self, interface: u32, net: IpNet) {
        if let Some(address) = self.take(interface, net) {
            self.happen(Input::Network(NetlinkEvent::AddressRemoved(address)));
        }
    }

    /// Changes a link and reports the change.
    pub fn change_link(&mut self, index: u32, change: impl FnOnce(&mut Link)) {
        let Some(link) = self.links.iter_mut().find(|link| link.index == index) else {
            return;
        };
        change(link);
        let mut changed = link.clone();
        changed.addresses.clear();
        self.happen(Input::Network(NetlinkEvent::LinkChanged(changed)));
    }

    /// An interface vanishes with its addresses; the kernel reports the addresses first.
    pub fn remove_link(&mut self, index: u32) {
        let nets: Vec<IpNet> = self
            .addresses
            .keys()
            .filter(|(interface, _)| *interface == index)
            .map(|(_, net)| *net)
            .collect();
        for net in nets {
            self.snatch_address(index, net);
        }
        if let Some(at) = self.links.iter().position(|link| link.index == index) {
            let link = self.links.remove(at);
            self.happen(Input::Network(NetlinkEvent::LinkRemoved(link)));
        }
    }

    fn is_guarded(&self, address: IpAddr) -> bool {
        self.guards.values().flatten().any(|ip| *ip == address)
    }

    fn take(&mut self, interface: u32, net: IpNet) -> Option<Address> {
        let entry = self.addresses.remove(&(interface, net))?;
        Some(self.address(interface, net, entry))
    }

    fn address(&self, ifindex: u32, net: IpNet, entry: Entry) -> Address {
        Address {
            ifindex,
            net,
            label: None,
            protocol: entry.halo.then_some(HALO_ADDRESS_PROTOCOL),
            lifetime: entry.until.map(|at| at.saturating_duration_since(self.now)),
            tentative: false,
        }
    }

    fn expire_addresses(&mut self) {
        let expired: Vec<(u32, IpNet)> = self
            .addresses
            .iter()
            .filter(|(_, entry)| entry.until.is_some_and(|at| at <= self.now))
            .map(|(key, _)| *key)
            .collect();
        for (interface, net) in expired {
            self.snatch_address(interface, net);
        }
    }
}

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

    fn hear_arp(&mut self, interfaces: &BTreeSet<u32>) -> Result<()> {
        self.arp.clone_from(interfaces);
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

    fn neighbour(&mut self, _interface: u32, address: IpAddr) -> Result<Option<[u8; 6]>> {
        Ok(self.neighbours.get(&address).copied())
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
