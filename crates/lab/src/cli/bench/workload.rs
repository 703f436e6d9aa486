//! What is asked of the proxies.

use std::fmt;

use halo_lab::load::Answer;
use halo_lab::origin::{MEGABYTE, SHORT};

/// Where every proxy listens, on the address of its host.
pub(super) mod port {
    /// HTTP, everything to one pool.
    pub(in super::super) const HTTP: u16 = 8001;
    /// HTTP with [`super::ROUTES`] routes.
    pub(in super::super) const ROUTES: u16 = 8002;
    /// TCP to the servers that answer 100 bytes.
    pub(in super::super) const ECHO: u16 = 9001;
    /// TCP to the servers that answer 1 MB.
    pub(in super::super) const BULK: u16 = 9002;
    /// DNS over UDP.
    pub(in super::super) const DNS: u16 = 5300;
}

/// Routes by host and path; the last one is asked for.
pub(super) const ROUTES: usize = 100;
/// As many clients as the published figures.
pub(super) const CONNECTIONS: usize = 64;
/// Enough to keep the proxy busy, few enough not to measure the memory of the machine.
const BULK_CONNECTIONS: usize = 16;
/// Idle connections whose memory is measured.
pub(super) const IDLE: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(in crate::cli) enum Workload {
    Http100b,
    Http10kb,
    Http1mb,
    HttpConnect,
    HttpRoutes,
    Tcp100b,
    Tcp1mb,
    TcpConnect,
    UdpDns,
    HttpHalf,
    HttpRate,
    Scaling,
    IdleMemory,
}

/// Who makes the load.
pub(super) enum Generator {
    /// wrk: the path, and the host if not the address.
    Wrk {
        path: &'static str,
        host: Option<String>,
    },
    /// [`halo_lab::load::Load`].
    Own {
        request: Vec<u8>,
        answer: Answer,
        connections: usize,
        reconnect: bool,
    },
    /// The same at a fixed rate.
    Paced { request: Vec<u8> },
    /// [`halo_lab::load::DnsLoad`].
    Dns,
    /// [`halo_lab::load::IdleConnections`].
    Idle { request: Vec<u8> },
}

impl Workload {
    pub(super) const ALL: [Self; 13] = [
        Self::Http100b,
        Self::Http10kb,
        Self::Http1mb,
        Self::HttpConnect,
        Self::HttpRoutes,
        Self::Tcp100b,
        Self::Tcp1mb,
        Self::TcpConnect,
        Self::UdpDns,
        Self::HttpHalf,
        Self::HttpRate,
        Self::Scaling,
        Self::IdleMemory,
    ];

    /// What it is, for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Http100b => "HTTP keep-alive, 100 bytes, 64 connections",
            Self::Http10kb => "HTTP keep-alive, 10 KB, 64 connections",
            Self::Http1mb => "HTTP keep-alive, 1 MB, 16 connections",
            Self::HttpConnect => "HTTP, 100 bytes, a new client connection per request",
            Self::HttpRoutes => "HTTP keep-alive, 100 host+path routes, the last matches",
            Self::Tcp100b => "TCP, 100 bytes each way, 64 connections",
            Self::Tcp1mb => "TCP, 100 bytes up and 1 MB down, 16 connections",
            Self::TcpConnect => "TCP, 100 bytes each way, a connection per exchange",
            Self::UdpDns => "UDP, DNS queries, 64 clients",
            Self::HttpHalf => "HTTP keep-alive, 100 bytes, half of the proxy's core taken",
            Self::HttpRate => "HTTP keep-alive, 100 bytes, at half of HAProxy's peak",
            Self::Scaling => "HTTP keep-alive, 100 bytes, one worker and two",
            Self::IdleMemory => "memory per idle keep-alive client connection, 10,000 of them",
        }
    }

    pub(super) fn port(self) -> u16 {
        match self {
            Self::Http100b
            | Self::Http10kb
            | Self::Http1mb
            | Self::HttpConnect
            | Self::HttpHalf
            | Self::HttpRate
            | Self::Scaling
            | Self::IdleMemory => port::HTTP,
            Self::HttpRoutes => port::ROUTES,
            Self::Tcp100b | Self::TcpConnect => port::ECHO,
            Self::Tcp1mb => port::BULK,
            Self::UdpDns => port::DNS,
        }
    }

    /// Whether bodies are so large that copying them is what counts.
    pub(super) fn is_bulk(self) -> bool {
        matches!(self, Self::Http1mb | Self::Tcp1mb)
    }

    /// Whether something else wants the proxy's core as well, so that the proxy is the limit even where
    /// generator and servers take more of theirs than it does of its own.
    pub(super) fn shares_the_core(self) -> bool {
        self == Self::HttpHalf
    }

    pub(super) fn generator(self) -> Generator {
        let tcp = |answer, connections, reconnect| Generator::Own {
            request: vec![b'q'; SHORT],
            answer: Answer::Bytes(answer),
            connections,
            reconnect,
        };
        let http = |path, connections, reconnect| Generator::Own {
            request: request(path, reconnect),
            answer: Answer::Http,
            connections,
            reconnect,
        };
        match self {
            Self::Http100b | Self::HttpHalf | Self::Scaling => Generator::Wrk {
                path: "/",
                host: None,
            },
            Self::Http10kb => Generator::Wrk {
                path: "/10k",
                host: None,
            },
            Self::HttpRoutes => Generator::Wrk {
                path: "/svc99/index.html",
                host: Some(route_host(ROUTES - 1)),
            },
            // wrk takes 8 KB at a time, and looks at each.
            Self::Http1mb => http("/1m", BULK_CONNECTIONS, false),
            Self::HttpConnect => http("/", CONNECTIONS, true),
            Self::Tcp100b => tcp(SHORT, CONNECTIONS, false),
            Self::Tcp1mb => tcp(MEGABYTE, BULK_CONNECTIONS, false),
            Self::TcpConnect => tcp(SHORT, CONNECTIONS, true),
            Self::UdpDns => Generator::Dns,
            Self::HttpRate => Generator::Paced {
                request: request("/", false),
            },
            Self::IdleMemory => Generator::Idle {
                request: request("/", false),
            },
        }
    }
}

/// The host of a route; its path is `/svcN`.
pub(super) fn route_host(number: usize) -> String {
    format!("h{number}.example.com")
}

/// What a program that makes requests sends.
pub(super) fn request(path: &str, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: bench.example.com\r\nUser-Agent: halo-lab\r\nAccept: */*\r\n{connection}\r\n")
        .into_bytes()
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http100b => "http100b",
            Self::Http10kb => "http10kb",
            Self::Http1mb => "http1mb",
            Self::HttpConnect => "http-connect",
            Self::HttpRoutes => "http-routes",
            Self::Tcp100b => "tcp100b",
            Self::Tcp1mb => "tcp1mb",
            Self::TcpConnect => "tcp-connect",
            Self::UdpDns => "udp-dns",
            Self::HttpHalf => "http-half",
            Self::HttpRate => "http-rate",
            Self::Scaling => "scaling",
            Self::IdleMemory => "idle-memory",
        })
    }
}
