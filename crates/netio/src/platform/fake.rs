//! An operating system in memory, with virtual time, for tests of whatever drives a [`super::Platform`].

mod effect;
mod platform;
mod virtual_mac;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use ipnet::IpNet;

pub use effect::Effect;

use super::Input;
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
    /// Time does not pass this point: [`super::Platform::wait`] returns there, at the latest.
    pub horizon: Instant,
    /// The interfaces, without addresses.
    pub links: Vec<Link>,
    /// What was done, in order; a test may clear it.
    pub effects: Vec<Effect>,
    /// Contents of every file; `None`: there is no file.
    pub file: Option<String>,
    /// Contents of every file that is secret; `None`: there is no file.
    pub secret: Option<String>,
    /// Interfaces on which answers to ARP and neighbour discovery are heard.
    pub answers: Wires,
    /// Makes [`super::Platform::start_data_plane`] fail.
    pub fail_starts: bool,
    /// Makes [`super::Platform::add_virtual_mac`] fail.
    pub fail_virtual_macs: bool,
    /// Interfaces whose ARP is about their own addresses alone.
    pub separated: BTreeSet<u32>,
    /// How the data plane's thread stands.
    pub standing: Option<Standing>,
    /// Makes [`super::Platform::guard`] fail.
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
            answers: Wires::new(),
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

    /// Lets something happen: the next [`super::Platform::wait`] returns it.
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
