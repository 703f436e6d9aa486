//! Connections handed over with a VIP that moves on purpose.
//!
//! The former holder keeps the addresses without a lease ([`Agent::retire`]): it answers for them no
//! more, but its connections finish. The next holder has its kernel send the packets of those
//! connections there ([`Agent::forward_unknown`]).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_api::{EventKind, ToDataPlane};
use halo_config::{Peers, Transport};
use halo_netio::Platform;
use tracing::{info, warn};

use super::Agent;
use crate::handover::{Retiring, former_holder, lost_on_purpose};

/// How often the hardware addresses of other nodes are looked up when they are known.
const LOOK_UP: Duration = Duration::from_secs(10);
/// The first time after which one that was not known is looked up again; it doubles.
const LOOK_UP_AGAIN: Duration = Duration::from_millis(10);

/// The hardware addresses of nodes that connections may be left with.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// By interface and the node's address.
    known: BTreeMap<(u32, IpAddr), [u8; 6]>,
    pub(super) due: Instant,
    wait: Duration,
}

impl Neighbours {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            known: BTreeMap::new(),
            due: now,
            wait: LOOK_UP_AGAIN,
        }
    }

    /// Where a node was last seen.
    pub(super) fn place_of(&self, interface: u32, node: IpAddr) -> Option<[u8; 6]> {
        self.known.get(&(interface, node)).copied()
    }

    /// Another node may be Active now.
    pub(super) fn look_up_soon(&mut self, now: Instant) {
        self.due = now;
        self.wait = LOOK_UP_AGAIN;
    }
}

impl<P: Platform> Agent<P> {
    /// The VIP is not this node's any more. Lost on purpose, its connections may finish.
    pub(super) fn let_go(&mut self, index: usize, now: Instant) {
        let reason = self.vips[index].router.why().reason;
        if lost_on_purpose(reason) && self.can_retire(index) {
            self.retire(index, now);
        } else {
            self.release(index);
        }
    }

    /// The lease ends now; the addresses stay on, and the data plane finishes what it has on them.
    fn retire(&mut self, index: usize, now: Instant) {
        let drain = self.loaded.config.data_plane.drain_timeout;
        let vip = &mut self.vips[index];
        // A Backup waits Skew_Time after a resignation, less than an interval; one for good measure.
        let election = if vip.peers.is_empty() {
            Duration::ZERO
        } else {
            2 * vip.router.config().interval.duration()
        };
        let retiring = Retiring::new(now, drain, election);
        vip.leased = false;
        vip.announcer.stop();
        vip.retiring = Some(retiring);
        vip.drained = true;
        self.platform.drain(&mut vip.leasable(), retiring.until);
        let message = ToDataPlane::Drain {
            addresses: vip.ips.clone(),
            within_ms: u64::try_from(drain.as_millis()).unwrap_or(u64::MAX),
        };
        info!("{}: its connections here may finish", vip.config.name);
        if !self.is_upper_guarded(index) {
            self.descend(index);
        }
        self.send_to_data_plane(&message, now);
    }

    /// Where addresses are not guarded this node would answer for them, and a data plane that does not
    /// serve finishes nothing.
    fn can_retire(&self, index: usize) -> bool {
        let vip = &self.vips[index];
        let drain = self.loaded.config.data_plane.drain_timeout;
        !drain.is_zero() && self.data_plane_is_ready() && self.is_guarded(vip)
    }

    /// Takes the addresses off when the time of [`Self::retire`] is over.
    pub(super) fn check_retiring(&mut self, index: usize, now: Instant) {
        let Some(mut retiring) = self.vips[index].retiring else {
            return;
        };
        if retiring.poll_timeout() > now {
            return;
        }
        let ips = self.vips[index].ips.clone();
        let platform = &mut self.platform;
        // Where the kernel does not say, all of the time is waited for.
        let mut left = || {
            ips.iter()
                .any(|ip| platform.has_connections(*ip).unwrap_or(true))
        };
        if !retiring.is_over(&mut left, now) {
            self.vips[index].retiring = Some(retiring);
            if now >= retiring.quiet_at() {
                self.descend(index);
            }
            return;
        }
        let cut_off = left();
        self.finish_retiring(index);
        if cut_off {
            let name = self.vips[index].config.name.clone();
            let drain = self.loaded.config.data_plane.drain_timeout;
            let message = format!(
                "connections to it were cut off here: they did not finish within {} s \
                 (data_plane.drain_timeout)",
                drain.as_secs()
            );
            warn!("{name}: {message}");
            self.note(EventKind::Vip, &name, message);
        }
    }

