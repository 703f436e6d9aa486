//! Sessions: each client has a socket of its own towards its server.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halo_balance::Tried;
use halo_config::{Pool, UdpMode};
use halo_netio::udp::{self, Outgoing, Receiver};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, spawn_local};

use super::kit::datagrams;
use super::{Kit, Serving, Tick};
use crate::snapshot::ListenerEntry;
use crate::upstream::Lease;
use crate::worker::{Configuration, View, Worker};

/// How long a server that takes no new work may leave a session without an answer before the session
/// gets another server. One that is drained answers, and keeps its sessions.
const STRANDED: Duration = Duration::from_secs(1);

/// The client, and the address that it sends to where the socket has several.
type Key = (SocketAddr, Option<IpAddr>);

/// The sessions of one socket.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_client: RefCell<HashMap<Key, Rc<Session>>>,
}

/// A client and its server.
#[derive(Debug)]
struct Session {
    key: Key,
    /// Connected to the server.
    socket: UdpSocket,
    lease: Lease,
    pool: Arc<Pool>,
    listener: Arc<ListenerEntry>,
    worker: Rc<Worker>,
    /// When a datagram last went either way.
    moved: Cell<Tick>,
    /// Since when the client has had no answer.
    asked: Cell<Option<Tick>>,
    one_shot: bool,
    answering: RefCell<Option<AbortHandle>>,
}

impl Sessions {
    pub(super) fn is_empty(&self) -> bool {
        self.by_client.borrow().is_empty()
    }

    /// Ends those that were silent for so long.
    pub(super) fn sweep(&self, now: Tick, idle: Duration) {
        self.by_client.borrow_mut().retain(|_, session| {
            let lives = now < session.moved.get().after(idle);
            if !lives {
                session.end();
            }
            lives
        });
    }

    /// Ends all.
    pub(super) fn clear(&self) {
        for (_, session) in self.by_client.borrow_mut().drain() {
            session.end();
        }
    }

    fn get(&self, key: &Key) -> Option<Rc<Session>> {
        self.by_client.borrow().get(key).cloned()
    }

    fn insert(&self, session: &Rc<Session>) {
        let before = self
            .by_client
            .borrow_mut()
            .insert(session.key, session.clone());
        if let Some(before) = before {
            before.end();
        }
    }

    /// Ends this one, unless its client has another by now.
    fn remove(&self, session: &Rc<Session>) {
        let mut by_client = self.by_client.borrow_mut();
        if by_client
            .get(&session.key)
            .is_some_and(|now| Rc::ptr_eq(now, session))
        {
            by_client.remove(&session.key);
        }
        session.end();
    }
}

/// Gives a batch to the servers of its clients.
pub(super) fn forward(serving: &Rc<Serving>, configuration: &Configuration, batch: &mut Receiver) {
    let view = serving.worker.view();
    let mut lost = 0;
    let mut assigned = Vec::new();
    let (mut bytes, mut count) = (0, 0);
    for datagram in batch.datagrams() {
        let parts = datagrams(datagram.data.len(), datagram.segment);
        bytes += datagram.data.len() as u64;
        count += parts;
        match session_of(
            serving,
            configuration,
            &view,
            (datagram.from, serving.source(datagram.to)),
        ) {
            Some(session) => assigned.push((session, datagram)),
            None => lost += parts,
        }
    }
    serving.counts(|counts| {
        counts.bytes_in.add(bytes);
        counts.datagrams_in.add(count);
    });
    for run in assigned.chunk_by(|a, b| Rc::ptr_eq(&a.0, &b.0)) {
        let session = &run[0].0;
        let messages: Vec<_> = run
            .iter()
            .map(|(_, datagram)| Outgoing {
                data: datagram.data,
                to: None,
                from: None,
                segment: datagram.segment,
            })
            .collect();
        lost += send(serving, configuration, session, &messages);
    }
    if lost > 0 {
        serving.dropped(lost);
    }
}

