//! Talking to a node: HTTP to its data plane, and JSON lines to its agent when that is down.

mod agent;
mod http;

use std::path::PathBuf;
use std::time::Duration;

use halo_api::{AgentReply, AgentRequest, Event, NodeCommand, Outcome, ServerCommand, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::cli::{NodeArgs, ServerName};
use crate::exit::Failure;
use http::{Http, HttpFailure};

/// How long a question may take before the agent is asked instead: a data plane that works answers
/// it in a millisecond.
const READ_TIME: Duration = Duration::from_secs(1);
/// How long an answer may take. The data plane waits 3 s for the agent, and then says so.
const TIME: Duration = Duration::from_secs(5);
/// How long a reload may take: the data plane waits 15 s for the agent.
const RELOAD_TIME: Duration = Duration::from_secs(20);
/// What a path segment may contain as it is (RFC 3986 section 2.3: unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A node.
#[derive(Debug)]
pub(crate) struct Client {
    http: Http,
    /// The agent's socket; `None` over TCP.
    agent: Option<PathBuf>,
}

impl Client {
    /// The node that the command line names.
    pub(crate) fn new(args: &NodeArgs) -> Result<Self, Failure> {
        match &args.url {
            Some(url) => Ok(Self {
                http: Http::tcp(url, args.token_file.as_deref())?,
                agent: None,
            }),
            None => Ok(Self {
                http: Http::unix(args.socket_dir.join("halo.sock")),
                agent: Some(args.socket_dir.join("agent.sock")),
            }),
        }
    }

    /// The node's status; without the data plane's part when only the agent answers.
    pub(crate) async fn status(&self) -> Result<Status, Failure> {
        match self.http.get("/v1/status", self.read_time()).await {
            Ok(body) => parse(&body),
            Err(failure) => match self.ask_agent(failure, AgentRequest::Status, TIME).await? {
                AgentReply::Status(agent) => Ok(Status {
                    agent: *agent,
                    data_plane: None,
                }),
                other => Err(unexpected(other)),
            },
        }
    }

    /// Events with a higher sequence number than `after`.
    pub(crate) async fn events(&self, after: u64) -> Result<Vec<Event>, Failure> {
        let path = format!("/v1/events?after={after}");
        match self.http.get(&path, self.read_time()).await {
            Ok(body) => parse(&body),
            Err(failure) => {
                let request = AgentRequest::Events { after };
                match self.ask_agent(failure, request, TIME).await? {
                    AgentReply::Events { events } => Ok(events),
                    other => Err(unexpected(other)),
                }
            }
        }
    }

    /// Moves virtual IPs.
    pub(crate) async fn failover(
        &self,
        vip: Option<String>,
        to: Option<String>,
        dry_run: bool,
    ) -> Result<Outcome, Failure> {
        let (vip, to) = (vip.as_deref(), to.as_deref());
        match self
            .http
            .post("/v1/failover", Failover { vip, to, dry_run }, TIME)
            .await
        {
            Ok(body) => parse(&body),
            Err(failure) => {
                let (vip, to) = (vip.map(str::to_owned), to.map(str::to_owned));
                let request = AgentRequest::Failover { vip, to, dry_run };
                done(self.ask_agent(failure, request, TIME).await?)
            }
        }
    }

    /// Changes the node's part in the cluster.
    pub(crate) async fn node(&self, command: NodeCommand) -> Result<Outcome, Failure> {
        match self.http.post("/v1/node", &command, TIME).await {
            Ok(body) => parse(&body),
            Err(failure) => {
                let request = AgentRequest::Node(command);
                done(self.ask_agent(failure, request, TIME).await?)
            }
        }
    }

    /// Makes the node read its configuration again.
    pub(crate) async fn reload(&self) -> Result<Outcome, Failure> {
        let post = self.http.post("/v1/config/reload", Nothing {}, RELOAD_TIME);
        match post.await {
            Ok(body) => parse(&body),
            Err(failure) => done(
                self.ask_agent(failure, AgentRequest::Reload, RELOAD_TIME)
                    .await?,
            ),
        }
    }

    /// The text of the configuration in force.
    pub(crate) async fn config(&self) -> Result<String, Failure> {
        let body = self.http.get("/v1/config", TIME).await;
        let body = body.map_err(HttpFailure::into_failure)?;
        String::from_utf8(body.to_vec()).map_err(|error| garbled(&error))
    }

    /// Changes a server.
    pub(crate) async fn server(
        &self,
        name: &ServerName,
        command: &ServerCommand,
    ) -> Result<Outcome, Failure> {
        let path = format!(
            "/v1/pools/{}/servers/{}",
            utf8_percent_encode(&name.pool, SEGMENT),
            utf8_percent_encode(&name.server, SEGMENT)
        );
        let body = self.http.post(&path, command, TIME).await;
        parse(&body.map_err(HttpFailure::into_failure)?)
    }

    /// How long a question may take: over TCP there is nobody else to ask.
    fn read_time(&self) -> Duration {
        match self.agent {
            Some(_) => READ_TIME,
            None => TIME,
        }
    }

    /// Asks the agent what the data plane could not be asked, or did not answer in time. A command
    /// that the data plane took and did not answer is not repeated: it may have been done.
    async fn ask_agent(
        &self,
        failure: HttpFailure,
        request: AgentRequest,
        time: Duration,
    ) -> Result<AgentReply, Failure> {
        let question = matches!(request, AgentRequest::Status | AgentRequest::Events { .. });
        let (why, agent) = match (&failure, &self.agent) {
            (HttpFailure::Down(why), Some(agent)) => (why, agent),
            (HttpFailure::Slow(why), Some(agent)) if question => (why, agent),
            _ => return Err(failure.into_failure()),
        };
        match agent::ask(agent, &request, time).await {
            Err(Failure::Unreachable(agent)) => Err(Failure::Unreachable(format!(
                "{agent}; and {why}. Does halod run here? A node elsewhere is reached with --url, \
                 other sockets with --socket-dir"
            ))),
            other => other,
        }
    }
}

/// Body of `POST /v1/failover`.
#[derive(Serialize)]
struct Failover<'a> {
    vip: Option<&'a str>,
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Body of a request that says everything with its path.
#[derive(Serialize)]
struct Nothing {}

fn done(reply: AgentReply) -> Result<Outcome, Failure> {
    match reply {
        AgentReply::Done { message } => Ok(Outcome { message }),
        other => Err(unexpected(other)),
    }
}

/// An agent's answer that is not what was asked for.
fn unexpected(reply: AgentReply) -> Failure {
    match reply {
        AgentReply::Refused { reason } => Failure::Refused(reason),
        AgentReply::Failed { reason } => Failure::Failed(reason),
        AgentReply::Status(_) | AgentReply::Events { .. } | AgentReply::Done { .. } => {
            Failure::Failed(format!("the agent answered something else: {reply:?}"))
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| garbled(&error))
}

fn garbled(error: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!(
        "the node's answer cannot be understood: {error}; are hactl and halod of the same version?"
    ))
}
