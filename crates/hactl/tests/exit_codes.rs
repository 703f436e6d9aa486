//! What scripts rely on: exit codes, and who is asked when the data plane is silent.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test file: clippy exempts only the test functions in it, not their helpers"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// Runs hactl against the sockets in `directory`.
fn hactl(directory: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hactl"))
        .args(arguments.split(' '))
        .env_clear()
        .env("HALO_SOCKET_DIR", directory)
        .env("HALO_NODE", "not-a-node")
        .output()
        .unwrap()
}

fn check(output: &Output, code: i32, part: &str) {
    let all = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{all}");
    assert!(all.contains(part), "expected {part:?} in: {all}");
}

/// Reads one request: its first line, the bearer token if any, and the body.
fn read_request(stream: impl Read) -> String {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => token = format!(" [{value}]"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let first = first.trim_end().trim_end_matches(" HTTP/1.1");
    format!("{first}{token} {}", String::from_utf8(body).unwrap())
        .trim_end()
        .to_owned()
}

fn answer(mut stream: impl Write, status: u16, body: &str) {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
}

/// A data plane that answers everything alike, and the requests that it got.
fn data_plane(directory: &Path, status: u16, body: &'static str) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(directory.join("halo.sock")).unwrap();
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            seen.lock().unwrap().push(read_request(&stream));
            answer(&stream, status, body);
        }
    });
    requests
}

/// An agent that answers everything alike, and the requests that it got.
fn agent(directory: &Path, reply: String) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(directory.join("agent.sock")).unwrap();
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            seen.lock().unwrap().push(line.trim_end().to_owned());
            writeln!(stream, "{reply}").unwrap();
        }
    });
    requests
}

const DONE: &str = "{\"message\":\"it is done\"}";
const AGENT: &str = r#"{"cluster":"edge","node":"lb1","version":"0.1.0","pid":1,"started":0,
"config_generation":1,"data_plane":{"state":"STATE","pid":null,"restarts":3,"since":0},"vips":[
{"name":"web","vrid":51,"addresses":["10.77.0.100/24"],"interface":"eth0","state":"active",
"holder":"lb1","since":0,"why":"because","priority":200,"effective_priority":200,
"advert_interval_ms":100,"adverts_sent":0,"adverts_received":0,"adverts_discarded":0,
"gratuitous_arps_sent":0,"became_active":1}],"peers":[],"warnings":[]}"#;

/// The agent's status on one line.
fn agent_status(state: &str) -> String {
    AGENT.replace("STATE", state).replace('\n', "")
}

#[test]
fn an_answer_of_the_data_plane_decides_the_exit_code() {
    let why = "{\"message\":\"this is why\"}";
    let table = [
        (200, DONE, "failover web", 0, "it is done"),
        (200, DONE, "config reload", 0, "it is done"),
        (200, DONE, "server drain app/app1", 0, "it is done"),
        (
            200,
            DONE,
            "-o json failover",
            0,
            "\"message\": \"it is done\"",
        ),
        (200, "[cluster]\n", "config show", 0, "[cluster]"),
        (200, "[]", "events", 0, ""),
        (200, "nonsense", "status", 1, "same version"),
        (500, why, "failover web", 1, "this is why"),
        (404, why, "server ready app/app9", 1, "this is why"),
        (409, why, "failover web", 4, "this is why"),
        (401, why, "status", 4, "this is why"),
        (503, why, "config show", 3, "this is why"),
        (504, why, "failover web", 5, "this is why"),
    ];
    for (status, body, arguments, code, part) in table {
        let directory = tempfile::tempdir().unwrap();
        data_plane(directory.path(), status, body);
        check(&hactl(directory.path(), arguments), code, part);
    }
}

