//! DNS: a query, its answer, and nothing kept.
//!
//! All queries to a server share one socket. Each gets an ID of ours that nobody can foresee, by which its
//! answer finds back; one that repeats another question is not it. So a query costs four system calls shared
//! with its batch, where a socket of its own would cost nine.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use halo_balance::Tried;
use halo_config::Pool;
use halo_netio::udp::{Outgoing, Receiver};
use halo_packet::dns::{self, Message};
use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, spawn_local};

use super::session::connected;
use super::{Kit, Serving, Tick};
use crate::snapshot::ServerShared;
use crate::worker::{Configuration, Worker};

/// A socket's port is used for so long: who wants to forge answers has to find it again each time.
const PORT_LIFE: Duration = Duration::from_secs(60);

/// Most unanswered queries of one socket: half of all IDs, so that a free one is found soon.
const MOST: usize = 1 << 15;

/// The unanswered queries of one socket that clients send to.
#[derive(Debug, Default)]
pub(super) struct Queries {
    by_server: RefCell<HashMap<u64, Rc<Exchange>>>,
    /// Sockets that are not used for new queries.
    retired: RefCell<Vec<Rc<Exchange>>>,
    /// Over all sockets.
    open: Cell<usize>,
}

/// A socket to a server, and the queries that were sent by it.
#[derive(Debug)]
struct Exchange {
    server: Arc<ServerShared>,
    pool: Arc<Pool>,
    worker: Rc<Worker>,
    socket: UdpSocket,
    opened: Tick,
    pending: RefCell<HashMap<u16, Query>>,
    answering: RefCell<Option<AbortHandle>>,
}

/// A query that waits for its answer.
#[derive(Debug)]
struct Query {
    client: SocketAddr,
    /// The address that the client sent it to.
    local: Option<IpAddr>,
    /// The client's ID.
    id: u16,
    question: Option<u64>,
    sent: Tick,
}

impl Queries {
    pub(super) fn is_empty(&self) -> bool {
        self.open.get() == 0
    }

    /// Forgets what was not answered in time, and sockets that have served theirs.
    pub(super) fn sweep(&self, now: Tick, within: Duration) {
        let mut by_server = self.by_server.borrow_mut();
        let mut retired = self.retired.borrow_mut();
        by_server.retain(|_, exchange| {
            let young = now < exchange.opened.after(PORT_LIFE);
            if !young {
                retired.push(exchange.clone());
            }
            young
        });
        for exchange in by_server.values().chain(retired.iter()) {
            self.forget(exchange, |query| now < query.sent.after(within));
        }
        retired.retain(|exchange| {
            let used = !exchange.pending.borrow().is_empty();
            if !used {
                exchange.end();
            }
            used
        });
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let sockets = self
            .by_server
            .borrow_mut()
            .drain()
            .map(|(_, e)| e)
            .collect();
        for exchange in [sockets, self.retired.take()].iter().flatten() {
            self.forget(exchange, |_| false);
            exchange.end();
        }
    }

    fn forget(&self, exchange: &Exchange, keep: impl Fn(&Query) -> bool) {
        let mut pending = exchange.pending.borrow_mut();
        let before = pending.len();
        pending.retain(|_, query| keep(query));
        self.answered(exchange, before - pending.len());
    }

    fn answered(&self, exchange: &Exchange, count: usize) {
        self.open.set(self.open.get() - count);
        let counts = &exchange.server.counts[exchange.worker.index];
        counts.active.sub(count as u64);
    }
}

/// A part of a message of a batch, and where it goes.
struct Assigned<T> {
    to: T,
    message: usize,
    part: Range<usize>,
}

/// Gives a batch of queries to servers.
pub(super) fn forward(serving: &Rc<Serving>, configuration: &Configuration, batch: &mut Receiver) {
    let most = configuration
        .1
        .config
        .max_connections
        .div_ceil(serving.worker.workers);
    let (mut bytes, mut count, mut lost) = (0, 0, 0);
    let mut assigned: Vec<Assigned<Rc<Exchange>>> = Vec::new();
    for message in 0..batch.len() {
        let Some(datagram) = batch.get(message) else {
            continue;
        };
        let (client, local) = (datagram.from, serving.source(datagram.to));
        bytes += datagram.data.len() as u64;
        for part in parts(datagram.data.len(), datagram.segment) {
            count += 1;
            let read = batch.data_mut(message).and_then(|data| {
                let data = &mut data[part.clone()];
                let read = dns::read(data).ok().filter(|read| !read.is_response)?;
                Some((read, data))
            });
            let room = serving.queries.open.get() < most && !serving.closing.get();
            let exchange = read
                .filter(|_| room)
                .and_then(|query| Some((query, exchange_for(serving, configuration)?)));
            let Some(((read, data), to)) = exchange else {
                lost += 1;
                continue;
            };
            dns::set_id(data, to.expect(serving, client, local, read));
            assigned.push(Assigned { to, message, part });
        }
    }
    serving.counts(|counts| {
        counts.bytes_in.add(bytes);
        counts.datagrams_in.add(count);
        counts.requests.add(assigned.len() as u64);
    });
    assigned.sort_by_key(|one| one.to.server.id);
    for run in assigned.chunk_by(|a, b| Rc::ptr_eq(&a.to, &b.to)) {
        let exchange = &run[0].to;
        let messages: Vec<_> = outgoing(batch, run, |_| (None, None));
        let sent = serving.worker.kit.send(&exchange.socket, &messages);
        lost += (messages.len() - sent.messages.min(messages.len())) as u64;
        if sent.refused {
            exchange.refused();
        }
    }
    if lost > 0 {
        serving.dropped(lost);
    }
}

