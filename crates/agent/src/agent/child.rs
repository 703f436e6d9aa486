//! The data plane: started, heard, told, ended.

use std::time::Instant;

use halo_api::{EventKind, FromDataPlane, ProcessState, ToDataPlane};
use halo_netio::Platform;
use tracing::{debug, error, info, warn};

use super::Agent;
use super::STATUS_INTERVAL;
use super::requests::Asker;
use crate::supervisor::Order;

/// [`FromDataPlane::Alive`], which comes all the time and need not be understood each time.
const ALIVE: &[u8] = br#"{"type":"alive"}"#;

impl<P: Platform> Agent<P> {
    pub(super) fn data_plane_is_ready(&self) -> bool {
        self.supervisor.state() == ProcessState::Ready
    }

    /// Does with the process what the supervisor wants, until it wants nothing.
    pub(super) fn follow_supervisor(&mut self, now: Instant) {
        match self.supervisor.poll_order(now) {
            Some(Order::Start) => self.start_data_plane(now),
            Some(Order::Look) => {
                let standing = self.platform.data_plane_standing();
                if let Some(Order::Kill { why }) = self.supervisor.handle_standing(standing, now) {
                    self.kill_data_plane(why, now);
                }
            }
            Some(Order::Kill { why }) => self.kill_data_plane(why, now),
            None => {}
        }
    }

    pub(super) fn handle_data_plane_message(&mut self, message: &[u8], now: Instant) {
        self.supervisor.handle_heard(now);
        if message == ALIVE {
            return;
        }
        match serde_json::from_slice(message) {
            Ok(FromDataPlane::Alive) => {}
            Ok(FromDataPlane::Hung { what }) => {
                self.kill_data_plane(&format!("has a worker that {what}"), now);
            }
            Ok(FromDataPlane::Ready { generation }) => self.handle_ready(generation, now),
            Ok(FromDataPlane::Refused { generation, error }) => {
                self.handle_refused(generation, error, now);
            }
            Ok(FromDataPlane::ServersUp { pools }) => self.handle_servers_up(pools, now),
            Ok(FromDataPlane::Request { id, request }) => {
                self.handle_request(Asker::DataPlane(id), request, now);
            }
            Ok(FromDataPlane::Event(event)) => {
                // Into the ring only: the data plane knows it.
                self.journal
                    .record(event.at, event.kind, &event.subject, event.message);
            }
            Err(error) => {
                error!("the data plane sent a message that is not understood: {error}");
            }
        }
    }

    pub(super) fn handle_data_plane_ended(&mut self, how: &str, now: Instant) {
        if !self.supervisor.is_running() {
            return; // killed for what it said just before it ended by itself
        }
        let stopping = self.stopping;
        self.supervisor.handle_ended(now);
        self.data_plane_since = self.platform.unix_millis();
        // First of all, others are to take over.
        self.refresh_abilities(now);
        let message = format!("the data plane {how}");
        if stopping {
            info!("{message}");
        } else {
            error!("{message}");
        }
        self.note(EventKind::Process, "data plane", message);
        self.fail_reload(&format!("the data plane {how} while it applied it"));
    }

    /// Tells the data plane the agent's status, when it has changed and once a second.
    pub(super) fn tell_data_plane(&mut self, now: Instant) {
        let due = now >= self.status_due;
        if !self.status_changed && !due {
            return;
        }
        self.status_changed = false;
        self.status_due = now + STATUS_INTERVAL;
        if self.supervisor.is_running() {
            let status = Box::new(self.status(now));
            self.send_to_data_plane(&ToDataPlane::Agent(status), now);
        }
    }

    /// Sends to the data plane, if there is one. One that leaves megabytes unread is dead.
    pub(super) fn send_to_data_plane(&mut self, message: &ToDataPlane, now: Instant) {
        if !self.supervisor.is_running() {
            return;
        }
        let sent = serde_json::to_vec(message)
            .map_err(|problem| problem.to_string())
            .and_then(|bytes| {
                self.platform
                    .send_to_data_plane(&bytes)
                    .map_err(|problem| problem.to_string())
            });
        if let Err(problem) = sent {
            warn!("the data plane takes no message: {problem}");
            self.kill_data_plane("does not read what it is told", now);
        }
    }

    /// Gives the data plane the configuration that it is to have: the one on trial, or the one in
    /// force.
    pub(super) fn send_config(&mut self, now: Instant) {
        let (generation, loaded) = match &self.pending {
            Some(pending) => (pending.generation, &pending.loaded),
            None => (self.generation, &self.loaded),
        };
        let message = ToDataPlane::Config {
            generation,
            node: self.own_name().to_owned(),
            file: self.options.config_file.display().to_string(),
            text: loaded.text.clone(),
            token: loaded.token.clone(),
        };
        self.send_to_data_plane(&message, now);
    }

    /// Kills a data plane that is of no use; what follows is the same as when it dies by itself.
    pub(super) fn kill_data_plane(&mut self, why: &str, now: Instant) {
        if let Err(problem) = self.platform.kill_data_plane() {
            error!("{problem}");
        }
        self.handle_data_plane_ended(&format!("was killed: it {why}"), now);
    }

    fn start_data_plane(&mut self, now: Instant) {
        self.supervisor.handle_starting(now);
        self.bequeathed.clear(); // this one has been told nothing yet
        self.data_plane_since = self.platform.unix_millis();
        match self.platform.start_data_plane() {
            Ok(()) => {
                self.send_config(now);
                self.status_changed = true;
            }
            Err(problem) => self.handle_start_failed(&problem.to_string(), now),
        }
    }

    /// It runs, or could not be started.
    pub(super) fn handle_data_plane_started(&mut self, outcome: Result<u32, String>, now: Instant) {
        match outcome {
            Ok(pid) => {
                self.supervisor.handle_started(pid);
                debug!("the data plane starts as process {pid}");
                self.status_changed = true;
            }
            Err(problem) => self.handle_start_failed(&problem, now),
        }
    }

    fn handle_start_failed(&mut self, problem: &str, now: Instant) {
        error!("{problem}");
        self.data_plane_complaint = Some(format!("the data plane does not start: {problem}"));
        self.supervisor.handle_ended(now);
    }

    fn handle_ready(&mut self, generation: u64, now: Instant) {
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.generation == generation)
        {
            self.commit_reload(now);
        }
        if generation != self.generation || self.supervisor.state() != ProcessState::Starting {
            return;
        }
        self.supervisor.handle_ready(now);
        self.data_plane_since = self.platform.unix_millis();
        self.data_plane_complaint = None;
        let pid = self.supervisor.pid().unwrap_or_default();
        let message = format!("the data plane is ready (process {pid})");
        info!("{message}");
        self.note(EventKind::Process, "data plane", message);
        self.refresh_abilities(now);
    }

    fn handle_refused(&mut self, generation: u64, error: String, now: Instant) {
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.generation == generation)
        {
            self.fail_reload(&error);
            if self.supervisor.state() == ProcessState::Starting {
                // It has nothing yet to fall back on.
                self.send_config(now);
            }
            return;
        }
        let complaint = format!("the data plane cannot serve: {error}");
        error!("{complaint}");
        self.note(EventKind::Config, "data plane", complaint.clone());
        self.data_plane_complaint = Some(complaint);
        if self.supervisor.state() == ProcessState::Starting {
            self.kill_data_plane("refused its configuration", now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortcut_for_alive_is_what_the_data_plane_says() {
        let said = serde_json::to_vec(&FromDataPlane::Alive).unwrap();
        assert_eq!(said, ALIVE);
    }
}
