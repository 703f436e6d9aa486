//! UDP listeners: datagrams of clients to servers, and back.
//!
//! A worker has a socket for each address, to which the kernel gives all datagrams of a client. Where they
//! go depends on the listener's mode: [`session`] ties a client to a server by a socket of its own; [`dns`]
//! has one socket for each server, and tells answers apart by the ID that it gave each query.
//!
//! Datagrams are received, looked up and sent in batches, in buffers that all sockets of a worker share.
//! Nothing waits to be sent: what a socket does not take now is dropped, as a full router does.

mod dns;
mod kit;
mod session;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halo_config::UdpMode;
use socket2::Socket;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, sleep, sleep_until};

use crate::counters::ListenerCounts;
use crate::snapshot::ListenerEntry;
use crate::worker::{Configuration, Tick, View, Worker};
use dns::Queries;
use session::Sessions;

pub(crate) use kit::Kit;

/// Batches that a socket may receive before other tasks get their turn.
const TURN: usize = 8;

/// How often sessions and queries are looked at for their age, at most and at least: a time limit is
/// kept to a quarter of itself.
const SHORTEST_SWEEP: Duration = Duration::from_millis(20);
const LONGEST_SWEEP: Duration = Duration::from_secs(1);

/// How long a session may be silent when its listener is to finish.
const GRACE: Duration = Duration::from_secs(1);

/// The control side of one socket.
#[derive(Debug)]
pub(crate) struct Port {
    serving: Rc<Serving>,
    stop: watch::Sender<Option<Instant>>,
}

/// One socket that clients send to, and what is known of them.
#[derive(Debug)]
struct Serving {
    worker: Rc<Worker>,
    socket: UdpSocket,
    /// Whether each datagram must say which of this machine's addresses it was sent to.
    wildcard: bool,
    configuration: RefCell<Configuration>,
    sessions: Sessions,
    queries: Queries,
    /// Set when nothing new is taken.
    closing: Cell<bool>,
}

impl Port {
    /// Serves a socket that is bound to `address`.
    pub(crate) fn start(
        worker: Rc<Worker>,
        address: SocketAddr,
        socket: Socket,
        configuration: Configuration,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(None);
        let serving = Rc::new(Serving {
            socket: UdpSocket::from_std(socket.into())?,
            wildcard: address.ip().is_unspecified(),
            configuration: RefCell::new(configuration),
            sessions: Sessions::default(),
            queries: Queries::default(),
            closing: Cell::new(false),
            worker,
        });
        serving.worker.born();
        spawn_local(serving.clone().run(stopped));
        Ok(Self { serving, stop })
    }

    /// Follows a changed configuration. Sessions of another listener's time go on.
    pub(crate) fn update(&self, view: &Rc<View>, listener: &Arc<ListenerEntry>) {
        let now = (view.clone(), listener.clone());
        self.serving.configuration.replace(now);
    }

    /// Takes nothing new, after what waits; sessions and queries finish until then.
    pub(crate) fn close(&self, until: Instant) {
        self.stop.send_replace(Some(until));
    }
}

impl Serving {
    async fn run(self: Rc<Self>, mut stopped: watch::Receiver<Option<Instant>>) {
        let sweeper = spawn_local(self.clone().sweep());
        let until = tokio::select! {
            biased;
            until = stopped.wait_for(Option::is_some) => until.ok().and_then(|until| *until),
            () = self.receive() => None,
        };
        // What is in the queue came before the end.
        while self.take_batch() > 0 {}
        self.closing.set(true);
        if let Some(until) = until {
            tokio::select! {
                () = self.receive() => {}
                () = self.emptied() => {}
                () = sleep_until(until) => {}
            }
        }
        sweeper.abort();
        self.sessions.clear();
        self.queries.clear();
        self.worker.died();
    }

    /// Serves what comes, without end.
    async fn receive(self: &Rc<Self>) {
        loop {
            match Kit::news(&self.socket).await {
                Ok(None) => {}
                // Of a datagram that we sent: it says nothing of those to come.
                Ok(Some(error)) => tracing::debug!(%error, "an error of an earlier answer"),
                Err(error) => {
                    tracing::error!(%error, "a UDP socket cannot be waited for");
                    return;
                }
            }
            for _ in 0..TURN {
                if self.take_batch() == 0 {
                    break;
                }
            }
            yield_now().await;
        }
    }

    /// Serves what has come, one batch at most; returns how many messages it had.
    fn take_batch(self: &Rc<Self>) -> usize {
        let configuration = self.configuration.borrow().clone();
        let kit = &self.worker.kit;
        let received = kit.receive(&self.socket, |batch| {
            match configuration.1.config.udp_mode {
                UdpMode::Session | UdpMode::OneShot => {
                    session::forward(self, &configuration, batch)
                }
                UdpMode::Dns => dns::forward(self, &configuration, batch),
            }
        });
        match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                // Of a datagram that we sent: it says nothing of those to come.
                tracing::debug!(%error, "an error of an earlier answer");
                1
            }
        }
    }

    /// Ends what has been silent for too long, again and again.
    async fn sweep(self: Rc<Self>) {
        loop {
            let (idle, answer) = self.limits();
            let shortest = match self.closing.get() {
                true => SHORTEST_SWEEP,
                false => idle.min(answer) / 4,
            };
            sleep(shortest.clamp(SHORTEST_SWEEP, LONGEST_SWEEP)).await;
            let now = self.worker.timers.now();
            self.sessions.sweep(
                now,
                if self.closing.get() {
                    idle.min(GRACE)
                } else {
                    idle
                },
            );
            self.queries.sweep(now, answer);
        }
    }

    /// How long a session may be silent, and an answer take.
    fn limits(&self) -> (Duration, Duration) {
        let configuration = self.configuration.borrow();
        let (view, listener) = &*configuration;
        let answer = listener
            .default
            .map(|target| view.snapshot.pools[target.pool].config.timeouts.response);
        let idle = listener.config.timeouts.idle;
        (idle, answer.unwrap_or(idle))
    }

    async fn emptied(&self) {
        while !(self.sessions.is_empty() && self.queries.is_empty()) {
            sleep(SHORTEST_SWEEP).await;
        }
    }

    /// This worker's counters of the listener in force.
    fn counts<T>(&self, look: impl FnOnce(&ListenerCounts) -> T) -> T {
        let configuration = self.configuration.borrow();
        look(&configuration.1.shared.counts[self.worker.index])
    }

    fn dropped(&self, datagrams: u64) {
        self.counts(|counts| counts.datagrams_dropped.add(datagrams));
    }

    /// The address that an answer to a datagram is to come from.
    fn source(&self, destination: Option<IpAddr>) -> Option<IpAddr> {
        destination.filter(|_| self.wildcard)
    }

    fn now(&self) -> Tick {
        self.worker.timers.now()
    }
}
