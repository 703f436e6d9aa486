//! Heartbeats in and out.

use std::net::IpAddr;
use std::time::Instant;

use halo_config::Transport;
use halo_netio::Platform;
use halo_netio::vrrp::{Datagram, Family};
use halo_packet::peer::{is_peer_message, trailer};
use halo_packet::vrrp::{
    Accept, Advertisement, Arrival, EncodeError, MAX_FRAME_LEN, MAX_LEN, Version, decode,
    encode_multicast, virtual_mac,
};
use halo_vrrp::{Centiseconds, Event, Heartbeat, Priority};
use tracing::{debug, warn};

use super::Agent;
use super::peers::Path;
use crate::discards::Mismatch;
use crate::frames::{Occasion, Sameness};
use crate::vip::{Vip, checksums, version};

/// Why an advertisement did not go out.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("no interface has this node's own address: cannot send heartbeats")]
    NoWire,
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Os(#[from] halo_netio::Error),
}

/// Why an advertisement that is well-formed is discarded.
struct Refusal {
    reason: &'static str,
    what: &'static str,
    mismatch: Option<Mismatch>,
}

impl Refusal {
    const fn of(reason: &'static str, what: &'static str) -> Self {
        Self {
            reason,
            what,
            mismatch: None,
        }
    }

    const fn mismatch(mismatch: Mismatch, reason: &'static str, what: &'static str) -> Self {
        Self {
            reason,
            what,
            mismatch: Some(mismatch),
        }
    }
}

impl<P: Platform> Agent<P> {
    /// Takes a VRRP datagram: the checks of RFC 9568 section 7.1, then the virtual router. What
    /// fails a check is counted and touches nothing else.
    pub(super) fn handle_datagram(&mut self, datagram: &Datagram, now: Instant) {
        if is_peer_message(&datagram.payload) {
            return self.handle_peer_message(datagram, now);
        }
        let arrival = Arrival {
            source: datagram.source,
            destination: datagram.destination,
            ttl: datagram.ttl,
        };
        let vrid = datagram.payload.get(1).copied().unwrap_or(0);
        let index = self
            .vips
            .iter()
            .position(|vip| vip.vrid.get() == vrid && listens_to(vip, datagram));
        let accept = index.map_or(Accept::Both, |index| checksums(&self.vips[index].config).1);
        match (index, decode(&datagram.payload, arrival, accept)) {
            (None, Ok(_)) => {
                self.discards.count("unknown_vrid");
                let source = datagram.source;
                debug!("discarded a heartbeat of {source}: VRID {vrid} is not configured here");
            }
            (None, Err(error)) => self.discards.count(error.reason()),
            (Some(index), Err(error)) => {
                self.discard(index, datagram.source, error.reason(), &error.to_string());
            }
            (Some(index), Ok(advert)) => match self.check(index, datagram.source, &advert) {
                Ok(()) => self.judge_advert(index, datagram, &advert, now),
                Err(refusal) => self.refuse(index, datagram.source, &refusal, now),
            },
        }
    }

    /// Sends one advertisement to one receiver.
    pub(super) fn send_advert_to(
        &mut self,
        index: usize,
        priority: Priority,
        interval: Centiseconds,
        destination: IpAddr,
    ) -> Result<(), SendError> {
        let vip = &self.vips[index];
        let wire = vip.place.wire.as_ref().ok_or(SendError::NoWire)?;
        let source = vip.place.source.ok_or(SendError::NoWire)?;
        let path = Path {
            wire: wire.index,
            source,
            destination,
        };
        let occasion = Occasion {
            source,
            destination,
            priority,
            interval,
        };
        let vip = &mut self.vips[index];
        let same = Sameness {
            version: version(&vip.config),
            vrid: vip.vrid,
            addresses: &vip.ips,
            checksum: checksums(&vip.config).0,
        };
        let mut message = [0; MAX_LEN + trailer::LEN];
        let mut length = vip.frames.advert(occasion, &same, &mut message)?;
        if self.speaks_halo(index) {
            let epoch = self.vips[index].epoch;
            length = self
                .seal(path, epoch, &mut message, length)
                .map_err(EncodeError::from)?;
        }
        let message = &message[..length];
        if !self.speaks_for_virtual_mac(index, priority) {
            self.platform
                .send_vrrp(path.wire, source, destination, message)?;
            return Ok(());
        }
        let vip = &self.vips[index];
        let mac = virtual_mac(vip.vrid, vip.config.is_ipv6());
        let mut frame = [0; MAX_FRAME_LEN + trailer::LEN];
        let length =
            encode_multicast(mac, source, message, &mut frame).map_err(EncodeError::from)?;
        self.platform.send_frame(path.wire, &frame[..length])?;
        Ok(())
    }

