//! The real thing.

mod aside;
mod clients;
mod collect;
mod data_plane;
mod errands;
mod starter;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;

use self::clients::Clients;
use self::data_plane::DataPlane;
use self::errands::{Errand, Errands, errands};
use super::{ClientId, Input, Platform};
use crate::check::{Check, Checks};
use crate::claims::ClaimListener;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::frame::{AnswerListener, FrameSocket};
use crate::lease::Leases;
use crate::netlink::{Address, Link, Monitor, Netlink, has_connections};
use crate::process::{Capability, Identity, Standing};
use crate::signals::Signals;
use crate::virtual_mac::VirtualMacs;
use crate::vrrp::{Family, VrrpSocket};
use crate::waiting::Waiting;

/// What [`Linux`] needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Path of the agent's own Unix socket.
    pub socket: PathBuf,
    /// The user that the data plane runs as.
    pub identity: Identity,
    /// The capabilities that the data plane keeps, where the agent has them.
    pub keep: Vec<Capability>,
    /// Environment variables for the data plane, on top of the agent's own.
    pub environment: Vec<(&'static str, String)>,
}

/// The operating system.
pub struct Linux {
    clock: Clock,
    netlink: Netlink,
    monitor: Monitor,
    frames: FrameSocket,
    signals: Signals,
    vrrp: BTreeMap<(u32, Family), VrrpSocket>,
    answers: BTreeMap<(u32, Family), AnswerListener>,
    claims: BTreeMap<u32, ClaimListener>,
    /// `None`: nothing is guarded.
    leases: Option<Leases>,
    virtual_macs: VirtualMacs,
    data_plane: DataPlane,
    checks: Checks,
    errands: Errands,
    clients: Clients,
    waiting: Waiting,
}

impl Linux {
    /// Blocks the agent's signals and opens everything that lasts as long as the agent.
    ///
    /// Fails when another agent answers on the same socket, before anything is changed.
    pub fn open(settings: Settings) -> Result<Self> {
        let signals = Signals::take_over()?;
        let clients = Clients::listen(&settings.socket)?;
        Ok(Self {
            clock: Clock::new(),
            // The monitor first, so that nothing falls between it and the tables.
            monitor: Monitor::open()?,
            netlink: Netlink::open()?,
            frames: FrameSocket::open()?,
            signals,
            vrrp: BTreeMap::new(),
            answers: BTreeMap::new(),
            claims: BTreeMap::new(),
            leases: None,
            virtual_macs: VirtualMacs::default(),
            checks: Checks::new(settings.identity)?,
            errands: errands()?,
            data_plane: DataPlane::new(settings.identity, settings.keep, settings.environment)?,
            clients,
            waiting: Waiting::default(),
        })
    }

    /// Sleeps until a descriptor is ready or the time has come.
    fn sleep(&mut self, deadline: Option<Instant>) -> Result<()> {
        let waiting = &mut self.waiting;
        waiting.clear();
        waiting.read(self.signals.as_fd());
        waiting.read(self.monitor.as_fd());
        waiting.read(self.checks.as_fd());
        waiting.read(self.errands.as_fd());
        for socket in self.vrrp.values() {
            waiting.read(socket.as_fd());
        }
        for listener in self.answers.values() {
            waiting.read(listener.as_fd());
        }
        for descriptor in self.claims.values().flat_map(ClaimListener::descriptors) {
            waiting.read(descriptor);
        }
        self.data_plane.wait_too(waiting);
        self.clients.wait_too(waiting);
        let deadline = deadline.into_iter().chain(self.data_plane.deadline()).min();
        let timeout = deadline.map(|at| at.saturating_duration_since(self.clock.now()));
        waiting
            .wait(timeout)
            .map_err(|error| Error::os("wait for events", error))
    }
}

