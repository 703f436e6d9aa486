//! The API over real sockets, with a daemon that answers from memory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::fixture::Fake;
use crate::{AdminError, Limits, Server, Settings};

const TOKEN: &str = "s3cret";

struct Api {
    server: Server,
    fake: Fake,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

async fn api(limits: Limits) -> Api {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("halo.sock");
    let fake = Fake::new();
    let settings = Settings {
        socket: socket.clone(),
        listen: Some("127.0.0.1:0".parse().unwrap()),
        token: Some(TOKEN.into()),
        limits,
    };
    Api {
        server: Server::start(fake.clone(), settings).await.unwrap(),
        fake,
        socket,
        _directory: directory,
    }
}

/// Sends a request and reads the whole answer: status, head, body.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    request: &str,
) -> (u16, String, String) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_string())
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: halo\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

impl Api {
    async fn unix(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (status, _, body) = talk(stream, &request(method, path, "", body)).await;
        (status, body)
    }

    async fn tcp(&self, path: &str, headers: &str) -> (u16, String, String) {
        let stream = TcpStream::connect(self.server.address().unwrap())
            .await
            .unwrap();
        talk(stream, &request("GET", path, headers, "")).await
    }
}

#[tokio::test]
async fn every_endpoint_answers_over_the_unix_socket() {
    let api = api(Limits::default()).await;
    let table = [
        ("GET", "/v1/status", "", 200, "\"cluster\":\"edge\""),
        ("GET", "/v1/events?after=2", "", 200, "[{\"seq\":3,"),
        (
            "GET",
            "/v1/events?after=x",
            "",
            400,
            "not a sequence number",
        ),
        (
            "POST",
            "/v1/failover",
            "{\"vip\":\"web\"}",
            200,
            "gives web up",
        ),
        ("POST", "/v1/failover", "", 200, "gives web up"),
        ("POST", "/v1/failover", "{\"to\":\"lb9\"}", 409, "lb9"),
        ("POST", "/v1/failover", "{\"vpi\":1}", 400, "unknown field"),
        ("POST", "/v1/failover", "{", 400, "cannot be understood"),
        ("GET", "/v1/failover", "", 405, "takes only POST"),
        (
            "POST",
            "/v1/config/reload",
            "",
            504,
            "agent does not answer",
        ),
        ("GET", "/v1/config", "", 200, "[cluster]\n"),
        (
            "POST",
            "/v1/pools/app/servers/app1",
            "{\"type\":\"weight\",\"weight\":5}",
            200,
            "done",
        ),
        (
            "POST",
            "/v1/pools/app/servers/10.0.0.1:80",
            "{\"type\":\"admin\",\"state\":\"drain\"}",
            200,
            "done",
        ),
        (
            "POST",
            "/v1/pools/web/servers/app1",
            "{\"type\":\"weight\",\"weight\":5}",
            404,
            "no pool",
        ),
        ("GET", "/healthz", "", 200, "alive"),
        ("GET", "/readyz", "", 503, "being bound"),
        ("GET", "/active", "", 200, "lb1 holds web"),
        ("GET", "/active?vip=web", "", 200, "lb1 holds web"),
        ("GET", "/active?vip=dns", "", 503, "does not hold dns"),
        ("GET", "/active?vip=nope", "", 404, "`nope`"),
        (
            "GET",
            "/metrics",
            "",
            200,
            "halo_server_checks_total{pool=\"app\",server=\"app1\",result=\"failed\"} 3",
        ),
        ("GET", "/nothing", "", 404, "no such path"),
    ];
    for (method, path, body, status, part) in table {
        let (got, answer) = api.unix(method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert!(answer.contains(part), "{method} {path}: {answer}");
    }
    let asked = api.fake.asked.lock().unwrap().join("; ");
    assert!(asked.contains("app/app1 Weight { weight: 5 }"), "{asked}");
    assert!(
        asked.contains("app/10.0.0.1:80 Admin { state: Drain }"),
        "{asked}"
    );
}

#[tokio::test]
async fn the_tcp_address_asks_for_the_token_but_where_scrapers_look() {
    let api = api(Limits::default()).await;
    for path in ["/v1/status", "/v1/config", "/nothing"] {
        let (status, head, body) = api.tcp(path, "").await;
        assert_eq!(status, 401, "{path}");
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        assert!(body.contains("--token-file"), "{body}");
    }
    for path in ["/healthz", "/active", "/metrics"] {
        assert_eq!(api.tcp(path, "").await.0, 200, "{path}");
    }
    assert_eq!(api.tcp("/readyz", "").await.0, 503);
    let with = "authorization: Bearer s3cret\r\n";
    assert_eq!(api.tcp("/v1/status", with).await.0, 200);
    assert_eq!(api.tcp("/nothing", with).await.0, 404);
    let wrong = "authorization: Bearer s3creT\r\n";
    assert_eq!(api.tcp("/v1/status", wrong).await.0, 401);
}

#[tokio::test]
async fn a_new_token_replaces_the_old_one_at_once() {
    let api = api(Limits::default()).await;
    api.server.set_token(Some("other"));
    assert_eq!(
        api.tcp("/v1/status", "authorization: Bearer s3cret\r\n")
            .await
            .0,
        401
    );
    assert_eq!(
        api.tcp("/v1/status", "authorization: Bearer other\r\n")
            .await
            .0,
        200
    );
    api.server.set_token(None);
    assert_eq!(
        api.tcp("/v1/status", "authorization: Bearer \r\n").await.0,
        401
    );
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let api = api(Limits {
        body: 10,
        ..Limits::default()
    })
    .await;
    let (status, body) = api.unix("POST", "/v1/failover", "{\"vip\":\"web\"}").await;
    assert_eq!(status, 413, "{body}");
}

#[tokio::test]
async fn a_client_that_dawdles_is_hung_up_on() {
    let limits = Limits {
        request_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let api = api(limits).await;
    let mut stream = UnixStream::connect(&api.socket).await.unwrap();
    stream
        .write_all(b"GET /v1/status HTTP/1.1\r\nho")
        .await
        .unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();

    let stream = UnixStream::connect(&api.socket).await.unwrap();
    let half =
        "POST /v1/failover HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{";
    assert_eq!(talk(stream, half).await.0, 408);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_room() {
    let api = api(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let mut first = UnixStream::connect(&api.socket).await.unwrap();
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 1024];
    assert!(first.read(&mut buffer).await.unwrap() > 0);
    let second = api.unix("GET", "/healthz", "");
    tokio::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(
        early.is_err(),
        "the second client was served beside the first"
    );
    drop(first);
    assert_eq!(second.await.0, 200);
}

async fn start(socket: &Path, listen: Option<&str>) -> Result<Server, AdminError> {
    let settings = Settings {
        socket: socket.into(),
        listen: listen.map(|address| address.parse().unwrap()),
        token: None,
        limits: Limits::default(),
    };
    Server::start(Fake::new(), settings).await
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("halo.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let server = start(&socket, None).await.unwrap();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert!(matches!(
        start(&socket, None).await,
        Err(AdminError::InUse { .. })
    ));
    drop(server);
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_tcp_address_without_a_token_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("halo.sock");
    let error = start(&socket, Some("127.0.0.1:0")).await.unwrap_err();
    assert!(error.to_string().contains("admin.token_file"), "{error}");
    let error = start(Path::new("/nonexistent/halo.sock"), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("admin.socket_dir"), "{error}");
}
