//! The control thread with a real proxy and real sockets, and an agent played by the test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use halo_api::{
    AgentReply, AgentRequest, AgentStatus, FromDataPlane, ProcessState, ProcessStatus, ToDataPlane,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::control;

/// The agent's end.
struct Agent {
    socket: UnixStream,
    directory: tempfile::TempDir,
    data_plane: JoinHandle<anyhow::Result<()>>,
    generation: u64,
}

impl Agent {
    async fn start() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        Self {
            socket: ours,
            directory: tempfile::tempdir().unwrap(),
            data_plane: tokio::spawn(control::run(theirs, None)),
            generation: 0,
        }
    }

    fn admin(&self) -> PathBuf {
        self.directory.path().join("halo.sock")
    }

    async fn send(&mut self, message: &ToDataPlane) {
        let json = serde_json::to_vec(message).unwrap();
        self.socket.write_u32(json.len() as u32).await.unwrap();
        self.socket.write_all(&json).await.unwrap();
    }

    async fn offer(&mut self, file: &str) {
        self.generation += 1;
        let directory = self.directory.path().display();
        let text = format!("{file}\n[admin]\nsocket_dir = \"{directory}\"\n");
        self.send(&ToDataPlane::Config {
            generation: self.generation,
            node: "lb1".into(),
            file: "halo.toml".into(),
            text,
            token: None,
        })
        .await;
    }

    /// The next message that is not `Alive`.
    async fn next(&mut self) -> FromDataPlane {
        let next = async {
            loop {
                let length = self.socket.read_u32().await.unwrap();
                let mut json = vec![0; length as usize];
                self.socket.read_exact(&mut json).await.unwrap();
                match serde_json::from_slice(&json).unwrap() {
                    FromDataPlane::Alive | FromDataPlane::ServersUp { .. } => {}
                    other => return other,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next)
            .await
            .unwrap()
    }

    async fn event(&mut self) -> String {
        match self.next().await {
            FromDataPlane::Event(event) => format!("{} {}", event.subject, event.message),
            other => panic!("{other:?}"),
        }
    }

    async fn ready(&mut self) {
        let generation = self.generation;
        assert_eq!(self.next().await, FromDataPlane::Ready { generation });
    }

    async fn admin_api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let stream = UnixStream::connect(self.admin()).await.unwrap();
        talk(stream, method, path, body).await
    }

    async fn stop(mut self) {
        self.send(&ToDataPlane::Stop).await;
        let end = tokio::time::timeout(Duration::from_secs(10), &mut self.data_plane).await;
        end.unwrap().unwrap().unwrap();
        assert!(!self.admin().exists(), "the socket's file is left behind");
    }
}

async fn talk<S>(mut stream: S, method: &str, path: &str, body: &str) -> (u16, String)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// An app server that answers every request with its name.
async fn app(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let length = name.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{name}");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn file(bind: SocketAddr, servers: &[SocketAddr], balance: &str) -> String {
    let mut text = format!(
        r#"
[[node]]
name = "lb1"
address = "10.77.0.11/24"
[[listener]]
name = "web"
bind = ["{bind}"]
protocol = "http"
pool = "app"
[data_plane]
workers = 1
drain_timeout = "1s"
[[pool]]
name = "app"
balance = "{balance}"
health = {{ check = "http", path = "/", interval = "1s", timeout = "1s", rise = 1, fall = 2 }}
"#
    );
    for (index, address) in servers.iter().enumerate() {
        text.push_str(&format!(
            "[[pool.server]]\nname = \"app{index}\"\naddress = \"{address}\"\n"
        ));
    }
    text
}

async fn get(listener: SocketAddr) -> (u16, String) {
    let stream = TcpStream::connect(listener).await.unwrap();
    talk(stream, "GET", "/", "").await
}

fn status() -> AgentStatus {
    AgentStatus {
        cluster: "edge".into(),
        node: "lb1".into(),
        version: "0.1.0".into(),
        pid: 1,
        started: 0,
        config_generation: 1,
        data_plane: ProcessStatus {
            state: ProcessState::Ready,
            pid: None,
            restarts: 0,
            since: 0,
        },
        vips: vec![],
        peers: vec![],
        trackers: Vec::new(),
        discarded: Default::default(),
        peer_discarded: Default::default(),
        duty: halo_api::AdminState::Ready,
        paused: false,
        timers: Default::default(),
        warnings: vec!["from the agent".into()],
    }
}

