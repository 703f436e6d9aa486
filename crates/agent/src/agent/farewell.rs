//! What the data plane is to say when this process is killed: signed in advance, and renewed when
//! anything about it changes.

use std::net::IpAddr;
use std::time::Instant;

use halo_api::{LastWord, ToDataPlane};
use halo_auth::Envelope;
use halo_netio::Platform;
use halo_packet::peer::body::Resign;
use halo_packet::peer::{HEADER_LEN, Kind, Message, trailer};
use halo_packet::vrrp::{MAX_LEN, Outgoing};
use halo_vrrp::{Priority, Vrid};
use tracing::debug;

use super::Agent;
use super::peers::Path;
use crate::vip::{checksums, version};

/// What gives one VIP up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Farewell {
    index: usize,
    vrid: Vrid,
    addresses: Vec<IpAddr>,
    epoch: u64,
    successor: Option<(Path, Resign)>,
    /// Whom the advert of priority 0 goes to.
    adverts: Vec<Path>,
}

/// An end of paths.
#[derive(Clone, Copy)]
struct Sender {
    wire: u32,
    source: IpAddr,
}

impl Sender {
    fn to(self, destination: IpAddr) -> Path {
        Path {
            wire: self.wire,
            source: self.source,
            destination,
        }
    }
}

impl<P: Platform> Agent<P> {
    /// Tells the data plane what to say when this process is gone, if that has changed.
    pub(super) fn update_last_words(&mut self, now: Instant) {
        if !self.supervisor.is_running() || self.is_bequeathed() {
            return;
        }
        let farewells: Vec<Farewell> = (0..self.vips.len())
            .filter_map(|index| self.farewell(index))
            .collect();
        let words = farewells
            .iter()
            .flat_map(|farewell| self.last_words(farewell))
            .collect();
        self.bequeathed = farewells;
        self.send_to_data_plane(&ToDataPlane::LastWords { words }, now);
    }

    /// Whether the data plane knows what to say as things are.
    fn is_bequeathed(&self) -> bool {
        let mut known = self.bequeathed.iter();
        let mut held = (0..self.vips.len()).filter(|index| self.farewell_from(*index).is_some());
        held.all(|index| {
            known
                .next()
                .is_some_and(|known| self.is_still(known, index))
        }) && known.next().is_none()
    }

    fn is_still(&self, known: &Farewell, index: usize) -> bool {
        let vip = &self.vips[index];
        let Some(from) = self.farewell_from(index) else {
            return false;
        };
        let destinations = vip.destinations().map(|to| from.to(to));
        known.index == index
            && known.vrid == vip.vrid
            && known.addresses == vip.ips
            && known.epoch == vip.epoch
            && known.successor == self.succession(index)
            && destinations.eq(known.adverts.iter().copied())
    }

    /// Where this node says from that it gives the VIP up. `None`: it does not hold it.
    fn farewell_from(&self, index: usize) -> Option<Sender> {
        let vip = &self.vips[index];
        let (wire, source) = (vip.place.wire.as_ref()?, vip.place.source?);
        let wire = wire.index;
        vip.is_active().then_some(Sender { wire, source })
    }

    fn farewell(&self, index: usize) -> Option<Farewell> {
        let vip = &self.vips[index];
        let from = self.farewell_from(index)?;
        Some(Farewell {
            index,
            vrid: vip.vrid,
            addresses: vip.ips.clone(),
            epoch: vip.epoch,
            successor: self.succession(index),
            adverts: vip.destinations().map(|to| from.to(to)).collect(),
        })
    }

    /// First the successor is told, then everyone.
    fn last_words(&mut self, farewell: &Farewell) -> Vec<LastWord> {
        let mut words = Vec::new();
        if let Some((path, resign)) = farewell.successor {
            let mut buffer = [0; HEADER_LEN + Resign::LEN + trailer::LEN];
            let message = Message {
                vrid: Some(farewell.vrid),
                kind: Kind::RESIGN,
                body: &resign.encode(),
            };
            let length = message
                .encode(&mut buffer)
                .map_err(|error| error.to_string());
            words.extend(self.last_word(path, 0, true, &mut buffer, length));
        }
        let signed = self.speaks_halo(farewell.index);
        for path in &farewell.adverts {
            let vip = &self.vips[farewell.index];
            let mut buffer = [0; MAX_LEN + trailer::LEN];
            let length = Outgoing {
                version: version(&vip.config),
                vrid: farewell.vrid,
                priority: Priority::RESIGN,
                interval: vip.router.config().interval,
                addresses: &farewell.addresses,
            }
            .encode(
                path.source,
                path.destination,
                checksums(&vip.config).0,
                &mut buffer,
            )
            .map_err(|error| error.to_string());
            words.extend(self.last_word(*path, farewell.epoch, signed, &mut buffer, length));
        }
        words
    }

    fn last_word(
        &mut self,
        path: Path,
        epoch: u64,
        signed: bool,
        buffer: &mut [u8],
        length: Result<usize, String>,
    ) -> Option<LastWord> {
        let envelope = Envelope {
            source: path.source,
            destination: path.destination,
            epoch,
            farewell: true,
        };
        let sealed = length.and_then(|length| {
            if !signed {
                return Ok(length);
            }
            self.seal_as(envelope, buffer, length)
                .map_err(|error| error.to_string())
        });
        match sealed {
            Ok(length) => Some(LastWord {
                interface: path.wire,
                source: path.source,
                destination: path.destination,
                payload: buffer.get(..length)?.to_vec(),
            }),
            Err(problem) => {
                debug!("no farewell for {}: {problem}", path.destination);
                None
            }
        }
    }
}
