//! The PROXY protocol with HAProxy and nginx at the other end, TLS by name, UDP.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use halo_api::HealthState;
use halo_e2e::{OUTAGE, cluster_with, fail, get, hactl, lab_test, run, said, until};
use halo_lab::{Host, Lab, Process, VIP};

/// The default cluster with these listeners and pools besides.
fn cluster(more: &str) -> Lab {
    cluster_with(|text| text + more)
}

fn host<'a>(lab: &'a Lab, name: &str) -> &'a Host {
    lab.host(name).unwrap_or_else(fail)
}

/// Runs nginx on a host with this in its configuration.
fn nginx(lab: &Lab, name: &str, text: &str) -> Process {
    let host = host(lab, name);
    let file = host.path("/run/nginx.conf");
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\n\
         pid /run/nginx.pid;\nerror_log stderr;\nevents {{}}\n{text}\n"
    );
    fs::write(file, text).unwrap();
    host.spawn_tool("nginx", ["-e", "stderr", "-c", "/run/nginx.conf"])
        .unwrap_or_else(fail)
}

/// Runs HAProxy on a host with these sections.
fn haproxy(lab: &Lab, name: &str, text: &str) -> Process {
    let host = host(lab, name);
    let file = host.path("/run/haproxy.cfg");
    let text = format!(
        "global\n  maxconn 500\ndefaults\n  timeout connect 2s\n  timeout client 10s\n  \
         timeout server 10s\n{text}\n"
    );
    fs::write(file, text).unwrap();
    host.spawn_tool("haproxy", ["-db", "-f", "/run/haproxy.cfg"])
        .unwrap_or_else(fail)
}

/// A pool and a tcp listener before one server on app1.
fn sender(name: &str, port: u16, server: u16, version: &str) -> String {
    format!(
        "\n[[listener]]\nname = \"{name}\"\nbind = [\"{VIP}:{port}\"]\nprotocol = \"tcp\"\npool = \"{name}\"\n\
         [[pool]]\nname = \"{name}\"\nproxy_protocol = \"{version}\"\n\
         health = {{ check = \"http\", interval = \"200ms\", timeout = \"200ms\", rise = 1, fall = 2 }}\n\
         server = [{{ address = \"10.77.0.21:{server}\" }}]\n"
    )
}

fn is_up(lab: &Lab, pool: &str) -> bool {
    health(lab, pool, 0) == HealthState::Up
}

fn health(lab: &Lab, pool: &str, server: usize) -> HealthState {
    let status = lab
        .node("lb1")
        .and_then(|node| node.status())
        .unwrap_or_else(fail);
    let pools = status.data_plane.unwrap().pools;
    pools.iter().find(|p| p.name == pool).unwrap().servers[server].health
}

#[lab_test]
fn nginx_and_haproxy_learn_the_client_from_either_version() {
    let more = sender("n1", 9101, 9001, "v1")
        + &sender("n2", 9102, 9001, "v2")
        + &sender("h1", 9103, 9002, "v1")
        + &sender("h2", 9104, 9002, "v2");
    let lab = cluster(&more);
    let _nginx = nginx(
        &lab,
        "app1",
        "http { access_log off; server { listen 9001 proxy_protocol; \
         location / { return 200 \"$proxy_protocol_addr $proxy_protocol_server_port\"; } } }",
    );
    let _haproxy = haproxy(
        &lab,
        "app1",
        "frontend f\n  mode http\n  bind :9002 accept-proxy\n  \
         http-request return status 200 content-type text/plain lf-string \"%[src] %[dst_port]\"",
    );
    for (pool, port) in [("n1", 9101), ("n2", 9102), ("h1", 9103), ("h2", 9104)] {
        // Health checks come with a header too, or neither server would answer them.
        until(&lab, &format!("{pool} up"), || is_up(&lab, pool));
        let told = get(&lab, &format!("http://{VIP}:{port}/"));
        assert_eq!(told, format!("10.77.0.50 {port}"), "{pool}");
    }
}

#[lab_test]
fn the_client_that_haproxy_or_nginx_names_is_whom_servers_hear_of() {
    let lab = cluster_with(|text| {
        text.replace(
            "protocol = \"http\"",
            "protocol = \"http\"\nproxy_protocol = [\"10.77.0.23/32\"]",
        )
    });
    let _haproxy = haproxy(
        &lab,
        "app3",
        &format!(
            "listen one\n  mode tcp\n  bind :9201\n  server halo {VIP}:80 send-proxy\n\
             listen two\n  mode tcp\n  bind :9202\n  server halo {VIP}:80 send-proxy-v2"
        ),
    );
    let _nginx = nginx(
        &lab,
        "app3",
        &format!("stream {{ server {{ listen 9203; proxy_pass {VIP}:80; proxy_protocol on; }} }}"),
    );
    for port in [9201, 9202, 9203] {
        let url = format!("http://10.77.0.23:{port}/");
        until(&lab, &format!("an answer on {port}"), || {
            run(&lab, "client", "curl", &["-sf", "-m", "2", &url])
                .status
                .success()
        });
        let body = get(&lab, &url).to_lowercase();
        assert!(
            body.contains("x-forwarded-for: 10.77.0.50"),
            "{port}: {body}"
        );
    }
    // Without a header: from the proxy's host nobody is served, from elsewhere as ever.
    let bare = run(
        &lab,
        "app3",
        "curl",
        &["-sf", "-m", "2", &format!("http://{VIP}/")],
    );
    assert!(!bare.status.success(), "{}", said(&bare));
    assert!(get(&lab, &format!("http://{VIP}/")).contains("Name: app"));
}

