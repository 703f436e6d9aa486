//! The handle that the control thread holds.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use halo_config::Config;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, mpsc as tokio_mpsc, oneshot};

use crate::control::{self, ServerState};
use crate::counters::{Counters, ListenerCounts, listener_status, pool_counters};
use crate::log::Log;
use crate::snapshot::Snapshot;
use crate::unreachable::{self, Unreachable};
use crate::worker::{self, Command};
use crate::{ApplyError, NoSuchServer, StartError, cpu, sockets};

/// How the data plane is set up; it stays so until the process ends.
#[derive(Debug, Clone)]
pub struct Workers {
    /// Worker threads; `None`: one for each core.
    pub count: Option<usize>,
    /// Whether each stays on one core.
    pub pin: bool,
    /// The cores that they stay on, in turn; `None`: those that the process may use.
    pub cores: Option<Vec<usize>>,
    /// This node's name, for the access log.
    pub node: String,
}

/// The running data plane. Dropping it cuts every connection off; [`Proxy::drain`] first if clients
/// are to finish.
#[derive(Debug)]
pub struct Proxy {
    snapshot: Arc<ArcSwap<Snapshot>>,
    control: Mutex<Control>,
    workers: Vec<Worker>,
    log: Log,
}

/// What only the control thread touches.
#[derive(Debug, Default)]
struct Control {
    next_server: u64,
    stopping: bool,
    unreachable: Option<tokio_mpsc::Receiver<Unreachable>>,
}

#[derive(Debug)]
struct Worker {
    commands: Option<tokio_mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
    /// How often its event loop has turned.
    pulse: Arc<AtomicU64>,
    /// Where it answers whether it serves.
    wicket: SocketAddr,
}

impl Proxy {
    /// Starts the worker threads. They listen on nothing before the first [`Proxy::apply`].
    ///
    /// # Errors
    /// When the system refuses a thread or its event loop.
    pub fn start(settings: &Workers) -> Result<Self, StartError> {
        let mut cores = settings.cores.clone().unwrap_or_else(cpu::usable);
        let count = settings.count.unwrap_or(cores.len()).max(1);
        if !settings.pin {
            cores.clear();
        }
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let log = Log::start(&settings.node)
            .map_err(|source| StartError::Thread { worker: 0, source })?;
        let (unreachable, heard) = tokio_mpsc::channel(unreachable::QUEUE);
        let bells: Arc<[_]> = (0..count).map(|_| Notify::new()).collect();
        let mut workers = Vec::with_capacity(count);
        let (senders, inboxes): (Vec<_>, Vec<_>) =
            (0..count).map(|_| tokio_mpsc::unbounded_channel()).unzip();
        let peers: Arc<[_]> = senders.iter().map(UnboundedSender::downgrade).collect();
        for (index, (commands, inbox)) in senders.into_iter().zip(inboxes).enumerate() {
            let pulse = Arc::new(AtomicU64::new(0));
            let (wicket, address) =
                worker::knock::open().map_err(|source| StartError::Runtime {
                    worker: index,
                    source,
                })?;
            let setup = worker::Setup {
                index,
                workers: count,
                snapshot: snapshot.clone(),
                log: log.buffer(),
                inbox,
                wicket,
                pulse: pulse.clone(),
                unreachable: unreachable.clone(),
                bells: bells.clone(),
                peers: peers.clone(),
            };
            workers.push(Worker {
                commands: Some(commands),
                thread: Some(start(setup, cores.clone())?),
                pulse,
                wicket: address,
            });
        }
        Ok(Self {
            snapshot,
            control: Mutex::new(Control {
                unreachable: Some(heard),
                ..Control::default()
            }),
            workers,
            log,
        })
    }

