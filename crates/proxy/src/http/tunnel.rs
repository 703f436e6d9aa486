//! What a connection becomes after `101 Switching Protocols`.

use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use super::exchange::Exchange;
use super::idle::ServerConnection;
use crate::fault::Fault;
use crate::relay::{Side, relay};
use crate::stream::Stream;
use crate::worker::Phase;

/// The server's side of a tunnel, and the request that asked for it.
pub(super) struct Tunnel {
    pub(super) connection: ServerConnection,
    pub(super) exchange: Exchange,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel")
            .field("server", &self.connection.server.name)
            .finish_non_exhaustive()
    }
}

impl Tunnel {
    /// Passes bytes both ways until both sides have ended.
    pub(super) async fn run(mut self, client: Side, phase: watch::Receiver<Phase>) {
        let meter = self.exchange.client.meter.clone();
        let before = (meter.bytes_in(), meter.bytes_out());
        let read_ahead = client.read_ahead.len() as u64;
        let idle = self.exchange.connection.listener.config.timeouts.idle;
        let parts = (&mut self.connection.parts).await;
        let ended = match parts {
            Ok(parts) => {
                let server = Side {
                    stream: TokioIo::into_inner(parts.io),
                    read_ahead: parts.read_buf,
                };
                let plumbing = &self.exchange.connection.worker.plumbing;
                relay(plumbing, client, server, &meter, idle, phase).await
            }
            Err(_) => Err(Fault::ServerClosed),
        };
        self.exchange
            .upload_tunnelled(meter.bytes_in() - before.0 + read_ahead);
        self.exchange.bytes_out = meter.bytes_out() - before.1;
        self.exchange.fault = ended.err();
    }
}

/// The client's side, taken back from hyper.
pub(super) fn client_side(io: TokioIo<Stream>, read_ahead: bytes::Bytes) -> Side {
    Side {
        stream: TokioIo::into_inner(io),
        read_ahead,
    }
}
