//! A changed configuration: tried by the data plane first, then in force in both processes, or in
//! neither.

use std::time::{Duration, Instant};

use halo_api::{AgentReply, EventKind};
use halo_config::diff;
use halo_netio::Platform;
use halo_vrrp::Event;
use tracing::{error, info};

use super::Agent;
use super::requests::Asker;
use crate::loaded::Loaded;
use crate::vip::{Vip, peers};

/// Binding listeners takes milliseconds. A data plane that has not answered after this may have
/// applied the configuration or not: only a new one is sure to have the old one.
const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration on trial.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) generation: u64,
    pub(super) loaded: Loaded,
    asker: Option<Asker>,
    since: Instant,
}

impl Pending {
    pub(super) fn deadline(&self) -> Instant {
        self.since + PATIENCE
    }
}

impl<P: Platform> Agent<P> {
    /// Reads the file again; `asker` hears how it went. `None`: SIGHUP.
    pub(super) fn reload(&mut self, asker: Option<Asker>, now: Instant) {
        match self.read_again() {
            Err(reason) => self.refuse_reload(asker, reason),
            Ok(loaded) if loaded.same_as(&self.loaded) => {
                let message = "the file has not changed: nothing to do".to_owned();
                info!("reload: {message}");
                self.answer_reload(asker, AgentReply::Done { message });
            }
            Ok(loaded) => {
                self.pending = Some(Pending {
                    generation: self.generation + 1,
                    loaded,
                    asker,
                    since: now,
                });
                // One that is down gets it at its start.
                self.send_config(now);
            }
        }
    }

