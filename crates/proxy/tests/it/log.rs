//! The access log.

use std::fs;
use std::path::Path;

use halo_config::{AccessLog, Protocol};

use crate::support::{Bench, TestServer, change_listener, eventually, refusing};

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_request_has_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        config.log.access = AccessLog::File(path.clone());
    });
    let mut client = bench.connect();
    client.ask("POST /x?y=1 HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
    client.ask("GET / HTTP/1.1\r\n\r\n");
    eventually("two lines", || lines(&path).len() == 2);
    let lines = lines(&path);
    let first = &lines[0];
    assert_eq!(first["node"], "lb1");
    assert_eq!(first["listener"], "main");
    assert!(first["client"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(first["method"], "POST");
    assert_eq!(first["host"], "shop");
    assert_eq!(first["path"], "/x?y=1");
    assert_eq!(first["status"], 200);
    assert_eq!(
        (&first["pool"], &first["server"]),
        (&"app".into(), &"s0".into())
    );
    assert_eq!(first["bytes_in"], 5);
    assert!(first["bytes_out"].as_u64().unwrap() > 50);
    assert!(first["duration_us"].as_u64() >= first["upstream_us"].as_u64());
    assert_eq!(first["retries"], 0);
    assert!(first.get("error").is_none());
    let time = first["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert_eq!(lines[1]["status"], 400);
    assert_eq!(lines[1]["error"], "client bad_request: no Host");
}

#[test]
fn a_retry_and_a_failure_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let (a, b) = (refusing(), refusing());
    let bench = Bench::with(&[a.address, b.address], |config| {
        config.log.access = AccessLog::File(path.clone());
    });
    bench.get("/");
    eventually("a line", || lines(&path).len() == 1);
    let line = &lines(&path)[0];
    assert_eq!(line["retries"], 1);
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("server connect_failed: "), "{error}");
}

#[test]
fn a_tcp_connection_has_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let server = TestServer::start(|stream| {
        std::io::copy(&mut &stream, &mut &stream).unwrap();
    });
    let bench = Bench::with(&[server.address], |config| {
        config.log.access = AccessLog::File(path.clone());
        change_listener(config, |l| l.protocol = Protocol::Tcp);
    });
    let mut client = bench.connect();
    client.send("hello");
    client
        .reader
        .get_mut()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    std::io::Read::read_to_end(&mut client.reader, &mut Vec::new()).unwrap();
    eventually("a line", || lines(&path).len() == 1);
    let line = &lines(&path)[0];
    assert_eq!(
        (&line["bytes_in"], &line["bytes_out"]),
        (&5.into(), &5.into())
    );
    assert_eq!(line["server"], "s0");
    assert!(line.get("method").is_none() && line.get("error").is_none());
}

#[test]
fn the_file_is_opened_anew_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let moved = directory.path().join("access.log.1");
    let server = TestServer::echo("a");
    let bench = Bench::with(&[server.address], |config| {
        config.log.access = AccessLog::File(path.clone());
    });
    bench.get("/before");
    eventually("a line", || lines(&path).len() == 1);
    fs::rename(&path, &moved).unwrap();
    bench.proxy.reopen_access_log();
    bench.get("/after");
    eventually("a line in the new file", || lines(&path).len() == 1);
    assert_eq!(lines(&path)[0]["path"], "/after");
    assert_eq!(lines(&moved).len(), 1);
    assert_eq!(bench.proxy.counters().access_log_dropped, 0);
}
