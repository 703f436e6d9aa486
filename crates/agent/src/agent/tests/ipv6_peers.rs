//! Halo nodes that speak to each other over IPv6.

use halo_api::LastWord;
use halo_netio::vrrp::GROUP6;
use halo_packet::MacAddr;
use halo_packet::ndp::{Kind, Ndp, multicast_mac, solicited_node};
use halo_packet::peer::body::{Hello, RouterPresence};

use super::ipv6::{LINK_LOCAL, PEER, ip, of_ipv6, unicast};
use super::peers::{AWAY, HOME, Pair, SECRET, presence};
use super::*;

const SECRETS: [[Option<&str>; 2]; 2] = [[None, None], [Some(SECRET), Some(SECRET)]];
const KNOWN: [u8; 6] = [2, 0x77, 0, 0, 0, 0x0b];

/// Both nodes, whose heartbeats are multicast.
fn multicast_pair(secrets: [Option<&str>; 2]) -> Pair {
    pair(secrets, |text| text.to_owned())
}

/// Both nodes, whose heartbeats are unicast.
fn unicast_pair(secrets: [Option<&str>; 2]) -> Pair {
    pair(secrets, unicast)
}

fn pair(secrets: [Option<&str>; 2], change: impl Fn(&str) -> String) -> Pair {
    let [one, two] = [LINK_LOCAL, PEER].map(|address| format!("{address}/64"));
    let mut pair = Pair::at(
        secrets,
        |text| change(&of_ipv6(text)),
        [&[&one, "fd77::11/64"], &[&two, "fd77::12/64"]],
    );
    pair.run(Duration::from_secs(1));
    pair
}

/// Each way in which heartbeats of IPv6 travel, and where the Active's come from.
fn pairs(secrets: [Option<&str>; 2]) -> [(Pair, IpAddr); 2] {
    [
        (multicast_pair(secrets), ip(LINK_LOCAL)),
        (unicast_pair(secrets), ip("fd77::11")),
    ]
}

/// The Neighbor Solicitations that a node has sent for this address, in order.
fn solicitations(node: &Node, target: IpAddr) -> Vec<Ndp> {
    let frames = node.effects().iter().filter_map(|effect| match effect {
        Effect::Frame(frame) => Ndp::decode(frame).ok(),
        _ => None,
    });
    frames
        .filter(|ndp| ndp.kind == Kind::Solicitation && IpAddr::V6(ndp.target) == target)
        .collect()
}

#[test]
fn nodes_are_known_by_their_link_local_addresses_with_a_secret_and_without() {
    for secrets in SECRETS {
        let pair = multicast_pair(secrets);
        assert_eq!(pair.states(), HOME, "{secrets:?}");
        let standby = &pair.nodes[1];
        assert_eq!(standby.vip().holder.as_deref(), Some("lb1"));
        for node in &pair.nodes {
            let peer = node.status().peers[0].clone();
            assert_eq!(peer.ready, Some(true));
            assert!(peer.last_heard_ms.is_some_and(|ms| ms < 500), "{peer:?}");
            assert_eq!(node.status().warnings, Vec::<String>::new());
        }
        assert_eq!(standby.status().peers[0].active_for, ["web"]);
    }
}

#[test]
fn a_node_with_another_network_card_is_known_by_its_new_address() {
    let mut pair = multicast_pair([None, None]);
    let standby = &mut pair.nodes[1];
    let hello = standby.agent.peers.hello.clone();
    let named = |node: [u8; 4]| Hello {
        node: Some(node.into()),
        ..hello.clone()
    };
    standby.greet_from(ip("fe80::1"), GROUP6.into(), &named([10, 77, 0, 11]));
    assert_eq!(standby.agent.node_of(ip("fe80::1")), Some(LB1.into()));
    assert_eq!(standby.agent.node_of(ip(LINK_LOCAL)), None);
    assert_eq!(standby.agent.vips[0].peers, [ip("fe80::1")]);
    for stranger in [[10, 77, 0, 13], [10, 77, 0, 12]] {
        standby.greet_from(ip("fe80::2"), GROUP6.into(), &named(stranger));
        assert_eq!(standby.agent.node_of(ip("fe80::2")), None, "{stranger:?}");
    }
    standby.greet_from(ip("fd77::66"), GROUP6.into(), &named([10, 77, 0, 11]));
    assert_eq!(
        standby.agent.node_of(ip("fd77::66")),
        None,
        "not link-local"
    );
}

#[test]
fn another_cluster_in_the_same_network_is_no_reason_for_a_warning() {
    let mut pair = multicast_pair([Some(SECRET), Some(SECRET)]);
    let standby = &mut pair.nodes[1];
    let stranger = Hello {
        node: Some([10, 77, 0, 66].into()),
        ..standby.agent.peers.hello.clone()
    };
    standby.greet_from(ip("fe80::66"), GROUP6.into(), &stranger);
    assert_eq!(standby.status().warnings, Vec::<String>::new());
    assert!(standby.discarded().contains(&"unknown_sender".to_owned()));
}

#[test]
fn an_active_whose_machine_is_gone_is_replaced_before_three_heartbeats_failed() {
    for (mut pair, active) in pairs([Some(SECRET), Some(SECRET)]) {
        let standby = &mut pair.nodes[1];
        let heard = standby.machine().answers.clone();
        assert!(heard.contains(&(ETH0, Family::V6)));
        standby.machine().effects.clear();
        standby.run(Duration::from_millis(130));
        assert_eq!(standby.vip().state, VipState::Active);
        let why = standby.vip().why;
        assert!(why.starts_with("lb1 was silent"), "{why}");
        assert!(why.ends_with("does not answer"), "{why}");
        assert_eq!(standby.probes(), 4);
        let IpAddr::V6(target) = active else {
            panic!("{active}")
        };
        let group = multicast_mac(solicited_node(target));
        let asked = solicitations(standby, active);
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|ndp| ndp.destination == group));
        let source = standby.agent.vips[0].place.source;
        assert!(
            asked
                .iter()
                .all(|ndp| Some(IpAddr::V6(ndp.source_ip)) == source)
        );
    }
}

