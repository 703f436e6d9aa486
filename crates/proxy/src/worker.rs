//! One worker: a thread with a runtime, and all that its connections share.

mod accept;
mod connection;
mod door;
pub(crate) mod knock;
mod listening;
mod phases;
mod share;
mod time;
mod view;
mod wheel;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::SyncSender;

use arc_swap::ArcSwap;
use halo_config::Pool;
use socket2::Socket;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{self, UnboundedReceiver, WeakUnboundedSender};
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use crate::http::{Jobs, Upstreams};
use crate::log::LogBuffer;
use crate::relay::Plumbing;
use crate::snapshot::{Place, ServerShared, Snapshot};
use crate::udp::Kit;
use crate::unreachable::{Teller, Unreachable};
use listening::Listening;

pub(crate) use connection::{Configuration, Connection, Phase};
pub(crate) use door::Moved;
pub(crate) use time::{Alarm, Timers};
pub(crate) use view::{ById, View};
pub(crate) use wheel::Tick;

/// What a worker starts with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) index: usize,
    pub(crate) workers: usize,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) log: LogBuffer,
    pub(crate) inbox: UnboundedReceiver<Command>,
    /// Where it answers whether it serves.
    pub(crate) wicket: std::net::TcpListener,
    /// Where the worker counts its turns.
    pub(crate) pulse: Arc<AtomicU64>,
    /// Where it tells of servers that refuse datagrams.
    pub(crate) unreachable: mpsc::Sender<Unreachable>,
    /// One for each worker, rung when another wants a connection that it keeps.
    pub(crate) bells: Arc<[Notify]>,
    /// Where each worker is told things, itself included.
    pub(crate) peers: Arc<[WeakUnboundedSender<Command>]>,
}

/// What a worker is told. When its sender is gone, the worker ends at once.
#[derive(Debug)]
pub(crate) enum Command {
    /// The snapshot changed to this one; listen on these sockets too. It may be superseded already:
    /// what was added and removed in one breath still has connections to accept.
    Refresh {
        snapshot: Arc<Snapshot>,
        sockets: Vec<(Place, Socket)>,
    },
    /// Serve a connection that another worker accepted.
    Serve(Box<Moved>),
    /// Connections on these addresses are to finish until then, those to come as well.
    DrainAddresses {
        addresses: Arc<[IpAddr]>,
        until: std::time::Instant,
    },
    /// Connections to come on these addresses are ordinary ones again.
    ServeAddresses { addresses: Arc<[IpAddr]> },
    /// Stop accepting, finish until then, and say how many connections were cut off.
    Drain {
        until: std::time::Instant,
        done: oneshot::Sender<usize>,
    },
}

/// What the connections of one worker share; never leaves its thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) workers: usize,
    snapshot: Arc<ArcSwap<Snapshot>>,
    view: RefCell<Rc<View>>,
    pub(crate) log: LogBuffer,
    pub(crate) upstreams: Upstreams,
    pub(crate) plumbing: Plumbing,
    /// For datagrams.
    pub(crate) kit: Kit,
    teller: Teller,
    bells: Arc<[Notify]>,
    peers: Arc<[WeakUnboundedSender<Command>]>,
    pub(crate) jobs: Jobs,
    pub(crate) timers: Rc<Timers>,
    /// Connections, and acceptors that have not ended yet.
    live: Cell<usize>,
    none_live: Notify,
}

/// A worker's side of each place that is listened on.
type Acceptors = HashMap<Place, Listening>;

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

async fn turn(setup: Setup) {
    let Setup {
        index,
        workers,
        snapshot,
        log,
        mut inbox,
        wicket,
        pulse,
        unreachable,
        bells,
        peers,
    } = setup;
    let view = View::new(snapshot.load_full(), None, index, workers);
    let worker = Rc::new(Worker {
        index,
        workers,
        snapshot,
        view: RefCell::new(Rc::new(view)),
        log,
        upstreams: Upstreams::new(index),
        plumbing: Plumbing::default(),
        kit: Kit::default(),
        teller: Teller::new(unreachable),
        bells,
        peers,
        jobs: Jobs::default(),
        timers: Timers::new(pulse),
        live: Cell::new(0),
        none_live: Notify::new(),
    });
    spawn_local(knock::answer(wicket));
    keep_house(&worker);
    let mut acceptors = Acceptors::new();
    while let Some(command) = inbox.recv().await {
        obey(&worker, &mut acceptors, command);
    }
}

/// Starts what a worker does beside its connections. All of it ends with the runtime.
fn keep_house(worker: &Rc<Worker>) {
    let timers = worker.timers.clone();
    spawn_local(async move { timers.run().await });
    let writer = worker.clone();
    spawn_local(async move { writer.log.flush_in_time().await });
    let reaper = worker.clone();
    spawn_local(async move { reaper.upstreams.reap(&reaper.timers).await });
    let lender = worker.clone();
    spawn_local(async move { lender.answer_bell().await });
}

