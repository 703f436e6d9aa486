//! Quorum mode: the seats of this node, one for each VIP of the cluster, and what they say.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use halo_api::{QuorumStand, QuorumStatus};
use halo_config::{Config, Vip as VipConfig};
use halo_netio::Platform;
use halo_netio::vrrp::{Datagram, Family};
use halo_packet::peer::{DecodeError, Kind, Message};
use halo_quorum::{Action, Intent, MAX_LEN, Member, Parameters, Stand, Timing};
use halo_vrrp::{Event, Priority, Vrid};

use tracing::error;

use super::Agent;
use super::peers::Path;

/// This node's vote about one VIP, and its own wish to hold it. A node has one for each VIP of the
/// cluster, whether it may hold it or not.
#[derive(Debug)]
pub(crate) struct Seat {
    vrid: Vrid,
    ipv6: bool,
    member: Member,
}

impl Seat {
    fn is_of(&self, vip: &VipConfig) -> bool {
        self.vrid.get() == vip.vrid && self.ipv6 == vip.is_ipv6()
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.member.poll_timeout()
    }

    /// The kind of its messages. Virtual routers of the two families have VRIDs of their own (RFC 9568
    /// section 5.2.3).
    fn kind(&self) -> Kind {
        if self.ipv6 {
            Kind(Kind::QUORUM_FIRST.0 + 1)
        } else {
            Kind::QUORUM_FIRST
        }
    }
}

/// The seats for a configuration. Those that were there before remember what they promised.
pub(super) fn seats(
    config: &Config,
    mut before: Vec<Seat>,
    incarnation: u64,
    now: Instant,
) -> Vec<Seat> {
    if !config.quorum {
        return Vec::new();
    }
    let seat = |vip: &VipConfig| {
        let timing = Timing::for_interval(vip.advert_interval);
        let known = before.iter().position(|seat| seat.is_of(vip));
        if let Some(index) = known {
            let mut seat = before.swap_remove(index);
            seat.member.set_timing(timing);
            return Some(seat);
        }
        let parameters = Parameters {
            own: config.this_node().address.addr(),
            voters: config
                .nodes
                .iter()
                .map(|node| node.address.addr())
                .collect(),
            timing,
            incarnation,
        };
        Some(Seat {
            vrid: Vrid::new(vip.vrid)?,
            ipv6: vip.is_ipv6(),
            member: Member::new(parameters, now),
        })
    };
    config.vips.iter().filter_map(seat).collect()
}

impl<P: Platform> Agent<P> {
    /// The seats for the configuration in force.
    pub(super) fn refresh_seats(&mut self, now: Instant) {
        let before = std::mem::take(&mut self.seats);
        let incarnation = incarnation(&self.options.seed);
        self.seats = seats(&self.loaded.config, before, incarnation, now);
    }

    /// A virtual router asks for the majority's agreement.
    pub(super) fn seek_mandate(
        &mut self,
        index: usize,
        priority: Priority,
        challenge: bool,
        now: Instant,
    ) {
        let intent = Intent {
            priority: priority.get(),
            challenge,
        };
        if let Some(seat) = self.seat_of(index) {
            self.seats[seat].member.seek(intent, now);
            self.follow_seat(seat, now);
        }
    }

    /// A virtual router needs the majority's agreement no more; its addresses are off.
    pub(super) fn drop_mandate(&mut self, index: usize, successor: Option<IpAddr>, now: Instant) {
        // Seats know nodes by their address in the configuration.
        let successor = successor.or_else(|| self.best_successor(index));
        let successor = successor.and_then(|address| self.node_of(address));
        if let Some(seat) = self.seat_of(index) {
            self.seats[seat].member.resign(successor, now);
            self.follow_seat(seat, now);
        }
    }

