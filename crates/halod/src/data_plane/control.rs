//! The control thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use halo_admin::Server as AdminServer;
use halo_api::{
    AdminState, AgentStatus, Event, EventKind, FromDataPlane, HealthState, LastWord, ToDataPlane,
    UnixMillis,
};
use halo_config::Config;
use halo_health::Change;
use halo_netio::heir::{self, Heir};
use halo_probe::Scheduler;
use halo_proxy::{Proxy, Unreachable};
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::apply::{Offer, publish};
use super::clock::unix_now;
use super::commands::{self, Command};
use super::link::Link;
use super::liveness::Liveness;
use super::requests::Requests;
use super::servers::{Changed, Key, Servers};

/// How often the agent hears that this thread and the workers turn.
const ALIVE_INTERVAL: Duration = Duration::from_millis(20);
/// How long readiness waits for the first health checks. A node should not claim a virtual IP
/// while it knows of no server that is up; but servers that do not answer at all (the default
/// check gives up after a second) must not keep a node from the others that do.
const FIRST_CHECKS: Duration = Duration::from_secs(1);

/// How far the data plane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No configuration is in force yet.
    Starting,
    /// Listeners are bound; readiness waits for the first health checks.
    FirstChecks { until: Instant },
    /// Serving.
    Ready,
    /// Finishing what is in flight.
    Draining,
}

/// A configuration in force, and what runs for it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) generation: u64,
    pub(super) config: Config,
    pub(super) text: String,
    pub(super) proxy: Arc<Proxy>,
    pub(super) admin: AdminServer,
}

/// The data plane, as its control thread sees it.
#[derive(Debug)]
pub(super) struct DataPlane {
    pub(super) link: Link,
    pub(super) phase: Phase,
    pub(super) started: UnixMillis,
    pub(super) applied: Option<Applied>,
    /// What the agent last said of itself, and when.
    pub(super) agent: Option<(AgentStatus, Instant)>,
    pub(super) servers: Servers,
    pub(super) probes: Scheduler<Key>,
    pub(super) to_commands: mpsc::Sender<Command>,
    commands: mpsc::Receiver<Command>,
    pub(super) requests: Requests,
    events: u64,
    liveness: Option<Liveness>,
    /// What the agent was last told of the pools.
    servers_up: BTreeMap<String, usize>,
    drained: Option<oneshot::Receiver<usize>>,
    /// Where the proxy tells of servers that refuse datagrams.
    pub(super) unreachable: Option<mpsc::Receiver<Unreachable>>,
    /// What is to be done when the agent is gone.
    heir: Option<Heir>,
}

/// What the loop goes on with.
enum Next {
    Turn,
    End,
}

/// Runs until the agent says stop, or is gone.
pub(super) async fn run(agent: UnixStream, heir: Option<Heir>) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let mut data_plane = DataPlane::new(Link::new(agent));
    data_plane.heir = heir;
    let outcome = data_plane.turn(&mut signals).await;
    data_plane.link.close().await;
    outcome
}

impl DataPlane {
    fn new(link: Link) -> Self {
        let (to_commands, commands) = mpsc::channel(commands::QUEUE);
        Self {
            link,
            phase: Phase::Starting,
            started: unix_now(),
            applied: None,
            agent: None,
            servers: Servers::default(),
            probes: Scheduler::new(),
            to_commands,
            commands,
            requests: Requests::default(),
            events: 0,
            liveness: None,
            servers_up: BTreeMap::new(),
            drained: None,
            unreachable: None,
            heir: None,
        }
    }