/// Does what the worker is told.
fn obey(worker: &Rc<Worker>, acceptors: &mut Acceptors, command: Command) {
    match command {
        Command::Refresh { snapshot, sockets } => {
            let view = worker.view_of(&snapshot);
            refresh(worker, &view, acceptors, sockets);
        }
        Command::Serve(moved) => {
            let taken = match acceptors.get(&moved.place) {
                Some(acceptor) => acceptor.take(*moved),
                None => Err(*moved),
            };
            if let Err(moved) = taken {
                moved.finish(worker);
            }
        }
        Command::DrainAddresses { addresses, until } => {
            let until = Instant::from_std(until);
            acceptors
                .values()
                .for_each(|acceptor| acceptor.drain(&addresses, until));
            worker.timers.call();
        }
        Command::ServeAddresses { addresses } => acceptors
            .values()
            .for_each(|acceptor| acceptor.serve(&addresses)),
        Command::Drain { until, done } => {
            let until = Instant::from_std(until);
            for (_, acceptor) in acceptors.drain() {
                acceptor.close(until);
            }
            worker.timers.call();
            // Connections from other workers still come in meanwhile.
            let worker = worker.clone();
            spawn_local(async move {
                let cut_off = worker.wait_for_end(until).await;
                // Whoever asked may have gone.
                if done.send(cut_off).is_err() {
                    tracing::debug!("nobody waits for the drain any more");
                }
            });
        }
    }
}

/// Brings the acceptors and idle upstream connections in line with the snapshot.
fn refresh(
    worker: &Rc<Worker>,
    view: &Rc<View>,
    acceptors: &mut Acceptors,
    sockets: Vec<(Place, Socket)>,
) {
    for (place, socket) in sockets {
        if let Some(listener) = view.snapshot.listener_at(place) {
            let configuration = (view.clone(), listener.clone());
            match Listening::start(worker.clone(), place, socket, configuration) {
                Ok(acceptor) => {
                    acceptors.insert(place, acceptor);
                }
                Err(error) => tracing::error!(
                    listener = listener.config.name, address = %place.address, worker = worker.index, %error,
                    "a worker cannot serve an address; check the limit of open files (ulimit -n)"
                ),
            }
        }
    }
    let until = Instant::now() + view.snapshot.drain_timeout;
    acceptors.retain(|&place, acceptor| match view.snapshot.listener_at(place) {
        Some(listener) => {
            acceptor.update(view, listener, until);
            true
        }
        None => {
            acceptor.close(until);
            false
        }
    });
    worker.timers.call();
    worker.upstreams.keep_only(&worker.view());
    // A limit may have come down.
    worker.upstreams.lend_all();
}

impl Worker {
    /// The snapshot in force, with this worker's state for it.
    pub(crate) fn view(&self) -> Rc<View> {
        let current = self.snapshot.load();
        let mut view = self.view.borrow_mut();
        if !Arc::ptr_eq(&current, &view.snapshot) {
            let new = View::new(Arc::clone(&current), Some(&view), self.index, self.workers);
            *view = Rc::new(new);
        }
        view.clone()
    }

    /// A snapshot that may be superseded already, with this worker's state for it.
    fn view_of(&self, snapshot: &Arc<Snapshot>) -> Rc<View> {
        let current = self.view();
        if Arc::ptr_eq(snapshot, &current.snapshot) {
            return current;
        }
        let view = View::new(
            Arc::clone(snapshot),
            Some(&current),
            self.index,
            self.workers,
        );
        Rc::new(view)
    }

    /// Tells the control thread that nobody listens where a server should.
    pub(crate) fn unreachable(&self, pool: &Pool, server: &ServerShared) {
        self.teller.tell(&pool.name, server, self.timers.now());
    }

    /// Asks the workers that keep idle connections to a server for one.
    pub(crate) fn ask_for_idle(&self, server: &ServerShared) {
        for (worker, bell) in self.bells.iter().enumerate() {
            if server.counts[worker].idle.get() > 0 {
                bell.notify_one();
            }
        }
    }

    /// Gives idle connections to those who wait for them, whenever one asks.
    async fn answer_bell(&self) {
        loop {
            self.bells[self.index].notified().await;
            self.upstreams.lend_all();
        }
    }

    pub(crate) fn born(&self) {
        self.live.set(self.live.get() + 1);
    }

    pub(crate) fn died(&self) {
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            self.none_live.notify_one();
        }
    }

    /// Waits until no connection is left, or until then. Returns how many are.
    async fn wait_for_end(&self, until: Instant) -> usize {
        let mut late = std::pin::pin!(sleep_until(until));
        while self.live.get() > 0 {
            tokio::select! {
                () = self.none_live.notified() => {}
                () = &mut late => return self.live.get(),
            }
        }
        0
    }
}
