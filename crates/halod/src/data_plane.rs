//! The data plane's half of the daemon.
//!
//! Its control thread (this one) listens to the agent, to the health probes and to clients of the
//! admin API, one thing at a time; the proxy's worker threads do the traffic.

mod apply;
mod clock;
mod commands;
mod control;
mod link;
mod liveness;
mod operator;
mod requests;
mod servers;
mod status;
mod turning;

use std::os::fd::OwnedFd;

use anyhow::Context;
use halo_netio::heir::Heir;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::UnixStream;

/// Runs the data plane until the agent stops it or goes away.
pub(crate) fn run(agent: OwnedFd, heir: Option<Heir>) -> anyhow::Result<()> {
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the control thread's event loop")?;
    runtime.block_on(async {
        let agent = std::os::unix::net::UnixStream::from(agent);
        agent.set_nonblocking(true)?;
        control::run(UnixStream::from_std(agent)?, heir).await
    })
}

/// Takes all the file descriptors that the system allows: two a proxied connection, and the
/// customary soft limit of 1024 is for programs that use `select`.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!("cannot raise the limit of open files: {error}");
    }
}

#[cfg(test)]
mod tests;
