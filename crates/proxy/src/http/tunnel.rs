//! What a connection becomes after `101 Switching Protocols`.

use bytes::Bytes;

use super::client::Client;
use super::idle::ServerConnection;
use super::job::Job;
use super::story::{self, Story};
use crate::relay::{Side, relay};

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
    let from_client = Bytes::copy_from_slice(job.from_client.unread());
    job.story.bytes_in = from_client.len() as u64;
    let client = Side {
        tcp,
        read_ahead: from_client,
    };
    // The server's place is held as long as the tunnel lasts.
    let ServerConnection { tcp, seat: _seat } = tunnel.server;
    let server = Side {
        tcp,
        read_ahead: Bytes::copy_from_slice(job.from_server.unread()),
    };
    let relayed = relay(&connection, client, server, idle).await;
    job.story.bytes_in += relayed.bytes_in;
    job.story.bytes_out = relayed.bytes_out;
    job.story.fault = relayed.fault;
    story::end(&connection, &mut job);
}
