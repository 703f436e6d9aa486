//! One VIP on this node: its virtual router, and what belongs to it in this process.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use halo_api::UnixMillis;
use halo_config::{Checksum, Config, Node, Transport, VrrpVersion};
use halo_netio::vrrp::Family;
use halo_packet::vrrp::{Accept, Authentication, ChecksumMode, Version};
use ipnet::IpNet;

use halo_vrrp::{Centiseconds, Detection, DisableReason, Priority, State, VirtualRouter, Vrid};

use crate::agent::ForeignClaims;
use crate::agent::split::Split;
use crate::announcer::Announcer;
use crate::discards::{Budget, Discards};
use crate::frames::Frames;
use crate::handover::Retiring;
use crate::link_table::Place;

/// How long the kernel keeps an address that nobody renews: no VIP stays behind an agent that was
/// killed.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3);
/// Time between renewals: two may fail before the kernel takes an address off.
pub(crate) const RENEWAL: Duration = Duration::from_secs(1);
/// After a failure to put an address on, others get the VIP; this node tries again after this.
pub(crate) const RETRY_CLAIM: Duration = Duration::from_secs(5);

/// A VIP and its virtual router.
#[derive(Debug)]
pub(crate) struct Vip {
    pub(crate) config: halo_config::Vip,
    pub(crate) vrid: Vrid,
    pub(crate) router: VirtualRouter,
    pub(crate) place: Place,
    /// The interface with the virtual MAC address, where it has one.
    pub(crate) upper: Option<u32>,
    /// That one is up, and the addresses are on it.
    pub(crate) raised: bool,
    /// They were put there before the first advert, or could not be.
    pub(crate) came_up: Option<Result<(), halo_netio::Error>>,
    pub(crate) announcer: Announcer,
    /// The other members' addresses, of the VIP's family.
    pub(crate) peers: Vec<IpAddr>,
    /// The addresses that heartbeats carry.
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) frames: Frames,
    /// When the addresses' lifetimes are renewed; `None`: they are not on.
    pub(crate) renew_at: Option<Instant>,
    /// Whether the kernel's lease of the addresses is renewed with each heartbeat.
    pub(crate) leased: bool,
    /// Rises with each takeover, by whichever node.
    pub(crate) epoch: u64,
    /// Which tenure of this node the epoch was counted for last.
    pub(crate) tenure: u64,
    /// How the router was last told that the Active can be asked.
    pub(crate) detection: Option<Detection>,
    /// Whom an operator wants to have the addresses after this node.
    pub(crate) appointee: Option<IpAddr>,
    /// Its addresses are on for connections only that finish.
    pub(crate) retiring: Option<Retiring>,
    /// The data plane was last told that its connections are to finish.
    pub(crate) drained: bool,
    /// A claim failed; until then this node leaves the VIP to others.
    pub(crate) blocked_until: Option<Instant>,
    /// What the router was last told: able, or why not.
    pub(crate) told: Option<Result<(), DisableReason>>,
    /// Whether the router was told that this node is fit to serve.
    pub(crate) fit: bool,
    /// Since when it is in its state.
    pub(crate) since: UnixMillis,
    pub(crate) discards: Discards,
    /// Rivals that had been heard when they were last asked where they are.
    pub(crate) rivals_asked: u64,
    /// What others on the network can have told by acting as Active.
    pub(crate) rumours: Budget,
    /// Another node was Active at the same time.
    pub(crate) split: Option<Split>,
    /// Reasons for discards that have been logged.
    pub(crate) complained: BTreeSet<&'static str>,
    pub(crate) gratuitous_arps_sent: u64,
    pub(crate) claims: ForeignClaims,
    /// The Active other than this node, as last told to people.
    pub(crate) last_holder: Option<IpAddr>,
}

impl Vip {
    /// The VIP at `index` of `config`, not taking part yet. `None`: a value that the
    /// configuration's validation does not let through.
    pub(crate) fn new(config: &Config, index: usize, since: UnixMillis) -> Option<Self> {
        let vip = config.vips.get(index)?;
        Some(Self {
            vrid: Vrid::new(vip.vrid)?,
            router: router(config, vip)?,
            place: Place::default(),
            upper: None,
            raised: false,
            came_up: None,
            announcer: Announcer::default(),
            peers: peers(config, vip),
            ips: vip.ips().collect(),
            frames: Frames::default(),
            renew_at: None,
            leased: false,
            epoch: 0,
            tenure: 0,
            detection: None,
            appointee: None,
            retiring: None,
            drained: false,
            blocked_until: None,
            told: None,
            fit: true,
            since,
            discards: Discards::default(),
            rivals_asked: 0,
            rumours: Budget::default(),
            split: None,
            complained: BTreeSet::new(),
            gratuitous_arps_sent: 0,
            claims: ForeignClaims::default(),
            last_holder: None,
            config: vip.clone(),
        })
    }

