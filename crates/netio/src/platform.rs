//! Everything that the failover agent does to the operating system, and hears from it, as one
//! trait: the agent's driver runs unchanged over [`Linux`] and, in tests, over [`fake::Fake`].

pub mod fake;
mod linux;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ipnet::IpNet;

pub use linux::{Linux, Settings};

use crate::check::{Check, Outcome};
use crate::error::Result;
use crate::netlink::{Address, Link, NetlinkEvent};
use crate::payload::Payload;
use crate::process::Standing;
use crate::signals::Signal;
use crate::vrrp::{Datagram, Family};

/// A client of the agent's Unix socket. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// Something that happened outside of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A VRRP datagram came in.
    Datagram(Datagram),
    /// A machine answered an ARP request or a Neighbor Solicitation of this one.
    KernelAnswer {
        /// Index of the interface it came in by.
        interface: u32,
        /// The address that was asked for.
        from: IpAddr,
    },
    /// Somebody else's ARP or neighbour discovery may be about a watched address.
    Claim {
        /// The interface it came in by.
        interface: u32,
        /// The frame, its Ethernet header included.
        frame: Vec<u8>,
    },
    /// Links or addresses changed.
    Network(NetlinkEvent),
    /// An address was renewed, or could not be.
    Renewed {
        /// The interface that it is on.
        interface: u32,
        /// The address.
        net: IpNet,
        /// Why it was not.
        problem: Option<String>,
    },
    /// A neighbour was looked up.
    Neighbour {
        /// The interface that it is behind.
        interface: u32,
        /// Its address.
        address: IpAddr,
        /// Where it was last seen; `None`: it is not known yet, or not there.
        mac: Option<[u8; 6]>,
    },
    /// A signal came.
    Signal(Signal),
    /// The data plane has been started; it says nothing before this. Or it could not be.
    DataPlaneStarted {
        /// Its process number, or why there is none.
        outcome: std::result::Result<u32, String>,
    },
    /// The data plane sent a message.
    DataPlaneMessage(Payload),
    /// The data plane ended, or broke the connection and was killed; nothing more comes from it.
    DataPlaneEnded {
        /// How, for "the data plane ...".
        how: String,
    },
    /// A check ended.
    CheckEnded {
        /// The number it was started with.
        id: u64,
        /// What it found.
        outcome: Outcome,
    },
    /// A client of the agent's socket sent a line.
    Request {
        /// Who.
        client: ClientId,
        /// What, without the line's end.
        line: Vec<u8>,
    },
}

/// The operating system, as the failover agent needs it. No method waits, except
/// [`Platform::wait`].
pub trait Platform {
    /// Now, by a clock that goes on while the machine is suspended.
    fn now(&self) -> Instant;

    /// Milliseconds since the Unix epoch, for people.
    fn unix_millis(&self) -> u64;

    /// Waits until something happens, or until `deadline` has come, and appends what happened to
    /// `inputs`. `None`: waits for as long as it takes.
    fn wait(&mut self, deadline: Option<Instant>, inputs: &mut Vec<Input>) -> Result<()>;

    /// Reads a text file.
    fn read_file(&mut self, path: &Path) -> io::Result<String>;

    /// Reads a text file that only its owner, and perhaps its group, may read. Fails for any other.
    fn read_secret(&mut self, path: &Path) -> io::Result<String>;

    /// All interfaces with their addresses.
    fn links(&mut self) -> Result<Vec<Link>>;

    /// All addresses.
    fn addresses(&mut self) -> Result<Vec<Address>>;

    /// Puts an address on an interface for `lifetime`, or renews it, now; the kernel takes it off when
    /// nobody renews it.
    fn put_address(&mut self, interface: u32, net: IpNet, lifetime: Duration) -> Result<()>;

    /// Has an address that is on an interface renewed beside the agent's loop; [`Input::Renewed`] tells what
    /// came of it. One that was taken off meanwhile may be on again then.
    fn renew_address(&mut self, interface: u32, net: IpNet, lifetime: Duration) -> Result<()>;

    /// Takes an address off an interface; `false` when it was not there.
    fn remove_address(&mut self, interface: u32, net: IpNet) -> Result<bool>;

    /// Makes an interface with a MAC address of its own on top of `parent`, for an address of IPv6 or
    /// of IPv4, and leaves it down; its number.
    fn add_virtual_mac(&mut self, parent: u32, name: &str, mac: [u8; 6], ipv6: bool)
    -> Result<u32>;

    /// Sets an interface up or down.
    fn set_up(&mut self, interface: u32, up: bool) -> Result<()>;

