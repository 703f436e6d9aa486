//! TCP listeners: bytes, passed on as they come.

use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::log::Record;
use crate::relay::{Side, relay};
use crate::stream::{Meter, Stream};
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
    let meter = Meter::of_listener(connection.listener.shared.clone(), connection.worker.index);
    let client = Stream::new(tcp, meter.clone());
    let mut story = Story::default();
    let ended = pass(&connection, client, &meter, &mut story).await;
    let error = ended.err().map(|fault| fault.for_log());
    let view = connection.worker.view();
    if view.snapshot.access_log {
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
            bytes_in: meter.bytes_in(),
            bytes_out: meter.bytes_out(),
            duration: started.elapsed(),
            upstream: story.connected.map(|at| at - started),
            retries: attempts.map_or(0, Attempts::retries),
            error: error.as_deref(),
        });
    }
}

async fn pass(
    connection: &Connection,
    client: Stream,
    meter: &Meter,
    story: &mut Story,
) -> Result<(), Fault> {
    let (view, listener) = connection.configuration();
    let target = listener.default.ok_or(Fault::NoServer)?;
    let server = reach(connection, view, target.pool, story).await?;
    let side = |stream| Side {
        stream,
        read_ahead: bytes::Bytes::new(),
    };
    let idle = connection.listener.config.timeouts.idle;
    relay(
        &connection.worker.plumbing,
        side(client),
        side(server),
        meter,
        idle,
        connection.phase.clone(),
    )
    .await
}

/// Connects to a server of the pool.
async fn reach(
    connection: &Connection,
    view: Rc<View>,
    pool: usize,
    story: &mut Story,
) -> Result<Stream, Fault> {
    let attempts = Attempts::new(connection.worker.clone(), view, pool);
    let attempts = story.attempts.insert(attempts);
    let within = attempts.pool().config.timeouts.connect;
    loop {
        let lease = attempts.next()?;
        match connect(lease.server.address, within).await {
            Ok(tcp) => {
                story.lease = Some(lease);
                story.connected = Some(Instant::now());
                return Ok(Stream::new(tcp, Meter::new()));
            }
            Err(fault) => attempts.failed(lease, fault)?,
        }
    }
}
