//! The program as a whole: started, asked, stopped.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails fails its test; clippy knows this of #[test] functions only"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Whoami {
    child: Child,
    address: String,
}

impl Whoami {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_whoami"))
            .args(["--listen", "127.0.0.1:0", "--name", "app1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
    }

    /// Status line and body.
    fn ask(&self, method: &str, target: &str) -> (String, String) {
        let mut stream = self.connect();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: a\r\nX-Test: 1\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

impl Drop for Whoami {
    fn drop(&mut self) {
        // Already gone in the test of the signal.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn it_says_who_it_is_and_what_it_was_asked() {
    let app = Whoami::start();
    let (status, body) = app.ask("GET", "/some/path?x=y");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.starts_with("Name: app1\nClient: 127.0.0.1:"), "{body}");
    assert!(body.contains("\nGET /some/path?x=y HTTP/1.1\n"), "{body}");
    assert!(body.contains("\nx-test: 1\n"), "{body}");
    let (_, body) = app.ask("GET", "/?format=json");
    let said: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(said["name"], "app1");
}

#[test]
fn it_is_slow_broken_or_large_on_request() {
    let app = Whoami::start();
    let began = std::time::Instant::now();
    assert_eq!(
        app.ask("GET", "/?delay=50ms&status=503").0,
        "HTTP/1.1 503 Service Unavailable"
    );
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(app.ask("GET", "/?bytes=10000").1.len(), 10_000);
    assert_eq!(app.ask("GET", "/?bytes=x").0, "HTTP/1.1 400 Bad Request");
    // Larger than one piece: chunked, so longer than asked by the framing alone.
    assert!(app.ask("GET", "/?bytes=1000000").1.len() > 1_000_000);
}

#[test]
fn its_health_can_be_switched() {
    let app = Whoami::start();
    assert_eq!(app.ask("GET", "/healthz").1, "ok app1\n");
    app.ask("POST", "/health/down");
    assert!(app.ask("GET", "/healthz").0.contains("503"));
    app.ask("POST", "/health/up");
    assert!(app.ask("GET", "/healthz").0.contains("200"));
    assert!(app.ask("GET", "/health/down").0.contains("405"));
}

#[test]
fn its_websocket_sends_messages_back() {
    let app = Whoami::start();
    let mut stream = BufReader::new(app.connect());
    // The example of RFC 6455 section 1.3.
    stream
        .get_mut()
        .write_all(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    // Section 5.7: a masked text frame, "Hello", and the same without mask.
    let masked = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    stream.get_mut().write_all(&masked).unwrap();
    let mut back = [0; 7];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"\x81\x05Hello");
    // A ping with the same content is answered by a pong.
    let mut ping = masked;
    ping[0] = 0x89;
    stream.get_mut().write_all(&ping).unwrap();
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"\x8a\x05Hello");
    assert!(app.ask("GET", "/ws").0.contains("426"));
}

#[test]
fn a_signal_lets_it_finish_and_end_with_success() {
    let mut app = Whoami::start();
    let idle = app.connect();
    let mut busy = app.connect();
    busy.write_all(b"GET /?delay=200ms HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    // Answered only after both connections were accepted.
    app.ask("GET", "/");
    kill(Pid::from_raw(app.child.id() as i32), Signal::SIGTERM).unwrap();
    let mut response = String::new();
    busy.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    assert!(app.child.wait().unwrap().success());
    drop(idle);
}
