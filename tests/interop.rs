//! keepalived as the other node: RFC 9568 is the contract.

use halo_api::VipState;
use halo_e2e::{ANNOUNCED, OUTAGE, PATIENCE, outage_within, prober, until};
use halo_lab::{HaproxyConfig, KeepalivedConfig, Lab, Process, VIP};

/// Halo on lb1 with `priority`, keepalived and HAProxy on lb2 with 150.
fn pair(priority: u8, transport: &str) -> (Lab, [Process; 2]) {
    let lab = Lab::builder().start().unwrap();
    let text = halo_lab::default_config(lab.topology())
        .replace("priority = 200", &format!("priority = {priority}"))
        .replace(
            "vrid = 51",
            &format!("vrid = 51\npeers = \"vrrp\"\ntransport = \"{transport}\""),
        );
    lab.write_config(&text).unwrap();
    lab.node("lb1").unwrap().start_halod().unwrap();
    let servers = lab.topology().of(halo_lab::Kind::App);
    let haproxy = HaproxyConfig {
        bind: (VIP, 80),
        servers: servers
            .map(|app| (app.name.clone(), app.address, 8080))
            .collect(),
    };
    let (first, second) = (lab.host("lb1").unwrap(), lab.host("lb2").unwrap());
    let keepalived = KeepalivedConfig {
        vrid: 51,
        priority: 150,
        advert_ms: 100,
        address: second.address(),
        peers: match transport {
            "unicast" => vec![first.address()],
            _ => Vec::new(),
        },
        vip: VIP,
        preempt: true,
    };
    let processes = [
        haproxy.start(second).unwrap(),
        keepalived.start(second).unwrap(),
    ];
    (lab, processes)
}

fn state(lab: &Lab) -> Option<VipState> {
    let status = lab.node("lb1").unwrap().agent_status();
    status.ok().map(|status| status.vips[0].state)
}

fn on_halo(lab: &Lab) {
    until(lab, "the VIP on Halo alone", || {
        state(lab) == Some(VipState::Active) && !lab.host("lb2").unwrap().has(VIP).unwrap()
    });
}

fn on_keepalived(lab: &Lab) {
    until(lab, "the VIP on keepalived alone", || {
        state(lab) == Some(VipState::Standby)
            && lab.host("lb2").unwrap().has(VIP).unwrap()
            && !lab.host("lb1").unwrap().has(VIP).unwrap()
    });
}

fn halo_is_active(transport: &str) {
    let (lab, _processes) = pair(200, transport);
    on_halo(&lab);
    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on keepalived", || {
        lab.host("lb2").unwrap().has(VIP).unwrap()
    });
    outage_within(&lab, lost, OUTAGE);
    lab.node("lb1").unwrap().start_halod().unwrap();
    on_halo(&lab);
    let announced = prober(&lab);
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    until(&lab, "the VIP on keepalived", || {
        lab.host("lb2").unwrap().has(VIP).unwrap()
    });
    outage_within(&lab, announced, ANNOUNCED);
}

fn keepalived_is_active(transport: &str) {
    let (lab, [_haproxy, mut keepalived]) = pair(100, transport);
    on_keepalived(&lab);
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].holder.as_deref(), Some("lb2"), "{status:?}");
    assert!(status.vips[0].adverts_received > 0);
    let lost = prober(&lab);
    keepalived.terminate(PATIENCE).unwrap();
    on_halo(&lab);
    outage_within(&lab, lost, ANNOUNCED);
}

#[test]
fn halo_active_keepalived_backup_unicast() {
    halo_is_active("unicast");
}

#[test]
fn halo_active_keepalived_backup_multicast() {
    halo_is_active("multicast");
}

#[test]
fn keepalived_active_halo_standby_unicast() {
    keepalived_is_active("unicast");
}

#[test]
fn keepalived_active_halo_standby_multicast() {
    keepalived_is_active("multicast");
}
