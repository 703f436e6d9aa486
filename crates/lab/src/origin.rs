//! The server behind the proxies of a benchmark: one thread, and hardly a cost.
//!
//! It answers what it knows in advance. What a benchmark charges to the machine beside the proxy is
//! then as little as it can be.

mod peer;

use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use halo_netio::netns::NetnsThread;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::{Host, LabError};
use peer::Peer;

/// Where HTTP is spoken: three servers' worth of ports. `/1m` is 1 MB long, `/10k` 10 KB, everything
/// else 100 bytes.
pub const HTTP_PORTS: [u16; 3] = [8081, 8082, 8083];
/// Every 100 bytes are answered by 100 bytes.
pub const ECHO_PORTS: [u16; 3] = [9081, 9082, 9083];
/// Every 100 bytes are answered by 1 MB.
pub const BULK_PORTS: [u16; 3] = [9181, 9182, 9183];
/// DNS over UDP.
pub const DNS_PORTS: [u16; 3] = [5381, 5382, 5383];

/// Length of a question over plain TCP, and of the short answer to it.
pub const SHORT: usize = 100;
/// Length of a long answer.
pub const MEGABYTE: usize = 1_000_000;

/// The end of every HTTP body.
pub(crate) const LAST_BYTES: &[u8] = b"=end";

/// Looks whether it shall stop this often (in milliseconds).
const TICK_MS: u16 = 100;

/// A running server. It stops when dropped.
#[derive(Debug)]
pub struct Origin {
    stop: Arc<AtomicBool>,
    thread: Option<NetnsThread<io::Result<()>>>,
}

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Http,
    Echo,
    Bulk,
}

/// Everything that is ever sent.
struct Answers {
    small: Vec<u8>,
    medium: Vec<u8>,
    /// In a file, which the kernel sends without copying it.
    large: std::fs::File,
    large_length: usize,
    bulk: std::fs::File,
}

impl Origin {
    /// Starts it on `host`, on one core of the machine.
    ///
    /// # Errors
    /// When no thread can be started there.
    pub fn start(host: &Host, core: usize) -> Result<Self, LabError> {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let thread = host.thread(move || {
            crate::usage::pin_thread(core)?;
            run(&theirs)
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Stops.
    ///
    /// # Errors
    /// What ended it before its time.
    pub fn stop(mut self) -> Result<(), LabError> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        let ended = thread.map_or(Ok(()), NetnsThread::join);
        ended.map_err(LabError::io("serve the benchmark"))
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sockets by their descriptor, which is small and soon used again.
struct Server {
    epoll: Epoll,
    answers: Answers,
    listeners: Vec<(TcpListener, Service)>,
    datagrams: Vec<UdpSocket>,
    peers: Vec<Option<Peer>>,
    scratch: Vec<u8>,
}

fn run(stop: &AtomicBool) -> io::Result<()> {
    let mut server = Server::bind()?;
    let mut events = [EpollEvent::empty(); 256];
    while !stop.load(Ordering::Relaxed) {
        let ready = match server.epoll.wait(&mut events, TICK_MS) {
            Err(nix::errno::Errno::EINTR) => 0,
            other => other?,
        };
        for event in &events[..ready] {
            server.handle(event.data() as usize)?;
        }
    }
    Ok(())
}

impl Server {
    fn bind() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let readable = |fd: usize| EpollEvent::new(EpollFlags::EPOLLIN, fd as u64);
        let mut listeners = Vec::new();
        for (ports, service) in [
            (HTTP_PORTS, Service::Http),
            (ECHO_PORTS, Service::Echo),
            (BULK_PORTS, Service::Bulk),
        ] {
            for port in ports {
                let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
                listener.set_nonblocking(true)?;
                epoll.add(listener.as_fd(), readable(listener.as_raw_fd() as usize))?;
                listeners.push((listener, service));
            }
        }
        let mut datagrams = Vec::new();
        for port in DNS_PORTS {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
            socket.set_nonblocking(true)?;
            epoll.add(socket.as_fd(), readable(socket.as_raw_fd() as usize))?;
            datagrams.push(socket);
        }
        Ok(Self {
            epoll,
            answers: Answers::prepare()?,
            listeners,
            datagrams,
            peers: Vec::new(),
            scratch: vec![0; 16 * 1024],
        })
    }

    fn handle(&mut self, fd: usize) -> io::Result<()> {
        if let Some(peer) = self.peers.get_mut(fd).and_then(Option::as_mut) {
            if !peer.serve(&self.answers, &mut self.scratch) {
                self.peers[fd] = None;
            }
            return Ok(());
        }
        let is = |raw: i32| raw as usize == fd;
        if let Some(at) = self.listeners.iter().position(|(l, _)| is(l.as_raw_fd())) {
            return self.accept(at);
        }
        match self.datagrams.iter().find(|socket| is(socket.as_raw_fd())) {
            Some(socket) => answer_queries(socket, &mut self.scratch),
            // Of a peer that an earlier event of this batch ended.
            None => Ok(()),
        }
    }

    fn accept(&mut self, at: usize) -> io::Result<()> {
        loop {
            let (listener, service) = &self.listeners[at];
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Reset while it waited in the queue.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let fd = stream.as_raw_fd() as usize;
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            self.epoll
                .add(stream.as_fd(), EpollEvent::new(events, fd as u64))?;
            if self.peers.len() <= fd {
                self.peers.resize_with(fd + 1, || None);
            }
            self.peers[fd] = Some(Peer::new(stream, *service));
        }
    }
}

impl Answers {
    fn prepare() -> io::Result<Self> {
        let large = response(MEGABYTE);
        let bulk = vec![b'x'; MEGABYTE];
        Ok(Self {
            small: response(SHORT),
            medium: response(10_000),
            large: file(&large)?,
            large_length: large.len(),
            bulk: file(&bulk)?,
        })
    }
}

fn response(length: usize) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Mon, 23 Nov 2026 11:25:37 GMT\r\n\
         Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    text.resize(text.len() + length - LAST_BYTES.len(), b'x');
    text.extend(LAST_BYTES);
    text
}

fn file(bytes: &[u8]) -> io::Result<std::fs::File> {
    let memory = memfd_create(c"answer", MFdFlags::MFD_CLOEXEC)?;
    let mut file = std::fs::File::from(memory);
    file.write_all(bytes)?;
    Ok(file)
}

/// Answers every query with the same address.
fn answer_queries(socket: &UdpSocket, scratch: &mut [u8]) -> io::Result<()> {
    /// A pointer to the name in the question; type A, class IN, a minute, four bytes.
    const RECORD: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x4d\x00\x01";
    loop {
        let (length, client) = match socket.recv_from(&mut scratch[..512]) {
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // What ICMP says of an earlier answer's client.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(error),
        };
        if length < 12 {
            continue;
        }
        scratch[2] |= 0x80; // a response
        scratch[7] = 1; // with one answer
        scratch[length..length + RECORD.len()].copy_from_slice(RECORD);
        match socket.send_to(&scratch[..length + RECORD.len()], client) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}
