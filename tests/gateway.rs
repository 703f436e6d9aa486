//! A virtual IP that is a gateway's: `accept = false` (RFC 9568 section 6.1).

use halo_e2e::{active, fail, get, lab_test, run, said, until};
use halo_lab::address_prober::AddressProber;
use halo_lab::{Lab, VIP, default_config};

#[lab_test]
fn section_6_4_3_a_gateways_address_is_resolved_and_takes_no_packets() {
    let lab = Lab::builder().start().unwrap_or_else(fail);
    let text = default_config(lab.topology())
        .replace("vrid = 51", "vrid = 51\naccept = false")
        .replace("10.77.0.100:", "0.0.0.0:");
    lab.write_config(&text).unwrap_or_else(fail);
    lab.start_all().unwrap_or_else(fail);
    active(&lab, "lb1");
    let watcher =
        AddressProber::start(lab.host("app1").unwrap_or_else(fail), VIP).unwrap_or_else(fail);
    until(&lab, "lb1 is said to have the address", || {
        watcher.answers().len() > 3
    });
    // By its own address the node serves, so it is not that nobody listens.
    assert!(get(&lab, "http://10.77.0.11/").contains("Name: app"));
    for url in ["http://10.77.0.100/", "http://10.77.0.100:9000/"] {
        let output = run(&lab, "client", "curl", &["-sS", "-m", "1", url]);
        assert_eq!(
            output.status.code(),
            Some(28),
            "no time-out: {}",
            said(&output)
        );
    }
}