    /// Whether an advertisement is to come from the virtual MAC address (RFC 9568 section 7.2): the
    /// Active's, its last one included. What a node says that gives way to another must not make
    /// switches look for the address here.
    fn speaks_for_virtual_mac(&self, index: usize, priority: Priority) -> bool {
        let vip = &self.vips[index];
        let last = priority == Priority::RESIGN && vip.leased;
        vip.config.virtual_mac && (vip.is_active() || last)
    }

    /// Between Halo nodes of a cluster with a secret, an advertisement is to prove itself.
    fn judge_advert(
        &mut self,
        index: usize,
        datagram: &Datagram,
        advert: &Advertisement<'_>,
        now: Instant,
    ) {
        if self.speaks_halo(index) {
            let length = datagram.payload.len() - advert.trailer.len();
            match self.prove(datagram, &datagram.payload[..length], advert.trailer, now) {
                Ok(opened) => {
                    let vip = &mut self.vips[index];
                    vip.epoch = vip.epoch.max(opened.map_or(0, |opened| opened.epoch));
                }
                Err(rejection) => {
                    let (reason, what) = (rejection.reason(), rejection.to_string());
                    self.discard(index, datagram.source, reason, &what);
                    return self.handle_unproven(datagram, rejection, now);
                }
            }
        }
        self.take_advert(index, datagram.source, advert, now);
    }

    /// An advertisement that nothing speaks against.
    fn take_advert(
        &mut self,
        index: usize,
        source: IpAddr,
        advert: &Advertisement<'_>,
        now: Instant,
    ) {
        // Of strangers nothing is kept: there is no end to them.
        if let Some(heard) = self.heard.get_mut(&source) {
            *heard = now;
        } else if self.is_node(source) {
            self.heard.insert(source, now);
        }
        self.look_for_mismatch(index, source, advert, now);
        let heartbeat = Heartbeat {
            priority: advert.priority,
            interval: advert.interval,
        };
        let from = source;
        self.drive(index, Event::Advert { from, heartbeat }, now);
        if advert.priority != Priority::RESIGN {
            self.notice_successor(index, now);
        }
    }

    /// The checks of section 7.1 that need the configuration; those of RFC 3768 for version 2.
    fn check(
        &self,
        index: usize,
        source: IpAddr,
        advert: &Advertisement<'_>,
    ) -> Result<(), Refusal> {
        let vip = &self.vips[index];
        if vip.place.source == Some(source) {
            return Err(Refusal::of(
                "own_address",
                "it has this node's own address: another node uses it, or the network loops",
            ));
        }
        if vip.config.transport == Transport::Unicast && !vip.peers.contains(&source) {
            return Err(Refusal::of(
                "unknown_sender",
                "the sender is no other member of this VIP: is the VRID used twice on this network?",
            ));
        }
        match (version(&vip.config), advert.version) {
            (Version::V3, Version::V3) => Ok(()),
            (Version::V2(ours), Version::V2(theirs)) if ours != theirs => Err(Refusal::mismatch(
                Mismatch::Authentication,
                "authentication",
                "its authentication is another: compare `password`",
            )),
            (Version::V2(_), Version::V2(_)) => self.check_version_2(index, advert),
            (Version::V3, Version::V2(_)) => Err(Refusal::mismatch(
                Mismatch::Version,
                "version",
                "it is VRRP version 2, and version 3 is spoken here: set `version` alike",
            )),
            (Version::V2(_), Version::V3) => Err(Refusal::mismatch(
                Mismatch::Version,
                "version",
                "it is VRRP version 3, and version 2 is spoken here: set `version` alike",
            )),
        }
    }