#[test]
fn commands_become_the_requests_that_the_api_documents() {
    let table = [
        (
            "failover web --to lb2",
            r#"POST /v1/failover {"vip":"web","to":"lb2"}"#,
        ),
        ("failover", r#"POST /v1/failover {"vip":null,"to":null}"#),
        (
            "failover web --dry-run",
            r#"POST /v1/failover {"vip":"web","to":null,"dry_run":true}"#,
        ),
        (
            "failback web",
            r#"POST /v1/node {"command":"failback","vip":"web"}"#,
        ),
        (
            "node drain",
            r#"POST /v1/node {"command":"duty","duty":"drain"}"#,
        ),
        (
            "pause",
            r#"POST /v1/node {"command":"pause","paused":true}"#,
        ),
        (
            "resume",
            r#"POST /v1/node {"command":"pause","paused":false}"#,
        ),
        ("config reload", "POST /v1/config/reload {}"),
        ("config show", "GET /v1/config"),
        ("events", "GET /v1/events?after=0"),
        (
            "server maint app/10.0.0.1:80",
            r#"POST /v1/pools/app/servers/10.0.0.1%3A80 {"type":"admin","state":"maint"}"#,
        ),
        (
            "server weight app/app1 7",
            r#"POST /v1/pools/app/servers/app1 {"type":"weight","weight":7}"#,
        ),
    ];
    for (arguments, request) in table {
        let directory = tempfile::tempdir().unwrap();
        let requests = data_plane(directory.path(), 200, DONE);
        hactl(directory.path(), arguments);
        assert_eq!(*requests.lock().unwrap(), [request], "{arguments}");
    }
}

#[test]
fn the_agent_is_asked_when_the_data_plane_is_silent() {
    let done = r#"{"type":"done","message":"it is done"}"#;
    let refused = r#"{"type":"refused","reason":"this is why"}"#;
    let failed = r#"{"type":"failed","reason":"this is why"}"#;
    let events = r#"{"type":"events","events":[]}"#;
    let table = [
        (
            "failover web",
            done,
            r#"{"type":"failover","vip":"web","to":null}"#,
            0,
            "it is done",
        ),
        (
            "failover web",
            refused,
            r#"{"type":"failover","vip":"web","to":null}"#,
            4,
            "this is why",
        ),
        (
            "node maint",
            done,
            r#"{"type":"node","command":"duty","duty":"maint"}"#,
            0,
            "it is done",
        ),
        (
            "config reload",
            failed,
            r#"{"type":"reload"}"#,
            1,
            "this is why",
        ),
        (
            "config reload",
            done,
            r#"{"type":"reload"}"#,
            0,
            "it is done",
        ),
        ("events", events, r#"{"type":"events","after":0}"#, 0, ""),
        ("status", done, r#"{"type":"status"}"#, 1, "something else"),
    ];
    for (arguments, reply, request, code, part) in table {
        let directory = tempfile::tempdir().unwrap();
        let requests = agent(directory.path(), reply.to_owned());
        check(&hactl(directory.path(), arguments), code, part);
        assert_eq!(*requests.lock().unwrap(), [request], "{arguments}");
    }
}

#[test]
fn status_shows_the_node_while_its_data_plane_is_down_or_starting() {
    for (state, starting) in [("down", false), ("starting", true)] {
        let directory = tempfile::tempdir().unwrap();
        if starting {
            data_plane(
                directory.path(),
                503,
                "{\"message\":\"the node is starting\"}",
            );
        }
        let status = agent_status(state).replacen('{', "{\"type\":\"status\",", 1);
        agent(directory.path(), status);
        let output = hactl(directory.path(), "status");
        check(&output, 0, "web  ACTIVE  lb1");
        check(&output, 0, "serves nobody; this is what the agent knows");
        let json = hactl(directory.path(), "status -o json");
        check(&json, 0, "\"data_plane\": null");
    }
}

#[test]
fn status_asks_the_agent_when_the_data_plane_is_frozen() {
    let directory = tempfile::tempdir().unwrap();
    let _frozen = UnixListener::bind(directory.path().join("halo.sock")).unwrap();
    let status = agent_status("ready").replacen('{', "{\"type\":\"status\",", 1);
    agent(directory.path(), status);
    let output = hactl(directory.path(), "status");
    check(
        &output,
        0,
        "does not answer hactl; this is what the agent knows",
    );
}

#[test]
fn a_command_that_may_have_been_done_is_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    data_plane(directory.path(), 504, "{\"message\":\"no answer\"}");
    let asked = agent(directory.path(), String::new());
    check(&hactl(directory.path(), "failover web"), 5, "no answer");
    check(&hactl(directory.path(), "config reload"), 5, "no answer");
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_node_that_nobody_answers_for_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in ["status", "failover", "events", "config reload"] {
        let output = hactl(directory.path(), arguments);
        check(&output, 3, "Does halod run here?");
    }
    for arguments in ["config show", "server drain app/app1"] {
        check(&hactl(directory.path(), arguments), 3, "halo.sock");
    }
    let output = hactl(directory.path(), "--url http://127.0.0.1:1 status");
    check(&output, 3, "http://127.0.0.1:1");
}

#[test]
fn a_failover_that_does_not_happen_in_time_is_told_from_one_that_was_refused() {
    let directory = tempfile::tempdir().unwrap();
    let status = format!(
        "{{\"agent\":{},\"data_plane\":null,\"message\":\"lb1 gives web up\"}}",
        agent_status("ready")
    );
    data_plane(directory.path(), 200, status.leak());
    let output = hactl(directory.path(), "failover web --wait --timeout 100ms");
    check(&output, 5, "web is still held by lb1");
    // Nothing to wait for: it is held here already.
    let output = hactl(directory.path(), "failover web --to lb1 --wait");
    check(&output, 0, "lb1 gives web up");
}

#[test]
fn wrong_usage_is_told_before_anybody_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        "frobnicate",
        "server drain app",
        "server weight app/app1 300",
        "failover --timeout 5s",
        "--url https://h:1 status",
        "--url http://h:1 --token-file /nonexistent status",
    ] {
        assert_eq!(
            hactl(directory.path(), arguments).status.code(),
            Some(2),
            "{arguments}"
        );
    }
}

