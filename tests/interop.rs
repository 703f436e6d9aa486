//! keepalived and FRR as the other node: RFC 9568 is the contract, and RFC 3768 for version 2.

use std::time::Duration;

use halo_api::VipState;
use halo_e2e::{ANNOUNCED, OUTAGE, PATIENCE, lab_test, outage_within, prober, until};
use halo_lab::{Frr, FrrConfig, HaproxyConfig, KeepalivedConfig, Lab, Process, VIP};

/// What both sides speak.
#[derive(Clone, Copy)]
struct Speech {
    transport: &'static str,
    version: u8,
    password: Option<&'static str>,
}

/// Version 3.
const fn v3(transport: &'static str) -> Speech {
    Speech {
        transport,
        version: 3,
        password: None,
    }
}

/// Version 2.
const fn v2(transport: &'static str, password: Option<&'static str>) -> Speech {
    Speech {
        transport,
        version: 2,
        password,
    }
}

impl Speech {
    /// Version 2 counts in seconds.
    const fn advert_ms(self) -> u32 {
        if self.version == 2 { 1000 } else { 100 }
    }

    /// The longest outage after a loss: three adverts and Skew_Time, and as much slack as in
    /// `OUTAGE`.
    fn outage(self) -> Duration {
        OUTAGE + Duration::from_millis(4 * u64::from(self.advert_ms() - 100))
    }

    /// The same after a farewell: Skew_Time alone.
    fn announced(self) -> Duration {
        ANNOUNCED + Duration::from_millis(u64::from(self.advert_ms() - 100))
    }

    /// The VIP's keys.
    fn keys(self) -> String {
        let password = self.password.map_or_else(String::new, |password| {
            format!("password = \"{password}\"\n")
        });
        format!(
            "vrid = 51\ntransport = \"{}\"\npeers = \"vrrp\"\nversion = {}\n\
             advert_interval = \"{}ms\"\n{password}",
            self.transport,
            self.version,
            self.advert_ms()
        )
    }
}

/// A lab with Halo on lb1 with `priority`, and HAProxy on lb2.
fn halo_beside_haproxy(priority: u8, speech: Speech) -> (Lab, Process) {
    let lab = Lab::builder().start().unwrap();
    let text = halo_lab::default_config(lab.topology())
        .replace("priority = 200", &format!("priority = {priority}"))
        .replace("vrid = 51", &speech.keys());
    lab.write_config(&text).unwrap();
    lab.node("lb1").unwrap().start_halod().unwrap();
    let servers = lab.topology().of(halo_lab::Kind::App);
    let haproxy = HaproxyConfig {
        bind: (VIP, 80),
        servers: servers
            .map(|app| (app.name.clone(), app.address, 8080))
            .collect(),
    };
    let process = haproxy.start(lab.host("lb2").unwrap()).unwrap();
    (lab, process)
}

/// Halo on lb1 with `priority`, keepalived and HAProxy on lb2 with 150.
fn pair(priority: u8, speech: Speech) -> (Lab, [Process; 2]) {
    let (lab, haproxy) = halo_beside_haproxy(priority, speech);
    let (first, second) = (lab.host("lb1").unwrap(), lab.host("lb2").unwrap());
    let keepalived = KeepalivedConfig {
        vrid: 51,
        priority: 150,
        advert_ms: speech.advert_ms(),
        address: second.address(),
        peers: match speech.transport {
            "unicast" => vec![first.address()],
            _ => Vec::new(),
        },
        vip: VIP,
        preempt: true,
        version: speech.version,
        password: speech.password,
    };
    let keepalived = keepalived.start(second).unwrap();
    (lab, [haproxy, keepalived])
}

/// Halo on lb1 with `priority`, FRR's vrrpd and HAProxy on lb2 with 150.
fn pair_with_frr(priority: u8, version: u8) -> (Lab, Process, Frr) {
    let speech = Speech {
        version,
        ..v3("multicast")
    };
    let (lab, haproxy) = halo_beside_haproxy(priority, speech);
    let frr = FrrConfig {
        vrid: 51,
        version,
        priority: 150,
        advert_ms: speech.advert_ms(),
        vips: vec![VIP.into()],
    };
    let frr = frr.start(lab.host("lb2").unwrap()).unwrap();
    (lab, haproxy, frr)
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

fn halo_is_active(speech: Speech) {
    let (lab, _processes) = pair(200, speech);
    on_halo(&lab);
    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    until(&lab, "the VIP on keepalived", || {
        lab.host("lb2").unwrap().has(VIP).unwrap()
    });
    outage_within(&lab, lost, speech.outage());
    lab.node("lb1").unwrap().start_halod().unwrap();
    on_halo(&lab);
    let announced = prober(&lab);
    lab.node("lb1").unwrap().terminate(PATIENCE).unwrap();
    until(&lab, "the VIP on keepalived", || {
        lab.host("lb2").unwrap().has(VIP).unwrap()
    });
    outage_within(&lab, announced, speech.announced());
}

fn keepalived_is_active(speech: Speech) {
    let (lab, [_haproxy, mut keepalived]) = pair(100, speech);
    on_keepalived(&lab);
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].holder.as_deref(), Some("lb2"), "{status:?}");
    assert!(status.vips[0].adverts_received > 0);
    let lost = prober(&lab);
    keepalived.terminate(PATIENCE).unwrap();
    on_halo(&lab);
    outage_within(&lab, lost, speech.announced());
}

