//! TCP listeners: bytes, passed on as they come.

use std::rc::Rc;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::fault::Fault;
use crate::log::Record;
use crate::preamble;
use crate::relay::{Relayed, Side, relay};
use crate::snapshot::{ListenerEntry, Target};
use crate::upstream::{Attempts, Lease, Seat, Seated, dial, greet, take_seat};
use crate::worker::{Connection, View};

/// A fatal alert: no server has this name (RFC 6066 section 3).
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// What is known of a connection, for the log.
#[derive(Debug, Default)]
struct Story {
    attempts: Option<Attempts>,
    lease: Option<Lease>,
    /// Held as long as the connection lasts.
    seat: Option<Seat>,
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
    let target = route(connection, &listener, &client).await?;
    let server = reach(connection, view, target.pool, story).await?;
    if !is_readable(&client) {
        greet(&server);
    }
    let side = |tcp| Side {
        tcp,
        read_ahead: bytes::Bytes::new(),
    };
    let idle = connection.listener.config.timeouts.idle;
    Ok(relay(connection, side(client), side(server), idle).await)
}

/// Where a connection goes: by the server name that a TLS client asks for, if any route does.
async fn route(
    connection: &Connection,
    listener: &ListenerEntry,
    client: &TcpStream,
) -> Result<Target, Fault> {
    if !listener.has_routes {
        return listener.default.ok_or(Fault::NoServer);
    }
    let plumbing = &connection.worker.plumbing;
    let within = listener.config.timeouts.header;
    let name = preamble::peek_server_name(plumbing, client, within).await?;
    let routed = name.and_then(|name| listener.routes.lookup(Some(name.as_str()), "/").copied());
    let target = routed.or(listener.default);
    if target.is_none() {
        // Best effort: the client is let go either way. A close with unread bytes would be a reset,
        // which takes the alert with it.
        plumbing.with_scratch(|hello| client.try_read(hello).unwrap_or_default());
        client.try_write(UNRECOGNIZED_NAME).unwrap_or_default();
    }
    target.ok_or(Fault::NoRoute)
}

/// Whether the client was seen to have sent something.
fn is_readable(client: &TcpStream) -> bool {
    client.try_io(Interest::READABLE, || Ok(())).is_ok()
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
        let pool = attempts.pool().config.clone();
        let seat = take_seat(&connection.worker, &lease.server, &pool);
        let seat = match timeout(pool.timeouts.queue, seat).await {
            Ok(seated) => match seated? {
                Seated::Free(seat) => seat,
                // The connection has carried requests; its place is what counts.
                Seated::Kept(handed) => handed.seat,
            },
            Err(_) => return Err(Fault::QueueTimeout),
        };
        let dialled = dial(lease.server.address, &pool, connection.ends());
        let dialled = timeout(within, dialled).await;
        match dialled.unwrap_or(Err(Fault::ConnectTimeout)) {
            Ok(tcp) => {
                story.lease = Some(lease);
                story.seat = Some(seat);
                story.connected = Some(Instant::now());
                return Ok(tcp);
            }
            Err(fault) => attempts.failed(lease, fault)?,
        }
    }
}
