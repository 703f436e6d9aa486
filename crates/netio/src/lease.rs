//! The kernel's lease of virtual IPs: who does not renew it in time stops answering.
//!
//! A small BPF program on the interface drops ARP, Neighbour Discovery and packets for an address whose
//! deadline has passed. The deadlines are in memory that this process shares with the kernel, so
//! renewing is one store; the program stays attached when this process is killed, and works when it
//! hangs.
//!
//! The same program hands connections over when an address moves on purpose: its former holder keeps
//! serving those that it has, without answering for the address ([`Leases::drain`]), and its new holder
//! sends it their packets ([`Leases::forward`]).

mod assembler;
mod bpf;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use self::bpf::{AddressMap, Field, Key, Program, Records};
use crate::error::{Error, Result};
use crate::netlink::{FilterPoint, Netlink};

/// Addresses that can be guarded on a machine. Their records fill five pages of memory.
pub const MOST_ADDRESSES: u32 = 512;

/// Which packets a program judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Those that come in.
    In,
    /// Those that go out.
    Out,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, to the next filter and to the kernel.
    Pass,
    /// It is dropped.
    Drop,
    /// It goes out of the same interface again, like this.
    Forward(Vec<u8>),
}

/// The leases that another process has given.
#[derive(Debug)]
pub(crate) struct Deadlines(Records);

impl Deadlines {
    /// By the descriptor that [`Leases::share`] gave. Needs no privilege.
    pub(crate) fn map(descriptor: OwnedFd) -> io::Result<Self> {
        Records::map(descriptor, MOST_ADDRESSES as usize).map(Self)
    }

    /// Ends every lease that runs: nanoseconds of `CLOCK_BOOTTIME`.
    pub(crate) fn end_all(&self, now: u64) {
        for slot in 0..MOST_ADDRESSES as usize {
            if self.0.get(slot, Field::Leased) > now {
                self.0.set(slot, Field::Leased, now);
            }
        }
    }
}

/// The leases of this machine's virtual IPs.
#[derive(Debug)]
pub struct Leases {
    addresses: AddressMap,
    records: Records,
    incoming: Program,
    outgoing: Program,
    /// Those for interfaces with a virtual MAC address, in and out; `None`: there has been none.
    by_mac: Option<[Program; 2]>,
    /// The slot of each guarded address.
    slots: BTreeMap<IpAddr, u32>,
    guarded: BTreeMap<u32, Vec<IpAddr>>,
}

