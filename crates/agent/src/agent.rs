//! The agent: one loop over everything that can happen to a node.

mod acquaintance;
mod announce;
mod child;
mod claims;
mod failover;
mod farewell;
mod gateway;
mod groups;
mod handover;
mod introduction;
mod leases;
mod network;
mod operator;
mod peers;
mod probing;
mod quorum;
mod reload;
mod renewal;
mod requests;
pub(crate) mod split;
mod status;
mod succession;
mod timers;
mod trackers;
mod vips;
mod virtual_mac;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use halo_api::{EventKind, ToDataPlane, UnixMillis};
use halo_netio::Platform;
use halo_netio::netlink::Address;
use halo_netio::platform::Input;
use halo_netio::signals::Signal;
use halo_netio::vrrp::Family;
use halo_vrrp::Event;
use tracing::{info, warn};

use crate::discards::Discards;
use crate::error::Error;
use crate::journal::Journal;
use crate::lateness::Lateness;
use crate::link_table::LinkTable;
use crate::loaded::Loaded;
use crate::peers::Peers;
use crate::supervisor::Supervisor;
use crate::vip::Vip;
pub(crate) use claims::ForeignClaims;
use farewell::Farewell;
use handover::Neighbours;
use leases::Guards;
use operator::Wish;
use peers::Path;
use quorum::Seat;
use reload::Pending;
use trackers::Trackers;
use virtual_mac::Uppers;

/// The data plane gets the status this often, however little changes.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// What the agent is told at its start, beside the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file, to be read again on a reload.
    pub config_file: PathBuf,
    /// Halo's version, for the status.
    pub version: &'static str,
    /// What an operator should know of this start, in sentences.
    pub warnings: Vec<String>,
    /// How late this process may be on a busy machine: its leases last for that long beyond the next
    /// heartbeat.
    pub lateness: Duration,
    /// Random, and new with each start: what this node draws from it nobody can foresee.
    pub seed: [u8; 32],
}

/// The failover agent.
pub struct Agent<P> {
    platform: P,
    options: Options,
    /// The configuration in force.
    loaded: Loaded,
    generation: u64,
    /// A configuration that the data plane is trying.
    pending: Option<Pending>,
    supervisor: Supervisor,
    data_plane_since: UnixMillis,
    /// Why the data plane does not serve, if it said so.
    data_plane_complaint: Option<String>,
    vips: Vec<Vip>,
    trackers: Trackers,
    wish: Wish,
    links: LinkTable,
    network_changed: bool,
    /// Addresses of Active VIPs that were taken off.
    vanished: Vec<Address>,
    /// Interfaces that VRRP is open on.
    wires: BTreeSet<(u32, Family)>,
    guards: Guards,
    uppers: Uppers,
    /// Interfaces that claims of others are listened for on.
    watched: BTreeSet<u32>,
    neighbours: Neighbours,
    host_warnings: Vec<String>,
    /// Heartbeats for virtual routers that are not configured here.
    discards: Discards,
    /// What the data plane was last told to say when this process is gone.
    bequeathed: Vec<Farewell>,
    /// Whether the answers of kernels that are asked are heard.
    hears_answers: bool,
    /// The other nodes, as they say that they are.
    peers: Peers,
    /// This node's votes, one for each VIP of the cluster; none without a quorum.
    seats: Vec<Seat>,
    /// When each other node was last heard.
    heard: BTreeMap<IpAddr, Instant>,
    journal: Journal,
    started: UnixMillis,
    status_changed: bool,
    status_due: Instant,
    stopping: bool,
    /// The data plane is to be told to stop.
    stop_pending: bool,
    /// Ways to every other node that shares a VIP with this one, or votes with it.
    paths: Vec<Path>,
    /// How late this loop's timers are.
    lateness: Lateness,
    /// Empty between two turns: its room is used again.
    inputs: Vec<Input>,
}

impl<P: Platform> Agent<P> {
    /// An agent that has done nothing yet.
    pub fn new(platform: P, loaded: Loaded, options: Options) -> Self {
        let now = platform.now();
        let started = platform.unix_millis();
        let vips = (0..loaded.config.vips.len())
            .filter_map(|index| Vip::new(&loaded.config, index, started))
            .collect();
        let mut peers = Peers::default();
        peers.set_keys(loaded.keyring.clone(), options.seed);
        let supervisor = if loaded.config.this_node().witness {
            Supervisor::without_data_plane()
        } else {
            Supervisor::new(now)
        };
        let mut agent = Self {
            journal: Journal::new(loaded.config.this_node().name.clone()),
            platform,
            options,
            loaded,
            generation: 1,
            pending: None,
            supervisor,
            data_plane_since: started,
            data_plane_complaint: None,
            vips,
            trackers: Trackers::default(),
            wish: Wish::default(),
            links: LinkTable::default(),
            network_changed: true,
            vanished: Vec::new(),
            wires: BTreeSet::new(),
            guards: Guards::default(),
            uppers: Uppers::default(),
            watched: BTreeSet::new(),
            neighbours: Neighbours::new(now),
            host_warnings: Vec::new(),
            discards: Discards::default(),
            bequeathed: Vec::new(),
            hears_answers: false,
            peers,
            seats: Vec::new(),
            heard: BTreeMap::new(),
            started,
            status_changed: false,
            status_due: now,
            stopping: false,
            stop_pending: false,
            paths: Vec::new(),
            lateness: Lateness::default(),
            inputs: Vec::new(),
        };
        agent.refresh_seats(now);
        agent
    }

