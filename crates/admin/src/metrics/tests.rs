use std::collections::HashSet;

use super::*;
use crate::fixture;

fn page() -> String {
    render(&Sample {
        status: fixture::status(),
        access_log_dropped: 5,
        checks: vec![],
    })
}

#[test]
fn every_figure_of_the_status_is_there() {
    let page = page();
    for line in [
        "halo_build_info{version=\"0.1.0\"} 1",
        "halo_process_start_time_seconds{process=\"data_plane\"} 1700000001.250",
        "halo_config_generation{process=\"agent\"} 2",
        "halo_data_plane_restarts_total 1",
        "halo_agent_timer_lateness_seconds_bucket{le=\"0.000050\"} 90",
        "halo_agent_timer_lateness_seconds_bucket{le=\"0.000100\"} 99",
        "halo_agent_timer_lateness_seconds_bucket{le=\"+Inf\"} 100",
        "halo_agent_timer_lateness_seconds_sum 0.005400",
        "halo_agent_timer_lateness_seconds_count 100",
        "halo_agent_timer_lateness_worst_seconds 0.001700",
        "halo_vip_state{vip=\"web\",state=\"active\"} 1",
        "halo_vip_state{vip=\"dns\",state=\"active\"} 0",
        "halo_vip_state{vip=\"dns\",state=\"standby\"} 1",
        "halo_vip_effective_priority{vip=\"web\"} 254",
        "halo_vip_adverts_sent_total{vip=\"web\"} 11",
        "halo_vip_adverts_received_total{vip=\"web\"} 12",
        "halo_vip_adverts_discarded_total{vip=\"web\"} 13",
        "halo_vrrp_discarded_total{vip=\"web\",reason=\"checksum\"} 13",
        "halo_vip_gratuitous_arps_sent_total{vip=\"web\"} 14",
        "halo_vip_foreign_claims_total{vip=\"web\"} 3",
        "halo_vip_became_active_total{vip=\"web\"} 15",
        "halo_peer_discarded_total{reason=\"replayed\"} 4",
        "halo_vip_takeover_epoch{vip=\"web\"} 17",
        "halo_vip_suspicions_total{vip=\"web\"} 16",
        "halo_vip_lease_seconds{vip=\"web\"} 0.160000",
        "halo_quorum_stand{vip=\"web\",stand=\"seeking\"} 1",
        "halo_quorum_stand{vip=\"web\",stand=\"owner\"} 0",
        "halo_quorum_votes{vip=\"web\"} 1",
        "halo_quorum_majority{vip=\"web\"} 2",
        "halo_vip_mandate_seconds{vip=\"web\"} 0.000000",
        "halo_peer_heard_seconds{peer=\"lb2\"} 0.042",
        "halo_listener_connections{listener=\"web\"} 7",
        "halo_listener_responses_total{listener=\"web\",class=\"5xx\"} 7",
        "halo_listener_sent_bytes_total{listener=\"web\"} 70000",
        "halo_listener_dropped_datagrams_total{listener=\"web\"} 73",
        "halo_server_up{pool=\"app\",server=\"app1\"} 1",
        "halo_server_admin_state{pool=\"app\",server=\"app1\",state=\"drain\"} 1",
        "halo_server_active{pool=\"app\",server=\"app1\"} 4",
        "halo_server_given_total{pool=\"app\",server=\"app1\"} 400",
        "halo_server_retries_total{pool=\"app\",server=\"app1\"} 39",
        "halo_access_log_dropped_total 5",
    ] {
        assert!(page.lines().any(|l| l == line), "missing: {line}\n{page}");
    }
}

#[test]
fn each_metric_is_declared_once_before_its_samples_and_named_by_the_rules() {
    let page = page();
    let mut declared: HashSet<&str> = HashSet::new();
    let (mut kind, mut parts): (&str, &[&str]) = ("", &[]);
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert!(declared.insert(name), "{name} is declared twice");
            assert_eq!(of == "counter", name.ends_with("_total"), "{name} {of}");
            kind = name;
            parts = match of {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let part = name.strip_prefix(kind);
            assert!(part.is_some_and(|part| parts.contains(&part)), "{line}");
            assert!(kind.starts_with("halo_"));
        }
    }
    assert!(page.ends_with('\n'));
}