/// What is to be sent of a batch.
fn outgoing<'a, T>(
    batch: &'a Receiver,
    run: &[Assigned<T>],
    ends: impl Fn(&T) -> (Option<SocketAddr>, Option<IpAddr>),
) -> Vec<Outgoing<'a>> {
    run.iter()
        .filter_map(|one| {
            let (to, from) = ends(&one.to);
            Some(Outgoing {
                data: batch.get(one.message)?.data.get(one.part.clone())?,
                to,
                from,
                segment: None,
            })
        })
        .collect()
}

/// The datagrams of a message.
fn parts(length: usize, segment: Option<u16>) -> impl Iterator<Item = Range<usize>> {
    let size = segment.map_or(length, usize::from).max(1);
    (0..length)
        .step_by(size)
        .map(move |start| start..(start + size).min(length))
}

/// The socket for the next query.
fn exchange_for(serving: &Rc<Serving>, configuration: &Configuration) -> Option<Rc<Exchange>> {
    let (view, listener) = configuration;
    let pool = listener.default?.pool;
    let latest = serving.worker.view();
    let server = view.pick(pool, &Tried::new(), &latest)?;
    let pool = &view.snapshot.pools[pool];
    let server = &pool.servers[server].shared;
    let mut by_server = serving.queries.by_server.borrow_mut();
    if let Some(exchange) = by_server.get(&server.id) {
        let full = exchange.pending.borrow().len() >= MOST;
        return (!full).then(|| exchange.clone());
    }
    let socket = match connected(server.address) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(listener = listener.config.name, %error, "no socket for DNS queries");
            return None;
        }
    };
    let exchange = Rc::new(Exchange {
        server: server.clone(),
        pool: pool.config.clone(),
        worker: serving.worker.clone(),
        socket,
        opened: serving.now(),
        pending: RefCell::default(),
        answering: RefCell::new(None),
    });
    by_server.insert(server.id, exchange.clone());
    let answering = spawn_local(answer(serving.clone(), exchange.clone()));
    exchange.answering.replace(Some(answering.abort_handle()));
    Some(exchange)
}

impl Exchange {
    /// Notes a query that is about to be sent; returns the ID that it is sent with.
    fn expect(
        &self,
        serving: &Rc<Serving>,
        client: SocketAddr,
        local: Option<IpAddr>,
        read: Message,
    ) -> u16 {
        let mut pending = self.pending.borrow_mut();
        let mut id: u16 = rand::random();
        while pending.contains_key(&id) {
            id = rand::random();
        }
        let query = Query {
            client,
            local,
            id: read.id,
            question: read.question,
            sent: serving.now(),
        };
        pending.insert(id, query);
        serving.queries.open.set(serving.queries.open.get() + 1);
        let counts = &self.server.counts[self.worker.index];
        counts.active.add(1);
        counts.total.add(1);
        id
    }

    /// The query that a message answers. Some servers repeat no question when they cannot read it.
    fn take(&self, read: Message) -> Option<Query> {
        let mut pending = self.pending.borrow_mut();
        let query = pending.get(&read.id)?;
        let fits = read.is_response && (read.question.is_none() || read.question == query.question);
        if fits { pending.remove(&read.id) } else { None }
    }

    /// Nobody listens where the server should.
    fn refused(&self) {
        self.worker.unreachable(&self.pool, &self.server);
    }

    /// Lets its task go, and its socket with it.
    fn end(&self) {
        if let Some(answering) = self.answering.take() {
            answering.abort();
        }
    }
}

/// Brings the server's answers to those who asked.
async fn answer(serving: Rc<Serving>, exchange: Rc<Exchange>) {
    loop {
        let received = match Kit::news(&exchange.socket).await {
            Err(_) => return,
            Ok(Some(error)) => Err(error),
            Ok(None) => serving.worker.kit.receive(&exchange.socket, |batch| {
                give_back(&serving, &exchange, batch);
            }),
        };
        match received {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => exchange.refused(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => tracing::debug!(%error, "an error of an earlier query"),
        }
    }
}

fn give_back(serving: &Rc<Serving>, exchange: &Exchange, batch: &mut Receiver) {
    let mut lost = 0;
    let mut bytes = 0;
    let mut assigned = Vec::new();
    for message in 0..batch.len() {
        let Some(datagram) = batch.get(message) else {
            continue;
        };
        for part in parts(datagram.data.len(), datagram.segment) {
            let answered = batch.data_mut(message).and_then(|data| {
                let data = &mut data[part.clone()];
                let query = exchange.take(dns::read(data).ok()?)?;
                dns::set_id(data, query.id);
                Some(query)
            });
            let Some(query) = answered else {
                // Too late, or not what was asked.
                lost += 1;
                continue;
            };
            bytes += part.len() as u64;
            assigned.push(Assigned {
                to: query,
                message,
                part,
            });
        }
    }
    serving.queries.answered(exchange, assigned.len());
    let messages = outgoing(batch, &assigned, |query| (Some(query.client), query.local));
    let sent = serving.worker.kit.send(&serving.socket, &messages);
    lost += (messages.len() - sent.messages.min(messages.len())) as u64;
    serving.counts(|counts| {
        counts.bytes_out.add(bytes);
        counts.datagrams_out.add(sent.messages as u64);
        counts.datagrams_dropped.add(lost);
    });
}
