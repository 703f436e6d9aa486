//! Configurations that change under traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use halo_config::AccessLog;

use crate::support::{
    Bench, Client, TestServer, change_pool, eventually, lease, listener, pool, start,
};

#[test]
fn reloads_under_traffic_fail_no_request_and_close_no_connection() {
    let (a, b) = (TestServer::echo("a"), TestServer::echo("b"));
    let mut bench = Bench::http(&[a.address]);
    let extra = lease();
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = bench.address;
    std::thread::scope(|scope| {
        let kept_alive = || {
            let mut client = Client::connect(address);
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(client.get("/").status(), 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        };
        let one_each = || {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(Client::connect(address).get("/").status(), 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        };
        let clients = [scope.spawn(kept_alive), scope.spawn(one_each)];
        for generation in 2..42 {
            // Another server, another listener, and back.
            let both = generation % 2 == 0;
            let servers: &[_] = if both {
                &[a.address, b.address]
            } else {
                &[b.address]
            };
            bench.config.pools[0] = Arc::new(pool("app", servers));
            let main = Arc::new(listener("main", address, "app"));
            bench.config.listeners = if both {
                vec![Arc::new(listener("extra", extra.address, "app")), main]
            } else {
                vec![main]
            };
            let so_far = answered.load(Ordering::Relaxed);
            bench.proxy.apply(&bench.config, generation).unwrap();
            eventually("traffic goes on", || {
                answered.load(Ordering::Relaxed) > so_far + 20
                    || clients
                        .iter()
                        .any(std::thread::ScopedJoinHandle::is_finished)
            });
            assert!(clients.iter().all(|c| !c.is_finished()), "a client failed");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(bench.proxy.counters().generation, 41);
}

#[test]
fn a_new_listener_serves_as_soon_as_it_is_applied_and_a_removed_one_closes() {
    let server = TestServer::echo("a");
    let mut bench = Bench::http(&[server.address]);
    let extra = lease();
    let main = bench.config.listeners[0].clone();
    let added = Arc::new(listener("extra", extra.address, "app"));
    bench.config.listeners = vec![main.clone(), added];
    bench.proxy.apply(&bench.config, 2).unwrap();
    let mut client = Client::connect(extra.address);
    assert_eq!(client.get("/").status(), 200);

    bench.config.listeners = vec![main];
    bench.proxy.apply(&bench.config, 3).unwrap();
    // Its next answer is its last.
    let response = client.get("/");
    assert_eq!(response.status(), 200);
    eventually("the port is closed", || {
        std::net::TcpStream::connect(extra.address).is_err()
    });
    assert!(client.is_closed());
    assert_eq!(bench.get("/").status(), 200);
}

#[test]
fn connections_in_the_queue_of_a_removed_listener_are_served() {
    let server = TestServer::echo("a");
    let mut bench = Bench::http(&[server.address]);
    let extra = lease();
    let main = bench.config.listeners[0].clone();
    for generation in (2..22).step_by(2) {
        let added = Arc::new(listener("extra", extra.address, "app"));
        bench.config.listeners = vec![main.clone(), added];
        bench.proxy.apply(&bench.config, generation).unwrap();
        let mut clients: Vec<_> = (0..20).map(|_| Client::connect(extra.address)).collect();
        bench.config.listeners = vec![main.clone()];
        bench.proxy.apply(&bench.config, generation + 1).unwrap();
        for client in &mut clients {
            assert_eq!(client.get("/").status(), 200);
        }
    }
}

#[test]
fn a_bind_that_fails_changes_nothing_and_says_what_to_do() {
    let server = TestServer::echo("a");
    let mut bench = Bench::http(&[server.address]);
    let (free, taken) = (lease(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let before = bench.config.clone();
    bench.config.listeners = vec![
        Arc::new(listener("free", free.address, "app")),
        Arc::new(listener("taken", taken.local_addr().unwrap(), "app")),
    ];
    let error = bench.proxy.apply(&bench.config, 2).unwrap_err().to_string();
    assert!(error.contains("listener taken"), "{error}");
    assert!(error.contains("another program has port"), "{error}");
    assert!(std::net::TcpStream::connect(free.address).is_err());
    assert_eq!(bench.get("/").status(), 200);
    assert_eq!(bench.proxy.counters().generation, 1);
    bench.proxy.apply(&before, 3).unwrap();
    assert_eq!(bench.get("/").status(), 200);
}

#[test]
fn an_access_log_that_cannot_be_opened_changes_nothing() {
    let server = TestServer::echo("a");
    let mut bench = Bench::http(&[server.address]);
    bench.config.log.access = AccessLog::File("/nonexistent/access.log".into());
    let error = bench.proxy.apply(&bench.config, 2).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/access.log"), "{error}");
    assert_eq!(bench.proxy.counters().generation, 1);
}

#[test]
fn an_address_that_the_machine_does_not_have_can_be_bound() {
    // A Standby binds the virtual IP before it holds it. TEST-NET-1 is nobody's.
    let server = TestServer::echo("a");
    let port = lease().address.port();
    let mut config = crate::support::config();
    let address = std::net::SocketAddr::from(([192, 0, 2, 1], port));
    config.listeners = vec![Arc::new(listener("vip", address, "app"))];
    config.pools = vec![Arc::new(pool("app", &[server.address]))];
    start(1).apply(&config, 1).unwrap();
}

#[test]
fn servers_keep_their_state_and_counters_over_a_reload() {
    let (a, b) = (TestServer::echo("a"), TestServer::echo("b"));
    let mut bench = Bench::http(&[a.address, b.address]);
    let down = halo_proxy::ServerState {
        available: false,
        weight: 7,
    };
    bench.get("/");
    bench.get("/");
    bench.proxy.set_server("app", "s0", down).unwrap();
    let total = bench.server_counters(0).total;
    change_pool(&mut bench.config, |pool| {
        pool.servers[1].weight = 9;
        pool.retries = 5;
    });
    bench.proxy.apply(&bench.config, 2).unwrap();
    let (first, second) = (bench.server_counters(0), bench.server_counters(1));
    assert_eq!(
        (first.available, first.weight, first.total),
        (false, 7, total)
    );
    assert_eq!((second.available, second.weight), (true, 9));
}