    /// The data plane has it in force: so does the agent, from here on.
    pub(super) fn commit_reload(&mut self, now: Instant) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let plan = diff(&self.loaded.config, &pending.loaded.config);
        self.apply(pending.loaded, now);
        self.generation = pending.generation;
        let changes = [&plan.vips, &plan.listeners, &plan.pools];
        let count = |of: fn(&halo_config::Changes) -> usize| -> usize {
            changes.iter().map(|changes| of(changes)).sum()
        };
        let message = format!(
            "configuration {} is in force: {} added, {} changed, {} removed",
            self.generation,
            count(|changes| changes.added.len()),
            count(|changes| changes.changed.len()),
            count(|changes| changes.removed.len()),
        );
        info!("reload: {message}");
        self.note(EventKind::Config, "reload", message.clone());
        self.answer_reload(pending.asker, AgentReply::Done { message });
    }

    /// The configuration on trial, if any, is dropped.
    pub(super) fn fail_reload(&mut self, why: &str) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let reason = format!("the configuration in force stays: {why}");
        error!("reload: {reason}");
        self.note(EventKind::Config, "reload", reason.clone());
        self.answer_reload(pending.asker, AgentReply::Failed { reason });
    }

    pub(super) fn give_up_late_reload(&mut self, now: Instant) {
        let late = |pending: &Pending| pending.deadline() <= now;
        if !self.pending.as_ref().is_some_and(late) {
            return;
        }
        self.fail_reload("the data plane did not answer within 30 s");
        if self.supervisor.is_running() {
            self.kill_data_plane("did not answer to a changed configuration", now);
        }
    }

    fn read_again(&mut self) -> Result<Loaded, String> {
        if self.stopping {
            return Err("the node is stopping".to_owned());
        }
        if self.pending.is_some() {
            return Err("another reload is under way; wait for it".to_owned());
        }
        let node = self.own_name().to_owned();
        let platform = std::cell::RefCell::new(&mut self.platform);
        let loaded = Loaded::read(
            &self.options.config_file,
            &node,
            |path| platform.borrow_mut().read_file(path),
            |path| platform.borrow_mut().read_secret(path),
        )
        .map_err(|error| error.to_string())?;
        diff(&self.loaded.config, &loaded.config)
            .check_reloadable()
            .map_err(|error| error.to_string())?;
        self.check_host(&loaded)?;
        Ok(loaded)
    }

    fn refuse_reload(&mut self, asker: Option<Asker>, why: String) {
        let reason = format!("the configuration in force stays: {why}");
        error!("reload: {reason}");
        self.note(EventKind::Config, "reload", reason.clone());
        self.answer_reload(asker, AgentReply::Refused { reason });
    }

    fn answer_reload(&mut self, asker: Option<Asker>, reply: AgentReply) {
        if let Some(asker) = asker {
            self.answer(asker, reply);
        }
    }

    /// Puts a configuration in force without moving a VIP that is in both.
    fn apply(&mut self, loaded: Loaded, now: Instant) {
        for index in 0..self.vips.len() {
            if !self.stays(index, &loaded) {
                self.perform(index, Event::Shutdown, now);
            }
            if !self.keeps_addresses(index, &loaded) {
                self.finish_retiring(index);
            }
        }
        let mut before: Vec<Vip> = std::mem::take(&mut self.vips)
            .into_iter()
            .filter(|vip| stays(&vip.config, &loaded))
            .collect();
        self.peers
            .set_keys(loaded.keyring.clone(), self.options.seed);
        self.bequeathed.clear(); // the keys may be others
        self.loaded = loaded;
        self.refresh_seats(now);
        self.configure_trackers(now);
        let since = self.platform.unix_millis();
        let names: Vec<String> = self
            .loaded
            .config
            .vips
            .iter()
            .map(|vip| vip.name.clone())
            .collect();
        for (at, name) in names.iter().enumerate() {
            let kept = before.iter().position(|vip| vip.config.name == *name);
            match kept.map(|kept| before.swap_remove(kept)) {
                Some(vip) => self.keep(vip, at, now),
                None => self.vips.extend(Vip::new(&self.loaded.config, at, since)),
            }
        }
        if self.wish.paused {
            for index in 0..self.vips.len() {
                self.perform(index, Event::Paused(true), now);
            }
        }
        self.refresh_paths();
        self.apply_trackers(now);
        // Places and sockets of the new ones; a failure to list them ends the agent next turn.
        self.network_changed = true;
        self.status_changed = true;
    }

    fn stays(&self, index: usize, loaded: &Loaded) -> bool {
        stays(&self.vips[index].config, loaded)
    }

    fn keeps_addresses(&self, index: usize, loaded: &Loaded) -> bool {
        let before = &self.vips[index].config;
        let after = loaded.config.vips.iter();
        self.stays(index, loaded)
            && after
                .filter(|vip| vip.name == before.name)
                .any(|vip| vip.addresses == before.addresses)
    }

    /// Takes a VIP over into the new configuration, with what has changed about it.
    fn keep(&mut self, mut vip: Vip, at: usize, now: Instant) {
        let new = self.loaded.config.vips[at].clone();
        let gone: Vec<_> = vip
            .config
            .addresses
            .iter()
            .filter(|net| !new.addresses.contains(net))
            .copied()
            .collect();
        let more = new
            .addresses
            .iter()
            .any(|net| !vip.config.addresses.contains(net));
        vip.peers = peers(&self.loaded.config, &new);
        vip.config = new;
        vip.make_frames();
        self.vips.push(vip);
        let index = self.vips.len() - 1;
        self.reconfigure_router(index, now);
        if !self.vips[index].is_active() {
            return;
        }
        self.take_off(index, &gone);
        if more {
            self.vips[index].renew_at = Some(now);
            self.vips[index].announcer.claim(now);
        }
    }
}

/// Whether a VIP can go on as the same virtual router.
fn stays(vip: &halo_config::Vip, loaded: &Loaded) -> bool {
    loaded.config.vips.iter().any(|other| {
        other.name == vip.name
            && other.vrid == vip.vrid
            && other.interface == vip.interface
            && other.transport == vip.transport
            && other.virtual_mac == vip.virtual_mac
            && other.is_ipv6() == vip.is_ipv6()
    })
}
