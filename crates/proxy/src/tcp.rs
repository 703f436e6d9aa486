//! TCP listeners: bytes, passed on as they come.

use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::log::Record;
use crate::relay::{Relayed, Side, relay};
use crate::upstream::{Attempts, Lease, connect};
use crate::worker::{Connection, View};

/// What is known of a connection, for the log.
#[derive(Debug, Default)]
struct Story {
    attempts: Option<Attempts>,
    lease: Option<Lease>,
    connected: Option<Instant>,
}

/// Serves one connection to its end.
pub(crate) async fn serve(connection: Connection, tcp: TcpStream) {
    let started = Instant::now();
    let mut story = Story::default();
    let relayed = pass(&connection, tcp, &mut story)
        .await
        .unwrap_or_else(|fault| Relayed {
            fault: Some(fault),
            ..Relayed::default()
        });
    let view = connection.worker.view();
    if view.snapshot.access_log {
        let error = relayed.fault.map(|fault| fault.for_log());
        let attempts = story.attempts.as_ref();
        connection.worker.log.write(&Record {
            listener: &connection.listener.config.name,
            client: connection.client,
            method: None,
            host: None,
            path: None,
            status: None,
            pool: attempts.map(|a| a.pool().config.name.as_str()),
            server: story.lease.as_ref().map(|l| l.server.name.as_str()),
            bytes_in: relayed.bytes_in,
            bytes_out: relayed.bytes_out,
            duration: started.elapsed(),
            upstream: story.connected.map(|at| at - started),
            retries: attempts.map_or(0, Attempts::retries),
            error: error.as_deref(),
        });
    }
}

async fn pass(
    connection: &Connection,
    client: TcpStream,
    story: &mut Story,
) -> Result<Relayed, Fault> {
    let (view, listener) = connection.configuration();
    let target = listener.default.ok_or(Fault::NoServer)?;
    let server = reach(connection, view, target.pool, story).await?;
    let side = |tcp| Side {
        tcp,
        read_ahead: bytes::Bytes::new(),
    };
    let idle = connection.listener.config.timeouts.idle;
    Ok(relay(connection, side(client), side(server), idle).await)
}

/// Connects to a server of the pool.
async fn reach(
    connection: &Connection,
    view: Rc<View>,
    pool: usize,
    story: &mut Story,
) -> Result<TcpStream, Fault> {
    let attempts = Attempts::new(connection.worker.clone(), view, pool);
    let attempts = story.attempts.insert(attempts);
    let within = attempts.pool().config.timeouts.connect;
    loop {
        let lease = attempts.next()?;
        match connect(lease.server.address, within).await {
            Ok(tcp) => {
                story.lease = Some(lease);
                story.connected = Some(Instant::now());
                return Ok(tcp);
            }
            Err(fault) => attempts.failed(lease, fault)?,
        }
    }
}