    /// Takes the addresses off now, if they are on for connections only.
    pub(super) fn finish_retiring(&mut self, index: usize) {
        if self.vips[index].retiring.take().is_some() {
            info!("{}: off this node", self.vips[index].config.name);
            self.release(index);
        }
    }

    pub(super) fn finish_all_retiring(&mut self) {
        for index in 0..self.vips.len() {
            self.finish_retiring(index);
        }
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.vips.iter().any(|vip| vip.retiring.is_some())
    }

    /// An advert of another node that is Active came.
    pub(super) fn notice_successor(&mut self, index: usize, now: Instant) {
        if let Some(retiring) = &mut self.vips[index].retiring {
            retiring.handle_successor(now);
        }
    }

    /// Before the VIP is claimed: what its former holder still has is to stay with that one, and what
    /// comes to this node is ordinary again.
    pub(super) fn take_charge(&mut self, index: usize, now: Instant) {
        let vip = &mut self.vips[index];
        vip.retiring = None;
        if std::mem::take(&mut vip.drained) {
            let addresses = vip.ips.clone();
            self.send_to_data_plane(&ToDataPlane::Serve { addresses }, now);
        }
        // Whatever was so before, it is the reason for this claim that counts.
        let vip = &self.vips[index];
        self.platform.forward(&mut vip.config.ips(), [0; 6], now);
        let reason = vip.router.why().reason;
        if let Some(former) = former_holder(reason, vip.last_holder) {
            self.forward_unknown(index, former, now);
        }
    }

    /// For as long as another node may finish its connections, sends it the packets of those that are
    /// not known here. Only to a Halo node: others take their addresses off at once.
    pub(super) fn forward_unknown(&mut self, index: usize, former: IpAddr, now: Instant) {
        let vip = &self.vips[index];
        let to = vip
            .place
            .home
            .as_ref()
            .and_then(|home| self.neighbours.known.get(&(home.index, former)));
        if let Some(to) = to
            && vip.config.peers == Peers::Halo
        {
            let until = now + self.loaded.config.data_plane.drain_timeout;
            self.platform.forward(&mut vip.config.ips(), *to, until);
        }
    }

    /// Learns where the nodes are that VIPs may be taken over from, and those that heartbeats go to.
    pub(super) fn look_up_neighbours(&mut self, now: Instant) {
        if self.neighbours.due > now {
            return;
        }
        let mut known = BTreeMap::new();
        let mut complete = true;
        for (interface, node) in self.neighbours_wanted() {
            // Without its address, connections are not handed over: nothing worse.
            match self.platform.neighbour(interface, node) {
                Ok(Some(mac)) => {
                    known.insert((interface, node), mac);
                }
                Ok(None) | Err(_) => complete = false,
            }
        }
        // Who resigns is no holder any more, but the one to forward to.
        self.neighbours.known.append(&mut known);
        self.neighbours.wait = if complete {
            LOOK_UP
        } else {
            (self.neighbours.wait * 2).min(LOOK_UP)
        };
        self.neighbours.due = now + self.neighbours.wait;
    }

    /// By interface and address.
    fn neighbours_wanted(&self) -> BTreeSet<(u32, IpAddr)> {
        let mut wanted = BTreeSet::new();
        for vip in &self.vips {
            if let (Some(home), Some(holder)) = (&vip.place.home, vip.last_holder) {
                wanted.insert((home.index, holder));
            }
            if let (Some(wire), Transport::Unicast) = (&vip.place.wire, vip.config.transport) {
                wanted.extend(vip.peers.iter().map(|peer| (wire.index, *peer)));
            }
        }
        wanted
    }

    /// The data plane is told to stop when no new connections come to the VIPs that were given up:
    /// until then its listeners are needed.
    pub(super) fn follow_stop(&mut self, now: Instant) {
        if self.stop_pending && self.quiet_at().is_none_or(|at| at <= now) {
            self.stop_pending = false;
            self.send_to_data_plane(&ToDataPlane::Stop, now);
        }
    }

    /// From when on no VIP that was given up is asked for here.
    pub(super) fn quiet_at(&self) -> Option<Instant> {
        let retiring = self.vips.iter().filter_map(|vip| vip.retiring);
        retiring.map(|retiring| retiring.quiet_at()).max()
    }
}
