//! A configuration to start from, servers to proxy to, and a client.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use halo_config::{Config, Listener, Pool, Route};
use halo_proxy::{Proxy, Workers};
use socket2::{Domain, Socket, Type};

/// Longer than anything here may take, so that a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A port that nobody else gets, and that the proxy can bind.
pub(crate) struct Lease {
    pub(crate) address: SocketAddr,
    _socket: Socket,
}

pub(crate) fn lease() -> Lease {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    Lease {
        address: socket.local_addr().unwrap().as_socket().unwrap(),
        _socket: socket,
    }
}

/// A running proxy with one listener named `main`.
pub(crate) struct Bench {
    pub(crate) proxy: Proxy,
    pub(crate) config: Config,
    pub(crate) address: SocketAddr,
    _lease: Lease,
}

impl Bench {
    /// An HTTP listener before one pool named `app`, its servers named `s0`, `s1`...
    pub(crate) fn http(servers: &[SocketAddr]) -> Self {
        Self::with(servers, |_| {})
    }

    /// The same, with the configuration changed before it is applied.
    pub(crate) fn with(servers: &[SocketAddr], change: impl FnOnce(&mut Config)) -> Self {
        let lease = lease();
        let mut config = config();
        config
            .listeners
            .push(Arc::new(listener("main", lease.address, "app")));
        config.pools.push(Arc::new(pool("app", servers)));
        change(&mut config);
        let proxy = start(2);
        proxy.apply(&config, 1).unwrap();
        Self {
            proxy,
            config,
            address: lease.address,
            _lease: lease,
        }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.connect().get(path)
    }

    pub(crate) fn server_counters(&self, index: usize) -> halo_proxy::ServerCounters {
        self.proxy.counters().pools[0].servers[index].clone()
    }
}

pub(crate) fn start(workers: usize) -> Proxy {
    Proxy::start(&Workers {
        count: Some(workers),
        pin: true,
        cores: None,
        node: "lb1".to_owned(),
    })
    .unwrap()
}

pub(crate) fn change_listener(config: &mut Config, change: impl FnOnce(&mut Listener)) {
    change(Arc::make_mut(&mut config.listeners[0]));
}

pub(crate) fn change_pool(config: &mut Config, change: impl FnOnce(&mut Pool)) {
    change(Arc::make_mut(&mut config.pools[0]));
}

/// What a file says, with defaults for what it does not say.
fn parsed(text: &str) -> Config {
    let node = "[[node]]\nname = \"lb1\"\naddress = \"192.0.2.11/24\"\n";
    match halo_config::parse("test", &format!("{node}{text}"), "lb1") {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

pub(crate) fn config() -> Config {
    let mut config = parsed("");
    config.data_plane.drain_timeout = PATIENCE;
    config
}

pub(crate) fn listener(name: &str, address: SocketAddr, pool: &str) -> Listener {
    let mut config = parsed(&format!(
        "[[listener]]\nname = \"{name}\"\nbind = [\"{address}\"]\npool = \"{pool}\"\n\
         max_connections = 1000\nmax_body_bytes = 0\n\
         [[pool]]\nname = \"{pool}\"\n[[pool.server]]\naddress = \"127.0.0.1:1\"\n"
    ));
    let mut listener = Arc::unwrap_or_clone(config.listeners.remove(0));
    listener.timeouts.first_byte = PATIENCE;
    listener.timeouts.header = PATIENCE;
    listener.timeouts.idle = PATIENCE;
    listener.timeouts.keep_alive = PATIENCE;
    listener
}

pub(crate) fn pool(name: &str, servers: &[SocketAddr]) -> Pool {
    let mut text = format!("[[pool]]\nname = \"{name}\"\nretries = 2\n");
    for (i, address) in servers.iter().enumerate() {
        let server = format!("[[pool.server]]\nname = \"s{i}\"\naddress = \"{address}\"\n");
        text.push_str(&server);
    }
    let mut pool = Arc::unwrap_or_clone(parsed(&text).pools.remove(0));
    pool.health = None;
    pool.timeouts.connect = PATIENCE;
    pool.timeouts.response = PATIENCE;
    pool.timeouts.idle = PATIENCE;
    pool
}

pub(crate) fn route(host: Option<halo_config::HostMatch>, path: &str, pool: &str) -> Route {
    Route {
        listener: 0,
        host,
        path_prefix: path.to_owned(),
        pool: pool.to_owned(),
        websocket: true,
    }
}

/// A server: each connection is handled by a function on a thread of its own.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl TestServer {
    pub(crate) fn start(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, handle) = (connections.clone(), Arc::new(handle));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let handle = handle.clone();
                thread::spawn(move || handle(stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// Answers every request by its own name and what it got.
    pub(crate) fn echo(name: &'static str) -> Self {
        Self::http(move |request| {
            let body = format!("{name}\n{}", request.text());
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nServer: {name}\r\n\r\n{body}",
                body.len()
            )
        })
    }

    /// Answers each request of a keep-alive connection by what a function says.
    pub(crate) fn http(answer: impl Fn(&Message) -> String + Send + Sync + 'static) -> Self {
        Self::start(move |stream| {
            let mut out = stream.try_clone().unwrap();
            let mut reader = BufReader::new(stream);
            while let Some(request) = Message::read(&mut reader, false) {
                if out.write_all(answer(&request).as_bytes()).is_err() {
                    return;
                }
            }
        })
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// An address that refuses connections, as long as the lease lives.
pub(crate) fn refusing() -> Lease {
    lease()
}

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) first_line: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads one message; `None` at the end of the connection. `no_body`: the answer to a HEAD.
    pub(crate) fn read(reader: &mut impl BufRead, no_body: bool) -> Option<Self> {
        let mut message = Self::read_head(reader)?;
        if no_body {
            return Some(message);
        }
        if let Some(length) = message.field("content-length") {
            message.body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut message.body).ok()?;
        } else if message.field("transfer-encoding").is_some() {
            message.body = read_chunked(reader)?;
        }
        Some(message)
    }

    pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let first_line = lines.remove(0);
        let fields = lines
            .iter()
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        Some(Self {
            first_line,
            fields,
            body: Vec::new(),
        })
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    /// The head as text, names in lower case.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.first_line);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&String::from_utf8_lossy(&self.body));
        text
    }

    pub(crate) fn status(&self) -> u16 {
        self.first_line[9..12].parse().unwrap()
    }

    pub(crate) fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first line of the body: an echo server's name.
    pub(crate) fn server(&self) -> String {
        self.body_text().lines().next().unwrap_or("").to_owned()
    }
}

pub(crate) type Response = Message;

fn read_chunked(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        if size == 0 {
            // Trailers, to the empty line.
            while !line.trim_end().is_empty() {
                line.clear();
                reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
            }
            return Some(body);
        }
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..size]);
    }
}

/// A client connection.
pub(crate) struct Client {
    pub(crate) reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Response {
        Message::read(&mut self.reader, false).expect("a response")
    }

    pub(crate) fn ask(&mut self, text: &str) -> Response {
        self.send(text);
        self.receive()
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// Whether the other side has closed; waits for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Ok(n) => n == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::yield_now();
    }
}

/// How often each server answered.
pub(crate) fn tally(answers: impl IntoIterator<Item = String>) -> HashMap<String, usize> {
    let mut tally = HashMap::new();
    for server in answers {
        *tally.entry(server).or_default() += 1;
    }
    tally
}
