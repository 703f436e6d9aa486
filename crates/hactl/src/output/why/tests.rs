use halo_api::{ElectionStatus, PeerStatus, ProcessState, ProcessStatus, TrackerStatus};

use super::*;

fn vip(state: VipState, holder: Option<&str>) -> VipStatus {
    VipStatus {
        name: "web".into(),
        vrid: 51,
        version: 3,
        sync_group: None,
        virtual_mac: None,
        addresses: vec![],
        interface: "eth0".into(),
        state,
        holder: holder.map(str::to_owned),
        since: 1000,
        why: "lb2 was silent for 341 ms".into(),
        priority: 200,
        effective_priority: 50,
        advert_interval_ms: 100,
        adverts_sent: 0,
        adverts_received: 0,
        adverts_discarded: 0,
        discarded: std::collections::BTreeMap::default(),
        gratuitous_arps_sent: 0,
        foreign_claims: 0,
        became_active: 1,
        election: ElectionStatus {
            active_down_interval_us: 341_000,
            ..ElectionStatus::default()
        },
    }
}

fn status() -> AgentStatus {
    AgentStatus {
        cluster: "edge".into(),
        node: "lb1".into(),
        version: "0".into(),
        pid: 1,
        started: 0,
        config_generation: 1,
        data_plane: ProcessStatus {
            state: ProcessState::Ready,
            pid: None,
            restarts: 0,
            since: 0,
        },
        vips: vec![],
        peers: vec![PeerStatus {
            name: "lb2".into(),
            address: "10.77.0.12".into(),
            last_heard_ms: Some(3),
            ready: Some(true),
            active_for: vec![],
        }],
        trackers: vec![TrackerStatus {
            name: "disk".into(),
            check: "script".into(),
            state: TrackerState::Failed,
            since: 0,
            finding: "exited with status 1".into(),
            weight: Some(150),
            vips: vec!["web".into()],
        }],
        discarded: std::collections::BTreeMap::default(),
        peer_discarded: Default::default(),
        duty: AdminState::Ready,
        paused: false,
        timers: Default::default(),
        warnings: vec![],
    }
}

#[test]
fn an_active_says_since_when_with_which_priority_and_who_else_is_there() {
    let vip = vip(VipState::Active, Some("lb1"));
    assert_eq!(
        sentences(&status(), &vip, 8000),
        [
            "lb1 has held web for 7s: lb2 was silent for 341 ms",
            "lb1 counts with priority 50 in place of its configured 200",
            "tracker disk: exited with status 1; priority lower by 150",
            "heard of, and may take over: lb2",
        ]
    );
}

#[test]
fn a_standby_says_when_it_would_take_over_and_when_it_would_not() {
    let vip = vip(VipState::Standby, Some("lb2"));
    let mut status = status();
    let last = |status: &AgentStatus| sentences(status, &vip, 8000).pop().unwrap();
    assert_eq!(
        last(&status),
        "if lb2 fell silent, this node would take over after 341 ms at the latest"
    );
    status.paused = true;
    assert_eq!(
        last(&status),
        "if the Active fell silent, this node would not take over"
    );
}
