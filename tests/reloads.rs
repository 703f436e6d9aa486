//! The configuration changes again and again, and no client notices.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use halo_e2e::{cluster, hactl, home, lab_test};
use halo_lab::load::{Answer, Load, LoadReport};
use halo_lab::{Host, Lab, VIP, default_config};
use halo_netio::netns::NetnsThread;

/// Who keeps a connection says something over it this often.
const BEAT: Duration = Duration::from_millis(50);
/// An answer may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// The speed of the long download: it must last longer than the reloads.
const DOWNLOAD_RATE: u64 = 1_000_000;

#[lab_test]
fn ten_reloads_under_load_fail_no_request_and_break_no_connection() {
    reload_under_load(10, Duration::from_millis(300));
}

/// `HALO_RELOAD_SECONDS` says for how long, a minute if unset.
#[lab_test]
fn a_reload_each_second_fails_no_request_and_breaks_no_connection() {
    let seconds = std::env::var("HALO_RELOAD_SECONDS").map_or(60, |text| text.parse().unwrap());
    reload_under_load(seconds, Duration::from_secs(1));
}

fn reload_under_load(count: u32, interval: Duration) {
    let lab = cluster(2);
    let client = lab.host("client").unwrap();
    let time = interval * count + Duration::from_secs(2);
    let stop = Arc::new(AtomicBool::new(false));
    // curl lets more pass at first than its rate says.
    let bytes = DOWNLOAD_RATE * (time.as_secs() * 5 / 4 + 10);
    let mut download = curl(client, bytes);
    let websocket = until_stopped(client, &stop, echo);
    let kept = until_stopped(client, &stop, ask_again);
    let loads = [false, true].map(|reconnect| load(client, reconnect, time));

    let start = Instant::now();
    for number in 0..count {
        let due = start + interval * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        lab.write_config(&variant(&lab, number + 1)).unwrap();
        hactl(&lab, "lb1", &["config", "reload"], 0);
    }
    let reloading = start.elapsed();
    assert!(
        download.try_wait().unwrap().is_none(),
        "it ended before the reloads did"
    );

    for (load, reconnect) in loads.into_iter().zip([false, true]) {
        let report = load.join();
        assert_eq!(
            report.errors, 0,
            "connection for each request: {reconnect}, {report:?}"
        );
        assert!(report.exchanges > u64::from(count) * 10, "{report:?}");
    }
    stop.store(true, Ordering::Relaxed);
    let echoes = websocket.join().expect("the WebSocket lasts");
    let answers = kept.join().expect("the kept connection lasts");
    assert!(
        echoes >= count && answers >= count,
        "{echoes} echoes, {answers} answers"
    );
    let output = download.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(said, bytes.to_string());
    let status = lab.node("lb1").unwrap().status().unwrap();
    assert_eq!(
        status.data_plane.unwrap().config_generation,
        u64::from(count) + 1
    );
    assert!(
        reloading < time,
        "the load ended before the reloads, after {reloading:?}"
    );
    home(&lab);
    assert_eq!(status.agent.vips[0].became_active, 1, "no VIP moves");
}

/// Four configurations in turn: of servers, limits, listeners and routes.
fn variant(lab: &Lab, number: u32) -> String {
    let text = default_config(lab.topology());
    match number % 4 {
        0 => text,
        1 => {
            let last = text.rfind("[[pool.server]]").unwrap();
            text[..last].to_owned()
        }
        2 => text.replace("fall = 2", "fall = 3"),
        _ => {
            text + "\n[[listener]]\nname = \"more\"\nbind = [\"10.77.0.100:8000\"]\npool = \"app\"\n\
                    \n[[route]]\nlistener = \"web\"\npath_prefix = \"/elsewhere\"\npool = \"app\"\n"
        }
    }
}

fn load(client: &Host, reconnect: bool, duration: Duration) -> NetnsThread<LoadReport> {
    let close = if reconnect {
        "Connection: close\r\n"
    } else {
        ""
    };
    let load = Load {
        target: (VIP, 80).into(),
        request: format!("GET / HTTP/1.1\r\nHost: lab\r\n{close}\r\n").into_bytes(),
        answer: Answer::Http,
        connections: 16,
        reconnect,
        rate: None,
        duration,
    };
    client.thread(move || load.run().unwrap()).unwrap()
}

fn curl(client: &Host, bytes: u64) -> std::process::Child {
    let rate = DOWNLOAD_RATE.to_string();
    let url = format!("http://{VIP}/?bytes={bytes}");
    let written = "%{size_download}";
    let arguments = [
        "-sSf",
        "--limit-rate",
        &rate,
        "-o",
        "/dev/null",
        "-w",
        written,
        &url,
    ];
    let mut command = client.command("curl", arguments).unwrap();
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Does `work` over one connection every [`BEAT`] until `stop`; how often.
fn until_stopped(
    client: &Host,
    stop: &Arc<AtomicBool>,
    work: fn(&mut TcpStream, bool) -> std::io::Result<()>,
) -> NetnsThread<std::io::Result<u32>> {
    let stop = stop.clone();
    let beat = move || {
        let mut stream = TcpStream::connect((VIP, 80))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut times = 0;
        while !stop.load(Ordering::Relaxed) {
            work(&mut stream, times == 0)?;
            times += 1;
            std::thread::sleep(BEAT);
        }
        Ok(times)
    };
    client.thread(beat).unwrap()
}

/// A request over a connection that is kept.
fn ask_again(stream: &mut TcpStream, _first: bool) -> std::io::Result<()> {
    stream.write_all(b"GET /?bytes=100 HTTP/1.1\r\nHost: lab\r\n\r\n")?;
    let head = read_head(stream)?;
    let is_good = head.starts_with("HTTP/1.1 200") && head.contains("content-length: 100");
    if !is_good || head.contains("connection: close") {
        return Err(std::io::Error::other(head));
    }
    stream.read_exact(&mut [0; 100])
}

/// A WebSocket frame and its echo, after the handshake.
fn echo(stream: &mut TcpStream, first: bool) -> std::io::Result<()> {
    if first {
        stream.write_all(
            b"GET /ws HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )?;
        let head = read_head(stream)?;
        if !head.starts_with("HTTP/1.1 101") {
            return Err(std::io::Error::other(head));
        }
    }
    // A final text frame of 4 bytes; the mask of zeros leaves them as they are.
    stream.write_all(&[0x81, 0x84, 0, 0, 0, 0, b'h', b'a', b'l', b'o'])?;
    let mut frame = [0; 6];
    stream.read_exact(&mut frame)?;
    match frame == [0x81, 4, b'h', b'a', b'l', b'o'] {
        true => Ok(()),
        false => Err(std::io::Error::other(format!("echoed {frame:?}"))),
    }
}

/// A response's head, with field names in lower case.
fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (status, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
    Ok(format!("{status}\r\n{}", fields.to_lowercase()))
}
