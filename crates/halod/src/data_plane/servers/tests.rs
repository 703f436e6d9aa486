use std::time::Duration;

use halo_probe::Pass;

use super::*;

const FILE: &str = r#"
[[node]]
name = "lb1"
address = "10.77.0.11/24"

[[listener]]
name = "web"
bind = ["127.0.0.1:8080"]
protocol = "tcp"
pool = "app"

[[pool]]
name = "app"
balance = "weighted_round_robin"
health = { check = "tcp", interval = "1s" }

[[pool.server]]
name = "app1"
address = "10.77.1.1:8080"
weight = 2

[[pool.server]]
name = "app2"
address = "10.77.1.2:8080"
"#;

fn config(text: &str) -> Config {
    halo_config::parse("test.toml", text, "lb1").unwrap()
}

fn key(server: &str) -> Key {
    Key {
        pool: "app".into(),
        server: server.into(),
    }
}

fn report(server: &str, passed: bool) -> Report<Key> {
    let pass = Pass {
        latency: Duration::from_millis(1),
        status: None,
    };
    let failure = halo_probe::ProbeError::Status {
        got: 503,
        expected: vec![(200, 399)],
    };
    Report {
        key: key(server),
        result: if passed { Ok(pass) } else { Err(failure) },
    }
}

/// The servers of [`FILE`], app1 up and app2 down.
fn known() -> Servers {
    let now = Instant::now();
    let mut servers = Servers::default();
    servers.configure(&config(FILE), now);
    assert!(servers.any_unknown());
    servers.handle_report(report("app1", true), now);
    servers.handle_report(report("app2", false), now);
    assert!(!servers.any_unknown());
    while servers.poll_change().is_some() {}
    servers
}

fn health(servers: &Servers, server: &str) -> HealthState {
    servers.get("app", server).unwrap().health.health()
}

#[test]
fn an_unchanged_server_keeps_its_state_over_a_reload() {
    let mut servers = known();
    assert!(servers.set_admin(&key("app1"), AdminState::Drain, Instant::now()));
    assert!(servers.set_weight(&key("app1"), 7));
    servers.configure(&config(FILE), Instant::now());
    let app1 = servers.get("app", "app1").unwrap();
    assert_eq!(app1.health.admin(), AdminState::Drain);
    assert_eq!(app1.weight, 7);
    assert_eq!(health(&servers, "app1"), HealthState::Up);
    assert_eq!(health(&servers, "app2"), HealthState::Down);
    assert_eq!(servers.checks()[0].passed, 1);
    assert_eq!(servers.checks()[1].failed, 1);
}

#[test]
fn a_server_at_another_address_is_another_server() {
    let mut servers = known();
    let moved = FILE.replace("10.77.1.1:8080", "10.77.1.9:8080");
    servers.configure(&config(&moved), Instant::now());
    assert_eq!(health(&servers, "app1"), HealthState::Unknown);
    assert_eq!(health(&servers, "app2"), HealthState::Down);
}

#[test]
fn a_changed_check_decides_anew_without_taking_the_server_out() {
    let mut servers = known();
    let slower = FILE.replace("\"1s\"", "\"2s\"");
    servers.configure(&config(&slower), Instant::now());
    assert!(servers.get("app", "app1").unwrap().proxy_state().available);
    servers.handle_report(report("app1", false), Instant::now());
    assert_eq!(health(&servers, "app1"), HealthState::Down);
}

#[test]
fn a_new_weight_in_the_file_replaces_the_operators() {
    let mut servers = known();
    assert!(servers.set_weight(&key("app1"), 7));
    let heavier = FILE.replace("weight = 2", "weight = 3");
    servers.configure(&config(&heavier), Instant::now());
    assert_eq!(servers.get("app", "app1").unwrap().weight, 3);
}

#[test]
fn a_server_in_maintenance_is_not_among_the_targets() {
    let mut servers = known();
    assert_eq!(servers.targets().len(), 2);
    servers.set_admin(&key("app1"), AdminState::Maint, Instant::now());
    assert_eq!(servers.targets().len(), 1);
    assert!(!servers.any_unknown(), "nobody waits for it");
}

#[test]
fn a_report_on_a_server_that_is_gone_changes_nothing() {
    let mut servers = known();
    servers.handle_report(report("app9", false), Instant::now());
    assert!(servers.poll_change().is_none());
    assert!(!servers.set_weight(&key("app9"), 1));
}
