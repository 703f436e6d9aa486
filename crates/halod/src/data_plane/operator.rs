//! What operators ask for through the admin API.

use std::time::Instant;

use halo_admin::Failure;
use halo_api::{AdminState, Outcome, ServerCommand};
use halo_config::Balance;

use super::commands::Command;
use super::control::DataPlane;

/// The highest weight, as in the configuration file.
const MOST_WEIGHT: u32 = 256;

impl DataPlane {
    /// Does what a client of the admin API wants, and answers it.
    pub(super) fn handle_command(&mut self, command: Command) {
        // A client that hung up does not want its answer any more.
        let delivered = match command {
            Command::Sample(answer) => answer.send(self.sample()).is_ok(),
            Command::Readiness(answer) => answer.send(self.readiness()).is_ok(),
            Command::Config(answer) => {
                let text = self.applied.as_ref().map(|applied| applied.text.clone());
                let text = text.ok_or_else(|| Failure::Unavailable("the node is starting".into()));
                answer.send(text).is_ok()
            }
            Command::Server {
                pool,
                server,
                command,
                answer,
            } => answer
                .send(self.handle_server(&pool, &server, command))
                .is_ok(),
            Command::Agent { request, answer } => {
                let message = self.requests.ask(request, answer);
                self.link.send(message);
                true
            }
        };
        if !delivered {
            tracing::debug!("a client of the admin API left before its answer");
        }
    }

    fn handle_server(
        &mut self,
        pool: &str,
        server: &str,
        command: ServerCommand,
    ) -> Result<Outcome, Failure> {
        let Some(entry) = self.servers.get(pool, server) else {
            return Err(Failure::NotFound(if self.servers.has_pool(pool) {
                format!("pool {pool} has no server {server}; `hactl status` names its servers")
            } else {
                format!("there is no pool {pool}; `hactl status` names the pools")
            }));
        };
        let key = entry.key.clone();
        let now = Instant::now();
        let message = match command {
            ServerCommand::Admin { state } => {
                self.servers.set_admin(&key, state, now);
                format!("{pool}/{server} {}", admin_words(state))
            }
            ServerCommand::Weight { weight } => {
                self.check_weight(pool, weight)?;
                self.servers.set_weight(&key, weight);
                self.tell(
                    format!("{pool}/{server}"),
                    format!("weight set to {weight} by the operator"),
                );
                format!(
                    "{pool}/{server} has weight {weight} until halod's next start, or a new weight in the file"
                )
            }
        };
        self.publish(&key);
        self.publish_changes();
        self.probes.set(self.servers.targets());
        Ok(Outcome { message })
    }

    fn check_weight(&self, pool: &str, weight: u32) -> Result<(), Failure> {
        let config = self.applied.as_ref().map(|applied| &applied.config);
        let pool = config.and_then(|config| config.pools.iter().find(|p| p.name == pool));
        if weight > MOST_WEIGHT {
            return Err(Failure::Refused(format!(
                "a weight is 0 to {MOST_WEIGHT}, not {weight}"
            )));
        }
        match pool {
            Some(pool) if pool.balance == Balance::RoundRobin => Err(Failure::Refused(format!(
                "pool {} uses round_robin, which knows no weights; set `balance = \
                 \"weighted_round_robin\"`, or take the server out with `hactl server drain`",
                pool.name
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

fn admin_words(state: AdminState) -> &'static str {
    match state {
        AdminState::Ready => "is ready: it takes work while its checks pass",
        AdminState::Drain => "drains: it finishes what it has and takes nothing new",
        AdminState::Maint => "is in maintenance: it takes nothing new and is not checked",
    }
}
