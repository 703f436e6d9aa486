//! `[admin]`, `[data_plane]` and `[log]`.

use std::time::Duration;

use crate::model::{Admin, DataPlane, Log, LogLevel};
use crate::raw;
use crate::report::Report;

/// `sockaddr_un` holds 108 bytes, the last of them a zero.
const LONGEST_SOCKET_PATH: usize = 107;
/// The longest name that Halo puts in its socket directory.
const LONGEST_SOCKET_NAME: &str = "/agent.sock";

pub(super) fn admin(raw: &raw::Admin, report: &mut Report<'_>) -> Admin {
    let socket_dir = &raw.socket_dir.0.0;
    let longest = LONGEST_SOCKET_PATH - LONGEST_SOCKET_NAME.len();
    if socket_dir.as_os_str().len() > longest {
        report.value(
            "admin.socket_dir",
            format!("is too long for the path of a Unix socket; write at most {longest} bytes"),
        );
    }
    if report.given("admin.listen") && !report.given("admin.token_file") {
        report.key(
            "admin.listen",
            "would let anyone on the network steer this node; add token_file = \
             \"/etc/halo/token\", or remove it and use the Unix socket",
        );
    }
    Admin {
        socket_dir: socket_dir.clone(),
        listen: raw.listen.as_ref().map(|listen| listen.0),
        token_file: raw.token_file.as_ref().map(|file| file.0.0.clone()),
    }
}

pub(super) fn data_plane(raw: &raw::DataPlane, report: &mut Report<'_>) -> DataPlane {
    if raw.user.contains([':', '/', '\0']) || raw.user.contains(char::is_whitespace) {
        report.value(
            "data_plane.user",
            format!(
                "{:?} is not a user's name; write one that this machine has",
                raw.user
            ),
        );
    }
    if !raw.pin && report.given("data_plane.cores") {
        report.key(
            "data_plane.cores",
            "has no effect, as workers are not pinned; remove it, or pin = false",
        );
    }
    DataPlane {
        workers: raw.workers,
        pin: raw.pin,
        cores: raw.cores.clone(),
        user: raw.user.clone(),
        drain_timeout: raw.drain_timeout.0,
    }
}

pub(super) fn log(raw: &raw::Log) -> Log {
    Log {
        level: match raw.level {
            raw::Level::Error => LogLevel::Error,
            raw::Level::Warn => LogLevel::Warn,
            raw::Level::Info => LogLevel::Info,
            raw::Level::Debug => LogLevel::Debug,
            raw::Level::Trace => LogLevel::Trace,
        },
        access: raw.access.0.clone(),
    }
}

/// A timeout of zero would end everything at once.
pub(super) fn positive(path: &str, timeout: Duration, report: &mut Report<'_>) {
    if timeout.is_zero() {
        report.value(
            path,
            "would expire at once; write a time longer than zero, such as \"10s\"",
        );
    }
}
