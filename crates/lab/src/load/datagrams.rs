//! DNS queries over UDP.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::LoadReport;

/// A query that is not answered by then is lost.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Looks for lost queries this often (in milliseconds).
const TICK_MS: u16 = 10;

/// A query for the address of `bench.example`, without its first two bytes, which are its number.
const QUERY: &[u8] =
    b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05bench\x07example\x00\x00\x01\x00\x01";

/// Queries, one at a time from each of some sockets.
#[derive(Debug, Clone)]
pub struct DnsLoad {
    /// Who is asked.
    pub target: SocketAddr,
    /// How many ask at a time.
    pub sockets: usize,
    /// For how long.
    pub duration: Duration,
}

struct Asker {
    socket: UdpSocket,
    number: u16,
    sent: Instant,
}

impl DnsLoad {
    /// Does it, in the calling thread.
    ///
    /// # Errors
    /// When the system gives no sockets.
    pub fn run(&self) -> io::Result<LoadReport> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut report = LoadReport::default();
        let start = Instant::now();
        let mut askers = Vec::new();
        for at in 0..self.sockets {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.connect(self.target)?;
            socket.set_nonblocking(true)?;
            epoll.add(
                socket.as_fd(),
                EpollEvent::new(EpollFlags::EPOLLIN, at as u64),
            )?;
            let number = at as u16;
            askers.push(Asker {
                socket,
                number,
                sent: start,
            });
        }
        for asker in &mut askers {
            asker.ask()?;
        }
        let mut events = [EpollEvent::empty(); 256];
        let mut looked = start;
        while start.elapsed() < self.duration {
            let ready = match epoll.wait(&mut events, TICK_MS) {
                Err(nix::errno::Errno::EINTR) => 0,
                other => other?,
            };
            for event in &events[..ready] {
                askers[event.data() as usize].take(&mut report)?;
            }
            let now = Instant::now();
            if now > looked + Duration::from_millis(TICK_MS.into()) {
                looked = now;
                for asker in askers.iter_mut().filter(|asker| now > asker.sent + TIMEOUT) {
                    report.errors += 1;
                    asker.ask()?;
                }
            }
        }
        report.elapsed = start.elapsed();
        Ok(report)
    }
}

impl Asker {
    fn ask(&mut self) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        let mut query = [0; 2 + QUERY.len()];
        query[..2].copy_from_slice(&self.number.to_be_bytes());
        query[2..].copy_from_slice(QUERY);
        self.sent = Instant::now();
        match self.socket.send(&query) {
            // Nobody listened to the last one: it is lost, and so will this be.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            sent => sent.map(drop),
        }
    }

    fn take(&mut self, report: &mut LoadReport) -> io::Result<()> {
        let mut answer = [0; 512];
        match self.socket.recv(&mut answer) {
            // An answer to a query that was given up is not one to this.
            Ok(length) if length > 12 && answer[..2] == self.number.to_be_bytes() => {
                report.exchanges += 1;
                report.latency.record(self.sent.elapsed());
                self.ask()
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
        }
    }
}
