use halo_api::{ProcessState, ProcessStatus};

use super::*;

fn node(vips: &[(&str, VipState, Option<&str>)]) -> AgentStatus {
    AgentStatus {
        cluster: "edge".into(),
        node: "lb1".into(),
        version: "0.1.0".into(),
        pid: 1,
        started: 0,
        config_generation: 1,
        data_plane: ProcessStatus {
            state: ProcessState::Ready,
            pid: Some(2),
            restarts: 0,
            since: 0,
        },
        vips: vips
            .iter()
            .map(|(name, state, holder)| VipStatus {
                name: (*name).into(),
                vrid: 1,
                addresses: vec![],
                interface: "eth0".into(),
                state: *state,
                holder: holder.map(str::to_owned),
                since: 0,
                why: String::new(),
                priority: 100,
                effective_priority: 100,
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
                became_active: 0,
                election: Default::default(),
            })
            .collect(),
        peers: vec![],
        trackers: vec![],
        discarded: Default::default(),
        peer_discarded: Default::default(),
        duty: halo_api::AdminState::Ready,
        paused: false,
        timers: Default::default(),
        warnings: vec![],
    }
}

fn names(moves: &[Move]) -> Vec<&str> {
    moves.iter().map(|wish| wish.vip.as_str()).collect()
}

#[test]
fn what_is_held_here_moves_away_and_what_is_not_moves_here() {
    let before = node(&[
        ("web", VipState::Active, Some("lb1")),
        ("dns", VipState::Standby, Some("lb2")),
    ]);
    assert_eq!(names(&moves(&before, None, None)), ["web"]);
    assert_eq!(names(&moves(&before, None, Some("lb2"))), ["web"]);
    assert_eq!(names(&moves(&before, None, Some("lb1"))), ["dns"]);
    assert_eq!(names(&moves(&before, Some("web"), Some("lb1"))), [""; 0]);
    assert_eq!(names(&moves(&before, Some("web"), None)), ["web"]);
}

#[test]
fn a_move_is_over_when_the_right_node_holds_the_vip() {
    use VipState::{Active, Standby};
    let wish = |to: Option<&str>| Move {
        vip: "web".into(),
        to: to.map(str::to_owned),
    };
    let table = [
        (None, Active, Some("lb1"), false),
        (None, Standby, None, false),
        (None, Standby, Some("lb1"), false),
        (None, Standby, Some("lb2"), true),
        (Some("lb2"), Standby, Some("lb3"), false),
        (Some("lb2"), Standby, Some("lb2"), true),
        (Some("lb1"), Standby, Some("lb2"), false),
        (Some("lb1"), Active, Some("lb1"), true),
    ];
    for (to, state, holder, expected) in table {
        let status = node(&[("web", state, holder)]);
        assert_eq!(
            done(&wish(to), &status),
            expected,
            "{to:?} {state:?} {holder:?}"
        );
    }
}