    pub(crate) fn is_active(&self) -> bool {
        self.router.state() == State::Active
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [
            self.router.poll_timeout(),
            self.announcer.poll_timeout(),
            self.renew_at,
            self.blocked_until,
            self.retiring.as_ref().map(Retiring::poll_timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The interface that the addresses are on, while this node has them.
    pub(crate) fn seat(&self) -> Option<u32> {
        if self.raised {
            return self.upper;
        }
        self.place.home.as_ref().map(|home| home.index)
    }

    /// An address as it is put there: on an interface of its own it brings no route, which is the one
    /// below's to have.
    pub(crate) fn seated(&self, net: IpNet) -> IpNet {
        if self.raised {
            IpNet::from(net.addr())
        } else {
            net
        }
    }

    /// The IP version that it is a virtual router of.
    pub(crate) fn family(&self) -> Family {
        family(&self.config)
    }

    /// Whether its heartbeats are multicast from link-local addresses.
    pub(crate) fn is_of_link_local(&self) -> bool {
        (self.family(), self.config.transport) == (Family::V6, Transport::Multicast)
    }

    /// Whether a datagram of this virtual router, of this family, is heard on the interface `index`.
    pub(crate) fn listens_on(&self, index: u32, family: Family) -> bool {
        let wire = self.place.wire.as_ref();
        self.family() == family && wire.is_some_and(|wire| wire.index == index)
    }

    /// Whom a heartbeat goes to: the first, the second, and so on.
    pub(crate) fn destination(&self, at: usize) -> Option<IpAddr> {
        match self.config.transport {
            Transport::Unicast => self.peers.get(at).copied(),
            Transport::Multicast => (at == 0).then(|| self.family().group()),
        }
    }

    /// All of them.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = IpAddr> {
        (0..).map_while(|at| self.destination(at))
    }

    /// The configuration or the place is another: what is sent is made anew.
    pub(crate) fn make_frames(&mut self) {
        self.ips = self.config.ips().collect();
        self.frames.forget_adverts();
        let mac = self.mac();
        self.frames.set_announcements(&self.ips, mac);
    }
}

fn router(config: &Config, vip: &halo_config::Vip) -> Option<VirtualRouter> {
    let router = VirtualRouter::new(parameters(config, vip, None)?);
    Some(if config.quorum {
        router.with_quorum()
    } else {
        router
    })
}

/// The version of the messages of `vip`, with version 2's authentication.
pub(crate) fn version(vip: &halo_config::Vip) -> Version {
    match vip.version {
        VrrpVersion::V2 { password: None } => Version::V2(Authentication::None),
        VrrpVersion::V2 {
            password: Some(password),
        } => Version::V2(Authentication::SimplePassword(password)),
        VrrpVersion::V3 { .. } => Version::V3,
    }
}

/// What the checksum of messages of `vip` covers, and which ones are accepted.
pub(crate) fn checksums(vip: &halo_config::Vip) -> (ChecksumMode, Accept) {
    let mode = |checksum| match checksum {
        Checksum::PseudoHeader => ChecksumMode::PseudoHeader,
        Checksum::Message => ChecksumMode::MessageOnly,
    };
    match vip.version {
        VrrpVersion::V2 { .. } => (ChecksumMode::MessageOnly, Accept::Both),
        VrrpVersion::V3 { checksum, accept } => (
            mode(checksum),
            accept.map_or(Accept::Both, |checksum| Accept::Only(mode(checksum))),
        ),
    }
}

/// What the virtual router of `vip` is to know. `source`: where its heartbeats come from, which
/// breaks ties; `None`: no place to send them from yet.
pub(crate) fn parameters(
    config: &Config,
    vip: &halo_config::Vip,
    source: Option<IpAddr>,
) -> Option<halo_vrrp::Config> {
    let nowhere = || match family(vip) {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let own = || own_address(config.this_node(), vip);
    Some(halo_vrrp::Config {
        version: match vip.version {
            VrrpVersion::V2 { .. } => halo_vrrp::Version::V2,
            VrrpVersion::V3 { .. } => halo_vrrp::Version::V3,
        },
        address: source.or_else(own).unwrap_or_else(nowhere),
        priority: own_priority(config, vip).map_or(Priority::LOWEST, Priority),
        interval: Centiseconds::from_duration(vip.advert_interval)?,
        preempt: vip.preempt,
        preempt_delay: vip.preempt_delay,
    })
}

/// This node's priority for `vip`; `None`: not a member.
pub(crate) fn own_priority(config: &Config, vip: &halo_config::Vip) -> Option<u8> {
    vip.priorities.get(config.this).copied().flatten()
}

/// The addresses of the other members, of the VIP's family.
pub(crate) fn peers(config: &Config, vip: &halo_config::Vip) -> Vec<IpAddr> {
    config
        .nodes
        .iter()
        .zip(&vip.priorities)
        .enumerate()
        .filter(|(index, (_, priority))| *index != config.this && priority.is_some())
        .filter_map(|(_, (node, _))| own_address(node, vip))
        .collect()
}

/// The configured address of `node` that its heartbeats for `vip` come from; `None`: they come from
/// a link-local address, which the machine knows.
pub(crate) fn own_address(node: &Node, vip: &halo_config::Vip) -> Option<IpAddr> {
    match (family(vip), vip.transport) {
        (Family::V4, _) => Some(node.address.addr()),
        (Family::V6, Transport::Unicast) => node.address6.map(|net| net.addr()),
        (Family::V6, Transport::Multicast) => None,
    }
}

fn family(vip: &halo_config::Vip) -> Family {
    if vip.is_ipv6() {
        Family::V6
    } else {
        Family::V4
    }
}
