//! A node to test with.

use std::sync::{Arc, Mutex};

use halo_api::{
    AdminState, AgentStatus, DataPlaneStatus, Event, EventKind, HealthState, LatenessBucket,
    ListenerStatus, NodeCommand, Outcome, PeerStatus, PoolStatus, ProcessState, ProcessStatus,
    ServerCommand, ServerStatus, Status, TimerLateness, TrackerState, TrackerStatus, VipState,
    VipStatus,
};

use crate::{Checks, Control, Failover, Failure, Readiness, Sample};

/// A daemon that answers from memory and notes what it was asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    pub(crate) status: Arc<Mutex<Status>>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            asked: Arc::default(),
            status: Arc::new(Mutex::new(status())),
        }
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }
}

impl Control for Fake {
    async fn status(&self) -> Result<Status, Failure> {
        Ok(self.status.lock().unwrap().clone())
    }

    async fn events(&self, after: u64) -> Result<Vec<Event>, Failure> {
        let event = |seq| Event {
            seq,
            at: 1_700_000_000_000,
            node: "lb1".into(),
            kind: EventKind::Vip,
            subject: "web".into(),
            message: "became Active: no heartbeat for 361 ms".into(),
        };
        Ok((after + 1..=3).map(event).collect())
    }

    async fn node(&self, command: NodeCommand) -> Result<Outcome, Failure> {
        Ok(Outcome {
            message: format!("{command:?}"),
        })
    }

    async fn failover(&self, wish: Failover) -> Result<Outcome, Failure> {
        self.note(format!("{wish:?}"));
        match wish.to.as_deref() {
            Some("lb9") => Err(Failure::Refused("no node is called `lb9`".into())),
            _ => Ok(Outcome {
                message: "lb1 gives web up".into(),
            }),
        }
    }

    async fn reload(&self) -> Result<Outcome, Failure> {
        Err(Failure::TimedOut("the agent does not answer".into()))
    }

    async fn config(&self) -> Result<String, Failure> {
        Ok("[cluster]\nname = \"edge\"\n".into())
    }

    async fn server(
        &self,
        pool: &str,
        server: &str,
        command: ServerCommand,
    ) -> Result<Outcome, Failure> {
        if pool != "app" {
            return Err(Failure::NotFound(format!("no pool is called `{pool}`")));
        }
        self.note(format!("{pool}/{server} {command:?}"));
        Ok(Outcome {
            message: "done".into(),
        })
    }

    async fn readiness(&self) -> Readiness {
        Readiness::NotReady("listeners are being bound".into())
    }

    async fn sample(&self) -> Result<Sample, Failure> {
        Ok(Sample {
            status: self.status().await?,
            access_log_dropped: 5,
            checks: vec![Checks {
                pool: "app".into(),
                server: "app1".into(),
                passed: 100,
                failed: 3,
            }],
        })
    }
}

pub(crate) fn status() -> Status {
    Status {
        agent: AgentStatus {
            cluster: "edge".into(),
            node: "lb1".into(),
            version: "0.1.0".into(),
            pid: 100,
            started: 1_700_000_000_000,
            config_generation: 2,
            data_plane: ProcessStatus {
                state: ProcessState::Ready,
                pid: Some(101),
                restarts: 1,
                since: 1_700_000_001_000,
            },
            vips: vec![vip("web", VipState::Active), vip("dns", VipState::Standby)],
            peers: vec![PeerStatus {
                name: "lb2".into(),
                address: "10.77.0.12".into(),
                last_heard_ms: Some(42),
                active_for: vec!["dns".into()],
                ready: Some(true),
            }],
            trackers: vec![TrackerStatus {
                name: "uplink".into(),
                check: "interface".into(),
                state: TrackerState::Good,
                since: 1_700_000_001_000,
                finding: "eth1 is up".into(),
                weight: None,
                vips: vec!["web".into()],
            }],
            discarded: Default::default(),
            peer_discarded: [("replayed".to_owned(), 4)].into(),
            duty: AdminState::Ready,
            paused: false,
            timers: TimerLateness {
                buckets: [(50, 90), (100, 9)]
                    .map(|(at_most_us, timers)| LatenessBucket { at_most_us, timers })
                    .to_vec(),
                fired: 100,
                total_us: 5_400,
                worst_us: 1_700,
            },
            warnings: vec![],
        },
        data_plane: Some(DataPlaneStatus {
            pid: 101,
            started: 1_700_000_001_250,
            workers: 2,
            worker_connections: vec![3, 4],
            config_generation: 2,
            listeners: vec![ListenerStatus {
                name: "web".into(),
                protocol: "http".into(),
                bind: vec!["10.77.0.100:80".into()],
                connections: 7,
                connections_total: 70,
                requests_total: 700,
                responses_total: [0, 690, 1, 2, 7],
                bytes_in: 7000,
                bytes_out: 70000,
                datagrams_in: 71,
                datagrams_out: 72,
                datagrams_dropped: 73,
            }],
            pools: vec![PoolStatus {
                name: "app".into(),
                balance: "round_robin".into(),
                servers: vec![ServerStatus {
                    name: "app1".into(),
                    address: "10.77.1.1:8080".into(),
                    weight: 1,
                    admin: AdminState::Drain,
                    health: HealthState::Up,
                    last_check: Some("status 200 in 1.0 ms".into()),
                    since: 1_700_000_001_000,
                    active: 4,
                    total: 400,
                    connect_failures: 40,
                    retries: 39,
                    connections: 6,
                    waiting: 2,
                }],
            }],
        }),
    }
}

fn vip(name: &str, state: VipState) -> VipStatus {
    VipStatus {
        name: name.into(),
        vrid: 51,
        addresses: vec!["10.77.0.100/24".into()],
        interface: "eth0".into(),
        state,
        holder: Some("lb1".into()),
        since: 1_700_000_000_500,
        why: "no heartbeat for 361 ms".into(),
        priority: 200,
        effective_priority: 254,
        advert_interval_ms: 100,
        adverts_sent: 11,
        adverts_received: 12,
        adverts_discarded: 13,
        discarded: [("checksum".to_owned(), 13)].into(),
        version: 3,
        sync_group: None,
        virtual_mac: None,
        gratuitous_arps_sent: 14,
        foreign_claims: 3,
        became_active: 15,
        election: halo_api::ElectionStatus {
            suspicions: 16,
            epoch: 17,
            lease_us: Some(160_000),
            mandate_us: Some(0),
            quorum: Some(halo_api::QuorumStatus {
                stand: halo_api::QuorumStand::Seeking,
                votes: 1,
                majority: 2,
            }),
            ..Default::default()
        },
    }
}