#[tokio::test]
async fn it_is_ready_after_the_first_checks_and_serves_what_is_up() {
    let (listener, up, down) = (nobody().await, app("one").await, nobody().await);
    let mut agent = Agent::start().await;
    agent
        .offer(&file(listener, &[up, down], "round_robin"))
        .await;
    let mut events = [agent.event().await, agent.event().await];
    events.sort();
    assert!(
        events[0].starts_with("app/app0 up: status 200 in"),
        "{events:?}"
    );
    assert!(
        events[1].starts_with("app/app1 down: connect to"),
        "{events:?}"
    );
    agent.ready().await;
    for _ in 0..4 {
        assert_eq!(get(listener).await, (200, "one".into()));
    }
    assert_eq!(agent.admin_api("GET", "/readyz", "").await.0, 200);

    let (code, _) = agent.admin_api("GET", "/v1/status", "").await;
    assert_eq!(code, 503, "the agent has not spoken");
    agent.send(&ToDataPlane::Agent(Box::new(status()))).await;
    let body = loop {
        let (code, body) = agent.admin_api("GET", "/v1/status", "").await;
        if code == 200 {
            break body;
        }
    };
    let status: halo_api::Status = serde_json::from_str(&body).unwrap();
    assert_eq!(
        status.agent.warnings,
        ["from the agent", "pool app: 1 of 2 servers down"]
    );
    let data_plane = status.data_plane.unwrap();
    assert_eq!(data_plane.listeners[0].requests_total, 4);
    assert_eq!(data_plane.pools[0].servers[0].total, 4);
    let metrics = agent.admin_api("GET", "/metrics", "").await.1;
    assert!(metrics.contains("halo_server_up{pool=\"app\",server=\"app1\"} 0"));
    agent.stop().await;
}

#[tokio::test]
async fn servers_that_do_not_answer_keep_it_from_readiness_for_a_second_at_most() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = [silent.local_addr().unwrap()];
    let text = file(nobody().await, &servers, "round_robin").replace(
        "interval = \"1s\", timeout = \"1s\"",
        "interval = \"30s\", timeout = \"30s\"",
    );
    let mut agent = Agent::start().await;
    let began = std::time::Instant::now();
    agent.offer(&text).await;
    agent.ready().await;
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    agent.stop().await;
}

#[tokio::test]
async fn operators_take_servers_out_and_put_them_back() {
    let listener = nobody().await;
    let servers = [app("one").await, app("two").await];
    let mut agent = Agent::start().await;
    agent
        .offer(&file(listener, &servers, "weighted_round_robin"))
        .await;
    agent.event().await;
    agent.event().await;
    agent.ready().await;

    let drain = "{\"type\":\"admin\",\"state\":\"drain\"}";
    let path = "/v1/pools/app/servers/app0";
    assert_eq!(agent.admin_api("POST", path, drain).await.0, 200);
    assert_eq!(
        agent.event().await,
        "app/app0 draining, up: drained by the operator"
    );
    for _ in 0..4 {
        assert_eq!(get(listener).await.1, "two");
    }
    let ready = "{\"type\":\"admin\",\"state\":\"ready\"}";
    assert_eq!(agent.admin_api("POST", path, ready).await.0, 200);
    agent.event().await;
    let weight = "{\"type\":\"weight\",\"weight\":0}";
    let two = "/v1/pools/app/servers/app1";
    assert_eq!(agent.admin_api("POST", two, weight).await.0, 200);
    agent.event().await;
    for _ in 0..4 {
        assert_eq!(get(listener).await.1, "one");
    }
    let (code, why) = agent
        .admin_api("POST", "/v1/pools/app/servers/app9", ready)
        .await;
    assert_eq!(code, 404, "{why}");
    agent.stop().await;
}

#[tokio::test]
async fn a_weight_is_refused_where_the_pool_knows_none() {
    let mut agent = Agent::start().await;
    let servers = [app("one").await];
    agent
        .offer(&file(nobody().await, &servers, "round_robin"))
        .await;
    agent.event().await;
    agent.ready().await;
    let weight = "{\"type\":\"weight\",\"weight\":5}";
    let (code, why) = agent
        .admin_api("POST", "/v1/pools/app/servers/app0", weight)
        .await;
    assert_eq!(code, 409);
    assert!(why.contains("weighted_round_robin"), "{why}");
    agent.stop().await;
}

