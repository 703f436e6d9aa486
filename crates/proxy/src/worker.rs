//! One worker: a thread with a runtime, and all that its connections share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use arc_swap::ArcSwap;
use socket2::Socket;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::log::LogBuffer;
use crate::snapshot::Snapshot;

/// What a worker starts with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) index: usize,
    pub(crate) workers: usize,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) log: LogBuffer,
    pub(crate) inbox: UnboundedReceiver<Command>,
}

/// What a worker is told. When its sender is gone, the worker ends at once.
#[derive(Debug)]
pub(crate) enum Command {
    /// The snapshot changed; listen on these sockets too.
    Refresh { sockets: Vec<(SocketAddr, Socket)> },
    /// Stop accepting, finish until then, and say how many connections were cut off.
    Drain {
        until: Instant,
        done: oneshot::Sender<usize>,
    },
}

/// Runs a worker to its end. `started` hears whether its runtime could be made.
pub(crate) fn run(setup: Setup, started: &SyncSender<io::Result<()>>) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let (outcome, runtime) = match runtime {
        Ok(runtime) => (Ok(()), Some(runtime)),
        Err(error) => (Err(error), None),
    };
    if started.send(outcome).is_ok()
        && let Some(runtime) = runtime
    {
        runtime.block_on(turn(setup));
    }
}

async fn turn(mut setup: Setup) {
    while let Some(command) = setup.inbox.recv().await {
        match command {
            Command::Refresh { sockets } => drop(sockets),
            Command::Drain { until, done } => drop((until, done)),
        }
    }
}