    /// Puts a configuration in force. All or nothing: on an error, what was in force still is.
    ///
    /// New addresses are bound first. An address that stays keeps its sockets, so that no
    /// connection is lost, whether accepted or waiting to be. A listener that is gone accepts what
    /// waits, then its connections finish within `data_plane.drain_timeout`. Never waits for
    /// workers or clients.
    ///
    /// # Errors
    /// When an address cannot be bound or the access log not opened; the message has the remedy.
    pub fn apply(&self, config: &Config, generation: u64) -> Result<(), ApplyError> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if control.stopping {
            return Err(ApplyError::Stopping);
        }
        let old = self.snapshot.load_full();
        let mut bound = Vec::new();
        for (listener, place) in control::unbound(config, &old) {
            bound.push((
                listener,
                sockets::bind(listener, place, self.workers.len())?,
            ));
        }
        let new = control::compile(
            config,
            generation,
            &old,
            self.workers.len(),
            &mut control.next_server,
        )?;
        let access_log = self.log.open(&config.log.access)?;
        // From here on only `listen` can fail, and it does so before anything has changed.
        for (listener, bound) in &bound {
            sockets::listen(listener, bound)?;
        }
        self.log.switch(access_log);
        control::set_limits(&new);
        let new = Arc::new(new);
        self.snapshot.store(new.clone());
        let mut sockets: Vec<_> = self.workers.iter().map(|_| Vec::new()).collect();
        for (_, bound) in bound {
            for (worker, socket) in sockets.iter_mut().zip(bound.sockets) {
                worker.push((bound.place, socket));
            }
        }
        for (worker, sockets) in self.workers.iter().zip(sockets) {
            let snapshot = new.clone();
            worker.send(Command::Refresh { snapshot, sockets });
        }
        Ok(())
    }

    /// Sets whether a server takes new work, and its weight. Requests and connections that it has
    /// go on; idle connections to a server that became unavailable are closed.
    ///
    /// # Errors
    /// When the configuration in force has no such server.
    pub fn set_server(
        &self,
        pool: &str,
        server: &str,
        state: ServerState,
    ) -> Result<(), NoSuchServer> {
        let _control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.snapshot.load_full();
        let new = control::with_server(&old, pool, server, state).ok_or_else(|| NoSuchServer {
            pool: pool.to_owned(),
            server: server.to_owned(),
        })?;
        let new = Arc::new(new);
        self.snapshot.store(new.clone());
        for worker in &self.workers {
            worker.send(Command::Refresh {
                snapshot: new.clone(),
                sockets: Vec::new(),
            });
        }
        Ok(())
    }

    /// Where workers tell of servers that refuse datagrams; the first who asks gets it.
    #[must_use]
    pub fn take_unreachable(&self) -> Option<tokio_mpsc::Receiver<Unreachable>> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        control.unreachable.take()
    }

    /// How many worker threads there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// How often the event loop of each worker has turned: fifty times a second while it goes on,
    /// whatever its load. One whose count stays the same serves nobody.
    pub fn pulses(&self) -> impl Iterator<Item = u64> + '_ {
        let pulse = |worker: &Worker| worker.pulse.load(Ordering::Relaxed);
        self.workers.iter().map(pulse)
    }

    /// Where each worker says that it serves: it accepts a connection there, sends one byte and closes. One
    /// that does not answers no client either. On the loopback interface, and not counted.
    pub fn wickets(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.workers.iter().map(|worker| worker.wicket)
    }

    /// How many client connections each worker has.
    #[must_use]
    pub fn connections(&self) -> Vec<u64> {
        let snapshot = self.snapshot.load();
        let of = |worker| {
            let counts = snapshot.listeners.iter().map(|l| &l.shared.counts[worker]);
            counts
                .map(|counts: &ListenerCounts| counts.connections.get())
                .sum()
        };
        (0..self.workers.len()).map(of).collect()
    }

    /// Everything counted so far, for the configuration in force.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let snapshot = self.snapshot.load();
        Counters {
            generation: snapshot.generation,
            listeners: snapshot
                .listeners
                .iter()
                .map(|l| listener_status(l))
                .collect(),
            pools: snapshot.pools.iter().map(|p| pool_counters(p)).collect(),
            access_log_dropped: self.log.dropped(),
        }
    }

    /// Opens the access-log file anew, after it was moved away. Never waits.
    pub fn reopen_access_log(&self) {
        self.log.reopen();
    }

    /// Lets connections on these local addresses finish, those to come as well, and cuts them off after
    /// `timeout`. Listeners and other connections go on as before. Never waits.
    pub fn drain_addresses(&self, addresses: &[IpAddr], timeout: Duration) {
        let addresses: Arc<[IpAddr]> = addresses.into();
        let until = Instant::now() + timeout;
        for worker in &self.workers {
            worker.send(Command::DrainAddresses {
                addresses: addresses.clone(),
                until,
            });
        }
    }

    /// Connections to come on these addresses are ordinary ones again; those that are to finish still
    /// are.
    pub fn serve_addresses(&self, addresses: &[IpAddr]) {
        let addresses: Arc<[IpAddr]> = addresses.into();
        for worker in &self.workers {
            worker.send(Command::ServeAddresses {
                addresses: addresses.clone(),
            });
        }
    }

    /// Stops accepting, lets requests and connections finish for at most `timeout`, then cuts the
    /// rest off. Returns how many client connections were cut off. No configuration can be applied
    /// any more.
    pub async fn drain(&self, timeout: Duration) -> usize {
        self.control
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopping = true;
        let until = Instant::now() + timeout;
        let cut_off = self.drain_workers(until).await;
        if cut_off > 0 {
            return cut_off;
        }
        // None accepts any more, but one may have passed a connection on to another that was done.
        self.drain_workers(until).await
    }

    async fn drain_workers(&self, until: Instant) -> usize {
        let drained: Vec<_> = self
            .workers
            .iter()
            .map(|worker| {
                let (done, drained) = oneshot::channel();
                worker.send(Command::Drain { until, done });
                drained
            })
            .collect();
        let mut cut_off = 0;
        for worker in drained {
            // A worker that is gone has no connections.
            cut_off += worker.await.unwrap_or(0);
        }
        cut_off
    }
}

/// Starts a worker's thread, and waits until it has its event loop.
fn start(setup: worker::Setup, cores: Vec<usize>) -> Result<JoinHandle<()>, StartError> {
    let worker = setup.index;
    let (started, ready) = mpsc::sync_channel(1);
    let thread = thread::Builder::new()
        .name(format!("worker-{worker}"))
        .spawn(move || {
            cpu::pin(worker, &cores);
            worker::run(setup, &started);
        })
        .map_err(|source| StartError::Thread { worker, source })?;
    match ready.recv() {
        Ok(Err(source)) => Err(StartError::Runtime { worker, source }),
        Ok(Ok(())) | Err(_) => Ok(thread),
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.commands = None;
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("a worker thread had panicked");
            }
        }
    }
}

impl Worker {
    fn send(&self, command: Command) {
        let sent = self.commands.as_ref().map(|to| to.send(command));
        if !matches!(sent, Some(Ok(()))) {
            tracing::error!("a worker thread is gone; restart the data plane");
        }
    }
}