#[tokio::test]
async fn a_reload_is_applied_whole_or_refused_whole() {
    let (first, second) = (nobody().await, nobody().await);
    let server = app("one").await;
    let mut agent = Agent::start().await;
    agent.offer(&file(first, &[server], "round_robin")).await;
    agent.event().await;
    agent.ready().await;

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    agent
        .offer(&file(taken.local_addr().unwrap(), &[server], "round_robin"))
        .await;
    match agent.next().await {
        FromDataPlane::Refused { generation, error } => {
            assert_eq!(generation, 2);
            assert!(error.contains("listener web"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(get(first).await.0, 200, "the old configuration is in force");

    let more_workers = file(first, &[server], "round_robin").replace("workers = 1", "workers = 2");
    agent.offer(&more_workers).await;
    let refused = agent.next().await;
    assert!(
        matches!(refused, FromDataPlane::Refused { .. }),
        "{refused:?}"
    );

    agent.offer(&file(second, &[server], "round_robin")).await;
    agent.ready().await;
    assert_eq!(
        get(second).await,
        (200, "one".into()),
        "known to be up at once"
    );
    let (_, text) = agent.admin_api("GET", "/v1/config", "").await;
    assert!(text.contains(&second.to_string()), "{text}");
    agent.stop().await;
}

#[tokio::test]
async fn a_first_configuration_that_cannot_be_applied_ends_the_process() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut agent = Agent::start().await;
    agent
        .offer(&file(
            taken.local_addr().unwrap(),
            &[nobody().await],
            "round_robin",
        ))
        .await;
    let refused = agent.next().await;
    assert!(
        matches!(refused, FromDataPlane::Refused { .. }),
        "{refused:?}"
    );
    assert!(agent.data_plane.await.unwrap().is_err());
}

#[tokio::test]
async fn what_the_agent_has_to_do_is_passed_on_and_its_answer_back() {
    let mut agent = Agent::start().await;
    let servers = [app("one").await];
    agent
        .offer(&file(nobody().await, &servers, "round_robin"))
        .await;
    agent.event().await;
    agent.ready().await;
    let admin = agent.admin();
    let client = tokio::spawn(async move {
        let stream = UnixStream::connect(admin).await.unwrap();
        talk(
            stream,
            "POST",
            "/v1/failover",
            "{\"vip\":\"web\",\"to\":\"lb2\"}",
        )
        .await
    });
    let id = match agent.next().await {
        FromDataPlane::Request { id, request } => {
            let expected = AgentRequest::Failover {
                dry_run: false,
                vip: Some("web".into()),
                to: Some("lb2".into()),
            };
            assert_eq!(request, expected);
            id
        }
        other => panic!("{other:?}"),
    };
    let reply = AgentReply::Refused {
        reason: "lb2 is not heard of".into(),
    };
    agent.send(&ToDataPlane::Reply { id, reply }).await;
    let (code, body) = client.await.unwrap();
    assert_eq!(
        (code, body.as_str()),
        (409, "{\"message\":\"lb2 is not heard of\"}\n")
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_stop_lets_requests_finish() {
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (listener, server) = (nobody().await, slow.local_addr().unwrap());
    let text = file(listener, &[server], "round_robin")
        .replace("check = \"http\", path = \"/\"", "check = \"tcp\"");
    let mut agent = Agent::start().await;
    agent.offer(&text).await;
    agent.event().await;
    agent.ready().await;
    let client = tokio::spawn(get(listener));
    // Checks connect too, and say nothing.
    let mut stream = loop {
        let (mut stream, _) = slow.accept().await.unwrap();
        let mut buffer = [0; 4096];
        if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
            break stream;
        }
    };
    agent.send(&ToDataPlane::Stop).await;
    while agent.admin_api("GET", "/readyz", "").await.0 == 200 {}
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
        .await
        .unwrap();
    assert_eq!(client.await.unwrap(), (200, "late".into()));
    agent.data_plane.await.unwrap().unwrap();
}
