//! Heartbeats in and out.

use std::net::IpAddr;
use std::time::Instant;

use halo_config::Transport;
use halo_netio::Platform;
use halo_netio::vrrp::{Datagram, Family};
use halo_packet::vrrp::{
    Accept, Advertisement, Arrival, ChecksumMode, EncodeError, MAX_LEN, Outgoing, Version, decode,
};
use halo_vrrp::{Centiseconds, Event, Heartbeat, Priority};
use tracing::{debug, warn};

use super::Agent;
use crate::vip::Vip;

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

impl<P: Platform> Agent<P> {
    /// Takes a VRRP datagram: the checks of RFC 9568 section 7.1, then the virtual router. What
    /// fails a check is counted and touches nothing else.
    pub(super) fn handle_datagram(&mut self, datagram: &Datagram, now: Instant) {
        let arrival = Arrival {
            source: datagram.source,
            destination: datagram.destination,
            ttl: datagram.ttl,
        };
        let advert = match decode(&datagram.payload, arrival, Accept::Both) {
            Ok(advert) => advert,
            Err(error) => {
                let vrid = datagram.payload.get(1).copied().unwrap_or(0);
                self.discard(datagram, vrid, error.reason(), &error.to_string());
                return;
            }
        };
        match self.find_router(datagram, &advert) {
            Ok(index) => {
                self.heard.insert(datagram.source, now);
                self.check_addresses(index, &advert, datagram.source);
                let heartbeat = Heartbeat {
                    priority: advert.priority,
                    interval: advert.interval,
                };
                let from = datagram.source;
                self.drive(index, Event::Advert { from, heartbeat }, now);
            }
            Err((reason, what)) => self.discard(datagram, advert.vrid.get(), reason, what),
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
        let mut message = [0; MAX_LEN];
        let length = Outgoing {
            version: Version::V3,
            vrid: vip.vrid,
            priority,
            interval,
            addresses: &vip.ips(),
        }
        .encode(source, destination, ChecksumMode::default(), &mut message)?;
        self.platform
            .send_vrrp(wire.index, source, destination, &message[..length])?;
        Ok(())
    }

    /// The virtual router that an advertisement is for, or why it is for none.
    fn find_router(
        &self,
        datagram: &Datagram,
        advert: &Advertisement<'_>,
    ) -> Result<usize, (&'static str, &'static str)> {
        let index = self
            .vips
            .iter()
            .position(|vip| vip.vrid == advert.vrid && listens_to(vip, datagram))
            .ok_or(("unknown_vrid", "the VRID is not configured here"))?;
        if advert.version != Version::V3 {
            return Err((
                "version",
                "it is VRRP version 2, and version 3 is spoken here",
            ));
        }
        let vip = &self.vips[index];
        match vip.config.transport {
            Transport::Unicast if !vip.peers.contains(&datagram.source) => Err((
                "unknown_sender",
                "the sender is no other member of this VIP: is the VRID used twice on this network?",
            )),
            Transport::Unicast | Transport::Multicast => Ok(index),
        }
    }

    /// Counts a datagram that was thrown away; says why, once for each reason and state.
    fn discard(&mut self, datagram: &Datagram, vrid: u8, reason: &'static str, what: &str) {
        let source = datagram.source;
        let Some(vip) = self
            .vips
            .iter_mut()
            .find(|vip| vip.vrid.get() == vrid && listens_to(vip, datagram))
        else {
            debug!("discarded a heartbeat of {source} for VRID {vrid}: {what}");
            return;
        };
        vip.discarded += 1;
        if vip.complained.insert(reason) {
            warn!(
                "{}: discarded a heartbeat of {source}: {what} (told once, counted always)",
                vip.config.name
            );
        }
    }

    /// RFC 9568 section 7.1: addresses that differ are to be logged; the election goes on.
    fn check_addresses(&mut self, index: usize, advert: &Advertisement<'_>, source: IpAddr) {
        let vip = &mut self.vips[index];
        if !advert.addresses.same_as(&vip.ips()) && vip.complained.insert("addresses") {
            warn!(
                "{}: {source} has other addresses for it: compare the configuration files",
                vip.config.name
            );
        }
    }
}

/// Whether it came by the interface and the IP version that the VIP's heartbeats travel by.
fn listens_to(vip: &Vip, datagram: &Datagram) -> bool {
    vip.listens_on(datagram.interface, Family::of(datagram.source))
}
