//! Trackers: checked when they are due, and what follows from them for the VIPs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use halo_api::{EventKind, TrackerState, TrackerStatus};
use halo_config::TrackCheck;
use halo_netio::Platform;
use halo_netio::check::{Check, Script};
use halo_vrrp::{Event, Priority};
use tracing::{info, warn};

use super::Agent;
use crate::supervisor::SETTLED;
use crate::tracker::{Finding, Tracker};
use crate::vip::parameters;

/// Every tracker of the configuration, and what they are told by others.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    list: Vec<Tracker>,
    /// Servers that are up in each pool, as the data plane last said.
    servers_up: BTreeMap<String, usize>,
    /// The number of the last check that was started.
    last: u64,
}

impl Trackers {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.list.iter().filter_map(Tracker::poll_timeout).min()
    }

    fn of<'a>(&'a self, vip: &'a str) -> impl Iterator<Item = &'a Tracker> {
        self.list
            .iter()
            .filter(move |tracker| tracker.concerns(vip))
    }

    /// Whether the node is fit to hold the VIP.
    pub(super) fn fit(&self, vip: &str) -> bool {
        !self.of(vip).any(Tracker::is_fault)
    }

    /// What is taken off the node's priority for the VIP.
    pub(super) fn penalty(&self, vip: &str) -> u8 {
        self.of(vip)
            .map(Tracker::penalty)
            .fold(0, u8::saturating_add)
    }
}

impl<P: Platform> Agent<P> {
    /// Follows the configuration; trackers that stay the same keep what they know.
    pub(super) fn configure_trackers(&mut self, now: Instant) {
        let since = self.platform.unix_millis();
        let mut before = std::mem::take(&mut self.trackers.list);
        for config in &self.loaded.config.tracks {
            let kept = before.iter().position(|old| old.config == *config);
            let tracker = match kept {
                Some(at) => before.swap_remove(at),
                None => Tracker::new(config.clone(), now, since),
            };
            self.trackers.list.push(tracker);
        }
    }

    /// Starts the checks that are due.
    pub(super) fn check_trackers(&mut self, now: Instant) {
        for at in 0..self.trackers.list.len() {
            if self.trackers.list[at].is_due(now) {
                self.trackers.list[at].handle_started(now);
                self.check_tracker(at, now);
            }
        }
    }

    /// Interfaces have changed: what depends on them is not left to wait.
    pub(super) fn check_interface_trackers(&mut self, now: Instant) {
        for at in 0..self.trackers.list.len() {
            if let TrackCheck::Interface { .. } = self.trackers.list[at].config.check {
                self.check_tracker(at, now);
            }
        }
    }

    /// The data plane says how many servers are up in each pool.
    pub(super) fn handle_servers_up(&mut self, up: BTreeMap<String, usize>, now: Instant) {
        self.trackers.servers_up = up;
        for at in 0..self.trackers.list.len() {
            if let TrackCheck::Pool { .. } = self.trackers.list[at].config.check {
                self.check_tracker(at, now);
            }
        }
    }

    pub(super) fn handle_check_ended(&mut self, id: u64, finding: Finding, now: Instant) {
        let asked = |tracker: &Tracker| tracker.running == Some(id);
        // `None`: the configuration no longer has it.
        if let Some(at) = self.trackers.list.iter().position(asked) {
            self.trackers.list[at].running = None;
            self.take_finding(at, finding, now);
        }
    }

    fn check_tracker(&mut self, at: usize, now: Instant) {
        let tracker = &self.trackers.list[at];
        let timeout = tracker.config.timeout;
        let finding = match &tracker.config.check {
            TrackCheck::Interface { name, address } => self.find_interface(name, *address),
            TrackCheck::Route {
                destination,
                interface,
            } => {
                let (destination, interface) = (*destination, interface.clone());
                self.find_route(destination, interface.as_deref())
            }
            TrackCheck::Pool { name, min_up } => self.find_servers(name, *min_up),
            TrackCheck::Script { command, directory } => {
                let script = Script {
                    command: command.clone(),
                    directory: directory.clone(),
                    timeout,
                };
                match self.start_check(at, Check::Script(script)) {
                    Ok(()) => return,
                    Err(problem) => Err(problem),
                }
            }
            TrackCheck::Gateway { address, interface } => {
                let (address, interface) = (*address, interface.clone());
                let asked = self
                    .question(address, interface.as_deref(), timeout)
                    .and_then(|question| self.start_check(at, Check::Question(question)));
                match asked {
                    Ok(()) => return,
                    Err(problem) => Err(problem),
                }
            }
        };
        self.take_finding(at, finding, now);
    }