/// Halo holds the VIP, and FRR hears it: it takes the VIP over when Halo is gone, and gives it back.
fn halo_is_active_beside_frr(version: u8) {
    let (lab, _haproxy, _frr) = pair_with_frr(200, version);
    until(&lab, "the VIP on Halo", || {
        state(&lab) == Some(VipState::Active)
    });
    let lost = prober(&lab);
    lab.node("lb1").unwrap().kill().unwrap();
    let speech = v3("multicast");
    let limit = Speech { version, ..speech }.outage();
    outage_within(&lab, lost, limit);
    lab.node("lb1").unwrap().start_halod().unwrap();
    until(&lab, "the VIP on Halo again", || {
        state(&lab) == Some(VipState::Active)
    });
    let back = prober(&lab);
    halo_heard_nothing_wrong(&lab);
    drop(back);
}

/// FRR holds the VIP, and Halo hears it: it takes the VIP over when FRR ends.
fn frr_is_active_beside_halo(version: u8) {
    let (lab, _haproxy, mut frr) = pair_with_frr(100, version);
    until(&lab, "the VIP on FRR", || {
        let status = lab.node("lb1").unwrap().agent_status();
        status.is_ok_and(|status| {
            status.vips[0].state == VipState::Standby
                && status.vips[0].holder.as_deref() == Some("lb2")
        })
    });
    let lost = prober(&lab);
    halo_heard_nothing_wrong(&lab);
    frr.vrrpd.kill().unwrap();
    until(&lab, "the VIP on Halo", || {
        state(&lab) == Some(VipState::Active)
    });
    let speech = v3("multicast");
    outage_within(&lab, lost, Speech { version, ..speech }.outage());
}

fn halo_heard_nothing_wrong(lab: &Lab) {
    let status = lab.node("lb1").unwrap().agent_status().unwrap();
    assert_eq!(status.vips[0].adverts_discarded, 0, "{status:?}");
    assert!(
        !status
            .warnings
            .iter()
            .any(|warning| warning.contains("lb2")),
        "{:?}",
        status.warnings
    );
}

#[lab_test]
fn halo_active_keepalived_backup_unicast() {
    halo_is_active(v3("unicast"));
}

#[lab_test]
fn halo_active_keepalived_backup_multicast() {
    halo_is_active(v3("multicast"));
}

#[lab_test]
fn keepalived_active_halo_standby_unicast() {
    keepalived_is_active(v3("unicast"));
}

#[lab_test]
fn keepalived_active_halo_standby_multicast() {
    keepalived_is_active(v3("multicast"));
}

#[lab_test]
fn halo_active_keepalived_backup_version_2_unicast() {
    halo_is_active(v2("unicast", None));
}

#[lab_test]
fn halo_active_keepalived_backup_version_2_multicast_with_a_password() {
    halo_is_active(v2("multicast", Some("s3cret")));
}

#[lab_test]
fn keepalived_active_halo_standby_version_2_multicast() {
    keepalived_is_active(v2("multicast", None));
}

#[lab_test]
fn keepalived_active_halo_standby_version_2_unicast_with_a_password() {
    keepalived_is_active(v2("unicast", Some("s3cret")));
}

#[lab_test]
fn another_password_is_not_heard_and_warned_of() {
    let speech = v2("multicast", Some("s3cret"));
    let (lab, [_haproxy, mut keepalived]) = pair(100, speech);
    on_keepalived(&lab);
    keepalived.terminate(PATIENCE).unwrap();
    let second = lab.host("lb2").unwrap();
    let other = KeepalivedConfig {
        vrid: 51,
        priority: 150,
        advert_ms: 1000,
        address: second.address(),
        peers: Vec::new(),
        vip: VIP,
        preempt: true,
        version: 2,
        password: Some("another"),
    };
    let _other = other.start(second).unwrap();
    until(&lab, "the warning", || {
        let status = lab.node("lb1").unwrap().agent_status();
        status.is_ok_and(|status| {
            status.vips[0].state == VipState::Active
                && status.vips[0].discarded.contains_key("authentication")
                && status
                    .warnings
                    .iter()
                    .any(|w| w.contains("compare `password`"))
        })
    });
}

#[lab_test]
fn halo_active_frr_backup_version_3() {
    halo_is_active_beside_frr(3);
}

#[lab_test]
fn halo_active_frr_backup_version_2() {
    halo_is_active_beside_frr(2);
}

#[lab_test]
fn frr_active_halo_standby_version_3() {
    frr_is_active_beside_halo(3);
}

#[lab_test]
fn frr_active_halo_standby_version_2() {
    frr_is_active_beside_halo(2);
}
