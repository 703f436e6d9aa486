//! Asking an Active if it is still there, and being asked.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use halo_netio::Platform;
use halo_netio::vrrp::{Datagram, Family};
use halo_packet::peer::body::{Probe, ProbeReply, Role};
use halo_packet::peer::{DecodeError, Kind, Message};
use halo_vrrp::{Answer, Detection, Event, Vrid};
use tracing::warn;

use super::Agent;
use super::peers::{Path, role};

impl<P: Platform> Agent<P> {
    /// Asks the agent by a message, and the kernel of its machine by ARP or neighbour discovery.
    pub(super) fn probe(&mut self, index: usize, target: IpAddr) {
        let vip = &self.vips[index];
        let (Some(wire), Some(source), vrid) = (&vip.place.wire, vip.place.source, vip.vrid) else {
            return;
        };
        let nonce = self.peers.next_probe();
        let path = Path {
            wire: wire.index,
            source,
            destination: target,
        };
        self.send_peer_message(path, Some(vrid), Kind::PROBE, &Probe { nonce }.encode());
        self.ask_where(index, target, None);
        if source.is_ipv6()
            && let Some(known) = self.known_place(index, target)
        {
            // Switches that snoop multicast groups (RFC 4541) may have forgotten that it is in its own.
            self.ask_where(index, target, Some(known));
        }
    }

    /// A machine answered ARP or neighbour discovery: its kernel lives, whoever asked.
    pub(super) fn handle_kernel_answer(&mut self, interface: u32, from: IpAddr, now: Instant) {
        for index in 0..self.vips.len() {
            let vip = &self.vips[index];
            if vip.detection.is_some_and(|peer| peer.active == from)
                && vip.listens_on(interface, Family::of(from))
            {
                let answer = Answer::Kernel;
                self.drive(index, Event::Answer { from, answer }, now);
            }
        }
    }

    pub(super) fn handle_probe(
        &mut self,
        datagram: &Datagram,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let Probe { nonce } = Probe::decode(message.body)?;
        let index = self.addressed(datagram, message.vrid)?;
        let router = &self.vips[index].router;
        let reply = ProbeReply {
            nonce,
            role: role(router.state()),
            priority: router.effective_priority(),
        };
        let path = Path::back(datagram);
        self.send_peer_message(path, message.vrid, Kind::PROBE_REPLY, &reply.encode());
        Ok(())
    }

    pub(super) fn handle_probe_reply(
        &mut self,
        datagram: &Datagram,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<(), DecodeError> {
        let reply = ProbeReply::decode(message.body)?;
        let index = self.addressed(datagram, message.vrid)?;
        if !self.peers.has_asked(reply.nonce) {
            return Err(DecodeError::Body);
        }
        let from = datagram.source;
        let answer = match reply.role {
            Role::Active => Answer::Active(reply.priority),
            Role::Backup | Role::Unable => Answer::NotActive,
        };
        self.drive(index, Event::Answer { from, answer }, now);
        Ok(())
    }

    /// The VIP that a message is about.
    pub(super) fn addressed(
        &self,
        datagram: &Datagram,
        vrid: Option<Vrid>,
    ) -> Result<usize, DecodeError> {
        let family = Family::of(datagram.source);
        (0..self.vips.len())
            .find(|index| {
                let vip = &self.vips[*index];
                Some(vip.vrid) == vrid
                    && vip.listens_on(datagram.interface, family)
                    && self.speaks_halo(*index)
            })
            .ok_or(DecodeError::Body)
    }

    /// Hears the answers of kernels where an Active may have to be asked.
    pub(super) fn refresh_answers(&mut self) {
        let wires: BTreeSet<(u32, Family)> = self
            .vips
            .iter()
            .filter(|vip| vip.config.fast_detection)
            .filter_map(|vip| Some((vip.place.wire.as_ref()?.index, vip.family())))
            .collect();
        if let Err(problem) = self.platform.hear_answers(&wires) {
            // Then whoever is silent counts as dead a little too soon: better not to ask at all.
            warn!("{problem}: failed nodes are noticed after three heartbeats");
            self.hears_answers = false;
        } else {
            self.hears_answers = true;
        }
    }

    /// Tells every virtual router how the Active that it hears can be asked, where that has changed.
    pub(super) fn update_detection(&mut self, now: Instant) {
        for index in 0..self.vips.len() {
            let detection = self.detection(index);
            if detection != self.vips[index].detection {
                self.vips[index].detection = detection;
                self.perform(index, Event::Detection(detection), now);
            }
        }
    }

    /// `None`: nobody is heard, or nobody who has ever said that it answers.
    fn detection(&self, index: usize) -> Option<Detection> {
        let vip = &self.vips[index];
        let active = vip.router.heard()?.from;
        if !vip.config.fast_detection || !self.hears_answers {
            // Without the answers of its kernel, a silent agent cannot be told from a dead machine.
            return None;
        }
        let peer = self.peers.get(self.node_of(active)?)?;
        let presence = peer.router(vip.vrid, vip.config.is_ipv6())?;
        Some(Detection {
            active,
            lease: presence.lease,
            rank: self.rank(index, active),
        })
    }

    /// Live Backups that are to take over rather than this one: those of higher priority, and at the
    /// same priority of higher address (RFC 9568 section 6.4.3).
    fn rank(&self, index: usize, active: IpAddr) -> u8 {
        let vip = &self.vips[index];
        let config = vip.router.config();
        let own = (vip.router.effective_priority(), config.address);
        let before = vip.peers.iter().filter(|address| {
            let peer = self
                .node_of(**address)
                .and_then(|node| self.peers.present(node))
                .filter(|peer| peer.would_hold(vip.vrid, vip.config.is_ipv6()))
                .and_then(|peer| peer.router(vip.vrid, vip.config.is_ipv6()));
            **address != active && peer.is_some_and(|peer| (peer.priority, **address) > own)
        });
        u8::try_from(before.count()).unwrap_or(u8::MAX)
    }
}
