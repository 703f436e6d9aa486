//! The same proxy, as each program is told to be it.
//!
//! Each is set up as someone would who knows it: connections to servers are kept and shared, nothing
//! is logged, forwarding headers are set, one worker to each core.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use halo_lab::origin::{BULK_PORTS, DNS_PORTS, ECHO_PORTS, HTTP_PORTS};

use super::workload::{port, route_host};

/// More client connections than any workload opens.
const MAX_CLIENTS: usize = 12_000;
/// Files that a process may have open; its clients' and its servers' connections are.
const MAX_FILES: usize = 20_000;

/// What all of them are told.
pub(super) struct Setup<'a> {
    /// The host of the servers.
    pub(super) origin: Ipv4Addr,
    pub(super) workers: usize,
    pub(super) routes: &'a [usize],
}

/// `halo.toml` for lb1 at `address`; without UDP for a Halo that does not know it.
pub(super) fn halo(setup: &Setup<'_>, address: Ipv4Addr, udp: bool) -> String {
    let Setup {
        origin,
        workers,
        routes,
    } = *setup;
    let mut text = format!(
        "[cluster]\nname = \"bench\"\n\n[[node]]\nname = \"lb1\"\naddress = \"{address}/24\"\n\n\
         [data_plane]\nworkers = {workers}\n"
    );
    let mut listener = |name: &str, port: u16, protocol: &str, pool: &str| {
        text += &format!(
            "\n[[listener]]\nname = \"{name}\"\nbind = [\"0.0.0.0:{port}\"]\n\
             protocol = \"{protocol}\"\npool = \"{pool}\"\nmax_connections = {MAX_CLIENTS}\n"
        );
    };
    listener("http", port::HTTP, "http", "http");
    listener("routes", port::ROUTES, "http", "http");
    listener("echo", port::ECHO, "tcp", "echo");
    listener("bulk", port::BULK, "tcp", "bulk");
    if udp {
        listener("dns", port::DNS, "udp", "dns");
    }
    for number in routes {
        let host = route_host(*number);
        text += &format!(
            "\n[[route]]\nlistener = \"routes\"\nhost = \"{host}\"\npath_prefix = \"/svc{number}\"\n\
             pool = \"http\"\n"
        );
    }
    let mut pool = |name: &str, ports: &[u16]| {
        text += &format!("\n[[pool]]\nname = \"{name}\"\n");
        for (number, port) in ports.iter().enumerate() {
            text +=
                &format!("[[pool.server]]\nname = \"s{number}\"\naddress = \"{origin}:{port}\"\n");
        }
    };
    pool("http", &HTTP_PORTS);
    pool("echo", &ECHO_PORTS);
    pool("bulk", &BULK_PORTS);
    if udp {
        pool("dns", &DNS_PORTS);
    }
    text
}

/// `haproxy.cfg`; `splice` has the kernel move bodies from socket to socket.
pub(super) fn haproxy(setup: &Setup<'_>, splice: bool) -> String {
    let Setup {
        origin,
        workers,
        routes,
    } = *setup;
    let splice = if splice {
        "  option splice-request\n  option splice-response\n"
    } else {
        ""
    };
    let mut text = format!(
        "global\n  nbthread {workers}\n  maxconn {MAX_CLIENTS}\n  ulimit-n {MAX_FILES}\n  no strict-limits\n\
         defaults\n  retries 2\n  option redispatch\n  timeout connect 1s\n  timeout client 60s\n  \
         timeout server 30s\n  timeout http-request 10s\n  timeout http-keep-alive 60s\n{splice}\
         frontend http\n  mode http\n  bind :{}\n  option forwardfor\n  default_backend http\n\
         frontend routes\n  mode http\n  bind :{}\n  option forwardfor\n",
        port::HTTP,
        port::ROUTES
    );
    let mut put = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a String takes all text");
    };
    for number in routes {
        let host = route_host(*number);
        put(format_args!(
            "  use_backend http if {{ hdr(host) -i {host} }} {{ path_beg /svc{number}/ }}\n"
        ));
    }
    put(format_args!("  default_backend http\n"));
    for (name, port) in [("echo", port::ECHO), ("bulk", port::BULK)] {
        put(format_args!(
            "frontend {name}\n  mode tcp\n  bind :{port}\n  default_backend {name}\n"
        ));
    }
    for (name, mode, ports) in [
        ("http", "http\n  http-reuse always", HTTP_PORTS),
        ("echo", "tcp", ECHO_PORTS),
        ("bulk", "tcp", BULK_PORTS),
    ] {
        put(format_args!(
            "backend {name}\n  mode {mode}\n  balance roundrobin\n"
        ));
        for (number, port) in ports.iter().enumerate() {
            put(format_args!("  server s{number} {origin}:{port}\n"));
        }
    }
    text
}

/// `nginx.conf`.
pub(super) fn nginx(setup: &Setup<'_>) -> String {
    let Setup {
        origin,
        workers,
        routes,
    } = *setup;
    let servers = |ports: [u16; 3]| -> String {
        let line = |port: &u16| format!("    server {origin}:{port};\n");
        ports.iter().map(line).collect()
    };
    let location = "proxy_pass http://http; proxy_http_version 1.1; \
                    proxy_set_header Connection \"\"; proxy_set_header Host $host; \
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    let mut hosts = String::new();
    for number in routes {
        let host = route_host(*number);
        hosts += &format!(
            "  server {{ listen {}; server_name {host};\n    \
             location /svc{number}/ {{ {location} }} }}\n",
            port::ROUTES
        );
    }
    format!(
        "load_module modules/ngx_stream_module.so;\nuser root;\nworker_processes {workers};\n\
         worker_rlimit_nofile {MAX_FILES};\npid /run/nginx.pid;\nerror_log stderr;\n\
         events {{ worker_connections {MAX_FILES}; }}\n\
         http {{\n  access_log off;\n  keepalive_timeout 60s;\n  keepalive_requests 1000000000;\n  \
         server_names_hash_max_size 4096;\n  proxy_buffer_size 16k;\n  \
         proxy_buffers 16 64k;\n  proxy_busy_buffers_size 128k;\n  proxy_max_temp_file_size 0;\n  \
         upstream http {{\n{}    keepalive 128; keepalive_requests 1000000000;\n  }}\n  \
         server {{ listen {} default_server; location / {{ {location} }} }}\n{hosts}}}\n\
         stream {{\n  \
         upstream echo {{\n{}  }}\n  upstream bulk {{\n{}  }}\n  upstream dns {{\n{}  }}\n  \
         server {{ listen {}; proxy_pass echo; }}\n  \
         server {{ listen {}; proxy_pass bulk; }}\n  \
         server {{ listen {} udp; proxy_pass dns; proxy_responses 1; proxy_timeout 1s; }}\n}}\n",
        servers(HTTP_PORTS),
        port::HTTP,
        servers(ECHO_PORTS),
        servers(BULK_PORTS),
        servers(DNS_PORTS),
        port::ECHO,
        port::BULK,
        port::DNS,
    )
}
