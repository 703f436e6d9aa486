use halo_api::{ListenerStatus, ProcessStatus};

use super::*;
use crate::output::Style;

const NOW: UnixMillis = 1_700_000_000_000;
const MINUTE: UnixMillis = 60_000;

fn vip(name: &str, state: VipState, holder: Option<&str>) -> VipStatus {
    VipStatus {
        name: name.into(),
        vrid: 51,
        addresses: vec!["10.77.0.100/24".into()],
        interface: "eth0".into(),
        state,
        holder: holder.map(str::to_owned),
        since: NOW - 2 * MINUTE,
        why: "no heartbeat from lb2 for 361 ms".into(),
        priority: 200,
        effective_priority: 200,
        advert_interval_ms: 100,
        adverts_sent: 0,
        adverts_received: 0,
        adverts_discarded: 0,
        discarded: Default::default(),
        version: 3,
        sync_group: None,
        virtual_mac: None,
        gratuitous_arps_sent: 0,
        foreign_claims: 0,
        became_active: 1,
        election: Default::default(),
    }
}

fn server(name: &str, admin: AdminState, health: HealthState, check: Option<&str>) -> ServerStatus {
    ServerStatus {
        name: name.into(),
        address: "10.77.1.1:8080".into(),
        weight: 2,
        admin,
        health,
        last_check: check.map(str::to_owned),
        since: NOW - 7000,
        active: 3,
        total: 1234,
        connect_failures: 0,
        retries: 0,
        connections: 0,
        waiting: 0,
    }
}

fn status() -> Status {
    let mut yielded = vip("dns", VipState::Standby, Some("lb2"));
    yielded.effective_priority = 1;
    yielded.why = "given up for a planned failover".into();
    Status {
        agent: AgentStatus {
            cluster: "edge".into(),
            node: "lb1".into(),
            version: "0.1.0".into(),
            pid: 100,
            started: NOW - 185 * MINUTE,
            config_generation: 2,
            data_plane: ProcessStatus {
                state: ProcessState::Ready,
                pid: Some(101),
                restarts: 1,
                since: NOW - 184 * MINUTE,
            },
            vips: vec![vip("web", VipState::Active, Some("lb1")), yielded],
            peers: vec![
                PeerStatus {
                    name: "lb2".into(),
                    address: "10.77.0.12".into(),
                    last_heard_ms: Some(42),
                    active_for: vec!["dns".into()],
                    ready: Some(true),
                },
                PeerStatus {
                    name: "lb3".into(),
                    address: "10.77.0.13".into(),
                    last_heard_ms: None,
                    active_for: vec![],
                    ready: None,
                },
            ],
            trackers: vec![],
            discarded: Default::default(),
            peer_discarded: Default::default(),
            duty: halo_api::AdminState::Ready,
            paused: false,
            timers: Default::default(),
            warnings: vec!["pool app: 1 of 3 servers down".into()],
        },
        data_plane: Some(DataPlaneStatus {
            pid: 101,
            started: NOW - 184 * MINUTE,
            workers: 2,
            worker_connections: vec![3, 4],
            config_generation: 2,
            listeners: vec![listener("web", "http"), listener("database", "tcp")],
            pools: vec![PoolStatus {
                name: "app".into(),
                balance: "round_robin".into(),
                servers: vec![
                    server(
                        "app1",
                        AdminState::Ready,
                        HealthState::Up,
                        Some("status 200 in 1.0 ms"),
                    ),
                    server(
                        "app2",
                        AdminState::Ready,
                        HealthState::Down,
                        Some("connect to 10.77.1.2:8080: connection refused"),
                    ),
                    server("app3", AdminState::Drain, HealthState::Up, None),
                ],
            }],
        }),
    }
}

fn listener(name: &str, protocol: &str) -> ListenerStatus {
    ListenerStatus {
        name: name.into(),
        protocol: protocol.into(),
        bind: vec!["10.77.0.100:80".into()],
        connections: 7,
        connections_total: 70,
        requests_total: 700,
        responses_total: [0, 690, 1, 2, 7],
        bytes_in: 0,
        bytes_out: 0,
        datagrams_in: 0,
        datagrams_out: 0,
        datagrams_dropped: 0,
    }
}

#[test]
fn a_node_is_shown_as_aligned_tables() {
    let expected = "\
lb1  cluster edge, halo 0.1.0, up 3h 5m, configuration 2
data plane ready for 3h 4m, pid 101, 2 workers, restarted once
! pool app: 1 of 3 servers down

VIP  STATE    HOLDER  SINCE   ADDRESSES       INTERFACE     PRIORITY  WHY
web  ACTIVE   lb1     2m ago  10.77.0.100/24  eth0               200  no heartbeat from lb2 for 361 ms
dns  STANDBY  lb2     2m ago  10.77.0.100/24  eth0       200 (now 1)  given up for a planned failover

PEER  ADDRESS     STATE    HEARD     HOLDS
lb2   10.77.0.12  ready    42ms ago  dns
lb3   10.77.0.13  no word  never     nothing

LISTENER  PROTOCOL  BIND            OPEN  ACCEPTED  REQUESTS  4xx  5xx
web       http      10.77.0.100:80     7        70       700    2    7
database  tcp       10.77.0.100:80     7        70         -    -    -

POOL  SERVER  STATE       SINCE   ADDRESS         WEIGHT  ACTIVE  TOTAL  LAST CHECK
app   app1    up          7s ago  10.77.1.1:8080       2       3   1234  status 200 in 1.0 ms
      app2    DOWN        7s ago  10.77.1.1:8080       2       3   1234  connect to 10.77.1.2:8080: connection refused
      app3    drain (up)  7s ago  10.77.1.1:8080       2       3   1234
";
    assert_eq!(view(&status(), NOW).render(Style::Plain), expected);
}

#[test]
fn a_node_whose_data_plane_is_down_says_so_first() {
    let mut status = status();
    status.data_plane = None;
    status.agent.data_plane.state = ProcessState::Down;
    status.agent.data_plane.pid = None;
    status.agent.peers.clear();
    status.agent.warnings.clear();
    status.agent.vips.truncate(1);
    status.agent.vips[0].state = VipState::Initialize;
    status.agent.vips[0].holder = None;
    status.agent.vips[0].why = "the data plane is down".into();
    let expected = "\
lb1  cluster edge, halo 0.1.0, up 3h 5m, configuration 2
data plane DOWN for 3h 4m, restarted once
! the data plane serves nobody; this is what the agent knows

VIP  STATE       HOLDER   SINCE   ADDRESSES       INTERFACE  PRIORITY  WHY
web  INITIALIZE  unknown  2m ago  10.77.0.100/24  eth0            200  the data plane is down
";
    assert_eq!(view(&status, NOW).render(Style::Plain), expected);
}

#[test]
fn states_are_coloured_on_a_terminal() {
    let page = view(&status(), NOW).render(Style::Coloured);
    assert!(page.contains("\x1b[1;32mACTIVE\x1b[0m"));
    assert!(page.contains("\x1b[1;31mDOWN\x1b[0m"));
    assert!(page.contains("\x1b[33m! pool app"));
}
