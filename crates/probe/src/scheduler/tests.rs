use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use halo_config::CheckKind;
use tokio::net::TcpListener;

use super::*;

fn check(interval: Duration) -> HealthCheck {
    HealthCheck {
        proxy_protocol: None,
        kind: CheckKind::Tcp,
        port: None,
        interval,
        timeout: Duration::from_secs(1),
        rise: 1,
        fall: 1,
    }
}

fn target(key: &'static str, server: SocketAddr, interval: Duration) -> Target<&'static str> {
    Target {
        key,
        server,
        check: check(interval),
    }
}

/// A server that counts the connections made to it.
async fn counting_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (address, count)
}

#[test]
fn second_checks_are_spread_over_the_interval() {
    let interval = Duration::from_millis(900);
    let starts: Vec<_> = (0..3).map(|index| spread(interval, index, 3)).collect();
    assert_eq!(starts, [300, 600, 900].map(Duration::from_millis).to_vec());
}

#[tokio::test]
async fn every_new_server_is_checked_at_once() {
    let (address, _) = counting_server().await;
    let mut scheduler = Scheduler::new();
    let hour = Duration::from_secs(3600);
    scheduler.set(vec![target("a", address, hour), target("b", address, hour)]);
    let mut keys = [scheduler.next().await.key, scheduler.next().await.key];
    keys.sort_unstable();
    assert_eq!(keys, ["a", "b"]);
}

#[tokio::test]
async fn a_server_is_checked_again_after_its_interval() {
    let (address, count) = counting_server().await;
    let mut scheduler = Scheduler::new();
    scheduler.set(vec![target("a", address, Duration::from_millis(20))]);
    for _ in 0..3 {
        assert!(scheduler.next().await.result.is_ok());
    }
    assert!(count.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn an_unchanged_server_keeps_its_rhythm_and_a_changed_one_starts_anew() {
    let (address, _) = counting_server().await;
    let mut scheduler = Scheduler::new();
    let hour = Duration::from_secs(3600);
    scheduler.set(vec![target("a", address, hour), target("b", address, hour)]);
    scheduler.next().await;
    scheduler.next().await;
    scheduler.set(vec![
        target("a", address, hour),
        target("b", address, hour * 2),
    ]);
    assert_eq!(scheduler.next().await.key, "b");
    let more = tokio::time::timeout(Duration::from_millis(50), scheduler.next()).await;
    assert!(more.is_err(), "a is not due for an hour: {more:?}");
}

#[tokio::test]
async fn nothing_is_reported_of_a_server_that_is_gone() {
    let (address, _) = counting_server().await;
    let mut scheduler = Scheduler::new();
    scheduler.set(vec![target("a", address, Duration::from_millis(1))]);
    scheduler.next().await;
    // Let results pile up, then remove the server with them still in the queue.
    while scheduler.reports.is_empty() {
        tokio::task::yield_now().await;
    }
    scheduler.set(vec![target("b", address, Duration::from_secs(3600))]);
    assert_eq!(scheduler.next().await.key, "b");
}