    /// Removes an interface that [`Self::add_virtual_mac`] made.
    fn remove_interface(&mut self, interface: u32) -> Result<()>;

    /// From now on ARP on this interface is about addresses that are on itself, and on no other
    /// interface of this machine; or (`false`) again as it was before.
    fn separate_arp(&mut self, interface: u32, name: &str, apart: bool) -> Result<()>;

    /// The interface by which a packet to `destination` would leave; `None`: there is no route.
    fn route_to(&mut self, destination: IpAddr) -> Result<Option<u32>>;

    /// Starts a check; [`Input::CheckEnded`] tells its outcome under `id`.
    fn start_check(&mut self, id: u64, check: Check) -> Result<()>;

    /// From now on the kernel answers for these addresses on this interface only while they are
    /// leased, also when this process is not there to see to it. In place of what was guarded on
    /// this interface before; none: nothing is, and nothing is left of it.
    fn guard(&mut self, interface: u32, addresses: &[IpAddr]) -> Result<()>;

    /// Leases guarded addresses until `until`, or renews their leases. Others are left alone. Costs
    /// no system call.
    fn lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, until: Instant);

    /// Whether packets to guarded addresses are dropped also while they are leased (RFC 9568 section 6.1:
    /// Accept_Mode False). ARP and Neighbour Discovery are answered as ever.
    fn refuse(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, refused: bool);

    /// Ends the leases of guarded addresses now.
    fn end_lease(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>);

    /// Ends the leases of guarded addresses now, but lets packets to them pass until `until`, so that
    /// their connections can finish. Nobody is told that the addresses are here.
    fn drain(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, until: Instant);

    /// While guarded addresses are leased or drain, and until `until`, packets of TCP connections that this
    /// machine does not know go to the neighbour with this hardware address.
    fn forward(&mut self, addresses: &mut dyn Iterator<Item = IpAddr>, to: [u8; 6], until: Instant);

    /// Has the kernel find out where a neighbour is if it is not sure, without waiting for an answer;
    /// [`Input::Neighbour`] tells where it was last seen.
    fn look_up_neighbour(&mut self, interface: u32, address: IpAddr) -> Result<()>;

    /// Whether TCP connections on a local address have still something to send or receive.
    fn has_connections(&mut self, address: IpAddr) -> Result<bool>;

    /// Listens for others who say that they have one of these addresses, on this interface, in place
    /// of what was watched there before. None: no more.
    fn watch_claims(&mut self, interface: u32, addresses: &[IpAddr]) -> Result<()>;

    /// Starts to receive VRRP of this family on an interface. Doing it again is allowed: it may add
    /// `multicast`.
    fn open_vrrp(
        &mut self,
        name: &str,
        interface: u32,
        family: Family,
        multicast: bool,
    ) -> Result<()>;

    /// Stops to receive VRRP of this family on an interface.
    fn close_vrrp(&mut self, interface: u32, family: Family);

    /// Sends a VRRP message (without IP header) on an interface that was opened for its family.
    fn send_vrrp(
        &mut self,
        interface: u32,
        source: IpAddr,
        destination: IpAddr,
        message: &[u8],
    ) -> Result<()>;

    /// Starts to hear answers to ARP requests (IPv4) and Neighbor Solicitations (IPv6) on exactly these
    /// interfaces.
    fn hear_answers(&mut self, wires: &BTreeSet<(u32, Family)>) -> Result<()>;

    /// Sends an Ethernet frame.
    fn send_frame(&mut self, interface: u32, frame: &[u8]) -> Result<()>;

    /// Has the data plane started, which must not be running; [`Input::DataPlaneStarted`] tells how that
    /// went. What is sent to it meanwhile it finds.
    fn start_data_plane(&mut self) -> Result<()>;

    /// How the thread of the data plane that speaks stands with the kernel; `None`: nobody knows.
    fn data_plane_standing(&mut self) -> Option<Standing>;

    /// Sends the data plane a message. Fails when it has left too much unread; what is sent to one
    /// that has ended is lost, and [`Input::DataPlaneEnded`] on its way.
    fn send_to_data_plane(&mut self, message: &[u8]) -> Result<()>;

    /// Kills the data plane, if there is one. No later [`Platform::wait`] tells anything of it, not
    /// even [`Input::DataPlaneEnded`].
    fn kill_data_plane(&mut self) -> Result<()>;

    /// Tells the data plane to reopen its log files.
    fn reopen_logs(&mut self) -> Result<()>;

    /// Answers a client; one that has gone, or does not read, is forgotten.
    fn reply(&mut self, client: ClientId, line: &str);
}