    fn start_check(&mut self, at: usize, check: Check) -> Result<(), String> {
        self.trackers.last += 1;
        let id = self.trackers.last;
        self.platform
            .start_check(id, check)
            .map_err(|problem| problem.to_string())?;
        self.trackers.list[at].running = Some(id);
        Ok(())
    }

    fn find_interface(&self, name: &str, address: Option<IpAddr>) -> Finding {
        let links = self.links.links();
        let Some(link) = links.iter().find(|link| link.name == name) else {
            return Err(format!("there is no interface {name}"));
        };
        if !link.is_running() {
            let why = if link.up { "has no carrier" } else { "is down" };
            return Err(format!("{name} {why}"));
        }
        match address {
            Some(address) if !link.addresses.iter().any(|net| net.addr() == address) => {
                Err(format!("{address} is not on {name}"))
            }
            Some(address) => Ok(format!("{name} is up and has {address}")),
            None => Ok(format!("{name} is up")),
        }
    }

    fn find_route(&mut self, destination: IpAddr, interface: Option<&str>) -> Finding {
        let index = match self.platform.route_to(destination) {
            Ok(Some(index)) => index,
            Ok(None) => return Err(format!("there is no route to {destination}")),
            Err(problem) => return Err(problem.to_string()),
        };
        let links = self.links.links();
        let name = links
            .iter()
            .find(|link| link.index == index)
            .map_or("an unknown interface", |link| link.name.as_str());
        let found = format!("the route to {destination} leaves by {name}");
        match interface {
            Some(wanted) if wanted != name => Err(format!("{found}, not by {wanted}")),
            Some(_) | None => Ok(found),
        }
    }

    fn find_servers(&self, pool: &str, min_up: usize) -> Finding {
        match self.trackers.servers_up.get(pool) {
            Some(up) if *up >= min_up => Ok(format!("{up} servers of {pool} are up")),
            Some(up) => Err(format!(
                "{up} servers of {pool} are up, {min_up} are wanted"
            )),
            None => Err(format!("the data plane has not told of {pool} yet")),
        }
    }

    fn take_finding(&mut self, at: usize, finding: Finding, now: Instant) {
        let at_millis = self.platform.unix_millis();
        let tracker = &mut self.trackers.list[at];
        if !tracker.handle_result(finding, at_millis) {
            return;
        }
        let name = tracker.config.name.clone();
        let finding = tracker.finding.clone();
        let message = match tracker.state() {
            TrackerState::Good => {
                info!("tracker {name} is good: {finding}");
                format!("good: {finding}")
            }
            TrackerState::Failed | TrackerState::Unknown => {
                warn!("tracker {name} has failed: {finding}");
                format!("FAILED: {finding}")
            }
        };
        self.note(EventKind::Tracker, &name, message);
        self.apply_trackers(now);
    }

    /// Tells the virtual routers what the trackers come to.
    pub(super) fn apply_trackers(&mut self, now: Instant) {
        for index in 0..self.vips.len() {
            let fit = self.is_fit(index);
            // While takeovers are paused, a tracker moves nothing.
            if self.vips[index].fit != fit && !(self.wish.paused && self.vips[index].is_active()) {
                self.vips[index].fit = fit;
                self.perform(index, Event::Fit(fit), now);
            }
            self.reconfigure_router(index, now);
        }
    }

    /// Tells a virtual router its parameters, as they are now. A node whose data plane comes and goes
    /// takes over from nobody until it has settled, or the VIP would come and go with it; when there
    /// is no other Active, it serves as well as it can.
    pub(super) fn reconfigure_router(&mut self, index: usize, now: Instant) {
        let vip = &self.vips[index];
        let Some(mut parameters) = parameters(&self.loaded.config, &vip.config, vip.place.source)
        else {
            return;
        };
        let penalty = self.penalty(index);
        let priority = parameters.priority.get().saturating_sub(penalty).max(1);
        parameters.priority = Priority(priority);
        if self.supervisor.is_unsettled() {
            parameters.preempt_delay = parameters.preempt_delay.max(SETTLED);
        }
        if *vip.router.config() != parameters {
            self.perform(index, Event::Reconfigure(parameters), now);
        }
    }

    pub(super) fn tracker_status(&self) -> Vec<TrackerStatus> {
        let status = |tracker: &Tracker| TrackerStatus {
            name: tracker.config.name.clone(),
            check: match &tracker.config.check {
                TrackCheck::Interface { .. } => "interface",
                TrackCheck::Route { .. } => "route",
                TrackCheck::Gateway { .. } => "gateway",
                TrackCheck::Script { .. } => "script",
                TrackCheck::Pool { .. } => "pool",
            }
            .to_owned(),
            state: tracker.state(),
            since: tracker.since,
            finding: tracker.finding.clone(),
            weight: tracker.config.weight,
            vips: tracker.config.vips.clone(),
        };
        self.trackers.list.iter().map(status).collect()
    }
}
