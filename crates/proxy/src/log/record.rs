//! One line of the access log.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::timestamp::Timestamp;

/// What is known of a request or TCP connection when it ends. For TCP the fields of HTTP are absent.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) listener: &'a str,
    pub(crate) client: SocketAddr,
    pub(crate) method: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) status: Option<u16>,
    pub(crate) pool: Option<&'a str>,
    pub(crate) server: Option<&'a str>,
    /// From the client. HTTP: of the body.
    pub(crate) bytes_in: u64,
    /// To the client. HTTP: of the body.
    pub(crate) bytes_out: u64,
    /// From the request's arrival, or the accept, to the end.
    pub(crate) duration: Duration,
    /// From the choice of a server to the head of its response, or to the established connection.
    pub(crate) upstream: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) error: Option<&'a str>,
}

impl<'a> Record<'a> {
    pub(super) fn on(&'a self, node: &'a str) -> Line<'a> {
        Line {
            time: Timestamp::now(),
            node,
            listener: self.listener,
            client: self.client,
            method: self.method,
            host: self.host,
            path: self.path,
            status: self.status,
            pool: self.pool,
            server: self.server,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration_us: micros(self.duration),
            upstream_us: self.upstream.map(micros),
            retries: self.retries,
            error: self.error,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Line<'a> {
    time: Timestamp,
    node: &'a str,
    listener: &'a str,
    client: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    bytes_in: u64,
    bytes_out: u64,
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_us: Option<u64>,
    retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
