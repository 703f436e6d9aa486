//! Application servers come and go under load.

use halo_api::HealthState;
use halo_e2e::{cluster, cluster_with, get, hactl, lab_test, until};
use halo_lab::wrk::Wrk;
use halo_lab::{Lab, find_tool};

const CONNECTIONS: u32 = 16;

fn load(lab: &Lab) -> Wrk {
    find_tool("wrk").unwrap();
    let client = lab.host("client").unwrap();
    Wrk::start(client, "http://10.77.0.100/", CONNECTIONS, 4).unwrap()
}

fn total(lab: &Lab, server: &str) -> u64 {
    let status = lab.node("lb1").unwrap().status().unwrap();
    let pools = status.data_plane.unwrap().pools;
    let servers = &pools[0].servers;
    servers.iter().find(|s| s.name == server).unwrap().total
}

fn health(lab: &Lab, server: &str) -> HealthState {
    let status = lab.node("lb1").unwrap().status().unwrap();
    let pools = status.data_plane.unwrap().pools;
    let servers = &pools[0].servers;
    servers.iter().find(|s| s.name == server).unwrap().health
}

#[lab_test]
fn a_server_that_dies_costs_at_most_the_requests_it_had() {
    let lab = cluster(2);
    let wrk = load(&lab);
    until(&lab, "requests on app2", || total(&lab, "app2") > 100);
    lab.kill_app("app2").unwrap();
    until(&lab, "app2 down", || {
        health(&lab, "app2") == HealthState::Down
    });
    let report = wrk.finish().unwrap();
    assert!(report.requests > 500, "{report:?}");
    assert!(report.lost() <= u64::from(CONNECTIONS), "{report:?}");
    let before = total(&lab, "app2");
    for _ in 0..6 {
        assert!(!get(&lab, "http://10.77.0.100/").contains("Name: app2"));
    }
    assert_eq!(
        total(&lab, "app2"),
        before,
        "a server that is down gets no request"
    );
    let events = lab.node("lb1").unwrap().events().unwrap();
    assert!(
        events
            .iter()
            .any(|e| e.subject == "app/app2" && e.message.contains("down")),
        "{events:?}"
    );
}

#[lab_test]
fn a_drained_server_gets_nothing_new_and_nothing_is_lost() {
    let lab = cluster(2);
    let wrk = load(&lab);
    until(&lab, "requests on app1", || total(&lab, "app1") > 100);
    hactl(&lab, "lb1", &["server", "drain", "app/app1"], 0);
    until(&lab, "no more requests on app1", || {
        let before = total(&lab, "app1");
        assert!(!get(&lab, "http://10.77.0.100/").is_empty());
        before == total(&lab, "app1")
    });
    let report = wrk.finish().unwrap();
    assert_eq!(report.lost(), 0, "{report:?}");
    for _ in 0..6 {
        assert!(!get(&lab, "http://10.77.0.100/").contains("Name: app1"));
    }
    hactl(&lab, "lb1", &["server", "ready", "app/app1"], 0);
    until(&lab, "requests on app1 again", || {
        get(&lab, "http://10.77.0.100/").contains("Name: app1")
    });
}

#[lab_test]
fn an_unhealthy_server_is_left_alone_until_it_is_well() {
    let lab = cluster(2);
    let post = |path: &str| {
        let url = format!("http://10.77.0.23:8080{path}");
        let output = halo_e2e::run(&lab, "client", "curl", &["-sS", "-f", "-X", "POST", &url]);
        assert!(output.status.success(), "{}", halo_e2e::said(&output));
    };
    post("/health/down");
    until(&lab, "app3 down", || {
        health(&lab, "app3") == HealthState::Down
    });
    for _ in 0..6 {
        assert!(!get(&lab, "http://10.77.0.100/").contains("Name: app3"));
    }
    post("/health/up");
    until(&lab, "app3 up", || health(&lab, "app3") == HealthState::Up);
}

/// Two connections to each of the servers, sixteen clients, and as many workers as cores.
#[lab_test]
fn no_server_has_more_connections_than_it_may_and_the_requests_beyond_wait() {
    const MOST: u64 = 2;
    let lab = cluster_with(|text| {
        let pool = "[[pool]]\nname = \"app\"\n";
        assert!(text.contains(pool), "{text}");
        text.replace(pool, &format!("{pool}max_connections = {MOST}\n"))
    });
    let wrk = load(&lab);
    let mut waited = false;
    until(&lab, "a thousand requests", || {
        let status = lab.node("lb1").unwrap().status().unwrap();
        let servers = &status.data_plane.unwrap().pools[0].servers;
        for server in servers {
            assert!(server.connections <= MOST, "{server:?}");
            waited |= server.waiting > 0;
        }
        waited && servers.iter().map(|s| s.total).sum::<u64>() > 1000
    });
    let report = wrk.finish().unwrap();
    assert_eq!(report.lost(), 0, "{report:?}");
}