#[test]
fn section_7_3_3_a_kernel_is_also_asked_where_it_was_last_seen() {
    for (mut pair, active) in pairs([None, None]) {
        let standby = &mut pair.nodes[1];
        standby.machine().neighbours.insert(active, KNOWN);
        let now = standby.machine().now;
        standby.agent.neighbours.look_up_soon(now);
        pair.run(Duration::from_millis(50));
        let standby = &mut pair.nodes[1];
        standby.machine().effects.clear();
        standby.run(Duration::from_millis(130));
        let asked = solicitations(standby, active);
        let there = asked.iter().filter(|ndp| {
            (ndp.destination, IpAddr::V6(ndp.destination_ip)) == (MacAddr::from(KNOWN), active)
        });
        assert_eq!((asked.len(), there.count()), (8, 4));
    }
}

#[test]
fn an_active_whose_kernel_answers_is_replaced_when_its_lease_has_ended() {
    for (mut pair, active) in pairs([Some(SECRET), Some(SECRET)]) {
        let standby = &mut pair.nodes[1];
        let heard = standby.agent.vips[0].router.heard().unwrap().at;
        while standby.vip().state == VipState::Standby {
            standby.machine().happen(Input::KernelAnswer {
                interface: ETH0,
                from: active,
            });
            standby.run(Duration::from_millis(1));
        }
        let silence = standby.machine().now - heard;
        let lease = Duration::from_millis(160);
        assert!(
            silence > lease && silence < lease + Duration::from_millis(5),
            "{silence:?}"
        );
        let why = standby.vip().why;
        assert!(why.contains("its lease of 160 ms"), "{why}");
    }
}

#[test]
fn an_active_that_answers_is_left_alone() {
    for (mut pair, _) in pairs([Some(SECRET), Some(SECRET)]) {
        pair.run_without_adverts(Duration::from_millis(500));
        assert_eq!(pair.states(), HOME);
    }
}

#[test]
fn the_better_of_two_backups_goes_first_as_its_hello_to_the_group_says() {
    let third = "[[node]]\nname = \"lb3\"\naddress = \"10.77.0.13/24\"\npriority = 150\n[[vip]]";
    let mut pair = pair([None, None], |text| text.replace("[[vip]]", third));
    let standby = &mut pair.nodes[1];
    let better = RouterPresence {
        ipv6: true,
        priority: Priority(150),
        ..presence(51, Role::Backup)
    };
    let hello = Hello {
        ready: true,
        routers: vec![better],
        node: Some([10, 77, 0, 13].into()),
        ..Hello::default()
    };
    standby.greet_from(ip("fe80::77:ff:fe00:d"), GROUP6.into(), &hello);
    let heard = standby.agent.vips[0].router.heard().unwrap().at;
    while standby.vip().state == VipState::Standby {
        standby.run(Duration::from_millis(1));
    }
    let silence = standby.machine().now - heard;
    let turn = Duration::from_millis(122 + 50);
    assert!(
        silence >= turn && silence < turn + Duration::from_millis(5),
        "{silence:?}"
    );
}

/// What the Active's data plane says when its agent is killed.
fn last_words(active: &Node) -> Vec<LastWord> {
    let told = active.to_data_plane().into_iter().rev();
    let mut told = told.filter_map(|message| match message {
        ToDataPlane::LastWords { words } => Some(words),
        _ => None,
    });
    told.next().unwrap()
}

#[test]
fn the_last_words_of_an_agent_that_is_killed_name_a_successor_and_tell_everyone() {
    for (secrets, at) in [
        (SECRETS[0], 0),
        (SECRETS[0], 1),
        (SECRETS[1], 0),
        (SECRETS[1], 1),
    ] {
        for (mut pair, active) in pairs(secrets) {
            let words = last_words(&pair.nodes[0]);
            let standby = &mut pair.nodes[1];
            let own = standby.agent.vips[0].place.source.unwrap();
            let everyone = standby.agent.vips[0].destination(0).unwrap();
            let others = if everyone.is_multicast() {
                everyone
            } else {
                own
            };
            let ends: Vec<_> = words.iter().map(|w| (w.source, w.destination)).collect();
            assert_eq!(ends, [(active, own), (active, others)]);
            let word = &words[at];
            standby.deliver(word.source, word.destination, &word.payload);
            // A successor waits for nothing, others for Skew_Time.
            standby.run(Duration::from_millis([0, 70][at]));
            assert_eq!(standby.vip().state, VipState::Active, "{secrets:?} {at}");
        }
    }
}

#[test]
fn a_planned_failover_waits_for_no_timer() {
    for secrets in SECRETS {
        for (mut pair, _) in pairs(secrets) {
            let reply = pair.nodes[0].failover(Some("lb2"));
            assert!(matches!(reply, AgentReply::Done { .. }), "{reply:?}");
            while pair.exchange() {}
            assert_eq!(pair.states(), AWAY);
            assert_eq!(pair.nodes[1].vip().why, "lb1 handed it over");
            pair.run(Duration::from_secs(1));
            assert_eq!(pair.states(), AWAY);
        }
    }
}
