//! What a connection becomes after `101 Switching Protocols`.

use bytes::Bytes;

use super::client::Client;
use super::idle::ServerConnection;
use super::job::Job;
use super::story::{self, Story};
use crate::relay::{Side, relay};
use crate::stream::{Meter, Stream};

/// The server's side of a tunnel, and the request that asked for it.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) server: ServerConnection,
    pub(super) story: Story,
}

/// Passes bytes both ways until both sides have ended.
pub(super) async fn run(client: Client, mut job: Box<Job>, tunnel: Tunnel) {
    job.story = tunnel.story;
    let idle = client.last.1.config.timeouts.idle;
    let Client {
        tcp, connection, ..
    } = client;
    let listener = connection.listener.shared.clone();
    let meter = Meter::of_listener(listener, connection.worker.index);
    let from_client = Bytes::copy_from_slice(job.from_client.unread());
    job.story.bytes_in = from_client.len() as u64;
    let client = Side {
        stream: Stream::new(tcp, meter.clone()),
        read_ahead: from_client,
    };
    let server = Side {
        stream: Stream::new(tunnel.server.tcp, Meter::new()),
        read_ahead: Bytes::copy_from_slice(job.from_server.unread()),
    };
    let ended = relay(client, server, &meter, idle, connection.phase.clone()).await;
    job.story.bytes_in += meter.bytes_in();
    job.story.bytes_out = meter.bytes_out();
    job.story.fault = ended.err();
    story::end(&connection, &mut job);
}