/// Answers each query with the server's number as its last byte, until told to stop.
fn resolver(lab: &Lab, name: &str, number: u8) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 53));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let work = move || -> std::io::Result<()> {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        ready.send(()).ok();
        let mut buf = [0; 512];
        while !stopped.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut buf) else {
                continue;
            };
            buf[2] |= 0x80;
            buf[length] = number;
            socket.send_to(&buf[..=length], from)?;
        }
        Ok(())
    };
    let host = host(lab, name);
    std::mem::forget(host.thread(work).unwrap_or_else(fail));
    is_ready.recv().unwrap();
    stop
}

const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

fn dns(mode: &str) -> String {
    format!(
        "\n[[listener]]\nname = \"dns\"\nbind = [\"{VIP}:53\"]\nprotocol = \"udp\"\n\
         udp_mode = \"{mode}\"\npool = \"dns\"\n[[pool]]\nname = \"dns\"\n\
         timeouts = {{ response = \"2s\" }}\n\
         server = [{{ address = \"10.77.0.21:53\" }}, {{ address = \"10.77.0.22:53\" }}]\n"
    )
}

/// Asks until an answer comes, each time from a port of its own; who answered, after how many tries.
fn ask(lab: &Lab, within: Duration) -> (u8, usize) {
    let work = move || -> std::io::Result<(u8, usize)> {
        let deadline = Instant::now() + within;
        let mut tries = 0;
        loop {
            tries += 1;
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            socket.connect((VIP, 53))?;
            let mut buf = [0; 512];
            // A refusal while nobody holds the address is no answer either.
            match socket.send(QUERY).and_then(|_| socket.recv(&mut buf)) {
                Ok(length) if length == QUERY.len() + 1 => return Ok((buf[length - 1], tries)),
                Ok(_) | Err(_) if Instant::now() < deadline => {}
                Ok(length) => return Err(std::io::Error::other(format!("{length} bytes"))),
                Err(error) => return Err(error),
            }
        }
    };
    host(lab, "client")
        .within(work)
        .unwrap_or_else(fail)
        .unwrap()
}

#[lab_test]
fn queries_are_answered_by_both_servers_through_the_virtual_ip() {
    for mode in ["dns", "one_shot"] {
        let lab = cluster(&dns(mode));
        let _servers = [resolver(&lab, "app1", 1), resolver(&lab, "app2", 2)];
        let mut answers: Vec<u8> = (0..12).map(|_| ask(&lab, OUTAGE).0).collect();
        answers.sort_unstable();
        answers.dedup();
        assert_eq!(answers, [1, 2], "{mode}");
        let status = hactl(&lab, "lb1", &["status"], 0);
        assert!(status.contains("dns"), "{status}");
    }
}

#[lab_test]
fn a_server_that_refuses_queries_is_left_alone_until_it_is_back() {
    let lab = cluster(&dns("dns"));
    let (one, _two) = (resolver(&lab, "app1", 1), resolver(&lab, "app2", 2));
    for _ in 0..4 {
        ask(&lab, OUTAGE);
    }
    one.store(true, Ordering::Relaxed);
    until(&lab, "app1 down", || {
        ask(&lab, OUTAGE);
        health(&lab, "dns", 0) == HealthState::Down
    });
    for _ in 0..6 {
        assert_eq!(ask(&lab, OUTAGE), (2, 1), "the other answers at once");
    }
    let _one = resolver(&lab, "app1", 1);
    until(&lab, "answers of app1 again", || ask(&lab, OUTAGE).0 == 1);
}

#[lab_test]
fn queries_are_answered_again_soon_after_the_active_node_dies() {
    let lab = cluster(&dns("dns"));
    let _servers = [resolver(&lab, "app1", 1), resolver(&lab, "app2", 2)];
    ask(&lab, OUTAGE);
    lab.node("lb1")
        .unwrap_or_else(fail)
        .kill()
        .unwrap_or_else(fail);
    let died = Instant::now();
    ask(&lab, OUTAGE);
    assert!(died.elapsed() <= OUTAGE, "{:?}", died.elapsed());
}

#[lab_test]
fn a_server_of_a_transparent_pool_sees_the_clients_own_address() {
    let lab = cluster(&format!(
        "\n[[listener]]\nname = \"own\"\nbind = [\"{VIP}:9300\"]\nprotocol = \"tcp\"\npool = \"own\"\n\
         [[pool]]\nname = \"own\"\ntransparent = true\n\
         server = [{{ address = \"10.77.0.21:8080\" }}]\n"
    ));
    // The server's way back leads through the node, which takes what comes from there for its own.
    for (name, arguments) in [
        ("app1", "route add 10.77.0.50/32 via 10.77.0.11"),
        ("lb1", "rule add from 10.77.0.21 iif eth0 lookup 100"),
        ("lb1", "route add local default dev lo table 100"),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = run(&lab, name, "ip", &arguments);
        assert!(output.status.success(), "{}", said(&output));
    }
    let body = get(&lab, &format!("http://{VIP}:9300/"));
    assert!(body.contains("Client: 10.77.0.50:"), "{body}");
}
