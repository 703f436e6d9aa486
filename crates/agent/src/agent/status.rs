//! What the agent says of itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use halo_api::{AgentStatus, ElectionStatus, PeerStatus, ProcessStatus, VipState, VipStatus};
use halo_config::Node;
use halo_netio::Platform;
use halo_vrrp::{State, VirtualRouter};

use super::Agent;
use crate::discards::Discards;
use crate::vip::{Vip, own_priority, version};

impl<P: Platform> Agent<P> {
    pub(super) fn status(&self, now: Instant) -> AgentStatus {
        let config = &self.loaded.config;
        AgentStatus {
            cluster: config.cluster.clone(),
            node: self.own_name().to_owned(),
            version: self.options.version.to_owned(),
            pid: std::process::id(),
            started: self.started,
            config_generation: self.generation,
            data_plane: ProcessStatus {
                state: self.supervisor.state(),
                pid: self.supervisor.pid(),
                restarts: self.supervisor.restarts(),
                since: self.data_plane_since,
            },
            vips: self
                .vips
                .iter()
                .enumerate()
                .map(|(index, vip)| self.vip_status(index, vip, now))
                .collect(),
            peers: config
                .nodes
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != config.this)
                .map(|(_, node)| self.peer_status(node, now))
                .collect(),
            discarded: {
                let mut discarded = by_reason(&self.discards);
                for (reason, count) in by_reason(&self.peers.discards) {
                    *discarded.entry(reason).or_default() += count;
                }
                discarded
            },
            peer_discarded: by_reason(&self.peers.discards),
            trackers: self.tracker_status(),
            duty: self.wish.duty,
            paused: self.wish.paused,
            timers: self.lateness.status(),
            warnings: self.warnings(now),
        }
    }

    fn vip_status(&self, index: usize, vip: &Vip, now: Instant) -> VipStatus {
        let router = &vip.router;
        let counters = router.counters();
        let discarded = by_reason(&vip.discards);
        VipStatus {
            name: vip.config.name.clone(),
            vrid: vip.config.vrid,
            version: version(&vip.config).number(),
            sync_group: vip.config.sync_group.clone(),
            virtual_mac: vip
                .mac()
                .filter(|_| vip.config.virtual_mac)
                .map(|mac| mac.to_string()),
            addresses: vip
                .config
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect(),
            interface: match (&vip.place.home, &vip.config.interface) {
                (Some(home), _) => home.name.clone(),
                (None, Some(name)) => name.clone(),
                (None, None) => String::new(),
            },
            state: match router.state() {
                State::Initialize => VipState::Initialize,
                State::Backup => VipState::Standby,
                State::Active => VipState::Active,
            },
            holder: router.holder().map(|holder| self.name_of(holder)),
            since: vip.since,
            why: self.why(vip, now),
            priority: own_priority(&self.loaded.config, &vip.config).unwrap_or(0),
            effective_priority: router.effective_priority().get(),
            advert_interval_ms: u64::try_from(vip.config.advert_interval.as_millis())
                .unwrap_or(u64::MAX),
            adverts_sent: counters.adverts_sent,
            adverts_received: counters.adverts_received,
            adverts_discarded: discarded.values().sum(),
            discarded,
            gratuitous_arps_sent: vip.gratuitous_arps_sent,
            foreign_claims: vip.claims.heard,
            became_active: counters.became_active,
            election: ElectionStatus {
                epoch: vip.epoch,
                lease_us: self.lease_in_force(index).map(micros),
                mandate_us: self.mandate_left(index, now).map(micros),
                quorum: self.quorum_status(index, now),
                ..election(router)
            },
        }
    }

    /// Why a VIP is in its state here; in quorum mode also what keeps it from being Active.
    fn why(&self, vip: &Vip, now: Instant) -> String {
        let why = vip.router.why();
        let sentence = why.sentence(&|address| self.name_of(address));
        let obstacle = self.quorum_obstacle(vip.config.vrid, vip.config.is_ipv6(), now);
        match obstacle {
            Some(obstacle) if vip.router.state() == State::Backup => {
                format!("{sentence}; {obstacle}")
            }
            _ => sentence,
        }
    }

    fn peer_status(&self, node: &Node, now: Instant) -> PeerStatus {
        let is_its = |address| self.node_of(address) == Some(node.address.addr());
        let heard = self.heard.iter();
        let last_heard = heard
            .filter(|(address, _)| is_its(**address))
            .map(|(_, at)| at)
            .max();
        PeerStatus {
            name: node.name.clone(),
            address: node.address.addr().to_string(),
            last_heard_ms: last_heard.map(|at| {
                u64::try_from(now.saturating_duration_since(*at).as_millis()).unwrap_or(u64::MAX)
            }),
            active_for: self
                .vips
                .iter()
                .filter(|vip| vip.router.holder().is_some_and(is_its))
                .map(|vip| vip.config.name.clone())
                .collect(),
            ready: self
                .peers
                .present(node.address.addr())
                .map(|peer| peer.ready),
        }
    }

    fn signatures_warning(&self) -> Option<String> {
        self.loaded.config.signatures_optional.then(|| {
            "unsigned heartbeats are taken, so that whoever can send packets can take a VIP: write \
             cluster.signatures = \"required\" when every node has the secret"
                .to_owned()
        })
    }

    fn warnings(&self, now: Instant) -> Vec<String> {
        self.options
            .warnings
            .iter()
            .chain(self.guards.complaints.values())
            .chain(self.uppers.complaints.values())
            .chain(self.signatures_warning().as_ref())
            .chain(&self.data_plane_complaint)
            .chain(&self.host_warnings)
            .cloned()
            .chain(self.wish.warnings())
            .chain(self.peers.discards.warnings(now).map(str::to_owned))
            .chain(
                self.vips
                    .iter()
                    .flat_map(|vip| vip.discards.warnings(now).chain(split(vip, now)))
                    .map(str::to_owned),
            )
            .collect()
    }
}

fn election(router: &VirtualRouter) -> ElectionStatus {
    let counters = router.counters();
    ElectionStatus {
        skew_time_us: micros(router.skew_time()),
        active_down_interval_us: micros(router.active_down_interval()),
        active_priority: router.heard().map(|heard| heard.priority.get()),
        resignations_sent: counters.resignations_sent,
        resignations_received: counters.resignations_received,
        rivals_heard: counters.rivals_heard,
        answers_suppressed: counters.answers_suppressed,
        pauses: counters.pauses,
        suspicions: counters.suspicions,
        ..ElectionStatus::default()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn split(vip: &Vip, now: Instant) -> Option<&str> {
    vip.split.as_ref()?.warning(now)
}

fn by_reason(discards: &Discards) -> BTreeMap<String, u64> {
    discards
        .by_reason()
        .map(|(reason, count)| (reason.to_owned(), count))
        .collect()
}
