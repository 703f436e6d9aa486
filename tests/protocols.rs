//! What is proxied: HTTP, TCP, WebSocket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use halo_e2e::{cluster, get, lab_test, run, said};
use halo_lab::{Lab, VIP};

#[lab_test]
fn http_tells_the_server_who_asked() {
    let lab = cluster(2);
    let body = get(&lab, "http://10.77.0.100/some/path?x=1");
    let lower = body.to_lowercase();
    assert!(body.contains("GET /some/path?x=1"), "{body}");
    assert!(lower.contains("x-forwarded-for: 10.77.0.50"), "{body}");
    assert!(lower.contains("x-forwarded-proto: http"), "{body}");
    assert!(lower.contains("x-forwarded-host: 10.77.0.100"), "{body}");
}

#[lab_test]
fn http_takes_turns_among_the_servers() {
    let lab = cluster(2);
    let mut names: Vec<String> = (0..12)
        .map(|_| get(&lab, "http://10.77.0.100/"))
        .filter_map(|body| body.lines().next().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names, ["Name: app1", "Name: app2", "Name: app3"]);
}

#[lab_test]
fn a_large_answer_and_a_large_request_pass_whole() {
    let lab = cluster(2);
    let url = "http://10.77.0.100/?bytes=5000000";
    assert_eq!(get(&lab, url).len(), 5_000_000);
    let upload = format!("head -c 5000000 /dev/zero | curl -sS -f -m 10 -T - {url}");
    let output = run(&lab, "client", "sh", &["-c", &upload]);
    assert_eq!(output.stdout.len(), 5_000_000, "{:?}", output.status);
}

#[lab_test]
fn tcp_passes_bytes_as_they_are() {
    let lab = cluster(2);
    let body = get(&lab, "http://10.77.0.100:9000/");
    assert!(body.contains("Name: app"), "{body}");
    assert!(!body.to_lowercase().contains("x-forwarded"), "{body}");
}

#[lab_test]
fn the_standby_answers_nobody_and_leaves_the_address_alone() {
    let lab = cluster(2);
    let resolve = [
        "-sS",
        "-m",
        "2",
        "--connect-to",
        "::10.77.0.12:80",
        "http://10.77.0.100/",
    ];
    let output = run(&lab, "client", "curl", &resolve);
    assert!(!output.status.success(), "{}", said(&output));
}

#[lab_test]
fn a_websocket_echoes_through_the_proxy() {
    let lab = cluster(2);
    let echoed = in_client(&lab, || {
        let mut stream = TcpStream::connect((VIP, 80))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(
            b"GET /ws HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        // A final text frame of 4 bytes; the mask of zeros leaves them as they are.
        stream.write_all(&[0x81, 0x84, 0, 0, 0, 0, b'h', b'a', b'l', b'o'])?;
        let mut frame = [0; 6];
        stream.read_exact(&mut frame)?;
        Ok((head, frame))
    });
    let (head, frame) = echoed;
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    // The answer to the key above, from RFC 6455 section 1.3.
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    assert_eq!(frame, [0x81, 4, b'h', b'a', b'l', b'o']);
}

fn in_client<T: Send + 'static>(
    lab: &Lab,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> T {
    lab.host("client").unwrap().within(work).unwrap().unwrap()
}
