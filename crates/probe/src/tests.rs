//! Probes against real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use crate::probe;
use halo_config::{CheckKind, HealthCheck, HttpCheck};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn check(kind: CheckKind) -> HealthCheck {
    HealthCheck {
        proxy_protocol: None,
        kind,
        port: None,
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(300),
        rise: 2,
        fall: 3,
    }
}

fn http(contains: Option<&str>) -> HealthCheck {
    check(CheckKind::Http(HttpCheck {
        path: "/healthz".into(),
        host: Some("app.example.com".into()),
        status: vec![(200, 299), (304, 304)],
        contains: contains.map(str::to_string),
    }))
}

/// A server that answers one connection with `answer` and returns what it was sent.
async fn serve_once(answer: impl Into<Vec<u8>>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        // The prober may have hung up after it saw enough.
        stream.write_all(&answer).await.ok();
        String::from_utf8(request[..length].to_vec()).unwrap()
    });
    (address, task)
}

fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn failure(answer: impl Into<Vec<u8>>, check: &HealthCheck) -> String {
    let (address, _server) = serve_once(answer).await;
    let error = probe(address, check).await.unwrap_err().to_string();
    error.replace(&address.to_string(), "SERVER")
}

#[tokio::test]
async fn a_tcp_check_passes_when_the_server_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pass = probe(listener.local_addr().unwrap(), &check(CheckKind::Tcp)).await;
    assert_eq!(pass.unwrap().status, None);
}

#[tokio::test]
async fn a_refused_connection_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = probe(address, &check(CheckKind::Tcp)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("connect to {address}: connection refused")
    );
}

#[tokio::test]
async fn the_checks_own_port_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut check = check(CheckKind::Tcp);
    check.port = Some(listener.local_addr().unwrap().port());
    let server = SocketAddr::from(([127, 0, 0, 1], 1));
    assert!(probe(server, &check).await.is_ok());
}

#[tokio::test]
async fn an_http_check_sends_path_and_host_and_accepts_the_status() {
    let (address, server) = serve_once(response("204 No Content", "")).await;
    let pass = probe(address, &http(None)).await.unwrap();
    assert_eq!(pass.status, Some(204));
    let request = server.await.unwrap().to_ascii_lowercase();
    assert!(
        request.starts_with("get /healthz http/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("host: app.example.com\r\n"), "{request}");
}

#[tokio::test]
async fn an_unexpected_status_fails() {
    let error = failure(response("503 Service Unavailable", ""), &http(None)).await;
    assert_eq!(error, "status 503, expected 200-299,304");
}

#[tokio::test]
async fn the_body_must_contain_the_string_in_its_first_64_kib() {
    let body = format!("{}ok", "x".repeat(64 * 1024 - 2));
    let (address, _server) = serve_once(response("200 OK", &body)).await;
    assert!(probe(address, &http(Some("ok"))).await.is_ok());

    let body = format!("{}ok", "x".repeat(64 * 1024 - 1));
    let error = failure(response("200 OK", &body), &http(Some("ok"))).await;
    assert_eq!(
        error,
        "status 200, but the body's first 65536 bytes do not contain \"ok\""
    );

    let error = failure(response("200 OK", "fine"), &http(Some("ok"))).await;
    assert_eq!(
        error,
        "status 200, but the body's first 4 bytes do not contain \"ok\""
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_or_speaks_something_else_fails() {
    let error = failure("", &http(None)).await;
    assert!(error.starts_with("response from SERVER: "), "{error}");
    let error = failure("SSH-2.0-OpenSSH_9.2\r\n", &http(None)).await;
    assert!(error.starts_with("response from SERVER: "), "{error}");
}

#[tokio::test]
async fn the_timeout_counts_for_the_whole_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // The kernel accepts; nobody answers.
    let error = probe(address, &http(None)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("response from {address}: no answer within 300ms")
    );

    let trickle = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(trickle.as_bytes()).await.unwrap();
        // Held open until the prober leaves.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    });
    let error = probe(address, &http(Some("ok"))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("body from {address}: no answer within 300ms")
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_that_expects_a_proxy_header_gets_that_of_the_nodes_own_connection() {
    let (address, said) = serve_once("").await;
    let check = HealthCheck {
        proxy_protocol: Some(halo_config::ProxyProtocol::V1),
        ..check(CheckKind::Tcp)
    };
    assert!(probe(address, &check).await.is_ok());
    assert_eq!(said.await.unwrap(), "PROXY UNKNOWN\r\n");
}
