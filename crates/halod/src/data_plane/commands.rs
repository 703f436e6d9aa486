//! The admin API's side of the control thread.

use std::time::Duration;

use halo_admin::{Control, Failover, Failure, Readiness, Sample};
use halo_api::{AgentReply, AgentRequest, Event, NodeCommand, Outcome, ServerCommand, Status};
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait for the control thread.
pub(super) const QUEUE: usize = 64;
/// How long the agent may take for a question: it answers within milliseconds or not at all.
const ASK_TIME: Duration = Duration::from_secs(3);
/// How long it may take for a reload: reading the file, and the data plane's answer to it.
const RELOAD_TIME: Duration = Duration::from_secs(15);

/// What a client of the admin API wants from the control thread.
#[derive(Debug)]
pub(super) enum Command {
    Sample(oneshot::Sender<Result<Sample, Failure>>),
    Config(oneshot::Sender<Result<String, Failure>>),
    Readiness(oneshot::Sender<Readiness>),
    Server {
        pool: String,
        server: String,
        command: ServerCommand,
        answer: oneshot::Sender<Result<Outcome, Failure>>,
    },
    Agent {
        request: AgentRequest,
        answer: oneshot::Sender<AgentReply>,
    },
}

/// Hands the admin API's wishes to the control thread.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }

    async fn ask_agent(
        &self,
        request: AgentRequest,
        time: Duration,
    ) -> Result<AgentReply, Failure> {
        let asked = self.ask(|answer| Command::Agent { request, answer });
        match tokio::time::timeout(time, asked).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(stopping()),
            Err(_) => Err(Failure::TimedOut(format!(
                "the agent did not answer within {time:?}; see whether it runs and what it logs, \
                 and look at the node with `hactl status` before trying again"
            ))),
        }
    }

    async fn order(&self, request: AgentRequest, time: Duration) -> Result<Outcome, Failure> {
        match self.ask_agent(request, time).await? {
            AgentReply::Done { message } => Ok(Outcome { message }),
            AgentReply::Refused { reason } => Err(Failure::Refused(reason)),
            AgentReply::Failed { reason } => Err(Failure::Failed(reason)),
            other @ (AgentReply::Status(_) | AgentReply::Events { .. }) => Err(mismatch(&other)),
        }
    }
}

impl Control for Handle {
    async fn status(&self) -> Result<Status, Failure> {
        Ok(self.sample().await?.status)
    }

    async fn events(&self, after: u64) -> Result<Vec<Event>, Failure> {
        let request = AgentRequest::Events { after };
        match self.ask_agent(request, ASK_TIME).await? {
            AgentReply::Events { events } => Ok(events),
            AgentReply::Refused { reason } => Err(Failure::Refused(reason)),
            AgentReply::Failed { reason } => Err(Failure::Failed(reason)),
            other @ (AgentReply::Status(_) | AgentReply::Done { .. }) => Err(mismatch(&other)),
        }
    }

    async fn failover(&self, wish: Failover) -> Result<Outcome, Failure> {
        let Failover { vip, to, dry_run } = wish;
        self.order(AgentRequest::Failover { vip, to, dry_run }, ASK_TIME)
            .await
    }

    async fn node(&self, command: NodeCommand) -> Result<Outcome, Failure> {
        self.order(AgentRequest::Node(command), ASK_TIME).await
    }

    async fn reload(&self) -> Result<Outcome, Failure> {
        self.order(AgentRequest::Reload, RELOAD_TIME).await
    }

    async fn config(&self) -> Result<String, Failure> {
        self.ask(Command::Config).await.unwrap_or(Err(stopping()))
    }

    async fn server(
        &self,
        pool: &str,
        server: &str,
        command: ServerCommand,
    ) -> Result<Outcome, Failure> {
        let (pool, server) = (pool.to_owned(), server.to_owned());
        self.ask(|answer| Command::Server {
            pool,
            server,
            command,
            answer,
        })
        .await
        .unwrap_or(Err(stopping()))
    }

    async fn readiness(&self) -> Readiness {
        self.ask(Command::Readiness)
            .await
            .unwrap_or_else(|| Readiness::NotReady("the data plane is stopping".into()))
    }

    async fn sample(&self) -> Result<Sample, Failure> {
        self.ask(Command::Sample).await.unwrap_or(Err(stopping()))
    }
}

fn stopping() -> Failure {
    Failure::Unavailable("the data plane is stopping".into())
}

fn mismatch(reply: &AgentReply) -> Failure {
    Failure::Failed(format!("the agent answered something else: {reply:?}"))
}
