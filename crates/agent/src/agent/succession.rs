//! A successor that is named takes over at once, in place of waiting for Skew_Time.

use std::net::IpAddr;
use std::time::Instant;

use halo_netio::Platform;
use halo_netio::vrrp::Datagram;
use halo_packet::peer::body::Resign;
use halo_packet::peer::{DecodeError, Kind, Message};
use halo_vrrp::Event;

use super::Agent;
use super::peers::Path;

impl<P: Platform> Agent<P> {
    /// This node gives a VIP up: the successor hears of it first, and claims while this node releases.
    pub(super) fn tell_successor(&mut self, index: usize) {
        let Some((path, resign)) = self.succession(index) else {
            return;
        };
        let vrid = self.vips[index].vrid;
        self.send_peer_message(path, Some(vrid), Kind::RESIGN, &resign.encode());
    }

    /// The first advert of a tenure begins a new epoch.
    pub(super) fn count_epoch(&mut self, index: usize) {
        let vip = &mut self.vips[index];
        let tenure = vip.router.counters().became_active;
        if vip.tenure != tenure {
            vip.tenure = tenure;
            vip.epoch += 1;
        }
    }

    /// Who takes a VIP over from this node, and how it is told: whom an operator named, or else the best
    /// of those who live and would hold it.
    pub(super) fn succession(&self, index: usize) -> Option<(Path, Resign)> {
        let vip = &self.vips[index];
        let (wire, source) = (vip.place.wire.as_ref()?, vip.place.source?);
        if !self.speaks_halo(index) {
            return None;
        }
        let (successor, hold) = match vip.appointee {
            Some(successor) => (successor, true),
            None => (self.best_successor(index)?, false),
        };
        let path = Path {
            wire: wire.index,
            source,
            destination: successor,
        };
        Some((path, Resign { successor, hold }))
    }

    /// The highest priority of those who live and are ready, then the highest address.
    pub(super) fn best_successor(&self, index: usize) -> Option<IpAddr> {
        let vip = &self.vips[index];
        vip.peers
            .iter()
            .filter_map(|address| {
                let peer = self.peers.present(self.node_of(*address)?)?;
                let router = peer.router(vip.vrid, vip.config.is_ipv6())?;
                peer.would_hold(vip.vrid, vip.config.is_ipv6())
                    .then_some((router.priority, *address))
            })
            .max()
            .map(|(_, address)| address)
    }

    pub(super) fn handle_resign(
        &mut self,
        datagram: &Datagram,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<(), DecodeError> {
        let resign = Resign::decode(message.body)?;
        let index = self.addressed(datagram, message.vrid)?;
        if self.vips[index].place.source != Some(resign.successor) {
            return Err(DecodeError::Body);
        }
        let appointed = Event::Appointed {
            by: datagram.source,
            hold: resign.hold,
        };
        self.drive(index, appointed, now);
        Ok(())
    }
}