    /// RFC 3768 section 7.1: the interval must be the same, and the addresses, unless their owner
    /// names them.
    fn check_version_2(&self, index: usize, advert: &Advertisement<'_>) -> Result<(), Refusal> {
        let vip = &self.vips[index];
        if advert.interval != vip.router.config().interval {
            return Err(Refusal::mismatch(
                Mismatch::Interval,
                "interval",
                "its interval is another, which VRRP version 2 does not allow: set \
                 `advert_interval` alike",
            ));
        }
        if advert.priority != Priority::OWNER && !advert.addresses.same_as(&vip.ips) {
            return Err(Refusal::mismatch(
                Mismatch::Addresses,
                "addresses",
                "it has other addresses: compare the configuration files",
            ));
        }
        Ok(())
    }

    /// RFC 9568 section 7.1: what differs is to be told; the election goes on.
    fn look_for_mismatch(
        &mut self,
        index: usize,
        source: IpAddr,
        advert: &Advertisement<'_>,
        now: Instant,
    ) {
        let vip = &self.vips[index];
        if !advert.addresses.same_as(&vip.ips) {
            let what = "has other addresses for it: compare the configuration files";
            self.alarm(index, source, Mismatch::Addresses, what, now);
        }
        let vip = &self.vips[index];
        if advert.interval != vip.router.config().interval {
            let what = "has another `advert_interval`: the Active's counts, so set it alike";
            self.alarm(index, source, Mismatch::Interval, what, now);
        }
        let vip = &self.vips[index];
        if advert.priority == Priority::OWNER && vip.router.config().priority == Priority::OWNER {
            let what = "says that it owns the addresses, as this node does: `owner` is to be one";
            self.alarm(index, source, Mismatch::Owner, what, now);
        }
    }

    fn refuse(&mut self, index: usize, source: IpAddr, refusal: &Refusal, now: Instant) {
        self.discard(index, source, refusal.reason, refusal.what);
        if let Some(mismatch) = refusal.mismatch {
            let what = format!("is not heard: {}", refusal.what);
            self.alarm(index, source, mismatch, &what, now);
        }
    }

    /// Counts a datagram that was thrown away; says why, once for each reason and state.
    fn discard(&mut self, index: usize, source: IpAddr, reason: &'static str, what: &str) {
        let vip = &mut self.vips[index];
        vip.discards.count(reason);
        if vip.complained.insert(reason) {
            warn!(
                "{}: discarded a heartbeat of {source}: {what} (told once, counted always)",
                vip.config.name
            );
        }
    }

    /// Tells people that another node disagrees; for as long as it does, in the status.
    fn alarm(
        &mut self,
        index: usize,
        source: IpAddr,
        mismatch: Mismatch,
        what: &str,
        now: Instant,
    ) {
        let nodes = &self.loaded.config.nodes;
        let known = self.peers.node_at(nodes, source);
        let vip = &mut self.vips[index];
        let name = &vip.config.name;
        let sentence = || match known {
            Some(node) => format!("{name}: {} {what}", node.name),
            None => format!("{name}: {source} {what}"),
        };
        if let Some(news) = vip.discards.alarm(mismatch, now, sentence) {
            warn!("{news}");
            self.status_changed = true;
        }
    }
}

/// Whether it came by the interface and the IP version that the VIP's heartbeats travel by.
fn listens_to(vip: &Vip, datagram: &Datagram) -> bool {
    vip.listens_on(datagram.interface, Family::of(datagram.source))
}