    /// Does the agent's work until it is told to stop. However it ends, it holds no VIP then.
    ///
    /// # Errors
    /// When the operating system refuses what the agent cannot do without.
    pub fn run(mut self) -> Result<(), Error> {
        let outcome = self.run_until_stopped();
        if outcome.is_err() {
            self.resign_all(self.platform.now());
            self.finish_all_retiring();
            self.remove_uppers();
        }
        outcome
    }

    fn run_until_stopped(&mut self) -> Result<(), Error> {
        self.start()?;
        while !self.supervisor.is_stopped() || self.is_retiring() {
            self.turn()?;
        }
        self.remove_uppers();
        self.remove_guards();
        info!("stopped");
        Ok(())
    }

    /// Cleans up after an agent that was killed, and looks around.
    fn start(&mut self) -> Result<(), Error> {
        let node = self.loaded.config.this_node();
        info!(
            "halod {} starts as node {} ({}) of cluster {}",
            self.options.version, node.name, node.address, self.loaded.config.cluster
        );
        for warning in &self.options.warnings {
            warn!("{warning}");
        }
        self.remove_left_over_vips()?;
        self.remove_left_over_uppers()?;
        let now = self.platform.now();
        self.configure_trackers(now);
        self.apply_trackers(now);
        self.refresh_links(now)?;
        self.remove_left_over_guards();
        Ok(())
    }

    /// Waits, handles what came, performs what follows, tells who wants to know.
    fn turn(&mut self) -> Result<(), Error> {
        let deadline = self.deadline();
        let mut inputs = mem::take(&mut self.inputs);
        self.platform.wait(deadline, &mut inputs)?;
        let now = self.platform.now();
        self.record_lateness(now);
        self.notice_pause(deadline, now);
        for input in inputs.drain(..) {
            self.handle_input(input, now);
        }
        self.inputs = inputs;
        if mem::take(&mut self.network_changed) {
            self.refresh_links(now)?;
        }
        self.restore_vanished(now);
        self.handle_timeouts(now);
        self.tell_data_plane(now);
        Ok(())
    }

    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Datagram(datagram) => self.handle_datagram(&datagram, now),
            Input::KernelAnswer { interface, from } => {
                self.handle_kernel_answer(interface, from, now);
            }
            Input::Claim { interface, frame } => self.handle_claim(interface, &frame, now),
            Input::Network(event) => self.handle_network(event),
            Input::Renewed {
                interface,
                net,
                problem,
            } => self.handle_renewed(interface, net, problem, now),
            Input::Neighbour {
                interface,
                address,
                mac,
            } => self.neighbours.take_place((interface, address), mac, now),
            Input::Signal(signal) => self.handle_signal(signal, now),
            Input::DataPlaneStarted { outcome } => self.handle_data_plane_started(outcome, now),
            Input::DataPlaneMessage(message) => self.handle_data_plane_message(&message, now),
            Input::DataPlaneEnded { how } => self.handle_data_plane_ended(&how, now),
            Input::CheckEnded { id, outcome } => self.handle_check_ended(id, outcome, now),
            Input::Request { client, line } => self.handle_client_line(client, &line, now),
        }
    }

    fn handle_signal(&mut self, signal: Signal, now: Instant) {
        match signal {
            Signal::Stop => self.stop(now),
            Signal::Reload => self.reload(None, now),
            Signal::ReopenLogs => {
                if let Err(error) = self.platform.reopen_logs() {
                    warn!("{error}");
                }
            }
        }
    }

    fn handle_timeouts(&mut self, now: Instant) {
        self.handle_seat_timeouts(now);
        self.follow_supervisor(now);
        self.follow_stop(now);
        self.give_up_late_reload(now);
        self.check_trackers(now);
        for index in 0..self.vips.len() {
            self.handle_vip_timeouts(index, now);
        }
        self.handle_peer_timeouts(now);
        self.update_detection(now);
        self.update_leases();
        self.update_last_words(now);
        self.look_up_neighbours(now);
    }

    /// Gives the VIPs up at once, then lets the data plane finish its requests. A second stop waits
    /// for nothing.
    fn stop(&mut self, now: Instant) {
        let again = mem::replace(&mut self.stopping, true);
        info!(
            "told to stop{}",
            if again {
                " again: waiting no longer"
            } else {
                ""
            }
        );
        self.resign_all(now);
        self.say_goodbye();
        if again {
            self.finish_all_retiring();
        } else {
            let message = "the node stops: VIPs are given up, requests in flight may finish";
            self.note(EventKind::Process, "agent", message.to_owned());
            self.stop_pending = true;
        }
        let until_quiet = self.quiet_at().map_or(Duration::ZERO, |at| at - now);
        let drain = self.loaded.config.data_plane.drain_timeout;
        self.supervisor.stop(until_quiet + drain, now);
        self.follow_stop(now);
        self.data_plane_since = self.platform.unix_millis();
    }

    /// Priority 0 for every VIP, and the addresses off, or left on for connections that finish.
    fn resign_all(&mut self, now: Instant) {
        for index in 0..self.vips.len() {
            self.drive(index, Event::Shutdown, now);
        }
    }

    /// Writes an event down, and passes it on.
    fn note(&mut self, kind: EventKind, subject: &str, message: String) {
        let at = self.platform.unix_millis();
        let event = self.journal.record(at, kind, subject, message);
        self.status_changed = true;
        self.send_to_data_plane(&ToDataPlane::Event(event), self.platform.now());
    }

    /// The name of the node with this address, or the address.
    fn name_of(&self, address: IpAddr) -> String {
        self.peers
            .node_at(&self.loaded.config.nodes, address)
            .map_or_else(|| address.to_string(), |node| node.name.clone())
    }

    fn own_name(&self) -> &str {
        &self.loaded.config.this_node().name
    }
}