impl Platform for Linux {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn unix_millis(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| {
                u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
            })
    }

    fn wait(&mut self, deadline: Option<Instant>, inputs: &mut Vec<Input>) -> Result<()> {
        self.sleep(deadline)?;
        self.collect(inputs)
    }

    fn read_file(&mut self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn read_secret(&mut self, path: &Path) -> io::Result<String> {
        crate::process::read_secret(path)
    }

    fn hear_answers(&mut self, wires: &BTreeSet<(u32, Family)>) -> Result<()> {
        self.answers.retain(|wire, _| wires.contains(wire));
        for wire in wires {
            if let Entry::Vacant(free) = self.answers.entry(*wire) {
                free.insert(AnswerListener::open(wire.0, wire.1)?);
            }
        }
        Ok(())
    }

    fn links(&mut self) -> Result<Vec<Link>> {
        Ok(self.netlink.links()?)
    }

    fn addresses(&mut self) -> Result<Vec<Address>> {
        Ok(self.netlink.addresses()?)
    }

    fn put_address(&mut self, interface: u32, net: IpNet, lifetime: Duration) -> Result<()> {
        Ok(self.netlink.address_add(interface, net, Some(lifetime))?)
    }

    fn renew_address(&mut self, interface: u32, net: IpNet, lifetime: Duration) -> Result<()> {
        self.errands.order(Errand::Renew {
            interface,
            net,
            lifetime,
        })
    }

    fn remove_address(&mut self, interface: u32, net: IpNet) -> Result<bool> {
        Ok(self.netlink.address_remove(interface, net)?)
    }

    fn add_virtual_mac(
        &mut self,
        parent: u32,
        name: &str,
        mac: [u8; 6],
        ipv6: bool,
    ) -> Result<u32> {
        VirtualMacs::add(&mut self.netlink, parent, name, mac, ipv6)
    }

    fn set_up(&mut self, interface: u32, up: bool) -> Result<()> {
        VirtualMacs::set_up(&mut self.netlink, interface, up)
    }

    fn remove_interface(&mut self, interface: u32) -> Result<()> {
        Ok(self.netlink.link_remove(interface)?)
    }

    fn separate_arp(&mut self, interface: u32, name: &str, apart: bool) -> Result<()> {
        self.virtual_macs.separate(interface, name, apart)
    }

    fn route_to(&mut self, destination: IpAddr) -> Result<Option<u32>> {
        Ok(self.netlink.route_to(destination)?)
    }

    fn start_check(&mut self, id: u64, check: Check) -> Result<()> {
        self.checks.start(id, check)
    }

    fn guard(&mut self, interface: u32, addresses: &[IpAddr]) -> Result<()> {
        let leases = match &mut self.leases {
            Some(leases) => leases,
            // Also removes what another agent left.
            None if addresses.is_empty() => {
                return Leases::detach(&mut self.netlink, interface);
            }
            None => self.leases.insert(Leases::new()?),
        };
        leases.guard(&mut self.netlink, interface, addresses)
    }

    fn lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, until: Instant) {
        if let Some(leases) = &self.leases {
            let until = self.clock.boot_nanos(until);
            addresses.for_each(|address| leases.lease(address, until));
        }
    }

    fn refuse(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, refused: bool) {
        if let Some(leases) = &self.leases {
            addresses.for_each(|address| leases.refuse(address, refused));
        }
    }

    fn end_lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>) {
        // The gate opens for deadlines to come only: now is over.
        self.drain(addresses, self.clock.now());
    }

    fn drain(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, until: Instant) {
        if let Some(leases) = &self.leases {
            let now = self.clock.boot_nanos(self.clock.now());
            let until = self.clock.boot_nanos(until);
            addresses.for_each(|address| leases.drain(address, now, until));
        }
    }

    fn forward(
        &mut self,
        addresses: &mut dyn Iterator<Item = IpAddr>,
        to: [u8; 6],
        until: Instant,
    ) {
        if let Some(leases) = &self.leases {
            let until = self.clock.boot_nanos(until);
            addresses.for_each(|address| leases.forward(address, to, until));
        }
    }

    fn look_up_neighbour(&mut self, interface: u32, address: IpAddr) -> Result<()> {
        self.errands.order(Errand::LookUp { interface, address })
    }

    fn has_connections(&mut self, address: IpAddr) -> Result<bool> {
        Ok(has_connections(address)?)
    }

    fn watch_claims(&mut self, interface: u32, addresses: &[IpAddr]) -> Result<()> {
        let watched = self.claims.get(&interface);
        if watched.map_or(&[][..], ClaimListener::addresses) == addresses {
            return Ok(());
        }
        self.claims.remove(&interface);
        if !addresses.is_empty() {
            let listener = ClaimListener::open(interface, addresses)?;
            self.claims.insert(interface, listener);
        }
        Ok(())
    }

    fn open_vrrp(
        &mut self,
        name: &str,
        interface: u32,
        family: Family,
        multicast: bool,
    ) -> Result<()> {
        let socket = match self.vrrp.entry((interface, family)) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(free) => free.insert(VrrpSocket::open(name, interface, family)?),
        };
        if multicast {
            socket.join_group()?;
        }
        Ok(())
    }

    fn close_vrrp(&mut self, interface: u32, family: Family) {
        self.vrrp.remove(&(interface, family));
    }

    fn send_vrrp(
        &mut self,
        interface: u32,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Result<()> {
        let Some(socket) = self.vrrp.get(&(interface, Family::of(destination))) else {
            return Err(Error::os(
                format!("send an advertisement on interface {interface}"),
                io::Error::from(io::ErrorKind::NotConnected),
            ));
        };
        socket.send(source, destination, message)
    }

    fn send_frame(&mut self, interface: u32, frame: &[u8]) -> Result<()> {
        self.frames.send(interface, frame)
    }

    fn start_data_plane(&mut self) -> Result<()> {
        let leases = self.leases.as_ref().map(Leases::share).transpose()?;
        self.data_plane.start(leases)
    }

    fn data_plane_standing(&mut self) -> Option<Standing> {
        self.data_plane.standing()
    }

    fn send_to_data_plane(&mut self, message: &[u8]) -> Result<()> {
        self.data_plane.send(message)
    }

    fn kill_data_plane(&mut self) -> Result<()> {
        self.data_plane.kill()
    }

    fn reopen_logs(&mut self) -> Result<()> {
        self.data_plane.reopen_logs()
    }

    fn reply(&mut self, client: ClientId, line: &str) {
        self.clients.reply(client, line);
    }
}