    /// Takes another voter's message, which its envelope has proved.
    pub(super) fn handle_quorum(
        &mut self,
        datagram: &Datagram,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<(), DecodeError> {
        let said = halo_quorum::Message::decode(message.body).map_err(|_| DecodeError::Body)?;
        let seat = self
            .seats
            .iter()
            .position(|seat| Some(seat.vrid) == message.vrid && seat.kind() == message.kind)
            .ok_or(DecodeError::Body)?;
        if let Some(from) = self.node_of(datagram.source) {
            self.seats[seat].member.handle_message(from, &said, now);
            self.follow_seat(seat, now);
        }
        Ok(())
    }

    /// What is due for the seats. It comes before all else that a wake-up brings: a lease that has run out
    /// is lost.
    pub(super) fn handle_seat_timeouts(&mut self, now: Instant) {
        for seat in 0..self.seats.len() {
            if self.seats[seat].poll_timeout().is_some_and(|at| at <= now) {
                self.seats[seat].member.handle_timeout(now);
            }
            self.follow_seat(seat, now);
        }
    }

    /// Does what a seat asks for.
    fn follow_seat(&mut self, seat: usize, now: Instant) {
        while let Some(action) = self.seats[seat].member.poll_action() {
            let event = match action {
                Action::Send { to, message } => {
                    self.send_to_voter(seat, to, message);
                    continue;
                }
                Action::Granted => Event::MandateGranted,
                Action::Lost => Event::MandateLost,
                Action::Challenged { by, priority } => Event::Challenged {
                    by,
                    priority: Priority(priority),
                },
            };
            self.status_changed = true;
            if let Some(index) = self.vip_of(seat) {
                self.drive(index, event, now);
            }
        }
    }

    fn send_to_voter(&mut self, seat: usize, to: IpAddr, message: halo_quorum::Message) {
        let Some(path) = self.path_to_voter(to) else {
            return;
        };
        let mut body = [0; MAX_LEN];
        let length = message.encode(&mut body);
        let Seat { vrid, .. } = self.seats[seat];
        let kind = self.seats[seat].kind();
        self.send_peer_message(path, Some(vrid), kind, &body[..length]);
    }

    /// Votes travel between the nodes' own addresses, also where no VIP does.
    pub(super) fn open_voters_wire(
        &mut self,
        open: &BTreeSet<(u32, Family)>,
    ) -> Option<(u32, Family)> {
        let own = self.loaded.config.this_node().address.addr();
        let wire = self.links.port_of(own).filter(|_| !self.seats.is_empty())?;
        let family = Family::of(own);
        if open.contains(&(wire.index, family)) {
            return None;
        }
        match self
            .platform
            .open_vrrp(&wire.name, wire.index, family, false)
        {
            Ok(()) => Some((wire.index, family)),
            Err(problem) => {
                error!("the quorum: {problem}");
                None
            }
        }
    }

    /// Ways to every other voter, from this node's own address.
    pub(super) fn voter_paths(&self) -> Vec<Path> {
        let config = &self.loaded.config;
        if !config.quorum {
            return Vec::new();
        }
        let others = config.nodes.iter().enumerate();
        others
            .filter(|(at, _)| *at != config.this)
            .filter_map(|(_, node)| self.path_to_voter(node.address.addr()))
            .collect()
    }

    fn path_to_voter(&self, destination: IpAddr) -> Option<Path> {
        let source = self.loaded.config.this_node().address.addr();
        Some(Path {
            wire: self.links.port_of(source)?.index,
            source,
            destination,
        })
    }

    /// Until when the majority lets this node hold the VIP; `None`: nobody is asked.
    pub(super) fn mandate_until(&self, index: usize) -> Option<Instant> {
        let seat = self.seat_of(index)?;
        self.seats[seat].member.lease_until()
    }

    /// For how long after `now` that is, zero when it does not; `None`: nobody is asked.
    pub(super) fn mandate_left(&self, index: usize, now: Instant) -> Option<Duration> {
        let seat = self.seat_of(index)?;
        let until = self.seats[seat].member.lease_until();
        Some(until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now)))
    }

    /// How this node stands for a VIP, for people; `None`: there is no quorum.
    pub(super) fn quorum_status(&self, index: usize, now: Instant) -> Option<QuorumStatus> {
        let seat = self.seat_of(index)?;
        let view = self.seats[seat].member.view(now);
        let count = |voters: usize| u64::try_from(voters).unwrap_or(u64::MAX);
        Some(QuorumStatus {
            stand: match view.stand {
                Stand::Voter => QuorumStand::Voter,
                Stand::Polling | Stand::Seeking => QuorumStand::Seeking,
                Stand::Owner => QuorumStand::Owner,
            },
            votes: count(view.votes),
            majority: count(view.majority),
        })
    }

    /// The longest that the kernel may answer for the VIP after `now`.
    pub(super) fn within_mandate(&self, index: usize, until: Instant) -> Instant {
        match self.mandate_until(index) {
            Some(end) => until.min(end),
            None => until,
        }
    }

    /// Why this node does not get the majority's agreement.
    pub(super) fn quorum_obstacle(&self, vrid: u8, ipv6: bool, now: Instant) -> Option<String> {
        let seat = self
            .seats
            .iter()
            .find(|seat| seat.vrid.get() == vrid && seat.ipv6 == ipv6)?;
        let view = seat.member.view(now);
        view.obstacle(&|address| self.name_of(address))
    }

    fn seat_of(&self, index: usize) -> Option<usize> {
        let vip = &self.vips[index].config;
        self.seats.iter().position(|seat| seat.is_of(vip))
    }

    fn vip_of(&self, seat: usize) -> Option<usize> {
        let seat = &self.seats[seat];
        self.vips.iter().position(|vip| seat.is_of(&vip.config))
    }
}

/// The first bytes of a process's seed: no two processes have the same.
fn incarnation(seed: &[u8; 32]) -> u64 {
    seed.first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