    async fn turn(&mut self, signals: &mut Signals) -> anyhow::Result<()> {
        let mut alive = tokio::time::interval(ALIVE_INTERVAL);
        alive.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                message = self.link.next() => match message {
                    None => self.agent_gone(),
                    Some(message) => if let Next::End = self.handle_message(message).await? {
                        return Ok(());
                    },
                },
                _ = alive.tick() => {
                    let now = Instant::now();
                    self.say_alive(now);
                    self.check_ready(now);
                    self.servers.handle_timeout(now);
                    self.publish_changes();
                }
                report = self.probes.next() => {
                    let now = Instant::now();
                    self.servers.handle_report(report, now);
                    self.publish_changes();
                    self.check_ready(now);
                }
                Some(word) = heard(&mut self.unreachable) => {
                    self.servers.handle_unreachable(&word.pool, &word.server, Instant::now());
                    self.publish_changes();
                }
                Some(command) = self.commands.recv() => self.handle_command(command),
                cut_off = drained(&mut self.drained) => {
                    tracing::info!("stopped; {cut_off} connections were cut off");
                    return Ok(());
                }
                () = signals.reopen() => if let Some(applied) = &self.applied {
                    applied.proxy.reopen_access_log();
                },
            }
        }
    }

    /// Tells the agent that the data plane serves, or that it does not: a worker that is stuck leaves its
    /// share of the clients waiting, so that the node is better off without the virtual IPs.
    fn say_alive(&mut self, now: Instant) {
        let hanging = match (&self.applied, &mut self.liveness) {
            (Some(applied), Some(liveness)) => liveness.hanging(applied.proxy.pulses(), now),
            (Some(applied), None) => {
                self.liveness = Some(Liveness::start(&applied.proxy));
                None
            }
            (None, _) => None,
        };
        self.link.send(match hanging {
            Some(what) => FromDataPlane::Hung {
                what: what.to_owned(),
            },
            None => FromDataPlane::Alive,
        });
    }

    /// Nobody holds the virtual IPs any more and nobody would hear us: end at once, so that the
    /// ports are free for the next one.
    fn agent_gone(&mut self) -> ! {
        if let Some(heir) = &self.heir {
            heir.execute();
        }
        tracing::error!("the agent is gone; the data plane ends with it");
        if let Some(applied) = self.applied.take() {
            // Takes its socket's file along.
            drop(applied.admin);
        }
        std::process::exit(1)
    }

    async fn handle_message(&mut self, message: ToDataPlane) -> anyhow::Result<Next> {
        match message {
            ToDataPlane::Config {
                generation,
                node,
                file,
                text,
                token,
            } => {
                let offer = Offer {
                    generation,
                    node,
                    file,
                    text,
                    token,
                };
                self.handle_offer(offer).await?;
            }
            ToDataPlane::Agent(status) => self.agent = Some((*status, Instant::now())),
            ToDataPlane::LastWords { words } => self.take_last_words(words),
            // The agent keeps the events of both processes, and is asked for them.
            ToDataPlane::Event(_) => {}
            ToDataPlane::Reply { id, reply } => self.requests.answered(id, reply),
            ToDataPlane::Drain {
                addresses,
                within_ms,
            } => {
                if let Some(applied) = &self.applied {
                    let within = Duration::from_millis(within_ms);
                    applied.proxy.drain_addresses(&addresses, within);
                }
            }
            ToDataPlane::Serve { addresses } => {
                if let Some(applied) = &self.applied {
                    applied.proxy.serve_addresses(&addresses);
                }
            }
            ToDataPlane::Stop => return Ok(self.stop()),
        }
        Ok(Next::Turn)
    }

    fn take_last_words(&self, words: Vec<LastWord>) {
        if let Some(heir) = &self.heir {
            heir.set_words(words.into_iter().map(last_word).collect());
        }
    }

    async fn handle_offer(&mut self, offer: Offer) -> anyhow::Result<()> {
        let generation = offer.generation;
        let first = self.applied.is_none();
        if let Err(error) = self.apply(offer).await {
            let error = format!("{error:#}");
            self.link.send(FromDataPlane::Refused {
                generation,
                error: error.clone(),
            });
            if first {
                // There is nothing to go on with; the agent tries again with a new process.
                bail!("the configuration cannot be applied: {error}");
            }
            tracing::error!("configuration {generation} refused: {error}");
            return Ok(());
        }
        tracing::info!("configuration {generation} in force");
        self.publish_changes();
        let now = Instant::now();
        match self.phase {
            Phase::Starting => {
                let until = now + FIRST_CHECKS;
                self.phase = Phase::FirstChecks { until };
                self.check_ready(now);
            }
            // Ready is told for the newest generation when the checks are done.
            Phase::FirstChecks { .. } => {}
            Phase::Ready | Phase::Draining => self.link.send(FromDataPlane::Ready { generation }),
        }
        Ok(())
    }

    /// Tells the agent that the node can serve, once it can.
    fn check_ready(&mut self, now: Instant) {
        let (Phase::FirstChecks { until }, Some(applied)) = (self.phase, &self.applied) else {
            return;
        };
        if now < until && self.servers.any_unknown() {
            return;
        }
        let liveness = self.liveness.as_ref();
        if !liveness.is_some_and(Liveness::all_have_answered) {
            return; // the agent's patience with a start is the limit
        }
        self.phase = Phase::Ready;
        let generation = applied.generation;
        self.link.send(FromDataPlane::Ready { generation });
    }

    fn stop(&mut self) -> Next {
        let Some(applied) = &self.applied else {
            return Next::End;
        };
        if self.phase != Phase::Draining {
            self.phase = Phase::Draining;
            let timeout = applied.config.data_plane.drain_timeout;
            let proxy = applied.proxy.clone();
            let (done, drained) = oneshot::channel();
            tokio::spawn(async move {
                let cut_off = proxy.drain(timeout).await;
                if done.send(cut_off).is_err() {
                    tracing::debug!("drained, but nobody waits");
                }
            });
            self.drained = Some(drained);
        }
        Next::Turn
    }

    /// Tells the proxy of every server that changed, and the agent and the log why.
    pub(super) fn publish_changes(&mut self) {
        while let Some(Changed { key, change }) = self.servers.poll_change() {
            self.publish(&key);
            let subject = format!("{}/{}", key.pool, key.server);
            self.tell(subject, sentence(&change));
        }
        self.tell_servers_up();
    }

    /// Tells the agent how many servers are up in each pool, when that has changed.
    fn tell_servers_up(&mut self) {
        let pools = self.servers.up();
        if pools != self.servers_up {
            self.servers_up.clone_from(&pools);
            self.link.send(FromDataPlane::ServersUp { pools });
        }
    }

    pub(super) fn publish(&self, key: &Key) {
        if let (Some(applied), Some(entry)) =
            (&self.applied, self.servers.get(&key.pool, &key.server))
        {
            publish(&applied.proxy, &key.pool, &key.server, entry.proxy_state());
        }
    }

    /// Tells the agent and the log what happened to a server.
    pub(super) fn tell(&mut self, subject: String, message: String) {
        tracing::info!("{subject}: {message}");
        let Some(applied) = &self.applied else {
            return;
        };
        self.events += 1;
        self.link.send(FromDataPlane::Event(Event {
            seq: self.events,
            at: unix_now(),
            node: applied.config.this_node().name.clone(),
            kind: EventKind::Server,
            subject,
            message,
        }));
    }
}