#[test]
fn the_token_goes_along_over_tcp() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let request = read_request(&stream);
        answer(&stream, 200, "[]");
        request
    });
    let token = token.display();
    let output = hactl(
        directory.path(),
        &format!("--url http://{address} --token-file {token} events"),
    );
    check(&output, 0, "");
    assert_eq!(
        server.join().unwrap(),
        "GET /v1/events?after=0 [Bearer s3cret]"
    );
}

#[test]
fn config_check_names_every_problem_and_ends_with_1() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("halo.toml");
    let path = file.display().to_string();
    let good = "[[node]]\nname = \"lb1\"\naddress = \"10.77.0.11/24\"\n";
    std::fs::write(&file, good).unwrap();
    let output = hactl(directory.path(), &format!("config check {path}"));
    check(&output, 0, "good, for lb1");
    let output = hactl(directory.path(), &format!("config check {path} --node lb7"));
    check(&output, 1, "lb7");

    std::fs::write(
        &file,
        format!("{good}colour = 1\n[log]\nlevel = \"loud\"\n"),
    )
    .unwrap();
    let output = hactl(directory.path(), &format!("config check {path}"));
    check(&output, 1, &format!("{path}:4:1:"));
    check(&output, 1, "log.level");
    check(&output, 1, "2 problems");
    let output = hactl(directory.path(), &format!("-o json config check {path}"));
    check(&output, 1, "\"good\": false");

    let output = hactl(directory.path(), "config check /nonexistent");
    check(&output, 1, "/nonexistent: No such file");
}

/// Files under `directory`, by name.
fn files(directory: &Path) -> BTreeMap<String, String> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn completions_and_man_pages_in_the_tree_are_those_of_this_command_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    check(&hactl(directory.path(), &format!("man {path}")), 0, "");
    assert!(
        files(directory.path()) == files(&root.join("docs/man")),
        "docs/man is stale: run `cargo run -p hactl -- man docs/man`"
    );
    let scripts = files(&root.join("deploy/completions"));
    for (name, shell) in [
        ("hactl.bash", "bash"),
        ("_hactl", "zsh"),
        ("hactl.fish", "fish"),
    ] {
        let output = hactl(directory.path(), &format!("completions {shell}"));
        let made = String::from_utf8(output.stdout).unwrap();
        assert!(
            scripts.get(name) == Some(&made),
            "deploy/completions/{name} is stale: run `cargo run -p hactl -- completions {shell} > deploy/completions/{name}`"
        );
    }
}
