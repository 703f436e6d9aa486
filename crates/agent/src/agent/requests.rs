//! What clients of the agent's socket, and the data plane on behalf of its own, ask for.

use std::time::Instant;

use halo_api::{AgentReply, AgentRequest, ToDataPlane};
use halo_netio::Platform;
use halo_netio::platform::ClientId;
use tracing::error;

use super::Agent;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A client of the agent's socket.
    Client(ClientId),
    /// The data plane, by its request's number.
    DataPlane(u64),
}

impl<P: Platform> Agent<P> {
    pub(super) fn handle_client_line(&mut self, client: ClientId, line: &[u8], now: Instant) {
        let asker = Asker::Client(client);
        match serde_json::from_slice(line) {
            Ok(request) => self.handle_request(asker, request, now),
            Err(error) => {
                let reason = format!("this is not a request: {error}");
                self.answer(asker, AgentReply::Failed { reason });
            }
        }
    }

    pub(super) fn handle_request(&mut self, asker: Asker, request: AgentRequest, now: Instant) {
        let reply = match request {
            AgentRequest::Status => AgentReply::Status(Box::new(self.status(now))),
            AgentRequest::Events { after } => AgentReply::Events {
                events: self.journal.after(after),
            },
            AgentRequest::Failover { vip, to, dry_run } => {
                self.failover(vip.as_deref(), to.as_deref(), dry_run, now)
            }
            AgentRequest::Node(command) => self.handle_node_command(&command, now),
            // Its answer waits for the data plane's.
            AgentRequest::Reload => {
                self.reload(Some(asker), now);
                return;
            }
        };
        self.answer(asker, reply);
    }

    pub(super) fn answer(&mut self, asker: Asker, reply: AgentReply) {
        match asker {
            Asker::Client(client) => match serde_json::to_string(&reply) {
                Ok(line) => self.platform.reply(client, &line),
                Err(problem) => error!("cannot answer: {problem}"),
            },
            Asker::DataPlane(id) => {
                let now = self.platform.now();
                self.send_to_data_plane(&ToDataPlane::Reply { id, reply }, now);
            }
        }
    }
}
