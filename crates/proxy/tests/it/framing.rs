//! Every framing and smuggling case of `halo-http1`, against the running proxy: raw bytes from a
//! client, and from a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use halo_http1::Asked;

use crate::support::{Bench, Client, Message, TestServer, eventually};
use crate::{chunks, requests, responses};

/// What it is, the bytes, and the codec's answer.
pub(crate) type Case = (&'static str, &'static str, &'static str);

pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) cases: &'static [Case],
}

pub(crate) struct ResponseGroup {
    pub(crate) title: &'static str,
    pub(crate) asked: Asked,
    pub(crate) cases: &'static [Case],
}

/// What a client gets, by the codec's answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    /// Whether each request that reaches a server whole is a HEAD.
    served: Vec<bool>,
    /// The status that ends the connection.
    refused: Option<u16>,
    /// Whether the last response ends the connection.
    closes: bool,
}

impl Expected {
    fn of(answer: &str) -> Self {
        let mut expected = Self::default();
        // A request whose body is not all there.
        let mut open = None;
        for part in answer.split(" | ") {
            if let Some(status) = part.get(..3).and_then(|code| code.parse().ok()) {
                expected.refused = Some(match (status, &part[4..]) {
                    // It says what is allowed.
                    (501, "connect") => 405,
                    (status, _) => status,
                });
            } else if part.starts_with("body passes") {
                expected.served.extend(open.take());
            } else if !part.starts_with("wait") {
                let is_head = part.starts_with("HEAD ");
                expected.closes = part.ends_with(" close") || part.contains(" close ");
                if part.starts_with("TRACE ") {
                    expected.refused = Some(405);
                } else if part.contains(" chunked") || is_of_length(part) {
                    open = Some(is_head);
                } else {
                    expected.served.push(is_head);
                }
            }
        }
        expected
    }
}

/// Whether the request has a body of a length other than 0.
fn is_of_length(part: &str) -> bool {
    part.contains(" length ") && !part.contains(" length 0")
}

/// Reads requests as a server does that trusts its proxy, and keeps count of them.
fn counting() -> (TestServer, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let server = TestServer::http(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    (server, count)
}

fn check_request(bench: &Bench, count: &AtomicUsize, case: &Case, cut: usize) -> Option<String> {
    let (_, input, answer) = *case;
    let expected = Expected::of(answer);
    let before = count.load(Ordering::SeqCst);
    let mut client = bench.connect();
    let (first, rest) = input.as_bytes().split_at(cut);
    for piece in [first, rest] {
        // One that was refused already may be closed.
        let _closed = client.reader.get_mut().write_all(piece);
    }
    for (i, is_head) in expected.served.iter().enumerate() {
        match Message::read(&mut client.reader, *is_head).map(|m| m.status()) {
            Some(200) => {}
            other => return Some(format!("response {i} is {other:?}")),
        }
    }
    if let Some(refused) = expected.refused {
        match Message::read(&mut client.reader, answer.starts_with("HEAD ")) {
            Some(m) if m.status() == refused => {}
            other => return Some(format!("{refused} expected, got {other:?}")),
        }
    }
    let ends = expected.refused.is_some_and(|status| status != 405) || expected.closes;
    if ends && !client.is_closed() {
        return Some("the connection goes on".to_owned());
    }
    let seen = count.load(Ordering::SeqCst) - before;
    (seen != expected.served.len()).then(|| format!("the server saw {seen} requests"))
}

#[test]
fn every_request_of_the_table_gets_its_answer_and_no_server_sees_what_is_refused() {
    let (server, count) = counting();
    let bench = Bench::http(&[server.address]);
    let mut wrong = Vec::new();
    let mut checked = 0;
    for group in requests::GROUPS.iter().chain(chunks::GROUPS) {
        for case in group.cases {
            for cut in [case.1.len(), case.1.len() / 2] {
                checked += 1;
                if let Some(why) = check_request(&bench, &count, case, cut) {
                    wrong.push(format!("{}: {} cut at {cut}: {why}", group.title, case.0));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 300, "{checked} checks");
}

/// Sends bytes in answer to a request, and closes.
fn saying() -> (TestServer, Arc<Mutex<Vec<u8>>>) {
    let says = Arc::new(Mutex::new(Vec::new()));
    let said = says.clone();
    let server = TestServer::start(move |stream| {
        let mut out = stream.try_clone().unwrap();
        if Message::read_head(&mut BufReader::new(stream)).is_some() {
            let said = said.lock().unwrap().clone();
            // The proxy may have had enough of it.
            let _closed = out.write_all(&said);
        }
    });
    (server, says)
}

fn request_for(asked: Asked) -> &'static str {
    match (asked.head, asked.websocket) {
        (true, _) => "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        (false, true) => {
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        }
        (false, false) => "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    }
}

/// Reads heads until a final one; `None` at the end of the connection. Heads may hold any byte.
fn final_status(client: &mut Client) -> Option<u16> {
    loop {
        let mut status = None;
        loop {
            let mut line = Vec::new();
            client.reader.read_until(b'\n', &mut line).ok()?;
            match (line.trim_ascii_end(), status) {
                (b"", None) => return None,
                (b"", Some(status)) if status >= 200 || status == 101 => return Some(status),
                (b"", Some(_)) => break,
                (line, None) => status = str::from_utf8(&line[9..12]).ok()?.parse().ok(),
                (_, Some(_)) => {}
            }
        }
    }
}

fn check_response(bench: &Bench, asked: Asked, answer: &str) -> Option<String> {
    let parts: Vec<&str> = answer.split(" | ").collect();
    let is_interim = |part: &&&str| part.ends_with(" interim");
    let want: u16 = parts.iter().find(|p| !is_interim(p))?[..3].parse().ok()?;
    let breaks = want != 502 && parts.iter().any(|part| part.starts_with("502 "));
    let mut client = bench.connect();
    client.send(request_for(asked));
    let got = final_status(&mut client);
    if breaks && got == Some(502) {
        // It was wrong before anything of it was told.
        return None;
    }
    if got != Some(want) {
        return Some(format!("{want} expected, got {got:?}"));
    }
    if breaks {
        // Whatever came of the body, it must not end like a whole one.
        let mut body = Vec::new();
        let end = client.reader.read_to_end(&mut body);
        let whole = end.is_ok() && body.ends_with(b"0\r\n\r\n");
        return whole.then(|| "a broken body was made to look whole".to_owned());
    }
    None
}

#[test]
fn every_response_of_the_table_reaches_the_client_as_it_should_or_is_502() {
    let (server, says) = saying();
    let bench = Bench::http(&[server.address]);
    let mut wrong = Vec::new();
    let mut checked = 0;
    for group in responses::GROUPS {
        for (name, bytes, answer) in group.cases {
            *says.lock().unwrap() = bytes.as_bytes().to_vec();
            checked += 1;
            if let Some(why) = check_response(&bench, group.asked, answer) {
                wrong.push(format!("{}: {name} ({answer}): {why}", group.title));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 60, "{checked} checks");
}

#[test]
fn bytes_behind_a_response_are_given_to_nobody() {
    // A second response that nobody asked for waits on the server's connection.
    let server = TestServer::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while Message::read(&mut reader, false).is_some() {
            let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
            let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
            if out.write_all(format!("{good}{evil}").as_bytes()).is_err() {
                return;
            }
        }
    });
    let bench = Bench::http(&[server.address]);
    let mut client = bench.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/").body_text(), "good");
    }
    eventually("no connection is kept", || server.connections() == 10);
    // The same for what comes later than the response.
    let mut rest = String::new();
    client
        .reader
        .get_mut()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    client.reader.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}
