//! Which crate is in which layer, and what the pure ones may not use.

/// A layer, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    /// Protocols and decisions.
    Pure,
    /// What talks to the kernel.
    Io,
    /// What people start.
    Program,
    /// What only developers start.
    Dev,
}

/// The one I/O crate that others of its layer may use.
pub(super) const NETIO: &str = "halo-netio";

/// The one crate that may contain `unsafe`.
pub(super) const UNSAFE_ALLOWED: &str = NETIO;

const LAYERS: &[(Layer, &[&str])] = &[
    (
        Layer::Pure,
        &[
            "halo-packet",
            "halo-auth",
            "halo-vrrp",
            "halo-quorum",
            "halo-http1",
            "halo-balance",
            "halo-health",
            "halo-route",
            "halo-config",
            "halo-api",
        ],
    ),
    (
        Layer::Io,
        &[
            "halo-netio",
            "halo-proxy",
            "halo-probe",
            "halo-agent",
            "halo-admin",
        ],
    ),
    (Layer::Program, &["halod", "hactl", "whoami"]),
    (
        Layer::Dev,
        &["halo-sim", "halo-lab", "halo-lab-test", "halo-e2e", "xtask"],
    ),
];

/// The layer of a crate of the workspace.
pub(super) fn layer(name: &str) -> Option<Layer> {
    LAYERS
        .iter()
        .find(|(_, names)| names.contains(&name))
        .map(|(layer, _)| *layer)
}

/// Libraries that do I/O, keep time or roll dice; a trailing `*` stands for any ending.
const IMPURE_LIBRARIES: &[&str] = &[
    "tokio*",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "nix",
    "libc",
    "rustix",
    "hyper*",
    "rand",
    "rand_*",
    "fastrand",
    "getrandom",
    "netlink-*",
    "rtnetlink",
    "signal-hook*",
    "tracing-subscriber",
];

/// Whether pure crates may not depend on a library.
pub(super) fn is_impure_library(name: &str) -> bool {
    IMPURE_LIBRARIES
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
}

/// Paths that pure code may not name, each with what to do instead.
pub(super) const IMPURE_PATHS: &[(&str, &str)] = &[
    ("tokio", "leave waiting to the driver"),
    ("std::net::TcpStream", "leave sockets to the driver"),
    ("std::net::TcpListener", "leave sockets to the driver"),
    ("std::net::UdpSocket", "leave sockets to the driver"),
    ("std::os::unix::net", "leave sockets to the driver"),
    ("std::fs", "take the content as an argument"),
    ("std::process", "leave processes to the driver"),
    ("std::env", "take the value as an argument"),
    ("std::thread", "leave threads to the driver"),
    ("std::time::SystemTime", "take the time as an argument"),
    ("SystemTime::now", "take the time as an argument"),
    ("Instant::now", "take the time as an argument"),
    ("rand", "take a seed or the random number as an argument"),
];

/// Libraries of which pure code may use only a part.
pub(super) const PARTLY_PURE: &[(&str, &[&str])] = &[("pnet", &["pnet::packet", "pnet::util"])];
