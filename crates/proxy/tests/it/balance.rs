//! Connections spread over workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use halo_proxy::Proxy;

use crate::support::{Client, PATIENCE, TestServer, config, lease, listener, pool, start};

/// A proxy with so many workers, and where it listens.
fn proxy(workers: usize, server: &TestServer) -> (Proxy, crate::support::Lease) {
    let lease = lease();
    let mut config = config();
    config
        .listeners
        .push(Arc::new(listener("main", lease.address, "app")));
    config.pools.push(Arc::new(pool("app", &[server.address])));
    let proxy = start(workers);
    proxy.apply(&config, 1).unwrap();
    (proxy, lease)
}

#[test]
fn sixty_four_connections_are_spread_evenly_over_the_workers() {
    let server = TestServer::echo("a");
    // By the kernel's hash alone, half of these rounds would be beyond the bound.
    for (workers, most) in [(2, 34), (4, 18), (8, 11)].repeat(6) {
        let (proxy, lease) = proxy(workers, &server);
        let mut clients: Vec<_> = (0..64).map(|_| Client::connect(lease.address)).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").status(), 200);
        }
        let connections = proxy.connections();
        println!("{workers} workers: {connections:?}");
        assert_eq!(connections.iter().sum::<u64>(), 64);
        assert!(connections.iter().all(|&c| c <= most), "{connections:?}");
    }
}

#[test]
fn connections_that_moved_are_kept_through_reloads_and_finish_when_the_proxy_ends() {
    let server = TestServer::echo("a");
    let (proxy, lease) = proxy(8, &server);
    let mut clients: Vec<_> = (0..64).map(|_| Client::connect(lease.address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), 200);
    }
    let mut config = config();
    config
        .listeners
        .push(Arc::new(listener("main", lease.address, "app")));
    config.pools.push(Arc::new(pool("app", &[server.address])));
    proxy.apply(&config, 2).unwrap();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), 200);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    thread::scope(|scope| {
        let drained = scope.spawn(|| runtime.block_on(proxy.drain(PATIENCE)));
        for client in &mut clients {
            assert!(client.is_closed());
        }
        assert_eq!(drained.join().unwrap(), 0);
    });
}

#[test]
fn no_connection_is_lost_while_its_listener_is_removed() {
    let server = TestServer::echo("a");
    for _ in 0..10 {
        let (proxy, lease) = proxy(4, &server);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            // Connected before the listener is gone: those are served, whichever worker has them.
            let accepted: Vec<_> = (0..64).map(|_| Client::connect(lease.address)).collect();
            scope.spawn(|| {
                proxy.apply(&config(), 2).unwrap();
                done.store(true, Ordering::Relaxed);
            });
            for mut client in accepted {
                assert_eq!(client.get("/").status(), 200);
            }
        });
        assert!(done.load(Ordering::Relaxed));
    }
}