impl Leases {
    /// Loads the programs. Needs `CAP_BPF` with `CAP_NET_ADMIN`, or `CAP_SYS_ADMIN`, in the first
    /// user namespace.
    pub fn new() -> Result<Self> {
        Self::load().map_err(|source| match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Error::Privilege {
                what: "lease virtual IPs in the kernel".to_owned(),
                remedy: "halod needs CAP_BPF outside of any user namespace (CAP_SYS_ADMIN before Linux \
                         5.8): run it as root, or in a container with `cap_add: [BPF]` whose seccomp \
                         profile allows bpf(2)",
            },
            _ => Error::os("lease virtual IPs in the kernel (BPF, Linux 5.8 or later)", source),
        })
    }

    fn load() -> io::Result<Self> {
        let addresses = AddressMap::create(MOST_ADDRESSES)?;
        let records = Records::create(MOST_ADDRESSES)?;
        let load = |way| {
            let code = program::gate(way, addresses.descriptor(), records.descriptor(), false);
            Program::load(&code)
        };
        Ok(Self {
            incoming: load(Way::In)?,
            outgoing: load(Way::Out)?,
            by_mac: None,
            addresses,
            records,
            slots: BTreeMap::new(),
            guarded: BTreeMap::new(),
        })
    }

    /// Guards exactly these addresses on an interface. What was not guarded before has no lease yet,
    /// and is left alone until it had one.
    pub fn guard(
        &mut self,
        netlink: &mut Netlink,
        interface: u32,
        addresses: &[IpAddr],
    ) -> Result<()> {
        let before = self.guarded.insert(interface, addresses.to_vec());
        if addresses.is_empty() {
            self.guarded.remove(&interface);
            Self::detach(netlink, interface)?;
        }
        self.give_out_slots()?;
        if !addresses.is_empty() && before.is_none() {
            let by_mac = addresses.iter().any(is_mac);
            let attached = self.attach(netlink, interface, by_mac);
            if attached.is_err() {
                self.guarded.remove(&interface); // to be tried again
            }
            attached?;
        }
        Ok(())
    }

    /// What [`Deadlines::map`] takes.
    pub(crate) fn share(&self) -> Result<OwnedFd> {
        self.records
            .share()
            .map_err(|source| Error::os("share the leases", source))
    }

    /// Sets the deadline of a guarded address: nanoseconds of `CLOCK_BOOTTIME`, as the kernel counts.
    /// Whatever of [`Self::drain`] was left is over.
    pub fn lease(&self, address: IpAddr, until: u64) {
        self.set(address, &[(Field::Leased, until), (Field::Draining, 0)]);
    }

    /// Ends the lease of a guarded address at `now`; until `until` packets to it pass nevertheless, so
    /// that its connections can finish, but nobody is told that it is here. Forwarding goes on.
    pub fn drain(&self, address: IpAddr, now: u64, until: u64) {
        self.set(address, &[(Field::Draining, until), (Field::Leased, now)]);
    }

    /// While the address is leased or drains, and until `until`, packets of TCP connections that this
    /// machine does not know go to another node on the same network.
    pub fn forward(&self, address: IpAddr, to: [u8; 6], until: u64) {
        let [a, b, c, d, e, f] = to;
        self.set(
            address,
            &[
                // Not to half of a former one and half of this.
                (Field::Forwarding, 0),
                (
                    Field::ForwardTo,
                    u64::from_ne_bytes([a, b, c, d, e, f, 0, 0]),
                ),
                (Field::Forwarding, until),
            ],
        );
    }

    /// Whether packets to a guarded address are dropped also while it is leased (RFC 9568 section 6.1:
    /// Accept_Mode False). ARP and Neighbour Discovery are answered as ever.
    pub fn refuse(&self, address: IpAddr, refused: bool) {
        self.set(address, &[(Field::Refusing, u64::from(refused))]);
    }

    fn set(&self, address: IpAddr, fields: &[(Field, u64)]) {
        if let Some(slot) = self.slots.get(&address) {
            for (field, value) in fields {
                self.records.set(*slot as usize, *field, *value);
            }
        }
    }

    /// What would become of a frame now.
    pub fn judge(&self, way: Way, frame: &[u8]) -> Result<Verdict> {
        let program = match way {
            Way::In => &self.incoming,
            Way::Out => &self.outgoing,
        };
        judged(program, frame)
    }

    /// Takes the programs off an interface, also those of an agent that was killed.
    pub fn detach(netlink: &mut Netlink, interface: u32) -> Result<()> {
        netlink.filter_remove(interface, FilterPoint::Ingress)?;
        netlink.filter_remove(interface, FilterPoint::Egress)?;
        Ok(())
    }

    fn attach(&mut self, netlink: &mut Netlink, interface: u32, by_mac: bool) -> Result<()> {
        let [incoming, outgoing] = if by_mac {
            self.load_by_mac()?.each_ref().map(Program::descriptor)
        } else {
            [&self.incoming, &self.outgoing].map(Program::descriptor)
        };
        netlink.filter_replace(interface, FilterPoint::Ingress, incoming)?;
        netlink.filter_replace(interface, FilterPoint::Egress, outgoing)?;
        Ok(())
    }

    fn load_by_mac(&mut self) -> Result<&[Program; 2]> {
        if self.by_mac.is_none() {
            let (addresses, records) = (self.addresses.descriptor(), self.records.descriptor());
            let load = |way| {
                Program::load(&program::gate(way, addresses, records, true)).map_err(|source| {
                    Error::os("lease virtual MAC addresses in the kernel", source)
                })
            };
            self.by_mac = Some([load(Way::In)?, load(Way::Out)?]);
        }
        Ok(self.by_mac.as_ref().expect("just loaded"))
    }

    /// What would become of a frame now on an interface with a virtual MAC address.
    pub fn judge_by_mac(&mut self, way: Way, frame: &[u8]) -> Result<Verdict> {
        let [incoming, outgoing] = self.load_by_mac()?;
        match way {
            Way::In => judged(incoming, frame),
            Way::Out => judged(outgoing, frame),
        }
    }

    /// One slot for each address that is guarded anywhere.
    fn give_out_slots(&mut self) -> Result<()> {
        let wanted: BTreeSet<IpAddr> = self.guarded.values().flatten().copied().collect();
        let gone: Vec<IpAddr> = self
            .slots
            .keys()
            .filter(|address| !wanted.contains(address))
            .copied()
            .collect();
        for address in gone {
            self.addresses
                .remove(key(address))
                .map_err(|source| Error::os(format!("stop guarding {address}"), source))?;
            self.slots.remove(&address);
        }
        for address in wanted {
            if !self.slots.contains_key(&address) {
                self.give_out_slot(address)?;
            }
        }
        Ok(())
    }

    fn give_out_slot(&mut self, address: IpAddr) -> Result<()> {
        let failed = |source: io::Error| Error::os(format!("guard {address}"), source);
        let taken: BTreeSet<u32> = self.slots.values().copied().collect();
        let slot = (0..MOST_ADDRESSES)
            .find(|slot| !taken.contains(slot))
            .ok_or_else(|| {
                failed(io::Error::other(format!(
                    "{MOST_ADDRESSES} addresses are guarded already"
                )))
            })?;
        // What was said of the former tenant is not of this one. Without a lease it is left alone.
        for field in [
            Field::Leased,
            Field::Draining,
            Field::Forwarding,
            Field::Refusing,
        ] {
            self.records.set(slot as usize, field, 0);
        }
        self.addresses.insert(key(address), slot).map_err(failed)?;
        self.slots.insert(address, slot);
        Ok(())
    }
}

fn judged(program: &Program, frame: &[u8]) -> Result<Verdict> {
    let failed = |source| Error::os("run the lease's program over a frame", source);
    let (verdict, frame) = program.run(frame).map_err(failed)?;
    match verdict {
        program::SHOT => Ok(Verdict::Drop),
        program::NO_OPINION => Ok(Verdict::Pass),
        program::REDIRECT => Ok(Verdict::Forward(frame)),
        other => Err(failed(io::Error::other(format!("its verdict is {other}")))),
    }
}

/// A virtual MAC address, in the form in which it is guarded and leased beside IP addresses: one that no
/// host has, as all multicast ones.
#[must_use]
pub fn of_mac(mac: [u8; 6]) -> IpAddr {
    let mut octets = [0xff; 16];
    octets[10..].copy_from_slice(&mac);
    IpAddr::from(octets)
}

/// Whether it is what [`of_mac`] makes.
fn is_mac(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(ip) if ip.octets()[..10] == [0xff; 10])
}

fn key(address: IpAddr) -> Key {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