/// Sends to a session's server, or to another when that refuses. Returns how many messages were lost.
fn send(
    serving: &Rc<Serving>,
    configuration: &Configuration,
    session: &Rc<Session>,
    messages: &[Outgoing<'_>],
) -> u64 {
    let now = serving.now();
    session.moved.set(now);
    if session.asked.get().is_none() {
        session.asked.set(Some(now));
    }
    let mut sent = serving.worker.kit.send(&session.socket, messages);
    if sent.refused {
        session.refused();
        let mut tried = Tried::new();
        let pool = configuration.1.default.map(|target| target.pool);
        let servers = pool.map(|pool| &configuration.0.snapshot.pools[pool].servers);
        let same = |s: &crate::snapshot::ServerEntry| s.shared.id == session.lease.server.id;
        if let Some(at) = servers.and_then(|servers| servers.iter().position(same)) {
            tried.insert(at);
        }
        if let Some(other) = open(serving, configuration, session.key, &tried) {
            sent = serving.worker.kit.send(&other.socket, messages);
        }
    }
    (messages.len() - sent.messages.min(messages.len())) as u64
}

fn session_of(
    serving: &Rc<Serving>,
    configuration: &Configuration,
    view: &View,
    key: Key,
) -> Option<Rc<Session>> {
    if let Some(session) = serving.sessions.get(&key) {
        if !session.is_stranded(view, serving.now()) {
            return Some(session);
        }
        serving.sessions.remove(&session);
    }
    if serving.closing.get() {
        return None;
    }
    open(serving, configuration, key, &Tried::new())
}

/// Begins a session with a server that was not tried; it takes the place of the client's old one.
fn open(
    serving: &Rc<Serving>,
    configuration: &Configuration,
    key: Key,
    tried: &Tried,
) -> Option<Rc<Session>> {
    let (view, listener) = configuration;
    let pool = listener.default?.pool;
    let latest = serving.worker.view();
    let server = view.pick(pool, tried, &latest)?;
    let pool = &view.snapshot.pools[pool];
    let server = pool.servers[server].shared.clone();
    let socket = match connected(server.address) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(listener = listener.config.name, %error, "no socket for a UDP session");
            return None;
        }
    };
    if !listener.shared.gate.try_enter() {
        return None;
    }
    let worker = serving.worker.clone();
    let counts = &listener.shared.counts[worker.index];
    counts.connections.add(1);
    counts.connections_total.add(1);
    worker.born();
    let session = Rc::new(Session {
        key,
        socket,
        lease: Lease::new(server, worker.index),
        pool: pool.config.clone(),
        listener: listener.clone(),
        moved: Cell::new(serving.now()),
        asked: Cell::new(None),
        one_shot: listener.config.udp_mode == UdpMode::OneShot,
        answering: RefCell::new(None),
        worker,
    });
    serving.sessions.insert(&session);
    let answering = spawn_local(answer(serving.clone(), session.clone()));
    session.answering.replace(Some(answering.abort_handle()));
    Some(session)
}

/// A socket that gets what this server sends, and hears when nobody listens there.
pub(super) fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::DGRAM.nonblocking(),
        Some(Protocol::UDP),
    )?;
    socket.connect(&server.into())?;
    if let Err(error) = udp::take_trains(&socket) {
        tracing::debug!(%error, "the kernel takes no trains of datagrams");
    }
    UdpSocket::from_std(socket.into())
}

/// Brings the server's answers to the client, until the session ends.
async fn answer(serving: Rc<Serving>, session: Rc<Session>) {
    loop {
        let received = match Kit::news(&session.socket).await {
            Err(_) => return serving.sessions.remove(&session),
            Ok(Some(error)) => Err(error),
            Ok(None) => serving.worker.kit.receive(&session.socket, |batch| {
                give_back(&serving, &session, batch);
            }),
        };
        match received {
            Ok(0) => {}
            Ok(_) if session.one_shot => return serving.sessions.remove(&session),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                session.refused();
                return serving.sessions.remove(&session);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => tracing::debug!(%error, "an error of an earlier datagram"),
        }
    }
}

fn give_back(serving: &Rc<Serving>, session: &Session, batch: &Receiver) {
    session.moved.set(serving.now());
    session.asked.set(None);
    let (mut bytes, mut count) = (0, 0);
    let messages: Vec<_> = batch
        .datagrams()
        .map(|datagram| {
            bytes += datagram.data.len() as u64;
            count += datagrams(datagram.data.len(), datagram.segment);
            Outgoing {
                data: datagram.data,
                to: Some(session.key.0),
                from: session.key.1,
                segment: datagram.segment,
            }
        })
        .collect();
    // Counted first, so that what a client has is never missing.
    let counts = &session.listener.shared.counts[session.worker.index];
    counts.bytes_out.add(bytes);
    counts.datagrams_out.add(count);
    let sent = serving.worker.kit.send(&serving.socket, &messages);
    if sent.messages < messages.len() {
        serving.dropped((messages.len() - sent.messages) as u64);
    }
}

impl Session {
    /// Whether its server is out of service and silent.
    fn is_stranded(&self, view: &View, now: Tick) -> bool {
        !view.is_available(self.lease.server.id)
            && self
                .asked
                .get()
                .is_some_and(|asked| now >= asked.after(STRANDED))
    }

    /// Nobody listens where the server should.
    fn refused(&self) {
        self.worker.unreachable(&self.pool, &self.lease.server);
    }

    /// Lets its task go, and all with it.
    fn end(&self) {
        if let Some(answering) = self.answering.take() {
            answering.abort();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let shared = &self.listener.shared;
        shared.counts[self.worker.index].connections.sub(1);
        shared.gate.leave();
        self.worker.died();
    }
}