/// The next server that refuses datagrams.
async fn heard(unreachable: &mut Option<mpsc::Receiver<Unreachable>>) -> Option<Unreachable> {
    match unreachable {
        Some(unreachable) => unreachable.recv().await,
        None => std::future::pending().await,
    }
}

fn last_word(word: LastWord) -> heir::LastWord {
    heir::LastWord {
        interface: word.interface,
        source: word.source,
        destination: word.destination,
        payload: word.payload,
    }
}

/// How many connections the drain cut off, once it is over.
async fn drained(receiver: &mut Option<oneshot::Receiver<usize>>) -> usize {
    match receiver {
        Some(drained) => drained.await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

fn sentence(change: &Change) -> String {
    let state = match (change.admin, change.health) {
        (AdminState::Drain, _) => "draining",
        (AdminState::Maint, _) => "in maintenance",
        (AdminState::Ready, HealthState::Up) => "up",
        (AdminState::Ready, HealthState::Down) => "down",
        (AdminState::Ready, HealthState::Unknown) => "waiting for its first check",
        (AdminState::Ready, HealthState::Unchecked) => "unchecked, counts as up",
    };
    let health = match (change.admin, change.health) {
        (AdminState::Drain, HealthState::Up) => ", up",
        (AdminState::Drain, HealthState::Down) => ", down",
        _ => "",
    };
    format!("{state}{health}: {}", change.reason)
}

/// The signals that the data plane minds.
struct Signals {
    reopen: Signal,
    /// Those that are the agent's business: a terminal's ^C and a service manager's SIGTERM go to
    /// both processes, and it is the agent who says when to stop.
    _for_the_agent: [Signal; 3],
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            reopen: signal(SignalKind::user_defined1())?,
            _for_the_agent: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    /// The access log was moved away. Safe to cancel.
    async fn reopen(&mut self) {
        if self.reopen.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
