//! Quorum mode, with two nodes and a witness, and with three: never two owners, and one where a majority
//! hears each other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use halo_api::{QuorumStand, VipState};
use halo_e2e::{lab_test, until};
use halo_lab::{Lab, VIP, default_config};

const SECRET_FILE: &str = "/run/halo.secret";
const SECRET: &str = "5b0f9a4c7d1e2836a4b5c6d7e8f90123456789abcdef0011223344556677889a\n";

/// A lab of three nodes with a quorum, of which lb3 may be a witness. Voters keep silent for two seconds
/// at their start.
fn quorum(witness: bool) -> Lab {
    let builder = Lab::builder().nodes(3);
    let topology = halo_lab::Topology::new(3, 3, &[]);
    let mut text = default_config(&topology).replacen(
        "[cluster]\n",
        &format!("[cluster]\nquorum = true\nsecret_file = \"{SECRET_FILE}\"\n"),
        1,
    );
    assert!(text.contains("quorum = true"), "{text}");
    if witness {
        let at = text.find("name = \"lb3\"\n").expect("there is an lb3");
        text.insert_str(at, "role = \"witness\"\n");
    }
    let lab = builder
        .config(text + halo_lab::user_section())
        .start()
        .expect("a lab");
    for node in lab.nodes() {
        let file = node.host().path(SECRET_FILE);
        fs::write(&file, SECRET).expect("the secret is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is for root");
        node.start_halod().expect("halod starts");
    }
    until(&lab, "lb1 with a majority", || {
        lab.holders("web") == ["lb1"]
    });
    lab
}

/// Whether a node says that it holds the VIP, and has it on its interface.
fn owns(lab: &Lab, node: &str) -> bool {
    let status = lab.node(node).expect("a node").agent_status();
    let active = status.is_ok_and(|status| {
        let mut vips = status.vips.iter();
        vips.any(|vip| vip.state == VipState::Active)
    });
    active || lab.host(node).expect("a host").has(VIP).unwrap_or(false)
}

#[lab_test]
fn a_minority_gives_the_vip_up_and_the_majority_takes_it() {
    for witness in [true, false] {
        let lab = quorum(witness);
        let election = || {
            let status = lab.node("lb1").unwrap().agent_status().unwrap();
            status.vips[0].election
        };
        let stands = election().quorum.expect("a quorum");
        assert_eq!((stands.stand, stands.majority), (QuorumStand::Owner, 2));
        assert!((2..=3).contains(&stands.votes), "{stands:?}");
        assert!(election().mandate_us.is_some_and(|left| left <= 300_000));
        assert_eq!(election().epoch, 1);
        lab.cut("lb1").unwrap();
        until(&lab, "web on lb2 alone", || {
            lab.holders("web") == ["lb2"] && !owns(&lab, "lb1")
        });
        until(&lab, "lb1 without a majority", || {
            let stands = election().quorum.expect("a quorum");
            (stands.stand, stands.votes) == (QuorumStand::Seeking, 1)
        });
        assert_eq!(election().mandate_us, Some(0));
        let why = lab.node("lb1").unwrap().agent_status().unwrap().vips[0]
            .why
            .clone();
        assert!(why.contains("majority"), "{why}");
        lab.heal("lb1").unwrap();
        until(&lab, "web home", || lab.holders("web") == ["lb1"]);
    }
}

#[lab_test]
fn a_node_alone_holds_nothing() {
    let lab = quorum(true);
    lab.cut("lb2").unwrap();
    lab.cut("lb3").unwrap();
    until(&lab, "no owner", || {
        !owns(&lab, "lb1") && !owns(&lab, "lb2")
    });
    lab.heal("lb2").unwrap();
    lab.heal("lb3").unwrap();
    until(&lab, "an owner", || lab.holders("web").len() == 1);
}

#[lab_test]
fn a_witness_has_no_data_plane_and_survives_the_other_nodes() {
    let lab = quorum(true);
    let witness = lab.node("lb3").unwrap();
    assert_eq!(witness.data_plane_pid(), None);
    let status = witness.agent_status().unwrap();
    let takes_part = status
        .vips
        .iter()
        .any(|vip| vip.state != VipState::Initialize);
    assert!(!takes_part, "{status:?}");
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "web on lb2", || lab.holders("web") == ["lb2"]);
}
