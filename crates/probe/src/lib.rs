//! TCP and HTTP health probes.
//!
//! [`probe`] checks one server once. [`Scheduler`] checks many, each at its own interval, and
//! hands over what they found.

mod error;
mod http;
mod pass;
mod scheduler;
mod tcp;

use std::net::SocketAddr;
use std::time::Instant;

use halo_config::{CheckKind, HealthCheck};

pub use error::{Phase, ProbeError};
pub use pass::Pass;
pub use scheduler::{Report, Scheduler, Target};

/// Most bytes of a response body in which [`halo_config::HttpCheck::contains`] is looked for. A
/// health page is small; a server that sends without end must not hold the prober.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Checks the server at `server` once, on the check's port if it names one.
///
/// # Errors
/// What the server did, or did not within the check's timeout (which counts for the whole check,
/// from connect to the last byte looked at), as a sentence for the operator.
pub async fn probe(server: SocketAddr, check: &HealthCheck) -> Result<Pass, ProbeError> {
    let address = target_address(server, check);
    let began = Instant::now();
    let deadline = tokio::time::Instant::now() + check.timeout;
    let limit = Limit {
        address,
        deadline,
        timeout: check.timeout,
    };
    let mut stream = tcp::connect(limit).await?;
    if let Some(version) = check.proxy_protocol {
        tcp::introduce(&mut stream, version, limit).await?;
    }
    let status = match &check.kind {
        CheckKind::Tcp => None,
        CheckKind::Http(http) => Some(http::check(stream, http, limit).await?),
    };
    Ok(Pass {
        latency: began.elapsed(),
        status,
    })
}

fn target_address(server: SocketAddr, check: &HealthCheck) -> SocketAddr {
    SocketAddr::new(server.ip(), check.port.unwrap_or(server.port()))
}

/// Whom a probe talks to, and until when.
#[derive(Debug, Clone, Copy)]
struct Limit {
    address: SocketAddr,
    deadline: tokio::time::Instant,
    timeout: std::time::Duration,
}

impl Limit {
    /// Runs one phase of the probe within what is left of its time.
    async fn within<F: Future>(self, phase: Phase, work: F) -> Result<F::Output, ProbeError> {
        tokio::time::timeout_at(self.deadline, work)
            .await
            .map_err(|_| ProbeError::Timeout {
                address: self.address,
                phase,
                timeout: self.timeout,
            })
    }
}

#[cfg(test)]
mod tests;
